"""What the checks of a run look at beside their own table: other datasets of the run, and versions that are published already."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aisle_governance.domain.check_context import CannotCheck, CheckContext
from aisle_governance.domain.context_checks import ReferenceCheck
from aisle_governance.domain.contract import Contract
from aisle_governance.domain.model import TableFile
from aisle_governance.engines import expressions
from aisle_governance.engines.tables import verified_files
from aisle_governance.errors import AisleError

if TYPE_CHECKING:
    from aisle_governance.engines.choosing import Governed


def in_order(contracts: Mapping[str, Contract]) -> list[str]:
    """The datasets of a run with those that others refer to first; datasets that refer to each other stay in their order."""
    waiting, found = list(contracts), list[str]()
    while waiting:
        free = [name for name in waiting if not (_referred(contracts[name]) & set(waiting)) - {name}]
        chosen = free[0] if free else waiting[0]
        waiting.remove(chosen)
        found.append(chosen)
    return found


def _referred(contract: Contract) -> set[str]:
    return {check.dataset for check in contract.checks if isinstance(check, ReferenceCheck)}


class Surroundings:
    """Answers the questions of one run's checks; keeps of each governed table only the columns that others refer to."""

    def __init__(
        self,
        contracts: Mapping[str, Contract],
        beside: Mapping[str, Mapping[str, Any]],
        tables: Path,
        now: Callable[[], float],
    ) -> None:
        """`beside` holds folder and files of published versions by `dataset` (its newest) and `dataset/number`."""
        self._contracts, self._beside, self._tables, self._now = contracts, beside, tables, now
        self._kept: dict[tuple[str, str], pa.ChunkedArray] = {}
        self._needed: dict[str, set[str]] = {}
        for contract in contracts.values():
            for check in contract.checks:
                if isinstance(check, ReferenceCheck):
                    self._needed.setdefault(check.dataset, set()).add(check.other_column)

    def keep(self, dataset: str, governed: "Governed") -> None:
        """Remember what later datasets of the run refer to."""
        for column in self._needed.get(dataset, ()):
            if column in governed.schema.names:
                values = governed.column(column)
                self._kept[dataset, column] = pa.chunked_array([pc.unique(values)], type=values.type)

    def context(self, dataset: str, last_row_count: int | None) -> CheckContext:
        """What the checks of one dataset may look at."""
        return CheckContext(
            dataset=dataset,
            now=self._now(),
            last_row_count=last_row_count,
            reference=lambda number, column: self._reference(dataset, number, column),
            lookup=self._lookup,
            count_broken=expressions.count_broken,
            query=expressions.query,
        )

    def _lookup(self, dataset: str, column: str) -> pa.ChunkedArray:
        if (dataset, column) in self._kept:
            return self._kept[dataset, column]
        if dataset in self._contracts:
            raise CannotCheck(
                f"{dataset} of this run has no column {column!r}, or comes later because the contracts refer to each other"
            )
        values = self._read(dataset, column)
        if values is None:
            raise CannotCheck(f"dataset {dataset!r} has no published version with its files in place")
        return values

    def _reference(self, dataset: str, number: int | None, column: str) -> "pd.Series[Any] | None":
        values = self._read(dataset if number is None else f"{dataset}/{number}", column)
        if values is None and number is not None:
            raise CannotCheck(f"version {number} does not exist, or its files were deleted")
        return None if values is None else values.to_pandas()

    def _read(self, key: str, column: str) -> pa.ChunkedArray | None:
        known = self._beside.get(key)
        if known is None:
            return None
        files: Sequence[TableFile] = [TableFile(**file) for file in known["files"]]
        try:
            paths = verified_files(self._tables / known["folder"], files)
        except AisleError as error:
            raise CannotCheck(f"a file of {key} is damaged or missing") from error
        parts = []
        for path in paths:
            if column not in pq.read_schema(path).names:
                raise CannotCheck(f"{key} has no column {column!r}")
            parts.append(pq.read_table(path, columns=[column], partitioning=None)[column])
        return pa.chunked_array([chunk for part in parts for chunk in part.chunks]) if parts else None
