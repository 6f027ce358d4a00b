"""What the label doctor finds, and what its fixes are worth, on crowdflower_search with planted wrong grades.

Protocol: a tenth of the median grades, drawn by the seed, becomes one of the three other grades with equal chance. The seeds differ
from those that the doctor was built with. `relevance_variance` is not shown to the doctor, because planting leaves it untouched.

NDCG is looked at in two ways. `label_doctor_order`: queries ranked by their own labels, held against the clean grades; what a shop
that reads its labels off sees. Its doctor was chosen on half of the queries (`development`), the row is measured on the other half.
`label_doctor_ranker`: a light ranker taught by one half and judged by clean grades of unseen queries.
"""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from aisle_governance.engines.doctor import GRADES, Diagnosis, judge, predict, ranking_harm
from aisle_governance.engines.text_match import match_features
from numpy.typing import NDArray

from benchmarks.cleaning.mirror import folder
from benchmarks.figures import Row

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SHARE, TOP, CUTOFF = 0.1, 100, 10
SEEDS = (101, 102, 103, 104, 105)
NDCG_SEEDS = tuple(range(201, 205))
ORDER_SEEDS = tuple(range(301, 306))


@dataclass(frozen=True, slots=True)
class Judged:
    """The set, with the doctor's features, which look at no grade."""

    features: Floats
    grade: Floats
    variance: Floats
    query: Ints
    titles: list[str]

    def part(self, rows: Ints) -> "Judged":
        """Some of the rows."""
        titles = [self.titles[row] for row in rows]
        return Judged(self.features[rows], self.grade[rows], self.variance[rows], self.query[rows], titles)


@functools.cache
def judged() -> Judged:
    """All ten folds in their order."""
    files = sorted(folder("crowdflower_search").glob("fold-*.csv"), key=lambda path: int(path.stem.split("-")[1]))
    rows = pd.concat([pd.read_csv(path) for path in files], ignore_index=True)
    query = pd.factorize(rows["query"])[0].astype(np.int64)
    texts = [rows[name].fillna("").tolist() for name in ("query", "product_title", "product_description")]
    grade = rows["median_relevance"].to_numpy(np.float64) - 1
    return Judged(
        match_features(query, *texts), grade, rows["relevance_variance"].to_numpy(np.float64), query, texts[1]
    )


def flipped(grade: Floats, rng: np.random.Generator) -> tuple[Floats, NDArray[np.bool_]]:
    """`grade` with a tenth of it wrong, and where."""
    rows = rng.choice(len(grade), round(SHARE * len(grade)), replace=False)
    given, wrong = grade.copy(), np.zeros(len(grade), dtype=bool)
    given[rows] = (given[rows] + rng.integers(1, 4, len(rows))) % 4
    wrong[rows] = True
    return given, wrong


def doctor(data: Judged, given: Floats) -> Diagnosis:
    """What the service's job does, with the features computed once."""
    whole = given.astype(np.int64)
    return judge(predict(data.features, data.titles, whole, data.query), given, whole, data.query)


def development(query: Ints) -> NDArray[np.bool_]:
    """Whether a row is of the half of the queries on which the doctor was chosen."""
    half = [int(hashlib.sha256(str(number).encode()).hexdigest(), 16) % 2 == 0 for number in range(query.max() + 1)]
    return np.array(half)[query]


def precision() -> Row:
    """Share of planted flips among the 100 most suspect labels."""
    data = judged()
    found: dict[str, list[float]] = {name: [] for name in ("ours", "random", "rater variance", "self-confidence")}
    exact = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        given, wrong = flipped(data.grade, rng)
        told = doctor(data, given)
        confidence = told.probabilities[np.arange(len(given)), told.given]
        top = told.suspects[:TOP]
        orders = {
            "ours": top,
            "random": rng.permutation(len(given))[:TOP],
            "rater variance": np.lexsort((rng.random(len(given)), -data.variance))[:TOP],
            "self-confidence": np.argsort(confidence, kind="stable")[:TOP],
        }
        for name, order in orders.items():
            found[name].append(float(wrong[order].mean()))
        exact.append(float((told.proposed[top] == data.grade[top])[wrong[top]].mean()))
    means = {name: float(np.mean(values)) for name, values in found.items()}
    return Row(
        value=means.pop("ours"),
        lower=min(found["ours"]),
        upper=max(found["ours"]),
        unit=f"precision@{TOP} of planted wrong grades",
        protocol=(
            f"crowdflower_search, all {len(data.grade):,} labels, 10 % flipped, mean [least, most] of seeds {SEEDS[0]} to "
            f"{SEEDS[-1]}; "
            f"no label helped to predict itself; of the flips among the 100 the proposed grade is right in {np.mean(exact):.2f}"
        ),
        target="at least 0.8",
        baselines=means,
        seed=SEEDS[0],
    )


def ndcg(score: Floats, grade: Floats, query: Ints) -> float:
    """Mean NDCG@10 over queries with a grade above 0, gain 2^grade - 1."""
    values = []
    for one in np.unique(query):
        gain, mine = 2.0 ** grade[query == one] - 1, score[query == one]
        discount = 1 / np.log2(np.arange(2, CUTOFF + 2))
        best = np.sort(gain)[::-1][:CUTOFF]
        if best[0] > 0:
            order = np.argsort(-mine, kind="stable")[:CUTOFF]
            values.append((gain[order] * discount[: len(order)]).sum() / (best * discount[: len(best)]).sum())
    return float(np.mean(values))


def rankers() -> dict[str, Callable[[], Any]]:
    """Light rankers: one that flips harm, and one that averages them away."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    trees = functools.partial(
        HistGradientBoostingRegressor,
        learning_rate=0.08,
        max_iter=80,
        max_leaf_nodes=15,
        early_stopping=False,
        random_state=0,
    )
    return {"trees": trees, "ridge": lambda: make_pipeline(StandardScaler(), Ridge(10.0))}


@functools.cache
def _rounds() -> dict[str, dict[str, Floats]]:
    """NDCG by what ranks and kind of label, (round,): each half of the queries teaches once per seed.

    `trees` and `ridge` rank the other half after learning from the labels.
    """
    from sklearn.model_selection import GroupKFold
    from threadpoolctl import threadpool_limits

    data = judged()
    found: dict[str, dict[str, list[float]]] = {}
    for seed in NDCG_SEEDS:
        split = GroupKFold(2, shuffle=True, random_state=seed).split(data.features, data.grade, data.query)
        for part, (train, test) in enumerate(split):
            rng = np.random.default_rng([seed, part])
            taught = _taught(data, train, rng)
            for kind, grades in taught.items():
                scores = {}
                with threadpool_limits(limits=1):
                    for name, make in rankers().items():
                        learned = make().fit(data.features[train], grades).predict(data.features[test])
                        scores[name] = ndcg(learned, data.grade[test], data.query[test])
                for name, score in scores.items():
                    found.setdefault(name, {}).setdefault(kind, []).append(score)
    return {name: {kind: np.array(values) for kind, values in kinds.items()} for name, kinds in found.items()}


def _taught(data: Judged, train: Ints, rng: np.random.Generator) -> dict[str, Floats]:
    """The labels of some queries: clean, flipped, and flipped with the doctor's help.

    `reviewed`: a person who knows the grade looks at the most suspect tenth, as many as there are flips; `reviewed twice`: at a
    fifth; `by ranking`: at the tenth that costs a ranking most; `proposed`: the 100 most suspect get the proposed grade unseen.
    """
    clean = data.grade[train]
    given, wrong = flipped(clean, rng)
    told = doctor(data.part(train), given)
    taught = {"clean": clean, "flipped": given}
    for kind, count in (("reviewed", int(wrong.sum())), ("reviewed twice", 2 * int(wrong.sum()))):
        taught[kind] = given.copy()
        taught[kind][told.suspects[:count]] = clean[told.suspects[:count]]
    costly = told.worth_a_look[: int(wrong.sum())]
    taught["by ranking"] = given.copy()
    taught["by ranking"][costly] = clean[costly]
    taught["proposed"] = given.copy()
    taught["proposed"][told.suspects[:TOP]] = told.proposed[told.suspects[:TOP]]
    return taught


def _bootstrap(measure: Callable[[Ints], float], count: int) -> tuple[float, float]:
    """95 % of `measure(rounds drawn with replacement)`."""
    rng = np.random.default_rng(7)
    lower, upper = np.quantile([measure(rng.integers(0, count, count)) for _ in range(2000)], [0.025, 0.975])
    return float(lower), float(upper)


def _protocol(count: int) -> str:
    return (
        f"crowdflower_search, 10 % of the labels of half the queries flipped, {count} rounds (seeds {NDCG_SEEDS[0]} to "
        f"{NDCG_SEEDS[-1]}, both halves), bootstrap over rounds; a person who knows the grades reviews the most suspect 10 %"
    )


def _orders(data: Judged, given: Floats, rng: np.random.Generator) -> dict[str, Ints]:
    """In which order a person may look at the labels."""
    told, whole = doctor(data, given), given.astype(np.int64)
    mix = np.tile(np.bincount(whole, minlength=GRADES) / len(whole), (len(whole), 1))
    return {
        "by ranking": told.worth_a_look,
        "by surprise": told.suspects,
        "by place, no doctor": np.argsort(-ranking_harm(mix, whole, data.query) - rng.random(len(whole)) * 1e-9),
        "random": rng.permutation(len(whole)),
    }


def order_recovery() -> Row:
    """Share of the NDCG that the flips take from the order of the labels themselves, brought back by a review of a tenth."""
    every = judged()
    data = every.part(np.flatnonzero(~development(every.query)))
    found: dict[str, list[float]] = {}
    for seed in ORDER_SEEDS:
        rng = np.random.default_rng(seed)
        given, wrong = flipped(data.grade, rng)
        ties, tenth = rng.random(len(given)) * 1e-6, int(wrong.sum())
        before = ndcg(given + ties, data.grade, data.query)
        found.setdefault("ndcg flipped", []).append(before)
        for name, order in _orders(data, given, rng).items():
            for count, words in ((tenth, "10 %"), (2 * tenth, "20 %")):
                fixed = given.copy()
                fixed[order[:count]] = data.grade[order[:count]]
                after = ndcg(fixed + ties, data.grade, data.query)
                found.setdefault(f"{words} {name}", []).append((after - before) / (1 - before))
            found.setdefault(f"flips among 10 % {name}", []).append(float(wrong[order[:tenth]].mean()))
    shares = np.array(found["10 % by ranking"])
    lower, upper = _bootstrap(lambda chosen: float(shares[chosen].mean()), len(shares))
    return Row(
        value=float(shares.mean()),
        lower=lower,
        upper=upper,
        unit="share of the NDCG@10 that flips take from the order of the labels, brought back by a review of 10 % by ranking",
        protocol=(
            f"crowdflower_search, the half of the queries ({len(data.grade):,} labels) on which nothing was chosen, 10 % flipped, "
            f"seeds {ORDER_SEEDS[0]} to {ORDER_SEEDS[-1]}, bootstrap over seeds; queries ranked by their labels, ties at random, "
            "held against clean grades (1.0 without flips); a person who knows the grades reviews as many labels as there are flips"
        ),
        target="at least 0.5",
        baselines={name: float(np.mean(values)) for name, values in found.items() if name != "10 % by ranking"},
        seed=ORDER_SEEDS[0],
    )


def ranker_gain() -> Row:
    """NDCG of a light ranker on unseen queries: what the review adds, beside what the flips had cost."""
    table = _rounds()
    count = len(table["trees"]["clean"])
    gain, lost = (
        table["trees"]["reviewed"] - table["trees"]["flipped"],
        table["trees"]["clean"] - table["trees"]["flipped"],
    )
    lower, upper = _bootstrap(lambda chosen: float(gain[chosen].mean()), count)
    lost_lower, lost_upper = _bootstrap(lambda chosen: float(lost[chosen].mean()), count)
    means = {
        f"{name} {kind}": float(values.mean()) for name in ("trees", "ridge") for kind, values in table[name].items()
    }
    return Row(
        value=float(gain.mean()),
        lower=lower,
        upper=upper,
        unit="ndcg@10, reviewed minus flipped, gradient-boosted trees on the doctor's features",
        protocol=f"{_protocol(count)}; NDCG on clean labels of the other half; a share of a loss that may be 0 means nothing",
        target=f"at least half of the loss, {lost.mean():.4f} [{lost_lower:.4f}, {lost_upper:.4f}]",
        baselines=means,
        seed=NDCG_SEEDS[0],
    )


def rows() -> dict[str, Callable[[], Row]]:
    """Figures of the label doctor."""
    return {"label_doctor": precision, "label_doctor_order": order_recovery, "label_doctor_ranker": ranker_gain}
