"""Infers a data contract from the rows of a version.

Every proposal holds on the rows that it came from, with room beside what was seen; the same rows always give the same document.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from aisle_governance.domain.check_context import CheckContext
from aisle_governance.domain.context_checks import duration
from aisle_governance.domain.contract import run_checks
from aisle_governance.domain.drift import column_drift
from aisle_governance.domain.kinds import DatasetKind, columns_of, is_listed
from aisle_governance.domain.model import Severity
from aisle_governance.engines import expressions
from aisle_governance.engines.odcs import parse_contract

MIN_ROWS = 20
"""Rows with a value below which no pattern, key, list or range is proposed."""
MAX_ENUM = 12
ROWS_PER_VALUE = 20
"""A closed list is proposed when each of its values stands on average in at least so many rows."""
MARGIN = 0.5
"""Room beyond the largest and smallest value, as a share of their distance."""
MIN_PSI = 0.2
NOISE_FACTOR = 3.0
"""The limit on the population stability index is at least so many times what two halves of the rows differ by."""
_DAY = 86_400.0
_FRESH_DAYS = 90
_PATTERNS = (
    ("[A-Z]{2}", "two capital letters"),
    ("[A-Z]{3}", "three capital letters"),
    ("[0-9]+", "digits"),
    ("[A-Z0-9]+", "capital letters and digits"),
    ("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "a UUID"),
    ("https?://.+", "a web address"),
    ("[A-Za-z0-9_.:/-]+", "letters, digits and _ . : / -"),
)
"""Patterns that are tried on ids and codes, the most special one first."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One check of the suggestion with what was seen."""

    check: str
    column: str
    severity: Severity
    evidence: str
    row_count: int
    holding_ratio: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A contract and why it looks like this."""

    contract_yaml: str
    proposals: tuple[Proposal, ...]
    left_out: tuple[str, ...]


@dataclass(slots=True)
class _Column:
    """What is gathered for one column of the document."""

    entry: dict[str, Any]
    evidence: dict[str, str] = field(default_factory=dict)
    """Name of a check -> what was seen."""


def read_table(files: Sequence[Path], kind: DatasetKind) -> pa.Table:
    """The published columns of a version, lineage left out."""
    wanted = list(columns_of(kind))
    tables = [pq.read_table(file, columns=wanted, partitioning=None) for file in files]
    return pa.concat_tables(tables)


def suggest(
    dataset: str,
    kind: DatasetKind,
    table: pa.Table,
    published: float,
    references: Mapping[str, Mapping[str, pa.ChunkedArray]] | None = None,
) -> Suggestion:
    """Infer a contract from `table`, which has rows and was published at `published` (seconds since the epoch).

    `references` holds for other datasets the columns (name -> values) that columns of the same name may refer to.
    """
    left_out: list[str] = []
    columns = [
        _column(name, kind, table, published, left_out) for name in columns_of(kind) if name in table.column_names
    ]
    for column in columns:
        _refer(column, table, references or {}, left_out)
    rows, volume = table.num_rows, "table.volume"
    least = max(1, math.floor(rows * 0.5))
    table_evidence = {volume: f"{rows:,} rows; at least half as many, and half of the version before, are asked for"}
    quality = [_custom("volume", "warning", minRows=least, minRatio=0.5)]
    document = _document(dataset, kind, columns, quality)
    evidence = table_evidence | {name: text for column in columns for name, text in column.evidence.items()}
    text = _dump(document)
    contract = parse_contract(text, kind)
    context = CheckContext(
        now=published,
        lookup=lambda other, name: (references or {})[other][name],
        count_broken=expressions.count_broken,
    )
    results = run_checks(contract.checks, table, context)
    proposals = tuple(
        Proposal(
            result.check,
            result.column,
            result.severity,
            evidence.get(result.check, result.message),
            rows,
            1.0 - min(result.failed_row_count, rows) / rows,
        )
        for result in results
    )
    return Suggestion(text, proposals, tuple(left_out))


def _document(
    dataset: str, kind: DatasetKind, columns: Sequence[_Column], quality: list[dict[str, Any]]
) -> dict[str, Any]:
    table: dict[str, Any] = {"name": kind.lower(), "quality": quality, "properties": [one.entry for one in columns]}
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"suggested-{dataset}",
        "name": dataset,
        "version": "1.0.0",
        "status": "draft",
        "schema": [table],
    }


class _Dumper(yaml.SafeDumper):
    """Writes lists below their key, and never an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dump(document: dict[str, Any]) -> str:
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def _custom(check: str, severity: str, **parts: Any) -> dict[str, Any]:
    return {"type": "custom", "engine": "aisle", "implementation": {"check": check, **parts}, "severity": severity}


def _column(name: str, kind: DatasetKind, table: pa.Table, published: float, left_out: list[str]) -> _Column:
    values = table[name]
    known = values.drop_null()
    made = _Column({"name": name})
    _type(made, name, values)
    missing = _missing(made, name, values, required=columns_of(kind)[name].required)
    if missing == len(values):
        left_out.append(f"{name} holds no value, so nothing but its type is asked for.")
        return made
    if len(known) < MIN_ROWS:
        left_out.append(f"{name} holds {len(known)} values, too few to tell more than its type and gaps.")
        return made
    about = columns_of(kind)[name]
    if pa.types.is_timestamp(values.type):
        _freshness(made, name, known, published, left_out)
    elif pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        _numbers(made, name, values, known, left_out)
    elif pa.types.is_string(values.type):
        free = about.free_text and not about.is_id
        _texts(made, name, values, known, free=free, listed=is_listed(about), left_out=left_out)
    if about.is_id and about.required:
        _key(made, name, known, left_out)
    return made


def _type(made: _Column, name: str, values: pa.ChunkedArray) -> None:
    words = {pa.types.is_string: "string", pa.types.is_integer: "integer", pa.types.is_floating: "number"}
    words[pa.types.is_timestamp] = "timestamp"
    for test, word in words.items():
        if test(values.type):
            made.entry["logicalType"] = word
            made.evidence[f"{name}.type"] = f"the column is {values.type}"


def _missing(made: _Column, name: str, values: pa.ChunkedArray, *, required: bool) -> int:
    """Ask for values: in every row of a column that the kind requires, with room for gaps elsewhere; returns how many lack one."""
    blank = int(values.null_count)
    if pa.types.is_string(values.type):
        blank += int(pc.sum(pc.equal(pc.utf8_trim_whitespace(values), "")).as_py() or 0)
    rows = len(values)
    if not blank and required:
        if rows >= MIN_ROWS:
            made.entry["required"] = True
            made.evidence[f"{name}.required"] = f"none of {rows:,} rows lacks a value"
    elif blank < rows and rows >= MIN_ROWS:
        share = 100 * blank / rows
        limit = min(100, math.ceil(share + max(5.0, share / 2)))
        if limit < 100:
            entry = {"type": "library", "metric": "missingValues", "unit": "percent", "mustBeLessOrEqualTo": limit}
            _add(made, {**entry, "severity": "warning"})
            made.evidence[f"{name}.missingValues"] = (
                f"{blank:,} of {rows:,} rows ({share:.1f} %) lack a value; up to {limit} % are let pass"
            )
    return blank


def _add(made: _Column, entry: dict[str, Any]) -> None:
    made.entry.setdefault("quality", []).append(entry)


def _key(made: _Column, name: str, known: pa.ChunkedArray, left_out: list[str]) -> None:
    distinct = int(pc.count_distinct(known).as_py())
    if distinct == len(known):
        made.entry["unique"] = True
        made.evidence[f"{name}.unique"] = f"{distinct:,} different values in {len(known):,} rows"
    else:
        left_out.append(f"{name} is no key: {distinct:,} different values in {len(known):,} rows.")


def _numbers(made: _Column, name: str, values: pa.ChunkedArray, known: pa.ChunkedArray, left_out: list[str]) -> None:
    numbers = pc.cast(known, pa.float64(), safe=False)
    finite = numbers.filter(pc.is_finite(numbers))
    if len(finite) < len(numbers):
        left_out.append(f"{name} holds numbers that are not finite, so no range is asked for.")
        return
    low, high = float(pc.min(finite).as_py()), float(pc.max(finite).as_py())
    span = high - low
    least, most = _round(low - MARGIN * span, down=True), _round(high + MARGIN * span, down=False)
    if low >= 0:
        least = 0.0
    if not math.isfinite(span) or not math.isfinite(least) or not math.isfinite(most):
        left_out.append(f"{name} reaches from {low:g} to {high:g}, too far for a range.")
        return
    if most > least:
        made.entry["logicalTypeOptions"] = {"minimum": _plain(least), "maximum": _plain(most)}
        made.evidence[f"{name}.range"] = (
            f"{len(finite):,} values from {low:g} to {high:g}; {least:g} to {most:g} are let pass"
        )
    if span > 0 and len(finite) >= 5 * MIN_ROWS:
        tenth, ninetieth = (float(one) for one in pc.quantile(finite, q=[0.1, 0.9]).to_pylist())
        if ninetieth > tenth:
            wanted = {"rank": 0.5, "min": _plain(tenth), "max": _plain(ninetieth)}
            _add(made, _custom("statistics", "warning", quantiles=[wanted]))
            made.evidence[f"{name}.statistics"] = (
                f"a tenth of the values lie below {tenth:g}, a tenth above {ninetieth:g}; the median must stay between"
            )
    _distribution(made, name, values)


def _round(value: float, *, down: bool) -> float:
    """The number with two significant digits that is not above (`down`) or not below `value`."""
    if not 1e-290 < abs(value) < math.inf:
        return value  # nothing, or a number that two digits cannot be cut from
    size = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    rounded = (math.floor if down else math.ceil)(value / size) * size
    rounded = float(f"{rounded:.12g}")
    # Whatever the arithmetic did, the bound must lie on its side of what was seen.
    return min(rounded, value) if down else max(rounded, value)


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) and abs(value) < 2**53 else value


def _distribution(made: _Column, name: str, values: pa.ChunkedArray) -> None:
    """A limit on how far the next version may move, from how far two halves of the rows differ."""
    if len(values) < 10 * MIN_ROWS:
        return
    frame = values.to_pandas()
    noise = column_drift(frame.iloc[::2], frame.iloc[1::2]).psi
    limit = float(f"{max(MIN_PSI, NOISE_FACTOR * noise):.2f}")
    _add(made, _custom("distribution", "warning", maxPsi=limit, reference="latest"))
    made.evidence[f"{name}.distribution"] = (
        f"the even and the odd rows differ by a PSI of {noise:.4f}; {limit:g} beside the version before is let pass"
    )


def _texts(
    made: _Column,
    name: str,
    values: pa.ChunkedArray,
    known: pa.ChunkedArray,
    *,
    free: bool,
    listed: bool,
    left_out: list[str],
) -> None:
    """A closed list where the values are names of groups, a greatest length for what people wrote, a pattern for ids and codes."""
    distinct = int(pc.count_distinct(known).as_py())
    # A name of a group can be printed; what cannot is dirt that no contract should ask for.
    listed = listed and all(str(one).isprintable() for one in pc.unique(known).to_pylist()[: MAX_ENUM + 1])
    if listed and distinct <= MAX_ENUM and len(known) >= ROWS_PER_VALUE * distinct:
        counts = {str(one["values"]): int(one["counts"]) for one in pc.value_counts(known).to_pylist()}
        arguments = {"validValues": sorted(counts)}
        entry: dict[str, Any] = {"type": "library", "metric": "invalidValues", "arguments": arguments}
        _add(made, {**entry, "unit": "percent", "mustBeLessOrEqualTo": 1, "severity": "warning"})
        rarest = min(counts.values())
        made.evidence[f"{name}.invalidValues"] = (
            f"{distinct} different values in {len(known):,} rows, the rarest in {rarest:,}; 1 % of others is let pass"
        )
        _distribution(made, name, values)
        return
    if free:
        longest = int(pc.max(pc.utf8_length(known)).as_py())
        most = int(_round(2.0 * max(longest, 10), down=False))
        made.entry["logicalTypeOptions"] = {"maxLength": most}
        made.evidence[f"{name}.length"] = f"at most {longest:,} characters; up to {most:,} are let pass"
        return
    for pattern, word in _PATTERNS:
        if pc.all(pc.match_substring_regex(known, f"^(?:{pattern})$")).as_py():
            made.entry["logicalTypeOptions"] = {"pattern": pattern}
            made.evidence[f"{name}.pattern"] = f"every one of {len(known):,} values is {word}"
            return
    left_out.append(f"{name} follows none of the known patterns.")


def _freshness(made: _Column, name: str, known: pa.ChunkedArray, published: float, left_out: list[str]) -> None:
    micros = pc.cast(pc.cast(known, pa.timestamp("us", "UTC")), pa.int64())
    newest = pc.max(micros.filter(pc.less_equal(micros, int(published * 1e6)))).as_py()
    if newest is None:
        left_out.append(f"{name} holds future times only, so no freshness is asked for.")
        return
    age = published - newest / 1e6
    if age > _FRESH_DAYS * _DAY:
        left_out.append(f"{name} was {duration(age)} old when it was published, so no freshness is asked for.")
        return
    days = max(2, math.ceil(2 * age / _DAY))
    _add(made, _custom("freshness", "warning", maxAge=f"{days}d"))
    made.evidence[f"{name}.freshness"] = (
        f"the newest was {duration(age)} old when it was published; {days} days are let pass"
    )


def _refer(
    made: _Column, table: pa.Table, references: Mapping[str, Mapping[str, pa.ChunkedArray]], left_out: list[str]
) -> None:
    """A foreign key to a dataset whose column of the same name holds every value."""
    name = made.entry["name"]
    for dataset in sorted(references):
        other = references[dataset].get(name)
        values = table[name].drop_null()
        if other is None or other.type != table[name].type or len(values) < MIN_ROWS:
            continue
        there = int(pc.sum(pc.is_in(values, value_set=other.combine_chunks().drop_null())).as_py() or 0)
        if there == len(values):
            made.entry.setdefault("relationships", []).append({"type": "foreignKey", "to": f"{dataset}.{name}"})
            made.evidence[f"{name}.reference.{dataset}"] = f"{dataset} holds every one of {there:,} values"
        elif there:
            share = 100 * there / len(values)
            left_out.append(f"{name} is no reference to {dataset}: it holds {share:.1f} % of {len(values):,} values.")
