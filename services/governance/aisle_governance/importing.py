"""Imports from arrival to kept rows: queues the job, and stores what it brought."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from aisle_runtime.jobs import JobFailure, JobRecord, Jobs
from aisle_runtime.names import new_id
from sqlalchemy import Connection

from aisle_governance.domain.model import Dataset, Dialect, FileFormat, Import, ImportedFile
from aisle_governance.storage import catalog, ledger

JOB_KIND = "import"
JOB_TARGET = "aisle_governance.jobs:import_rows"


@dataclass(frozen=True, slots=True)
class Arrival:
    """Source bytes that lie in the artifact store."""

    dataset: str
    source_file: str
    sha256: str
    source_bytes: int
    format: FileFormat
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class Named:
    """Bytes that lie elsewhere; the import's job fetches them."""

    dataset: str
    source_file: str
    format: FileFormat | None
    """None when only the names of the files will say it."""
    dialect: Dialect
    source: Mapping[str, str]
    """What the job is to fetch."""


class Imports:
    """Takes files into datasets; everything runs inside the caller's transaction."""

    def __init__(self, jobs: Jobs, limits: dict[str, int]) -> None:
        """`limits` travels with each job: `max_decoded_bytes`."""
        self._jobs = jobs
        self._limits = limits

    def start(self, conn: Connection, arrival: Arrival) -> Import:
        """Queue an import, or return the earlier one of the same bytes. Raises NotFound for the dataset."""
        dataset = catalog.get_dataset(conn, arrival.dataset)
        earlier = catalog.find_live_import(conn, arrival.dataset, arrival.sha256)
        if earlier is not None:
            return earlier
        new = catalog.add_import(
            conn,
            Import(
                id=new_id("imp"),
                dataset=arrival.dataset,
                sequence=0,
                source_file=arrival.source_file,
                sha256=arrival.sha256,
                source_bytes=arrival.source_bytes,
                format=arrival.format,
                dialect=arrival.dialect,
            ),
        )
        self._submit(conn, dataset, new, {})
        return new

    def start_named(self, conn: Connection, named: Named) -> Import:
        """Queue an import whose job fetches the bytes first. Raises NotFound for the dataset."""
        dataset = catalog.get_dataset(conn, named.dataset)
        new = catalog.add_import(
            conn,
            Import(
                id=new_id("imp"),
                dataset=named.dataset,
                sequence=0,
                source_file=named.source_file,
                sha256="",
                source_bytes=0,
                format=named.format or FileFormat.CSV,
                dialect=named.dialect,
            ),
        )
        self._submit(conn, dataset, new, {"source": dict(named.source), "format": named.format or ""})
        return new

    def _submit(self, conn: Connection, dataset: Dataset, new: Import, more: dict[str, Any]) -> None:
        payload = {
            "import": new.id,
            "dataset": new.dataset,
            "source_file": new.source_file,
            "sha256": new.sha256,
            "format": new.format.value,
            "dialect": asdict(new.dialect),
            "kind": dataset.kind.value,
            "mapping": asdict(dataset.mapping),
            "excluded": ledger.excluded(conn),
            "exclusion_count": ledger.exclusion_count(conn),
            **self._limits,
            **more,
        }
        self._jobs.submit(conn, JOB_KIND, new.id, json.dumps(payload).encode())

    def on_succeeded(self, conn: Connection, job: JobRecord, result: bytes) -> list[str]:
        """Keep the rows that the job has written; answers files that nobody needs when the dataset had the same bytes already."""
        brought = json.loads(result)
        found = catalog.get_import(conn, job.id)
        if "fetched" in brought:
            found = self._with_bytes(conn, found, brought["fetched"])
            if found.same_as:
                catalog.finish_import(conn, found)
                left = [brought["fetched"]["sha256"], brought["rows"], brought["refused"], brought.get("sha256", "")]
                return [digest for digest in left if digest]
        done = replace(
            found,
            accepted_row_count=brought["accepted"],
            rejected_row_count=brought["rejected"],
            dialect=Dialect(**brought["dialect"]),
            likely_encoding=brought["likely_encoding"],
            files=tuple(ImportedFile(**part) for part in brought["files"]),
            skipped_record_count=brought["skipped"],
            rows_artifact=brought["rows"],
            rejected_artifact=brought["refused"],
        )
        catalog.finish_import(conn, done)
        return []

    @staticmethod
    def _with_bytes(conn: Connection, found: Import, fetched: dict[str, Any]) -> Import:
        """The import with the bytes that its job has fetched; `same_as` is set when they are in the dataset already."""
        known = replace(
            found, sha256=fetched["sha256"], source_bytes=fetched["bytes"], format=FileFormat(fetched["format"])
        )
        earlier = catalog.find_live_import(conn, found.dataset, known.sha256)
        if earlier is not None:
            # Nothing refers to the bytes or rows of this one: its digest stays empty, so that no erasure takes them for its own.
            return replace(found, source_bytes=known.source_bytes, format=known.format, same_as=earlier.id)
        catalog.set_bytes(conn, known)
        return known

    def on_failed(self, conn: Connection, job: JobRecord, failure: JobFailure) -> None:
        """Let the same bytes be tried again."""
        catalog.release_bytes(conn, job.id)
