"""What an erasure would find in governance; reads everything and changes nothing."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.db import Database
from sqlalchemy import Connection

from aisle_governance.domain.erasures import Finding
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.model import TableFile
from aisle_governance.domain.subjects import Subjects, plain_id, subject_hash
from aisle_governance.storage import catalog, files, scrubbing

MOST_ROW_IDS = 100


@dataclass(frozen=True, slots=True)
class _Places:
    """Everything that may hold rows of a person."""

    imports: list[dict[str, Any]]
    import_names: dict[str, str]
    releases: list[dict[str, Any]]
    reports: list[dict[str, Any]]
    versions: list[dict[str, Any]]
    kinds: dict[str, DatasetKind]


class Previews:
    """Looks where an erasure looks."""

    def __init__(self, db: Database, artifacts: ArtifactStore, tables_dir: Path, key: bytes) -> None:
        """Read from these; `key` makes the keyed hashes."""
        self._db, self._artifacts, self._tables, self._key = db, artifacts, tables_dir, key

    async def find(self, customer_id: str) -> AsyncIterator[Finding]:
        """Yield one finding per place, imports first, then what was made from them."""
        subject = subject_hash(self._key, customer_id)
        subjects = Subjects(self._key, [subject])
        places = await self._db.read(_places)
        row_ids: set[str] = set()
        steps = self._steps(places, subjects, row_ids)
        while (found := await asyncio.to_thread(next, steps, None)) is not None:
            if found.row_count:
                yield found
        spellings = {customer_id, plain_id(customer_id)}
        events = await self._db.read(
            lambda conn: scrubbing.find_user_events(conn, spellings, lambda one: subject_hash(self._key, one), subject)
        )
        if events:
            yield _finding("user_events", "", events)
        for review, ids in (await self._db.read(lambda conn: scrubbing.find_suspects(conn, subjects))).items():
            yield _finding("label_suspects", review, ids)

    def _steps(self, places: _Places, subjects: Subjects, row_ids: set[str]) -> Iterator[Finding]:
        for item in places.imports:
            name = places.import_names.get(item["id"], "")
            for kind, digest in (("import", item["rows"]), ("refused_rows", item["rejected"])):
                ids = self._rows(digest, subjects, ())
                row_ids.update(ids)
                yield _finding(kind, name, ids)
        for item in places.releases:
            fixes = item["fixes"]
            theirs = subjects.is_id(fixes.get("customer_id")) or any(map(subjects.mentions, fixes.values()))
            if theirs or item["row_id"] in row_ids:
                yield _finding("release", f"datasets/{item['dataset']}", [item["row_id"]])
        for item in places.reports:
            yield _finding(
                "quarantine", f"governanceRuns/{item['run']}", self._rows(item["artifact"], subjects, row_ids)
            )
        for item in places.versions:
            ids = self._version_rows(item, subjects, row_ids)
            kind = "labels" if places.kinds.get(item["dataset"]) == DatasetKind.JUDGMENTS else "version"
            for number in item["numbers"]:
                yield _finding(kind, f"datasets/{item['dataset']}/versions/{number}", ids)

    def _rows(self, digest: str, subjects: Subjects, row_ids: Collection[str]) -> list[str]:
        from aisle_governance.engines.erasing import rows_of

        if not digest or not self._artifacts.exists(digest):
            return []
        return rows_of([self._artifacts.path(digest)], subjects, row_ids)

    def _version_rows(self, item: dict[str, Any], subjects: Subjects, row_ids: Collection[str]) -> list[str]:
        from aisle_governance.engines import tables
        from aisle_governance.engines.erasing import rows_of

        paths = tables.verified_files(self._tables / item["folder"], [TableFile(**file) for file in item["files"]])
        return rows_of(paths, subjects, row_ids)


def _places(conn: Connection) -> _Places:
    datasets = {dataset.id: dataset.kind for dataset in catalog.list_datasets(conn, "", 1_000_000)}
    return _Places(
        imports=files.ended_imports(conn),
        import_names=files.import_names(conn),
        releases=files.release_rows(conn),
        reports=files.quarantine_files(conn),
        versions=files.version_tables(conn),
        kinds=datasets,
    )


def _finding(kind: str, resource: str, ids: Collection[str]) -> Finding:
    return Finding(kind, resource, len(ids), tuple(sorted(ids)[:MOST_ROW_IDS]))
