"""What a training run took, and what happened on the way."""

from dataclasses import dataclass, field

from aisle_trainer.domain.plan import Task


@dataclass(frozen=True, slots=True)
class Gap:
    """How far a task's loss on validation data was above that on training data, in nats."""

    task: Task
    step: int
    training_loss: float
    validation_loss: float
    limit: float

    @property
    def width(self) -> float:
        """Validation loss minus training loss."""
        return self.validation_loss - self.training_loss


@dataclass(frozen=True, slots=True)
class RankBudget:
    """How ranks were spread over the layers."""

    initial_total: int
    target_total: int
    layers: dict[str, int]
    """Rank that remains, by layer of the base model."""


@dataclass(slots=True)
class Cost:
    """What a training run took."""

    trainable: int
    """Parameters trained, heads included."""
    parameters: int
    """All of them."""
    trunk_trainable: int
    """Parameters trained inside the trunk."""
    peak_memory_bytes: int = 0
    step_cpu_seconds: float = 0.0
    """Processor seconds of optimizer steps in the last attempt."""
    step_seconds: float = 0.0
    pairs: int = 0
    """Pairs trained on in the same time."""
    micro_batch_size: int = 0
    out_of_memory_count: int = 0
    trained_bytes: int = 0
    gaps: list[Gap] = field(default_factory=list)
    """Alarms, oldest first."""
    rank_budget: RankBudget | None = None
