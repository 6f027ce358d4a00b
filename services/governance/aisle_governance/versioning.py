"""What becomes of published versions: rolled back to, kept or vacuumed, compared, followed through time."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from aisle.governance.v1 import governance_events_pb2 as events_pb2
from aisle_runtime.db import Database
from aisle_runtime.outbox import Outbox
from aisle_runtime.telemetry import span
from sqlalchemy import Connection

from aisle_governance import convert, telemetry
from aisle_governance.domain.history import HISTORY_LENGTH, Anomaly, Kept, RetentionPolicy, anomalies, expired
from aisle_governance.domain.model import QualityReport, Version
from aisle_governance.erasing import Erasures
from aisle_governance.errors import FailedPrecondition, InvalidField
from aisle_governance.storage import catalog, files, history, ledger

if TYPE_CHECKING:
    from aisle_governance.engines.comparing import VersionDiff


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """What a vacuum does."""

    gone: list[Version]
    kept: list[Kept]
    freed_bytes: int


@dataclass(frozen=True, slots=True)
class Point:
    """The quality of one version."""

    version: Version
    report: QualityReport
    anomalies: list[Anomaly]


def check_whole(version: Version) -> Version:
    """Return the version. Raises FailedPrecondition (VERSION_VACUUMED) when its files were deleted."""
    if version.vacuum_time:
        raise FailedPrecondition(
            f"The rows of {version.name} were deleted by its dataset's retention policy; its record stays.",
            reason="VERSION_VACUUMED",
            next_step="Read a newer version, or run governance again on the imports.",
            facts={"dataset_version": version.name},
        )
    return version


class Versions:
    """Changes to the history of datasets; every method with a connection runs inside the caller's transaction."""

    def __init__(
        self, db: Database, outbox: Outbox, erasures: Erasures, tables: Path, now: Callable[[], float] = time.time
    ) -> None:
        """`tables` is the folder of the Delta tables; `erasures` deletes files; `now` gives seconds since the epoch."""
        self._db, self._outbox, self._erasures, self._tables, self._now = db, outbox, erasures, tables, now

    @staticmethod
    def newest(conn: Connection, dataset: str) -> int:
        """Number of the newest version, 0 without one. Raises NotFound."""
        return catalog.get_dataset(conn, dataset).latest_version

    def roll_back(self, conn: Connection, dataset: str, number: int) -> Version:
        """Publish the rows of an older version under the next number.

        Raises NotFound, FailedPrecondition (VERSION_IS_NEWEST, VERSION_VACUUMED).
        """
        newest = catalog.get_dataset(conn, dataset).latest_version
        old = check_whole(history.get_version(conn, dataset, number))
        if number == newest:
            raise FailedPrecondition(
                f"{old.name} is the newest version already.",
                reason="VERSION_IS_NEWEST",
                next_step="Name an older version.",
            )
        made = replace(
            old,
            number=newest + 1,
            parent=newest,
            create_time=datetime.fromtimestamp(self._now(), UTC),
            restored_from=number,
        )
        history.add_version(conn, made)
        catalog.set_latest_version(conn, dataset, made.number)
        news = events_pb2.DatasetVersionPublished(dataset_version=convert.version_message(made))
        self._outbox.add(conn, telemetry.SUBJECT_VERSION_PUBLISHED, news)
        return made

    def vacuum(self, conn: Connection, dataset: str, *, dry_run: bool) -> Vacuumed:
        """Let go of the files of versions that the policy no longer keeps.

        Raises NotFound, FailedPrecondition (NO_RETENTION_POLICY).
        """
        catalog.get_dataset(conn, dataset)
        policy = ledger.get_retention(conn, dataset)
        if not policy:
            raise FailedPrecondition(
                f"Dataset {dataset!r} has no retention policy, so every version is kept.",
                reason="NO_RETENTION_POLICY",
                next_step="Set one with UpdateRetentionPolicy.",
            )
        whole = [version for version in files.all_versions(conn, dataset) if not version.vacuum_time]
        now = self._now()
        gone, kept = expired(whole, policy, ledger.uses(conn, dataset), now)
        folders = {version.folder: sum(file.size_bytes for file in version.files) for version in gone}
        if not dry_run:
            for version in gone:
                history.put_version(conn, replace(version, vacuum_time=now))
            self._erasures.sweep_artifacts(conn, (), folders)
        return Vacuumed(gone, kept, sum(folders.values()))

    def retention(self, conn: Connection, dataset: str) -> RetentionPolicy:
        """The policy of a dataset. Raises NotFound."""
        catalog.get_dataset(conn, dataset)
        return ledger.get_retention(conn, dataset)

    def set_retention(self, conn: Connection, dataset: str, policy: RetentionPolicy) -> None:
        """Set the policy of a dataset. Raises NotFound."""
        catalog.get_dataset(conn, dataset)
        ledger.set_retention(conn, dataset, policy)

    def quality(self, conn: Connection, dataset: str, before: int | None, limit: int) -> list[Point]:
        """The quality of up to `limit` versions below `before` (None = from the newest), newest first."""
        catalog.get_dataset(conn, dataset)
        reports = files.reports_by_version(conn, dataset)
        points = []
        for version in history.list_versions(conn, dataset, before, limit):
            report = reports.get(version.restored_from or version.number)
            if report is None:
                continue
            earlier = [reports[number] for number in sorted(reports) if number < version.number][-HISTORY_LENGTH:]
            points.append(Point(version, report, anomalies(report, earlier)))
        return points

    async def diff(self, base_name: str, name: str) -> "tuple[Version, Version, VersionDiff]":
        """Compare two versions of a dataset. Raises InvalidField, NotFound, FailedPrecondition, DataLoss."""
        base_dataset, base_number = convert.version_number(base_name, "base_version")
        dataset, number = convert.version_number(name, "version")
        if dataset != base_dataset:
            raise InvalidField("version", "must be a version of the same dataset as base_version")

        def read(conn: Connection) -> tuple[Version, Version]:
            newest = catalog.get_dataset(conn, dataset).latest_version
            return (
                check_whole(history.get_version(conn, dataset, base_number or newest)),
                check_whole(history.get_version(conn, dataset, number or newest)),
            )

        base, version = await self._db.read(read)
        await asyncio.to_thread(import_module, "aisle_governance.engines.comparing")
        from aisle_governance.engines import comparing, tables

        def compare() -> "VersionDiff":
            base_files = tables.verified_files(self._tables / base.folder, base.files)
            new_files = tables.verified_files(self._tables / version.folder, version.files)
            return comparing.compare(base_files, new_files, base.columns, version.columns)

        with span(telemetry.SPAN_DIFF, **{telemetry.ATTR_DATASET: dataset}):
            return base, version, await asyncio.to_thread(compare)
