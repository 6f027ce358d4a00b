"""Repair models from labelled rows to learned steps; everything runs inside the caller's transaction."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from aisle_runtime.jobs import JobFailure, JobRecord, Jobs
from aisle_runtime.names import new_id
from sqlalchemy import Connection

from aisle_governance.domain.repair.labelling import LabelledRow, RepairRecord
from aisle_governance.errors import FailedPrecondition
from aisle_governance.storage import catalog, repairs

JOB_KIND = "repair"
JOB_TARGET = "aisle_governance.repair_jobs:learn"


class Repairs:
    """Starts the learning and stores what came of it."""

    def __init__(self, jobs: Jobs) -> None:
        """Queue work with `jobs`."""
        self._jobs = jobs

    def start(self, conn: Connection, dataset_id: str, labels: Sequence[LabelledRow], suggestions: int) -> RepairRecord:
        """Queue the learning over all imports that have succeeded by now. Raises NotFound, FailedPrecondition (DATASET_EMPTY)."""
        dataset = catalog.get_dataset(conn, dataset_id)
        imports = catalog.readable_imports(conn, dataset_id)
        if not imports:
            raise FailedPrecondition(
                f"Dataset {dataset_id!r} holds no imported rows.",
                reason="DATASET_EMPTY",
                next_step="Import a file and wait until its import has succeeded.",
                facts={"dataset": dataset_id},
            )
        made = repairs.add(conn, RepairRecord(new_id("rep"), dataset_id, len(labels)))
        payload = {
            "kind": dataset.kind.value,
            "mapping": asdict(dataset.mapping),
            "rows": [source.rows_artifact for source in imports],
            "labels": [{"row_id": label.row_id, "values": dict(label.values)} for label in labels],
            "suggestions": suggestions,
        }
        self._jobs.submit(conn, JOB_KIND, made.id, json.dumps(payload).encode())
        return made

    def on_succeeded(self, conn: Connection, job: JobRecord, result: bytes) -> None:
        """Store what was learned."""
        repairs.finish(conn, job.id, json.loads(result))

    def on_failed(self, conn: Connection, job: JobRecord, failure: JobFailure) -> None:
        """The job's failure says it all; no later run uses the model."""
