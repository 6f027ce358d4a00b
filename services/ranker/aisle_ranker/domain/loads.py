"""Loads: requests to serve another model version, kept until they ended one way or the other."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aisle_ranker.errors import DataLoss


class LoadState(StrEnum):
    """How far a load has come."""

    PENDING = "pending"
    LIVE = "live"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FailureFacts:
    """Why a load failed, as it is stored and told."""

    reason: str
    message: str
    next_step: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """A model version as the registry describes it."""

    name: str
    """`models/{model}/versions/{version}`."""
    bundle_digest: str
    files: Mapping[str, str]
    """SHA-256 by file."""
    sequence: int
    """Position of the alias's move to it in the alias's history, from 1."""

    def check_digest(self) -> None:
        """Raise DataLoss unless the bundle's digest is that of the listed files."""
        lines = sorted(f"{path} {sha256}\n" for path, sha256 in self.files.items())
        if hashlib.sha256("".join(lines).encode()).hexdigest() != self.bundle_digest:
            raise DataLoss(
                "The bundle's digest is not that of its files.",
                reason="ARTIFACT_DIGEST_MISMATCH",
                next_step="Register the model version again.",
                facts={"model_version": self.name},
            )


@dataclass(frozen=True, slots=True)
class Load:
    """One request to serve a version."""

    id: str
    """The event's id, or one made for a start."""
    version: Version
    slip: bytes = b""
    """Serialized RoutingSlip of the pipeline run that asked for it; empty when none did."""
    traceparent: str = ""
    create_time: float = 0.0
    """Seconds since the epoch."""
    state: LoadState = LoadState.PENDING
    failure: FailureFacts | None = None
