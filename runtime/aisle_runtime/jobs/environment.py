"""What a child process inherits: the parent's environment with the service's settings as they are in force."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr

from aisle_runtime.settings import ServiceSettings


def child_environment(service: str, settings: ServiceSettings) -> dict[str, str]:
    """Return the environment in which the settings class of the service yields `settings` again."""
    prefix = str(settings.model_config.get("env_prefix") or "")
    if not prefix or prefix == "AISLE_SERVICE_":
        prefix = f"AISLE_{service.upper()}_"
    environment = dict(os.environ)
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value is not None:
            environment[f"{prefix}{name.upper()}"] = _text(value)
    return environment


def owner_name(nonce: str) -> str:
    """Return the name under which this process holds leases: host, boot, process, its start, and `nonce`."""
    started = psutil.Process().create_time()
    return f"{socket.gethostname()}|{_boot_id()}|{os.getpid()}|{started:.2f}|{nonce}"


def is_dead(owner: str) -> bool:
    """Say whether the process that `owner` names is known to be gone; of another host nothing is known."""
    parts = owner.split("|")
    if len(parts) != 5 or parts[0] != socket.gethostname():
        return False
    if parts[1] != _boot_id():
        return True
    try:
        return f"{psutil.Process(int(parts[2])).create_time():.2f}" != parts[3]
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"{psutil.boot_time():.0f}"


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, str | Path):
        return str(value)
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(value, default=str)
