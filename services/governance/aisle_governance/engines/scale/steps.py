"""Runs a piece of the chain over one batch of rows, and adds up what the batches report."""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from aisle_governance.domain.kinds import IMPORT, ROW_ID, SOURCE_LINE
from aisle_governance.domain.model import RuleReport, RuleSample
from aisle_governance.domain.rules.base import COLUMN, MAX_SAMPLES, REASON, Rule, RuleOutcome, put_aside
from aisle_governance.domain.rules.missing import FillMissingValues
from aisle_governance.domain.rules.privacy import ProtectPii
from aisle_governance.domain.rules.released import excuse

RULE = "_rule"
POSITION = "_position"
"""Number of a row in the order of the imports and their lines; the index of every frame."""
_ALL_SAMPLES = 25
_LINEAGE = (ROW_ID, IMPORT, SOURCE_LINE)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule that looks at several rows has found: positions in ascending order and, for each, a reason and a column."""

    positions: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int32]
    """Index into `reasons` per position."""
    reasons: tuple[tuple[str, str], ...]
    """(reason, column), each once."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rule of the chain; `judgement` is what a rule over several rows has found, None for one that looks at each row alone."""

    index: int
    rule: Rule
    judgement: Judgement | None = None


@dataclass(slots=True)
class Part:
    """What a rule did in one batch, or in all batches so far."""

    input_row_count: int = 0
    output_row_count: int = 0
    quarantined_row_count: int = 0
    changed_row_count: int = 0
    seconds: float = 0.0
    samples: "dict[tuple[str, Any, Any], RuleSample]" = field(default_factory=dict)
    """By column and raw values before and after."""
    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    """Rows by column and kind of personal data."""

    def add(self, other: "Part") -> None:
        """Add what the next batch reports; batches must come in the order of their rows."""
        self.input_row_count += other.input_row_count
        self.output_row_count += other.output_row_count
        self.quarantined_row_count += other.quarantined_row_count
        self.changed_row_count += other.changed_row_count
        self.seconds += other.seconds
        shown = Counter(column for column, _, _ in self.samples)
        for (column, before, after), sample in other.samples.items():
            if shown[column] < MAX_SAMPLES and (column, before, after) not in self.samples:
                self.samples[column, before, after] = sample
                shown[column] += 1
        for column, counts in other.kinds.items():
            self.kinds.setdefault(column, Counter()).update(counts)

    def report(self, rule: Rule) -> RuleReport:
        """As the report of a rule over the whole table."""
        order = {name: place for place, name in enumerate(_columns_of(rule))}
        samples = sorted(self.samples.values(), key=lambda one: order.get(one.column, 0))
        return RuleReport(
            rule=rule.name,
            description=rule.description,
            input_row_count=self.input_row_count,
            output_row_count=self.output_row_count,
            quarantined_row_count=self.quarantined_row_count,
            changed_row_count=self.changed_row_count,
            elapsed_seconds=self.seconds,
            samples=tuple(samples[:_ALL_SAMPLES]),
            findings=rule.findings(self.kinds) if isinstance(rule, ProtectPii) else (),
        )


def _columns_of(rule: Rule) -> Sequence[str]:
    if isinstance(rule, FillMissingValues):
        return [one.column for one in rule.columns]
    return tuple(getattr(rule, "columns", ()))


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What is left of a batch, what was put aside by which step, and what each step did."""

    kept: pd.DataFrame
    aside: "dict[int, pd.DataFrame]"
    parts: dict[int, Part]
    node: str = ""
    """Id of the cluster's node that it was made on; empty on one machine."""


def run_steps(steps: Sequence[Step], frame: pd.DataFrame, excused: Mapping[str, Collection[str]]) -> BatchOutcome:
    """Pass one batch through `steps`; its index must be the positions of the rows."""
    aside, parts = {}, {}
    for step in steps:
        begun = time.perf_counter()
        kinds: dict[str, Counter[str]] = {}
        if step.judgement is not None:
            outcome = _split(frame, step.judgement)
        elif isinstance(step.rule, ProtectPii):
            columns, kinds = step.rule.treat(frame)
            outcome = step.rule.outcome(frame, columns, kinds)
        else:
            outcome = step.rule.apply(frame)
        outcome = excuse(outcome, excused.get(step.rule.name, ()))
        if len(outcome.quarantined):
            aside[step.index] = outcome.quarantined
        parts[step.index] = Part(
            len(frame),
            len(outcome.kept),
            len(outcome.quarantined),
            outcome.changed_row_count,
            time.perf_counter() - begun,
            _raw_samples(frame, outcome),
            kinds,
        )
        frame = outcome.kept
    return BatchOutcome(frame, aside, parts)


def _split(frame: pd.DataFrame, judgement: Judgement) -> RuleOutcome:
    here = frame.index.to_numpy()
    if not len(here) or not len(judgement.positions):
        return put_aside(frame, pd.Series(False, index=frame.index), "", "")
    begin, end = np.searchsorted(judgement.positions, (here[0], here[-1] + 1))
    positions, codes = judgement.positions[begin:end], judgement.codes[begin:end]
    bad = np.isin(here, positions, assume_unique=True)
    outcome = put_aside(frame, pd.Series(bad, index=frame.index), "", "")
    chosen = codes[np.searchsorted(positions, here[bad])] if len(positions) else codes
    for column, part in ((REASON, 0), (COLUMN, 1)):
        words = np.array([reason[part] for reason in judgement.reasons], dtype=object)
        outcome.quarantined[column] = pd.Series(words[chosen], index=outcome.quarantined.index, dtype="str")
    return outcome


def _raw_samples(frame: pd.DataFrame, outcome: RuleOutcome) -> "dict[tuple[str, Any, Any], RuleSample]":
    if not outcome.samples:
        return {}
    found = {}
    wanted = frame[ROW_ID].isin({sample.row_id for sample in outcome.samples})
    places = dict(zip(frame.loc[wanted, ROW_ID], frame.index[wanted], strict=True))
    for sample in outcome.samples:
        place = places[sample.row_id]
        before = frame.at[place, sample.column]
        # A row that was put aside afterwards no longer shows what it became; what is shown then stands for it.
        after = outcome.kept.at[place, sample.column] if place in outcome.kept.index else sample.after
        found[sample.column, _plain(before), _plain(after)] = sample
    return found


def _plain(value: Any) -> Any:
    return None if pd.isna(value) else value


def judge(rule: Rule, groups: Iterable[pd.DataFrame]) -> Judgement:
    """Ask a rule about frames that each hold all rows of their keys in order, positions as their index."""
    positions, codes, reasons = [], [], dict[tuple[str, str], int]()
    for frame in groups:
        out = rule.apply(frame).quarantined
        positions.append(out.index.to_numpy(dtype=np.int64))
        words = zip(out[REASON].tolist(), out[COLUMN].tolist(), strict=True)
        codes.append(np.array([reasons.setdefault(pair, len(reasons)) for pair in words], dtype=np.int32))
    if not positions:
        return Judgement(np.empty(0, np.int64), np.empty(0, np.int32), ())
    joined = np.concatenate(positions)
    order = np.argsort(joined, kind="stable")
    return Judgement(joined[order], np.concatenate(codes)[order], tuple(reasons))


def excused_positions(frame: pd.DataFrame, row_ids: Collection[str]) -> "npt.NDArray[np.int64]":
    """Positions of the named rows."""
    return frame.index[frame[ROW_ID].isin(list(row_ids))].to_numpy(dtype=np.int64)


def to_batch(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Rows for the next pass; a column that no rule has made so far is missing."""
    frame = frame.reindex(columns=[name for name in schema.names if name != POSITION])
    table = pa.Table.from_pandas(frame, schema=schema.remove(0), preserve_index=False).replace_schema_metadata(None)
    return table.add_column(0, POSITION, pa.array(frame.index.to_numpy(dtype=np.int64)))


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Rows of a batch with their positions as the index."""
    index = table[POSITION].to_numpy()
    frame: pd.DataFrame = table.drop_columns([POSITION]).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    frame.index = pd.Index(index)
    return frame


def aside_table(frame: pd.DataFrame, rule: Rule, columns: Sequence[str]) -> pa.Table:
    """Rows put aside by `rule` as they are stored, times as they are at that point of the chain."""
    present = [name for name in columns if name in frame.columns]
    kept = frame[[*present, *_LINEAGE, REASON, COLUMN]].copy()
    kept.insert(len(kept.columns) - 2, RULE, rule.name)
    return pa.Table.from_pandas(kept, preserve_index=False).replace_schema_metadata(None)
