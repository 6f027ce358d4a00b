"""Between protobuf and the records of sequential recommendation."""

from collections.abc import Iterable

from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb
from aisle.pipeline.v1 import sequence_training_pb2 as sequence_pb
from aisle.trainer.v1 import next_items_pb2 as pb

from aisle_trainer.domain.methods import Method
from aisle_trainer.domain.plan import Plan
from aisle_trainer.domain.sequence_options import ItemInput, SequenceLoss, SequenceOptions
from aisle_trainer.domain.sequences import NextItems
from aisle_trainer.errors import InvalidField

MOST_HISTORIES, MOST_ITEMS, MOST_CANDIDATES, MOST_ANSWERS = 100, 10_000, 10_000, 1_000
DEFAULT_TOP = 10
_LOSSES = {
    sequence_pb.SEQUENCE_LOSS_UNSPECIFIED: SequenceLoss.SOFTMAX,
    sequence_pb.SEQUENCE_LOSS_SOFTMAX: SequenceLoss.SOFTMAX,
    sequence_pb.SEQUENCE_LOSS_SAMPLED: SequenceLoss.SAMPLED,
    sequence_pb.SEQUENCE_LOSS_GBCE: SequenceLoss.GBCE,
}
_LOSS_KINDS = {loss: kind for kind, loss in _LOSSES.items()}
_ITEMS = {
    sequence_pb.SEQUENCE_ITEMS_UNSPECIFIED: ItemInput.IDS_AND_TEXT,
    sequence_pb.SEQUENCE_ITEMS_IDS_AND_TEXT: ItemInput.IDS_AND_TEXT,
    sequence_pb.SEQUENCE_ITEMS_IDS: ItemInput.IDS,
}
_ITEM_KINDS = {items: kind for kind, items in _ITEMS.items()}


def method(spec: spec_pb.TrainingSpec, named: Method) -> Method:
    """Return the method that is meant: a sequence model has no trunk, so that none named means FULL."""
    sequence = any(task.kind == spec_pb.TASK_KIND_SEQUENCE for task in spec.tasks)
    return Method.FULL if sequence and spec.method == spec_pb.FINE_TUNING_METHOD_UNSPECIFIED else named


def options_from_spec(spec: spec_pb.TrainingSpec) -> SequenceOptions:
    """Read the options, zeros kept; raises InvalidField for an unknown loss or input."""
    found = spec.sequence
    if found.loss not in _LOSSES:
        raise InvalidField("spec.sequence.loss", "is not a known loss")
    if found.items not in _ITEMS:
        raise InvalidField("spec.sequence.items", "is not a known input")
    return SequenceOptions(
        loss=_LOSSES[found.loss],
        items=_ITEMS[found.items],
        width=found.width,
        layers=found.layer_count,
        heads=found.head_count,
        history=found.max_history,
        dropout=found.dropout_ratio if found.HasField("dropout_ratio") else None,
        negatives=found.negative_count,
        calibration=found.calibration if found.HasField("calibration") else None,
        shuffle_days=found.shuffle_days,
    )


def options(plan: Plan) -> sequence_pb.SequenceTraining:
    """Write the options of a plan."""
    found = plan.sequence
    return sequence_pb.SequenceTraining(
        loss=_LOSS_KINDS[found.loss],
        items=_ITEM_KINDS[found.items],
        width=found.width,
        layer_count=found.layers,
        head_count=found.heads,
        max_history=found.history,
        dropout_ratio=found.dropout,
        negative_count=found.negatives,
        calibration=found.calibration,
        shuffle_days=found.shuffle_days,
    )


def question(request: pb.ScoreSequencesRequest) -> tuple[list[list[str]], int, list[str]]:
    """Read histories, how many answers, and candidates; raises InvalidField with the path of what cannot be."""
    if not 1 <= len(request.histories) <= MOST_HISTORIES:
        raise InvalidField("histories", f"must hold 1 to {MOST_HISTORIES}; it holds {len(request.histories)}")
    for number, history in enumerate(request.histories):
        if len(history.product_ids) > MOST_ITEMS:
            raise InvalidField(f"histories[{number}].product_ids", f"holds more than {MOST_ITEMS:,} products")
    if not 0 <= request.top_count <= MOST_ANSWERS:
        raise InvalidField("top_count", f"must be from 0 to {MOST_ANSWERS:,}")
    if len(request.candidates) > MOST_CANDIDATES:
        raise InvalidField("candidates", f"holds more than {MOST_CANDIDATES:,} products")
    histories = [list(history.product_ids) for history in request.histories]
    return histories, request.top_count or DEFAULT_TOP, list(request.candidates)


def response(answers: Iterable[NextItems]) -> pb.ScoreSequencesResponse:
    """Write the answers."""
    return pb.ScoreSequencesResponse(
        answers=[
            pb.NextItems(
                items=[
                    pb.NextItem(product_id=product, score=score)
                    for product, score in zip(one.product_ids, one.scores, strict=True)
                ],
                known_item_count=one.known,
            )
            for one in answers
        ]
    )
