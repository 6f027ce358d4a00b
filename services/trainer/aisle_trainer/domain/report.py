"""What a job found out: validations, systems compared, the files of its bundle."""

from dataclasses import dataclass, field

from aisle_trainer.domain.cost import Cost
from aisle_trainer.domain.metrics import Figure
from aisle_trainer.domain.plan import Task


@dataclass(frozen=True, slots=True)
class Validation:
    """One look at the validation split."""

    step: int
    """Optimizer steps done."""
    score: float
    """What early stopping looks at; higher is better."""
    tasks: dict[Task, tuple[Figure, ...]]
    """Figures per task."""


@dataclass(frozen=True, slots=True)
class SystemReport:
    """How one system did on a task."""

    system: str
    figures: tuple[Figure, ...]
    unit_values: tuple[float, ...] = ()
    """The task's main metric per unit, in the order of the task's units."""


@dataclass(frozen=True, slots=True)
class TaskReport:
    """The comparison on one task."""

    task: Task
    dataset_version: str
    split: str
    systems: tuple[SystemReport, ...]
    unit_ids: tuple[str, ...]
    paired_differences: tuple[Figure, ...]
    """Model minus baseline, named `{metric}:{baseline}`."""


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of a bundle, known by its content."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(slots=True)
class Outcome:
    """The end of a job."""

    steps: int
    training_loss: float
    checkpoint_step: int
    validations: list[Validation]
    tasks: list[TaskReport] = field(default_factory=list)
    files: list[BundleFile] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall seconds per phase."""
    cost: Cost | None = None
    """What training took and what happened on the way."""
