"""Categories of products from request to accepted proposals, inside the caller's transaction."""

import json
import time
from collections.abc import Callable, Sequence

from aisle.governance.v1 import classification_pb2 as pb
from aisle.governance.v1 import governance_events_pb2 as events_pb2
from aisle_runtime.jobs import JobRecord, Jobs
from aisle_runtime.names import new_id
from aisle_runtime.outbox import Outbox
from sqlalchemy import Connection

from aisle_governance import convert_categories, telemetry
from aisle_governance.domain.categories import CategoryJob, Proposal, Source
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.errors import FailedPrecondition, NotFound
from aisle_governance.label_jobs import version_payload
from aisle_governance.reading import find_version
from aisle_governance.storage import categories
from aisle_governance.versioning import check_whole

JOB_KIND, JOB_TARGET = "classify", "aisle_governance.category_jobs:run"
_PER_PAGE = 1_000


class Classifying:
    """Starts category jobs and keeps what they have brought."""

    def __init__(self, jobs: Jobs, outbox: Outbox, now: Callable[[], float] = time.time) -> None:
        """`now` gives seconds since the epoch."""
        self._jobs, self._outbox, self._now = jobs, outbox, now

    def start(self, conn: Connection, order: convert_categories.CategoryOrder) -> CategoryJob:
        """Queue a job. Raises NotFound, or FailedPrecondition for a version of another kind or without files."""
        version = find_version(conn, *order.version)
        if version.kind is not DatasetKind.PRODUCTS:
            raise FailedPrecondition(
                f"dataset_version holds {version.kind.lower().replace('_', ' ')}, not products.",
                reason="WRONG_KIND",
                next_step="Name a dataset of products.",
                facts={"field": "dataset_version", "kind": version.kind.value},
            )
        check_whole(version)
        job = categories.add(
            conn,
            CategoryJob(
                id=new_id("cat"), sequence=0, dataset=version.dataset, version=version.number, method=order.method
            ),
        )
        payload = {
            "dataset": version.dataset,
            "version": version_payload(version),
            "method": order.method.value,
            "all_products": order.all_products,
            "min_count": order.min_count,
        }
        self._jobs.submit(conn, JOB_KIND, job.id, json.dumps(payload).encode())
        return job

    def read(self, conn: Connection, dataset: str, job_id: str) -> pb.CategoryJob:
        """A job as it is now. Raises NotFound."""
        return convert_categories.job_message(categories.get(conn, job_id, dataset), self._jobs.get(conn, job_id))

    def check_running(self, conn: Connection, job_id: str) -> None:
        """Raise FailedPrecondition when the job has ended."""
        job = self._jobs.get(conn, job_id)
        if job is None or job.state.is_final:
            raise FailedPrecondition(
                "The category job has ended.", reason="CATEGORY_JOB_ENDED", next_step="Look at its proposals."
            )

    def on_succeeded(self, conn: Connection, job: JobRecord, result: bytes) -> None:
        """Keep the proposals and tell."""
        brought = json.loads(result)
        categories.finish(conn, job.id, brought["record"], [Proposal(**one) for one in brought["proposals"]])
        message = convert_categories.job_message(categories.get(conn, job.id), job)
        event = events_pb2.CategoriesProposed(category_job=message)
        self._outbox.add(conn, telemetry.SUBJECT_CATEGORIES_PROPOSED, event)

    def decide(self, conn: Connection, dataset: str, job_id: str, decisions: Sequence[tuple[int, str]]) -> int:
        """Accept (rank, category or "" for the proposed one), all or none; returns how many. Raises NotFound."""
        job = categories.get(conn, job_id, dataset)
        known = categories.proposals_at(conn, job_id, [rank for rank, _ in decisions])
        for rank, category in decisions:
            if rank not in known:
                raise NotFound(
                    f"The job has no proposal of rank {rank}.",
                    reason="PROPOSAL_NOT_FOUND",
                    next_step="List the proposals of the job.",
                    facts={"rank": str(rank), "proposal_count": str(job.proposal_count)},
                )
            wanted = category or known[rank].proposed_category
            categories.accept(conn, dataset, job_id, known[rank], wanted, Source.REVIEW, self._now())
        return len(decisions)

    def accept_sure(self, conn: Connection, dataset: str, job_id: str, min_confidence: float) -> int:
        """Accept every open proposal of at least this confidence; returns how many."""
        categories.get(conn, job_id, dataset)
        after, count, now = 0, 0, self._now()
        while True:
            found = categories.list_proposals(conn, job_id, True, min_confidence, after, _PER_PAGE)
            for one in found:
                categories.accept(conn, dataset, job_id, one, one.proposed_category, Source.CONFIDENCE, now)
            count += len(found)
            if len(found) < _PER_PAGE:
                return count
            after = found[-1].rank
