"""What was learned about the errors of a table, and how it is applied."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from aisle_governance.domain.repair.programs import Program, Split
from aisle_governance.domain.repair.typing_errors import fix_values
from aisle_governance.domain.repair.votes import Dependency, encode, find_dependencies, vote

FORMAT, VOTE, TYPO = "format", "vote", "typo"
_OWN_AT_MOST = 0.25
_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class RepairModel:
    """Parameters of the rule `repair_cells`; plain data, so that it can be read, stored and compared."""

    programs: tuple[Program, ...] = ()
    """Run in order on the values of their columns."""
    splits: tuple[Split, ...] = ()
    """Run before the programs."""
    vote_columns: tuple[str, ...] = ()
    """Columns in which the votes of other columns may replace a value."""
    fill_columns: tuple[str, ...] = ()
    """Columns in which they may fill an empty cell."""
    typo_columns: tuple[str, ...] = ()
    """Columns whose typing errors are repaired."""
    edits: bool = False
    """Whether words may be corrected by one edit, not by `wildcards` alone."""
    wildcards: str = ""
    """Characters that the labelled rows show to be written in place of others."""
    support: float = 0.7
    """Share of the votes, 0 to 1, that a replacement needs."""

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not (self.programs or self.splits or self.vote_columns or self.fill_columns or self.typo_columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it may change."""
        named = [*(one.column for one in self.programs), *(one.column for one in self.splits)]
        named += [one.target for one in self.splits]
        return tuple(dict.fromkeys([*named, *self.vote_columns, *self.fill_columns, *self.typo_columns]))

    def to_json(self) -> dict[str, Any]:
        """As plain data for storage."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "RepairModel":
        """Back from `to_json`; unknown keys of a newer release are ignored."""
        known: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in data.items()
            if key in cls.__dataclass_fields__
        }
        known["programs"] = tuple(Program(**part) for part in data.get("programs", ()))
        known["splits"] = tuple(Split(**part) for part in data.get("splits", ()))
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Repaired:
    """A repaired table and, per cell (rows, columns in order), what repaired it: "", `format`, `vote` or `typo`."""

    frame: pd.DataFrame
    by: pd.DataFrame


def repair(model: RepairModel, frame: pd.DataFrame) -> Repaired:
    """Apply `model` to a table of texts in which an empty text is an empty cell; columns it does not name are only read."""
    current = frame.copy()
    by = pd.DataFrame("", index=frame.index, columns=frame.columns)
    for step in (_run_splits, _run_programs):
        _note(by, current, changed := step(model, current), FORMAT)
        current = changed
    for _ in range(_ROUNDS):
        changed = _run_votes(model, current)
        _note(by, current, changed, VOTE)
        current = changed
        changed = _run_typos(model, current)
        _note(by, current, changed, TYPO)
        current = changed
    return Repaired(current, by.where(current != frame, ""))


def _note(by: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame, name: str) -> None:
    by[before != after] = name


def _run_splits(model: RepairModel, frame: pd.DataFrame) -> pd.DataFrame:
    result = frame.copy()
    for split in model.splits:
        if split.column not in frame or split.target not in frame:
            continue
        known = set(result[split.target]) - {""}
        parts = result[split.column].str.rpartition(split.separator)
        move = (result[split.target] == "") & (parts[0] != "") & parts[2].isin(known)
        result[split.column] = result[split.column].mask(move, parts[0])
        result[split.target] = result[split.target].mask(move, parts[2])
    return result


def _run_programs(model: RepairModel, frame: pd.DataFrame) -> pd.DataFrame:
    result = frame.copy()
    for program in model.programs:
        if program.column in frame:
            values = result[program.column]
            result[program.column] = values.map({value: program.run(value) for value in values.unique()})
    return result


def _run_votes(model: RepairModel, frame: pd.DataFrame) -> pd.DataFrame:
    wanted = [name for name in dict.fromkeys([*model.vote_columns, *model.fill_columns]) if name in frame]
    if not wanted:
        return frame
    encoded = encode(frame)
    dependencies = find_dependencies(encoded, only=wanted)
    result = frame.copy()
    for column in wanted:
        change, values = proposals(encoded, dependencies, column, model.support)
        empty = (frame[column] == "").to_numpy()
        allowed = np.where(empty, column in model.fill_columns, column in model.vote_columns)
        result[column] = frame[column].mask(change & allowed, values)
    return result


def proposals(
    encoded: Any, dependencies: list[Dependency], column: str, support: float
) -> tuple[Any, "pd.Series[str] | Any"]:
    """(where the votes of other columns outweigh the present value, the values that they propose)."""
    codes, names = encoded[column]
    votes = vote(encoded, dependencies, column)
    change = (votes.proposal >= 0) & (votes.proposal != codes)
    change &= (votes.support >= support) & (votes.own <= _OWN_AT_MOST)
    texts = np.array([*names, ""], dtype=object)
    return change, texts[votes.proposal]


def _run_typos(model: RepairModel, frame: pd.DataFrame) -> pd.DataFrame:
    result = frame.copy()
    for column in model.typo_columns:
        if column in frame:
            counts = Counter(frame[column])
            counts.pop("", None)
            fixed = fix_values(list(counts), counts, model.wildcards, edits=model.edits)
            if fixed:
                result[column] = frame[column].replace(fixed)
    return result
