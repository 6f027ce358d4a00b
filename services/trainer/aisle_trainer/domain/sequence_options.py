"""How a sequence model is built and taught; limits of each field."""

from dataclasses import dataclass, replace
from enum import StrEnum

from aisle_trainer.errors import InvalidField


class SequenceLoss(StrEnum):
    """What every next item is compared with."""

    SOFTMAX = "softmax"
    """All items."""
    SAMPLED = "sampled"
    """Items drawn at random, softmax."""
    GBCE = "gbce"
    """Items drawn at random, generalised binary cross-entropy."""


class ItemInput(StrEnum):
    """What an item is known by."""

    IDS = "ids"
    """A learned vector."""
    IDS_AND_TEXT = "ids_and_text"
    """A learned vector that starts at what the frozen encoder reads in the item's title."""


@dataclass(frozen=True, slots=True)
class SequenceOptions:
    """Options of the sequence task; 0 (or None) in a numeric field asks for its default."""

    loss: SequenceLoss = SequenceLoss.SOFTMAX
    items: ItemInput = ItemInput.IDS_AND_TEXT
    width: int = 0
    layers: int = 0
    heads: int = 0
    history: int = 0
    """Newest items that are read."""
    dropout: float | None = None
    negatives: int = 0
    calibration: float | None = None
    """The t of gBCE: 1 takes back the whole bias of sampling."""
    shuffle_days: bool = False
    """Whether the order inside a customer's day is drawn at random."""


WIDTH, LAYERS, HEADS, HISTORY, NEGATIVES = 64, 2, 2, 50, 256
DROPOUT, CALIBRATION = 0.4, 0.75


def completed_sequence(given: SequenceOptions) -> SequenceOptions:
    """Return `given` with defaults in place of zeros; raises InvalidField with the path of what is out of range."""
    dropout = DROPOUT if given.dropout is None else given.dropout
    calibration = CALIBRATION if given.calibration is None else given.calibration
    found = replace(
        given,
        width=given.width or WIDTH,
        layers=given.layers or LAYERS,
        heads=given.heads or HEADS,
        history=given.history or HISTORY,
        dropout=dropout,
        negatives=given.negatives or NEGATIVES,
        calibration=calibration,
    )
    for name, value, low, high in (
        ("width", found.width, 8, 512),
        ("layer_count", found.layers, 1, 12),
        ("head_count", found.heads, 1, 16),
        ("max_history", found.history, 2, 512),
        ("dropout_ratio", dropout, 0.0, 0.9),
        ("negative_count", found.negatives, 1, 65_536),
        ("calibration", calibration, 0.0, 1.0),
    ):
        if not low <= value <= high:
            raise InvalidField(f"spec.sequence.{name}", f"must be from {low:g} to {high:g}")
    if found.width % found.heads:
        raise InvalidField("spec.sequence.width", f"must be a multiple of head_count ({found.heads})")
    return found
