"""The server bootstrap on a real port: generic handlers over well-known types stand for a service."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from aisle_runtime import telemetry
from aisle_runtime.auth import principal, token_line
from aisle_runtime.client import ErrorDetails, error_details, open_channel, open_sync_channel
from aisle_runtime.errors import InvalidField
from aisle_runtime.health import REASON_KEY
from aisle_runtime.server import AddressInUse, ConfigurationError, Server
from aisle_runtime.settings import ServiceSettings
from google.protobuf.wrappers_pb2 import StringValue
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

SECRET = "secret /etc/path token=abc"
NAME = "shop.Echo"
CODEC: dict[str, Any] = {
    "request_deserializer": StringValue.FromString,
    "response_serializer": StringValue.SerializeToString,
}
STUB: dict[str, Any] = {
    "request_serializer": StringValue.SerializeToString,
    "response_deserializer": StringValue.FromString,
}


class Echo:
    """One method of each kind; the value of a request says what happens to it."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.inside = asyncio.Event()
        self.runs = 0

    async def one(self, request: StringValue, context: Any) -> StringValue:
        self.runs += 1
        await self._obey(request.value)
        return StringValue(value=f"{principal()}{request.value}")

    async def many(self, request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        for part in request.value:
            yield StringValue(value=part)
        await self._obey(request.value)

    async def join(self, requests: AsyncIterator[StringValue], context: Any) -> StringValue:
        return StringValue(value="".join([part.value async for part in requests]))

    async def chat(self, requests: AsyncIterator[StringValue], context: Any) -> AsyncIterator[StringValue]:
        async for part in requests:
            await self._obey(part.value)
            yield part

    async def _obey(self, value: str) -> None:
        if value == "crash":
            raise RuntimeError(SECRET)
        if value == "refuse":
            raise InvalidField("spec.value", "is refused", next_step="Send another.")
        if value == "wait":
            self.inside.set()
            await self.gate.wait()
        if value == "busy":
            await asyncio.sleep(0.02)

    def handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            NAME,
            {
                "One": grpc.unary_unary_rpc_method_handler(self.one, **CODEC),
                "Many": grpc.unary_stream_rpc_method_handler(self.many, **CODEC),
                "Join": grpc.stream_unary_rpc_method_handler(self.join, **CODEC),
                "Chat": grpc.stream_stream_rpc_method_handler(self.chat, **CODEC),
            },
        )


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[tuple[Server, Echo]]:
    echo, server = Echo(), Server("echo", ServiceSettings(**{"lame_duck_seconds": 0, **settings}))
    server.grpc.add_generic_rpc_handlers((echo.handlers(),))
    await server.start([NAME])
    server.health.set("")
    try:
        yield server, echo
    finally:
        echo.gate.set()
        await server.drain()


async def said(values: list[Any]) -> AsyncIterator[Any]:
    for value in values:
        yield value if isinstance(value, bytes) else StringValue(value=value)


async def call(channel: grpc.aio.Channel, kind: str, *values: Any, raw: bool = False, **keywords: Any) -> list[str]:
    codec: dict[str, Any] = {} if raw else STUB
    sent = [value if isinstance(value, bytes) else StringValue(value=value) for value in values]
    path = f"/{NAME}/{kind}"
    if kind == "One":
        return [(await channel.unary_unary(path, **codec)(sent[0], **keywords)).value]
    if kind == "Many":
        return [part.value async for part in channel.unary_stream(path, **codec)(sent[0], **keywords)]
    if kind == "Join":
        return [(await channel.stream_unary(path, **codec)(said(list(values)), **keywords)).value]
    return [part.value async for part in channel.stream_stream(path, **codec)(said(list(values)), **keywords)]


async def ask(channel: Any, path: str, raw: bytes = b"") -> Any:
    return await channel.unary_unary(path)(raw)


async def refusal(work: Any) -> ErrorDetails:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await work
    return error_details(refused.value)


@pytest.fixture
def spans() -> Any:
    exporter = InMemorySpanExporter()
    telemetry.setup("echo", exporter=exporter)
    yield exporter
    telemetry.shutdown()


async def test_all_kinds_of_call_work_and_make_one_trace_each(spans: InMemorySpanExporter) -> None:
    async with serving() as (server, _), open_channel(server.address) as channel:
        assert await call(channel, "One", "a") == ["a"]
        assert await call(channel, "Many", "abc") == ["a", "b", "c"]
        assert await call(channel, "Join", "a", "b") == ["ab"]
        assert await call(channel, "Chat", "a", "b") == ["a", "b"]
    found = {(span.name, span.kind): span for span in spans.get_finished_spans()}
    for kind in ("One", "Many", "Join", "Chat"):
        client, service = found[f"{NAME}/{kind}", SpanKind.CLIENT], found[f"{NAME}/{kind}", SpanKind.SERVER]
        assert service.parent is not None and client.context is not None
        assert service.parent.span_id == client.context.span_id
        assert (service.attributes or {})["rpc.grpc.status_code"] == 0
    assert len(found) == 8, "health checks and reflection make no spans"


@pytest.mark.parametrize("kind", ["One", "Many", "Join", "Chat"])
async def test_malformed_bytes_are_an_invalid_argument(kind: str) -> None:
    async with serving() as (server, echo), open_channel(server.address) as channel:
        told = await refusal(call(channel, kind, b"\xff\xff\xff", raw=True))
        assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")
        assert told.domain == "echo.aisle" and len(told.violations) == 1 and echo.runs == 0


async def test_malformed_bytes_to_health_and_an_unknown_method_stay_in_the_contract() -> None:
    async with serving() as (server, _), open_channel(server.address) as channel:
        told = await refusal(ask(channel, "/grpc.health.v1.Health/Check", b"\xff"))
        assert told.reason == "MALFORMED_REQUEST"
        told = await refusal(ask(channel, "/shop.Echo/Nope"))
        assert (told.code, told.reason) == (grpc.StatusCode.UNIMPLEMENTED, "METHOD_UNKNOWN")


async def _awaited(work: Any) -> Any:
    return await work


@pytest.mark.parametrize("kind", ["One", "Many", "Chat"])
async def test_an_unexpected_exception_is_masked(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as (server, _), open_channel(server.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(channel, kind, "crash")
        told = error_details(refused.value)
        assert (told.code, told.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
        everything = f"{refused.value!r}{told!r}{list(refused.value.trailing_metadata() or ())!r}"
        assert not any(part in everything for part in SECRET.split())
    assert SECRET in caplog.text


async def test_a_domain_error_arrives_with_its_details() -> None:
    async with serving() as (server, _), open_channel(server.address) as channel:
        for kind in ("One", "Many", "Chat"):
            told = await refusal(call(channel, kind, "refuse"))
            assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
            assert told.violations[0].field == "spec.value" and told.next_step == "Send another."


async def test_a_deadline_ends_the_call_on_both_sides(spans: InMemorySpanExporter) -> None:
    async with serving() as (server, _), open_channel(server.address) as channel:
        begun = time.monotonic()
        told = await refusal(call(channel, "One", "wait", timeout=0.2))
        assert told.code is grpc.StatusCode.DEADLINE_EXCEEDED and time.monotonic() - begun < 2
    ended = (1, 4)  # the server may hear of the caller's giving up before its own clock runs out
    async with asyncio.timeout(10):  # the server's span ends when its handler does, not when the caller gives up
        while SpanKind.SERVER not in {
            span.kind
            for span in spans.get_finished_spans()
            if (span.attributes or {}).get("rpc.grpc.status_code") in ended
        }:
            await asyncio.sleep(0.02)


async def test_overload_is_refused_at_once_with_a_delay_and_spares_health_and_streams() -> None:
    async with serving(max_concurrent_rpcs=2, max_concurrent_streams=1) as (server, echo):
        async with open_channel(server.address) as channel:
            held = [asyncio.ensure_future(call(channel, "One", "wait")) for _ in range(2)]
            await echo.inside.wait()
            while server.door.busy < 2:
                await asyncio.sleep(0.01)
            begun = time.monotonic()
            told = await refusal(call(channel, "One", "x"))
            assert time.monotonic() - begun < 1
            assert (told.code, told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
            assert told.retry_after_seconds and told.next_step
            assert await call(channel, "Many", "ab") == ["a", "b"]
            health = health_pb2_grpc.HealthStub(channel)
            assert (await health.Check(health_pb2.HealthCheckRequest())).status == 1
            echo.gate.set()
            assert await asyncio.gather(*held) == [["wait"], ["wait"]]
            assert await call(channel, "One", "x") == ["x"]


async def test_under_ten_times_the_load_admitted_calls_keep_their_deadline() -> None:
    async with serving(max_concurrent_rpcs=64) as (server, _), open_channel(server.address) as channel:
        outcomes = await asyncio.gather(
            *(call(channel, "One", "busy", timeout=5) for _ in range(300)), return_exceptions=True
        )
        refused = [error_details(o) for o in outcomes if isinstance(o, grpc.aio.AioRpcError)]
        assert {told.code for told in refused} <= {grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert len(outcomes) - len(refused) >= 64


async def test_drain_lets_calls_end_and_tells_watchers_first() -> None:
    async with serving(drain_grace_seconds=4) as (server, echo), open_channel(server.address) as channel:
        seen: list[int] = []

        async def watch() -> None:
            with pytest.raises(grpc.aio.AioRpcError):
                async for answer in health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest()):
                    seen.append(answer.status)

        watching = asyncio.ensure_future(watch())
        held = asyncio.ensure_future(call(channel, "One", "wait"))
        await echo.inside.wait()
        while not seen:
            await asyncio.sleep(0.01)
        draining = asyncio.ensure_future(server.drain())
        await watching
        assert seen == [1, 2]
        echo.gate.set()
        assert await held == ["wait"]
        begun = time.monotonic()
        await draining
        assert time.monotonic() - begun < 2


async def test_drain_ends_open_streams_with_a_reason_to_resume_elsewhere() -> None:
    async with serving(drain_grace_seconds=0.4) as (server, _), open_channel(server.address) as channel:
        many: Any = channel.unary_stream(f"/{NAME}/Many", **STUB)
        stream = aiter(many(StringValue(value="wait")))
        assert (await anext(stream)).value == "w"
        draining = asyncio.ensure_future(server.drain())

        async def rest() -> None:
            async for _ in stream:
                pass

        told = await refusal(rest())
        assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVER_DRAINING")
        await draining


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0"])
async def test_it_refuses_to_be_open_to_strangers(listen: str) -> None:
    with pytest.raises(ConfigurationError, match="not loopback"):
        Server("echo", ServiceSettings(listen=listen))


async def test_calls_need_a_token_where_one_is_configured_health_aside(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(token_line("ops-", "good"))
    async with serving(auth_tokens_file=path) as (server, echo):
        async with open_channel(server.address) as anonymous, open_channel(server.address, token="bad") as wrong:
            told = [await refusal(call(channel, "One", "a")) for channel in (anonymous, wrong)]
            assert [t.reason for t in told] == ["TOKEN_MISSING", "TOKEN_INVALID"]
            assert {t.code for t in told} == {grpc.StatusCode.UNAUTHENTICATED} and echo.runs == 0
            reflection = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
            told = [await refusal(_awaited(anonymous.stream_unary(reflection)(said([]))))]
            assert told[0].reason == "TOKEN_MISSING"
            health = health_pb2_grpc.HealthStub(anonymous)
            assert (await health.Check(health_pb2.HealthCheckRequest())).status == 1
        async with open_channel(server.address, token="good") as channel:
            assert await call(channel, "One", "a") == ["ops-a"]
            assert await call(channel, "Many", "ab") == ["a", "b"]


async def test_a_taken_port_is_a_clear_error_and_the_port_file_is_whole(tmp_path: Path) -> None:
    port_file = tmp_path / "run" / "port"
    async with serving(port_file=port_file) as (server, _):
        port = int(port_file.read_text())
        assert server.address == f"127.0.0.1:{port}"
        with pytest.raises(AddressInUse):
            await Server("echo", ServiceSettings(listen=server.address)).start([NAME])
    assert not port_file.exists()


async def test_health_tells_readiness_its_reason_and_unknown_services() -> None:
    async with serving() as (server, _), open_channel(server.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", NAME):
            assert (await health.Check(health_pb2.HealthCheckRequest(service=name))).status == 1
        assert (
            await refusal(_awaited(health.Check(health_pb2.HealthCheckRequest(service="no"))))
        ).reason == "SERVICE_UNKNOWN"
        watches = [health.Watch(health_pb2.HealthCheckRequest(service=NAME)) for _ in range(2)]
        assert [(await watch.read()).status for watch in watches] == [1, 1]
        watches[0].cancel()
        server.health.set("event bus not connected")
        assert (await watches[1].read()).status == 2
        watches[1].cancel()
    async with serving() as (server, _):
        server.health.set("event bus not connected")
        async with grpc.aio.insecure_channel(server.address) as plain:
            check = health_pb2_grpc.HealthStub(plain).Check(health_pb2.HealthCheckRequest())
            assert (await check).status == 2
            assert (REASON_KEY, "event bus not connected") in list(await check.trailing_metadata())


async def test_messages_over_the_limit_are_refused_and_the_server_lives() -> None:
    async with serving() as (server, _), open_channel(server.address) as channel:
        told = await refusal(call(channel, "One", "x" * (4 * 1024 * 1024 + 1)))
        assert told.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await call(channel, "One", "a") == ["a"]


async def test_clients_prefer_healthy_servers_and_lose_no_call_while_one_leaves() -> None:
    async with serving(lame_duck_seconds=0.2) as (first, _), serving() as (second, _):
        async with open_channel(f"{first.address},{second.address}") as channel:
            assert await call(channel, "One", "a") == ["a"]
            leaving = asyncio.ensure_future(first.drain())
            answers = 0
            while not leaving.done() or answers < 50:
                assert await call(channel, "One", "a") == ["a"]
                answers += 1
            await leaving


async def test_the_sync_client_behaves_alike(spans: InMemorySpanExporter) -> None:
    def talk(address: str) -> tuple[str, list[str], ErrorDetails]:
        with open_sync_channel(address) as channel:
            one: Any = channel.unary_unary(f"/{NAME}/One", **STUB)
            many: Any = channel.unary_stream(f"/{NAME}/Many", **STUB)
            answers = [part.value for part in many(StringValue(value="ab"))]
            try:
                one(StringValue(value="refuse"))
            except grpc.RpcError as error:
                return one.future(StringValue(value="f")).result().value, answers, error_details(error)
            raise AssertionError("not refused")

    async with serving() as (server, _):
        value, answers, told = await asyncio.to_thread(talk, server.address)
    assert (value, answers, told.reason) == ("f", ["a", "b"], "INVALID_FIELD")
    clients = [span for span in spans.get_finished_spans() if span.kind is SpanKind.CLIENT]
    assert sorted((span.attributes or {})["rpc.grpc.status_code"] for span in clients) == [0, 0, 3]  # type: ignore[type-var]


async def test_a_unary_call_without_a_timeout_gets_the_default() -> None:
    async with serving() as (server, _), open_channel(server.address, default_timeout=0.2) as channel:
        begun = time.monotonic()
        assert (await refusal(call(channel, "One", "wait"))).code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert time.monotonic() - begun < 2


async def test_reflection_lists_the_services() -> None:
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    def names(address: str) -> list[str]:
        with grpc.insecure_channel(address) as channel:
            return list(ProtoReflectionDescriptorDatabase(channel).get_services())

    async with serving() as (server, _):
        assert {NAME, "grpc.health.v1.Health"} <= set(await asyncio.to_thread(names, server.address))
