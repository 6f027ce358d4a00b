"""What is held of a person, and a receipt that tells how far each service is."""

from aisle.governance.v1 import erasure_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.ranker.v1 import ranker_service_pb2 as ranker_pb
from aisle.registry.v1 import model_version_pb2
from aisle.registry.v1 import registry_service_pb2 as registry_pb
from aisle.type.v1 import failure_pb2, subject_pb2
from aisle_runtime import errors
from cli_support import Fakes

VERSION = "datasets/orders/versions/3"
MODELS = registry_pb.ListModelsResponse(models=[registry_pb.Model(name="models/m")])
VERSIONS = registry_pb.ListModelVersionsResponse(
    model_versions=[model_version_pb2.ModelVersion(name="models/m/versions/7", dataset_versions=[VERSION])]
)
FINDINGS = [
    pb.PreviewErasureResponse(
        finding=erasure_pb2.SubjectFinding(
            kind="version", resource=VERSION, row_count=4, row_ids=["r1", "r2", "r3", "r4"]
        )
    ),
    pb.PreviewErasureResponse(
        finding=erasure_pb2.SubjectFinding(kind="user_events", row_count=2, row_ids=["e1", "e2"])
    ),
]
RECEIPT = erasure_pb2.Erasure(
    name="erasures/era-1",
    state=erasure_pb2.ERASURE_STATE_SUCCEEDED,
    versions=[erasure_pb2.ErasedVersion(dataset_version=VERSION, row_count=4)],
    services=[
        erasure_pb2.ServiceErasure(
            service="ranker", done=True, counts=[subject_pb2.ErasedCount(kind="deeds", count=3)]
        ),
        erasure_pb2.ServiceErasure(service="trainer", failure=failure_pb2.Failure(message="Training is under way.")),
    ],
    model_versions=["models/m/versions/8"],
)


def test_listing_shows_every_place_and_deletes_nothing(fakes: Fakes) -> None:
    profile = ranker_pb.UserProfile(order_count=5)
    fakes.answers |= {
        "PreviewErasure": FINDINGS,
        "ListModels": MODELS,
        "ListModelVersions": VERSIONS,
        "GetUserProfile": ranker_pb.GetUserProfileResponse(profile=profile),
    }
    outcome = fakes.run("data", "erase", "cust-1", "--list")
    assert "orders/3" in outcome.stdout and "r1, r2, r3 ..." in outcome.stdout and "m/7" in outcome.stdout
    assert "5 orders" in outcome.stdout and fakes.asked("EraseSubject") == []
    document = fakes.run("data", "erase", "-", "--list", "--json", input="cust-1\n").document
    assert [one["kind"] for one in document["findings"]] == ["version", "user_events"]
    assert document["model_versions"] == ["models/m/versions/7"] and document["profile"]["order_count"] == 5
    assert {one.customer_id for one in fakes.asked("PreviewErasure")} == {"cust-1"}
    fakes.answers["GetUserProfile"] = errors.NotFound("nobody")
    assert fakes.run("data", "erase", "cust-1", "--list", "--json").document["profile"] is None


def test_a_receipt_says_which_service_is_pending_and_why(fakes: Fakes) -> None:
    fakes.answers |= {
        "GetErasure": pb.GetErasureResponse(erasure=RECEIPT),
        "ListErasures": pb.ListErasuresResponse(erasures=[RECEIPT]),
        "ListModels": MODELS,
        "ListModelVersions": VERSIONS,
    }
    outcome = fakes.run("data", "erasure", "era-1")
    assert "3 deeds" in outcome.words and "pending" in outcome.stdout and "Training is under way." in outcome.words
    assert "m/7" in outcome.stdout and "m/8" in outcome.stdout
    assert fakes.asked("GetErasure")[0].name == "erasures/era-1"
    assert "trainer" in fakes.run("data", "erasures").stdout


def test_waiting_lasts_until_every_service_is_done(fakes: Fakes) -> None:
    fakes.answers |= {
        "EraseSubject": pb.EraseSubjectResponse(erasure=erasure_pb2.Erasure(name="erasures/era-1")),
        "WatchErasure": [pb.WatchErasureResponse(erasure=RECEIPT)],
        "ListModels": MODELS,
        "ListModelVersions": VERSIONS,
    }
    outcome = fakes.run("data", "erase", "cust-1", "--yes")
    assert fakes.asked("WatchErasure")[0].until_complete
    assert "waits for trainer" in outcome.stderr
    fakes.run("data", "erase", "cust-1", "--yes", "--no-wait")
    assert len(fakes.asked("WatchErasure")) == 1
