"""Stand-ins for the six services behind one port, and a runner of the command line."""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from aisle.governance.v1 import governance_service_pb2_grpc
from aisle.monitor.v1 import monitor_service_pb2_grpc
from aisle.ranker.v1 import catalog_service_pb2_grpc, ranker_service_pb2_grpc
from aisle.registry.v1 import registry_service_pb2_grpc
from aisle.trainer.v1 import trainer_service_pb2_grpc
from aisle.tuner.v1 import tuner_service_pb2_grpc
from aisle_cli.main import app
from aisle_runtime.errors import AisleError
from aisle_runtime.status import wire_status
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from typer.testing import CliRunner

SERVICES = {
    "governance": governance_service_pb2_grpc.add_GovernanceServiceServicer_to_server,
    "trainer": trainer_service_pb2_grpc.add_TrainerServiceServicer_to_server,
    "tuner": tuner_service_pb2_grpc.add_TunerServiceServicer_to_server,
    "registry": registry_service_pb2_grpc.add_RegistryServiceServicer_to_server,
    "ranker": ranker_service_pb2_grpc.add_RankerServiceServicer_to_server,
    "catalog": catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server,
    "monitor": monitor_service_pb2_grpc.add_MonitorServiceServicer_to_server,
}


class Fakes:
    """Answers by method name: a message, a list (a stream), an AisleError, or a function of the request.

    In a list an AisleError ends the stream. With a function of a client stream the request is the list of messages.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.requests: list[tuple[str, Any]] = []
        self.traceparents: list[str] = []
        self.address = ""

    def asked(self, method: str) -> list[Any]:
        return [request for name, request in self.requests if name == method]

    def handle(self, service: str, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        metadata = dict(context.invocation_metadata())
        self.traceparents.append(str(metadata.get("traceparent", "")))
        if not hasattr(request, "DESCRIPTOR"):
            request = list(request)
        self.requests.append((method, request))
        answer = self.answers.get(method)
        assert answer is not None, f"no answer for {method}"
        answer = answer(request) if callable(answer) else answer
        if isinstance(answer, AisleError):
            self.abort(service, answer, context)
        return answer

    def stream(self, service: str, method: str, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        for message in self.handle(service, method, request, context):
            if isinstance(message, AisleError):
                self.abort(service, message, context)
            yield message

    @staticmethod
    def abort(service: str, error: AisleError, context: grpc.ServicerContext) -> None:
        status = wire_status(error, service)
        context.set_trailing_metadata(status.trailing_metadata)
        context.abort(status.code, status.message)

    def run(self, *arguments: str, code: int = 0, input: str | None = None) -> "Outcome":
        result = CliRunner().invoke(app, [*arguments, "--address", self.address], input=input)
        outcome = Outcome(result.exit_code, result.stdout, result.stderr)
        assert outcome.code == code, (outcome, result.exception)
        return outcome


class Outcome:
    def __init__(self, code: int, stdout: str, stderr: str) -> None:
        self.code, self.stdout, self.stderr = code, stdout, stderr

    def __repr__(self) -> str:
        return f"code {self.code}\n{self.stdout}\n{self.stderr}"

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def document(self) -> dict[str, Any]:
        (document,) = self.documents
        return document

    @property
    def words(self) -> str:
        return " ".join(self.stdout.split())


def _servicer(service: str, fakes: Fakes) -> Any:
    class Servicer:
        def __getattr__(self, method: str) -> Callable[..., Any]:
            watch = method.startswith(("Watch", "Preview"))
            act = fakes.stream if watch else fakes.handle
            return lambda request, context: act(service, method, request, context)

    return Servicer()


@contextmanager
def running_fakes() -> Iterator[Fakes]:
    fakes = Fakes()
    server = grpc.server(ThreadPoolExecutor(8))
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    for service, add in SERVICES.items():
        add(_servicer(service, fakes), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    fakes.address = f"127.0.0.1:{port}"
    before = dict(os.environ)
    try:
        yield fakes
    finally:
        server.stop(None).wait()
        os.environ.clear()
        os.environ.update(before)
