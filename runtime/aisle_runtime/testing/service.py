"""A whole service inside the test's own process and event loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from aisle_runtime import telemetry
from aisle_runtime.client import open_channel
from aisle_runtime.service import Host, Wire
from aisle_runtime.settings import ServiceSettings


@asynccontextmanager
async def running_service(
    service: str, settings: ServiceSettings | None, migrations_package: str, wire: Wire, *, wait_ready: bool = True
) -> AsyncIterator[str]:
    """Serve on a free loopback port and yield host:port; see `running_host`."""
    async with running_host(service, settings, migrations_package, wire, wait_ready=wait_ready) as host:
        yield host.address


@asynccontextmanager
async def running_host(
    service: str, settings: ServiceSettings | None, migrations_package: str, wire: Wire, *, wait_ready: bool = True
) -> AsyncIterator[Host]:
    """Serve on a free loopback port and yield the Host; it drains at once when the block ends.

    Settings that keep the default `state_dir` get a temporary one. With `wait_ready` the block begins once Health
    says SERVING.
    """
    with TemporaryDirectory(prefix="aisle-test-") as folder:
        changes: dict[str, object] = {"lame_duck_seconds": 0.0}
        given = settings or ServiceSettings()
        if given.state_dir == ServiceSettings.model_fields["state_dir"].default:
            changes["state_dir"] = Path(folder)
        if not telemetry.is_set_up():
            telemetry.setup(service)
        host = Host(service, given.model_copy(update=changes), migrations_package, wire)
        await host.start()
        try:
            if wait_ready:
                await until_serving(host.address)
            yield host
        finally:
            await host.stop()


async def until_serving(address: str, timeout: float = 10.0) -> None:
    """Return once the health service at `address` answers SERVING; raises grpc.RpcError after `timeout` seconds."""
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    channel = open_channel(address)
    try:
        watch = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(), timeout=timeout, wait_for_ready=True
        )
        async for answer in watch:
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                watch.cancel()
                return
    finally:
        await channel.close()
