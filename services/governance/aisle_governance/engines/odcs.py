"""Reads Open Data Contract Standard v3 documents (YAML) into checks."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml
from open_data_contract_standard.model import DataQuality, OpenDataContractStandard, SchemaObject, SchemaProperty
from pydantic import ValidationError

from aisle_governance.domain.context_checks import ReferenceCheck
from aisle_governance.domain.contract import (
    LOGICAL_TYPES,
    METRICS,
    Bound,
    Check,
    Contract,
    EnumCheck,
    LengthCheck,
    MetricCheck,
    PatternCheck,
    RangeCheck,
    RequiredCheck,
    TypeCheck,
    UniqueCheck,
)
from aisle_governance.domain.kinds import DatasetKind, columns_of
from aisle_governance.domain.model import Severity
from aisle_governance.domain.readiness import Tier
from aisle_governance.engines.odcs_custom import CannotRead, custom_check, query_check
from aisle_governance.errors import ContractBroken, FieldViolation

MAX_BYTES = 256 * 1024
_MAX_DEPTH = 40
_MAX_PROBLEMS = 50
_VERSION = re.compile(r"v?3\.\d+(?:\.\d+)?")
_SEVERITIES = {
    "warning": Severity.WARNING,
    "low": Severity.WARNING,
    "minor": Severity.WARNING,
    "info": Severity.INFO,
    "information": Severity.INFO,
}
"""Words for severities; every other word, and none, means an error."""
_DATASET_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_METRIC_NAMES = {name.lower(): name for name in METRICS} | {"rowcount": "rowCount", "duplicatecount": "duplicateValues"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a contract document."""

    message: str
    path: str = ""
    """Place in the document, for example `schema[0].properties[2].logicalType`."""
    line: int = 0
    """Line in the document, from 1; 0 when it has none."""
    next_step: str = ""

    def __str__(self) -> str:
        """Place and message."""
        place = " ".join(part for part in (f"line {self.line}" if self.line else "", self.path) if part)
        return f"{place}: {self.message}" if place else self.message


class ContractProblems(ContractBroken):
    """The document cannot be used; `problems` says all that was found."""

    def __init__(self, problems: list[Problem]) -> None:
        """Keep at least one problem."""
        super().__init__(
            "The contract cannot be used: " + "; ".join(str(problem) for problem in problems[:3]),
            next_step=next((problem.next_step for problem in problems if problem.next_step), ""),
            violations=[FieldViolation("contract_yaml", str(problem)) for problem in problems],
        )
        self.problems = problems


def contract_hash(text: str) -> str:
    """SHA-256 of the document's bytes, 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def default_contract(kind: DatasetKind) -> str:
    """The YAML document that datasets of `kind` have when none is given."""
    file = resources.files("aisle_governance") / "contracts" / f"{kind.lower()}.odcs.yaml"
    return file.read_text(encoding="utf-8")


def parse_contract(text: str, kind: DatasetKind | None) -> Contract:
    """Read a document; with `kind` its columns must be those of the kind. Raises ContractProblems."""
    root = _compose(text)
    lines = _Lines(root)
    try:
        data = yaml.SafeLoader.construct_document(_Constructor(""), root)
    except (yaml.YAMLError, ValueError) as error:
        raise ContractProblems([_yaml_problem(error)]) from error
    if not isinstance(data, dict):
        raise ContractProblems([Problem("the document is not a mapping", next_step="Begin with `apiVersion: v3.0.2`.")])
    try:
        document = OpenDataContractStandard.model_validate(data)
    except ValidationError as error:
        problems = [_located(lines, part["loc"], part["msg"]) for part in error.errors()[:_MAX_PROBLEMS]]
        raise ContractProblems(problems) from error
    reader = _Reader(lines, kind)
    checks = reader.read(document)
    if reader.problems:
        raise ContractProblems(reader.problems[:_MAX_PROBLEMS])
    return Contract(tuple(checks), tuple(reader.columns), reader.tiers)


class _Constructor(yaml.SafeLoader):
    """Only builds values; the text was parsed before."""


def _compose(text: str) -> yaml.Node:
    """Parse to nodes; aliases are refused, since a few lines of them can stand for gigabytes."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise ContractProblems([Problem(f"the document has more than {MAX_BYTES} bytes")])
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                line = _line(event)
                raise ContractProblems([Problem("aliases are not allowed", line=line, next_step="Write the part out.")])
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_DEPTH:
                raise ContractProblems([Problem(f"nested deeper than {_MAX_DEPTH} levels", line=_line(event))])
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ContractProblems([_yaml_problem(error)]) from error
    if node is None:
        raise ContractProblems([Problem("the document is empty")])
    return node


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _yaml_problem(error: Exception) -> Problem:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "a value cannot be read"
    return Problem(f"not YAML: {problem}", line=mark.line + 1 if mark else 0)


class _Lines:
    """Finds the line of a place in the document."""

    def __init__(self, root: yaml.Node) -> None:
        self._root = root

    def of(self, path: tuple[str | int, ...]) -> int:
        """Line of the deepest part of `path` that the document has, from 1."""
        node, line = self._root, self._root.start_mark.line + 1
        for part in path:
            found = self._child(node, part)
            if found is None:
                break
            node, line = found
        return line

    @staticmethod
    def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, int] | None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    return value, key.start_mark.line + 1
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            return node.value[part], node.value[part].start_mark.line + 1
        return None


def _located(lines: _Lines, path: tuple[str | int, ...], message: str, next_step: str = "") -> Problem:
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return Problem(message, words, lines.of(path), next_step)


class _Reader:
    """Walks a document and gathers checks and problems."""

    def __init__(self, lines: _Lines, kind: DatasetKind | None) -> None:
        self.problems: list[Problem] = []
        self.columns: list[str] = []
        self.tiers: dict[str, tuple[str, ...]] = {}
        self._lines = lines
        self._custom_names: set[str] = set()
        self._known = None if kind is None else columns_of(kind)

    def read(self, document: OpenDataContractStandard) -> list[Check]:
        """Return the checks of the document's one table."""
        if document.kind != "DataContract":
            self._problem(("kind",), "must be DataContract")
        if not _VERSION.fullmatch(document.apiVersion or ""):
            self._problem(("apiVersion",), "must be a version 3 of ODCS", "Write `apiVersion: v3.0.2`.")
        tables = document.schema_ or []
        if len(tables) != 1:
            self._problem(("schema",), f"must hold exactly one table, not {len(tables)}")
            return []
        return list(self._table(tables[0]))

    def _problem(self, path: tuple[str | int, ...], message: str, next_step: str = "") -> None:
        self.problems.append(_located(self._lines, path, message, next_step))

    def _table(self, table: SchemaObject) -> Iterator[Check]:
        path: tuple[str | int, ...] = ("schema", 0)
        for index, quality in enumerate(table.quality or []):
            yield from self._quality(quality, "", (*path, "quality", index))
        seen: set[str] = set()
        keys: list[tuple[int, str]] = []
        for index, column in enumerate(table.properties or []):
            where = (*path, "properties", index)
            name = column.name or ""
            if not name or name in seen:
                self._problem((*where, "name"), "is named twice" if name else "a column needs a name")
                continue
            seen.add(name)
            if self._known is not None and name not in self._known:
                self._problem(
                    (*where, "name"), f"{name!r} is no column of this kind", f"Use one of {', '.join(self._known)}."
                )
                continue
            self.columns.append(name)
            if column.primaryKey:
                keys.append((column.primaryKeyPosition or index, name))
            tiers = self._tiers(column.customProperties, where)
            for check in self._column(name, column, where):
                if tiers:
                    self.tiers[check.name] = tuple(dict.fromkeys((*self.tiers.get(check.name, ()), *tiers)))
                yield check
        if keys:
            yield UniqueCheck(tuple(name for _, name in sorted(keys)))

    def _column(self, name: str, column: SchemaProperty, path: tuple[str | int, ...]) -> Iterator[Check]:
        severity = self._custom_severity(column)
        logical = column.logicalType
        if logical is not None:
            if logical in LOGICAL_TYPES:
                yield TypeCheck(name, logical, severity)
            else:
                self._problem(
                    (*path, "logicalType"),
                    f"{logical!r} is no type of a column",
                    f"Use one of {', '.join(sorted(LOGICAL_TYPES))}.",
                )
        if column.required or column.primaryKey:
            yield RequiredCheck(name, severity)
        if column.unique:
            yield UniqueCheck((name,), severity)
        if column.enum:
            yield EnumCheck(name, tuple(value.value for value in column.enum if value.value is not None), severity)
        yield from self._options(name, column.logicalTypeOptions or {}, severity, (*path, "logicalTypeOptions"))
        for index, relationship in enumerate(column.relationships or []):
            yield from self._relationship(name, relationship, severity, (*path, "relationships", index))
        for index, quality in enumerate(column.quality or []):
            yield from self._quality(quality, name, (*path, "quality", index))

    @staticmethod
    def _custom_severity(column: SchemaProperty) -> Severity:
        """A column's checks are errors unless its custom property `severity` says otherwise."""
        for custom in column.customProperties or []:
            if custom.property == "severity":
                return _severity(str(custom.value))
        return Severity.ERROR

    def _tiers(self, customs: Sequence[Any] | None, path: tuple[str | int, ...]) -> tuple[str, ...]:
        """Tiers that the custom property `readiness` names, one word or a list of them."""
        for index, custom in enumerate(customs or []):
            if custom.property == "readiness":
                words = custom.value if isinstance(custom.value, list) else [custom.value]
                if unknown := [word for word in words if word not in set(Tier)]:
                    self._problem(
                        (*path, "customProperties", index),
                        f"{str(unknown[0])[:40]!r} is no tier",
                        f"Use {', '.join(Tier)}.",
                    )
                    return ()
                return tuple(str(word) for word in words)
        return ()

    def _relationship(
        self, name: str, relationship: Any, severity: Severity, path: tuple[str | int, ...]
    ) -> Iterator[Check]:
        """A foreign key, `to: dataset.column`."""
        target = relationship.to
        dataset, _, column = target.partition(".") if isinstance(target, str) else ("", "", "")
        if relationship.type not in (None, "foreignKey"):
            self._problem((*path, "type"), f"{relationship.type!r} cannot be checked here", "Use `type: foreignKey`.")
        elif not _DATASET_ID.fullmatch(dataset) or not column or "." in column:
            self._problem((*path, "to"), "must name one column of a dataset", "Write `to: products.product_id`.")
        else:
            yield ReferenceCheck(name, dataset, column, severity)

    def _options(
        self, name: str, options: Mapping[str, Any], severity: Severity, path: tuple[str | int, ...]
    ) -> Iterator[Check]:
        def number(key: str) -> float | None:
            value = options.get(key)
            if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
                return value
            self._problem((*path, key), "must be a number")
            return None

        bounds = [number(key) for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")]
        if any(bound is not None for bound in bounds):
            low, high, above, below = bounds
            yield RangeCheck(name, low, high, above, below, severity)
        lengths = [number(key) for key in ("minLength", "maxLength")]
        if any(length is not None for length in lengths):
            shortest, longest = (None if length is None else int(length) for length in lengths)
            yield LengthCheck(name, shortest, longest, severity)
        if (pattern := options.get("pattern")) is not None and self._pattern_fits(pattern, (*path, "pattern")):
            yield PatternCheck(name, str(pattern), severity)

    def _pattern_fits(self, pattern: Any, path: tuple[str | int, ...]) -> bool:
        import pyarrow as pa
        import pyarrow.compute as pc

        try:
            pc.match_substring_regex(pa.array([""]), f"^(?:{pattern})$")
        except pa.ArrowException:
            self._problem(
                path, "is no regular expression that RE2 understands", "Leave out look-around and back-references."
            )
            return False
        return True

    def _quality(self, quality: DataQuality, column: str, path: tuple[str | int, ...]) -> Iterator[Check]:
        tiers = self._tiers(quality.customProperties, path)
        for check in self._quality_checks(quality, column, path):
            if tiers:
                self.tiers[check.name] = tiers
            yield check

    def _quality_checks(self, quality: DataQuality, column: str, path: tuple[str | int, ...]) -> Iterator[Check]:
        if quality.type == "text":
            return
        if quality.type in ("custom", "sql"):
            yield from self._custom(quality, column, path)
            return
        if quality.type not in (None, "library"):
            self._problem(
                (*path, "type"), f"{quality.type!r} cannot be checked here", "Use `type: library`, `custom` or `sql`."
            )
            return
        metric = _METRIC_NAMES.get((quality.metric or quality.rule or "").lower())
        if metric is None:
            self._problem(
                (*path, "metric"), "is no metric that is checked here", f"Use one of {', '.join(sorted(METRICS))}."
            )
            return
        arguments = quality.arguments or {}
        columns = tuple(str(name) for name in arguments.get("properties", ()))
        if not column and metric != "rowCount" and not (metric == "duplicateValues" and columns):
            self._problem(path, f"{metric} needs a column", "Move it below a property.")
            return
        bound = _bound(quality)
        if bound is None:
            self._problem(path, "does not say what the metric must be", "Add for example `mustBe: 0`.")
            return
        pattern = str(arguments.get("pattern") or "")
        if pattern and not self._pattern_fits(pattern, (*path, "arguments", "pattern")):
            return
        yield MetricCheck(
            metric,
            bound,
            column,
            columns=columns,
            percent=(quality.unit or "rows").lower() in ("percent", "%"),
            valid_values=tuple(arguments.get("validValues", ())),
            pattern=pattern,
            missing_values=tuple(str(token) for token in arguments.get("missingValues", ()) if token is not None),
            label=(quality.name or "")[:100],
            severity=_severity(quality.severity),
        )

    def _custom(self, quality: DataQuality, column: str, path: tuple[str | int, ...]) -> Iterator[Check]:
        severity, label = _severity(quality.severity), (quality.name or "")[:100]
        known = None if self._known is None else tuple(self._known)
        try:
            if quality.type == "sql":
                check: Check = query_check(quality, _bound(quality), column, label, severity, known)
            else:
                check = custom_check(quality, column, label, severity, known)
        except CannotRead as error:
            self._problem((*path, *error.path), str(error), error.next_step)
            return
        if check.name in self._custom_names:
            self._problem((*path, "name"), f"{check.name!r} is the name of another check", "Give each a `name`.")
            return
        self._custom_names.add(check.name)
        yield check


def _severity(word: str | None) -> Severity:
    return _SEVERITIES.get((word or "").lower(), Severity.ERROR)


def _bound(quality: DataQuality) -> Bound | None:
    for value, negated in ((quality.mustBe, False), (quality.mustNotBe, True)):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return Bound(value, value, negated=negated)
    if quality.mustBeBetween is not None:
        low, high = quality.mustBeBetween
        return Bound(low, high)
    if quality.mustNotBeBetween is not None:
        low, high = quality.mustNotBeBetween
        return Bound(low, high, negated=True)
    above, at_least = quality.mustBeGreaterThan, quality.mustBeGreaterOrEqualTo
    below, at_most = quality.mustBeLessThan, quality.mustBeLessOrEqualTo
    if above is None and at_least is None and below is None and at_most is None:
        return None
    return Bound(
        above if at_least is None else at_least,
        below if at_most is None else at_most,
        low_included=at_least is not None,
        high_included=at_most is not None,
    )
