"""The front hall with a fake bus and fake jobs; the whole with real ones is an integration test."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from aisle_runtime import service
from aisle_runtime.client import Clients, open_channel
from aisle_runtime.errors import Unavailable
from aisle_runtime.health import REASON_KEY
from aisle_runtime.service import Platform, Wiring
from aisle_runtime.settings import ServiceSettings
from aisle_runtime.testing import running_host, running_service
from grpc_health.v1 import health_pb2, health_pb2_grpc


class FakePart:
    """Stands for the bus and for the jobs."""

    def __init__(self, log: list[str], name: str) -> None:
        self.log, self.name, self.not_ready_reason = log, name, ""

    async def start(self, *args: Any) -> None:
        self.log.append(f"{self.name} start")

    async def stop(self) -> None:
        self.log.append(f"{self.name} stop")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    happened: list[str] = []

    def assemble(name: str, settings: ServiceSettings, db: Any) -> Platform:
        parts: dict[str, Any] = {"bus": FakePart(happened, "bus"), "jobs": FakePart(happened, "jobs")}
        nothing: Any = None
        return Platform(
            service=name, settings=settings, db=db, outbox=nothing, inbox=nothing, requests=nothing, artifacts=nothing,
            clients=Clients(), **parts,
        )  # fmt: skip

    monkeypatch.setattr(service, "assemble", assemble)
    return happened


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"hostpkg_{tmp_path.name}".replace("-", "_")
    versions = tmp_path / name / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / name / "__init__.py").touch()
    (versions.parent / "env.py").write_text(
        "from sqlalchemy import MetaData\nfrom aisle_runtime.migrations_env import run\nrun(MetaData())\n"
    )
    (versions / "0001_first.py").write_text(
        'revision = "0001"\ndown_revision = None\nfrom alembic import op\n'
        "from aisle_runtime.db import create_runtime_tables\ndef upgrade():\n    create_runtime_tables(op)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


async def test_a_service_starts_works_and_stops_in_order(log: list[str], package: str) -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def wire(platform: Platform) -> Wiring:
        async def stop() -> None:
            assert await platform.db.read(lambda conn: 1) == 1
            log.append("hook")

        return Wiring(lambda server: None, ["shop.Echo"], background=[work], on_stop=[stop])

    async with running_service("echo", None, package, wire) as address:
        async with open_channel(address) as channel:
            check = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="shop.Echo"))
            assert (await check).status == 1
    assert ended.is_set()
    assert log == ["bus start", "jobs start", "hook", "jobs stop", "bus stop"]


async def test_readiness_follows_the_bus_and_the_rules(log: list[str], package: str) -> None:
    reasons = ["no model loaded", Unavailable("The index is being built.")]

    async def ready() -> str:
        answer: Any = reasons[0] if reasons else ""
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    async def wire(platform: Platform) -> Wiring:
        bus: Any = platform.bus
        bus.not_ready_reason = "event bus not connected"
        return Wiring(lambda server: None, [], ready=ready)

    async with running_host("echo", None, package, wire, wait_ready=False) as host:
        async with grpc.aio.insecure_channel(host.address) as channel:
            check = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
            assert (await check).status == 2
            assert REASON_KEY in dict(list(await check.trailing_metadata()))
        assert await host.not_ready_reason() == "event bus not connected"
        bus: Any = host.platform.bus
        bus.not_ready_reason = ""
        assert await host.not_ready_reason() == "no model loaded"
        del reasons[0]
        assert await host.not_ready_reason() == "The index is being built."
        reasons.clear()
        async with asyncio.timeout(5):
            while host.server.health.reason:
                await asyncio.sleep(0.01)
        bus.not_ready_reason = "event bus lost"
        assert await host.not_ready_reason() == "", "a bus lost later does not take the service away"


async def test_a_crashed_background_task_ends_the_service(log: list[str], package: str) -> None:
    async def work() -> None:
        raise ValueError("no way on")

    async def wire(platform: Platform) -> Wiring:
        return Wiring(lambda server: None, [], background=[work])

    async with running_host("echo", None, package, wire, wait_ready=False) as host:
        await asyncio.wait_for(host.failed.wait(), 5)


async def test_a_failed_start_leaves_nothing_open(log: list[str], package: str) -> None:
    async def wire(platform: Platform) -> Wiring:
        raise ValueError("wrong wiring")

    with pytest.raises(ValueError, match="wrong wiring"):
        async with running_service("echo", None, package, wire):
            raise AssertionError("not reached")
    assert log == []
