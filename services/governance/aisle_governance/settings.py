"""Settings of the governance service (`AISLE_GOVERNANCE_*`)."""

from pathlib import Path
from typing import Literal

from aisle_runtime.settings import ServiceSettings, service_config
from pydantic import Field, field_validator

from aisle_governance.domain.readiness import Thresholds, read_thresholds


class GovernanceSettings(ServiceSettings):
    """What an operator can set."""

    model_config = service_config("governance")

    import_root: Path | None = None
    """Folder below which ImportDataset may read files; empty refuses the call."""
    sources_file: Path | None = None
    """TOML file of the places and databases that ImportSource may read, with their credentials; empty refuses the call."""
    max_upload_bytes: int = Field(default=4 << 30, ge=1)
    """Largest source file taken in."""
    max_decoded_bytes: int = Field(default=8 << 30, ge=1)
    """Largest size of a source after unpacking."""
    import_memory_bytes: int = Field(default=0, ge=0)
    """Memory limit of an import's child process; 0 means none."""
    run_memory_bytes: int = Field(default=0, ge=0)
    """Memory limit of a governance run's child process; 0 means none."""
    run_engine: Literal["auto", "memory", "duckdb", "ray"] = "auto"
    """Where the rules run: `auto` holds small tables in memory and cuts large ones into batches; `memory` never cuts, `duckdb` always
    does, `ray` does so on a Ray cluster. A chain or contract that needs the whole table runs in memory whatever is said here."""
    run_batches_from_rows: int = Field(default=1_000_000, ge=1)
    """Imported rows of a dataset from which on `auto` cuts it into batches."""
    ray_address: str = ""
    """Address of the Ray cluster (`ray://...`, `host:port`) for `run_engine` `ray`; empty starts one on this machine."""

    readiness: str = ""
    """Least figures that data must have before models may be trained, `queries=50,customers=100`; those left out keep their
    defaults, 0 asks for nothing."""
    trainer_address: str = "127.0.0.1:7102"
    """Where the arms of a data ROI study are trained, and where encoders come from."""
    trainer_patience_seconds: float = Field(default=60.0, gt=0)
    """How long one attempt of a job goes on while the trainer cannot be reached; there are twenty attempts."""

    pii_key_file: Path | None = None
    """Key file (at least 32 bytes) of the hashes that take the place of personal data, made when missing; another key gives other
    hashes."""
    subject_key_file: Path | None = None
    """Key file of the keyed hashes of erased people, made when missing; services that are to find an erased person need it too.
    Once people are excluded it must stay the same."""

    erasure_holders: tuple[str, ...] = ("trainer", "tuner", "registry", "ranker", "monitor")
    """Services that hold copies of what governance hands out; a receipt is complete when each has acknowledged. JSON list."""

    @field_validator("readiness")
    @classmethod
    def _readable(cls, text: str) -> str:
        read_thresholds(text)
        return text

    @property
    def thresholds(self) -> Thresholds:
        """What `readiness` says."""
        return read_thresholds(self.readiness)

    @property
    def tables_dir(self) -> Path:
        """Folder of the published Delta tables."""
        return self.state_dir / "tables"

    @property
    def roi_dir(self) -> Path:
        """Folder of the rows that data ROI studies hand to the trainer while they run."""
        return self.state_dir / "roi"

    @property
    def signing_key_path(self) -> Path:
        """Key file of attribution tokens; the ranker must use the same one."""
        return self.signing_key_file or self.state_dir / "signing.key"

    @property
    def pii_key_path(self) -> Path:
        """Key file of the hashes that take the place of personal data."""
        return self.pii_key_file or self.state_dir / "pii.key"

    @property
    def subject_key_path(self) -> Path:
        """Key file of the keyed hashes of erased people."""
        return self.subject_key_file or self.state_dir / "subject.key"
