"""What governance knows about the deletion of a person."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class ErasureStage(StrEnum):
    """How far an erasure has come; the names are those of the contract's enum without its prefix."""

    REWRITING = "REWRITING"
    WAITING = "WAITING"
    SWEEPING = "SWEEPING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        """Whether the erasure has ended."""
        return self in (ErasureStage.SUCCEEDED, ErasureStage.FAILED)


@dataclass(slots=True)
class ErasedImport:
    """What an import lost."""

    dataset: str
    import_id: str
    accepted_row_count: int
    rejected_row_count: int
    sha256_before: str
    sha256_after: str
    """Empty when the source bytes were deleted."""


@dataclass(slots=True)
class ErasedVersion:
    """What a version lost."""

    dataset: str
    number: int
    row_count: int
    content_hash_before: str
    content_hash_after: str


@dataclass(slots=True)
class ErasureRecord:
    """The receipt, and what is still to be done."""

    imports: list[ErasedImport] = field(default_factory=list)
    versions: list[ErasedVersion] = field(default_factory=list)
    user_event_count: int = 0
    quarantined_row_count: int = 0
    outbox_event_count: int = 0
    manifest: str = ""
    exclusion: int = 0
    """Sequence of the exclusion; work queued with fewer exclusions may bring the person back."""
    waiting_for: list[str] = field(default_factory=list)
    """Jobs that had begun before and have not ended."""
    old_artifacts: list[str] = field(default_factory=list)
    """Digests of files that are to be deleted."""
    old_folders: list[str] = field(default_factory=list)
    """Folders of tables that are to be deleted."""
    switch_time: float = 0.0
    """When new files last took the place of old ones; work that began before may have read the old ones."""
    round: int = 1
    failure: dict[str, Any] | None = None
    holders: list[str] = field(default_factory=list)
    """Services that hold copies, and the bus; each has to say that nothing is left there."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ErasureRecord":
        """Back from plain data; unknown keys of a newer release are ignored."""
        known = {key: value for key, value in data.items() if key in cls.__dataclass_fields__}
        known["imports"] = [ErasedImport(**part) for part in data.get("imports", [])]
        known["versions"] = [ErasedVersion(**part) for part in data.get("versions", [])]
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that holds something of a person."""

    kind: str
    resource: str
    row_count: int
    row_ids: tuple[str, ...]
    """Some of the rows."""


@dataclass(frozen=True, slots=True)
class HolderAnswer:
    """What one holder of copies said last."""

    holder: str
    is_done: bool
    counts: dict[str, int] = field(default_factory=dict)
    model_versions: tuple[str, ...] = ()
    failure: dict[str, Any] | None = None
    time: float = 0.0


@dataclass(slots=True)
class Erasure:
    """The deletion of one person, known by a keyed hash."""

    id: str
    subject: str
    create_time: float
    sequence: int = 0
    stage: ErasureStage = ErasureStage.REWRITING
    job: str = ""
    """The newest of its jobs."""
    record: ErasureRecord = field(default_factory=ErasureRecord)
    revision: int = 1
    end_time: float | None = None
    answers: dict[str, HolderAnswer] = field(default_factory=dict)
    """By holder."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing of the person is left anywhere."""
        return self.stage == ErasureStage.SUCCEEDED and not self.missing

    @property
    def missing(self) -> list[str]:
        """Holders that have not said that they are done."""
        return [one for one in self.record.holders if one not in self.answers or not self.answers[one].is_done]

    @property
    def model_versions(self) -> list[str]:
        """Model versions trained on the person's rows, as far as holders have told."""
        return sorted({name for answer in self.answers.values() for name in answer.model_versions})

    @property
    def name(self) -> str:
        """`erasures/{erasure}`."""
        return f"erasures/{self.id}"
