"""What callers read back: rows of versions, rows put aside, and where rows came from. Files are read off the event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from aisle.governance.v1 import governance_run_pb2, governance_service_pb2
from aisle_runtime import paging
from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.db import Database
from aisle_runtime.jobs import Jobs
from aisle_runtime.telemetry import span
from sqlalchemy import Connection

from aisle_governance import convert, convert_history, telemetry
from aisle_governance.domain.model import Import, QualityReport, Version
from aisle_governance.engines import roi_arms
from aisle_governance.errors import InvalidField
from aisle_governance.storage import catalog, history, ledger
from aisle_governance.versioning import check_whole

_MAX_SAMPLE = 1 << 40


MOST_MERGED = 1_000
_Position = tuple[str, int, str]
"""(source file, line, import id)"""


@dataclass(frozen=True, slots=True)
class _Source:
    """A file of rows put aside, and when it was written (seconds since the epoch)."""

    artifact: str
    import_id: str
    """Empty for the file of a run."""
    time: float


class Readings:
    """Answers questions about what is stored."""

    def __init__(self, db: Database, jobs: Jobs, artifacts: ArtifactStore, tables: Path, arms: Path) -> None:
        """`tables` is the folder of the Delta tables, `arms` that of the rows that data ROI studies hand to the trainer."""
        self._db, self._jobs, self._artifacts, self._tables, self._arms = db, jobs, artifacts, tables, arms

    async def version(self, name: str, field: str) -> Version:
        """The version of that name, `latest` included. Raises InvalidField, NotFound."""
        dataset, number = convert.version_number(name, field)
        if roi_arms.is_arm(dataset) and (arm := roi_arms.find_arm(self._arms, dataset, number)) is not None:
            return arm
        return await self._db.read(lambda conn: find_version(conn, dataset, number))

    async def rows(self, request: governance_service_pb2.ReadRowsRequest) -> AsyncIterator[bytes]:
        """Pieces of the Arrow IPC stream that the request asks for."""
        await asyncio.to_thread(import_module, "aisle_governance.engines.tables")  # Arrow takes a while the first time
        from aisle_governance.engines import tables

        version = check_whole(await self.version(request.dataset_version, "dataset_version"))
        columns = tables.check_columns(request.columns, [name for name, _ in version.columns])
        if not 0 <= request.sample_row_count <= _MAX_SAMPLE:
            raise InvalidField("sample_row_count", "must not be negative")
        older = None
        if request.added_since_version:
            older = await self.version(request.added_since_version, "added_since_version")
            if older.dataset != version.dataset:
                raise InvalidField("added_since_version", "must be a version of the same dataset")
            check_whole(older)

        joined = await self._joined(request, version)

        def pieces() -> Iterator[bytes]:
            paths = tables.verified_files(self._tables / version.folder, version.files)
            other = None if older is None else tables.verified_files(self._tables / older.folder, older.files)
            if joined is not None:
                yield from joined(paths, other, columns)
                return
            yield from tables.read_ipc(
                paths, version.columns, columns, not_in=other, sample_row_count=request.sample_row_count
            )

        with span(telemetry.SPAN_READ_ROWS, **{telemetry.ATTR_DATASET: version.dataset}):
            iterator = pieces()
            while (piece := await asyncio.to_thread(next, iterator, None)) is not None:
                yield piece

    async def aliases(self, name: str, start: int, limit: int) -> tuple[list[tuple[str, str]], bool]:
        """((alias, kept product id) from `start` on, whether more follow) of a version."""
        version = await self.version(name, "dataset_version")

        def read() -> list[tuple[str, str]]:
            from aisle_governance.engines import tables

            paths = tables.verified_files(self._tables / version.folder, version.files)
            return tables.product_aliases(paths, start + limit + 1)

        found = await asyncio.to_thread(read)
        return found[start : start + limit], len(found) > start + limit

    async def _joined(
        self, request: governance_service_pb2.ReadRowsRequest, version: Version
    ) -> Callable[[Sequence[Path], Sequence[Path] | None, Sequence[str]], Iterator[bytes]] | None:
        """What reads the rows together with those of another version, None when that is not asked for."""
        if not request.HasField("as_of_join"):
            return None
        await asyncio.to_thread(import_module, "aisle_governance.engines.as_of")
        from aisle_governance.domain.as_of import AsOf
        from aisle_governance.engines import as_of, tables

        partner = check_whole(await self.version(request.as_of_join.dataset_version, "as_of_join.dataset_version"))
        join = AsOf(**convert_history.as_of_join(request.as_of_join))
        as_of.check_join(join, version.columns, partner.columns, "as_of_join")

        def read(paths: Sequence[Path], not_in: Sequence[Path] | None, columns: Sequence[str]) -> Iterator[bytes]:
            files = tables.verified_files(self._tables / partner.folder, partner.files)
            schemas = (version.columns, partner.columns)
            return as_of.read_joined(
                paths, files, schemas, columns, join, not_in=not_in, sample_row_count=request.sample_row_count
            )

        return read

    async def lineage(
        self, request: governance_service_pb2.GetLineageRequest
    ) -> governance_service_pb2.GetLineageResponse:
        """Files, ancestors and, when asked, the source of one row."""
        version = await self.version(request.name, "name")

        def read(conn: Connection) -> tuple[list[Import], list[int]]:
            return catalog.imports_by_id(conn, version.imports), history.ancestors(
                conn, version.dataset, version.number
            )

        imports, parents = await self._db.read(read)
        messages = await self._db.read(
            lambda conn: [convert.import_message(item, self._jobs.get(conn, item.id)) for item in imports]
        )
        source, release = None, None
        merged: list[_Position] = []
        if request.row_id:
            if len(request.row_id) > 64 or not request.row_id.isalnum():
                raise InvalidField("row_id", "is no row id")
            check_whole(version)
            by_id = {item.id: item for item in imports}
            source = await asyncio.to_thread(self._trace, version, by_id, request.row_id)
            merged = await asyncio.to_thread(self._trace_merged, version, by_id, request.row_id)
            release = await self._db.read(lambda conn: ledger.find_release(conn, version.dataset, request.row_id))
        response = convert.lineage_message(messages, version.dataset, parents, source, merged)
        if release is not None and release.create_time <= version.create_time.timestamp():
            response.row_release.CopyFrom(convert_history.release_message(release))
        return response

    def _trace(self, version: Version, imports: dict[str, Import], row_id: str) -> tuple[str, int, str]:
        from aisle_governance.engines import tables

        files = tables.verified_files(self._tables / version.folder, version.files)
        import_id, line = tables.find_row(files, row_id)
        source = imports[import_id]
        member = tables.find_member(self._artifacts.path(source.rows_artifact), row_id)
        return (f"{source.source_file}/{member}" if member else source.source_file), line, import_id

    def _trace_merged(self, version: Version, imports: dict[str, Import], row_id: str) -> list["_Position"]:
        """Where the rows came from that were merged into a row; rows of imports that are gone are left out."""
        from aisle_governance.engines import tables

        files = tables.verified_files(self._tables / version.folder, version.files)
        wanted = tables.merged_rows(files, row_id, MOST_MERGED)
        if not wanted:
            return []
        found: dict[str, _Position] = {}
        for source in imports.values():
            if source.rows_artifact and len(found) < len(wanted):
                places = tables.find_sources(self._artifacts.path(source.rows_artifact), wanted)
                for one, (member, line) in places.items():
                    found[one] = (f"{source.source_file}/{member}" if member else source.source_file), line, source.id
        return [found[one] for one in wanted if one in found]

    async def quarantined(
        self, request: governance_service_pb2.ListQuarantinedRowsRequest
    ) -> governance_service_pb2.ListQuarantinedRowsResponse:
        """One page of rows put aside: those of the run in the order of its rules, then those of each import."""
        size = paging.page_size(request.page_size)
        after = paging.decode_token(request.page_token, request)
        run, _, offset = after.partition(":")
        dataset, sources, run = await self._db.read(lambda conn: self._sources(conn, request.parent, run))
        start = int(offset) if offset.isdigit() else 0
        rows, total = await asyncio.to_thread(self._page, sources, request.rule, start, size, dataset)
        released = await self._db.read(lambda conn: {one.row_id for one in ledger.releases_of(conn, dataset)})
        for row in rows:
            row.released = row.row_id in released
        end = start + len(rows)
        token = paging.encode_token(f"{run}:{end}", request) if end < total else ""
        return governance_service_pb2.ListQuarantinedRowsResponse(
            quarantined_rows=rows, next_page_token=token, total_count=total
        )

    def _sources(self, conn: Connection, parent: str, pinned_run: str) -> tuple[str, list[_Source], str]:
        """(dataset id, files to list, id of the run among them); later pages stay with the run of the first one."""
        report: QualityReport | None
        if convert.VERSION.matches(parent):
            dataset, number = convert.version_number(parent, "parent")
            version = find_version(conn, dataset, number)
            report = history.find_report_of_run(conn, version.run, dataset)
            imports = catalog.imports_by_id(conn, version.imports)
        elif convert.IMPORT.matches(parent):
            dataset, one = convert.import_id(parent, "parent")
            report, imports = None, [catalog.get_import(conn, one, dataset)]
        else:
            dataset = convert.dataset_id(parent, "parent")
            catalog.get_dataset(conn, dataset)
            imports = catalog.readable_imports(conn, dataset)
            report = history.newest_report(conn, dataset)
            if pinned_run:
                report = history.find_report_of_run(conn, pinned_run, dataset)
        sources = []
        if report is not None and report.quarantine_artifact:
            sources.append(_Source(report.quarantine_artifact, "", self._end_time(conn, report.run)))
        for item in imports:
            if item.rejected_artifact:
                sources.append(_Source(item.rejected_artifact, item.id, self._end_time(conn, item.id)))
        return dataset, sources, report.run if report is not None else "none"

    def _end_time(self, conn: Connection, job_id: str) -> float:
        job = self._jobs.get(conn, job_id)
        return 0.0 if job is None else job.end_time or job.create_time

    def _page(
        self, sources: list[_Source], rule: str, start: int, size: int, dataset: str
    ) -> tuple[list[governance_run_pb2.QuarantinedRow], int]:
        from aisle_governance.engines import quarantine

        rows: list[governance_run_pb2.QuarantinedRow] = []
        total = 0
        for source in sources:
            path = self._artifacts.path(source.artifact)
            count = quarantine.count(path, rule)
            skip = max(0, start - total)
            if len(rows) < size and skip < count:
                found = quarantine.read(path, rule, skip, size - len(rows))
                rows += [convert.quarantined_message(row, dataset, {source.import_id: source.time}) for row in found]
            total += count
        return rows, total


def find_version(conn: Connection, dataset: str, number: int | None) -> Version:
    """The version, or the newest one for None. Raises NotFound for the dataset or the version."""
    newest = catalog.get_dataset(conn, dataset).latest_version
    return history.get_version(conn, dataset, newest if number is None else number)
