"""Light rankers that are trained on an arm's rows and judged on the reference's questions, in seconds and without an encoder."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from aisle_governance.domain.kinds import MAX_GRADE
from aisle_governance.engines.roi_rows import rows_of_queries, shown_pairs, taught_rows
from aisle_governance.engines.roi_values import Floats, UnitValues, averaged, check_units
from aisle_governance.engines.text_match import match_features

Ints = NDArray[np.int64]
FOLDS, MAX_PAIRS = 3, 20_000
BAG_SHARE = 0.8
MAX_CUSTOMERS, MAX_ITEMS, TOP = 2_000, 20_000, 20
WINDOW_DAYS, WINDOW_SHARE = 30, 0.2
RELEVANT_GRADE, CUTOFF = 2.0, 10
_POPULARITY_WEIGHT = 0.05
_PER_CHUNK = 256


def search_values(reference: pd.DataFrame, arm: pd.DataFrame, seeds: Sequence[int]) -> UnitValues:
    """NDCG@10 and AUC per query of boosted trees over text-match features.

    Queries are cut into three folds; each is ranked by trees that saw none of its labels, whatever the arm calls it. A seed decides
    which four fifths of the queries teach, the same ones for every arm. Raises FailedPrecondition (TOO_FEW_UNITS).
    """
    kept = _kept_queries(reference)
    reference = reference[reference["query_id"].isin(kept)].reset_index(drop=True)
    arm = rows_of_queries(reference, arm.reset_index(drop=True)).reset_index(drop=True)
    shown = shown_pairs(reference, arm)
    both = pd.concat([arm, shown], ignore_index=True)
    features = _features(both)
    taught_features, asked_features = features[: len(arm)], features[len(arm) :]
    fold_of = {query: _share(f"fold/{query}", FOLDS) for query in reference["query_id"].unique()}
    folds = reference["query_id"].map(fold_of).to_numpy()
    gains = (np.exp2(arm["grade"].to_numpy(np.float64)) - 1) / (2**MAX_GRADE - 1)
    weights = arm["label_weight"].fillna(1.0).to_numpy(np.float64)
    allowed = [
        taught_rows(reference, arm, {query for query, number in fold_of.items() if number == fold}).index.to_numpy()
        for fold in range(FOLDS)
    ]
    found = []
    for seed in seeds:
        bagged = np.array([_unit(f"{seed}/{query}") < BAG_SHARE for query in arm["query_id"]], dtype=bool)
        scores = np.zeros(len(reference))
        for fold in range(FOLDS):
            rows, asked = allowed[fold][bagged[allowed[fold]]], folds == fold
            if len(rows) and asked.any():
                scores[asked] = _predict(taught_features[rows], gains[rows], weights[rows], asked_features[asked], seed)
        found.append(_per_query(reference, scores))
    return averaged(found)


def _kept_queries(reference: pd.DataFrame) -> set[str]:
    """All queries, or as many as fill 20,000 pairs, in the order of their hashes."""
    counts = reference["query_id"].value_counts()
    order = sorted(counts.index, key=lambda query: _unit(f"kept/{query}"))
    filled = np.cumsum([counts[query] for query in order])
    return set(order[: max(1, int((filled <= MAX_PAIRS).sum()))])


def _features(rows: pd.DataFrame) -> Floats:
    """Features of each row; rows with the same query and texts share one computation."""
    key = ["query_id", "query", "title", "description"]
    texts = rows[key].fillna("").astype(str)
    first = ~texts.duplicated()
    groups = texts.groupby(key, sort=False).ngroup().to_numpy()
    distinct = texts[first]
    queries = pd.factorize(distinct["query_id"])[0].astype(np.int64)
    made = match_features(queries, *(distinct[name].tolist() for name in ("query", "title", "description")))
    return np.asarray(made[groups])


def _predict(features: Floats, gains: Floats, weights: Floats, asked: Floats, seed: int) -> Floats:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingRegressor(
        learning_rate=0.1,
        max_iter=60,
        max_leaf_nodes=15,
        min_samples_leaf=20,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed % 2**31,
    )
    with threadpool_limits(limits=1):
        return np.asarray(model.fit(features, gains, sample_weight=weights).predict(asked), dtype=np.float64)


def _per_query(pairs: pd.DataFrame, scores: Floats) -> UnitValues:
    """NDCG@10 and AUC of each query with a gain; ties are broken by chance, the same one for every arm."""
    ties = np.random.default_rng(len(pairs)).random(len(pairs))
    grade = pairs["grade"].to_numpy(np.float64)
    units, main, area = [], [], []
    for query, rows in pairs.groupby("query_id", sort=True).indices.items():
        gain = np.exp2(grade[rows]) - 1
        discount = 1 / np.log2(np.arange(2, CUTOFF + 2))
        ideal = float((np.sort(gain)[::-1][:CUTOFF] * discount[: len(gain)]).sum())
        if ideal <= 0:
            continue
        order = np.lexsort((ties[rows], -scores[rows]))
        units.append(str(query))
        main.append(float((gain[order][:CUTOFF] * discount[: len(gain)]).sum()) / ideal)
        area.append(_auc(grade[rows] >= RELEVANT_GRADE, scores[rows]))
    check_units(len(units))
    split = f"{FOLDS} folds by query; every query is ranked by trees that saw no label of it"
    return UnitValues(tuple(units), np.array(main), np.array(area), split=split)


def _auc(wanted: NDArray[np.bool_], scores: Floats) -> float:
    """Area under the ROC curve, ties counted half; NaN with one class."""
    from scipy.stats import rankdata

    positive = int(wanted.sum())
    negative = len(wanted) - positive
    if not positive or not negative:
        return float("nan")
    return float((rankdata(scores)[wanted].sum() - positive * (positive + 1) / 2) / (positive * negative))


def purchase_values(reference: pd.DataFrame, arm: pd.DataFrame, seeds: Sequence[int]) -> UnitValues:
    """Recall@20 and AUC per customer of item-to-item co-visitation with a little popularity.

    Customers of the reference's last 30 days (less: a fifth of the time) with earlier orders; the arm's earlier orders teach and give
    the histories. A seed decides which four fifths of the customers teach. Raises FailedPrecondition (TOO_FEW_UNITS).
    """
    times = reference["order_time"]
    start = times.max() - min(pd.Timedelta(days=WINDOW_DAYS), (times.max() - times.min()) * WINDOW_SHARE)
    known = reference[reference["customer_id"].notna()]
    earlier, later = known[known["order_time"] < start], known[known["order_time"] >= start]
    wanted = later.groupby("customer_id")["product_id"].agg(set)
    customers = [one for one in wanted.index if one in set(earlier["customer_id"])]
    customers = sorted(sorted(customers, key=lambda one: _unit(f"kept/{one}"))[:MAX_CUSTOMERS])
    check_units(len(customers))
    bought = arm[(arm["order_time"] < start) & arm["customer_id"].notna()]
    split = f"orders from {start.date().isoformat()} on, by customers with earlier ones"
    found = [_recommended(bought, customers, wanted[customers].tolist(), seed, split) for seed in seeds]
    return averaged(found)


def _recommended(
    bought: pd.DataFrame, customers: list[str], wanted: list[set[str]], seed: int, split: str
) -> UnitValues:
    counts = bought["product_id"].value_counts()
    items = pd.Index([*counts.index[:MAX_ITEMS], *sorted(set().union(*wanted) - set(counts.index[:MAX_ITEMS]))])
    people = pd.Index(bought["customer_id"].unique()).union(pd.Index(customers), sort=False)
    rows, columns = (
        people.get_indexer(pd.Index(bought["customer_id"])),
        items.get_indexer(pd.Index(bought["product_id"])),
    )
    amount = bought["quantity"].to_numpy(np.float64, na_value=0.0).clip(0)
    inside = columns >= 0
    cells = (amount[inside], (rows[inside], columns[inside]))
    history = sparse.csr_matrix(cells, shape=(len(people), len(items)))
    history.data = np.log1p(history.data)
    teaching = np.array([_unit(f"{seed}/{one}") < BAG_SHARE for one in people], dtype=bool)
    taught = history[teaching]
    norm = np.sqrt(np.asarray(taught.multiply(taught).sum(axis=0)).ravel())
    scale = sparse.diags(1 / np.maximum(norm, 1e-9))
    near = scale @ (taught.T @ taught) @ scale
    popular = np.asarray((taught > 0).sum(axis=0), dtype=np.float64).ravel()
    popular /= max(popular.max(initial=0.0), 1.0)
    main, area = [], []
    mine = history[people.get_indexer(pd.Index(customers))]
    for begin in range(0, len(customers), _PER_CHUNK):
        part = mine[begin : begin + _PER_CHUNK]
        total = np.maximum(np.asarray(part.sum(axis=1)), 1e-9)
        scores = (part @ near).toarray() / total + _POPULARITY_WEIGHT * popular
        for row, goods in zip(scores, wanted[begin : begin + _PER_CHUNK], strict=True):
            hits = np.zeros(len(items), dtype=bool)
            hits[items.get_indexer(pd.Index(sorted(goods)))] = True
            main.append(float(hits[np.argsort(-row, kind="stable")[:TOP]].sum()) / len(goods))
            area.append(_auc(hits, row))
    return UnitValues(tuple(customers), np.array(main), np.array(area), split=split)


def _unit(text: str) -> float:
    """A number from 0 to 1 that a text always has."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16) / 16.0**12


def _share(text: str, parts: int) -> int:
    return min(int(_unit(text) * parts), parts - 1)
