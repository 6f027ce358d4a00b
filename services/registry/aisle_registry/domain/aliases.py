"""How an alias moves: a promotion puts a version on top, a rollback takes the top off again.

The history is never changed. Every entry remembers which earlier entry a rollback goes back to, so two rollbacks in a
row walk two promotions back instead of swapping the same two versions.
"""

from dataclasses import dataclass

from aisle_registry.domain.model import Cause
from aisle_registry.errors import NothingToRollBackTo


@dataclass(frozen=True, slots=True)
class AliasChange:
    """One entry of an alias's history."""

    model: str
    alias: str
    sequence: int
    """Counts up from 1 per alias."""
    version: int
    """Version number that the alias points at from then on."""
    previous_version: int
    """Version number that it pointed at before; 0 for the first."""
    cause: Cause
    comment: str
    create_time: float
    rollback_sequence: int
    """Sequence of the entry that a rollback goes back to; 0 when there is none."""


def promoted(
    current: AliasChange | None, model: str, alias: str, version: int, comment: str, now: float
) -> AliasChange:
    """Return the entry that points the alias at `version`."""
    return AliasChange(
        model=model,
        alias=alias,
        sequence=current.sequence + 1 if current else 1,
        version=version,
        previous_version=current.version if current else 0,
        cause=Cause.PROMOTION,
        comment=comment,
        create_time=_after(current, now),
        rollback_sequence=current.sequence if current else 0,
    )


def rolled_back(current: AliasChange, target: AliasChange | None, comment: str, now: float) -> AliasChange:
    """Return the entry that points the alias where `target`, the entry of `current.rollback_sequence`, pointed.

    Raises NothingToRollBackTo without a target.
    """
    if target is None:
        raise NothingToRollBackTo(current.model, current.alias)
    return AliasChange(
        model=current.model,
        alias=current.alias,
        sequence=current.sequence + 1,
        version=target.version,
        previous_version=current.version,
        cause=Cause.ROLLBACK,
        comment=comment,
        create_time=_after(current, now),
        rollback_sequence=target.rollback_sequence,
    )


def _after(current: AliasChange | None, now: float) -> float:
    """Keep the history in order even when the clock is set back."""
    return max(now, current.create_time) if current else now
