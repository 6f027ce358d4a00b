"""The leaderboard of search: judged lists of held-back queries, every system with the same calibration."""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import Ridge

from aisle_trainer.domain import metrics, ranked_lists
from aisle_trainer.domain.blend import NEURAL_RELEVANCE, blend, squashed_bm25
from aisle_trainer.domain.leaderboard import Standing, commonest, figure_of, slices_of, weighted_figure
from aisle_trainer.domain.metrics import RELEVANT_GRADE, Figure
from aisle_trainer.domain.splits import Role
from aisle_trainer.domain.text_match import TEXT_FEATURES
from aisle_trainer.engines.applied import AppliedModel
from aisle_trainer.engines.lexical import TitleIndex, words
from aisle_trainer.engines.search_data import SearchData

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts -> vectors of length 1."""
RIDGE_PENALTY = 1.0
_AREA_DRAWS = 200


class SearchBoard:
    """Judges scores of the pairs `rows`: those of the validation queries, which calibrate, then the held-back ones."""

    def __init__(
        self, data: SearchData, cutoff: int, max_units: int, seed: int, category_of: Mapping[str, str] | None = None
    ) -> None:
        """Draw the queries; `category_of` gives the category of a product id where it is known."""
        self.data, self._cutoff, self._seed = data, cutoff, seed
        validation = data.groups(Role.VALIDATION)
        judged = [g for g in data.groups(Role.TEST) if (data.grades[g] > 0).any()]
        if len(judged) > max_units:
            kept = np.sort(np.random.default_rng([seed, 31]).choice(len(judged), max_units, replace=False))
            judged = [judged[at] for at in kept.tolist()]
        self._validation_rows = np.concatenate(validation)
        self.rows: Ints = np.concatenate([self._validation_rows, *judged])
        bounds = np.cumsum([len(self._validation_rows), *(len(g) for g in judged)])
        self._places = [np.arange(low, high) for low, high in itertools.pairwise(bounds)]
        self._grades = data.grades[self.rows]
        self._unit: Ints = np.repeat(np.arange(len(judged), dtype=np.int64), [len(g) for g in judged])
        self._draws = metrics.bootstrap_weights(len(judged), seed)
        self._parts = self._slices(judged, category_of or {})

    @property
    def unit_count(self) -> int:
        """Number of held-back queries."""
        return len(self._places)

    @property
    def main_metric(self) -> str:
        """Name of the metric that ranks."""
        return f"ndcg@{self._cutoff}"

    def texts(self) -> list[tuple[str, str]]:
        """Return (query, title) of every pair in `rows`."""
        return texts(self.data, self.rows)

    def judge(self, system: str, score: Callable[[], Floats]) -> Standing:
        """Return the standing of a system; `score` gives one number per pair of `rows`, higher = better."""
        begun = time.process_time()
        scores = score()
        spent = time.process_time() - begun
        lists = self._list_figures(scores)
        main = lists.pop(self.main_metric)
        figures = [figure_of(self.main_metric, main, self._draws)]
        figures += [figure_of(name, values, self._draws) for name, values in lists.items()]
        pointwise, table = self._pointwise(scores)
        parts = slices_of(self._parts, main, self._draws)
        return Standing(system, (*figures, *pointwise), main, parts, tuple(table), cpu_seconds=spent)

    def _list_figures(self, scores: Floats) -> dict[str, Floats]:
        k = self._cutoff
        found: dict[str, list[float]] = {}
        for at in self._places:
            grades = self._grades[at]
            relevant = (grades >= RELEVANT_GRADE).astype(np.float64)
            order = np.argsort(-scores[at], kind="stable")
            for name, value in (
                (f"ndcg@{k}", metrics.ndcg(grades, scores[at], k)),
                ("mrr", ranked_lists.reciprocal_at(relevant, order)),
                ("map", ranked_lists.precision_sum(relevant, order)),
                (f"recall@{k}", ranked_lists.recall_at(relevant, order, k)),
                (f"hit@{k}", ranked_lists.hit_at(relevant, order, k)),
            ):
                found.setdefault(name, []).append(value)
        return {name: np.array(values) for name, values in found.items()}

    def _pointwise(self, scores: Floats) -> tuple[list[Figure], list[tuple[float, float, int]]]:
        """Return figures of the scores as predictions, after isotonic regression on the validation queries."""
        split = len(self._validation_rows)
        relevant = (self._grades >= RELEVANT_GRADE).astype(np.float64)
        chance = _calibrated(scores[:split], relevant[:split], scores[split:], 1.0)
        grade = _calibrated(scores[:split], self._grades[:split], scores[split:], metrics.HIGHEST_GRADE)
        y, truth, raw = relevant[split:], self._grades[split:], scores[split:]
        figures = []
        area = metrics.auc_figure("auc", y, raw, self._unit, self._draws)
        if area is not None:
            figures.append(area)
        grouped = [np.flatnonzero(self._unit == unit) for unit in range(self.unit_count)]
        areas, sizes = ranked_lists.grouped_auc([y[g] for g in grouped], [raw[g] for g in grouped])
        known = ~np.isnan(areas)
        figures.append(weighted_figure("gauc", np.where(known, areas, 0.0), sizes * known, self._draws))
        loss = metrics.log_loss_rows(y, np.clip(chance, 1e-3, 1 - 1e-3))
        figures += [
            metrics.ratio_figure("log_loss", loss, self._unit, self._draws),
            self._calibration_figure(y, chance),
            metrics.ratio_figure("rmse", (grade - truth) ** 2, self._unit, self._draws, root=True),
            metrics.ratio_figure("mae", np.abs(grade - truth), self._unit, self._draws),
            self._kappa_figure(raw, truth),
        ]
        return figures, ranked_lists.reliability(y, chance)

    def _calibration_figure(self, y: Floats, chance: Floats) -> Figure:
        value = ranked_lists.calibration_error(y, chance)
        bins = ranked_lists.RELIABILITY_BINS
        place = self._unit * bins + np.minimum((chance * bins).astype(np.int64), bins - 1)
        gaps = np.bincount(place, weights=chance - y, minlength=self.unit_count * bins).reshape(-1, bins)
        counts = np.bincount(self._unit, minlength=self.unit_count)
        samples = np.abs(self._draws @ gaps).sum(axis=1) / np.maximum(1, self._draws @ counts)
        return _interval("ece", value, samples, len(y))

    def _kappa_figure(self, raw: Floats, truth: Floats) -> Figure:
        """Cut the scores into grades by the distribution of the training queries' grades."""
        known = np.rint(self.data.grades[self.data.rows(Role.TRAIN)]).astype(np.int64)
        given, cut = np.rint(truth).astype(np.int64), ranked_lists.cut_by_distribution(raw, known)
        value = ranked_lists.quadratic_kappa(given, cut)
        samples = np.array(
            [
                ranked_lists.quadratic_kappa(given, cut, draw[self._unit].astype(np.float64))
                for draw in self._draws[:_AREA_DRAWS]
            ]
        )
        return _interval("qwk", value, samples[~np.isnan(samples)], len(truth))

    def _slices(self, judged: Sequence[Ints], category_of: Mapping[str, str]) -> dict[str, NDArray[np.bool_]]:
        data = self.data
        asked = [words(data.queries[data.query_of[g[0]]]) for g in judged]
        lengths = np.array([len(one) for one in asked])
        taught = {word for q in np.unique(data.query_of[data.rows(Role.TRAIN)]) for word in words(data.queries[q])}
        unseen = np.array([any(word not in taught for word in one) for one in asked])
        sizes = np.array([len(g) for g in judged])
        middle = float(np.median(sizes)) if len(sizes) else 0.0
        parts = {
            "query_words=1-2": lengths <= 2,
            "query_words=3": lengths == 3,
            "query_words=4+": lengths >= 4,
            "words=all_in_training": ~unseen,
            "words=some_new": unseen,
            "results=few": sizes <= middle,
            "results=many": sizes > middle,
        }
        if category_of:
            labels = [_majority(data, g, category_of) for g in judged]
            parts |= commonest(labels, "category")
        return parts


def _majority(data: SearchData, rows: Ints, category_of: Mapping[str, str]) -> str:
    relevant = rows[data.grades[rows] >= RELEVANT_GRADE]
    found = [category_of.get(data.product_ids[p], "") for p in data.product_of[relevant].tolist()]
    named = [one for one in found if one]
    return max(sorted(set(named)), key=named.count) if named else ""


def _calibrated(known: Floats, labels: Floats, scores: Floats, highest: float) -> Floats:
    fitted = IsotonicRegression(y_min=0.0, y_max=highest, out_of_bounds="clip").fit(known, labels)
    return np.asarray(fitted.predict(scores), dtype=np.float64)


def _interval(name: str, value: float, samples: Floats, count: int) -> Figure:
    if not len(samples):
        return Figure.point(name, value, count)
    lower, upper = np.percentile(samples, [2.5, 97.5])
    return Figure(name, value, min(float(lower), value), max(float(upper), value), count)


def texts(data: SearchData, rows: Ints) -> list[tuple[str, str]]:
    """Return (query, title) of pairs."""
    found = zip(data.query_of[rows].tolist(), data.product_of[rows].tolist(), strict=True)
    return [(data.queries[q], data.titles[p]) for q, p in found]


class SearchSystems:
    """Scores of the baselines and of trained models for the pairs of a board; shared parts are computed once."""

    def __init__(self, board: SearchBoard, seed: int) -> None:
        """Score the pairs of `board`."""
        self._board, self._seed = board, seed
        self._index: TitleIndex | None = None
        self._lexical: dict[str, Floats] = {}

    def random(self) -> Floats:
        """Return chance."""
        return np.random.default_rng([self._seed, 11]).random(len(self._board.rows))

    def lexical(self) -> dict[str, Floats]:
        """Return BM25 and the text-match features over all titles of the dataset."""
        if not self._lexical:
            data, rows = self._board.data, self._board.rows
            index = TitleIndex(data.titles)
            queries, products = data.query_of[rows], data.product_of[rows]
            bm25, match = np.zeros(len(rows)), np.zeros((len(rows), len(TEXT_FEATURES)))
            for query in np.unique(queries):
                at = queries == query
                bm25[at] = index.scores(data.queries[query])[products[at]]
                match[at] = index.match(data.queries[query], products[at])
            self._lexical = {"bm25": squashed_bm25(bm25), **dict(zip(TEXT_FEATURES, match.T, strict=True))}
        return self._lexical

    def bm25(self) -> Floats:
        """Return BM25 of query and title."""
        return self.lexical()["bm25"]

    def tfidf_ridge(self) -> Floats:
        """Return a linear model over TF-IDF, fitted to the training queries' grades."""
        data = self._board.data
        taught = data.rows(Role.TRAIN)
        return tfidf_ridge(texts(data, taught), data.grades[taught], self._board.texts(), data.weights[taught])

    def zero_shot(self, embed: Embed) -> Floats:
        """Return the cosine of query and title under an encoder as it is."""
        pairs = self._board.texts()
        kinds = [sorted({pair[side] for pair in pairs}) for side in (0, 1)]
        vectors = embed([*kinds[0], *kinds[1]])
        first, second = ({text: n for n, text in enumerate(kind)} for kind in kinds)
        left = vectors[[first[query] for query, _ in pairs]]
        right = vectors[[len(kinds[0]) + second[title] for _, title in pairs]]
        return np.asarray(np.einsum("ij,ij->i", left, right), dtype=np.float64)

    def model(self, model: AppliedModel, embed: Embed) -> Floats:
        """Return the blended score of a bundle, as the ranker computes it."""
        features = {
            **self.lexical(),
            "vector": self.zero_shot(embed),
            NEURAL_RELEVANCE: model.probabilities(self._board.texts()),
        }
        return blend(model.manifest["search_blend"], features)


def tfidf_ridge(
    taught: Sequence[tuple[str, str]],
    grades: Floats,
    asked: Sequence[tuple[str, str]],
    weights: Floats | None = None,
    penalty: float = RIDGE_PENALTY,
) -> Floats:
    """Return predicted grades of (query, title) pairs by a ridge over TF-IDF of query, title, word pairs and their cosine."""
    make = _features(taught)
    fitted = Ridge(alpha=penalty, solver="lsqr", random_state=0).fit(make(taught), grades, sample_weight=weights)
    return np.asarray(fitted.predict(make(asked)), dtype=np.float64)


def _crossed(pair: tuple[str, str]) -> list[str]:
    """Return the words of a pair as tokens: in the query, in the title, in both, and every word of one with each of the other."""
    query, title = words(pair[0]), words(pair[1])
    both = set(query) & set(title)
    return [f"b:{word}" for word in both] + [f"{q}|{t}" for q in query for t in title]


def _features(taught: Sequence[tuple[str, str]]) -> Callable[[Sequence[tuple[str, str]]], sp.csr_matrix]:
    plain = TfidfVectorizer(analyzer=lambda text: _grams(words(text)), min_df=1, sublinear_tf=True)
    plain.fit([text for pair in set(taught) for text in pair])
    crossed = TfidfVectorizer(analyzer=_crossed, min_df=2, sublinear_tf=True).fit(taught)

    def make(pairs: Sequence[tuple[str, str]]) -> sp.csr_matrix:
        queries, titles = (plain.transform([pair[side] for pair in pairs]) for side in (0, 1))
        cosine = np.asarray(queries.multiply(titles).sum(axis=1)).reshape(-1, 1)
        return sp.hstack([queries, titles, crossed.transform(pairs), sp.csr_matrix(cosine)]).tocsr()

    return make


def _grams(found: list[str]) -> list[str]:
    return [*found, *(f"{a} {b}" for a, b in itertools.pairwise(found))]
