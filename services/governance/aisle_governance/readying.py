"""Whether data can teach the models of a tier; reads versions off the event loop."""

import asyncio
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from aisle_runtime.db import Database
from aisle_runtime.telemetry import span
from sqlalchemy import Connection

from aisle_governance import telemetry
from aisle_governance.contracting import versions_of
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.model import CheckResult, Version
from aisle_governance.domain.readiness import Facts, Readiness, Thresholds, Tier, readiness
from aisle_governance.errors import NotFound
from aisle_governance.storage import history
from aisle_governance.versioning import check_whole


class Readinesses:
    """Judges versions for tiers."""

    def __init__(self, db: Database, tables: Path, thresholds: Thresholds) -> None:
        """`tables` is the folder of the Delta tables; `thresholds` are what the operator asks for."""
        self._db, self._tables, self._thresholds = db, tables, thresholds

    async def judge(self, names: Sequence[tuple[str, int | None]], tiers: Sequence[Tier]) -> list[Readiness]:
        """Judge the named versions (None = the newest of the dataset), or every dataset's newest when none is named.

        Raises NotFound, FailedPrecondition (VERSION_VACUUMED), DataLoss.
        """

        def read(conn: Connection) -> list[tuple[Version, tuple[CheckResult, ...]]]:
            found = versions_of(conn, names)
            return [(check_whole(version), _checks(conn, version)) for version in found]

        versions = await self._db.read(read)
        await asyncio.to_thread(import_module, "aisle_governance.engines.readiness_facts")
        with span(telemetry.SPAN_READINESS):
            facts = await asyncio.to_thread(self._measure, versions)
        return [readiness(tier, facts, self._thresholds) for tier in tiers]

    def _measure(self, versions: Sequence[tuple[Version, tuple[CheckResult, ...]]]) -> list[Facts]:
        from aisle_governance.engines import readiness_facts, tables

        files = {
            version.name: tables.verified_files(self._tables / version.folder, version.files) for version, _ in versions
        }
        products = [version.name for version, _ in versions if version.kind is DatasetKind.PRODUCTS]
        titled: Any = None
        if products:
            titled = readiness_facts.titled([file for name in products for file in files[name]])
        return [
            Facts(
                version.name, version.kind, readiness_facts.measure(version.kind, files[version.name], titled), checks
            )
            for version, checks in versions
        ]


def _checks(conn: Connection, version: Version) -> tuple[CheckResult, ...]:
    """What the checks found on the rows of a version; nothing when its report is gone."""
    try:
        return history.find_report(conn, version.dataset, version.restored_from or version.number)[0].checks
    except NotFound:
        return ()
