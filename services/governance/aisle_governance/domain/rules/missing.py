"""Rows without a value: put aside, or filled by a default, their group or a model."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from aisle_governance.domain.cleaning import FillMethod, MissingValues
from aisle_governance.domain.model import RuleSample
from aisle_governance.domain.rules.base import COLUMN, REASON, RuleOutcome, differs, is_blank, sample_changes

_SEED = 7
_LARGEST_TRAINING = 50_000


@dataclass(frozen=True, slots=True)
class FillMissingValues:
    """Give rows without a value one, column by column in the order of `columns`.

    A filled value is a guess; the report shows samples. Where nothing can be said (a group without values, a model that is not
    sure) the value stays missing.
    """

    columns: tuple[MissingValues, ...]
    name: ClassVar[str] = "fill_missing_values"
    description: ClassVar[str] = (
        "Treats words such as `N/A` as no value, then puts the row aside or fills it by a default, its group or a model, as the run "
        "asks for each column."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Work through the columns; later ones see what earlier ones have filled."""
        result, dropped = frame.copy(), pd.Series("", index=frame.index, dtype="str")
        changed, samples, findings = pd.Series(False, index=frame.index), list[RuleSample](), list[str]()
        for one in self.columns:
            before = result[one.column]
            values = without_words(before, one.words)
            empty = is_blank(values)
            if one.method is FillMethod.DROP:
                dropped = dropped.mask(empty & dropped.eq(""), one.column)
                continue
            filled = values.mask(empty, _proposals(one, result, values, empty)).astype(before.dtype)
            left = int(is_blank(filled).sum())
            if left:
                findings.append(f"{left} of {int(empty.sum())} missing values of {one.column} could not be filled.")
            changed |= differs(before, filled)
            samples += sample_changes(frame, one.column, before, filled)
            result[one.column] = filled
        bad = dropped.ne("")
        quarantined = frame[bad].copy()
        quarantined[REASON] = dropped[bad] + " is missing"
        quarantined[COLUMN] = dropped[bad]
        return RuleOutcome(result[~bad], quarantined, int(changed[~bad].sum()), tuple(samples[:25]), tuple(findings))


def without_words(values: "pd.Series[Any]", words: tuple[str, ...]) -> "pd.Series[Any]":
    """`values` in which words that stand for no value are missing."""
    if not pd.api.types.is_string_dtype(values.dtype):
        return values
    return values.mask(values.str.strip().str.lower().isin(words).fillna(False).astype(bool))


def _proposals(one: MissingValues, frame: pd.DataFrame, values: "pd.Series[Any]", empty: "pd.Series[bool]") -> Any:
    if not empty.any():
        return values
    if one.method is FillMethod.DEFAULT:
        number = not pd.api.types.is_string_dtype(values.dtype)
        return float(one.default) if number else one.default
    if one.method is FillMethod.GROUP:
        return _by_group(frame[list(one.group_columns)], values)
    return _by_model(one, frame, values, empty)


def _by_group(groups: pd.DataFrame, values: "pd.Series[Any]") -> "pd.Series[Any]":
    keys = [groups[column] for column in groups]
    if not pd.api.types.is_string_dtype(values.dtype):
        middle = values.groupby(keys, sort=False).transform("median")
        return middle.round() if pd.api.types.is_integer_dtype(values.dtype) else middle
    known = pd.DataFrame({**{str(column): groups[column] for column in groups}, "_value": values}).dropna()
    counted = known.value_counts(sort=False).reset_index(name="_count")
    counted = counted.sort_values(["_count", "_value"], ascending=[False, True]).drop_duplicates(list(groups.columns))
    merged = groups.merge(counted, on=list(groups.columns), how="left")["_value"]
    merged.index = values.index
    return merged


def _by_model(
    one: MissingValues, frame: pd.DataFrame, values: "pd.Series[Any]", empty: "pd.Series[bool]"
) -> "pd.Series[Any]":
    """Gradient-boosted trees for numbers; logistic regression over character n-grams of the inputs for text.

    Source: Friedman 2001 (boosting); both from scikit-learn with a fixed seed, at most 50,000 rows to learn from.
    """
    known = np.flatnonzero(~empty.to_numpy())
    result = pd.Series(pd.NA, index=values.index, dtype="object")
    if len(known) < 20:
        return result
    if len(known) > _LARGEST_TRAINING:
        known = np.sort(np.random.default_rng(_SEED).choice(known, _LARGEST_TRAINING, replace=False))
    wanted = np.flatnonzero(empty.to_numpy())
    inputs = frame[list(one.group_columns)]
    predict = _predict_text if pd.api.types.is_string_dtype(values.dtype) else _predict_number
    found = predict(inputs.iloc[known], values.iloc[known], inputs.iloc[wanted], one.confidence)
    if pd.api.types.is_integer_dtype(values.dtype):
        found = np.round(found)
    result.iloc[wanted] = found
    return result


def _predict_number(inputs: pd.DataFrame, values: "pd.Series[Any]", wanted: pd.DataFrame, confidence: float) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    both = pd.concat([inputs, wanted])
    columns, categorical = [], []
    for column in both:
        is_text = pd.api.types.is_string_dtype(both[column].dtype)
        categorical.append(is_text)
        if is_text:  # the 200 commonest values apart, the rest together
            common = both[column].value_counts().index[:200]
            columns.append(pd.Series(pd.Categorical(both[column], common).codes).replace(-1, 200).to_numpy(dtype=float))
        else:
            columns.append(both[column].to_numpy(dtype=float, na_value=np.nan))
    table = np.stack(columns, axis=1)
    model = HistGradientBoostingRegressor(categorical_features=categorical, random_state=_SEED)
    model.fit(table[: len(inputs)], values.to_numpy(dtype=float))
    return model.predict(table[len(inputs) :])


def _predict_text(inputs: pd.DataFrame, values: "pd.Series[Any]", wanted: pd.DataFrame, confidence: float) -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import SGDClassifier

    labels = values.to_numpy(dtype=object)
    if len(set(labels)) < 2:
        return np.full(len(wanted), labels[0], dtype=object)
    vectors = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), n_features=1 << 18)
    model = SGDClassifier(loss="log_loss", alpha=1e-6, max_iter=50, tol=1e-4, random_state=_SEED)
    model.fit(vectors.transform(_joined(inputs)), labels.astype(str))
    chances = model.predict_proba(vectors.transform(_joined(wanted)))
    best = model.classes_[chances.argmax(axis=1)].astype(object)
    return np.where(chances.max(axis=1) >= confidence, best, None)


def _joined(frame: pd.DataFrame) -> list[str]:
    return [" ".join("" if pd.isna(value) else str(value) for value in row) for row in frame.itertuples(index=False)]
