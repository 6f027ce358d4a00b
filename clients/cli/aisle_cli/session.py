"""One invocation: where the services are, which trace it belongs to, how it prints."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisle_cli.failures import usage

if TYPE_CHECKING:
    import grpc
    from aisle.governance.v1.governance_service_pb2_grpc import GovernanceServiceStub
    from aisle.monitor.v1.monitor_service_pb2_grpc import MonitorServiceStub
    from aisle.ranker.v1.catalog_service_pb2_grpc import CatalogServiceStub
    from aisle.ranker.v1.ranker_service_pb2_grpc import RankerServiceStub
    from aisle.registry.v1.registry_service_pb2_grpc import RegistryServiceStub
    from aisle.trainer.v1.trainer_service_pb2_grpc import TrainerServiceStub
    from aisle.tuner.v1.tuner_service_pb2_grpc import TunerServiceStub

DEFAULT_PORTS = {
    "governance": 7101,
    "trainer": 7102,
    "tuner": 7103,
    "registry": 7104,
    "ranker": 7105,
    "monitor": 7106,
}
DEFAULT_STATE_DIR = Path(".aisle")
UPLOAD_SECONDS = 3600.0
"""Time limit of a call that carries a whole file."""
_TRACE_VARIABLE = "AISLE_TRACEPARENT"


@dataclass
class Session:
    """What a command needs to know and may use."""

    as_json: bool = False
    verbose: bool = False
    state_dir: Path = DEFAULT_STATE_DIR
    given_addresses: tuple[str, ...] = ()
    """`[SERVICE=]HOST:PORT`, as typed."""
    addresses: dict[str, str] = field(default_factory=dict)
    """Addresses used so far by service."""
    left_running: str = ""
    """What goes on at the server when the user interrupts, and how to look at it."""
    traceparent: str = ""
    """W3C trace context sent with every call."""
    _channels: dict[str, "grpc.Channel"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin a trace, or go on in the one that `AISLE_TRACEPARENT` names; the channels send it with every call."""
        self.traceparent = os.environ.get(_TRACE_VARIABLE, "")
        if self.traceparent.count("-") != 3:
            self.traceparent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
        self._trace_before = os.environ.get(_TRACE_VARIABLE)
        os.environ[_TRACE_VARIABLE] = self.traceparent

    @property
    def trace_id(self) -> str:
        """Trace id, 32 hex digits."""
        return self.traceparent.split("-")[1]

    def close(self) -> None:
        """Close the channels and leave the environment as it was."""
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()
        if self._trace_before is None:
            os.environ.pop(_TRACE_VARIABLE, None)
        else:
            os.environ[_TRACE_VARIABLE] = self._trace_before

    def address(self, service: str) -> str:
        """Find a service: --address, AISLE_<SERVICE>_ADDRESS, the running launcher, its default port."""
        for text in reversed(self.given_addresses):
            name, equals, address = text.rpartition("=")
            if equals and name not in DEFAULT_PORTS:
                usage(f"--address {text}: there is no service {name}.", f"Services: {', '.join(DEFAULT_PORTS)}.")
            if not equals or name == service:
                return address
        if from_environment := os.environ.get(f"AISLE_{service.upper()}_ADDRESS"):
            return from_environment
        return self._endpoints().get(service) or f"127.0.0.1:{DEFAULT_PORTS[service]}"

    def channel(self, service: str) -> "grpc.Channel":
        """Return an open channel to a service; token and CA come from AISLE_CLIENT_TOKEN_FILE and _CA_FILE."""
        if service not in self._channels:
            # gRPC's own log lines would stand between the user and the message.
            os.environ.setdefault("GRPC_VERBOSITY", "NONE")
            from aisle_runtime.client import open_sync_channel

            address = self.addresses[service] = self.address(service)
            self._channels[service] = open_sync_channel(
                address, token=_token(), ca_file=os.environ.get("AISLE_CLIENT_CA_FILE", "")
            )
        return self._channels[service]

    @property
    def governance(self) -> "GovernanceServiceStub":
        """Stub of governance."""
        from aisle.governance.v1.governance_service_pb2_grpc import GovernanceServiceStub

        return GovernanceServiceStub(self.channel("governance"))

    @property
    def trainer(self) -> "TrainerServiceStub":
        """Stub of the trainer."""
        from aisle.trainer.v1.trainer_service_pb2_grpc import TrainerServiceStub

        return TrainerServiceStub(self.channel("trainer"))

    @property
    def tuner(self) -> "TunerServiceStub":
        """Stub of the tuner."""
        from aisle.tuner.v1.tuner_service_pb2_grpc import TunerServiceStub

        return TunerServiceStub(self.channel("tuner"))

    @property
    def registry(self) -> "RegistryServiceStub":
        """Stub of the registry."""
        from aisle.registry.v1.registry_service_pb2_grpc import RegistryServiceStub

        return RegistryServiceStub(self.channel("registry"))

    @property
    def ranker(self) -> "RankerServiceStub":
        """Stub of the ranker."""
        from aisle.ranker.v1.ranker_service_pb2_grpc import RankerServiceStub

        return RankerServiceStub(self.channel("ranker"))

    @property
    def catalog(self) -> "CatalogServiceStub":
        """Stub of the ranker's catalogue."""
        from aisle.ranker.v1.catalog_service_pb2_grpc import CatalogServiceStub

        return CatalogServiceStub(self.channel("ranker"))

    @property
    def monitor(self) -> "MonitorServiceStub":
        """Stub of the monitor."""
        from aisle.monitor.v1.monitor_service_pb2_grpc import MonitorServiceStub

        return MonitorServiceStub(self.channel("monitor"))

    def _endpoints(self) -> dict[str, str]:
        import json

        with suppress(OSError, ValueError):
            services = json.loads((self.state_dir / "endpoints.json").read_text(encoding="utf-8"))["services"]
            return {str(name): str(address) for name, address in services.items()}
        return {}


def collect(ask: Callable[[str, int], tuple[Any, Any]], limit: int) -> list[Any]:
    """Read pages until they end or `limit` entries (0 = all) are there.

    `ask(page_token, page_size)` returns the entries of a page and the next token.
    """
    found: list[Any] = []
    token = ""
    while True:
        size = min(limit - len(found), 1000) if limit else 1000
        entries, token = ask(token, size)
        found.extend(entries)
        if not token or (limit and len(found) >= limit):
            return found


def _token() -> str:
    path = os.environ.get("AISLE_CLIENT_TOKEN_FILE", "")
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        usage(f"AISLE_CLIENT_TOKEN_FILE cannot be read: {error.strerror}.")
