"""Imports from arrival to kept rows: queues the job, and stores what it brought."""

import json
from dataclasses import asdict, dataclass, replace

from aisle_runtime.jobs import JobFailure, JobRecord, Jobs
from aisle_runtime.names import new_id
from sqlalchemy import Connection

from aisle_governance.domain.model import Dialect, FileFormat, Import, ImportedFile
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
        }
        self._jobs.submit(conn, JOB_KIND, new.id, json.dumps(payload).encode())
        return new

    def on_succeeded(self, conn: Connection, job: JobRecord, result: bytes) -> None:
        """Keep the rows that the job has written."""
        brought = json.loads(result)
        done = replace(
            catalog.get_import(conn, job.id),
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

    def on_failed(self, conn: Connection, job: JobRecord, failure: JobFailure) -> None:
        """Let the same bytes be tried again."""
        catalog.release_bytes(conn, job.id)
