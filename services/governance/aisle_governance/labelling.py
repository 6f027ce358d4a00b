"""Labels out of behaviour, and labels corrected: builds and reviews from request to result, inside the caller's transaction."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from aisle.governance.v1 import governance_events_pb2 as events_pb2
from aisle_runtime.jobs import JobRecord, Jobs
from aisle_runtime.names import new_id
from aisle_runtime.outbox import Outbox
from sqlalchemy import Connection

from aisle_governance import convert_labels, telemetry
from aisle_governance.domain.kinds import MAX_GRADE, DatasetKind
from aisle_governance.domain.labels.records import LabelBuild, LabelReview, Suspect
from aisle_governance.domain.model import DatasetRun, Dialect, FileFormat, Import, Version
from aisle_governance.errors import FailedPrecondition, InvalidField, NotFound
from aisle_governance.label_jobs import version_payload
from aisle_governance.reading import find_version
from aisle_governance.running import Runs, governable_imports
from aisle_governance.storage import catalog, labels
from aisle_governance.versioning import check_whole

BUILD_KIND, BUILD_TARGET = "build_labels", "aisle_governance.label_jobs:build"
REVIEW_KIND, REVIEW_TARGET = "review_labels", "aisle_governance.label_jobs:review"


class Labelling:
    """Starts builds and reviews, and keeps what they have brought."""

    def __init__(self, jobs: Jobs, outbox: Outbox, runs: Runs) -> None:
        """`runs` governs a dataset that got labels."""
        self._jobs, self._outbox, self._runs = jobs, outbox, runs

    def start_build(self, conn: Connection, order: convert_labels.BuildOrder) -> LabelBuild:
        """Queue a build. Raises NotFound, or FailedPrecondition for a dataset of another kind or a vacuumed version."""
        dataset = catalog.get_dataset(conn, order.dataset)
        _check_kind(dataset.kind, DatasetKind.JUDGMENTS, "dataset")
        events = _version(conn, order.events, DatasetKind.USER_EVENTS, "events_version")
        products = None
        if order.products is not None:
            products = _version(conn, order.products, DatasetKind.PRODUCTS, "products_version")
        build = labels.add_build(
            conn,
            LabelBuild(
                id=new_id("lab"),
                sequence=0,
                dataset=dataset.id,
                events_version=events.name,
                products_version="" if products is None else products.name,
                method=order.method,
            ),
        )
        payload = {
            "build": build.id,
            "dataset": dataset.id,
            "events": version_payload(events),
            "products": None if products is None else version_payload(products),
            "method": build.method,
            "minimum_examinations": order.minimum_examinations,
            "grade_offset": dataset.mapping.grade_offset,
        }
        self._jobs.submit(conn, BUILD_KIND, build.id, json.dumps(payload).encode())
        return build

    def on_built(self, conn: Connection, job: JobRecord, result: bytes) -> None:
        """Take the labels in as an import, let them replace the earlier ones, govern the dataset, and tell."""
        brought = json.loads(result)
        build = labels.get_build(conn, job.id)
        run = ""
        if brought["label_count"]:
            self._take_in(conn, build, brought)
        done = replace(
            build,
            is_done=True,
            label_count=brought["label_count"],
            list_count=brought["list_count"],
            unattributed_event_count=brought["unattributed_event_count"],
            unknown_product_count=brought["unknown_product_count"],
            examination=tuple(brought["examination"]),
        )
        labels.finish_build(conn, done)
        if governable_imports(conn, build.dataset):
            run = self._runs.start(conn, (DatasetRun(build.dataset),)).id
            labels.finish_build(conn, replace(done, run=run))
        message = convert_labels.build_message(labels.get_build(conn, build.id), job)
        self._outbox.add(conn, telemetry.SUBJECT_LABELS_BUILT, events_pb2.LabelsBuilt(label_build=message))

    @staticmethod
    def _take_in(conn: Connection, build: LabelBuild, brought: dict[str, object]) -> None:
        rows, size, count = str(brought["rows"]), int(str(brought["source_bytes"])), int(str(brought["label_count"]))
        new = Import(
            id=build.id,
            dataset=build.dataset,
            sequence=0,
            source_file=f"{build.events_version} ({build.method.lower()})",
            # There is no source file; an erasure that finds one under this digest would delete it beside its rows.
            sha256=hashlib.sha256(f"{build.id}:{rows}".encode()).hexdigest(),
            source_bytes=size,
            format=FileFormat.PARQUET,
            dialect=Dialect(),
        )
        catalog.finish_import(
            conn, replace(catalog.add_import(conn, new), accepted_row_count=count, rows_artifact=rows)
        )

    def start_review(
        self, conn: Connection, dataset: str, number: int | None, max_suspects: int, order: str
    ) -> LabelReview:
        """Queue a review that lists labels in `order` (SURPRISE or RANKING).

        Raises NotFound, or FailedPrecondition for a version without labels or files."""
        version = _version(conn, (dataset, number), DatasetKind.JUDGMENTS, "dataset_version")
        review = labels.add_review(
            conn, LabelReview(id=new_id("rev"), sequence=0, dataset=dataset, version=version.number)
        )
        payload = {"dataset": dataset, "version": version_payload(version), "max_suspects": max_suspects}
        payload["order"] = order
        self._jobs.submit(conn, REVIEW_KIND, review.id, json.dumps(payload).encode())
        return review

    def on_reviewed(self, conn: Connection, job: JobRecord, result: bytes) -> None:
        """Keep the suspects and tell."""
        brought = json.loads(result)
        found = [Suspect(**one) for one in brought["suspects"]]
        labels.finish_review(conn, job.id, brought["label_count"], brought["accuracy_ratio"], found)
        message = convert_labels.review_message(labels.get_review(conn, job.id), job)
        event = events_pb2.LabelReviewCompleted(label_review=message)
        self._outbox.add(conn, telemetry.SUBJECT_LABEL_REVIEW_COMPLETED, event)

    def accept(
        self, conn: Connection, dataset: str, review_id: str, fixes: Sequence[tuple[int, float | None]]
    ) -> tuple[LabelReview, list[Suspect]]:
        """Accept (rank, grade or None for the proposed one). Raises NotFound for a rank, InvalidField for a grade."""
        review = labels.get_review(conn, review_id, dataset)
        ranks = [rank for rank, _ in fixes]
        known = labels.suspects_at(conn, review_id, ranks)
        now = datetime.now(UTC).timestamp()
        for index, (rank, grade) in enumerate(fixes):
            if rank not in known:
                raise NotFound(
                    f"The review has no suspect of rank {rank}.",
                    reason="SUSPECT_NOT_FOUND",
                    next_step="List the suspects of the review.",
                    facts={"rank": str(rank), "suspect_count": str(review.suspect_count)},
                )
            if grade is not None and not 0 <= grade <= MAX_GRADE:
                raise InvalidField(f"fixes[{index}].grade", f"must be a number from 0 to {MAX_GRADE:g}")
            wanted = known[rank].proposed_grade if grade is None else grade
            labels.accept(conn, review, known[rank], wanted, now)
        after = labels.suspects_at(conn, review_id, ranks)
        return labels.get_review(conn, review_id), [after[rank] for rank in ranks]

    def check_running(self, conn: Connection, job_id: str, what: str) -> JobRecord:
        """The job. Raises FailedPrecondition when it has ended."""
        job = self._jobs.get(conn, job_id)
        if job is None or job.state.is_final:
            raise FailedPrecondition(f"The {what} has ended.", reason=f"{what.upper()}_ENDED")
        return job


def _version(conn: Connection, name: tuple[str, int | None], kind: DatasetKind, field: str) -> Version:
    version = find_version(conn, *name)
    _check_kind(version.kind, kind, field)
    return check_whole(version)


def _check_kind(kind: DatasetKind, wanted: DatasetKind, field: str) -> None:
    if kind is not wanted:
        raise FailedPrecondition(
            f"{field} holds {kind.lower().replace('_', ' ')}, not {wanted.lower().replace('_', ' ')}.",
            reason="WRONG_KIND",
            next_step=f"Name a dataset of {wanted.lower().replace('_', ' ')}.",
            facts={"field": field, "kind": kind.value},
        )
