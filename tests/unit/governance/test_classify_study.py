import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.model import RuleReport, TableFile
from aisle_governance.domain.roi import Arm, Change, Verdict
from aisle_governance.engines import roi_arms, roi_fast, roi_rows, roi_study
from aisle_governance.engines.roi_values import UnitValues, averaged, compare
from aisle_governance.errors import FailedPrecondition, TrainerAway
from aisle_runtime.jobs import JobContext

RULES = ("repair_text", "normalise_ids", "drop_exact_duplicates")


def judgments(*rows: tuple[str, str, str, float, str]) -> pd.DataFrame:
    columns = ["query_id", "product_id", "title", "grade", "_label_rows"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(query=frame["query_id"], description="", label_weight=1.0, _row_id=frame["_label_rows"].str[:2])


def test_every_arm_answers_the_questions_of_the_reference() -> None:
    reference = judgments(("q1", "a", "A", 3, "r1 r2"), ("q1", "b", "B", 0, "r3"), ("q2", "a", "A", 1, "r4"))
    arm = judgments(("q1 ", "a", "<A", 0, "r1"), ("q1 ", "a", "<A", 1, "r2"), ("q2", "a", "<A2", 1, "r4"))
    shown = roi_rows.shown_pairs(reference, arm)
    assert shown["title"].tolist() == ["<A", "B", "<A2"]
    assert shown["grade"].tolist() == [3, 0, 1]
    # The rows of a held-back query do not teach, whatever id the arm gives the query.
    assert roi_rows.taught_rows(reference, arm, {"q1"})["_label_rows"].tolist() == ["r4"]
    kept = reference[reference["query_id"] == "q1"]
    assert roi_rows.rows_of_queries(kept, arm)["_label_rows"].tolist() == ["r1", "r2"]
    composed = roi_rows.composed_judgments(reference, arm, {"q1"})
    assert composed["title"].tolist() == ["<A2", "<A", "B"]


def orders(rng: random.Random, customers: int = 60) -> pd.DataFrame:
    """Customers of two tastes who buy on: what somebody buys next is what others of the same taste have bought."""
    rows = []
    for customer in range(customers):
        for number in range(12):
            product = f"{'xy'[customer % 2]}{rng.randrange(12)}"
            rows.append(
                (f"o{customer}-{number}", f"c{customer}", product, 1 + rng.randrange(3), number * 20 + customer % 20)
            )
    frame = pd.DataFrame(rows, columns=["order_id", "customer_id", "product_id", "quantity", "day"])
    times = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(frame.pop("day"), unit="D")
    return frame.assign(order_time=times, _row_id=[f"r{row}" for row in range(len(frame))])


def test_a_rule_that_spoils_orders_lowers_recall() -> None:
    reference = orders(random.Random(0))
    values = roi_fast.purchase_values(reference, reference, (0, 1))
    again = roi_fast.purchase_values(reference, reference, (1000, 1001))
    assert abs(compare(again, values, 0).lift.value) < 0.05
    shuffled = reference.assign(product_id=np.random.default_rng(1).permutation(reference["product_id"]))
    told = compare(values, roi_fast.purchase_values(reference, shuffled, (0, 1)), 0)
    assert told.auc_lift is not None
    assert told.auc_lift.lower > 0.1
    assert told.p_value < 0.01 or told.lift.value == pytest.approx(0, abs=0.2)
    few = reference[reference["customer_id"].isin({"c1", "c2"})]
    with pytest.raises(FailedPrecondition, match="at least 20"):
        roi_fast.purchase_values(few, few, (0,))


def test_orders_of_the_end_are_the_references_in_every_arm() -> None:
    reference = orders(random.Random(0))
    arm = reference.assign(product_id="spoiled")
    composed = roi_rows.composed_orders(reference, arm)
    start = reference["order_time"].max() - pd.Timedelta(days=60)
    assert set(composed.loc[composed["order_time"] < start, "product_id"]) == {"spoiled"}
    assert "spoiled" not in set(composed.loc[composed["order_time"] >= start, "product_id"])
    assert len(composed) == len(reference)


def values(*main: float, units: int = 0) -> UnitValues:
    numbers = np.array(main)
    return UnitValues(tuple(f"u{n}" for n in range(len(main))), numbers, numbers)


def test_units_are_paired_by_name_and_too_few_say_nothing() -> None:
    one = values(*np.linspace(0, 1, 30))
    other = UnitValues(tuple(reversed(one.units)), one.main[::-1] - 0.1, None, 0.4)
    told = compare(one, other, 0)
    assert told.lift.value == pytest.approx(0.1)
    assert told.auc_lift is None
    mean = averaged([one, UnitValues(one.units[:10], one.main[:10] + 1, one.main[:10])])
    assert (len(mean.units), mean.main[0]) == (10, pytest.approx(0.5))
    with pytest.raises(FailedPrecondition, match="19 queries"):
        compare(one, values(*range(19)), 0)


class Evaluator:
    """Scores an arm by what its only row says; goes away after some calls."""

    def __init__(self, calls: int = 99) -> None:
        self.asked: list[str] = []
        self._calls = calls

    def __call__(self, question: roi_study.Question) -> UnitValues:
        if len(self.asked) == self._calls:
            raise TrainerAway
        self.asked.append(question.label)
        noise = np.random.default_rng(int(question.seeds[0])).normal(0, 0.001, 40)
        return values(*(float(question.arm["score"].iloc[0]) + noise))


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    def govern(job: Any, run: str) -> Any:
        score = 0.5 - 0.2 * ("repair_text" in job["disabled_rules"])
        frame = pd.DataFrame({"score": [score]})
        reports = tuple(RuleReport(rule, "", 9, 9, 0, 4, 0.25) for rule in RULES)
        table = SimpleNamespace(to_pandas=lambda: frame)
        return SimpleNamespace(table=table, content_hash=str(score), report=SimpleNamespace(rules=reports))

    monkeypatch.setattr(roi_study, "govern", govern)
    run = {"dataset": "d", "kind": "JUDGMENTS", "disabled_rules": [], "cleaning": {}}
    arms = [Arm("d", Change.SEEDS_ONLY), *(Arm("d", Change.LEFT_OUT, rule) for rule in RULES)]
    return {
        "study": "roi-x",
        "datasets": [{"run": run, "candidates": {}}],
        "arms": [arm.to_json() for arm in arms],
        "seeds": [1],
        "seed": 1,
    }


def test_a_study_goes_on_after_the_arms_that_are_done(study: dict[str, Any], tmp_path: Path) -> None:
    context = JobContext("roi-x", b"", tmp_path)
    first = Evaluator(calls=2)
    with pytest.raises(TrainerAway):
        roi_study.StudyRun(study, context, lambda part: part, first).run()
    assert first.asked == ["0r", "0"]
    second = Evaluator()
    found = roi_study.StudyRun(study, context, lambda part: part, second).run()
    assert second.asked == ["1"]  # the reference and its noise are known, and two rules change no row
    arms = {arm["rule"]: Arm.from_json(arm) for arm in found["arms"]}
    assert arms["repair_text"].verdict is Verdict.USEFUL
    assert arms["repair_text"].lift is not None
    assert arms["repair_text"].lift.value == pytest.approx(0.2)
    assert (arms["repair_text"].rule_seconds, arms["repair_text"].changed_row_count) == (0.25, 4)
    assert arms["normalise_ids"].verdict is Verdict.INERT
    (reference,) = found["references"]
    assert 0 < reference["noise_floor"] < 0.01
    assert [Arm.from_json(one) for one in json.loads(json.dumps(found))["arms"]] == list(
        map(Arm.from_json, found["arms"])
    )


def test_an_arm_is_a_version_only_while_it_is_there(tmp_path: Path) -> None:
    study, row = "roi-0123456789abcdefg", {"query": "q", "title": "t", "grade": 1.0, "_row_id": "r"}
    version = roi_arms.publish_arm(tmp_path, study, "0r", DatasetKind.JUDGMENTS, pd.DataFrame([row]))
    assert roi_arms.is_arm(version.dataset)
    assert not roi_arms.is_arm("orders")
    found = roi_arms.find_arm(tmp_path, version.dataset, None)
    assert found == version
    assert isinstance(version.files[0], TableFile)
    assert roi_arms.find_arm(tmp_path, version.dataset, 2) is None
    assert roi_arms.find_arm(tmp_path, f"{study}-1", 1) is None
    roi_arms.drop_study(tmp_path, study)
    assert roi_arms.find_arm(tmp_path, version.dataset, 1) is None
