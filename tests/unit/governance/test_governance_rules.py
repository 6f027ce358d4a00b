import pandas as pd
import pytest
from aisle_governance.domain.kinds import (
    CANONICAL,
    IMPORT,
    ROW_ID,
    RULE_NAMES,
    SOURCE_HASH,
    SOURCE_LINE,
    TIME_IS_UTC,
    DatasetKind,
)
from aisle_governance.domain.labels.raters import LabelConflict
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.quality import raw_defects
from aisle_governance.domain.rules.base import RuleOutcome
from aisle_governance.domain.rules.chains import build_chain, rule_set_hash, run_chain
from aisle_governance.domain.rules.commerce import (
    DropCancellations,
    DropInvalidPrices,
    DropInvalidQuantities,
    DropNonProducts,
    DropUnknownCustomers,
    KeepNewestProduct,
)
from aisle_governance.domain.rules.general import (
    DefaultCurrency,
    DropExactDuplicates,
    DropMissingRequired,
    RepairText,
    TimesToUtc,
)
from aisle_governance.domain.rules.judgments import (
    ApplyLabelFixes,
    AssignJudgmentIds,
    BuildLabels,
    MergeRepeatedJudgments,
)

TYPES = {"string": "str", "int64": "Int64", "double": "float64", "timestamp[us, tz=UTC]": "datetime64[us]"}


def frame(kind: DatasetKind, **columns: list[object]) -> pd.DataFrame:
    """A frame as it comes from imports: every canonical column, lineage and helpers."""
    count = len(next(iter(columns.values())))
    data: dict[str, pd.Series] = {}
    for column in CANONICAL[kind]:
        data[column.name] = pd.Series(columns.get(column.name, [None] * count), dtype=TYPES[column.type.value])
    data[ROW_ID] = pd.Series([f"r{index}" for index in range(count)], dtype="str")
    data[IMPORT] = pd.Series(["imp"] * count, dtype="str")
    data[SOURCE_LINE] = pd.Series(range(2, count + 2))
    data[SOURCE_HASH] = pd.Series(columns.get("hash", [f"h{index}" for index in range(count)]), dtype="str")
    data[TIME_IS_UTC] = pd.Series(columns.get("utc", [False] * count), dtype=bool)
    return pd.DataFrame(data)


def kept(outcome: RuleOutcome) -> list[str]:
    return outcome.kept[ROW_ID].tolist()


def put_aside(outcome: RuleOutcome) -> dict[str, tuple[str, str]]:
    rows = outcome.quarantined
    return {
        row: (reason, column)
        for row, reason, column in zip(rows[ROW_ID], rows["_reason"], rows["_column"], strict=True)
    }


def test_exact_duplicates_keep_the_first() -> None:
    outcome = DropExactDuplicates().apply(frame(DatasetKind.ORDERS, hash=["a", "b", "a", "a"]))
    assert kept(outcome) == ["r0", "r1"]
    assert set(put_aside(outcome)) == {"r2", "r3"}


def test_text_repair_counts_changed_rows_and_leaves_missing_ones() -> None:
    rows = frame(
        DatasetKind.PRODUCTS, title=["a &amp; b", "plain", None, "<br>"], description=[None, None, " x ", None]
    )
    outcome = RepairText(("title", "description")).apply(rows)
    assert outcome.kept["title"].fillna("-").tolist() == ["a & b", "plain", "-", "-"]
    assert outcome.changed_row_count == 3
    assert rows["title"].tolist()[0] == "a &amp; b"


def test_missing_required_names_the_column() -> None:
    rows = frame(DatasetKind.JUDGMENTS, query=["q", " ", "q"], title=["t", "t", None], grade=[1.0, 2.0, None])
    outcome = DropMissingRequired(("query", "title", "grade")).apply(rows)
    assert kept(outcome) == ["r0"]
    assert put_aside(outcome) == {"r1": ("query is missing", "query"), "r2": ("title is missing", "title")}


def test_cancellations_need_a_prefix() -> None:
    rows = frame(DatasetKind.ORDERS, order_id=["1", "C2", None])
    assert kept(DropCancellations("C").apply(rows)) == ["r0", "r2"]
    assert kept(DropCancellations("").apply(rows)) == ["r0", "r1", "r2"]


def test_unknown_customers_go_unless_nobody_is_known() -> None:
    assert kept(DropUnknownCustomers().apply(frame(DatasetKind.ORDERS, customer_id=["7", None, " "]))) == ["r0"]
    assert kept(DropUnknownCustomers().apply(frame(DatasetKind.ORDERS, customer_id=[None, None]))) == ["r0", "r1"]


def test_quantities_and_prices_must_be_above_zero() -> None:
    rows = frame(DatasetKind.ORDERS, quantity=[1, 0, -3, None], unit_price=[0.0, 1.0, -2.0, None])
    assert kept(DropInvalidQuantities().apply(rows)) == ["r0", "r3"]
    assert kept(DropInvalidPrices("unit_price").apply(rows)) == ["r1", "r3"]
    assert kept(
        DropInvalidPrices("price", zero_allowed=True).apply(frame(DatasetKind.PRODUCTS, price=[0.0, -1.0]))
    ) == ["r0"]


def test_service_codes_are_no_products() -> None:
    codes = ["85123A"] * 97 + ["M", "C2", "POST"]
    assert len(kept(DropNonProducts().apply(frame(DatasetKind.ORDERS, product_id=codes)))) == 97
    words = ["lamp", "M", "POSTAGE"]
    assert kept(DropNonProducts().apply(frame(DatasetKind.ORDERS, product_id=words))) == ["r0", "r1"]


def test_newest_product_wins() -> None:
    assert kept(KeepNewestProduct().apply(frame(DatasetKind.PRODUCTS, product_id=["a", "b", "a"]))) == ["r1", "r2"]


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2011-01-15 12:00", "2011-01-15 12:00"),
        ("2011-07-15 12:00", "2011-07-15 11:00"),
        ("2011-03-27 00:59:59", "2011-03-27 00:59:59"),
        ("2011-03-27 01:30", "2011-03-27 01:00"),  # skipped by the spring change
        ("2011-10-30 00:30", "2011-10-29 23:30"),
        ("2011-10-30 01:30", "2011-10-30 00:30"),  # repeated by the autumn change: summer time
        ("2011-10-30 02:00", "2011-10-30 02:00"),
    ],
)
def test_london_times_become_utc(local: str, utc: str) -> None:
    rows = frame(
        DatasetKind.ORDERS, order_time=[pd.Timestamp(local), pd.Timestamp("2011-07-01"), None], utc=[False, True, False]
    )
    result = TimesToUtc("order_time", "Europe/London").apply(rows).kept["order_time"]
    assert result[0] == pd.Timestamp(utc, tz="UTC")
    assert result[1] == pd.Timestamp("2011-07-01", tz="UTC")
    assert pd.isna(result[2])
    assert str(result.dtype) == "datetime64[us, UTC]"


def test_times_without_a_zone_are_utc() -> None:
    rows = frame(DatasetKind.ORDERS, order_time=[pd.Timestamp("2011-07-15 12:00")])
    outcome = TimesToUtc("order_time", "").apply(rows)
    assert outcome.kept["order_time"][0] == pd.Timestamp("2011-07-15 12:00", tz="UTC")
    assert outcome.changed_row_count == 0


def test_currency_is_filled_and_upper_cased() -> None:
    outcome = DefaultCurrency("currency", "GBP").apply(frame(DatasetKind.ORDERS, currency=["eur", None, "GBP", ""]))
    assert outcome.kept["currency"].tolist() == ["EUR", "GBP", "GBP", "GBP"]
    assert outcome.changed_row_count == 3


def judgments(**columns: list[object]) -> pd.DataFrame:
    rows = BuildLabels(1).apply(frame(DatasetKind.JUDGMENTS, **columns)).kept
    return AssignJudgmentIds().apply(rows).kept


def test_labels_are_shifted_weighed_and_bounded() -> None:
    rows = frame(DatasetKind.JUDGMENTS, grade=[1.0, 4.0, 5.0, None, 0.5], grade_variance=[0.0, 1.0, 0.0, 0.0, None])
    outcome = BuildLabels(1).apply(rows)
    assert outcome.kept["grade"].tolist() == [0.0, 3.0]
    assert outcome.kept["label_weight"].tolist() == [1.0, 0.5]
    assert set(put_aside(outcome)) == {"r2", "r3", "r4"}


def test_ids_come_from_text_only_where_missing() -> None:
    rows = judgments(query=["Light Bulb", "light  bulb"], title=["A", "B"], product_id=["p1", None], grade=[1.0, 1.0])
    assert rows["query_id"].nunique() == 1
    assert rows["product_id"][0] == "p1"
    assert rows["product_id"][1].startswith("t-")


def test_repeated_judgments_become_their_weighted_mean() -> None:
    rows = judgments(
        query=["q", "q", "Q", "x"],
        title=["t", "T ", "t", "t"],
        grade=[4.0, 2.0, 2.0, 3.0],
        grade_variance=[0.0, 1.0, 1.0, 0.5],
    )
    outcome = MergeRepeatedJudgments().apply(rows)
    assert kept(outcome) == ["r0", "r3"]
    first = outcome.kept.iloc[0]
    assert first["grade"] == pytest.approx((1 * 3 + 0.5 * 1 + 0.5 * 1) / 2)
    assert first["grade_variance"] == pytest.approx(0.5 + 1.0)  # mean within, and between 3 and 1
    assert first["label_weight"] == pytest.approx(1 / 2.5)
    assert first["_label_rows"] == "r0 r1 r2"
    assert put_aside(outcome)["r2"][0] == "merged into row r0"
    assert outcome.quarantined["grade"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("kind", DatasetKind)
def test_chains_are_those_that_the_doors_know(kind: DatasetKind) -> None:
    assert tuple(rule.name for rule in build_chain(kind, ColumnMapping())) == RULE_NAMES[kind]


@pytest.mark.parametrize("kind", DatasetKind)
def test_chains_accept_no_rows(kind: DatasetKind) -> None:
    empty = frame(kind, hash=["h"]).iloc[:0]
    outcome = run_chain(build_chain(kind, ColumnMapping(time_zone="Europe/London")), empty)
    assert len(outcome.kept) == len(outcome.quarantined) == 0
    assert all(count == 0 for count in raw_defects(kind, ColumnMapping(), empty).values())


def test_disabled_rules_are_left_out_but_essential_ones_stay() -> None:
    names = [
        rule.name for rule in build_chain(DatasetKind.ORDERS, ColumnMapping(), ("drop_non_products", "times_to_utc"))
    ]
    assert "drop_non_products" not in names
    assert "times_to_utc" in names


def test_the_rule_set_hash_covers_parameters() -> None:
    one = rule_set_hash(build_chain(DatasetKind.ORDERS, ColumnMapping(cancellation_prefix="C")))
    assert one == rule_set_hash(build_chain(DatasetKind.ORDERS, ColumnMapping(cancellation_prefix="C")))
    assert one != rule_set_hash(build_chain(DatasetKind.ORDERS, ColumnMapping(cancellation_prefix="X")))


def test_a_chain_loses_no_row() -> None:
    rows = frame(
        DatasetKind.ORDERS,
        order_id=["1", "1", "C2", "3", "4", "5"],
        product_id=["10001", "10001", "10002", "10003", None, "10004"],
        quantity=[1, 1, -1, 2, 1, 0],
        unit_price=[1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        customer_id=["7.0", "7.0", "7", None, "8", "9"],
        order_time=[pd.Timestamp("2011-07-15")] * 6,
        hash=["a", "a", "b", "c", "d", "e"],
    )
    mapping = ColumnMapping(cancellation_prefix="C", time_zone="Europe/London", default_currency="GBP")
    outcome = run_chain(build_chain(DatasetKind.ORDERS, mapping), rows)
    assert outcome.kept[ROW_ID].tolist() == ["r0"]
    assert outcome.kept["customer_id"].tolist() == ["7"]
    assert dict(zip(outcome.quarantined[ROW_ID], outcome.quarantined["_rule"], strict=True)) == {
        "r1": "drop_exact_duplicates",
        "r2": "drop_cancellations",
        "r4": "drop_missing_required",
        "r3": "drop_unknown_customers",
        "r5": "drop_invalid_quantities",
    }
    for before, after in zip(outcome.reports, outcome.reports[1:], strict=False):
        assert before.output_row_count == after.input_row_count
    assert all(r.input_row_count == r.output_row_count + r.quarantined_row_count for r in outcome.reports)
    defects = raw_defects(DatasetKind.ORDERS, mapping, rows)
    assert defects["exact_duplicate"] == defects["cancellation"] == defects["missing_customer_id"] == 1
    assert defects["non_positive_quantity"] == 2


def labelled(*rows: tuple[str, float, str | None, str | None]) -> pd.DataFrame:
    """Judgments of the pair (q, product) by (product, grade, rater, source)."""
    return judgments(
        query=["q"] * len(rows),
        title=["t"] * len(rows),
        product_id=[row[0] for row in rows],
        grade=[row[1] + 1 for row in rows],
        rater_id=[row[2] for row in rows],
        label_source=[row[3] for row in rows],
    )


def test_labels_name_their_source_and_refuse_unknown_ones() -> None:
    rows = frame(DatasetKind.JUDGMENTS, grade=[1.0, 1.0, 1.0], label_source=[None, " Click_Model", "hearsay"])
    outcome = BuildLabels(0).apply(rows)
    assert outcome.kept["label_source"].tolist() == ["human", "click_model"]
    assert put_aside(outcome)["r2"][1] == "label_source"


@pytest.mark.parametrize(
    ("conflict", "grade"), [(LabelConflict.MEAN, 1.25), (LabelConflict.MEDIAN, 0.0), (LabelConflict.MAJORITY, 0.0)]
)
def test_a_conflict_is_settled_by_the_policy(conflict: LabelConflict, grade: float) -> None:
    rows = labelled(*[("p", value, f"r{index}", None) for index, value in enumerate([0.0, 2.0, 0.0, 3.0])])
    outcome = MergeRepeatedJudgments(conflict).apply(rows)
    assert outcome.kept["grade"].tolist() == [grade]
    expected = float(((rows["grade"] - grade) ** 2).mean())
    assert outcome.kept["grade_variance"].tolist() == [pytest.approx(expected)]
    assert outcome.kept["label_weight"].tolist() == [pytest.approx(1 / (1 + expected))]
    assert outcome.kept["rater_id"].isna().all()


def test_a_tie_of_the_majority_goes_to_the_grade_near_the_mean() -> None:
    rows = labelled(*[("p", value, None, None) for value in (0.0, 0.0, 2.0, 2.0, 3.0)])
    assert MergeRepeatedJudgments(LabelConflict.MAJORITY).apply(rows).kept["grade"].tolist() == [2.0]


def test_rater_quality_believes_those_who_agree_with_others() -> None:
    """Two careful raters and one who answers 3 to everything; on the last pair each careful one is alone against him."""
    rows = []
    for index in range(60):
        truth = float(index % 4)
        rows += [(f"p{index}", truth, "ann", None), (f"p{index}", truth, "bob", None), (f"p{index}", 3.0, "max", None)]
    rows += [("x", 0.0, "ann", None), ("x", 3.0, "max", None)]
    frame_of_all = labelled(*rows)
    believed = MergeRepeatedJudgments(LabelConflict.RATER_QUALITY).apply(frame_of_all).kept.set_index("product_id")
    mean = MergeRepeatedJudgments().apply(frame_of_all).kept.set_index("product_id")
    assert believed.loc["x", "grade"] == pytest.approx(0.0, abs=0.1)
    assert mean.loc["x", "grade"] == 1.5
    assert believed.loc["x", "grade_variance"] < 0.2 < mean.loc["x", "grade_variance"]


def test_people_overrule_behaviour() -> None:
    rows = labelled(("p", 3.0, None, "click_model"), ("p", 1.0, "ann", None), ("p", 2.0, None, "purchase"))
    outcome = MergeRepeatedJudgments().apply(rows)
    assert kept(outcome) == ["r1"]
    assert outcome.kept[["grade", "label_source", "rater_id"]].values.tolist() == [[1.0, "human", "ann"]]
    assert put_aside(outcome) == {"r0": ("outranked by row r1", ""), "r2": ("outranked by row r1", "")}
    behaviour = MergeRepeatedJudgments().apply(rows.iloc[[0, 2]])
    assert behaviour.kept["label_source"].tolist() == ["purchase"]


def test_accepted_fixes_lie_over_the_labels() -> None:
    rows = labelled(("p", 3.0, "ann", None), ("o", 2.0, None, None))
    query = rows["query_id"][0]
    outcome = ApplyLabelFixes(((query, "p", 0.0), (query, "gone", 1.0))).apply(rows)
    assert outcome.kept["grade"].tolist() == [0.0, 2.0]
    assert outcome.kept["label_source"].tolist() == ["review", "human"]
    assert outcome.kept["label_weight"].tolist() == [1.0, 1.0]
    assert (outcome.changed_row_count, rows["grade"].tolist()) == (1, [3.0, 2.0])
    assert outcome.samples[0].before == "3.0"
