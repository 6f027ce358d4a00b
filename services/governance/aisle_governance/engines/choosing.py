"""Chooses the engine of a run: in memory where it is fastest, in batches where memory is what is short, on Ray where one is named."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from aisle_governance.domain.model import QualityReport, TableFile
from aisle_governance.domain.rules.chains import build_chain
from aisle_governance.engines.governor import GovernedDataset, govern
from aisle_governance.engines.odcs import default_contract, parse_contract

_MEMORY_BYTES = 2_000_000_000
_DATABASE_SHARE = 0.25
"""Of a run's memory; batches, groups that are judged and Python have the rest."""


class Engine(StrEnum):
    """What an operator can ask for."""

    AUTO = "auto"
    """In batches from `batches_from_rows` on, otherwise in memory."""
    MEMORY = "memory"
    DUCKDB = "duckdb"
    """In batches whatever the size."""
    RAY = "ray"
    """In batches on the machines of a Ray cluster."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What the settings say."""

    engine: Engine = Engine.AUTO
    batches_from_rows: int = 1_000_000
    memory_bytes: int = 0
    """Memory of a run; 0 means that nothing is said, then 2 GB are reckoned with."""
    ray_address: str = ""


class Governed(Protocol):
    """A table that may become a version, wherever it is."""

    @property
    def report(self) -> QualityReport:
        """What the run has done."""
        ...

    @property
    def content_hash(self) -> str:
        """Identity of the rows."""
        ...

    @property
    def contract_hash(self) -> str:
        """Identity of the contract."""
        ...

    @property
    def rule_set_hash(self) -> str:
        """Identity of the rules."""
        ...

    @property
    def schema(self) -> pa.Schema:
        """Columns of the table."""
        ...

    @property
    def row_count(self) -> int:
        """Rows of the table."""
        ...

    def column(self, name: str) -> pa.ChunkedArray:
        """Values of one column; ask before publishing."""
        ...

    def publish(self, folder: Path, description: str) -> tuple[TableFile, ...]:
        """Make it a Delta table in `folder`; may be done once."""
        ...

    def put_aside(self, path: Path) -> bool:
        """Write the rows that were put aside, if there are any."""
        ...


def choose(job: GovernedDataset, choice: EngineChoice) -> tuple[Engine, str]:
    """The engine of a job, and why it is not the one that was asked for (empty when it is).

    A chain or contract that needs the whole table runs in memory, whatever the settings say. Raises ContractProblems.
    """
    if choice.engine is Engine.MEMORY:
        return Engine.MEMORY, ""
    if choice.engine is Engine.AUTO and row_count(job.rows_files) < choice.batches_from_rows:
        return Engine.MEMORY, ""
    from aisle_governance.engines.scale.plan import obstacle

    chain = build_chain(
        job.kind,
        job.mapping,
        job.disabled_rules,
        job.pii_key,
        job.label_fixes,
        cleaning=job.cleaning,
        repairs=job.repairs,
    )
    contract = parse_contract(job.contract_yaml or default_contract(job.kind), job.kind)
    if reason := obstacle(job.kind, chain, contract.checks):
        return Engine.MEMORY, reason
    return (Engine.RAY if choice.engine is Engine.RAY else Engine.DUCKDB), ""


def row_count(files: Sequence[Path]) -> int:
    """Rows of imported files, from their footers."""
    return sum(int(pq.read_metadata(file).num_rows) for file in files)


def govern_with(
    job: GovernedDataset,
    run: str,
    folder: Path,
    choice: EngineChoice,
    on_phase: Callable[[float, str], None] | None = None,
) -> tuple[Governed, Engine]:
    """Govern with the engine that fits; `folder` is the run's own, and must stay until the answer is published."""
    say = on_phase or (lambda ratio, phase: None)
    engine, reason = choose(job, choice)
    if reason:
        say(0.0, f"in memory, because {reason}")
    if engine is Engine.MEMORY:
        return govern(job, run, say), engine
    from aisle_governance.engines.scale.governed import LocalCrew, govern_in_batches

    crew = LocalCrew
    memory_bytes = int(_DATABASE_SHARE * (choice.memory_bytes or _MEMORY_BYTES))
    if engine is Engine.RAY:
        from aisle_governance.engines.scale.on_ray import ray_crew

        with ray_crew(choice.ray_address) as distributed:
            return govern_in_batches(
                job, run, folder, memory_bytes=memory_bytes, on_phase=say, crew=distributed
            ), engine
    return govern_in_batches(job, run, folder, memory_bytes=memory_bytes, on_phase=say, crew=crew), engine
