"""The platform as a Python object: real processes, a real event bus, stand-ins for the services."""

import asyncio
import json
import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import nats
import psutil
import pytest
from aisle_launcher.child import Backoff, Child, ChildState
from aisle_launcher.errors import AlreadyRunning, Misconfigured, NotReady
from aisle_launcher.platform import LocalPlatform
from aisle_launcher.probes import grpc_health, nats_info
from aisle_launcher.state import StateFolder
from aisle_launcher.table import ProcessSpec
from launcher_support import alive, fake_command, fake_commands


def platform(folder: Path, **modes: str) -> LocalPlatform:
    return LocalPlatform(folder / "state", commands=fake_commands(folder, **modes), ready_seconds=20)


async def test_everything_runs_inside_the_block_and_nothing_after_it(tmp_path: Path) -> None:
    async with platform(tmp_path, ranker="good", monitor="good") as running:
        pids = [running.pid(name) for name in ("nats", "ranker", "monitor")]
        assert alive(pids[:0]) == [] and all(psutil.pid_exists(pid) for pid in pids)
        assert await grpc_health(running.addresses["ranker"]) == ""
        assert await nats_info(running.nats_url.removeprefix("nats://")) == ""
        endpoints = running.state.endpoints_file
        assert json.loads(endpoints.read_text())["services"] == running.addresses
        assert running.restarts == {"nats": 0, "ranker": 0, "monitor": 0}
    assert alive(pids) == []
    assert not endpoints.exists()
    assert not running.state.is_locked()


async def test_nothing_private_can_be_read_by_others(tmp_path: Path) -> None:
    async with platform(tmp_path) as running:
        for path in [running.state.root, *running.state.root.rglob("*")]:
            mode = stat.S_IMODE(path.stat().st_mode)
            private = path == running.state.root or path.suffix in (".json", ".conf", ".log") or path.name == "lock"
            assert not private or mode & 0o077 == 0, path
        assert "Authorization Violation" in await _anonymous(running.nats_url.removeprefix("nats://"))
        for user in ("admin", "trainer"):
            client = await nats.connect(running.nats_url, user=user, password=running.nats_password(user))
            await client.close()


async def test_a_killed_service_comes_back_at_its_address(tmp_path: Path) -> None:
    async with platform(tmp_path, trainer="good") as running:
        address, before = running.addresses["trainer"], running.pid("trainer")
        await running.kill("trainer")
        assert alive([before]) == []
        await running.until_ready("trainer", timeout=20)
        assert running.pid("trainer") not in (0, before)
        assert running.restarts["trainer"] == 1
        assert await grpc_health(address) == ""


async def test_the_bus_can_be_stopped_paused_and_started_again(tmp_path: Path) -> None:
    async with platform(tmp_path) as running:
        address = running.nats_url.removeprefix("nats://")
        await running.stop_nats()
        assert running.pid("nats") == 0
        assert running.children["nats"].state is ChildState.HELD
        assert await nats_info(address) == "does not answer yet"
        await running.start_nats()
        assert await nats_info(address) == ""
        await running.pause_nats()
        await _until_status(running.pid("nats"), lambda status: status == psutil.STATUS_STOPPED)
        await running.start_nats()
        await _until_status(running.pid("nats"), lambda status: status != psutil.STATUS_STOPPED)
        assert running.restarts["nats"] == 0


async def test_a_killed_bus_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    async with platform(tmp_path) as running:
        login = {"user": "admin", "password": running.nats_password()}
        client = await nats.connect(running.nats_url, allow_reconnect=False, **login)
        await client.jetstream().add_stream(name="AISLE", subjects=["aisle.>"])
        await client.jetstream().publish("aisle.test.thing.happened.v1", b"x")
        await client.close()
        await running.kill("nats")
        await running.until_ready("nats", timeout=20)
        client = await nats.connect(running.nats_url, **login)
        assert (await client.jetstream().stream_info("AISLE")).state.messages == 1
        await client.close()


async def test_a_crash_loop_is_named_and_leaves_the_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Backoff, "FIRST_SECONDS", 0.01)
    running = platform(tmp_path, tuner="crash", monitor="good")
    looping = asyncio.Event()
    running._on_change = lambda child: looping.set() if child.state is ChildState.CRASH_LOOP else None
    running.start()
    try:
        async with asyncio.timeout(20):
            await looping.wait()
        await running.until_ready("monitor")
        assert running.children["tuner"].restarts >= Backoff.LOOP_DEATHS
        with pytest.raises(NotReady, match=r"tuner \(.*ended with code 7"):
            await running.until_ready(timeout=0.1)
        assert "cannot work here" in running.state.log("tuner").path.read_text()
    finally:
        await running.stop()


async def test_a_start_that_does_not_get_ready_says_who_and_why_and_leaves_nothing(tmp_path: Path) -> None:
    running = LocalPlatform(tmp_path / "state", commands=fake_commands(tmp_path, ranker="lazy"), ready_seconds=2)
    with pytest.raises(NotReady, match=r"ranker \(starting: says that it is not serving\)"):
        async with running:
            pass
    assert not running.state.is_locked()


async def test_one_folder_has_one_platform(tmp_path: Path) -> None:
    async with platform(tmp_path) as running:
        with pytest.raises(AlreadyRunning) as refused:
            async with platform(tmp_path):
                pass
        assert refused.value.pid == os.getpid()
        assert running.state.is_locked()
        assert running.pid("nats") != 0


async def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    address = f"127.0.0.1:{_port(tmp_path)}"
    environment = {**os.environ, "AISLE_RANKER_LISTEN": address}
    ready = asyncio.Event()
    command = tuple(fake_command(tmp_path, "ranker", "stubborn"))
    spec = ProcessSpec("ranker", command, address, environment, stop_seconds=0.2)
    state = StateFolder(tmp_path)
    child = Child(spec, state.log("ranker"), lambda c: ready.set() if c.state is ChildState.READY else None)
    child.start()
    async with asyncio.timeout(20):
        await ready.wait()
    pid = child.pid
    await child.stop()
    assert alive([pid]) == []
    assert child.state is ChildState.STOPPED


async def test_what_a_service_leaves_behind_goes_with_it(tmp_path: Path) -> None:
    async with platform(tmp_path, governance="family") as running:
        grandchildren = [child.pid for child in psutil.Process(running.pid("governance")).children()]
        assert grandchildren
        await running.kill("governance")
        assert alive(grandchildren) == []


async def test_ports_stay_the_same_and_can_be_chosen(tmp_path: Path) -> None:
    wanted = _port(tmp_path / "other")
    commands = fake_commands(tmp_path)
    async with LocalPlatform(tmp_path / "state", commands=commands, ports={"ranker": wanted}) as first:
        assert first.addresses["ranker"] == f"127.0.0.1:{wanted}"
    async with LocalPlatform(tmp_path / "state", commands=commands) as second:
        assert second.addresses == first.addresses
        assert second.nats_url == first.nats_url
        taken = int(second.nats_url.rpartition(":")[2])
    with pytest.raises(Misconfigured, match="no process `rankr`"):
        LocalPlatform(tmp_path / "state", ports={"rankr": 1}).start()
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", taken)
    async with listener:
        with pytest.raises(Misconfigured, match=f"Port {taken}, wanted for monitor, is taken"):
            async with LocalPlatform(tmp_path / "state", commands=commands, ports={"monitor": taken}):
                pass


async def test_a_signal_that_does_not_end_a_process_is_not_waited_for(tmp_path: Path) -> None:
    async with platform(tmp_path) as running:
        assert running.children["nats"].send(signal.SIGHUP)  # nats-server reloads its configuration
        assert running.pid("nats") != 0


async def _until_status(pid: int, fits: Callable[[str], bool]) -> None:
    """Signals act a moment after they were sent."""
    async with asyncio.timeout(10):
        while not fits(psutil.Process(pid).status()):
            await asyncio.sleep(0.005)


async def _anonymous(address: str) -> str:
    """What the bus answers somebody without a password."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.readline()
    writer.write(b"CONNECT {}\r\nPING\r\n")
    answer = await reader.read()
    writer.close()
    return answer.decode()


def _port(folder: Path) -> int:
    state = StateFolder(folder)
    state.prepare()
    return state.ports(["x"], {})["x"]
