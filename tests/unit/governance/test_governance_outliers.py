import numpy as np
import pandas as pd
import pytest
from aisle_governance.domain.cleaning import (
    Bots,
    Cancellations,
    Cleaning,
    FillMethod,
    Keep,
    MissingValues,
    NearDuplicates,
    OutlierMethod,
    Outliers,
    check_cleaning,
)
from aisle_governance.domain.kinds import CANONICAL, ROW_ID, SOURCE_HASH, DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.repair.model import RepairModel
from aisle_governance.domain.repair.programs import Program
from aisle_governance.domain.rules.bots import DropBots
from aisle_governance.domain.rules.cancellations import MatchCancellations
from aisle_governance.domain.rules.chains import build_chain
from aisle_governance.domain.rules.missing import FillMissingValues
from aisle_governance.domain.rules.outliers import DropOutliers
from aisle_governance.errors import InvalidField

TYPES = {"string": "str", "int64": "Int64", "double": "float64", "timestamp[us, tz=UTC]": "datetime64[us]"}
DAY = pd.Timestamp("2011-07-01")


def frame(kind: DatasetKind, **columns: list[object]) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    data = {
        column.name: pd.Series(columns.get(column.name, [None] * count), dtype=TYPES[column.type.value])
        for column in CANONICAL[kind]
    }
    data[ROW_ID] = pd.Series([f"r{index}" for index in range(count)], dtype="str")
    data[SOURCE_HASH] = data[ROW_ID]
    return pd.DataFrame(data)


def orders(**columns: list[object]) -> pd.DataFrame:
    return frame(DatasetKind.ORDERS, **columns)


# --- outliers


@pytest.mark.parametrize("method", [OutlierMethod.MAD, OutlierMethod.IQR])
def test_a_slipped_decimal_is_found_within_its_product(method: OutlierMethod) -> None:
    prices = [2.5, 2.6, 2.4, 2.5, 2.5, 2.7, 2.5, 2.6, 250.0, 200.0, 210.0, 190.0, 205.0, 200.0, 202.0, 199.0, 250.0]
    rows = orders(unit_price=prices, product_id=["a"] * 9 + ["b"] * 8)
    rule = DropOutliers((Outliers("unit_price", method, "product_id"),))
    outcome = rule.apply(rows)
    assert outcome.quarantined[ROW_ID].tolist() == ["r8"]
    assert outcome.quarantined["_reason"].tolist() == ["unit_price is 250 where 2.5 is usual"]
    assert outcome.quarantined["_column"].tolist() == ["unit_price"]


def test_without_groups_the_same_price_is_usual() -> None:
    prices = [2.5] * 8 + [250.0] * 8
    assert not len(DropOutliers((Outliers("unit_price"),)).apply(orders(unit_price=prices)).quarantined)


def test_missing_and_negative_numbers_are_not_judged_on_a_log_scale() -> None:
    prices = [1.0] * 10 + [None, -500.0]
    assert not len(DropOutliers((Outliers("unit_price"),)).apply(orders(unit_price=prices)).quarantined)
    linear = DropOutliers((Outliers("unit_price", log_scale=False),)).apply(orders(unit_price=prices))
    assert linear.quarantined[ROW_ID].tolist() == ["r11"]


def test_small_groups_are_compared_with_all_rows() -> None:
    rows = orders(quantity=[2] * 20 + [90_000], product_id=["a"] * 20 + ["b"])
    outcome = DropOutliers((Outliers("quantity", OutlierMethod.MAD, "product_id"),)).apply(rows)
    assert outcome.quarantined[ROW_ID].tolist() == ["r20"]


def test_an_isolation_forest_puts_aside_its_share() -> None:
    prices = [*np.random.default_rng(1).normal(10, 1, 99).tolist(), 900.0]
    rule = DropOutliers((Outliers("unit_price", OutlierMethod.ISOLATION_FOREST, contamination=0.01),))
    assert rule.apply(orders(unit_price=prices)).quarantined[ROW_ID].tolist() == ["r99"]


# --- missing values


def test_missing_words_are_missing_and_each_method_fills() -> None:
    rows = orders(
        product_id=["a", "a", "a", "b", "b"],
        title=["Lamp", "n/a", "Lamp", "?", "Cup"],
        unit_price=[2.0, None, 4.0, None, 9.0],
        country=["UK", None, "FR", "-", "UK"],
    )
    rule = FillMissingValues(
        (
            MissingValues("title", FillMethod.GROUP, group_columns=("product_id",)),
            MissingValues("unit_price", FillMethod.GROUP, group_columns=("product_id",)),
            MissingValues("country", FillMethod.DEFAULT, default="United Kingdom"),
        )
    )
    outcome = rule.apply(rows)
    assert outcome.kept["title"].tolist() == ["Lamp", "Lamp", "Lamp", "Cup", "Cup"]
    assert outcome.kept["unit_price"].tolist() == [2.0, 3.0, 4.0, 9.0, 9.0]
    assert outcome.kept["country"].tolist() == ["UK", "United Kingdom", "FR", "United Kingdom", "UK"]
    assert outcome.changed_row_count == 2
    assert {(one.column, one.before, one.after) for one in outcome.samples} >= {("title", "n/a", "Lamp")}
    assert outcome.kept.dtypes.equals(rows.dtypes)


def test_drop_names_the_column_and_unknown_groups_are_reported() -> None:
    rows = orders(title=["x", None, "y"], unit_price=[1.0, 2.0, None], product_id=["a", "b", "c"])
    rule = FillMissingValues(
        (
            MissingValues("title", FillMethod.DROP),
            MissingValues("unit_price", FillMethod.GROUP, group_columns=("product_id",)),
        )
    )
    outcome = rule.apply(rows)
    assert outcome.quarantined[ROW_ID].tolist() == ["r1"]
    assert outcome.quarantined[["_reason", "_column"]].values.tolist() == [["title is missing", "title"]]
    assert outcome.findings == ("1 of 1 missing values of unit_price could not be filled.",)
    assert outcome.kept["unit_price"].isna().tolist() == [False, True]


def test_models_fill_numbers_and_text_when_they_are_sure() -> None:
    words = ["oak table", "pine table", "steel lamp", "glass lamp"] * 30
    kinds = ["furniture", "furniture", "light", "light"] * 30
    prices = [100.0, 100.0, 20.0, 20.0] * 30
    rows = frame(
        DatasetKind.PRODUCTS,
        title=[*words, "ash table", "brass lamp"],
        category=[*kinds, None, None],
        price=[*prices, None, None],
    )
    rule = FillMissingValues(
        (
            MissingValues("category", FillMethod.MODEL, group_columns=("title",)),
            MissingValues("price", FillMethod.MODEL, group_columns=("category",)),
        )
    )
    kept = rule.apply(rows).kept
    assert kept["category"].tolist()[-2:] == ["furniture", "light"]
    assert kept["price"].tolist()[-2:] == pytest.approx([100.0, 20.0], abs=1)
    unsure = MissingValues("category", FillMethod.MODEL, group_columns=("currency",), confidence=0.9)
    assert FillMissingValues((unsure,)).apply(rows).kept["category"].isna().sum() == 2


# --- cancellations


def sales(*lines: tuple[str, str, str, int, float, int]) -> pd.DataFrame:
    """(order, customer, product, quantity, price, day)."""
    order, customer, product, quantity, price, day = zip(*lines, strict=True)
    return orders(
        order_id=list(order),
        customer_id=[one or None for one in customer],
        product_id=list(product),
        quantity=list(quantity),
        unit_price=list(price),
        order_time=[DAY + pd.Timedelta(days=one) for one in day],
    )


def test_a_cancellation_reduces_or_removes_its_line() -> None:
    rows = sales(
        ("1", "k", "a", 6, 1.0, 0),
        ("2", "k", "a", 10, 1.0, 1),
        ("C3", "k", "a", -6, 1.0, 2),  # exactly line 1
        ("C4", "k", "a", -4, 1.0, 3),  # part of line 2
    )
    outcome = MatchCancellations("C", Cancellations()).apply(rows)
    assert outcome.quarantined[ROW_ID].tolist() == ["r0"]
    assert outcome.quarantined["_reason"].tolist() == ["taken back by cancellation C3"]
    assert outcome.quarantined["quantity"].tolist() == [6]
    assert outcome.kept["quantity"].tolist() == [6, -6, -4]
    assert outcome.changed_row_count == 1
    assert outcome.findings == ("2 of 2 cancelled lines were matched, 0 not.",)
    assert rows["quantity"].tolist() == [6, 10, -6, -4]


def test_a_cancellation_may_span_lines_newest_first() -> None:
    rows = sales(("1", "k", "a", 5, 1.0, 0), ("2", "k", "a", 3, 1.0, 1), ("C3", "k", "a", -7, 1.0, 2))
    outcome = MatchCancellations("C", Cancellations()).apply(rows)
    assert outcome.quarantined[ROW_ID].tolist() == ["r1"]
    assert outcome.kept["quantity"].tolist() == [1, -7]


def test_the_same_price_goes_first() -> None:
    rows = sales(("1", "k", "a", 2, 5.0, 0), ("2", "k", "a", 2, 4.0, 1), ("C3", "k", "a", -2, 5.0, 2))
    assert MatchCancellations("C", Cancellations()).apply(rows).quarantined[ROW_ID].tolist() == ["r0"]


@pytest.mark.parametrize(
    "cancellation",
    [
        ("C9", "k", "a", -99, 1.0, 5),  # more than was ever ordered
        ("C9", "other", "a", -1, 1.0, 5),
        ("C9", "k", "b", -1, 1.0, 5),
        ("C9", "", "a", -1, 1.0, 5),
        ("C9", "k", "a", -1, 1.0, -5),  # before the order
        ("C9", "k", "a", -1, 1.0, 50),  # too late
    ],
)
def test_what_has_no_order_is_reported_and_changes_nothing(cancellation: tuple[str, str, str, int, float, int]) -> None:
    rows = sales(("1", "k", "a", 6, 1.0, 0), cancellation)
    outcome = MatchCancellations("C", Cancellations(within_days=30)).apply(rows)
    assert outcome.kept.equals(rows)
    assert outcome.findings == ("0 of 1 cancelled lines were matched, 1 not.",)


# --- bots


def events(*parts: tuple[str, str, list[float], list[str]]) -> pd.DataFrame:
    """(visitor, type, seconds, products)."""
    rows = [
        (visitor, kind, DAY + pd.Timedelta(seconds=second), products[index % len(products)])
        for visitor, kind, seconds, products in parts
        for index, second in enumerate(seconds)
    ]
    visitor, kind, time, product = zip(*rows, strict=True)
    return frame(
        DatasetKind.USER_EVENTS,
        visitor_id=list(visitor),
        event_type=list(kind),
        event_time=list(time),
        product_id=list(product),
    )


def human(seed: int, count: int) -> list[float]:
    return np.random.default_rng(seed).lognormal(3.0, 1.0, count).cumsum().tolist()


PRODUCTS = [f"p{n}" for n in range(3000)]


@pytest.mark.parametrize(
    ("bot", "words"),
    [
        (("b", "VIEW", [n * 0.7 + (n % 7) * 0.1 for n in range(80)], PRODUCTS), "actions within a minute"),
        (("b", "VIEW", [n * 45.0 for n in range(80)], PRODUCTS), "gaps between actions vary by 0.00"),
        (("b", "VIEW", human(3, 2000), PRODUCTS), "products within a day"),
    ],
)
def test_programs_are_told_from_people(bot: tuple[str, str, list[float], list[str]], words: str) -> None:
    rows = events(("h", "VIEW", human(1, 100), PRODUCTS), bot)
    outcome = DropBots(Bots()).apply(rows)
    assert set(outcome.kept["visitor_id"]) == {"h"}
    assert set(outcome.quarantined["visitor_id"]) == {"b"}
    assert outcome.quarantined["_reason"].str.contains(words).all()


def test_a_large_basket_is_one_action() -> None:
    rows = events(("h", "PURCHASE", [0.0] * 300, PRODUCTS))
    assert not len(DropBots(Bots()).apply(rows).quarantined)


def test_click_spam_goes_without_the_actor_s_other_events() -> None:
    rows = events(("s", "CLICK", human(5, 60)[:60], ["p1"]), ("s", "VIEW", human(6, 10), PRODUCTS))
    outcome = DropBots(Bots(max_repeats_per_hour=20)).apply(rows)
    assert set(outcome.quarantined["event_type"]) == {"CLICK"}
    assert len(outcome.quarantined) == 60
    assert outcome.kept["event_type"].tolist() == ["VIEW"] * 10


def test_the_customer_stands_in_for_the_visitor_and_nobody_passes() -> None:
    rows = events(("b", "VIEW", [n * 10.0 for n in range(50)], PRODUCTS))
    rows["customer_id"], rows["visitor_id"] = rows["visitor_id"], pd.Series([None] * 50, dtype="str")
    assert len(DropBots(Bots()).apply(rows).quarantined) == 50
    rows["customer_id"] = pd.Series([None] * 50, dtype="str")
    assert len(DropBots(Bots()).apply(rows).kept) == 50


# --- parameters


def test_optional_rules_stand_where_they_belong() -> None:
    cleaning = Cleaning(
        missing_values=(MissingValues("title", FillMethod.DROP),),
        outliers=(Outliers("unit_price"),),
        cancellations=Cancellations(),
        repeated_rows=True,
    )
    repairs = RepairModel(programs=(Program("title", "trim"),))
    chain = build_chain(DatasetKind.ORDERS, ColumnMapping(), cleaning=cleaning, repairs=repairs)
    names = [rule.name for rule in chain]
    order = [
        "match_cancellations",
        "drop_cancellations",
        "repair_cells",
        "fill_missing_values",
        "drop_missing_required",
        "drop_repeated_rows",
        "drop_non_products",
        "drop_outliers",
        "default_currency",
    ]
    assert [name for name in names if name in order] == order
    without = build_chain(DatasetKind.ORDERS, ColumnMapping(), ["repair_cells"], cleaning=cleaning, repairs=repairs)
    assert "repair_cells" not in [rule.name for rule in without]
    products = build_chain(DatasetKind.PRODUCTS, ColumnMapping(), cleaning=Cleaning(near_duplicates=NearDuplicates()))
    assert products[-1].name == "merge_near_duplicates"


@pytest.mark.parametrize(
    ("kind", "cleaning", "path"),
    [
        (DatasetKind.ORDERS, Cleaning(near_duplicates=NearDuplicates()), "c.near_duplicates"),
        (DatasetKind.PRODUCTS, Cleaning(bots=Bots()), "c.bots"),
        (DatasetKind.PRODUCTS, Cleaning(near_duplicates=NearDuplicates(threshold=1.5)), "c.near_duplicates.threshold"),
        (DatasetKind.PRODUCTS, Cleaning(near_duplicates=NearDuplicates(columns=("x",))), "c.near_duplicates.columns"),
        (DatasetKind.ORDERS, Cleaning(outliers=(Outliers("title"),)), "c.outliers[0].column"),
        (DatasetKind.ORDERS, Cleaning(outliers=(Outliers("quantity"), Outliers("quantity"))), "c.outliers"),
        (
            DatasetKind.ORDERS,
            Cleaning(missing_values=(MissingValues("quantity", FillMethod.DEFAULT, "many"),)),
            "c.missing_values[0].default",
        ),
        (
            DatasetKind.ORDERS,
            Cleaning(missing_values=(MissingValues("title", FillMethod.GROUP),)),
            "c.missing_values[0].group_columns",
        ),
        (DatasetKind.ORDERS, Cleaning(cancellations=Cancellations(0)), "c.cancellations.within_days"),
        (DatasetKind.USER_EVENTS, Cleaning(bots=Bots(regular_variation=float("nan"))), "c.bots.regular_variation"),
    ],
)
def test_parameters_that_cannot_be_meant_name_their_place(kind: DatasetKind, cleaning: Cleaning, path: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check_cleaning(cleaning, kind, "c")
    assert caught.value.violations[0].field == path


def test_cleaning_survives_storage_with_its_types() -> None:
    import json

    cleaning = Cleaning(
        NearDuplicates(0.9, ("title", "brand"), Keep.NEWEST),
        (MissingValues("title", FillMethod.MODEL, group_columns=("brand",)),),
        (Outliers("price", OutlierMethod.IQR),),
        None,
        None,
        True,
    )
    back = Cleaning.from_json(json.loads(json.dumps(cleaning.to_json())))
    assert back == cleaning
    assert back.near_duplicates is not None and back.near_duplicates.keep is Keep.NEWEST
    assert Cleaning.from_json({}) == Cleaning()
