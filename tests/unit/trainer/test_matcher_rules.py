"""What the matcher reads in records, how thresholds are chosen, which tables and plans are refused."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.trainer.v1 import pair_matching_pb2 as pb
from aisle_trainer import convert_pairs
from aisle_trainer.domain import matching
from aisle_trainer.domain.matching import Record
from aisle_trainer.domain.plan import Method, Plan, Task, TaskPlan, completed
from aisle_trainer.domain.splits import Role
from aisle_trainer.engines.pair_data import build_pair_data
from aisle_trainer.engines.pair_features import FEATURES, PairFeatures, Side
from aisle_trainer.errors import InvalidField, InvalidLabels, SingleClassLabels, TooFewUnits, WrongColumns
from aisle_trainer.settings import TrainerSettings
from aisle_trainer.training import Training

MATCH = TaskPlan(Task.PAIR_MATCHING, "datasets/pairs")


def test_model_numbers_and_numbers_are_told_apart() -> None:
    name = matching.fold("Sony DSC-W120/B Caméra 7.2 zoom 4x volume 02")
    assert matching.codes(name) == {"dscw120b"}
    assert matching.numbers(name) == {"7.2", "2"}
    assert "camera" in matching.words(name)


def test_what_an_encoder_reads_does_not_repeat_the_title() -> None:
    record = Record("red lamp", "red lamp with two bulbs", "acme", 19.9)
    assert record.reading == "acme red lamp $ 20 with two bulbs"


def test_a_price_gap_needs_two_prices() -> None:
    assert matching.price_gap(10.0, 20.0) == pytest.approx(math.log(2))
    assert math.isnan(matching.price_gap(None, 20.0))


def test_the_threshold_is_the_best_and_lies_between_scores() -> None:
    labels = np.array([1.0, 1.0, 0.0, 1.0, 0.0])
    scores = np.array([0.9, 0.8, 0.5, 0.4, 0.1])
    cut = matching.best_threshold(labels, scores)
    assert 0.1 < cut < 0.4  # 3 of 3 matches with one mistake: F1 6/7
    assert matching.match_quality(labels, (scores >= cut).astype(float))[0] == pytest.approx(6 / 7)


def test_equal_scores_stay_on_one_side_of_the_threshold() -> None:
    labels, scores = np.array([1.0, 0.0, 0.0, 0.0]), np.array([0.5, 0.5, 0.5, 0.1])
    assert (scores >= matching.best_threshold(labels, scores)).sum() == 3


def test_intervals_draw_the_pairs_of_a_record_together() -> None:
    labels = np.tile([1.0, 0.0], 50)
    figures = {one.name: one for one in matching.match_figures(labels, labels, np.arange(100) // 2, 0)}
    assert figures["f1"].value == figures["f1"].lower == 1.0
    worse = labels.copy()
    worse[:20] = 0
    gap = matching.f1_difference("f1:x", labels, labels, worse, np.arange(100) // 2, 0)
    assert gap.lower > 0


def sides(left: list[Record], right: list[Record]) -> tuple[Side, Side]:
    def read(records: list[Record]) -> Side:
        return Side.read(records, np.eye(len(records), 8, dtype=np.float32))

    return read(left), read(right)


def column(features: np.ndarray, name: str) -> np.ndarray:
    return features[:, FEATURES.index(name)]


def test_a_better_partner_speaks_against_a_pair() -> None:
    left = [Record("acme red lamp large")]
    right = [Record("acme red lamp large new"), Record("acme red chair")]
    found = PairFeatures(*sides(left, right)).of(np.array([(0, 0), (0, 1)]))
    assert found.shape == (2, len(FEATURES))
    assert np.isfinite(found).all()
    lead = column(found, "words_lead_left")
    assert lead[0] > 0 > lead[1]
    assert column(found, "words_before_left").tolist() == pytest.approx([0, math.log(2)])


def test_other_model_numbers_speak_against_a_pair() -> None:
    left = [Record("acme red lamp AB-1234")]
    right = [Record("lamp", "red, by acme: ab1234"), Record("acme red lamp zz-9999")]
    found = PairFeatures(*sides(left, right)).of(np.array([(0, 0), (0, 1)]))
    assert column(found, "codes_differ").tolist() == [0, 1]
    assert column(found, "codes_found_left").tolist() == [1, 0]


def test_features_do_not_depend_on_how_pairs_are_cut_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    words = [f"w{number}" for number in range(9)]
    left, right = ([Record(" ".join(rng.choice(words, 4))) for _ in range(8)] for _ in range(2))
    pairs = rng.integers(0, 8, (20, 2))
    whole = PairFeatures(*sides(left, right)).of(pairs)
    monkeypatch.setattr("aisle_trainer.engines.pair_features._BLOCK_CELLS", 8)
    assert np.array_equal(PairFeatures(*sides(left, right)).of(pairs), whole)


def test_a_record_on_both_sides_is_not_its_own_rival() -> None:
    same = Record("red lamp large")
    features = PairFeatures(*sides([same], [same, Record("red lamp")]))
    assert column(features.of(np.array([(0, 1)])), "words_before_left").tolist() == [0.0]


def table(**columns: list[object]) -> pa.Table:
    count = len(columns["label"])
    texts = {name: [f"{name} {number}" for number in range(count)] for name in ("left_title", "right_title")}
    return pa.table({**texts, **columns})


def test_a_named_split_is_kept_and_equal_records_are_one() -> None:
    found = build_pair_data(
        table(
            left_title=["a", "a", "b", "b", "c", "c"],
            label=[1.0, 0.0] * 3,
            split=["train", "Train", "valid", "validation", "test", "test"],
            left_price=[1.0, 1.0, None, None, -3.0, -3.0],
        ),
        "v",
    )
    assert found.roles.tolist() == [Role.TRAIN, Role.TRAIN, Role.VALIDATION, Role.VALIDATION, Role.TEST, Role.TEST]
    assert [record.price for record in found.left] == [1.0, None, None]
    assert found.pairs[:, 0].tolist() == [0, 0, 1, 1, 2, 2]


def test_without_a_split_no_left_record_is_on_two_sides() -> None:
    titles = [f"left {number % 60}" for number in range(120)]
    found = build_pair_data(table(left_title=titles, label=[float(number % 2) for number in range(60)] * 2), "v")
    sides_of = {(one, role) for one, role in zip(found.pairs[:, 0], found.roles, strict=True)}
    assert len(sides_of) == 60


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (WrongColumns, pa.table({"left_title": ["a"]})),
        (InvalidLabels, table(label=[1.0, 0.5])),
        (InvalidLabels, table(label=[1.0, None])),
        (InvalidLabels, table(label=[1.0, 0.0], split=["train", "hold"])),
        (InvalidLabels, table(label=[1.0, 0.0], split=["train", ""])),
        (SingleClassLabels, table(label=[1.0, 1.0])),
        (TooFewUnits, table(label=[1.0, 0.0], split=["train", "train"])),
    ],
)
def test_what_cannot_teach_is_refused(error: type[Exception], found: pa.Table) -> None:
    with pytest.raises(error):
        build_pair_data(found, "v")


@pytest.mark.parametrize(
    ("field", "plan"),
    [
        ("spec.tasks", Plan(tasks=(MATCH, TaskPlan(Task.PURCHASE, "datasets/o")))),
        ("spec.method", Plan(tasks=(TaskPlan(Task.PURCHASE, "datasets/o"),), method=Method.FROZEN)),
        ("spec.folds", Plan(tasks=(MATCH,), folds=3)),
        ("spec.label_noise_ratio", Plan(tasks=(MATCH,), label_noise_ratio=0.5)),
    ],
)
def test_plans_that_make_no_matcher_are_refused(field: str, plan: Plan) -> None:
    with pytest.raises(InvalidField) as caught:
        completed(plan)
    assert caught.value.field == field


def ask(**record: object) -> pb.ScorePairsRequest:
    pair = pb.ProductPair(left=pb.ProductRecord(**record), right=pb.ProductRecord(title="x"))  # type: ignore[arg-type]
    return pb.ScorePairsRequest(pairs=[pb.ProductPair(left={"title": "a"}, right={"title": "b"}), pair])


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("pairs", pb.ScorePairsRequest()),
        ("pairs", pb.ScorePairsRequest(pairs=[pb.ProductPair()] * 1001)),
        ("pairs[1].left.title", ask(title=" ")),
        ("pairs[1].left.title", ask(title="x" * 10_001)),
        ("pairs[1].left.price", ask(title="x", price=-1.0)),
        ("pairs[1].left.price", ask(title="x", price=math.nan)),
    ],
)
def test_a_bad_question_names_its_field(field: str, request_: pb.ScorePairsRequest) -> None:
    with pytest.raises(InvalidField) as caught:
        convert_pairs.pairs(request_)
    assert caught.value.field == field


def test_a_threshold_outside_0_to_1_is_refused() -> None:
    assert convert_pairs.threshold(pb.ScorePairsRequest()) is None
    with pytest.raises(InvalidField):
        convert_pairs.threshold(pb.ScorePairsRequest(threshold=1.5))


def test_a_study_does_not_train_matchers(tmp_path: Path) -> None:
    training = Training(TrainerSettings(state_dir=tmp_path), None, None)  # type: ignore[arg-type]
    spec = pipeline_pb.TrainingSpec(
        tasks=[pipeline_pb.TaskSpec(kind=pipeline_pb.TASK_KIND_PAIR_MATCHING, dataset="datasets/pairs")]
    )
    assert training.check(spec).tasks[0].kind == pipeline_pb.TASK_KIND_PAIR_MATCHING
    with pytest.raises(InvalidField, match="study") as caught:
        training.check(spec, "studies/s")
    assert caught.value.field == "spec.tasks"
