import json

import pandas as pd
import pytest
from aisle_governance.domain.kinds import CANONICAL, ROW_ID, DatasetKind
from aisle_governance.domain.repair.choose import choose_rows, shape
from aisle_governance.domain.repair.learn import assess, describe, learn
from aisle_governance.domain.repair.model import RepairModel, repair
from aisle_governance.domain.repair.programs import Program, Split, learn_programs
from aisle_governance.domain.repair.typing_errors import fix_values, learn_wildcards
from aisle_governance.domain.repair.votes import encode, find_dependencies, vote
from aisle_governance.domain.rules.repair import RepairCells


def shops(count: int = 60) -> pd.DataFrame:
    """Six shops, each with its name and town, in turn."""
    names = ["north mill", "south gate", "river side", "hill top", "lake view", "old harbour"]
    towns = ["leeds", "bath", "york", "truro", "derby", "dover"]
    return pd.DataFrame(
        {
            "shop": [str(n % 6) for n in range(count)],
            "name": [names[n % 6] for n in range(count)],
            "town": [towns[n % 6] for n in range(count)],
            "size": [f"{n + 100}" for n in range(count)],
        },
        dtype=object,
    )


@pytest.mark.parametrize(
    ("pairs", "text", "wanted"),
    [
        ([("12.0 oz", "12"), ("16.0 ounce", "16")], "8.4 oz.", "8.4"),
        ([("0.09%", "0.09"), ("0.05", "0.05")], "0.061%", "0.061"),
        ([("N/A", ""), ("35", "35")], "N/A", ""),
        ([("N/A", ""), ("35", "35")], "NA", "NA"),
        ([("USD 5", "5"), ("USD 7", "7")], "USD 12", "12"),
        ([("1,5", "1.5"), ("2", "2")], "7,25", "7.25"),
        ([("ACME", "acme")], "BETA", "beta"),
        ([(" x ", "x")], "\ty", "y"),
    ],
)
def test_formats_are_learned_from_pairs(pairs: list[tuple[str, str]], text: str, wanted: str) -> None:
    for program in learn_programs("c", pairs):
        text = program.run(text)
    assert text == wanted


def test_binary_noise_is_rounded_where_the_column_shows_it() -> None:
    programs = learn_programs("abv", [("0.09%", "0.09")], ["0.09%", "0.055999999999999994%"])
    assert [program.run("0.055999999999999994%") for program in programs] == ["0.056"]


def test_a_program_that_would_change_a_right_value_is_not_learned() -> None:
    assert learn_programs("c", [("Foo Ltd", "foo ltd"), ("Bar Ltd", "Bar Ltd")]) == []


def test_one_pair_teaches_no_constant_that_invents_a_value() -> None:
    assert learn_programs("c", [("Paris", "London")]) == []
    assert learn_programs("c", [("Paris", "London"), ("Paris", "London")]) == [
        Program("c", "constant", "Paris", "London")
    ]


def test_a_merged_column_is_taken_apart() -> None:
    table = pd.DataFrame(
        {"city": ["Portland OR", "Bend", "Salem OR", "New York"], "state": ["", "OR", "", "NY"]}, dtype=object
    )
    model = learn(table, {0: {"city": "Portland", "state": "OR"}})
    assert model.splits == (Split("city", "state"),)
    after = repair(model, table).frame
    assert after["city"].tolist() == ["Portland", "Bend", "Salem", "New York"]
    assert after["state"].tolist() == ["OR", "OR", "OR", "NY"]


def test_dependencies_and_votes_leave_the_cell_itself_out() -> None:
    table = shops()
    table.loc[7, "town"] = "bxth"
    encoded = encode(table)
    dependencies = find_dependencies(encoded)
    assert {(one.determinant, one.column) for one in dependencies} >= {("shop", "town"), ("name", "town")}
    assert not [one for one in dependencies if one.determinant == "size"]
    votes = vote(encoded, dependencies, "town")
    assert encoded["town"][1][votes.proposal[7]] == "bath"
    assert votes.support[7] == pytest.approx(1)
    assert votes.own[7] == 0


def test_votes_are_used_where_the_labels_confirm_them() -> None:
    table = shops()
    right = table.copy()
    for place, value in ((7, "bxth"), (20, "yorx"), (33, "truxx")):
        table.loc[place, "town"] = value
    table.loc[13, "name"] = ""
    model = learn(table, {7: {"town": "bath"}, 0: {}})
    assert "town" in model.vote_columns
    assert model.fill_columns == ()
    after = repair(model, table)
    assert after.frame["town"].tolist() == right["town"].tolist()
    assert after.by.loc[[7, 20, 33], "town"].tolist() == ["vote"] * 3
    assert after.frame.loc[13, "name"] == ""  # no label has shown that an empty name is wrong


def test_an_empty_cell_is_filled_once_a_label_shows_how() -> None:
    table = shops()
    table.loc[[13, 26], "name"] = ""
    model = learn(table, {13: {"name": "south gate"}})
    assert model.fill_columns == ("name",)
    assert repair(model, table).frame.loc[26, "name"] == "river side"


def test_a_contradicted_strategy_is_dropped() -> None:
    table = shops()
    table.loc[7, "town"] = "ripon"  # right, though the other columns say otherwise
    model = learn(table, {7: {}})
    assert repair(model, table).frame.equals(table)


def test_wildcards_need_two_cells() -> None:
    assert learn_wildcards([("cullmxn", "cullman"), ("xes", "yes")]) == "x"
    assert learn_wildcards([("cullmxn", "cullman")]) == ""
    assert learn_wildcards([("a", "bb"), ("abc", "xyz")]) == ""


def test_typing_errors_are_mended_by_frequent_values_only() -> None:
    counts = {"cullman": 9, "cullmxn": 1, "texas": 5, "9x%": 1, "91%": 8, "95%": 7, "harbour": 6, "harbuor": 1}
    assert fix_values(list(counts), counts, "x", edits=False) == {"cullmxn": "cullman"}  # 9x% has two readings
    assert fix_values(list(counts), counts, "x", edits=True) == {"cullmxn": "cullman", "harbuor": "harbour"}


def test_words_inside_values_are_mended_but_numbers_are_not() -> None:
    counts = {f"{n} patients": 1 for n in range(10, 20)} | {"21 patiexts": 1, "2x patients": 1}
    assert fix_values(list(counts), counts, "x", edits=False) == {"21 patiexts": "21 patients"}


def test_learning_without_errors_changes_nothing() -> None:
    table = shops()
    model = learn(table, {0: {}, 5: {"town": "dover"}})
    assert model.is_empty
    assert describe(model) == []


def test_the_assessment_counts_mended_and_broken_cells() -> None:
    table = pd.DataFrame({"a": ["1 kg", "2 kg", "x kg"]}, dtype=object)
    model = RepairModel(programs=(Program("a", "remove_suffix", " kg"),))
    found = assess(table, {0: {"a": "1"}, 1: {}, 2: {"a": "3"}}, model)
    assert (found.wrong, found.mended, found.broken) == (2, 1, 2)


def test_a_model_survives_storage() -> None:
    model = RepairModel(
        programs=(Program("a", "constant", "x", "y"),),
        splits=(Split("a", "b"),),
        vote_columns=("a",),
        wildcards="x",
        edits=True,
        support=0.6,
    )
    assert RepairModel.from_json(json.loads(json.dumps(model.to_json()))) == model
    assert RepairModel.from_json({}) == RepairModel()


def test_the_same_rows_are_suggested_again_and_cover_the_spellings() -> None:
    table = shops()
    table["size"] = [f"{n} cm" if n % 2 else f"{n}" for n in range(60)]
    table.loc[41, "town"] = "xxx"
    chosen = choose_rows(table, 4)
    assert chosen == choose_rows(table, 4)
    assert 41 in chosen
    assert {shape(table.loc[row, "size"]) for row in chosen} == {"9 a", "9"}
    assert len(choose_rows(table, 100)) == 60


def test_the_rule_repairs_reports_and_leaves_the_rest() -> None:
    count = 4
    data = {
        column.name: pd.Series([None] * count, dtype="float64" if column.type.value == "double" else "str")
        for column in CANONICAL[DatasetKind.PRODUCTS]
    }
    data["product_id"] = pd.Series(["a", "b", "c", "d"], dtype="str")
    data["brand"] = pd.Series(["N/A", "Acme", None, "N/A"], dtype="str")
    data[ROW_ID] = pd.Series(["r0", "r1", "r2", "r3"], dtype="str")
    frame = pd.DataFrame(data)
    model = RepairModel(programs=(Program("brand", "constant", "N/A", ""),))
    outcome = RepairCells(("product_id", "brand", "colour"), model).apply(frame)
    assert outcome.kept["brand"].fillna("-").tolist() == ["-", "Acme", "-", "-"]
    assert outcome.kept["brand"].isna().tolist() == [True, False, True, True]
    assert outcome.changed_row_count == 2
    assert [(one.row_id, one.column, one.before, one.after) for one in outcome.samples] == [("r0", "brand", "N/A", "")]
    assert outcome.findings == ("brand: 2 by format",)
    assert not len(outcome.quarantined)
