"""How the optimizer goes about a plan: update rule, course of the learning rate, parts of a step, alarms."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from aisle_trainer.errors import InvalidField

DEFAULT_WARMUP, DEFAULT_MOMENTUM, DEFAULT_GRADIENT_NORM, DEFAULT_GAP_LIMIT = 0.1, 0.9, 1.0, 0.1
MOST_CLASSES = 20


class Optimizer(StrEnum):
    """Update rule."""

    ADAMW = "adamw"
    SGD = "sgd"


class Schedule(StrEnum):
    """Course of the learning rate after the warm-up."""

    LINEAR = "linear"
    COSINE = "cosine"
    CONSTANT = "constant"


class Precision(StrEnum):
    """How matrices are multiplied; weights stay float32."""

    SETTING = "setting"
    """What the service's settings say."""
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything about the optimizer that decides the outcome; 0 asks for a default (see `completed_engine`)."""

    optimizer: Optimizer = Optimizer.ADAMW
    momentum: float = 0.0
    schedule: Schedule = Schedule.LINEAR
    warmup: float = DEFAULT_WARMUP
    """Share of the steps in which the learning rate rises."""
    micro_batch_size: int = 0
    """Pairs that pass through the model at once; 0 means those of the whole step."""
    precision: Precision = Precision.SETTING
    gradient_checkpointing: bool = False
    gradient_norm: float = 0.0
    balance_classes: bool = False
    gap_limit: float = 0.0
    """Validation loss minus training loss, in nats, above which the alarm goes off."""


def completed_engine(engine: Engine) -> Engine:
    """Return `engine` with defaults in place of zeros; raises InvalidField with the path of what cannot be."""
    if engine.optimizer is Optimizer.ADAMW and engine.momentum:
        raise InvalidField("spec.engine.momentum", "belongs to SGD only")
    sgd = engine.optimizer is Optimizer.SGD
    full = replace(
        engine,
        momentum=(engine.momentum or DEFAULT_MOMENTUM) if sgd else 0.0,
        gradient_norm=engine.gradient_norm or DEFAULT_GRADIENT_NORM,
        gap_limit=engine.gap_limit or DEFAULT_GAP_LIMIT,
    )
    for field, value, low, high in (
        ("momentum", full.momentum, 0.0, 0.9999),
        ("warmup_ratio", full.warmup, 0.0, 0.9),
        ("micro_batch_size", full.micro_batch_size, 0, 1024),
        ("gradient_norm_limit", full.gradient_norm, 1e-6, 1e6),
        ("gap_limit", full.gap_limit, 1e-6, 1e6),
    ):
        if not low <= value <= high:
            raise InvalidField(f"spec.engine.{field}", f"must be from {low:g} to {high:g}")
    return full


def rate_share(step: int, max_steps: int, engine: Engine) -> float:
    """Return the share of the peak learning rate at `step` (first = 0): linear warm-up, then the schedule's course."""
    warmup = max(1, round(max_steps * engine.warmup)) if engine.warmup else 0
    if step < warmup:
        return (step + 1) / warmup
    if engine.schedule is Schedule.CONSTANT:
        return 1.0
    done = (step - warmup + 1) / max(1, max_steps - warmup + 1)
    if engine.schedule is Schedule.COSINE:
        return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return max(0.0, (max_steps - step) / max(1, max_steps - warmup + 1))


def class_weights(labels: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return a weight per row, mean 1, that gives each label value the same total; None with more than `MOST_CLASSES`.

    Source: King & Zeng 2001, section 4 (weighting by inverse class frequency).
    """
    values, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(values) > MOST_CLASSES:
        return None
    return np.asarray(len(labels) / (len(values) * counts[place]), dtype=np.float64)
