"""A real nats-server for tests: free port, JetStream with fsync before every answer, one user per service.

Use it as `from aisle_runtime.testing.nats import nats_server  # noqa: F401` in a conftest, or `pytest_plugins`.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from aisle_runtime.nats_config import ADMIN_USER, BusUser, client_url, nats_server_binary, server_config
from aisle_runtime.settings import ServiceSettings

SERVICES = ("governance", "trainer", "tuner", "registry", "ranker", "monitor", "demo", "other")
START_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1


class NatsServer:
    """One server process that a test may kill, stop for a while and start again with its data."""

    def __init__(self, folder: Path, users: tuple[BusUser, ...] = ()) -> None:
        """Keep everything in `folder`; by default every service has a user."""
        self.folder = folder
        self.url = ""
        """Address of the server once it runs."""
        self._users = users or tuple(
            BusUser(name, f"password of {name}", may_erase=name == "governance") for name in SERVICES
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start on a free port, or on the port of before, and return once it serves."""
        config = self.folder / "nats.conf"
        listen = self.url.removeprefix("nats://") or "127.0.0.1:-1"
        config.write_text(
            server_config(
                store_dir=self.folder / "store",
                users=self._users,
                admin_password=f"password of {ADMIN_USER}",
                listen=listen,
                ports_dir=self.folder,
            )
        )
        config.chmod(0o600)
        with (self.folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen(
                [nats_server_binary(), "-c", str(config)],
                stdout=log, stderr=log, preexec_fn=_die_with_parent,
            )  # fmt: skip
        _wait_for(lambda: bool(client_url(self.folder, self.pid)) or self._process_ended(), "the NATS server")
        self.url = client_url(self.folder, self.pid).replace("0.0.0.0", "127.0.0.1")
        assert self.url, (self.folder / "nats.log").read_text()

    def stop(self) -> None:
        """End the server in good order; may be repeated."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server as a crash does."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Stop the server's clock: it keeps its connections and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        os.kill(self.pid, signal.SIGCONT)

    def password(self, user: str) -> str:
        """Return the password of a service's user or of `admin`."""
        return next((entry.password for entry in self._users if entry.service == user), f"password of {user}")

    def settings(self, service: str) -> dict[str, object]:
        """Return the settings with which `service` uses this server."""
        return {"nats_url": self.url, "nats_user": service, "nats_password": SecretStr(self.password(service))}

    def service_settings(self, service: str, **more: object) -> ServiceSettings:
        """Return plain settings for `service` on this server."""
        return ServiceSettings.model_validate({**self.settings(service), **more})

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
        self._process.wait(timeout=START_SECONDS)
        self._process = None

    def _process_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None


@pytest.fixture(scope="module")
def nats_server() -> Iterator[NatsServer]:
    """One server for the tests of a module."""
    with running_nats() as server:
        yield server


@pytest.fixture
def own_nats_server() -> Iterator[NatsServer]:
    """A server for one test that is going to harm it."""
    with running_nats() as server:
        yield server


@contextlib.contextmanager
def running_nats(users: tuple[BusUser, ...] = ()) -> Iterator[NatsServer]:
    """Run a server in a temporary folder for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="aisle-nats-") as folder:
        server = NatsServer(Path(folder), users)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not start")
        time.sleep(0.005)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
