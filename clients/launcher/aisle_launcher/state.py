"""The state folder: one lock, the ports, the credentials, and where everything else lies."""

import fcntl
import json
import os
import random
import secrets
import socket
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from aisle_launcher.errors import AlreadyRunning, Misconfigured
from aisle_launcher.files import LogFile, read_json, write_private

DEFAULT_STATE_DIR = Path(".aisle")
_LOCK_RETRY_SECONDS = 0.05
_LOWEST_PORT, _USUAL_EPHEMERAL_PORT = 15_000, 32_768


class StateFolder:
    """Everything that one local platform keeps, below one folder with mode 0700."""

    def __init__(self, root: Path) -> None:
        """Name the folder; nothing is made before `prepare`."""
        self.root = root.absolute()
        self._lock: int | None = None

    def prepare(self) -> None:
        """Make the folders.

        Raises Misconfigured when that is not possible.
        """
        try:
            for folder in (self.root, self.root / "logs", self.root / "services", self.nats_dir):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
        except OSError as error:
            raise Misconfigured(
                f"The state folder {self.root} cannot be used: {error.strerror}.", "Choose another --state-dir."
            ) from error

    def lock(self, attempts: int = 5) -> None:
        """Own the folder until this process ends or `unlock` is called.

        Raises AlreadyRunning when another process owns it.
        """
        descriptor = os.open(self.root / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        # `is_locked` of another process holds a shared lock for an instant, so one refusal proves nothing.
        while not _try_lock(descriptor):
            if (attempts := attempts - 1) <= 0:
                os.close(descriptor)
                raise AlreadyRunning(str(self.root), self.owner_pid())
            time.sleep(_LOCK_RETRY_SECONDS)
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._lock = descriptor

    def unlock(self) -> None:
        """Give the folder up; may be repeated."""
        if self._lock is not None:
            os.truncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    def is_locked(self) -> bool:
        """Say whether some process owns the folder."""
        try:
            descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def owner_pid(self) -> int:
        """Return the process id that the owner wrote into the lock; 0 when there is none."""
        with suppress(OSError, ValueError):
            return int((self.root / "lock").read_text())
        return 0

    @property
    def nats_dir(self) -> Path:
        """Configuration and store of the event bus."""
        return self.root / "nats"

    @property
    def signing_key_file(self) -> Path:
        """Key of the tokens that ranker signs and governance checks."""
        return self.root / "signing.key"

    @property
    def subject_key_file(self) -> Path:
        """Key of the keyed hashes of erased people; governance makes it."""
        return self.service_dir("governance") / "subject.key"

    @property
    def endpoints_file(self) -> Path:
        """Addresses of the running services, for clients."""
        return self.root / "endpoints.json"

    @property
    def status_file(self) -> Path:
        """What the launcher last knew about its processes."""
        return self.root / "status.json"

    def service_dir(self, service: str) -> Path:
        """Folder that a service stores its state in."""
        return self.root / "services" / service

    def log(self, name: str) -> LogFile:
        """Log of a process."""
        return LogFile(self.root / "logs" / f"{name}.log")

    def credentials(self, users: Iterable[str]) -> dict[str, str]:
        """Return a random password per user of the event bus, the same at every call."""
        file = self.nats_dir / "credentials.json"
        known = {str(user): str(password) for user, password in read_json(file).items()}
        missing = [user for user in users if user not in known]
        if missing:
            known |= {user: secrets.token_urlsafe(32) for user in missing}
            write_private(file, json.dumps(known, indent=2) + "\n")
        return known

    def ports(self, names: Iterable[str], wanted: Mapping[str, int]) -> dict[str, int]:
        """Return a free loopback port per name: the wanted one, else the one of the last start, else any.

        Raises Misconfigured when a wanted port is taken.
        """
        file = self.root / "ports.json"
        known = read_json(file)
        chosen: dict[str, int] = {}
        for name in names:
            before = known.get(name)
            if name in wanted:
                if not _is_free(wanted[name]):
                    raise Misconfigured(
                        f"Port {wanted[name]}, wanted for {name}, is taken.", f"Choose another --port {name}=PORT."
                    )
                chosen[name] = wanted[name]
            elif isinstance(before, int) and before not in wanted.values() and _is_free(before):
                chosen[name] = before
            else:
                chosen[name] = _free_port({*chosen.values(), *wanted.values()})
        write_private(file, json.dumps(chosen, indent=2) + "\n")
        return chosen


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _free_port(taken: set[int]) -> int:
    """Return a free port below the range from which the kernel takes ports of outgoing connections.

    Above it a service that is down for a moment could find its port in use by somebody's outgoing connection.
    """
    candidates = range(_LOWEST_PORT, _first_ephemeral_port())
    for port in random.SystemRandom().sample(candidates, k=min(500, len(candidates))):
        if port not in taken and _is_free(port):
            return port
    raise Misconfigured("No free port was found.", "Name ports yourself with --port NAME=PORT.")


def _first_ephemeral_port() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first = _USUAL_EPHEMERAL_PORT
    return first if first > _LOWEST_PORT + 1_000 else 65_535


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True
