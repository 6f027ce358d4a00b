"""The monitor as a whole: real server, real bus, other services played by their events."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc.aio
import pytest
from aisle.governance.v1 import governance_events_pb2 as governance_pb
from aisle.governance.v1 import user_event_pb2
from aisle.monitor.v1 import monitor_service_pb2 as pb
from aisle.monitor.v1 import monitor_service_pb2_grpc as pb_grpc
from aisle.monitor.v1 import observation_pb2 as observation_pb
from aisle.monitor.v1 import pipeline_run_pb2 as run_pb
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.ranker.v1 import ranker_events_pb2 as ranker_pb
from aisle.registry.v1 import registry_events_pb2 as registry_pb
from aisle.trainer.v1 import trainer_events_pb2 as trainer_pb
from aisle_monitor.main import MIGRATIONS, wire
from aisle_monitor.settings import MonitorSettings
from aisle_runtime import telemetry
from aisle_runtime.client import error_details, open_channel
from aisle_runtime.names import new_id
from aisle_runtime.testing import running_service
from aisle_runtime.testing.nats import NatsServer, nats_server
from aisle_runtime.testing.postgres import both_databases
from aisle_runtime.tokens import Signer, load_key
from google.protobuf import text_format
from monitor_support import VERSION, FakeGovernance, Publisher, fake_governance, orders, plan, refused
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

__all__ = ["nats_server"]
T = TypeVar("T")
PATIENCE_SECONDS = 20.0
SUCCEEDED, REJECTED = run_pb.PIPELINE_RUN_STATE_SUCCEEDED, run_pb.PIPELINE_RUN_STATE_REJECTED
FAILED, RUNNING = run_pb.PIPELINE_RUN_STATE_FAILED, run_pb.PIPELINE_RUN_STATE_RUNNING


@dataclass
class House:
    """A running monitor with its neighbours."""

    channel: grpc.aio.Channel
    stub: pb_grpc.MonitorServiceStub
    publish: Publisher
    governance: FakeGovernance
    signer: Signer
    settings: MonitorSettings

    async def start_run(self, pipeline_id: str) -> run_pb.PipelineRun:
        await self.stub.CreatePipeline(pb.CreatePipelineRequest(pipeline_id=pipeline_id, spec=plan()))
        answer = await self.stub.RunPipeline(pb.RunPipelineRequest(pipeline=f"pipelines/{pipeline_id}"))
        return answer.pipeline_run


@pytest.fixture
async def house(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service_database: str
) -> AsyncIterator[House]:
    async with fake_governance() as governance:
        monkeypatch.setenv("AISLE_MONITOR_GOVERNANCE_ADDRESS", governance.address)
        settings = MonitorSettings(
            state_dir=tmp_path / "monitor",
            database_url=service_database,
            signing_key_file=tmp_path / "signing.key",
            evaluation_interval_seconds=0.2,
            **nats_server.settings("monitor"),  # type: ignore[arg-type]
        )
        publisher = Publisher(nats_server)
        async with running_service("monitor", settings, MIGRATIONS, wire) as address:
            async with open_channel(address) as channel:
                signer = Signer(load_key(tmp_path / "signing.key"))
                yield House(channel, pb_grpc.MonitorServiceStub(channel), publisher, governance, signer, settings)
                await publisher.close()


async def eventually(ask: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """Ask again until the answer is good."""
    end = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while not good(answer := await ask()):
        assert asyncio.get_running_loop().time() < end, answer
        await asyncio.sleep(0.05)
    return answer


def slip(run: run_pb.PipelineRun) -> pipeline_pb.RoutingSlip:
    return run.slip


async def watch_to_end(house: House, name: str) -> list[run_pb.PipelineRun]:
    request = pb.WatchPipelineRunRequest(name=name)
    return [answer.pipeline_run async for answer in house.stub.WatchPipelineRun(request, timeout=PATIENCE_SECONDS)]


@both_databases
async def test_a_run_goes_to_its_good_end_though_events_come_late_and_twice(house: House) -> None:
    run = await house.start_run("good")
    assert (run.state, run.cause, len(run.trace_id)) == (RUNNING, "cli", 32)
    watching = asyncio.create_task(watch_to_end(house, run.name))
    promoted = registry_pb.ModelVersionPromoted(alias="production", slip=slip(run))
    promoted.model_version.name = VERSION
    await house.publish("registry.model_version.promoted", promoted)
    trained = text_format.Parse(
        """training_job { name: "trainingJobs/j" } evaluation { tasks { kind: TASK_KIND_SEARCH_RELEVANCE
        systems { system: "model" metrics { name: "ndcg@10" value: 0.86 lower: 0.84 upper: 0.88 } } } }""",
        trainer_pb.TrainingJobSucceeded(slip=slip(run)),
    )
    first, second = new_id("t"), new_id("t")  # the bus of all tests knows the ids of those before
    for event_id in (first, first, second):
        await house.publish("trainer.training_job.succeeded", trained, event_id=event_id)
    governed = governance_pb.GovernanceRunCompleted(slip=slip(run))
    governed.governance_run.name = "governanceRuns/g"
    governed.slip.dataset_versions.append("datasets/orders/versions/1")
    await house.publish("governance.run.completed", governed)
    live = ranker_pb.ServingStateChanged(live=True, model_version=VERSION, slip=slip(run))
    await house.publish("ranker.serving_state.changed", live)
    states = await watching
    assert states[-1].state == SUCCEEDED
    assert [state.revision for state in states] == sorted({state.revision for state in states})

    async def ask() -> run_pb.PipelineRun:
        return (await house.stub.GetPipelineRun(pb.GetPipelineRunRequest(name=run.name))).pipeline_run

    done = await eventually(ask, lambda found: all(stage.resource for stage in found.stages))
    assert [(stage.stage, stage.state) for stage in done.stages] == [
        ("governance", SUCCEEDED),
        ("training", SUCCEEDED),
        ("registry", SUCCEEDED),
        ("serving", SUCCEEDED),
    ]
    assert done.stages[1].summary == "search ndcg@10 0.860 [0.840, 0.880]"
    again = await watch_to_end(house, run.name)
    assert len(again) == 1


@pytest.mark.parametrize("end", [REJECTED, FAILED])
async def test_a_run_goes_to_its_bad_end(house: House, end: int) -> None:
    run = await house.start_run(f"bad-{end}")
    if end == REJECTED:
        rejected = registry_pb.ModelVersionRejected(slip=slip(run))
        await house.publish("registry.model_version.rejected", rejected)
    else:
        failed = trainer_pb.TrainingJobFailed(training_job="trainingJobs/j", slip=slip(run))
        failed.failure.reason = "NO_JUDGMENTS"
        await house.publish("trainer.training_job.failed", failed)
    states = await watch_to_end(house, run.name)
    assert (states[-1].state, states[-1].failure.reason) == (end, "NO_JUDGMENTS" if end == FAILED else "")


@both_databases
async def test_state_survives_a_restart(nats_server: NatsServer, tmp_path: Path, service_database: str) -> None:
    settings = MonitorSettings(state_dir=tmp_path, database_url=service_database, **nats_server.settings("monitor"))  # type: ignore[arg-type]
    request = pb.RunPipelineRequest(pipeline="pipelines/p", request_id="once")
    answers = []
    for _ in range(2):
        async with running_service("monitor", settings, MIGRATIONS, wire) as address, open_channel(address) as channel:
            stub = pb_grpc.MonitorServiceStub(channel)
            await stub.CreatePipeline(pb.CreatePipelineRequest(pipeline_id="p", spec=plan()))
            answers.append((await stub.RunPipeline(request)).pipeline_run)
            listed = await stub.ListPipelineRuns(pb.ListPipelineRunsRequest(pipeline="pipelines/p"))
            assert [run.name for run in listed.pipeline_runs] == [answers[0].name]
    assert answers[0] == answers[1]


async def test_bad_requests_name_what_is_wrong(house: House) -> None:
    stub = house.stub
    invalid, missing = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
    broken = plan()
    broken.governance.dataset_runs[0].dataset = "orders"
    broken.training.batch_size = -1
    with refused(invalid) as caught:
        await stub.CreatePipeline(pb.CreatePipelineRequest(pipeline_id="x", spec=broken))
    assert {violation.field for violation in error_details(caught[0]).violations} == {
        "spec.governance.dataset_runs[0].dataset",
        "spec.training.batch_size",
    }
    with refused(invalid):
        await stub.CreatePipeline(pb.CreatePipelineRequest(pipeline_id="No Such", spec=plan()))
    for token, size in (("", -1), ("abc", 0)):
        with refused(invalid):
            await stub.ListAlerts(pb.ListAlertsRequest(page_size=size, page_token=token))
    with refused(invalid):
        await stub.QueryMetrics(pb.QueryMetricsRequest(window_seconds=-1))
    with refused(invalid):
        await stub.GetTrace(pb.GetTraceRequest(trace_id="xyz"))
    with refused(missing):
        await stub.GetTrace(pb.GetTraceRequest(trace_id="a" * 32))
    with refused(missing):
        await stub.RunPipeline(pb.RunPipelineRequest(pipeline="pipelines/none"))
    with refused(missing):
        await anext(aiter(stub.WatchPipelineRun(pb.WatchPipelineRunRequest(name="pipelines/p/runs/none"))))
    with refused(missing):
        await stub.GetDriftReport(pb.GetDriftReportRequest(name="driftReports/none"))
    policy = observation_pb.Policy(alert_kind=observation_pb.ALERT_KIND_DATA_DRIFT, pipeline="pipelines/none")
    with refused(missing):
        await stub.CreatePolicy(pb.CreatePolicyRequest(policy_id="p", policy=policy))
    versions = {"reference_version": "datasets/a/versions/1", "current_version": "datasets/b/versions/1"}
    with refused(invalid):
        await stub.CreateDriftReport(pb.CreateDriftReportRequest(**versions))


async def test_an_id_belongs_to_its_first_definition(house: House) -> None:
    stub, other = house.stub, plan()
    other.training.seed = 9
    first = await stub.CreatePipeline(pb.CreatePipelineRequest(pipeline_id="taken", spec=plan()))
    assert await stub.CreatePipeline(pb.CreatePipelineRequest(pipeline_id="taken", spec=plan())) == first
    with refused(grpc.StatusCode.ALREADY_EXISTS):
        await stub.CreatePipeline(pb.CreatePipelineRequest(pipeline_id="taken", spec=other))
    policy = observation_pb.Policy(alert_kind=observation_pb.ALERT_KIND_LATENCY, pipeline="pipelines/taken")
    made = await stub.CreatePolicy(pb.CreatePolicyRequest(policy_id="p", policy=policy))
    assert await stub.CreatePolicy(pb.CreatePolicyRequest(policy_id="p", policy=policy)) == made
    policy.cooldown_seconds = 5
    with refused(grpc.StatusCode.ALREADY_EXISTS):
        await stub.CreatePolicy(pb.CreatePolicyRequest(policy_id="p", policy=policy))
    assert list((await stub.ListPolicies(pb.ListPoliciesRequest())).policies) == [made.policy]
    page = await stub.ListPipelines(pb.ListPipelinesRequest(page_size=1))
    assert [pipeline.name for pipeline in page.pipelines] == ["pipelines/taken"]


def exported(service: str, *spans: Span) -> ResourceSpans:
    name = KeyValue(key="service.name", value=AnyValue(string_value=service))
    return ResourceSpans(resource=Resource(attributes=[name]), scope_spans=[ScopeSpans(spans=spans)])


def wire_span(number: int, parent: int, kind: "Span.SpanKind", name: str) -> Span:
    start = time.time_ns()
    return Span(
        trace_id=b"\x07" * 16,
        span_id=number.to_bytes(8),
        parent_span_id=parent.to_bytes(8) if parent else b"",
        kind=kind,
        name=name,
        start_time_unix_nano=start,
        end_time_unix_nano=start + 2_000_000,
    )


async def test_exported_spans_become_a_trace_with_edges(house: House) -> None:
    collector = trace_service_pb2_grpc.TraceServiceStub(house.channel)
    subject = "aisle.registry.model_version.promoted.v1"
    calls = [
        exported("ranker", wire_span(4, 3, Span.SPAN_KIND_CONSUMER, f"process {subject}")),
        exported("registry", wire_span(2, 1, Span.SPAN_KIND_SERVER, "aisle.registry.v1.RegistryService/Promote")),
        exported("registry", wire_span(3, 2, Span.SPAN_KIND_PRODUCER, f"publish {subject}")),
        exported("cli", wire_span(1, 0, Span.SPAN_KIND_CLIENT, "aisle.registry.v1.RegistryService/Promote")),
    ]
    for call in calls:
        answer = await collector.Export(trace_service_pb2.ExportTraceServiceRequest(resource_spans=[call]))
        assert answer.partial_success.rejected_spans == 0
    malformed = exported("x", Span(trace_id=b"short"))
    answer = await collector.Export(trace_service_pb2.ExportTraceServiceRequest(resource_spans=[malformed]))
    assert answer.partial_success.rejected_spans == 1
    await metrics_service_pb2_grpc.MetricsServiceStub(house.channel).Export(
        metrics_service_pb2.ExportMetricsServiceRequest()
    )
    found = await house.stub.GetTrace(pb.GetTraceRequest(trace_id="07" * 16))
    assert (len(found.spans), found.span_count) == (4, 4)
    assert [(edge.source, edge.target, edge.kind, edge.operation, edge.count) for edge in found.edges] == [
        ("cli", "registry", "rpc", "aisle.registry.v1.RegistryService/Promote", 1),
        ("registry", "ranker", "event", subject, 1),
    ]


def served(answer_id: str, version: str, products: str) -> ranker_pb.ServedAnswer:
    answer = ranker_pb.ServedAnswer(answer_id=answer_id, surface="search", model_version=version, duration_ms=12.5)
    answer.serve_time.GetCurrentTime()
    for position, product in enumerate(products, 1):
        answer.impressions.add(product_id=product, position=position)
    return answer


@both_databases
async def test_clicks_count_once_and_only_on_what_was_shown(house: House) -> None:
    def click(event_id: str, answer_id: str, product: str, token: str = "") -> user_event_pb2.UserEvent:
        payload = json.dumps({"a": answer_id, "m": VERSION}).encode()
        event = user_event_pb2.UserEvent(
            event_id=event_id,
            type=user_event_pb2.USER_EVENT_TYPE_CLICK,
            product_id=product,
            attribution_token=token or house.signer.sign(payload, 60),
        )
        event.event_time.GetCurrentTime()
        return event

    early = [click("e0", "a1", "p")]
    await house.publish("governance.user_events.collected", governance_pb.UserEventsCollected(events=early))
    answers = [served("a1", VERSION, "pqr"), served("a2", VERSION, "pq")]
    await house.publish("ranker.impressions.served", ranker_pb.ImpressionsServed(answers=answers))
    later = [
        click("e1", "a1", "p"),
        click("e2", "a1", "z"),
        click("e3", "unknown", "p"),
        click("e4", "a2", "q"),
        click("e5", "a2", "p", token="forged.token"),
    ]
    await house.publish("governance.user_events.collected", governance_pb.UserEventsCollected(events=later))

    async def ask() -> pb.QueryMetricsResponse:
        return await house.stub.QueryMetrics(pb.QueryMetricsRequest(window_seconds=600, by_surface=True))

    found = await eventually(ask, lambda answer: bool(answer.metrics) and answer.metrics[0].click_count >= 2)
    [metrics] = found.metrics
    counts = (metrics.answer_count, metrics.impression_count, metrics.click_count, metrics.surface)
    assert counts == (2, 5, 2, "search")
    assert metrics.click_through_ratio == pytest.approx(0.4)
    assert 0 < metrics.click_through_lower_ratio < 0.4 < metrics.click_through_upper_ratio < 1
    assert metrics.latency_p99_ms == 12.5


@both_databases
async def test_drift_raises_an_alert_whose_policy_starts_a_run_in_the_same_trace(house: House) -> None:
    stub = house.stub
    await stub.CreatePipeline(pb.CreatePipelineRequest(pipeline_id="shop", spec=plan()))
    policy = observation_pb.Policy(
        alert_kind=observation_pb.ALERT_KIND_DATA_DRIFT, subject="datasets/orders", pipeline="pipelines/shop"
    )
    await stub.CreatePolicy(pb.CreatePolicyRequest(policy_id="retrain", policy=policy))
    house.governance.tables = {
        "datasets/orders/versions/1": orders(2000),
        "datasets/orders/versions/2": orders(800, quantity=500, country="Brazil"),
    }
    published = governance_pb.DatasetVersionPublished()
    published.dataset_version.name = "datasets/orders/versions/2"
    published.dataset_version.parent = "datasets/orders/versions/1"
    with telemetry.span("test.publish"):
        trace_id = telemetry.current_trace_id()
        await house.publish("governance.dataset_version.published", published)

    async def ask() -> pb.ListAlertsResponse:
        return await stub.ListAlerts(pb.ListAlertsRequest(kind=observation_pb.ALERT_KIND_DATA_DRIFT))

    answer = await eventually(ask, lambda found: bool(found.alerts) and bool(found.alerts[0].pipeline_run))
    [alert] = answer.alerts
    assert (alert.subject, alert.threshold, alert.trace_id) == ("datasets/orders", 0.2, trace_id)
    assert alert.value > 0.2
    report = (await stub.GetDriftReport(pb.GetDriftReportRequest(name=alert.report))).drift_report
    assert (report.reference_row_count, report.current_row_count) == (2000, 800)
    drifted = {column.column for column in report.columns if column.drifted}
    assert {"quantity", "country"} <= drifted
    assert "product_id" not in drifted
    run = (await stub.GetPipelineRun(pb.GetPipelineRunRequest(name=alert.pipeline_run))).pipeline_run
    assert (run.cause, run.trace_id, run.state) == ("policies/retrain", trace_id, RUNNING)


async def test_a_caller_gets_a_drift_report_and_no_alert(house: House) -> None:
    house.governance.tables = {
        "datasets/orders/versions/1": orders(1000),
        "datasets/orders/versions/2": orders(600, country="Brazil"),
    }
    request = pb.CreateDriftReportRequest(
        reference_version="datasets/orders/versions/1", current_version="datasets/orders/versions/2", request_id="r"
    )
    first = await house.stub.CreateDriftReport(request, timeout=PATIENCE_SECONDS)
    assert await house.stub.CreateDriftReport(request, timeout=PATIENCE_SECONDS) == first
    listed = await house.stub.ListDriftReports(pb.ListDriftReportsRequest())
    assert list(listed.drift_reports) == [first.drift_report]
    assert not (await house.stub.ListAlerts(pb.ListAlertsRequest())).alerts
    request.request_id, request.current_version = "", "datasets/orders/versions/9"
    with refused(grpc.StatusCode.FAILED_PRECONDITION) as caught:
        await house.stub.CreateDriftReport(request, timeout=PATIENCE_SECONDS)
    assert error_details(caught[0]).reason == "DATASET_VERSION_NOT_FOUND"


async def test_a_failed_load_raises_a_serving_alert(house: House) -> None:
    changed = ranker_pb.ServingStateChanged(model_version="models/shop/versions/2")
    changed.failure.reason, changed.failure.message = "ARTIFACT_DIGEST_MISMATCH", "The bytes differ."
    await house.publish("ranker.serving_state.changed", changed)

    async def ask() -> pb.ListAlertsResponse:
        return await house.stub.ListAlerts(pb.ListAlertsRequest(kind=observation_pb.ALERT_KIND_SERVING))

    [alert] = (await eventually(ask, lambda found: bool(found.alerts))).alerts
    assert alert.message == "models/shop/versions/2 could not be loaded: The bytes differ."
