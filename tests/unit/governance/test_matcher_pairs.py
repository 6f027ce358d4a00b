"""Datasets of labelled pairs: their columns, their chain, their defects."""

import pandas as pd
from aisle_governance.domain.kinds import CANONICAL, RULE_NAMES, DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.rules.chains import build_chain
from aisle_governance.domain.rules.pairs import DropUnlabelledPairs


def test_the_chain_is_the_published_one() -> None:
    chain = build_chain(DatasetKind.PAIRS, ColumnMapping(), pii_key=b"k" * 32)
    assert tuple(rule.name for rule in chain) == RULE_NAMES[DatasetKind.PAIRS]
    required = {column.name for column in CANONICAL[DatasetKind.PAIRS] if column.required}
    assert required == {"left_title", "right_title", "label"}


def test_labels_other_than_0_and_1_are_put_aside() -> None:
    outcome = DropUnlabelledPairs().apply(pd.DataFrame({"label": [1.0, 0.0, 0.5, 2.0]}))
    assert outcome.kept["label"].tolist() == [1.0, 0.0]
    assert outcome.quarantined["_reason"].unique().tolist() == ["label is neither 0 nor 1"]
