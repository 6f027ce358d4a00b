"""The gRPC door: convert, ask, convert."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, TypeVar

import grpc.aio
from aisle.monitor.v1 import monitor_service_pb2 as pb
from aisle.monitor.v1 import monitor_service_pb2_grpc as pb_grpc
from aisle.monitor.v1 import observation_pb2 as observation_pb
from aisle.monitor.v1 import pipeline_run_pb2 as run_pb
from aisle_runtime.db import Database
from aisle_runtime.errors import InvalidField
from aisle_runtime.names import ResourceName, resource_id
from aisle_runtime.paging import decode_token, encode_token, page_size
from aisle_runtime.requests import RequestLog
from google.protobuf.message import Message
from sqlalchemy import Connection

from aisle_monitor.convert import plans as plan_convert
from aisle_monitor.convert import resources
from aisle_monitor.domain.alerts import PIPELINE, check_policy
from aisle_monitor.domain.plans import check_plan, check_training
from aisle_monitor.domain.runs import StoredPipeline
from aisle_monitor.domain.traces import SpanRecord, edges
from aisle_monitor.drift import DriftReports
from aisle_monitor.engines.span_store import SpanStore
from aisle_monitor.errors import DefinitionTaken, UnknownResource
from aisle_monitor.feed import Feed, wait
from aisle_monitor.rounds import RUN, Rounds
from aisle_monitor.storage import alerts as alert_store
from aisle_monitor.storage import pipelines as pipeline_store
from aisle_monitor.storage import serving as serving_store

REPORT = ResourceName("driftReports/{report}")
MODEL_VERSION = ResourceName("models/{model}/versions/{version}")
MAXIMUM_SPANS = 10_000
ANSWER_BYTES = 3_500_000
"""Bytes of entries in one answer; with everything around them it stays below gRPC's limit of 4 MiB."""
_HEX = set("0123456789abcdef")
R = TypeVar("R", bound=Message)
N = TypeVar(
    "N", run_pb.Pipeline, run_pb.PipelineRun, observation_pb.DriftReport, observation_pb.Alert, observation_pb.Policy
)
Context = grpc.aio.ServicerContext[Any, Any]


class MonitorServicer(pb_grpc.MonitorServiceServicer):
    """Answers `aisle.monitor.v1.MonitorService`; errors leave through the interceptor."""

    def __init__(
        self,
        db: Database,
        requests: RequestLog,
        rounds: Rounds,
        drift: DriftReports,
        spans: SpanStore,
        feed: Feed,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Answer from the given parts; `now` gives seconds since the epoch."""
        self._db, self._requests, self._rounds, self._drift = db, requests, rounds, drift
        self._spans, self._feed, self._now = spans, feed, now

    async def CreatePipeline(self, request: pb.CreatePipelineRequest, context: Context) -> pb.CreatePipelineResponse:
        """Store a plan; the same plan under the same id is returned as it is."""
        name = f"pipelines/{resource_id(request.pipeline_id, 'pipeline_id')}"
        check_plan(plan_convert.plan(request.spec))
        wanted = StoredPipeline(name, _bytes(request.spec), self._now())

        def create(conn: Connection) -> pb.CreatePipelineResponse:
            known = pipeline_store.get_pipeline(conn, name)
            if known is not None and known.spec != wanted.spec:
                raise DefinitionTaken("pipeline", name)
            if known is None:
                pipeline_store.add_pipeline(conn, wanted)
            return pb.CreatePipelineResponse(pipeline=resources.pipeline(known or wanted))

        return await self._once("CreatePipeline", request, pb.CreatePipelineResponse, create)

    async def GetPipeline(self, request: pb.GetPipelineRequest, context: Context) -> pb.GetPipelineResponse:
        """Return one plan."""
        PIPELINE.parse(request.name, "name")
        found = await self._db.read(lambda conn: _known_pipeline(conn, request.name))
        return pb.GetPipelineResponse(pipeline=resources.pipeline(found))

    async def ListPipelines(self, request: pb.ListPipelinesRequest, context: Context) -> pb.ListPipelinesResponse:
        """List plans by name."""
        size, after = page_size(request.page_size), decode_token(request.page_token, request)
        found = await self._db.read(lambda conn: pipeline_store.list_pipelines(conn, after, size + 1))
        pipelines, token = _page(map(resources.pipeline, found), size, request)
        return pb.ListPipelinesResponse(pipelines=pipelines, next_page_token=token)

    async def RunPipeline(self, request: pb.RunPipelineRequest, context: Context) -> pb.RunPipelineResponse:
        """Start a run; the row and its event commit together."""
        PIPELINE.parse(request.pipeline, "pipeline")
        override = request.training_override if request.HasField("training_override") else None
        if override is not None:
            check_training(plan_convert.training(override), "training_override")

        def start(conn: Connection) -> pb.RunPipelineResponse:
            run = self._rounds.start(conn, _known_pipeline(conn, request.pipeline), "cli", override)
            return pb.RunPipelineResponse(pipeline_run=resources.run(run))

        return await self._once("RunPipeline", request, pb.RunPipelineResponse, start)

    async def GetPipelineRun(self, request: pb.GetPipelineRunRequest, context: Context) -> pb.GetPipelineRunResponse:
        """Return one run."""
        RUN.parse(request.name, "name")
        found = await self._db.read(lambda conn: pipeline_store.get_run(conn, request.name))
        if found is None:
            raise UnknownResource("pipeline run", request.name)
        return pb.GetPipelineRunResponse(pipeline_run=resources.run(found))

    async def ListPipelineRuns(
        self, request: pb.ListPipelineRunsRequest, context: Context
    ) -> pb.ListPipelineRunsResponse:
        """List runs, newest first."""
        size, before = page_size(request.page_size), decode_token(request.page_token, request)
        if request.pipeline:
            PIPELINE.parse(request.pipeline, "pipeline")
            await self._db.read(lambda conn: _known_pipeline(conn, request.pipeline))
        found = await self._db.read(lambda conn: pipeline_store.list_runs(conn, request.pipeline, before, size + 1))
        runs, token = _page(map(resources.run, found), size, request)
        return pb.ListPipelineRunsResponse(pipeline_runs=runs, next_page_token=token)

    async def WatchPipelineRun(
        self, request: pb.WatchPipelineRunRequest, context: Context
    ) -> AsyncIterator[pb.WatchPipelineRunResponse]:
        """Send the run's newest state at every change until it has ended; states that follow at once may be sent as one."""
        RUN.parse(request.name, "name")
        if request.after_revision < 0:
            raise InvalidField("after_revision", "must not be negative")
        sent = request.after_revision
        while True:
            change = self._feed.next_change()
            run = await self._db.read(lambda conn: pipeline_store.get_run(conn, request.name))
            if run is None:
                raise UnknownResource("pipeline run", request.name)
            if run.revision > sent:
                sent = run.revision
                yield pb.WatchPipelineRunResponse(pipeline_run=resources.run(run))
            if run.ended:
                return
            await wait(change)

    async def QueryMetrics(self, request: pb.QueryMetricsRequest, context: Context) -> pb.QueryMetricsResponse:
        """Return figures per model version."""
        if request.model_version:
            MODEL_VERSION.parse(request.model_version, "model_version")
        if request.window_seconds < 0:
            raise InvalidField("window_seconds", "must not be negative")
        since = self._now() - request.window_seconds if request.window_seconds else 0.0

        def query(conn: Connection) -> pb.QueryMetricsResponse:
            found = serving_store.figures(conn, since, request.model_version, request.by_surface)
            return pb.QueryMetricsResponse(metrics=[resources.serving_metrics(figures) for figures in found])

        return await self._db.read(query)

    async def CreateDriftReport(
        self, request: pb.CreateDriftReportRequest, context: Context
    ) -> pb.CreateDriftReportResponse:
        """Compare two versions in a job and wait for it as long as the caller does."""
        report = await self._drift.create(request)
        return pb.CreateDriftReportResponse(drift_report=resources.report(report))

    async def GetDriftReport(self, request: pb.GetDriftReportRequest, context: Context) -> pb.GetDriftReportResponse:
        """Return one report."""
        REPORT.parse(request.name, "name")
        found = await self._db.read(lambda conn: alert_store.get_report(conn, request.name))
        if found is None:
            raise UnknownResource("drift report", request.name)
        return pb.GetDriftReportResponse(drift_report=resources.report(found))

    async def ListDriftReports(
        self, request: pb.ListDriftReportsRequest, context: Context
    ) -> pb.ListDriftReportsResponse:
        """List reports, newest first."""
        size, before = page_size(request.page_size), decode_token(request.page_token, request)
        found = await self._db.read(lambda conn: alert_store.list_reports(conn, before, size + 1))
        reports, token = _page(map(resources.report, found), size, request)
        return pb.ListDriftReportsResponse(drift_reports=reports, next_page_token=token)

    async def ListAlerts(self, request: pb.ListAlertsRequest, context: Context) -> pb.ListAlertsResponse:
        """List alerts, newest first."""
        kind = resources.alert_kind(request.kind, "kind")
        size, before = page_size(request.page_size), decode_token(request.page_token, request)
        found = await self._db.read(lambda conn: alert_store.list_alerts(conn, kind, before, size + 1))
        alerts, token = _page(map(resources.alert, found), size, request)
        return pb.ListAlertsResponse(alerts=alerts, next_page_token=token)

    async def CreatePolicy(self, request: pb.CreatePolicyRequest, context: Context) -> pb.CreatePolicyResponse:
        """Store a policy; the same policy under the same id is returned as it is."""
        name = f"policies/{resource_id(request.policy_id, 'policy_id')}"
        wanted = resources.wanted_policy(request.policy, name, self._now())
        check_policy(wanted)

        def create(conn: Connection) -> pb.CreatePolicyResponse:
            _known_pipeline(conn, wanted.pipeline)
            known = alert_store.get_policy(conn, name)
            if known is not None and not known.same_definition(wanted):
                raise DefinitionTaken("policy", name)
            if known is None:
                alert_store.add_policy(conn, wanted)
            return pb.CreatePolicyResponse(policy=resources.policy(known or wanted))

        return await self._once("CreatePolicy", request, pb.CreatePolicyResponse, create)

    async def ListPolicies(self, request: pb.ListPoliciesRequest, context: Context) -> pb.ListPoliciesResponse:
        """List policies by name."""
        size, after = page_size(request.page_size), decode_token(request.page_token, request)
        found = await self._db.read(lambda conn: alert_store.list_policies(conn, after, size + 1))
        policies, token = _page(map(resources.policy, found), size, request)
        return pb.ListPoliciesResponse(policies=policies, next_page_token=token)

    async def GetTrace(self, request: pb.GetTraceRequest, context: Context) -> pb.GetTraceResponse:
        """Return the spans and edges of a trace as far as they have arrived; none at all is NOT_FOUND."""
        if len(request.trace_id) != 32 or not set(request.trace_id) <= _HEX:
            raise InvalidField("trace_id", "must be 32 lower-case hex digits")
        spans, total = await self._spans.trace(request.trace_id, MAXIMUM_SPANS)
        if not total:
            raise UnknownResource("trace", request.trace_id, "Spans arrive within seconds of their end; check the id.")
        hops = spans if total == len(spans) else await self._spans.hops(request.trace_id)
        return await asyncio.to_thread(_trace, spans, hops, total)

    async def _once(
        self, method: str, request: Message, response_type: type[R], effect: Callable[[Connection], R]
    ) -> R:
        """Run `effect` in one transaction, or answer what it answered before under the same request id."""
        return await self._db.write(
            lambda conn: self._requests.once(conn, method, request, response_type, lambda: effect(conn))
        )


def _known_pipeline(conn: Connection, name: str) -> StoredPipeline:
    found = pipeline_store.get_pipeline(conn, name)
    if found is None:
        raise UnknownResource("pipeline", name)
    return found


def _page(entries: Iterable[N], size: int, request: Message) -> tuple[list[N], str]:
    """Take at most `size` entries that fit into one answer; returns them and the token of the next page, "" for none."""
    taken: list[N] = []
    room = ANSWER_BYTES
    for entry in entries:
        room -= entry.ByteSize()
        if taken and (len(taken) == size or room < 0):
            return taken, encode_token(taken[-1].name.rpartition("/")[2], request)
        taken.append(entry)
    return taken, ""


def _trace(spans: list[SpanRecord], hops: list[SpanRecord], total: int) -> pb.GetTraceResponse:
    """Build the answer, leaving out the latest spans where it would grow beyond one message."""
    answer = pb.GetTraceResponse(edges=[resources.edge(edge) for edge in edges(hops)], span_count=total)
    room = ANSWER_BYTES - answer.ByteSize()
    for record in spans:
        span = resources.span(record)
        room -= span.ByteSize()
        if room < 0:
            break
        answer.spans.append(span)
    return answer


def _bytes(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)
