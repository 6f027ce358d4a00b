"""Governs one dataset in passes over batches of its rows: memory holds one batch, and what DuckDB does not spill.

A pass runs all rules up to the first that must see several rows together. The columns which that rule needs are grouped by its key,
the rule itself judges the groups, and the next pass takes its answer along. So every rule is the same code as in memory.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aisle_governance.domain.content import Identifier, written_rows
from aisle_governance.domain.kinds import CANONICAL, CONTENT_KEY, IMPORT, ORIGINAL, SOURCE_HASH, columns_of
from aisle_governance.domain.model import QualityReport, TableFile
from aisle_governance.domain.quality import score
from aisle_governance.domain.rules.base import Rule
from aisle_governance.domain.rules.chains import build_chain, rule_set_hash
from aisle_governance.domain.rules.commerce import DropRepeatedEvents
from aisle_governance.domain.rules.general import DropExactDuplicates, TimesToUtc
from aisle_governance.domain.rules.privacy import ProtectPii
from aisle_governance.engines.governor import GovernedDataset, published_schema, to_table
from aisle_governance.engines.odcs import contract_hash, default_contract, parse_contract
from aisle_governance.engines.scale.aside import Aside
from aisle_governance.engines.scale.keys import KeyTable, connect, distinct_rows, repeated_keys
from aisle_governance.engines.scale.measuring import Checks, Defects, Profile
from aisle_governance.engines.scale.plan import key_of
from aisle_governance.engines.scale.rows import Spool, read_spool, row_schema, source_batches
from aisle_governance.engines.scale.steps import (
    BatchOutcome,
    Judgement,
    Part,
    Step,
    excused_positions,
    judge,
    run_steps,
    to_batch,
    to_frame,
)
from aisle_governance.engines.tables import adopt_file, write_table

Say = Callable[[float, str], None]
ROW_GROUP = 131_072
_REPEATING = ["event_type", "customer_id", "visitor_id", "product_id", "query", "position", IMPORT, ORIGINAL]
"""Columns that a dictionary makes smaller."""


@dataclass(frozen=True, slots=True)
class BatchCandidate:
    """A table on disk that may become a version."""

    report: QualityReport
    content_hash: str
    contract_hash: str
    rule_set_hash: str
    schema: pa.Schema
    row_count: int
    file: Path
    aside: Aside

    def column(self, name: str) -> pa.ChunkedArray:
        """Values of one column; ask before publishing."""
        if not self.row_count:
            return self.schema.empty_table()[name]
        return pq.read_table(self.file, columns=[name], partitioning=None)[name]

    def publish(self, folder: Path, description: str) -> tuple[TableFile, ...]:
        """Make the file a Delta table in `folder`; may be done once."""
        if not self.row_count:  # such a table has no file
            return write_table(self.schema.empty_table(), folder, description)
        return adopt_file(self.file, folder, description)

    def put_aside(self, path: Path) -> bool:
        """Write the rows that were put aside, if there are any."""
        return self.aside.write(path)


@dataclass(slots=True)
class Pass:
    """Rules that run in one go, and those whose keys they prepare."""

    steps: list[int] = field(default_factory=list)
    upcoming: list[int] = field(default_factory=list)


class Crew(Protocol):
    """Where the passes run."""

    def run(
        self, source: Any, steps: Sequence[Step], upcoming: Sequence[Step], utc: bool
    ) -> "tuple[Any, list[Judgement]]":
        """Run `steps` over `source`; answers where the rows that are left lie, and what each of `upcoming` finds in them."""
        ...

    def outcomes(self, source: Any, steps: Sequence[Step]) -> Iterator[BatchOutcome]:
        """Run `steps` over `source` and hand out what becomes of each batch, in order."""
        ...

    def source(self) -> Any:
        """The imported rows."""
        ...


def passes(chain: Sequence[Rule]) -> list[Pass]:
    """Cut a chain; keys of the source itself are ready before the first pass."""
    cut = [Pass()]
    for index, rule in enumerate(chain):
        if key_of(rule) is not None and not is_early(chain, index):
            if cut[-1].upcoming and cut[-1].upcoming[-1] == index - 1:
                cut[-1].upcoming.append(index)  # nothing has changed in between
                continue
            if cut[-1].upcoming:
                cut.append(Pass(steps=list(cut[-1].upcoming)))
            cut[-1].upcoming = [index]
            continue
        if cut[-1].upcoming:
            cut.append(Pass(steps=list(cut[-1].upcoming)))
        cut[-1].steps.append(index)
    if cut[-1].upcoming:
        cut.append(Pass(steps=list(cut[-1].upcoming)))
    return cut


def is_early(chain: Sequence[Rule], index: int) -> bool:
    """Whether a rule's key is a column of the source that no rule before it touches, nor puts rows aside."""
    return isinstance(chain[index], DropExactDuplicates) and all(isinstance(one, ProtectPii) for one in chain[:index])


class Ledger:
    """What the rules of a run have done so far."""

    def __init__(self, chain: Sequence[Rule], aside: Aside) -> None:
        """Nothing yet."""
        self._chain, self._aside = chain, aside
        self.parts = [Part() for _ in chain]

    def add(self, outcome: BatchOutcome) -> None:
        """Take what became of a batch; batches must come in order."""
        for index, part in outcome.parts.items():
            self.parts[index].add(part)
        for index, frame in outcome.aside.items():
            self._aside.add(index, self._chain[index], frame)

    @property
    def reports(self) -> list[Any]:
        """The report of each rule."""
        return [part.report(rule) for part, rule in zip(self.parts, self._chain, strict=True)]


class LocalCrew:
    """One process and DuckDB."""

    def __init__(
        self, job: GovernedDataset, folder: Path, database: Any, ledger: Ledger, tick: Callable[[], None]
    ) -> None:
        """Work in `folder`; `tick` is called after each batch."""
        self._job, self._folder, self._database, self._ledger, self._tick = job, folder, database, ledger, tick
        self._spools = 0

    def source(self) -> Iterable[pa.Table]:
        """The imported rows."""
        return source_batches(self._job.rows_files, self._job.kind, self._job.fixes)

    def outcomes(self, source: Iterable[pa.Table], steps: Sequence[Step]) -> Iterator[BatchOutcome]:
        """Batch by batch."""
        for table in source:
            outcome = run_steps(steps, to_frame(table), self._job.excused)
            self._ledger.add(outcome)
            self._tick()
            yield outcome

    def run(
        self, source: Iterable[pa.Table], steps: Sequence[Step], upcoming: Sequence[Step], utc: bool
    ) -> "tuple[Iterable[pa.Table], list[Judgement]]":
        """Write the rows that are left to disk and the keys into DuckDB, then judge one rule after the other."""
        self._spools += 1
        path = self._folder / f"rows-{self._spools}"
        schema = row_schema(self._job.kind, utc=utc)
        tables = [
            KeyTable(self._database, f"keys_{step.index}", key)
            for step in upcoming
            if (key := key_of(step.rule)) is not None
        ]
        excused: dict[int, list[Any]] = {step.index: [] for step in upcoming}
        with Spool(path) as spool:
            for outcome in self.outcomes(source, steps):
                batch = to_batch(outcome.kept, schema)
                spool.write(batch)
                for step, keys in zip(upcoming, tables, strict=True):
                    keys.add(batch)
                    if ids := self._job.excused.get(step.rule.name):
                        excused[step.index].append(excused_positions(outcome.kept, ids))
        judgements = judge_in_turn(upcoming, tables, excused, lambda columns: read_spool(path, columns))
        return self._read_once(path), judgements

    @staticmethod
    def _read_once(path: Path) -> Iterator[pa.Table]:
        yield from read_spool(path)
        path.unlink(missing_ok=True)


def judge_in_turn(
    upcoming: Sequence[Step],
    tables: Sequence[KeyTable],
    excused: dict[int, list[Any]],
    read_again: Callable[[Sequence[str]], Iterable[pa.Table]],
) -> list[Judgement]:
    """Ask the rules one after the other; what one puts aside, the next does not see."""
    judgements = []
    for place, (step, keys) in enumerate(zip(upcoming, tables, strict=True)):
        judgement = judge(step.rule, keys.groups(read_again))
        judgements.append(judgement)
        gone = gone_for_good(judgement, excused[step.index])
        for later in tables[place + 1 :]:
            later.leave_out(gone)
    return judgements


def gone_for_good(judgement: Judgement, excused: Sequence[Any]) -> Any:
    """Positions that a rule puts aside and nobody lets come back."""
    back = np.concatenate(excused) if excused else np.empty(0, np.int64)
    return judgement.positions[~np.isin(judgement.positions, back)]


def govern_in_batches(
    job: GovernedDataset,
    run: str,
    folder: Path,
    *,
    memory_bytes: int,
    on_phase: Say | None = None,
    crew: "Callable[[GovernedDataset, Path, Any, Ledger, Callable[[], None]], Crew]" = LocalCrew,
) -> BatchCandidate:
    """Run the rules and the contract's checks in batches; `folder` is emptied first. The outcome is that of `governor.govern`.

    The chain and the contract must have no `plan.obstacle`. Raises ContractProblems for a contract that cannot be read.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        database = stack.enter_context(closing(connect(folder / "spill", memory_bytes)))
        aside = stack.enter_context(Aside(folder, list(columns_of(job.kind))))
        return _Run(job, run, folder, database, aside, on_phase or (lambda ratio, phase: None)).govern(crew)


class _Run:
    """One dataset on its way through the passes."""

    def __init__(self, job: GovernedDataset, run: str, folder: Path, database: Any, aside: Aside, say: Say) -> None:
        self._job, self._run, self._folder, self._database, self._aside, self._say = (
            job,
            run,
            folder,
            database,
            aside,
            say,
        )
        self._contract_yaml = job.contract_yaml or default_contract(job.kind)
        self._contract = parse_contract(self._contract_yaml, job.kind)
        self._chain = build_chain(
            job.kind,
            job.mapping,
            job.disabled_rules,
            job.pii_key,
            job.label_fixes,
            cleaning=job.cleaning,
            repairs=job.repairs,
        )
        self._ledger = Ledger(self._chain, aside)
        self._ratio, self._phase = 0.0, "read"

    def govern(
        self, crew: "Callable[[GovernedDataset, Path, Any, Ledger, Callable[[], None]], Crew]"
    ) -> BatchCandidate:
        """All passes, then the published file."""
        self._enter(0.0, "profile")
        before, defects, early = self._look_at_source()
        workers = crew(self._job, self._folder, self._database, self._ledger, self._tick)
        known = {index: Step(index, self._chain[index], judgement) for index, judgement in early.items()}
        source, cut = workers.source(), passes(self._chain)
        for place, one in enumerate(cut[:-1]):
            self._enter(0.2 + 0.4 * place / len(cut), self._chain[one.upcoming[0]].name)
            upcoming = [Step(index, self._chain[index]) for index in one.upcoming]
            utc = any(isinstance(rule, TimesToUtc) for rule in self._chain[: one.upcoming[0]])
            source, judgements = workers.run(source, self._steps(one, known), upcoming, utc)
            for step, judgement in zip(upcoming, judgements, strict=True):
                known[step.index] = replace(step, judgement=judgement)
        self._enter(0.6, "check")
        published = self._publishable(outcome.kept for outcome in workers.outcomes(source, self._steps(cut[-1], known)))
        return self._candidate(before, defects, published)

    def _steps(self, one: Pass, known: dict[int, Step]) -> list[Step]:
        return [known.get(index) or Step(index, self._chain[index]) for index in one.steps]

    def _enter(self, ratio: float, phase: str) -> None:
        self._ratio, self._phase = ratio, phase
        self._tick()

    def _tick(self) -> None:
        self._say(self._ratio, self._phase)

    def _look_at_source(self) -> "tuple[Profile, dict[str, int], dict[int, Judgement]]":
        """Profile and defects of the imported rows, and what rules find whose keys are columns of the source."""
        names = [column.name for column in CANONICAL[self._job.kind]]
        profile = Profile(self._database, "before", names)
        defects = Defects(self._job.kind)
        rule = DropExactDuplicates()
        key = key_of(rule)
        assert key is not None
        copies = KeyTable(self._database, "copies", key)
        for table in self._source_again([*names, SOURCE_HASH]):
            profile.add(table)
            defects.add(table)
            copies.add(table)
            self._tick()
        found = judge(rule, copies.groups(self._source_again))
        profile.finish()
        early = {
            index: found
            for index, one in enumerate(self._chain)
            if isinstance(one, DropExactDuplicates) and is_early(self._chain, index)
        }
        return profile, defects.finish(profile, len(found.positions)), early

    def _source_again(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        return source_batches(self._job.rows_files, self._job.kind, self._job.fixes, columns)

    def _publishable(self, frames: Iterator[pd.DataFrame]) -> "_Published":
        """Write the published columns of `frames`, identified, checked and profiled."""
        schema = published_schema(self._job.kind)
        data_schema = schema.remove(schema.get_field_index(CONTENT_KEY))
        tables: Iterator[pa.Table] = (to_table(frame, self._job.kind) for frame in frames)
        repeated: set[bytes] = set()
        if not self._events_differ():
            tables, repeated = self._find_repeated(tables)
        names = list(columns_of(self._job.kind))
        unique = ("event_id",) if self._events_differ() else ()
        profile = Profile(self._database, "after", names, unique=unique)
        checks = Checks(self._contract, data_schema)
        identifier = Identifier(pa.schema([schema.field(name) for name in names]), repeated)
        file = self._folder / "published.parquet"
        with ExitStack() as stack:
            writer = stack.enter_context(pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=_REPEATING))
            spools = {
                columns: stack.enter_context(Spool(self._folder / f"unique-{place}"))
                for place, columns in enumerate(self._counted(checks))
            }
            for table in tables:
                profile.add(table)
                checks.add(table)
                batches = table.select(names).combine_chunks().to_batches()
                keys = [identifier.add(batch) for batch in batches]
                joined = pa.concat_arrays(keys) if keys else pa.array([], pa.string())
                if table.num_rows:
                    writer.write_table(table.append_column(CONTENT_KEY, joined), row_group_size=ROW_GROUP)
                for columns, spool in spools.items():
                    spool.write(table.select(list(columns)).drop_null())
        after = profile.finish()
        distinct = {
            columns: distinct_rows(self._database, "different", read_spool(self._folder / f"unique-{place}"))
            for place, columns in enumerate(spools)
        }
        distinct |= {(name,): count for name, count in profile.distinct.items()}
        return _Published(file, schema, profile.row_count, identifier.content_hash, after, checks.finish(distinct))

    @staticmethod
    def _counted(checks: Checks) -> list[tuple[str, ...]]:
        """Combinations of columns; the profile counts single ones."""
        return list(dict.fromkeys(columns for columns in checks.keys if len(columns) > 1))

    def _events_differ(self) -> bool:
        """Whether the rules leave one row of each event id, so that no two rows can be equal."""
        excused = self._job.excused.get(DropRepeatedEvents.name)
        return not excused and any(isinstance(rule, DropRepeatedEvents) for rule in self._chain)

    def _find_repeated(self, tables: Iterable[pa.Table]) -> "tuple[Iterator[pa.Table], set[bytes]]":
        """The same tables once more, and the keys of rows that are equal to another one."""
        path = self._folder / "unidentified"
        names = list(columns_of(self._job.kind))

        def keys() -> Iterator[pa.Table]:
            with Spool(path) as spool:
                for table in tables:
                    spool.write(table)
                    for batch in table.select(names).combine_chunks().to_batches():
                        yield pa.table({"row": pa.array(written_rows(batch), pa.binary())})

        repeated = repeated_keys(self._database, keys())
        return read_spool(path), repeated

    def _candidate(self, before: Profile, defects: dict[str, int], made: "_Published") -> BatchCandidate:
        reports = self._ledger.reports
        report = QualityReport(
            dataset=self._job.dataset,
            run=self._run,
            input_row_count=before.row_count,
            output_row_count=made.row_count,
            quarantined_row_count=sum(one.quarantined_row_count for one in reports),
            rules=tuple(reports),
            checks=tuple(made.checks),
            before=tuple(before.columns),
            after=tuple(made.after),
            quality_score_ratio=score(made.checks),
            raw_defect_counts=defects,
        )
        return BatchCandidate(
            report,
            made.content_hash,
            contract_hash(self._contract_yaml),
            rule_set_hash(self._chain),
            made.schema,
            made.row_count,
            made.file,
            self._aside,
        )


@dataclass(frozen=True, slots=True)
class _Published:
    """The published rows and what is known of them."""

    file: Path
    schema: pa.Schema
    row_count: int
    content_hash: str
    after: list[Any]
    checks: list[Any]
