"""Decisions about rows that were put aside: checked against the files, stored, and handed to the next run."""

import asyncio
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.db import Database
from sqlalchemy import Connection

from aisle_governance.domain.history import Release
from aisle_governance.domain.model import Dataset
from aisle_governance.errors import NotFound
from aisle_governance.storage import catalog, history, ledger

if TYPE_CHECKING:
    from aisle_governance.engines.releasing import PutAside

IMPORT_RULE = "import"


class Releases:
    """Lets rows come back."""

    def __init__(self, db: Database, artifacts: ArtifactStore, now: Callable[[], float] = time.time) -> None:
        """Read files from `artifacts`; `now` gives seconds since the epoch."""
        self._db, self._artifacts, self._now = db, artifacts, now

    async def decide(self, dataset_id: str, fixes: Mapping[str, Mapping[str, str]]) -> list[Release]:
        """Check that every row is put aside and that its new values fit; stores nothing but files.

        Raises NotFound (DATASET_NOT_FOUND, ROW_NOT_QUARANTINED), InvalidField.
        """

        def read(conn: Connection) -> tuple[Dataset, list[str], dict[str, Release]]:
            dataset = catalog.get_dataset(conn, dataset_id)
            report = history.newest_report(conn, dataset_id)
            files = [report.quarantine_artifact] if report is not None and report.quarantine_artifact else []
            files += [
                one.rejected_artifact for one in catalog.readable_imports(conn, dataset_id) if one.rejected_artifact
            ]
            return dataset, files, {one.row_id: one for one in ledger.releases_of(conn, dataset_id)}

        dataset, files, earlier = await self._db.read(read)
        await asyncio.to_thread(import_module, "aisle_governance.engines.releasing")
        return await asyncio.to_thread(self._check, dataset, files, earlier, fixes)

    def _check(
        self,
        dataset: Dataset,
        files: list[str],
        earlier: Mapping[str, Release],
        fixes: Mapping[str, Mapping[str, str]],
    ) -> list[Release]:
        from aisle_governance.engines import releasing

        found: dict[str, PutAside] = {}
        for digest in files:  # the run's file comes first: what a rule says of a row is newer than what its import said
            found = releasing.find(self._artifacts.path(digest), fixes) | found
        decisions = []
        for index, (row_id, values) in enumerate(fixes.items()):
            if row_id not in found:
                raise NotFound(
                    f"Dataset {dataset.id!r} has put no row {row_id!r} aside.",
                    reason="ROW_NOT_QUARANTINED",
                    next_step="List the rows that are put aside for their ids.",
                    facts={"row_id": row_id},
                )
            field = f"rows[{index}].values"
            releasing.check_fixes(values, dataset.kind, field)
            decisions.append(self._decision(dataset, found[row_id], values, earlier.get(row_id), field))
        return decisions

    def _decision(
        self, dataset: Dataset, row: "PutAside", values: Mapping[str, str], earlier: Release | None, field: str
    ) -> Release:
        from aisle_governance.engines import releasing

        merged = {**(earlier.fixes if earlier else {}), **values}
        artifact = earlier.rows_artifact if earlier else ""
        if row.rule == IMPORT_RULE:
            table = releasing.read_refused(row, merged, dataset.kind, dataset.mapping, field)
            artifact = self._artifacts.put_bytes(_parquet(table))
        excused = row.rule != IMPORT_RULE and not values
        return Release(dataset.id, row.row_id, row.rule, row.import_id, merged, artifact, excused, self._now())

    @staticmethod
    def store(conn: Connection, decisions: list[Release]) -> None:
        """Store the decisions, each in place of an earlier one about the same row."""
        for decision in decisions:
            ledger.put_release(conn, decision)


def _parquet(table: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def for_run(conn: Connection, dataset_id: str) -> dict[str, Any]:
    """What a run has to know of the decisions about a dataset's rows, as plain data."""
    found = ledger.releases_of(conn, dataset_id)
    excused: dict[str, list[str]] = {}
    for one in found:
        if one.excused:
            excused.setdefault(one.rule, []).append(one.row_id)
    return {
        "rows": [one.rows_artifact for one in found if one.rows_artifact],
        "fixes": {one.row_id: one.fixes for one in found if one.fixes},
        "excused": excused,
    }
