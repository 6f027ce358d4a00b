"""What the trainer refuses, in words for callers: kind, reason, facts and the next step."""

from aisle_runtime.errors import (
    AisleError,
    DataLoss,
    FailedPrecondition,
    InvalidField,
    NotFound,
    Unavailable,
)

__all__ = [
    "AisleError",
    "BaseModelUnknown",
    "CheckpointDamaged",
    "DataLoss",
    "DataNotReady",
    "DatasetUnreadable",
    "EmptyTrainingData",
    "ExportParityFailed",
    "FailedPrecondition",
    "InvalidField",
    "InvalidLabels",
    "MethodUnsupported",
    "NotFound",
    "ReplicaLost",
    "SingleClassLabels",
    "TooFewUnits",
    "TrainingDiverged",
    "TrainingOutOfMemory",
    "Unavailable",
    "WrongColumns",
]


class EmptyTrainingData(FailedPrecondition):
    """A dataset version holds no row that can teach its task."""

    reason = "EMPTY_TRAINING_DATA"


class SingleClassLabels(FailedPrecondition):
    """All labels of a task are equal, so there is nothing to tell apart."""

    reason = "SINGLE_CLASS_LABELS"


class InvalidLabels(FailedPrecondition):
    """Labels are missing, not numbers, or out of range."""

    reason = "INVALID_LABELS"


class TooFewUnits(FailedPrecondition):
    """There are too few queries or customers to hold some back for validation and test."""

    reason = "TOO_FEW_UNITS"


class WrongColumns(FailedPrecondition):
    """A dataset version lacks a column that its task needs."""

    reason = "DATASET_COLUMNS_MISSING"


class DatasetUnreadable(FailedPrecondition):
    """Governance does not have the dataset, or has no version of it."""

    reason = "DATASET_UNREADABLE"


class DataNotReady(FailedPrecondition):
    """Governance says that a dataset version does not yet hold what its task needs."""

    reason = "DATA_NOT_READY"


class BaseModelUnknown(InvalidField):
    """The named base model is not installed here."""

    reason = "BASE_MODEL_UNKNOWN"


class TrainingDiverged(FailedPrecondition):
    """The loss is no longer a number."""

    reason = "TRAINING_DIVERGED"


class MethodUnsupported(FailedPrecondition):
    """The base model has no place for the fine-tuning method."""

    reason = "METHOD_UNSUPPORTED"


class TrainingOutOfMemory(FailedPrecondition):
    """Not even one pair at a time fits into the memory of the job."""

    reason = "TRAINING_OUT_OF_MEMORY"


class ReplicaLost(FailedPrecondition):
    """A process that helped with the training ended before its time."""

    reason = "TRAINING_REPLICA_LOST"


class CheckpointDamaged(DataLoss):
    """A checkpoint's bytes are not what was written."""

    reason = "CHECKPOINT_DAMAGED"


class ExportParityFailed(FailedPrecondition):
    """The exported graph does not compute what the trained model computes."""

    reason = "EXPORT_PARITY_FAILED"
