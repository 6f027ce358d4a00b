"""`aisle data label`: what is asked and what is shown."""

from typing import Any

import pytest
from aisle.governance.v1 import dataset_pb2, label_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.type.v1 import job_pb2
from cli_support import Fakes

DONE = job_pb2.JobStatus(state=job_pb2.JOB_STATE_SUCCEEDED, revision=2)
REVIEW = label_pb2.LabelReview(
    name="datasets/judgments/labelReviews/rev-1",
    dataset_version="datasets/judgments/versions/3",
    label_count=5000,
    suspect_count=2,
    accepted_count=1,
    accuracy_ratio=0.63,
    status=DONE,
)
SUSPECTS = [
    label_pb2.LabelSuspect(
        rank=rank, query="red lamp", title=f"Lamp {rank}", grade=0, proposed_grade=3, probability=0.9
    )
    for rank in (1, 2)
]


@pytest.fixture
def ready(fakes: Fakes) -> Fakes:
    fakes.answers |= {
        "StartLabelReview": label_pb2.StartLabelReviewResponse(label_review=REVIEW),
        "WatchLabelReview": [label_pb2.WatchLabelReviewResponse(label_review=REVIEW)],
        "ListLabelReviews": label_pb2.ListLabelReviewsResponse(label_reviews=[REVIEW]),
        "ListLabelSuspects": label_pb2.ListLabelSuspectsResponse(label_suspects=SUSPECTS),
        "AcceptLabelFixes": label_pb2.AcceptLabelFixesResponse(label_review=REVIEW, label_suspects=SUSPECTS),
    }
    return fakes


def test_the_doctor_shows_suspects_and_how_much_it_knows(ready: Fakes) -> None:
    outcome = ready.run("data", "label", "doctor", "judgments/3", "--keep", "50")
    (request,) = ready.asked("StartLabelReview")
    assert (request.dataset_version, request.max_suspect_count) == ("datasets/judgments/versions/3", 50)
    assert "2 suspects among 5,000 labels" in outcome.stdout
    assert "63%" in outcome.stdout
    assert "Lamp 2" in outcome.stdout


def test_a_dataset_means_its_newest_review(ready: Fakes) -> None:
    ready.run("data", "label", "suspects", "judgments")
    (request,) = ready.asked("ListLabelSuspects")
    assert (request.review, request.open_only) == (REVIEW.name, True)
    ready.run("data", "label", "suspects", "judgments/rev-9", "--all")
    assert ready.asked("ListLabelSuspects")[1].review == "datasets/judgments/labelReviews/rev-9"
    assert not ready.asked("ListLabelSuspects")[1].open_only


def test_accepting_takes_ranks_with_or_without_a_grade_or_the_top(ready: Fakes) -> None:
    ready.run("data", "label", "accept", "judgments", "--fix", "1", "--fix", "2=0")
    (request,) = ready.asked("AcceptLabelFixes")
    assert [(fix.rank, fix.HasField("grade"), fix.grade) for fix in request.fixes] == [(1, False, 0), (2, True, 0)]
    assert request.request_id
    ready.run("data", "label", "accept", "judgments", "--top", "2")
    assert [fix.rank for fix in ready.asked("AcceptLabelFixes")[1].fixes] == [1, 2]


@pytest.mark.parametrize("arguments", [[], ["--fix", "1", "--top", "1"], ["--fix", "first"]])
def test_accepting_needs_suspects(ready: Fakes, arguments: list[str]) -> None:
    assert "--fix" in ready.run("data", "label", "accept", "judgments", *arguments, code=2).stderr
    assert not ready.asked("AcceptLabelFixes")


def test_a_dataset_without_a_review_is_told_what_to_do(ready: Fakes) -> None:
    ready.answers["ListLabelReviews"] = label_pb2.ListLabelReviewsResponse()
    assert "doctor judgments" in ready.run("data", "label", "suspects", "judgments", code=1).stderr


def test_reviews_are_listed(ready: Fakes) -> None:
    assert "judgments/rev-1" in ready.run("data", "label", "reviews", "judgments").stdout


def test_a_build_names_its_sources_and_shows_what_was_looked_at(fakes: Fakes) -> None:
    made = label_pb2.LabelBuild(
        name="datasets/judgments/labelBuilds/lab-1",
        governance_run="governanceRuns/gov-1",
        label_count=1200,
        list_count=90,
        examination_ratios=[1, 0.5],
        status=DONE,
    )
    fakes.answers |= {
        "BuildLabels": label_pb2.BuildLabelsResponse(label_build=made),
        "WatchLabelBuild": [label_pb2.WatchLabelBuildResponse(label_build=made)],
    }
    outcome = fakes.run("data", "label", "build", "judgments", "--events", "events/2", "--products", "products")
    (request,) = fakes.asked("BuildLabels")
    assert (request.dataset, request.events_version, request.products_version, request.method) == (
        "datasets/judgments",
        "datasets/events/versions/2",
        "datasets/products/versions/latest",
        label_pb2.LABEL_METHOD_PBM,
    )
    assert "1,200 labels from 90 answer lists" in outcome.stdout
    assert "100%, 50%" in outcome.stdout
    fakes.run("data", "label", "build", "judgments", "--events", "e", "--method", "guess", code=2)


def test_the_policy_for_raters_belongs_to_the_creation(fakes: Fakes) -> None:
    def answer(request: Any) -> pb.CreateDatasetResponse:
        return pb.CreateDatasetResponse(dataset=dataset_pb2.Dataset(name="datasets/j"))

    fakes.answers["CreateDataset"] = answer
    fakes.run("data", "create", "j", "--kind", "judgments", "--label-conflict", "rater-quality")
    (request,) = fakes.asked("CreateDataset")
    assert request.mapping.label_conflict == label_pb2.LABEL_CONFLICT_RATER_QUALITY
    fakes.run("data", "create", "j", "--kind", "judgments", "--label-conflict", "loudest", code=2)
