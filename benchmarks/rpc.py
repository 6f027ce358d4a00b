"""Unary echo: Aisle's server bootstrap with tracing, admission, deadlines and error mapping, beside bare grpc.aio."""

import asyncio
import functools
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import grpc
import grpc.aio
from google.protobuf.wrappers_pb2 import StringValue

from benchmarks.common import Contender, compare

SERVICE, METHOD = "benchmark.Echo", "Say"
CALLS, IN_FLIGHT = 2000, 8
PAYLOAD = StringValue(value="x" * 200)


def _handlers() -> grpc.GenericRpcHandler:
    async def say(request: StringValue, context: Any) -> StringValue:
        return request

    handler = grpc.unary_unary_rpc_method_handler(
        say, request_deserializer=StringValue.FromString, response_serializer=StringValue.SerializeToString
    )
    return grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler})


async def _serve_bare(ready: Connection) -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    ready.send(port)
    await server.wait_for_termination()


async def _serve_aisle(ready: Connection, ratio: float) -> None:
    from aisle_runtime import telemetry
    from aisle_runtime.server import Server
    from aisle_runtime.settings import ServiceSettings

    telemetry.setup("benchmark", "", ratio)
    server = Server("benchmark", ServiceSettings())
    server.grpc.add_generic_rpc_handlers((_handlers(),))
    address = await server.start([SERVICE])
    ready.send(int(address.rsplit(":", 1)[1]))
    await asyncio.Event().wait()


def _run_server(kind: str, ready: Connection) -> None:
    asyncio.run(_serve_bare(ready) if kind == "bare" else _serve_aisle(ready, float(kind)))


@contextmanager
def _server(kind: str) -> Iterator[int]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_run_server, args=(kind, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


async def _calls_per_second(port: int) -> float:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(
            f"/{SERVICE}/{METHOD}",
            request_serializer=StringValue.SerializeToString,
            response_deserializer=StringValue.FromString,
        )
        await call(PAYLOAD, timeout=10)
        numbers = iter(range(CALLS))

        async def worker() -> None:
            for _ in numbers:
                await call(PAYLOAD, timeout=10)

        begun = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
        return CALLS / (time.perf_counter() - begun)


def _measure(port: int) -> float:
    return asyncio.run(_calls_per_second(port))


def run() -> dict[str, Any]:
    """Calls per second with eight in flight; client and server in processes of their own."""
    with _server("1.0") as traced, _server("0.01") as sampled, _server("bare") as bare:
        ports = {"aisle, every trace": traced, "aisle, 1 % of traces": sampled, "bare grpc.aio (limit)": bare}
        contenders = [Contender(name, functools.partial(_measure, port)) for name, port in ports.items()]
        return {"unary echo of 200 bytes": compare(contenders)}
