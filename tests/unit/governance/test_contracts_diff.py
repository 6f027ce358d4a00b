"""What a change of a contract means."""

from typing import Any

import pytest
from aisle_governance.domain.context_checks import (
    DistributionCheck,
    ExpressionCheck,
    FreshnessCheck,
    QueryCheck,
    ReferenceCheck,
    StatisticsCheck,
    VolumeCheck,
)
from aisle_governance.domain.contract import (
    Bound,
    Contract,
    EnumCheck,
    LengthCheck,
    MetricCheck,
    PatternCheck,
    RangeCheck,
    RequiredCheck,
    TypeCheck,
    UniqueCheck,
)
from aisle_governance.domain.contract_diff import ChangeKind, diff_contracts, words
from aisle_governance.domain.model import Severity
from hypothesis import given
from hypothesis import strategies as st

B, T, C = ChangeKind.BREAKING, ChangeKind.TIGHTENING, ChangeKind.COMPATIBLE
WARN, INFO = Severity.WARNING, Severity.INFO


def kinds(before: Any, after: Any) -> list[ChangeKind]:
    base = Contract(tuple([before] if before else []), ("a",))
    target = Contract(tuple([after] if after else []), ("a",))
    return [change.kind for change in diff_contracts(base, target)]


@pytest.mark.parametrize(
    ("before", "after", "forward", "back"),
    [
        (RequiredCheck("a"), None, B, T),
        (RequiredCheck("a", WARN), None, C, C),
        (RequiredCheck("a"), RequiredCheck("a", WARN), B, T),
        (RequiredCheck("a", WARN), RequiredCheck("a", INFO), C, C),
        (TypeCheck("a", "integer"), TypeCheck("a", "number"), B, T),
        (TypeCheck("a", "string"), TypeCheck("a", "number"), B, B),
        (RangeCheck("a", 0, 3), RangeCheck("a", 0, 5), B, T),
        (RangeCheck("a", 0, 3), RangeCheck("a", None, 3), B, T),
        (RangeCheck("a", 0, 3), RangeCheck("a", 1, 5), B, B),
        (RangeCheck("a", minimum=0), RangeCheck("a", exclusive_minimum=0), T, B),
        (RangeCheck("a", 0, 3, severity=WARN), RangeCheck("a", 0, 5, severity=WARN), C, C),
        (LengthCheck("a", None, 10), LengthCheck("a", 0, 20), B, T),
        (PatternCheck("a", "x"), PatternCheck("a", "y"), B, B),
        (EnumCheck("a", ("x",)), EnumCheck("a", ("x", "y")), B, T),
        (UniqueCheck(("a",)), None, B, T),
        (MetricCheck("nullValues", Bound(0, 0), "a"), MetricCheck("nullValues", Bound(0, 5), "a"), B, T),
        (
            MetricCheck("nullValues", Bound(0, 0), "a"),
            MetricCheck("nullValues", Bound(0, 0), "a", percent=True),
            B,
            B,
        ),
        (ReferenceCheck("a", "p", "x"), ReferenceCheck("a", "p", "y"), B, B),
        (FreshnessCheck("a", 60), FreshnessCheck("a", 90), B, T),
        (VolumeCheck(Bound(10)), VolumeCheck(Bound(5)), B, T),
        (VolumeCheck(Bound(10)), VolumeCheck(Bound(10), Bound(0.5)), T, B),
        (DistributionCheck("a", max_psi=0.1), DistributionCheck("a", max_psi=0.2), B, T),
        (DistributionCheck("a", max_psi=0.1), DistributionCheck("a", max_psi=0.1, reference=3), B, B),
        (
            StatisticsCheck("a", quantiles=((0.5, Bound(1, 2)),)),
            StatisticsCheck("a", quantiles=((0.5, Bound(1, 3)),)),
            B,
            T,
        ),
        (ExpressionCheck("a > 1"), ExpressionCheck("a > 2"), B, B),
        (QueryCheck("q", Bound(0, 0)), QueryCheck("q", Bound(0, 1)), B, T),
        (QueryCheck("q", Bound(0, 0, negated=True)), QueryCheck("q", Bound(0, 1, negated=True)), B, B),
    ],
)
def test_a_change_is_named_for_whom_it_can_hurt(before: Any, after: Any, forward: Any, back: Any) -> None:
    assert kinds(before, after) == [forward]
    assert kinds(after, before) == [back]
    assert kinds(before, before) == []
    assert words(before)


def test_columns_that_come_and_go() -> None:
    small = Contract((TypeCheck("a", "string"),), ("a",))
    large = Contract((TypeCheck("a", "string"), TypeCheck("b", "string"), RequiredCheck("b")), ("a", "b"))
    gone = diff_contracts(large, small)
    assert [(one.kind, one.column, one.check) for one in gone] == [(B, "b", "")]
    new = diff_contracts(small, large)
    assert [(one.kind, one.column, one.check) for one in new] == [(T, "b", "b.required"), (C, "b", "")]


bounds = st.builds(Bound, st.none() | st.integers(-5, 5), st.none() | st.integers(-5, 5), low_included=st.booleans())


@given(bounds, bounds)
def test_a_change_of_bounds_is_breaking_when_and_only_when_more_passes(old: Bound, new: Bound) -> None:
    steps = [one / 4 for one in range(-60, 61)]
    before, after = ({one for one in steps if bound.holds(one)} for bound in (old, new))
    found = kinds(QueryCheck("q", old), QueryCheck("q", new))
    if (old.low or 0) > (old.high or 0) or (new.low or 0) > (new.high or 0):
        return  # nothing passes at all: every comparison of bounds is as good
    if after - before:
        assert found == [B]
    elif before - after:
        assert found in ([T], [B])
