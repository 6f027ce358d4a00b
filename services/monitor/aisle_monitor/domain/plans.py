"""What a pipeline's plan must be like before it is stored.

Every rule of the contract, every broken field named by its path.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from aisle_runtime.errors import FieldViolation, InvalidField
from aisle_runtime.names import ResourceName, resource_id

from aisle_monitor.errors import InvalidPlan

DATASET = ResourceName("datasets/{dataset}")
DATASET_VERSION = ResourceName("datasets/{dataset}/versions/{version}")
MODEL = ResourceName("models/{model}")
TUNABLE_FIELDS = ("learning_rate", "lora_rank", "batch_size", "weight_decay")
_RULE = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class DatasetRun:
    """How one dataset is governed."""

    dataset: str
    disabled_rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """A task and the dataset that teaches it; `kind` 0 is unspecified."""

    kind: int
    dataset: str
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Training:
    """How to train; the meaning of zeros is that of `aisle.pipeline.v1.TrainingSpec`."""

    tasks: tuple[Task, ...] = ()
    learning_rate: float = 0.0
    batch_size: int = 0
    max_steps: int = 0
    eval_every_steps: int = 0
    patience: int = 0
    lora_rank: int = 0
    max_tokens: int = 0
    weight_decay: float = 0.0
    label_noise_ratio: float = 0.0
    folds: int = 0
    frozen_layers: int = 0
    skip_export: bool = False


@dataclass(frozen=True, slots=True)
class ParameterRange:
    """Search range of one field of `Training`."""

    field: str
    low: float
    high: float
    log_scale: bool = False


@dataclass(frozen=True, slots=True)
class Tuning:
    """How to search."""

    trial_count: int
    max_steps: int = 0
    parameters: tuple[ParameterRange, ...] = ()


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition of promotion; `comparator` 0 is unspecified."""

    metric: str
    comparator: int
    threshold: float = 0.0


@dataclass(frozen=True, slots=True)
class Registry:
    """Where the model goes and what it must prove."""

    model: str
    alias: str
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan; a missing part is None."""

    dataset_runs: tuple[DatasetRun, ...] | None
    training: Training | None
    registry: Registry | None
    tuning: Tuning | None = None


def check_plan(plan: Plan, root: str = "spec") -> None:
    """Raise InvalidPlan naming every field that breaks a rule; `root` is the path of the plan inside the request."""
    found = [*_check_governance(plan.dataset_runs, f"{root}.governance")]
    if plan.training is None:
        found.append(FieldViolation(f"{root}.training", "is required"))
    else:
        found.extend(_check_training(plan.training, f"{root}.training"))
    if plan.tuning is not None:
        found.extend(_check_tuning(plan.tuning, f"{root}.tuning"))
    found.extend(_check_registry(plan.registry, f"{root}.registry"))
    if found:
        raise InvalidPlan(found)


def check_training(training: Training, root: str) -> None:
    """Raise InvalidPlan naming every field of a training spec that breaks a rule."""
    found = list(_check_training(training, root))
    if found:
        raise InvalidPlan(found)


def _check_governance(runs: tuple[DatasetRun, ...] | None, path: str) -> Iterable[FieldViolation]:
    if not runs:
        yield FieldViolation(f"{path}.dataset_runs", "needs at least one dataset")
        return
    seen: set[str] = set()
    for index, run in enumerate(runs):
        here = f"{path}.dataset_runs[{index}]"
        yield from _name_fits(run.dataset, f"{here}.dataset", DATASET)
        if run.dataset in seen:
            yield FieldViolation(f"{here}.dataset", "is listed twice")
        seen.add(run.dataset)
        for number, rule in enumerate(run.disabled_rules):
            if not _RULE.fullmatch(rule):
                yield FieldViolation(f"{here}.disabled_rules[{number}]", "is not the name of a rule")


def _check_training(training: Training, path: str) -> Iterable[FieldViolation]:
    if not 1 <= len(training.tasks) <= 2:
        yield FieldViolation(f"{path}.tasks", "needs one or two tasks")
    seen: set[int] = set()
    for index, task in enumerate(training.tasks):
        here = f"{path}.tasks[{index}]"
        if task.kind == 0:
            yield FieldViolation(f"{here}.kind", "is required")
        elif task.kind in seen:
            yield FieldViolation(f"{here}.kind", "is listed twice")
        seen.add(task.kind)
        if not DATASET_VERSION.matches(task.dataset):
            yield from _name_fits(task.dataset, f"{here}.dataset", DATASET)
        yield from _within(task.weight, f"{here}.weight", 0, math.inf)
    yield from _within(training.learning_rate, f"{path}.learning_rate", 0, 0.1)
    yield from _within(training.batch_size, f"{path}.batch_size", 0, 1024)
    yield from _within(training.max_steps, f"{path}.max_steps", 0, 1_000_000)
    yield from _within(training.eval_every_steps, f"{path}.eval_every_steps", 0, 1_000_000)
    yield from _within(training.patience, f"{path}.patience", 0, 1_000_000)
    yield from _within(training.lora_rank, f"{path}.lora_rank", 0, 256)
    if training.max_tokens != 0:
        yield from _within(training.max_tokens, f"{path}.max_tokens", 8, 512)
    yield from _within(training.weight_decay, f"{path}.weight_decay", 0, 1)
    yield from _within(training.label_noise_ratio, f"{path}.label_noise_ratio", 0, 1)
    if training.folds:
        yield from _within(training.folds, f"{path}.folds", 2, 10)
    yield from _within(training.frozen_layers, f"{path}.frozen_layers", 0, 63)
    if training.skip_export:
        yield FieldViolation(f"{path}.skip_export", "must be false: the registry stage needs the exported bundle")


def _check_tuning(tuning: Tuning, path: str) -> Iterable[FieldViolation]:
    yield from _within(tuning.trial_count, f"{path}.trial_count", 1, 1000)
    yield from _within(tuning.max_steps, f"{path}.max_steps", 0, 1_000_000)
    if not tuning.parameters:
        yield FieldViolation(f"{path}.parameters", "needs at least one range")
    seen: set[str] = set()
    for index, parameter in enumerate(tuning.parameters):
        here = f"{path}.parameters[{index}]"
        if parameter.field not in TUNABLE_FIELDS:
            yield FieldViolation(f"{here}.field", f"must be one of {', '.join(TUNABLE_FIELDS)}")
        elif parameter.field in seen:
            yield FieldViolation(f"{here}.field", "is listed twice")
        seen.add(parameter.field)
        yield from _within(parameter.low, f"{here}.low", 0, math.inf)
        yield from _within(parameter.high, f"{here}.high", parameter.low, math.inf)
        if parameter.log_scale and parameter.low == 0:
            yield FieldViolation(f"{here}.low", "must be above 0 on a logarithmic scale")


def _check_registry(registry: Registry | None, path: str) -> Iterable[FieldViolation]:
    if registry is None:
        yield FieldViolation(path, "is required")
        return
    yield from _name_fits(registry.model, f"{path}.model", MODEL)
    try:
        resource_id(registry.alias, f"{path}.alias")
    except InvalidField as error:
        yield from error.violations
    for index, gate in enumerate(registry.gates):
        here = f"{path}.gates[{index}]"
        if not gate.metric or len(gate.metric) > 64:
            yield FieldViolation(f"{here}.metric", "must have 1 to 64 characters")
        if gate.comparator == 0:
            yield FieldViolation(f"{here}.comparator", "is required")
        if not math.isfinite(gate.threshold):
            yield FieldViolation(f"{here}.threshold", "must be a finite number")


def _name_fits(value: str, field: str, pattern: ResourceName) -> Iterable[FieldViolation]:
    try:
        pattern.parse(value, field)
    except InvalidField as error:
        yield from error.violations


def _within(value: float, field: str, low: float, high: float) -> Iterable[FieldViolation]:
    if not math.isfinite(value):
        yield FieldViolation(field, "must be a finite number")
    elif not low <= value <= high:
        bound = f"between {low:g} and {high:g}" if math.isfinite(high) else f"at least {low:g}"
        yield FieldViolation(field, f"must be {bound}")
