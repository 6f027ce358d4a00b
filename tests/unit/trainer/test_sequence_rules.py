"""How histories are read and held back, how targets are ranked, what the baselines say, which plans and questions are refused."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.trainer.v1 import next_items_pb2 as pb
from aisle_trainer import convert, convert_sequences
from aisle_trainer.domain import sequences
from aisle_trainer.domain.methods import Method
from aisle_trainer.domain.plan import Plan, Task, TaskPlan, completed
from aisle_trainer.domain.sequence_options import ItemInput, SequenceLoss, SequenceOptions
from aisle_trainer.engines import sequence_baselines
from aisle_trainer.engines.sequence_data import build_sequence_data
from aisle_trainer.errors import EmptyTrainingData, InvalidField, InvalidLabels, TooFewUnits, WrongColumns
from aisle_trainer.settings import TrainerSettings
from aisle_trainer.training import Training

HOUR_US = 3600 * 1_000_000
NEXT = TaskPlan(Task.SEQUENCE, "datasets/orders")


def table(histories: dict[str, str], time: str = "order_time", start: int = 0) -> pa.Table:
    """One event an hour per letter of each customer's history."""
    rows = [
        (who, letter, at * HOUR_US + start) for who, letters in histories.items() for at, letter in enumerate(letters)
    ]
    found = pa.table({"customer_id": [row[0] for row in rows], "product_id": [row[1] for row in rows]})
    return found.append_column(time, pa.array([row[2] for row in rows], pa.timestamp("us", "UTC")))


SHOP = {f"c{number}": "abcd" for number in range(6)}


def test_events_become_one_history_per_customer_in_the_order_of_time() -> None:
    found = build_sequence_data(table({**SHOP, "x": "dda"}).take(np.arange(27)[::-1].copy()), "v")
    assert found.product_ids == list("abcd")
    assert [one.tolist() for one in found.sequences] == [[0, 1, 2, 3]] * 6 + [[3, 0]]


def test_events_without_customer_or_product_are_left_out() -> None:
    events = table({**SHOP, "": "aaa"}, "event_time")
    assert len(build_sequence_data(events, "v").sequences) == 6


def test_the_last_two_items_are_held_back() -> None:
    data = build_sequence_data(table({**SHOP, "x": "ba"}), "v")
    assert [one.tolist() for one in data.training()] == [[0, 1]] * 6 + [[1, 0]]
    histories, targets = data.held(1)
    assert (len(histories), histories[0].tolist(), targets.tolist()) == (6, [0, 1, 2], [3] * 6)
    assert data.held(2)[1].tolist() == [2] * 6


def test_the_order_within_a_day_can_be_drawn_and_that_of_days_stays() -> None:
    letters = {f"c{number:02}": "abcdefghijklmnopqrstuvwxyz"[:20] for number in range(20)}
    found = build_sequence_data(table(letters, start=14 * HOUR_US), "v", shuffle_days=True, seed=1)
    assert len({tuple(one) for one in found.sequences}) > 10
    assert all(sorted(one[:10]) == list(range(10)) for one in found.sequences)
    again = build_sequence_data(table(letters, start=14 * HOUR_US), "v", shuffle_days=True, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(found.sequences, again.sequences, strict=True))


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (WrongColumns, pa.table({"customer_id": ["a"]})),
        (WrongColumns, pa.table({"customer_id": ["a"], "product_id": ["b"]})),
        (EmptyTrainingData, table({"": "abc"})),
        (InvalidLabels, table(SHOP).set_column(2, "order_time", pa.array([None] * 24, pa.timestamp("us", "UTC")))),
        (TooFewUnits, table({f"c{number}": "ab" for number in range(50)})),
    ],
)
def test_what_holds_no_sequences_is_refused(error: type[Exception], found: pa.Table) -> None:
    with pytest.raises(error):
        build_sequence_data(found, "v")


def test_ranks_count_all_items_and_half_of_equal_scores() -> None:
    scores = np.array([[0.1, 0.9, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0]], dtype=np.float32)
    histories = [np.array([1]), np.array([0])]
    targets = np.array([3, 3])
    both = sequences.ranks(lambda _: scores.copy(), histories, targets)
    assert both.among_all.tolist() == [1.5, 1.5]
    assert both.without_seen.tolist() == [0.5, 1.0]
    assert both.hides_seen()
    assert both.best() is both.of(True)
    found = np.array([0.0, 9.0, 10.0])
    assert sequences.ndcg_rows(found).tolist() == pytest.approx([1, 1 / np.log2(11), 0])
    assert sequences.recall_rows(found).tolist() == [1, 1, 0]


def test_a_target_that_was_seen_before_stays_in_the_ranking() -> None:
    scores = np.array([[0.9, 0.1]], dtype=np.float32)
    assert sequences.ranks(lambda _: scores.copy(), [np.array([0])], np.array([0])).without_seen.tolist() == [0]


def test_a_constant_scorer_gains_nothing_from_ties() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 200, 100)
    found = sequences.ranks(lambda part: np.zeros((len(part), 200), np.float32), [np.array([0])] * 100, targets)
    assert sequences.recall_rows(found.among_all).sum() == 0


@pytest.mark.parametrize("make", [sequence_baselines.item_neighbours, sequence_baselines.linear_autoencoder])
def test_baselines_name_what_goes_together(make: object) -> None:
    training = [np.array([0, 1])] * 30 + [np.array([2, 3])] * 30 + [np.array([0, 4])]
    scores = make(training, 5)([np.array([0]), np.array([2])])  # type: ignore[operator]
    assert scores[0, 1] == scores[0, 1:].max()
    assert scores[1, 3] == scores[1, [0, 1, 3, 4]].max()
    assert sequence_baselines.popularity(training, 5)([np.array([0])]).tolist() == [[31, 30, 30, 30, 1]]


def test_defaults_are_those_of_the_task() -> None:
    found = completed(Plan(tasks=(NEXT,), method=Method.FULL))
    assert (found.batch_size, found.sequence.width, found.sequence.history) == (256, 64, 50)
    kept = completed(Plan(tasks=(NEXT,), method=Method.FULL, sequence=SequenceOptions(dropout=0.0)))
    assert kept.sequence.dropout == 0


@pytest.mark.parametrize(
    ("field", "plan"),
    [
        ("spec.method", Plan(tasks=(NEXT,), method=Method.LORA)),
        ("spec.tasks", Plan(tasks=(NEXT, TaskPlan(Task.PURCHASE, "datasets/o")), method=Method.FULL)),
        ("spec.folds", Plan(tasks=(NEXT,), method=Method.FULL, folds=3)),
        ("spec.sequence", Plan(tasks=(TaskPlan(Task.PURCHASE, "datasets/o"),), sequence=SequenceOptions(width=32))),
        ("spec.sequence.width", Plan(tasks=(NEXT,), method=Method.FULL, sequence=SequenceOptions(width=33))),
        ("spec.sequence.max_history", Plan(tasks=(NEXT,), method=Method.FULL, sequence=SequenceOptions(history=1))),
        ("spec.sequence.dropout_ratio", Plan(tasks=(NEXT,), method=Method.FULL, sequence=SequenceOptions(dropout=1.0))),
    ],
)
def test_plans_that_make_no_sequence_model_are_refused(field: str, plan: Plan) -> None:
    with pytest.raises(InvalidField) as caught:
        completed(plan)
    assert caught.value.field == field


def spec() -> pipeline_pb.TrainingSpec:
    return pipeline_pb.TrainingSpec(tasks=[{"kind": pipeline_pb.TASK_KIND_SEQUENCE, "dataset": "datasets/orders"}])


def test_a_spec_says_what_it_said() -> None:
    asked = spec()
    asked.sequence.loss, asked.sequence.items, asked.sequence.dropout_ratio = 3, 1, 0.0  # type: ignore[assignment]
    plan = completed(convert.plan_from_spec(asked))
    assert (plan.method, plan.sequence.loss, plan.sequence.items) == (Method.FULL, SequenceLoss.GBCE, ItemInput.IDS)
    assert completed(convert.plan_from_spec(convert.spec_from_plan(plan))) == plan


def test_a_study_does_not_train_sequence_models(tmp_path: Path) -> None:
    training = Training(TrainerSettings(state_dir=tmp_path), None, None)  # type: ignore[arg-type]
    assert training.check(spec()).sequence.width == 64
    with pytest.raises(InvalidField, match="study"):
        training.check(spec(), "studies/s")


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("histories", pb.ScoreSequencesRequest()),
        ("histories", pb.ScoreSequencesRequest(histories=[{}] * 101)),
        ("histories[1].product_ids", pb.ScoreSequencesRequest(histories=[{}, {"product_ids": ["a"] * 10_001}])),
        ("top_count", pb.ScoreSequencesRequest(histories=[{}], top_count=-1)),
        ("top_count", pb.ScoreSequencesRequest(histories=[{}], top_count=1001)),
        ("candidates", pb.ScoreSequencesRequest(histories=[{}], candidates=["a"] * 10_001)),
    ],
)
def test_a_bad_question_about_sequences_names_its_field(field: str, request_: pb.ScoreSequencesRequest) -> None:
    with pytest.raises(InvalidField) as caught:
        convert_sequences.question(request_)
    assert caught.value.field == field
