"""Loads and the live model in the database."""

import json
from collections.abc import Iterable

from sqlalchemy import Connection, Row, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from aisle_ranker.domain.loads import FailureFacts, Load, LoadState, Version
from aisle_ranker.storage.tables import loads, serving

LIVE, PREVIOUS = "live", "previous"


def add_load(conn: Connection, load: Load) -> None:
    """Store a load; one with the same id stays as it is."""
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    conn.execute(
        dialect.insert(loads)
        .values(
            id=load.id,
            state=load.state.value,
            **_version_values(load.version),
            slip=load.slip,
            traceparent=load.traceparent,
            create_time=load.create_time,
        )
        .on_conflict_do_nothing()
    )


def next_load(conn: Connection) -> Load | None:
    """Return the pending load that comes last in the alias's history."""
    pending = select(loads).where(loads.c.state == LoadState.PENDING.value)
    row = conn.execute(pending.order_by(loads.c.sequence.desc(), loads.c.create_time, loads.c.id).limit(1)).first()
    return _load(row) if row is not None else None


def end_load(conn: Connection, load_id: str, state: LoadState, time: float, failure: FailureFacts | None) -> bool:
    """Note the outcome of a load; False when it had ended before."""
    stored = None
    if failure is not None:
        stored = json.dumps([failure.reason, failure.message, failure.next_step, dict(failure.facts)])
    pending = (loads.c.id == load_id) & (loads.c.state == LoadState.PENDING.value)
    changed = conn.execute(update(loads).where(pending).values(state=state.value, end_time=time, failure=stored))
    return changed.rowcount == 1


def last_failure(conn: Connection) -> FailureFacts | None:
    """Return why the load that ended last failed; None when it did not."""
    row = conn.execute(
        select(loads.c.failure).where(loads.c.end_time.is_not(None)).order_by(loads.c.end_time.desc()).limit(1)
    ).first()
    return _failure(row.failure) if row is not None else None


def live_version(conn: Connection) -> Version | None:
    """Return what was live last; None before the first promotion."""
    row = conn.execute(select(serving).where(serving.c.slot == LIVE)).first()
    return _version(row) if row is not None else None


def set_live(conn: Connection, version: Version, time: float) -> None:
    """Note that `version` is live; what was live before is remembered once more."""
    before = live_version(conn)
    if before is None or before.name != version.name:
        conn.execute(delete(serving).where(serving.c.slot == PREVIOUS))
        conn.execute(update(serving).where(serving.c.slot == LIVE).values(slot=PREVIOUS))
    conn.execute(delete(serving).where(serving.c.slot == LIVE))
    conn.execute(serving.insert().values(slot=LIVE, **_version_values(version), live_time=time))


def files_of_ended_loads(conn: Connection) -> set[str]:
    """Return the digests of files that neither the live nor the previous model nor a pending load needs."""
    kept = [*_digests(conn.execute(select(serving.c.files)).scalars())]
    kept += _digests(conn.execute(select(loads.c.files).where(loads.c.state == LoadState.PENDING.value)).scalars())
    ended = _digests(conn.execute(select(loads.c.files).where(loads.c.state != LoadState.PENDING.value)).scalars())
    return ended - set(kept)


def stored_versions(conn: Connection) -> list[Version]:
    """Return the live and the previous version and those of pending loads."""
    rows = [*conn.execute(select(serving)).all()]
    rows += conn.execute(select(loads).where(loads.c.state == LoadState.PENDING.value)).all()
    return [_version(row) for row in rows]


def replace_version(conn: Connection, old: Version, new: Version) -> bool:
    """Let the previous slot and pending loads name the rewritten bundle; says whether the old one is the live one's.

    The live slot keeps the old files until a load has put the new ones in their place.
    """
    values = {"bundle_digest": new.bundle_digest, "files": json.dumps(dict(new.files))}
    for table, mine in (
        (serving, serving.c.slot == PREVIOUS),
        (loads, loads.c.state == LoadState.PENDING.value),
    ):
        same = (table.c.model_version == old.name) & (table.c.bundle_digest == old.bundle_digest)
        conn.execute(update(table).where(mine, same).values(values))
    live = live_version(conn)
    return live is not None and (live.name, live.bundle_digest) == (old.name, old.bundle_digest)


def needed_files(conn: Connection) -> set[str]:
    """Return the digests of files that the live or previous model or a pending load needs."""
    return {digest for version in stored_versions(conn) for digest in version.files.values()}


def forget_ended(conn: Connection, keep: int = 100) -> int:
    """Delete all but the newest ended loads; returns how many."""
    ended = loads.c.end_time.is_not(None)
    newest = select(loads.c.id).where(ended).order_by(loads.c.end_time.desc()).limit(keep)
    return conn.execute(delete(loads).where(ended, loads.c.id.not_in(newest))).rowcount


def _digests(stored: Iterable[str]) -> set[str]:
    return {digest for files in stored for digest in json.loads(files).values()}


def _version_values(version: Version) -> dict[str, object]:
    return {
        "model_version": version.name,
        "bundle_digest": version.bundle_digest,
        "files": json.dumps(dict(version.files)),
        "sequence": version.sequence,
    }


def _version(row: Row[tuple[object, ...]]) -> Version:
    return Version(row.model_version, row.bundle_digest, json.loads(row.files), row.sequence)


def _load(row: Row[tuple[object, ...]]) -> Load:
    return Load(
        id=row.id,
        version=_version(row),
        slip=bytes(row.slip),
        traceparent=row.traceparent,
        create_time=row.create_time,
        state=LoadState(row.state),
        failure=_failure(row.failure),
    )


def _failure(stored: str | None) -> FailureFacts | None:
    return FailureFacts(*json.loads(stored)) if stored else None
