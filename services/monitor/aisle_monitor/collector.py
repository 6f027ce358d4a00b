"""The OpenTelemetry collector's door (OTLP over gRPC), on the same port as the monitor's own service.

Its calls are not traced: a span for receiving spans would beget spans without end.
"""

from collections.abc import Callable
from typing import Any

import grpc.aio
from aisle_runtime import telemetry
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs_pb
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc

from aisle_monitor.convert import otlp
from aisle_monitor.engines.span_store import SpanStore
from aisle_monitor.telemetry import METRIC_SPANS_ACCEPTED, METRIC_SPANS_REFUSED

SERVICE_NAMES = [
    trace_pb.DESCRIPTOR.services_by_name["TraceService"].full_name,
    metrics_pb.DESCRIPTOR.services_by_name["MetricsService"].full_name,
    logs_pb.DESCRIPTOR.services_by_name["LogsService"].full_name,
]
Context = grpc.aio.ServicerContext[Any, Any]


class TraceCollector(trace_grpc.TraceServiceServicer):
    """Takes spans into the store's queue and answers at once."""

    def __init__(self, store: SpanStore) -> None:
        """Write into `store`."""
        self._store = store
        self._accepted = telemetry.meter().create_counter(METRIC_SPANS_ACCEPTED, unit="{span}")
        self._refused = telemetry.meter().create_counter(METRIC_SPANS_REFUSED, unit="{span}")

    async def Export(
        self, request: trace_pb.ExportTraceServiceRequest, context: Context
    ) -> trace_pb.ExportTraceServiceResponse:
        """Keep what is well-formed and fits; the rest is reported as rejected, which exporters don't repeat."""
        spans = list(otlp.spans(request.resource_spans))
        good = [span for span in spans if span is not None]
        taken = self._store.offer(good)
        self._accepted.add(taken)
        response = trace_pb.ExportTraceServiceResponse()
        if refused := len(spans) - taken:
            self._refused.add(refused)
            response.partial_success.rejected_spans = refused
            response.partial_success.error_message = (
                "the queue is full" if len(good) > taken else "ids or times do not fit the protocol"
            )
        return response


class MetricsCollector(metrics_grpc.MetricsServiceServicer):
    """Accepts metrics so that exporters stay quiet; they are not kept, a collector or Prometheus is the place for them."""

    async def Export(
        self, request: metrics_pb.ExportMetricsServiceRequest, context: Context
    ) -> metrics_pb.ExportMetricsServiceResponse:
        """Accept."""
        return metrics_pb.ExportMetricsServiceResponse()


class LogsCollector(logs_grpc.LogsServiceServicer):
    """Accepts log records so that exporters stay quiet; they are not kept."""

    async def Export(
        self, request: logs_pb.ExportLogsServiceRequest, context: Context
    ) -> logs_pb.ExportLogsServiceResponse:
        """Accept."""
        return logs_pb.ExportLogsServiceResponse()


def register(server: grpc.aio.Server, store: SpanStore) -> None:
    """Add the three collector services to `server`."""
    doors: list[tuple[Callable[[Any, grpc.aio.Server], None], object]] = [
        (trace_grpc.add_TraceServiceServicer_to_server, TraceCollector(store)),
        (metrics_grpc.add_MetricsServiceServicer_to_server, MetricsCollector()),
        (logs_grpc.add_LogsServiceServicer_to_server, LogsCollector()),
    ]
    for add, servicer in doors:
        add(servicer, server)
