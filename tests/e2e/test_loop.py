"""The whole loop: raw files to a promoted model, clicks, drift, and the next round by itself, in one trace."""

import grpc
import pytest
from aisle.governance.v1 import governance_service_pb2 as governance_pb
from aisle.governance.v1 import user_event_pb2
from aisle.ranker.v1 import ranker_service_pb2 as ranker_pb
from aisle.registry.v1 import registry_service_pb2 as registry_pb
from aisle.type.v1 import context_pb2
from aisle_demo import plan
from aisle_demo.narrator import Narrator
from aisle_demo.report import Report
from aisle_demo.scenario import Scenario
from aisle_demo.services import Services
from aisle_demo.shop import Shop
from aisle_launcher.platform import LocalPlatform
from planted import PERSON, places
from rich.console import Console

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

EFFORT = plan.Effort(first_steps=20, refresh_steps=6, worse_steps=2, trials=2, trial_steps=2, strict=False)

EDGES = {
    ("monitor", "governance", "event", "aisle.monitor.pipeline_run.requested.v1"),
    ("governance", "tuner", "event", "aisle.governance.run.completed.v1"),
    ("tuner", "trainer", "rpc", "aisle.trainer.v1.TrainerService/CreateTrainingJob"),
    ("tuner", "trainer", "event", "aisle.tuner.study.completed.v1"),
    ("governance", "trainer", "event", "aisle.governance.run.completed.v1"),
    ("trainer", "governance", "rpc", "aisle.governance.v1.GovernanceService/ReadRows"),
    ("trainer", "registry", "event", "aisle.trainer.training_job.succeeded.v1"),
    ("registry", "trainer", "rpc", "aisle.trainer.v1.TrainerService/ReadArtifact"),
    ("registry", "ranker", "event", "aisle.registry.model_version.promoted.v1"),
    ("ranker", "registry", "rpc", "aisle.registry.v1.RegistryService/ReadArtifact"),
    ("ranker", "monitor", "event", "aisle.ranker.serving_state.changed.v1"),
    ("governance", "monitor", "event", "aisle.governance.dataset_version.published.v1"),
    ("trainer", "monitor", "event", "aisle.trainer.training_job.succeeded.v1"),
    ("registry", "monitor", "event", "aisle.registry.model_version.promoted.v1"),
    ("registry", "monitor", "event", "aisle.registry.model_version.rejected.v1"),
    ("monitor", "governance", "rpc", "aisle.governance.v1.GovernanceService/ReadRows"),
}
"""Who must have called or told whom inside the lifecycle's one trace."""


@pytest.fixture(scope="module")
def report() -> Report:
    return Report()


async def test_the_story_plays_to_its_end(services: Services, shop: Shop, report: Report) -> None:
    await Scenario(services, shop, EFFORT, Narrator(Console(quiet=True)), report).play()
    states = {run["name"].split("/")[1]: run["state"] for run in report.runs if run["cause"] == "cli"}
    assert plan.FIRST in states
    assert [run["state"] for run in report.runs][:2] == ["SUCCEEDED", "REJECTED"]


async def test_the_lifecycle_is_one_trace_with_every_edge(report: Report) -> None:
    found = {(edge["source"], edge["target"], edge["kind"], edge["operation"]) for edge in report.trace["edges"]}
    assert found >= EDGES, sorted(EDGES - found)
    assert set(report.trace["services"]) == {"governance", "trainer", "tuner", "registry", "ranker", "monitor"}


async def test_the_model_is_compared_with_every_baseline_on_the_same_queries(report: Report) -> None:
    search = {entry.system for entry in report.evaluation if entry.task == "search"}
    assert search >= {"model", "zero_shot", "bm25", "random"}
    difference = next(figure for figure in report.paired_differences if figure.name == "search ndcg@10:random")
    assert difference.lower > 0


async def test_an_alert_started_the_last_run(report: Report) -> None:
    assert report.runs[-1]["cause"] == f"policies/{plan.POLICY}"
    assert report.runs[-1]["name"] == report.alerts[0]["pipeline_run"]
    assert any(column["drifted"] for column in report.drift["columns"])


async def test_no_call_failed_while_a_model_was_swapped_in(report: Report) -> None:
    assert report.promotion_probe["calls"] > 0
    assert report.promotion_probe["failed"] == 0
    assert len([version for version, calls in report.promotion_probe["by_version"].items() if calls]) == 2


async def test_clicks_are_counted_against_what_was_shown(report: Report) -> None:
    shown = sum(row["impressions"] for row in report.serving)
    clicked = sum(row["clicks"] for row in report.serving)
    assert 0 < clicked < shown


async def test_an_erased_person_is_left_nowhere_below_the_state_folder(
    services: Services, shop: Shop, platform: LocalPlatform
) -> None:
    state = platform.state.root
    governance, ranker, registry = services.governance, services.ranker, services.registry
    shopper = context_pb2.ShopperContext(customer_id=PERSON)
    answer = await ranker.Search(ranker_pb.SearchRequest(query=shop.queries[0], context=shopper), timeout=20)
    click = user_event_pb2.UserEvent(
        event_id="planted-click",
        type=user_event_pb2.USER_EVENT_TYPE_CLICK,
        product_id=answer.results[0].product_id,
        attribution_token=answer.info.attribution_token,
    )
    click.event_time.GetCurrentTime()
    await governance.CollectUserEvents(governance_pb.CollectUserEventsRequest(events=[click]), timeout=20)
    profile = ranker_pb.GetUserProfileRequest(customer_id=PERSON)
    before = (await ranker.GetUserProfile(profile, timeout=20)).profile
    assert before.order_count
    live = (await ranker.GetServingState(ranker_pb.GetServingStateRequest(), timeout=20)).state.live
    held = {place.partition("/")[0] + "/" + place.split("/")[1] for place in places(state, PERSON)}
    assert {f"services/{name}" for name in ("governance", "trainer", "registry", "ranker")} <= held
    assert "nats/store" in held

    found = [
        one.finding async for one in governance.PreviewErasure(governance_pb.PreviewErasureRequest(customer_id=PERSON))
    ]
    assert {"import", "version", "user_events"} <= {one.kind for one in found}
    request = governance_pb.EraseSubjectRequest(customer_id=PERSON)
    receipt = (await governance.EraseSubject(request, timeout=20)).erasure
    watch = governance_pb.WatchErasureRequest(name=receipt.name, until_complete=True)
    async for state_now in governance.WatchErasure(watch, timeout=400):
        receipt = state_now.erasure
    assert receipt.complete, receipt
    assert {one.service for one in receipt.services if one.done} == {
        "trainer", "tuner", "registry", "ranker", "monitor", "bus",
    }  # fmt: skip
    assert live.model_version in receipt.model_versions
    counts = {one.service: {part.kind: part.count for part in one.counts} for one in receipt.services}
    assert counts["trainer"]["bundle_rows"] and counts["registry"]["bundle_rows"]
    assert counts["ranker"]["deeds"] and counts["bus"]["messages"]

    again = await ranker.Search(ranker_pb.SearchRequest(query=shop.queries[0], context=shopper), timeout=20)
    assert again.results
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await ranker.GetUserProfile(profile, timeout=20)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    now = (await ranker.GetServingState(ranker_pb.GetServingStateRequest(), timeout=20)).state.live
    assert (now.model_version, now.bundle_digest != live.bundle_digest) == (live.model_version, True)
    version = (await registry.GetModelVersion(registry_pb.GetModelVersionRequest(name=now.model_version))).model_version
    assert version.bundle_digest == now.bundle_digest == version.rewrites[-1].bundle_digest_after
    others = await ranker.Recommend(
        ranker_pb.RecommendRequest(
            kind=ranker_pb.RECOMMEND_KIND_FOR_YOU, context=context_pb2.ShopperContext(customer_id="c00001")
        ),
        timeout=20,
    )
    assert others.results
    assert places(state, PERSON) == []
