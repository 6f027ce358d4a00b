"""Governs one dataset: imported rows in, a candidate version and its quality report out."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aisle_governance.domain.categories import Accepted
from aisle_governance.domain.check_context import CheckContext
from aisle_governance.domain.cleaning import Cleaning
from aisle_governance.domain.content import identify
from aisle_governance.domain.contract import run_checks
from aisle_governance.domain.kinds import (
    ALIASES,
    CANONICAL,
    CONTENT_KEY,
    IMPORT,
    LABEL_ROWS,
    ORIGINAL,
    ROW_ID,
    SOURCE_LINE,
    SOURCE_MEMBER,
    STANDARDISED,
    DatasetKind,
    ValueType,
    columns_of,
)
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import QualityReport, TableFile
from aisle_governance.domain.quality import profile, raw_defects, score
from aisle_governance.domain.repair.model import RepairModel
from aisle_governance.domain.rules.chains import build_chain, rule_set_hash, run_chain
from aisle_governance.engines import quarantine
from aisle_governance.engines.odcs import contract_hash, default_contract, parse_contract
from aisle_governance.engines.releasing import apply_fixes
from aisle_governance.engines.tables import write_table
from aisle_governance.engines.values import ARROW_TYPES

_TYPES = {
    ValueType.TEXT: pa.string(),
    ValueType.INTEGER: pa.int64(),
    ValueType.NUMBER: pa.float64(),
    ValueType.TIME: pa.timestamp("us", "UTC"),
}


@dataclass(frozen=True, slots=True)
class GovernedDataset:
    """What is to be governed."""

    dataset: str
    kind: DatasetKind
    mapping: ColumnMapping
    contract_yaml: str
    """Empty means the kind's default contract."""
    disabled_rules: tuple[str, ...]
    rows_files: tuple[Path, ...]
    """Accepted rows of each import in the order of the imports."""
    pii_key: bytes = field(default=b"", repr=False)
    """Key of the hashes in the place of personal data; needed where the mapping has that policy."""
    fixes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """New values of released rows: row id -> canonical column -> text."""
    excused: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Released rows that a rule lets pass, by rule."""
    label_fixes: tuple[tuple[str, str, float], ...] = ()
    """(query_id, product_id, grade) of accepted corrections."""
    categories: tuple[Accepted, ...] = ()
    """Accepted categories, each product once."""
    cleaning: Cleaning = field(default_factory=Cleaning)
    """Rules beside those of the kind."""
    repairs: RepairModel = field(default_factory=RepairModel)
    """What was learned about the dataset's errors."""
    context: CheckContext = field(default_factory=CheckContext, repr=False)
    """What checks may look at beside the table."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A table that may become a version."""

    table: pa.Table
    report: QualityReport
    content_hash: str
    contract_hash: str
    rule_set_hash: str
    quarantined: pd.DataFrame

    @property
    def schema(self) -> pa.Schema:
        """Columns of the table."""
        return self.table.schema

    @property
    def row_count(self) -> int:
        """Rows of the table."""
        return int(self.table.num_rows)

    def column(self, name: str) -> pa.ChunkedArray:
        """Values of one column."""
        return self.table[name]

    def publish(self, folder: Path, description: str) -> tuple[TableFile, ...]:
        """Write the table as a Delta table into `folder`."""
        return write_table(self.table, folder, description)

    def put_aside(self, path: Path) -> bool:
        """Write the rows that were put aside, if there are any."""
        if len(self.quarantined):
            quarantine.write_put_aside(self.quarantined, [n for n in self.table.column_names if n[0] != "_"], path)
        return len(self.quarantined) > 0


def published_schema(kind: DatasetKind) -> pa.Schema:
    """Columns of a version of `kind`, lineage at the end."""
    columns = [pa.field(column.name, _TYPES[column.type]) for column in columns_of(kind).values()]
    return pa.schema([*columns, *_lineage(kind)])


def _lineage(kind: DatasetKind) -> list[pa.Field]:
    fields = [pa.field(ROW_ID, pa.string()), pa.field(IMPORT, pa.string()), pa.field(SOURCE_LINE, pa.int64())]
    if kind is DatasetKind.JUDGMENTS:
        fields.append(pa.field(LABEL_ROWS, pa.string()))
    if kind is DatasetKind.PRODUCTS:
        fields.append(pa.field(ALIASES, pa.string()))
    if kind in STANDARDISED:
        fields.append(pa.field(ORIGINAL, pa.string()))
    return [*fields, pa.field(CONTENT_KEY, pa.string())]


def load_rows(files: Sequence[Path], kind: DatasetKind) -> pd.DataFrame:
    """Read the rows of all imports, in the order of the imports and of their lines; a column that an older import lacks is empty."""
    tables = []
    for file in files:
        table = pq.read_table(file, partitioning=None).drop_columns([SOURCE_MEMBER])
        for column in CANONICAL[kind]:
            if column.name not in table.column_names:
                table = table.append_column(column.name, pa.nulls(table.num_rows, ARROW_TYPES[column.type]))
        tables.append(table.select(sorted(table.column_names)))
    frame: pd.DataFrame = pa.concat_tables(tables).to_pandas(
        types_mapper={pa.int64(): pd.Int64Dtype()}.get, self_destruct=True
    )
    return frame


def govern(job: GovernedDataset, run: str, on_phase: Callable[[float, str], None] | None = None) -> Candidate:
    """Run the rules and the contract's checks; publishes nothing. Raises ContractProblems for a contract that cannot be read.

    The table depends on the files, mapping, contract and disabled rules alone; checks of freshness, volume, distribution and
    references depend on the context, too.
    """
    say = on_phase or (lambda ratio, phase: None)
    contract_yaml = job.contract_yaml or default_contract(job.kind)
    contract = parse_contract(contract_yaml, job.kind)
    say(0.0, "read")
    frame = load_rows(job.rows_files, job.kind)
    if job.fixes:
        frame = apply_fixes(frame, job.fixes, job.kind)
    source_columns = [column.name for column in CANONICAL[job.kind]]
    say(0.15, "profile")
    defects = raw_defects(job.kind, job.mapping, frame)
    before = profile(frame, source_columns)
    chain = build_chain(
        job.kind,
        job.mapping,
        job.disabled_rules,
        job.pii_key,
        job.label_fixes,
        cleaning=job.cleaning,
        repairs=job.repairs,
        categories=job.categories,
    )
    outcome = run_chain(chain, frame, lambda index, name: say(0.3 + 0.4 * index / len(chain), name), job.excused)
    say(0.7, "check")
    data = to_table(outcome.kept, job.kind)
    checks = run_checks(contract.checks, data, job.context, contract.tiers)
    content = identify(data.select(list(columns_of(job.kind))))
    table = data.append_column(CONTENT_KEY, content.keys)
    report = QualityReport(
        dataset=job.dataset,
        run=run,
        input_row_count=len(frame),
        output_row_count=len(outcome.kept),
        quarantined_row_count=len(outcome.quarantined),
        rules=tuple(outcome.reports),
        checks=tuple(checks),
        before=tuple(before),
        after=tuple(profile(outcome.kept.reindex(columns=list(columns_of(job.kind))), list(columns_of(job.kind)))),
        quality_score_ratio=score(checks),
        raw_defect_counts=defects,
    )
    return Candidate(
        table, report, content.content_hash, contract_hash(contract_yaml), rule_set_hash(chain), outcome.quarantined
    )


def to_table(frame: pd.DataFrame, kind: DatasetKind) -> pa.Table:
    """The published columns of `frame` in their types, content key left out; what no rule has filled is missing."""
    schema = published_schema(kind)
    schema = schema.remove(schema.get_field_index(CONTENT_KEY))
    frame = frame.reindex(columns=schema.names)
    return pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False).replace_schema_metadata(None)
