"""Labels from behaviour: user events in, one grade with weight and provenance per query and product out."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aisle_governance.domain.kinds import MAX_GRADE
from aisle_governance.domain.labels.click_models import ClickLog, ClickModel, Fit, fit
from aisle_governance.domain.text import text_id
from aisle_governance.errors import FailedPrecondition

CLICK_GRADE, CART_GRADE, PURCHASE_GRADE = 1.0, 2.0, 3.0
MAX_RANK = 200

_TYPES = {
    "impression": "impression",
    "view_item_list": "impression",
    "search_result_view": "impression",
    "click": "click",
    "item_click": "click",
    "add_to_cart": "cart",
    "cart": "cart",
    "purchase": "purchase",
    "purchase_complete": "purchase",
    "order": "purchase",
}
"""What an event type means, in lower case and with underscores; others are left out."""


class LabelMethod(StrEnum):
    """How events become grades."""

    PBM = "PBM"
    CASCADE = "CASCADE"
    DBN = "DBN"
    OUTCOMES = "OUTCOMES"
    """By rule: bought 3, put into the cart 2, clicked 1, passed over on the way to a click 0."""


@dataclass(frozen=True, slots=True)
class ImplicitOptions:
    """Parameters of `build_labels`."""

    method: LabelMethod = LabelMethod.PBM
    minimum_examinations: float = 1.0
    """Pairs that were (probably) looked at less often get no label from the click model or from being passed over."""
    reference_quantile: float = 0.95
    """Pairs at this quantile of relevance, and those above it, get grade 3 from a click model."""
    prior_weight: float = 1.0
    """How many examinations the mean of all pairs counts in a click model."""


@dataclass(frozen=True, slots=True)
class ImplicitLabels:
    """What came out."""

    labels: pd.DataFrame
    """query, product_id, grade (0 to 3), grade_variance, label_source; sorted by query and product."""
    list_count: int
    """Answer lists that were found."""
    unattributed_event_count: int
    """Clicks, carts and purchases without a query, or without a product that was shown or clicked for one in their session."""
    examination: tuple[float, ...] = ()
    """Share of the lists in which each position was examined; empty for OUTCOMES."""


def build_labels(events: pd.DataFrame, options: ImplicitOptions) -> ImplicitLabels:
    """Label every (query, product) that the events of a USER_EVENTS version speak of.

    Lists are told apart by attribution token, otherwise by session (visitor, else customer) and query: the n-th time that a
    position is shown there belongs to the n-th list. Carts and purchases without a query are credited to the session's last click
    on, else view of, the product before them. The deepest outcome gives the provenance: `purchase` and `cart` with grades 3 and 2
    and variance 1 / (1 + times), else `click_model` with the posterior's variance, or `rule` for OUTCOMES.

    Raises FailedPrecondition (NO_IMPRESSIONS) for a click model without impressions that have a query and a position.
    """
    rows = _normalised(events)
    shown = _lists(rows)
    if options.method is not LabelMethod.OUTCOMES and shown.empty:
        raise FailedPrecondition(
            "The version holds no impressions with query, product and position, so a click model has nothing to explain.",
            reason="NO_IMPRESSIONS",
            next_step="Import events of type `impression` with their positions, or use the method OUTCOMES.",
        )
    clicked, lost_clicks = _credit_clicks(rows, shown)
    outcomes, lost = _credit_outcomes(rows, clicked, shown)
    examination: tuple[float, ...] = ()
    if options.method is LabelMethod.OUTCOMES:
        base = _passed_and_clicked(shown, clicked, options)
    else:
        base, examination = _modelled(shown, clicked, options)
    labels = _deepest(base, outcomes)
    labels["query"] = labels["query_key"].map(rows.groupby("query_key")["query"].first())
    labels = labels.sort_values(["query_key", "product_id"], ignore_index=True)
    columns = ["query", "product_id", "grade", "grade_variance", "label_source"]
    return ImplicitLabels(labels[columns], int(shown["list"].nunique()), lost_clicks + lost, examination)


def _normalised(events: pd.DataFrame) -> pd.DataFrame:
    """Known events in the order of their times, with `what`, `session`, `query_key` and `token`."""
    kind = events["event_type"].astype("object").str.lower().str.replace("[- ]", "_", regex=True)
    session = events["visitor_id"].astype("object").where(events["visitor_id"].notna(), events["customer_id"])
    query = events["query"].astype("object")
    keys = {text: text_id(text) for text in query.dropna().unique()}
    rows = pd.DataFrame(
        {
            "what": kind.map(_TYPES),
            "session": session.astype("object").fillna("").astype(str),
            "query": query,
            "query_key": query.map(keys),
            "product_id": events["product_id"].astype("object"),
            "position": pd.to_numeric(events["position"]).astype("float64"),
            "token": events["attribution_token"].astype("object").fillna("").astype(str),
            "time": events["event_time"],
        }
    )
    rows = rows[rows["what"].notna() & rows["product_id"].notna()]
    return rows.sort_values(["time", "position"], kind="stable", ignore_index=True)


def _lists(rows: pd.DataFrame) -> pd.DataFrame:
    """Impressions with the number of their `list` and `rank` from 0; a product repeated in a list counts at its first rank."""
    shown = rows[(rows["what"] == "impression") & rows["query_key"].notna() & rows["position"].between(1, MAX_RANK)]
    shown = shown.copy()
    repeat = shown.groupby(["token", "session", "query_key", "position"], sort=False).cumcount()
    own = shown["session"] + "\n" + repeat.astype(str)
    shown["list"] = pd.factorize(shown["query_key"] + "\n" + shown["token"].where(shown["token"] != "", own))[0]
    shown["rank"] = (shown["position"] - 1).astype("int64")
    return shown.sort_values(["list", "rank"], kind="stable").drop_duplicates(["list", "product_id"])


def _credit_clicks(rows: pd.DataFrame, shown: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Clicks with the list they belong to (missing when none was seen), and how many have no query at all."""
    clicks = rows[rows["what"] == "click"].reset_index(drop=True)
    by_token = shown[shown["token"] != ""].drop_duplicates(["token", "product_id"])
    clicks = clicks.merge(
        by_token[["token", "product_id", "list", "query_key"]],
        on=["token", "product_id"],
        how="left",
        suffixes=("", "_t"),
    )
    clicks["query_key"] = clicks["query_key"].where(clicks["query_key"].notna(), clicks.pop("query_key_t"))
    last = _latest(clicks, shown, ["session", "query_key", "product_id"], "list")
    clicks["list"] = clicks["list"].where(clicks["list"].notna(), last)
    known = clicks["query_key"].notna()
    return clicks[known].reset_index(drop=True), int((~known).sum())


def _credit_outcomes(rows: pd.DataFrame, clicked: pd.DataFrame, shown: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Carts and purchases with the query that led to them, and how many have none."""
    found = rows[rows["what"].isin(["cart", "purchase"])].reset_index(drop=True)
    for earlier in (clicked, shown):
        query = _latest(found, earlier, ["session", "product_id"], "query_key")
        found["query_key"] = found["query_key"].where(found["query_key"].notna(), query)
    known = found["query_key"].notna()
    return found[known].reset_index(drop=True), int((~known).sum())


def _latest(rows: pd.DataFrame, earlier: pd.DataFrame, by: list[str], wanted: str) -> "pd.Series[Any]":
    """For each row, `wanted` of the last of `earlier` with the same `by` that is not after it; rows of nobody get none."""
    empty = pd.Series(None, index=rows.index, dtype="object")
    usable = rows[rows[by].notna().all(axis=1) & (rows["session"] != "")]
    if usable.empty or earlier.empty:
        return empty
    left = usable[[*by, "time"]].assign(row=usable.index).sort_values("time", kind="stable")
    right = earlier[[*by, "time"]].assign(found=earlier[wanted].astype("object")).sort_values("time", kind="stable")
    joined = pd.merge_asof(left, right, on="time", by=by).set_index("row")["found"]
    return joined.reindex(rows.index).astype("object")


def _modelled(
    shown: pd.DataFrame, clicked: pd.DataFrame, options: ImplicitOptions
) -> tuple[pd.DataFrame, tuple[float, ...]]:
    """A click model's grade for every pair that was shown."""
    log, pairs = _log(shown, clicked, from_the_top=options.method is not LabelMethod.PBM)
    found = fit(ClickModel(options.method.value), log, prior_weight=options.prior_weight)
    relevance = found.relevance
    scale = MAX_GRADE / max(float(np.quantile(relevance, options.reference_quantile)), 1e-9)
    pairs["grade"] = np.clip(relevance * scale, 0.0, MAX_GRADE)
    pairs["grade_variance"] = found.variance * scale**2
    pairs["label_source"] = "click_model"
    enough = _examinations(log, found) >= options.minimum_examinations
    return pairs[enough], tuple(float(share) for share in found.examination)


def _log(shown: pd.DataFrame, clicked: pd.DataFrame, *, from_the_top: bool) -> tuple[ClickLog, pd.DataFrame]:
    code, pairs = pd.factorize(pd.MultiIndex.from_frame(shown[["query_key", "product_id"]]))
    lists = int(shown["list"].max()) + 1
    table = np.full((lists, int(shown["rank"].max()) + 1), -1, dtype=np.int64)
    table[shown["list"], shown["rank"]] = code
    if from_the_top:
        table = _cut_at_holes(table)
    at = pd.DataFrame({"list": np.nonzero(table >= 0)[0], "code": table[table >= 0]})
    hits = clicked.dropna(subset=["list"])
    wanted = pd.DataFrame(
        {
            "list": hits["list"].astype("int64"),
            "code": pairs.get_indexer(pd.MultiIndex.from_frame(hits[["query_key", "product_id"]])),
        }
    ).drop_duplicates()
    marked = at.merge(wanted.assign(hit=True), on=["list", "code"], how="left")["hit"].notna()
    clicks = np.zeros(table.shape, dtype=bool)
    clicks[table >= 0] = marked.to_numpy()
    frame = pairs.to_frame(index=False)
    frame.columns = pd.Index(["query_key", "product_id"])
    return ClickLog(table, clicks, len(pairs)), frame


def _cut_at_holes(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """End each list at its first position that was not logged: nobody knows what was read there."""
    return np.asarray(np.where(np.cumsum(table < 0, axis=1) > 0, -1, table))


def _examinations(log: ClickLog, found: Fit) -> NDArray[np.float64]:
    lists, ranks = np.nonzero(log.shown)
    counts = np.bincount(log.pairs[lists, ranks], weights=found.examination[ranks], minlength=log.pair_count)
    return counts.astype(np.float64)


def _passed_and_clicked(shown: pd.DataFrame, clicked: pd.DataFrame, options: ImplicitOptions) -> pd.DataFrame:
    """Grade 1 for clicked pairs; 0 for pairs that stood above a click and were not taken (Joachims et al. 2005, section 6)."""
    key = ["query_key", "product_id"]
    hits = clicked.groupby(key).size().rename("times").reset_index().assign(grade=CLICK_GRADE)
    in_list = clicked.dropna(subset=["list"])[["list", "product_id"]].drop_duplicates().assign(hit=True)
    marked = shown.merge(in_list.astype({"list": "int64"}), on=["list", "product_id"], how="left")
    lowest = marked[marked["hit"].notna()].groupby("list")["rank"].max()
    passed = marked[marked["hit"].isna() & (marked["rank"] < marked["list"].map(lowest).fillna(-1))]
    skips = passed.groupby(key).size().rename("times").reset_index().assign(grade=0.0)
    skips = skips[skips["times"] >= options.minimum_examinations]
    both = pd.concat([hits, skips], ignore_index=True).drop_duplicates(key)  # a clicked pair is no skipped one
    return both.assign(grade_variance=1.0 / (1.0 + both.pop("times")), label_source="rule")


def _deepest(base: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Let carts and purchases overrule what clicks say."""
    key = ["query_key", "product_id"]
    parts = []
    for what, grade in (("purchase", PURCHASE_GRADE), ("cart", CART_GRADE)):
        times = outcomes[outcomes["what"] == what].groupby(key).size().rename("times").reset_index()
        parts.append(times.assign(grade=grade, grade_variance=1.0 / (1.0 + times.pop("times")), label_source=what))
    columns = [*key, "grade", "grade_variance", "label_source"]
    kept = [part[columns] for part in (*parts, base) if len(part)]
    return pd.concat(kept, ignore_index=True).drop_duplicates(key) if kept else base[columns].copy()
