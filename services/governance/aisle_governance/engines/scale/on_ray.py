"""The passes of a run on a Ray cluster: batches are cleaned wherever there is room, rows of one key are judged in one place.

Rows travel through Ray's object store, so the machines need no folder in common; every machine needs Aisle's governance installed.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from aisle_governance.domain.rules.base import Rule
from aisle_governance.engines.governor import GovernedDataset
from aisle_governance.engines.scale.governed import Ledger, gone_for_good
from aisle_governance.engines.scale.plan import Key, key_of
from aisle_governance.engines.scale.rows import row_schema, source_batches
from aisle_governance.engines.scale.steps import (
    POSITION,
    BatchOutcome,
    Judgement,
    Step,
    excused_positions,
    judge,
    run_steps,
    to_batch,
    to_frame,
)
from aisle_governance.errors import FailedPrecondition

PARTITIONS = 16
_IN_FLIGHT = 8
"""Batches that are under way at once; the others wait on disk."""


@contextmanager
def ray_crew(address: str) -> "Iterator[Callable[..., RayCrew]]":
    """Join the cluster at `address` (empty: start one on this machine) and leave it afterwards.

    Raises FailedPrecondition (RAY_NOT_INSTALLED, RAY_NOT_REACHABLE).
    """
    try:
        import ray
    except ImportError as error:
        raise FailedPrecondition(
            "The setting run_engine asks for Ray, which is not installed.",
            reason="RAY_NOT_INSTALLED",
            next_step="Install aisle[ray], or set run_engine to auto.",
        ) from error
    begun = not ray.is_initialized()
    if begun:
        try:
            ray.init(address=address or "local", include_dashboard=None if address else False, log_to_driver=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise FailedPrecondition(
                "The Ray cluster of the setting ray_address cannot be reached.",
                reason="RAY_NOT_REACHABLE",
                next_step="Check ray_address and that the cluster runs.",
            ) from error
    try:
        yield partial(RayCrew, ray)
    finally:
        if begun:
            ray.shutdown()


class RayCrew:
    """Tasks on a Ray cluster."""

    def __init__(
        self, ray: Any, job: GovernedDataset, folder: Path, database: Any, ledger: Ledger, tick: Callable[[], None]
    ) -> None:
        """`ray` is the module, joined to a cluster; `tick` is called after each batch."""
        self._ray, self._job, self._ledger, self._tick = ray, job, ledger, tick
        self._clean, self._judge = ray.remote(_clean), ray.remote(_judge)
        self.nodes: set[str] = set()
        """Ids of the nodes on which batches were cleaned."""

    def source(self) -> Iterable[pa.Table]:
        """The imported rows."""
        return source_batches(self._job.rows_files, self._job.kind, self._job.fixes)

    def outcomes(self, source: Iterable[Any], steps: Sequence[Step]) -> Iterator[BatchOutcome]:
        """Batch by batch in order, some ahead."""
        for reference in self._submitted(source, steps, (), False, 1):
            outcome = self._ray.get(reference)
            self._take(outcome)
            yield outcome

    def run(
        self, source: Iterable[Any], steps: Sequence[Step], upcoming: Sequence[Step], utc: bool
    ) -> tuple[list[Any], list[Judgement]]:
        """Clean the batches, send the rows of each key to one partition, and judge the partitions of one rule after the other."""
        kept, parts, excused = [], [], []
        for references in self._submitted(source, steps, upcoming, utc, 3 + PARTITIONS * len(upcoming)):
            outcome, back = self._ray.get(references[:2])
            self._take(outcome)
            excused.append(back)
            kept.append(references[2])
            parts.append(references[3:])
        judgements: list[Judgement] = []
        gone = np.empty(0, np.int64)
        for place, step in enumerate(upcoming):
            shared = self._ray.put(gone)
            found = [
                self._judge.remote(step.rule, shared, *(one[place * PARTITIONS + number] for one in parts))
                for number in range(PARTITIONS)
            ]
            judgement = joined(self._ray.get(found))
            judgements.append(judgement)
            gone = np.union1d(gone, gone_for_good(judgement, [back[step.index] for back in excused]))
        return kept, judgements

    def _take(self, outcome: BatchOutcome) -> None:
        self.nodes.add(outcome.node)
        self._ledger.add(outcome)
        self._tick()

    def _submitted(
        self, source: Iterable[Any], steps: Sequence[Step], upcoming: Sequence[Step], utc: bool, returns: int
    ) -> Iterator[Any]:
        """What the tasks will answer, in order; a few tasks are under way ahead of the reader."""
        excused = {rule: list(ids) for rule, ids in self._job.excused.items()}
        shared = self._ray.put((list(steps), excused, list(upcoming), row_schema(self._job.kind, utc=utc)))
        task = self._clean.options(num_returns=returns, scheduling_strategy="SPREAD")
        waiting: list[Any] = []
        for batch in source:
            waiting.append(task.remote(batch, shared))
            if len(waiting) >= _IN_FLIGHT:
                yield waiting.pop(0)
        yield from waiting


Shared = tuple[Sequence[Step], Mapping[str, Sequence[str]], Sequence[Step], pa.Schema]


def _clean(table: pa.Table, shared: Shared) -> Any:
    """Inside a task: what becomes of a batch; with upcoming rules also their keys by partition, in order."""
    steps, excused, upcoming, schema = shared
    outcome = replace(run_steps(steps, to_frame(table), excused), node=_node())
    if not upcoming:
        return outcome
    back = {step.index: excused_positions(outcome.kept, excused.get(step.rule.name, ())) for step in upcoming}
    parts: list[pa.Table] = []
    for step in upcoming:
        key = key_of(step.rule)
        assert key is not None
        number = partition(outcome.kept, key, PARTITIONS)
        rows = to_batch(outcome.kept, schema).select([POSITION, *key.columns])
        parts += [rows.filter(pa.array(number == one)) for one in range(PARTITIONS)]
    told = replace(outcome, kept=outcome.kept.iloc[:0])
    return told, back, to_batch(outcome.kept, schema), *parts


def _node() -> str:
    """Id of the node that this runs on; empty outside a cluster."""
    ray = sys.modules.get("ray")
    return str(ray.get_runtime_context().get_node_id()) if ray is not None and ray.is_initialized() else ""


def partition(frame: pd.DataFrame, key: Key, count: int) -> npt.NDArray[np.int64]:
    """The partition of each row, the same for all rows of one key on every machine."""
    columns = [frame[name] for name in key.by]
    if key.first_of:
        first = columns[0]
        for other in columns[1:]:
            first = first.fillna(other)
        columns = [first]
    total: npt.NDArray[Any] = np.zeros(len(frame), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for values in columns:
            if key.fold_case and pd.api.types.is_string_dtype(values.dtype):
                values = values.str.lower()
            hashed = pd.util.hash_pandas_object(values, index=False, categorize=False).to_numpy(dtype=np.uint64)
            total = total * np.uint64(31) + hashed
    return (total % np.uint64(count)).astype(np.int64)


def _judge(rule: Rule, gone: npt.NDArray[np.int64], *parts: pa.Table) -> Judgement:
    """Inside a task: what a rule says of one partition, without the rows that earlier rules have put aside."""
    frame = to_frame(pa.concat_tables(parts))
    return judge(rule, [frame[~frame.index.isin(gone)]])


def joined(judgements: Sequence[Judgement]) -> Judgement:
    """The judgements of all partitions as one."""
    reasons: dict[tuple[str, str], int] = {}
    codes = []
    for one in judgements:
        known = np.array([reasons.setdefault(reason, len(reasons)) for reason in one.reasons] or [0], dtype=np.int32)
        codes.append(known[one.codes])
    positions = np.concatenate([one.positions for one in judgements])
    order = np.argsort(positions, kind="stable")
    return Judgement(positions[order], np.concatenate(codes)[order], tuple(reasons))
