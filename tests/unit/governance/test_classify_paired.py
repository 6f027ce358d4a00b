import numpy as np
import pytest
from aisle_governance.domain.cleaning import Cleaning, Outliers
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.paired import Lift, holm, mean_lift, sign_flip_p
from aisle_governance.domain.roi import Arm, Change, Verdict, arm_rules, judged, plan_arms, without
from scipy import stats


def test_holm_is_the_textbook_one() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_sign_flips_agree_with_an_exact_test_and_never_give_nothing() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0.25, 1, 60)
    t_test = stats.ttest_1samp(values, 0).pvalue
    assert sign_flip_p(values, 1) == pytest.approx(t_test, abs=0.02)
    assert sign_flip_p(np.zeros(30), 1) == 1.0
    assert sign_flip_p(np.ones(50), 1) == pytest.approx(1e-4)
    assert sign_flip_p(np.array([1.0, 1.0]), 1) == pytest.approx(0.5, abs=0.03)


def test_under_the_null_few_of_many_rules_are_called_anything() -> None:
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(60):
        arms = []
        for rule in range(8):
            noise = rng.normal(0, 0.1, 80)
            arms.append(
                Arm(
                    "d",
                    Change.LEFT_OUT,
                    str(rule),
                    True,
                    lift=mean_lift(noise, 0),
                    p_value=float(stats.ttest_1samp(noise, 0).pvalue),
                )
            )
        wrong += any(arm.verdict is not Verdict.NEUTRAL for arm in judged(arms, {"d": 0.0}))
    assert wrong <= 9  # 5 % of 60 is 3; 9 or more have a chance below 0.3 %


def test_the_interval_covers_the_mean() -> None:
    rng = np.random.default_rng(5)
    inside = 0
    for seed in range(100):
        found = mean_lift(rng.normal(0.1, 1, 50), seed)
        inside += found.lower <= 0.1 <= found.upper
    assert 86 <= inside <= 100
    assert mean_lift(np.array([]), 0) == Lift(0.0, 0.0, 0.0, 0)
    assert mean_lift(np.arange(9.0), 7) == mean_lift(np.arange(9.0), 7)


def arm(rule: str, value: float, p: float, **more: object) -> Arm:
    return Arm("d", Change.LEFT_OUT, rule, True, lift=Lift(value, value, value, 50), p_value=p, **more)  # type: ignore[arg-type]


def test_a_lift_below_the_noise_floor_is_called_nothing() -> None:
    arms = [
        arm("small", 0.004, 0.0001),
        arm("useful", 0.05, 0.0001),
        arm("harmful", -0.05, 0.0001),
        arm("unsure", 0.1, 0.03),
        arm("doubtful", -0.1, 0.04),
    ]
    arms.append(arm("inert", 0.0, 1.0, verdict=Verdict.INERT))
    found = {one.rule: one for one in judged(arms, {"d": 0.01})}
    assert list(found) == ["unsure", "useful", "small", "harmful", "doubtful", "inert"]
    assert {rule: one.verdict.value for rule, one in found.items()} == {
        "unsure": "NEUTRAL",
        "doubtful": "NEUTRAL",
        "useful": "USEFUL",
        "small": "NEUTRAL",
        "harmful": "HARMFUL",
        "inert": "INERT",
    }
    assert found["useful"].adjusted_p_value == pytest.approx(0.0005)
    assert Arm.from_json(found["useful"].to_json()) == found["useful"]


def test_arms_leave_out_what_is_there_and_add_what_is_not() -> None:
    outliers = Cleaning(outliers=(Outliers("grade"),))
    disabled, cleaning = without(["repair_text"], outliers, Cleaning())
    arms = plan_arms("d", DatasetKind.JUDGMENTS, disabled, cleaning, Cleaning())
    changes = {one.rule: one.change for one in arms}
    assert arms[0].change is Change.SEEDS_ONLY
    assert changes["drop_outliers"] is Change.LEFT_OUT
    assert changes["repair_text"] is Change.ADDED
    assert not {"build_labels", "assign_judgment_ids", "protect_pii", "fill_missing_values"} & changes.keys()
    by_rule = {one.rule: one for one in arms}
    assert arm_rules(by_rule["repair_text"], disabled, cleaning, Cleaning()) == ([], cleaning)
    assert arm_rules(by_rule["drop_outliers"], disabled, cleaning, Cleaning())[0] == ["repair_text", "drop_outliers"]

    disabled, cleaning = without([], outliers, outliers)
    assert cleaning == Cleaning()
    (seeds, added) = plan_arms("d", DatasetKind.JUDGMENTS, disabled, cleaning, outliers, ["drop_outliers"])
    assert (seeds.change, added.change) == (Change.SEEDS_ONLY, Change.ADDED)
    assert arm_rules(added, disabled, cleaning, outliers) == ([], outliers)
