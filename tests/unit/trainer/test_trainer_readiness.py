"""The trainer asks governance whether a version can teach a task."""

from typing import Any

import grpc
import pytest
from aisle.governance.v1 import contract_pb2, dataset_pb2
from aisle.trainer.v1 import training_job_pb2
from aisle_trainer import convert
from aisle_trainer.domain.plan import Plan, Task, TaskPlan
from aisle_trainer.engines.rows import TIERS, Rows
from aisle_trainer.errors import DataNotReady, DatasetUnreadable

VERSION = dataset_pb2.DatasetVersion(name="datasets/j/versions/2")


class Refusal(grpc.RpcError):
    def __init__(self, status: grpc.StatusCode) -> None:
        self.status = status

    def code(self) -> grpc.StatusCode:
        return self.status


class Stub:
    """Governance, as far as it is asked."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, list[Any]()

    def GetReadiness(self, request: Any, timeout: float) -> Any:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def rows(answer: Any) -> tuple[Rows, Stub]:
    found, stub = Rows.__new__(Rows), Stub(answer)
    found._stub, found._timeout = stub, 1.0
    return found, stub


def answer(*, ready: bool) -> contract_pb2.GetReadinessResponse:
    missing = contract_pb2.ReadinessRequirement(
        requirement="judgments.queries",
        description="queries with judgments: at least 20",
        observed_value=3,
        next_step="Import judgments of more queries.",
    )
    return contract_pb2.GetReadinessResponse(tiers=[contract_pb2.TierReadiness(ready=ready, requirements=[missing])])


def test_a_version_that_is_not_ready_is_refused_with_what_is_missing() -> None:
    asking, stub = rows(answer(ready=False))
    with pytest.raises(DataNotReady, match="at least 20, found 3") as caught:
        asking.require_ready(VERSION, Task.SEARCH_RELEVANCE)
    error = caught.value
    assert (error.kind, error.reason) == ("FAILED_PRECONDITION", "DATA_NOT_READY")
    assert error.facts["requirements"] == "judgments.queries" and "more queries" in error.next_step
    assert list(stub.asked[0].datasets) == [VERSION.name]
    assert stub.asked[0].tier == contract_pb2.READINESS_TIER_RELEVANCE


def test_a_ready_version_and_an_older_governance_let_it_pass() -> None:
    for given in (answer(ready=True), Refusal(grpc.StatusCode.UNIMPLEMENTED)):
        rows(given)[0].require_ready(VERSION, Task.PURCHASE)


def test_other_failures_are_told() -> None:
    with pytest.raises(DatasetUnreadable):
        rows(Refusal(grpc.StatusCode.NOT_FOUND))[0].require_ready(VERSION, Task.PURCHASE)
    with pytest.raises(Refusal):
        rows(Refusal(grpc.StatusCode.UNAVAILABLE))[0].require_ready(VERSION, Task.PURCHASE)


def test_every_task_has_a_tier_and_says_what_it_reads() -> None:
    assert set(TIERS) == set(Task) - {Task.PAIR_MATCHING}  # pairs carry their labels: no tier asks for anything of them
    plan = Plan(tasks=(TaskPlan(Task.PURCHASE, "datasets/o", 1.0),))
    job = training_job_pb2.TrainingJob()
    for _ in range(2):  # a later attempt tells it again
        convert.put_inputs(job, plan, {Task.PURCHASE: "datasets/o/versions/1"}, {Task.PURCHASE: ["title"]})
    (found,) = job.inputs
    assert (found.dataset_version, list(found.columns)) == ("datasets/o/versions/1", ["title"])
