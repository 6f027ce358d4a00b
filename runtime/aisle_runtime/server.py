"""The one way to serve gRPC in Aisle: a door with all the rules, health, reflection, safe binding, orderly end."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from aisle_runtime import health as health_module
from aisle_runtime.auth import TokenFile
from aisle_runtime.health import Health
from aisle_runtime.interceptor import HEALTH_PREFIX, Door
from aisle_runtime.settings import ServiceSettings

MAXIMUM_MESSAGE_BYTES = 4 * 1024 * 1024
_STREAM_SHARE = 0.5
"""Share of the grace after which open streams are told to go elsewhere."""


class ConfigurationError(Exception):
    """The settings do not allow the service to start; the text says which and why."""


class AddressInUse(Exception):
    """The configured port belongs to another process."""


class Server:
    """A grpc.aio server behind the door. Register servicers on `grpc`, then `start`, later `drain`."""

    def __init__(self, service: str, settings: ServiceSettings) -> None:
        """Build the server of `service`.

        Raises ConfigurationError when it would be open to strangers. Needs a running loop.
        """
        self._settings = settings
        check_exposure(settings)
        tokens = _tokens(settings.auth_tokens_file)
        self.door = Door(service, settings.max_concurrent_rpcs, settings.max_concurrent_streams, tokens)
        self.health = Health()
        self.grpc = grpc.aio.server(
            interceptors=[self.door],
            options=(
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", MAXIMUM_MESSAGE_BYTES),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
                # Clients ping idle connections too, to notice a vanished server; that is no abuse.
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.max_ping_strikes", 0),
                ("grpc.keepalive_time_ms", 60_000),
                ("grpc.keepalive_timeout_ms", 10_000),
            ),
        )
        self.address = ""

    async def start(self, service_names: Sequence[str]) -> str:
        """Bind, serve and return host:port.

        Raises AddressInUse or ConfigurationError. Health stays NOT_SERVING until told.
        """
        self.health.serve(service_names)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.grpc)
        reflection.enable_server_reflection(
            [*service_names, health_module.SERVICE_NAME, reflection.SERVICE_NAME], self.grpc
        )
        port = self._bind()
        await self.grpc.start()
        host = self._settings.listen.rpartition(":")[0]
        self.address = f"{host}:{port}"
        if self._settings.port_file is not None:
            _write_atomically(self._settings.port_file, f"{port}\n")
        return self.address

    async def drain(self) -> None:
        """Announce NOT_SERVING, wait the lame-duck time, let calls in flight end within the grace, then stop."""
        self.health.close()
        await asyncio.sleep(self._settings.lame_duck_seconds)
        grace = self._settings.drain_grace_seconds
        stopping = asyncio.ensure_future(self.grpc.stop(grace))
        self.door.end_streams(HEALTH_PREFIX)
        await asyncio.wait([stopping], timeout=grace * _STREAM_SHARE)
        if not stopping.done():
            self.door.end_streams()
        await stopping
        if self._settings.port_file is not None:
            with suppress(OSError):
                self._settings.port_file.unlink()

    def _bind(self) -> int:
        settings = self._settings
        try:
            _check_free(settings.listen)
            if settings.tls_cert_file is None:
                return self.grpc.add_insecure_port(settings.listen)
            return self.grpc.add_secure_port(settings.listen, _server_credentials(settings))
        except (OSError, RuntimeError) as error:
            raise AddressInUse(f"{settings.listen} cannot be bound; another process may have it") from error


def is_loopback(listen: str) -> bool:
    """Say whether host:port can be reached from this machine only."""
    host = listen.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_exposure(settings: ServiceSettings) -> None:
    """Raise ConfigurationError when the service would be reachable from elsewhere without TLS and authentication."""
    if (settings.tls_cert_file is None) != (settings.tls_key_file is None):
        raise ConfigurationError("tls_cert_file and tls_key_file go together; one of them is missing")
    if settings.tls_client_ca_file is not None and settings.tls_cert_file is None:
        raise ConfigurationError("tls_client_ca_file needs tls_cert_file and tls_key_file")
    if is_loopback(settings.listen):
        return
    missing = []
    if settings.tls_cert_file is None:
        missing.append("TLS (tls_cert_file and tls_key_file)")
    if settings.auth_tokens_file is None and settings.tls_client_ca_file is None:
        missing.append("authentication (auth_tokens_file or tls_client_ca_file)")
    if missing:
        raise ConfigurationError(
            f"refusing to listen on {settings.listen}, which is not loopback, without {' and '.join(missing)}"
        )


def _tokens(path: Path | None) -> TokenFile | None:
    if path is None:
        return None
    try:
        return TokenFile(path)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"auth_tokens_file cannot be used: {error}") from error


def _server_credentials(settings: ServiceSettings) -> grpc.ServerCredentials:
    assert settings.tls_cert_file is not None and settings.tls_key_file is not None  # checked by check_exposure
    try:
        pair = (settings.tls_key_file.read_bytes(), settings.tls_cert_file.read_bytes())
        ca = settings.tls_client_ca_file.read_bytes() if settings.tls_client_ca_file else None
    except OSError as error:
        raise ConfigurationError(f"a TLS file cannot be read: {error}") from error
    return grpc.ssl_server_credentials([pair], root_certificates=ca, require_client_auth=ca is not None)


def _check_free(listen: str) -> None:
    """Raise OSError when another process listens there; gRPC would say so too, but in a log line of its own."""
    host, _, port = listen.rpartition(":")
    if int(port):
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)


def _write_atomically(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
