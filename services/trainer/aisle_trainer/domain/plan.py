"""What a training job is asked to do, with defaults filled in and limits checked."""

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum

from aisle_trainer.domain.engine import Engine, completed_engine
from aisle_trainer.domain.methods import (
    DEFAULT_LEARNING_RATE,
    DEFAULT_MAX_STEPS,
    Method,
    Parameters,
    check_parameters,
    completed_parameters,
)
from aisle_trainer.domain.sequence_options import SequenceOptions, completed_sequence
from aisle_trainer.errors import InvalidField

DEFAULT_BASE_MODEL = "all-MiniLM-L6-v2"
DEFAULT_BATCH_SIZE, DEFAULT_PATIENCE, DEFAULT_LORA_RANK, DEFAULT_MAX_TOKENS = 32, 3, 16, 64
DEFAULT_VALIDATIONS = 10
PURCHASE_SHARE = 0.25
"""Share of an optimizer step's pairs that the purchase task gets beside the search task."""
PURCHASE_GROUP = 4
"""One bought product and three that were not make a group of purchase pairs."""
MAX_STEPS_LIMIT = 1_000_000
SEQUENCE_LEARNING_RATE, SEQUENCE_BATCH_SIZE, SEQUENCE_MAX_STEPS = 2e-3, 256, 900
MIN_FOLDS, MAX_FOLDS = 2, 10


class Task(StrEnum):
    """What a head learns."""

    SEARCH_RELEVANCE = "search_relevance"
    PURCHASE = "purchase"
    PAIR_MATCHING = "pair_matching"
    SEQUENCE = "sequence"


ALONE = {Task.PAIR_MATCHING: "pair matching", Task.SEQUENCE: "sequential recommendation"}
"""Tasks that are trained in a job of their own, which makes something that the ranker does not serve."""


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """One task of a job."""

    task: Task
    """What is learned."""
    dataset: str
    """`datasets/{dataset}` or `datasets/{dataset}/versions/{version}`."""
    weight: float = 1.0
    """Weight of the task's loss and of its validation figure."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides the outcome of a job; 0 in a numeric field asks for its default (see `completed`)."""

    tasks: tuple[TaskPlan, ...]
    base_model: str = ""
    method: Method = Method.LORA
    learning_rate: float = 0.0
    """Peak learning rate."""
    batch_size: int = 0
    """Pairs per optimizer step, all tasks together."""
    max_steps: int = 0
    eval_every_steps: int = 0
    patience: int = 0
    """Validations without a better score before training stops."""
    lora_rank: int = 0
    max_tokens: int = 0
    seed: int = 0
    weight_decay: float = 0.0
    label_noise_ratio: float = 0.0
    skip_export: bool = False
    evaluate_unexported: bool = False
    """Whether a model that is not exported is evaluated all the same."""
    folds: int = 0
    """Models that are trained beside the final one, each without a part of the queries; 0 holds queries back instead."""
    frozen_layers: int = 0
    """Lowest encoder layers that are not trained, the token embeddings with them; only with `Method.FULL`."""
    tuning: Parameters = None
    """Parameters of the method; None asks for its defaults."""
    engine: Engine = field(default_factory=Engine)
    sequence: SequenceOptions = field(default_factory=SequenceOptions)
    """Options of the sequence task."""

    @property
    def is_evaluated(self) -> bool:
        """Say whether the model is compared with baselines on held-back units."""
        return self.evaluate_unexported or not self.skip_export

    def has(self, task: Task) -> bool:
        """Say whether the plan trains `task`."""
        return any(entry.task is task for entry in self.tasks)

    def weight(self, task: Task) -> float:
        """Return the loss weight of `task`, 0 when it is not trained."""
        return next((entry.weight for entry in self.tasks if entry.task is task), 0.0)

    def pairs_per_step(self, task: Task) -> int:
        """Split `batch_size` between the tasks; purchase pairs come in groups of `PURCHASE_GROUP`."""
        if not self.has(task):
            return 0
        if len(self.tasks) == 1:
            return self.batch_size
        groups = max(1, round(self.batch_size * PURCHASE_SHARE / PURCHASE_GROUP))
        purchase = min(groups * PURCHASE_GROUP, self.batch_size - 1)
        return purchase if task is Task.PURCHASE else self.batch_size - purchase


def completed(plan: Plan) -> Plan:
    """Return `plan` with defaults in place of zeros; raises InvalidField with the path of the first field that cannot be."""
    plan = _completed_alone(plan)
    steps = plan.max_steps or DEFAULT_MAX_STEPS[plan.method]
    rank = plan.lora_rank or DEFAULT_LORA_RANK
    full = replace(
        plan,
        base_model=plan.base_model or DEFAULT_BASE_MODEL,
        learning_rate=plan.learning_rate or DEFAULT_LEARNING_RATE[plan.method],
        batch_size=plan.batch_size or DEFAULT_BATCH_SIZE,
        max_steps=steps,
        eval_every_steps=plan.eval_every_steps or max(1, steps // DEFAULT_VALIDATIONS),
        patience=plan.patience or DEFAULT_PATIENCE,
        lora_rank=rank,
        max_tokens=plan.max_tokens or DEFAULT_MAX_TOKENS,
        tasks=tuple(replace(task, weight=task.weight or 1.0) for task in plan.tasks),
        tuning=completed_parameters(plan.method, plan.tuning, rank),
        engine=completed_engine(plan.engine),
    )
    _check(full)
    return full


def _completed_alone(plan: Plan) -> Plan:
    """Fill in defaults of tasks that train no trunk."""
    if not plan.has(Task.SEQUENCE):
        if plan.sequence != SequenceOptions():
            raise InvalidField("spec.sequence", "belongs to the sequence task only")
        return plan
    if plan.method is not Method.FULL:
        raise InvalidField("spec.method", "must be full, or left out: a sequence model has no trunk to adapt")
    return replace(
        plan,
        learning_rate=plan.learning_rate or SEQUENCE_LEARNING_RATE,
        batch_size=plan.batch_size or SEQUENCE_BATCH_SIZE,
        max_steps=plan.max_steps or SEQUENCE_MAX_STEPS,
        sequence=completed_sequence(plan.sequence),
    )


_BASE_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")


def _check(plan: Plan) -> None:
    if plan.engine.gradient_checkpointing and plan.method is Method.PREFIX:
        raise InvalidField("spec.engine.gradient_checkpointing", "cannot be used with prefix-tuning")
    if not _BASE_MODEL.fullmatch(plan.base_model):
        raise InvalidField("spec.base_model", "is not the name of a base model")
    _check_tasks(plan)
    if plan.folds and not MIN_FOLDS <= plan.folds <= MAX_FOLDS:
        raise InvalidField("spec.folds", f"must be 0 or from {MIN_FOLDS} to {MAX_FOLDS}")
    if plan.frozen_layers and plan.method is not Method.FULL:
        raise InvalidField("spec.frozen_layers", "is for the full method; adapters leave all layers as they are")
    for name, value, low, high in (
        ("frozen_layers", plan.frozen_layers, 0, 63),
        ("learning_rate", plan.learning_rate, 0.0, 0.1),
        ("batch_size", plan.batch_size, 1, 1024),
        ("max_steps", plan.max_steps, 1, MAX_STEPS_LIMIT),
        ("eval_every_steps", plan.eval_every_steps, 1, MAX_STEPS_LIMIT),
        ("patience", plan.patience, 1, MAX_STEPS_LIMIT),
        ("lora_rank", plan.lora_rank, 1, 256),
        ("max_tokens", plan.max_tokens, 8, 512),
        ("weight_decay", plan.weight_decay, 0.0, 1.0),
        ("label_noise_ratio", plan.label_noise_ratio, 0.0, 1.0),
    ):
        if not low <= value <= high:
            raise InvalidField(f"spec.{name}", f"must be from {low} to {high}")
    check_parameters(plan.method, plan.tuning, plan.lora_rank)


def _check_tasks(plan: Plan) -> None:
    if not plan.tasks:
        raise InvalidField("spec.tasks", "names no task", next_step="Name one or two tasks with their datasets.")
    _check_alone(plan)
    seen: set[Task] = set()
    for index, entry in enumerate(plan.tasks):
        if entry.task in seen:
            raise InvalidField(f"spec.tasks[{index}].kind", "names a task twice")
        if not 0 < entry.weight < float("inf"):
            raise InvalidField(f"spec.tasks[{index}].weight", "must be above 0")
        if plan.batch_size < (PURCHASE_GROUP if entry.task is Task.PURCHASE else 1) + len(plan.tasks) - 1:
            raise InvalidField("spec.batch_size", f"is too small for these tasks: use at least {PURCHASE_GROUP + 1}")
        seen.add(entry.task)


def _check_alone(plan: Plan) -> None:
    words = next((words for task, words in ALONE.items() if plan.has(task)), None)
    if plan.method is Method.FROZEN and not plan.has(Task.PAIR_MATCHING):
        raise InvalidField("spec.method", "trains nothing; only pair matching can do without")
    if words is None:
        return
    if len(plan.tasks) > 1:
        raise InvalidField(
            "spec.tasks", f"names {words} beside another task", next_step="Train it in a job of its own."
        )
    for name, value in (("folds", plan.folds), ("label_noise_ratio", plan.label_noise_ratio)):
        if value:
            raise InvalidField(f"spec.{name}", f"is not for {words}: leave it at 0")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A named starting point."""

    recipe_id: str
    description: str
    plan: Plan
    """Its datasets are empty."""


def _both(**values: object) -> Plan:
    tasks = (TaskPlan(Task.SEARCH_RELEVANCE, ""), TaskPlan(Task.PURCHASE, ""))
    return completed(Plan(tasks=tasks, **values))  # type: ignore[arg-type]


def _one(task: Task, **values: object) -> Plan:
    return completed(Plan(tasks=(TaskPlan(task, ""),), **values))  # type: ignore[arg-type]


_DEMO = {"batch_size": 40, "max_tokens": 48, "eval_every_steps": 30}
RECIPES: tuple[Recipe, ...] = (
    Recipe(
        "match-frozen",
        "Which records name the same product: trees over text, facts, rivals and the encoder as it is. The cheapest.",
        _one(Task.PAIR_MATCHING, method=Method.FROZEN),
    ),
    Recipe(
        "match-full",
        "The same, and every weight of the encoder trained to read both records together; costs more, worth untested.",
        _one(Task.PAIR_MATCHING, method=Method.FULL, max_steps=240, batch_size=24, eval_every_steps=60),
    ),
    Recipe(
        "purchase-full",
        "Every weight, purchase only.",
        _one(Task.PURCHASE, method=Method.FULL, max_tokens=64, eval_every_steps=30),
    ),
    Recipe(
        "search-full",
        "Every weight, search relevance only: the best ranking for search.",
        _one(Task.SEARCH_RELEVANCE, method=Method.FULL, max_tokens=48, eval_every_steps=30),
    ),
    Recipe(
        "search-lora",
        "Low-rank adapters, search relevance only: 2 % of the weights, small checkpoints.",
        _one(Task.SEARCH_RELEVANCE, method=Method.LORA, max_tokens=48, eval_every_steps=40),
    ),
    Recipe(
        "sequence",
        "What a customer takes next, from the order of what they took: causal attention, all items in the loss, titles read.",
        _one(Task.SEQUENCE, method=Method.FULL),
    ),
    Recipe(
        "search-purchase-full",
        "Every weight, both tasks on one trunk: the default of the demo.",
        _both(method=Method.FULL, **_DEMO),
    ),
    Recipe(
        "search-purchase-lora",
        "Low-rank adapters, both tasks on one trunk.",
        _both(method=Method.LORA, **(_DEMO | {"eval_every_steps": 40})),
    ),
    Recipe(
        "search-purchase-quick",
        "A few steps of every weight, both tasks: shows that the loop turns, not the best quality.",
        _both(method=Method.FULL, max_steps=12, batch_size=40, max_tokens=48, eval_every_steps=12),
    ),
)
