"""A whole service as its own process: start, readiness, refusal to start, and the end on SIGTERM."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from aisle_runtime.client import open_channel
from aisle_runtime.health import REASON_KEY
from google.protobuf.wrappers_pb2 import StringValue
from grpc_health.v1 import health_pb2, health_pb2_grpc

MAIN = """
import asyncio, sys
import grpc
from google.protobuf.wrappers_pb2 import StringValue
from aisle_runtime.service import Wiring, run_service
from aisle_runtime.settings import ServiceSettings, service_config

class Settings(ServiceSettings):
    model_config = service_config("echo")

async def slow(request, context):
    await asyncio.sleep(0.7)
    return request

async def wire(platform):
    handler = grpc.unary_unary_rpc_method_handler(
        slow, request_deserializer=StringValue.FromString, response_serializer=StringValue.SerializeToString
    )
    handlers = grpc.method_handlers_generic_handler("shop.Echo", {"Slow": handler})
    return Wiring(lambda server: server.add_generic_rpc_handlers((handlers,)), ["shop.Echo"])

sys.exit(run_service("echo", Settings, "echopkg", wire))
"""
ENV = "from sqlalchemy import MetaData\nfrom aisle_runtime.migrations_env import run\nrun(MetaData())\n"
FIRST = (
    'revision = "0001"\ndown_revision = None\nfrom alembic import op\n'
    "from aisle_runtime.db import create_runtime_tables\ndef upgrade():\n    create_runtime_tables(op)\n"
)


class Process:
    """Starts the echo service with the given settings and keeps what it logs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port_file = folder, folder / "port"
        versions = folder / "echopkg" / "migrations" / "versions"
        versions.mkdir(parents=True)
        (folder / "echopkg" / "__init__.py").touch()
        (versions.parent / "env.py").write_text(ENV)
        (versions / "0001_first.py").write_text(FIRST)
        self.running: subprocess.Popen[str] | None = None

    def start(self, **settings: str) -> subprocess.Popen[str]:
        given = {"state_dir": str(self.folder / "state"), "port_file": str(self.port_file), **settings}
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        environment |= {f"AISLE_ECHO_{key.upper()}": value for key, value in given.items()}
        command = [sys.executable, "-c", MAIN]
        self.running = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        return self.running

    async def address(self) -> str:
        async with asyncio.timeout(20):
            while not self.port_file.exists():
                assert self.running is not None and self.running.poll() is None, self.log()
                await asyncio.sleep(0.02)
        return f"127.0.0.1:{int(self.port_file.read_text())}"

    def log(self) -> list[dict[str, Any]]:
        assert self.running is not None
        _, text = self.running.communicate(timeout=20)
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path)
    yield made
    if made.running is not None and made.running.poll() is None:
        made.running.kill()
        made.running.communicate()


async def until(channel: grpc.aio.Channel, status: int) -> None:
    async for answer in health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20):
        if answer.status == status:
            return


async def test_it_serves_and_ends_on_sigterm_with_the_call_in_flight(process: Process) -> None:
    running = process.start(lame_duck_seconds="0.1")
    async with open_channel(await process.address()) as channel:
        await until(channel, 1)
        slow: Any = channel.unary_unary(
            "/shop.Echo/Slow",
            request_serializer=StringValue.SerializeToString,
            response_deserializer=StringValue.FromString,
        )
        call = slow(StringValue(value="a"))
        await call.wait_for_connection()
        await asyncio.sleep(0.1)
        begun = time.monotonic()
        running.send_signal(signal.SIGTERM)
        assert (await call).value == "a"
    lines = await asyncio.to_thread(process.log)
    assert running.returncode == 0 and time.monotonic() - begun < 10
    said = [line["message"] for line in lines if line["logger"] == "aisle_runtime.service"]
    assert [message for message in said if message != "readiness changed"][-2:] == [
        "draining",
        "stopped",
    ]
    assert not process.port_file.exists()
    state = process.folder / "state"
    modes = [path.stat().st_mode & 0o077 for path in [state, *state.rglob("*")]]
    assert not any(modes), "state is private to its owner"


async def test_without_its_bus_it_starts_and_says_why_it_is_not_ready(process: Process) -> None:
    process.start(nats_url="nats://127.0.0.1:1", otlp_endpoint="127.0.0.1:1", lame_duck_seconds="0")
    address = await process.address()
    async with grpc.aio.insecure_channel(address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert (await check).status == 2
        assert dict(list(await check.trailing_metadata()))[REASON_KEY]
    running = process.running
    assert running is not None
    begun = time.monotonic()
    running.send_signal(signal.SIGTERM)
    await asyncio.to_thread(process.log)
    assert running.returncode == 0 and time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"listen": "0.0.0.0:0"}, 78, "not loopback"),
        ({"listen": "nowhere"}, 78, "setting listen"),
        ({"max_concurrent_rpcs": "-3"}, 78, "setting max_concurrent_rpcs"),
        ({"database_url": "mysql://root:secret@somewhere/aisle"}, 78, "setting database_url"),
        ({"database_url": "postgresql+asyncpg://root:secret@somewhere/aisle"}, 78, "setting database_url"),
        ({"database_url": "secret"}, 78, "setting database_url"),
        ({"listen": "taken"}, 69, "cannot be bound"),
    ],
)
def test_it_refuses_to_start_in_one_clear_line(
    process: Process, settings: dict[str, str], code: int, words: str
) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        if settings.get("listen") == "taken":
            settings = {"listen": f"127.0.0.1:{holder.getsockname()[1]}"}
        running = process.start(**settings)
        lines = process.log()
    assert running.returncode == code
    assert words in lines[-1]["message"] and "exception" not in lines[-1]
    assert "secret" not in str(lines)
    assert not process.port_file.exists()
