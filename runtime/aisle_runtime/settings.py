"""Settings that every service has; they come from the environment (`AISLE_<SERVICE>_<NAME>`) and from nowhere else."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def service_config(service: str) -> SettingsConfigDict:
    """Return the `model_config` of a service's settings: prefix `AISLE_<SERVICE>_`, unknown names ignored."""
    return SettingsConfigDict(env_prefix=f"AISLE_{service.upper()}_", extra="ignore", env_ignore_empty=True)


class ServiceSettings(BaseSettings):
    """Base of every service's settings."""

    model_config = service_config("service")

    listen: str = "127.0.0.1:0"
    """Address to serve on, host:port; port 0 takes a free one. Any host but loopback needs TLS and authentication."""
    state_dir: Path = Path(".aisle/state")
    """Folder of everything the service stores; created with mode 0700."""
    database_url: str = ""
    """SQLAlchemy URL; empty means the SQLite file `state.db` in `state_dir`."""
    nats_url: str = ""
    """Address of the event bus, for example `nats://127.0.0.1:4222`; empty means: run without events."""
    nats_user: str = ""
    """User name on the event bus."""
    nats_password: SecretStr = SecretStr("")
    """Password on the event bus."""
    otlp_endpoint: str = ""
    """host:port of an OTLP/gRPC collector; empty means: export nothing."""
    trace_sample_ratio: float = Field(default=1.0, ge=0.0, le=1.0)
    """Share of new traces that are recorded; a trace begun elsewhere keeps its own decision."""
    log_level: str = "INFO"
    """Lowest level written to the log."""
    max_concurrent_rpcs: int = Field(default=64, ge=1)
    """Unary and client-streaming calls worked on at once; more are refused with RESOURCE_EXHAUSTED."""
    max_concurrent_streams: int = Field(default=256, ge=1)
    """Server streams open at once, counted apart so that watchers never crowd out other calls."""
    lame_duck_seconds: float = Field(default=1.0, ge=0.0)
    """How long the service still accepts calls after it has announced NOT_SERVING."""
    drain_grace_seconds: float = Field(default=5.0, ge=0.0, le=8.0)
    """How long calls in flight may take to end during shutdown; then they are cancelled."""
    tls_cert_file: Path | None = None
    """Server certificate chain, PEM."""
    tls_key_file: Path | None = None
    """Private key of the certificate, PEM."""
    tls_client_ca_file: Path | None = None
    """CA of client certificates, PEM; when set a client without one is refused."""
    auth_tokens_file: Path | None = None
    """File of accepted bearer tokens, one `name:sha256-hex-of-token` per line.

    When set every call but Health needs one.
    """
    client_ca_file: Path | None = None
    """CA with which this service checks the services it calls, PEM; empty means plaintext to them."""
    client_token_file: Path | None = None
    """File of the bearer token that this service sends to the services it calls."""
    port_file: Path | None = None
    """File that receives the bound port once the service serves; written atomically."""
    signing_key_file: Path | None = None
    """Key file of signed tokens; created with mode 0600 when missing."""
    subject_key_file: Path | None = None
    """Key file with which governance hashes the ids of erased people; a service without it cannot find them and says so."""

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise ValueError("must be host:port")
        return value

    @property
    def effective_database_url(self) -> str:
        """The database's URL with the default filled in."""
        return self.database_url or f"sqlite:///{self.state_dir.absolute() / 'state.db'}"
