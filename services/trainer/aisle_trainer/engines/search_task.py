"""Search relevance: what is learned, how it is validated, and how it compares with the baselines."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from aisle_trainer.domain import metrics
from aisle_trainer.domain.blend import blend, choose_search_blend, sigmoid, squashed_bm25, stacked_weights
from aisle_trainer.domain.effort import Effort
from aisle_trainer.domain.metrics import Figure
from aisle_trainer.domain.plan import Plan, Task
from aisle_trainer.domain.report import SystemReport, TaskReport
from aisle_trainer.domain.sampling import noisy_labels
from aisle_trainer.domain.splits import Role, fold, folds_in_words, search_split_in_words
from aisle_trainer.domain.text_match import TEXT_FEATURES, ridge_weights
from aisle_trainer.engines.encoder import Embedder, Encoded, encode
from aisle_trainer.engines.lexical import TitleIndex
from aisle_trainer.engines.model import RankingModel
from aisle_trainer.engines.search_data import LONGEST_VALIDATION_LIST, SearchData
from aisle_trainer.engines.training import TrainingSet
from aisle_trainer.errors import SingleClassLabels

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
NEURAL = "neural_relevance"


class SearchTask:
    """The search side of one job."""

    task = Task.SEARCH_RELEVANCE

    def __init__(self, data: SearchData, tokenizer: Tokenizer, plan: Plan, effort: Effort) -> None:
        """Tokenise nothing yet; `data` holds every side of the split."""
        self.data, self._tokenizer, self._plan, self._effort = data, tokenizer, plan, effort
        self.index = TitleIndex(data.titles)
        self._query_vectors: NDArray[np.float32] | None = None
        self.title_vectors: NDArray[np.float32] | None = None
        short = data.groups(Role.VALIDATION, LONGEST_VALIDATION_LIST)
        self._short_rows = np.concatenate(short)
        self._short_encoded = self.encode_rows(self._short_rows)
        self.blend: dict[str, float] = {NEURAL: 1.0}
        self.fold_logits: Floats | None = None
        """Logits of `evaluation_rows`, each from the fold model that did not see the query; None without folds."""

    def encode_pairs(self, pairs: Sequence[tuple[str, str]]) -> Encoded:
        """Tokenise (query, title) pairs."""
        return encode(self._tokenizer, pairs)

    def encode_rows(self, rows: Ints) -> Encoded:
        """Tokenise the (query, title) pairs of `rows`."""
        data = self.data
        return self.encode_pairs(
            [(data.queries[q], data.titles[p]) for q, p in zip(data.query_of[rows], data.product_of[rows], strict=True)]
        )

    def probe_texts(self, count: int) -> list[tuple[str, str]]:
        """Return some (query, title) pairs of different lengths."""
        rows = self._short_rows[:: max(1, len(self._short_rows) // count)][:count]
        data = self.data
        return [
            (data.queries[q], data.titles[p]) for q, p in zip(data.query_of[rows], data.product_of[rows], strict=True)
        ]

    def fold_of(self, rows: Ints) -> Ints:
        """Return the fold of each pair, that of its query."""
        folds: Ints = np.array([fold(query_id, self._plan.folds) for query_id in self.data.query_ids], dtype=np.int64)
        found: Ints = folds[self.data.query_of[rows]]
        return found

    def evaluation_rows(self) -> Ints:
        """Return the pairs that systems are compared on: those of held-back queries, or of all where there are folds."""
        roles = Role if self._plan.folds else (Role.TEST,)
        return np.sort(np.concatenate([g for role in roles for g in self.data.groups(role, self._effort.longest_list)]))

    def _training_rows(self, without_fold: int | None) -> Ints:
        if not self._plan.folds:
            return self.data.rows(Role.TRAIN)
        if without_fold is None:
            return np.flatnonzero(self.data.roles != Role.VALIDATION).astype(np.int64)
        return np.flatnonzero(self.fold_of(np.arange(len(self.data.grades))) != without_fold).astype(np.int64)

    def training_set(self, without_fold: int | None = None) -> TrainingSet:
        """Return training pairs with their gains as labels, 0..1.

        Without folds those of training queries; with folds those of all but the validation queries, or, for a fold's
        model, of all queries outside the fold.
        """
        rows = self._training_rows(without_fold)
        labels = metrics.label_of_grade(self.data.grades[rows])
        if np.ptp(labels) == 0:
            raise SingleClassLabels(
                "All training judgments have the same grade.",
                next_step="Import judgments of more queries with different grades.",
                facts={"dataset_version": self.data.dataset_version},
            )
        labels = noisy_labels(labels, self._plan.label_noise_ratio, self._plan.seed)
        return TrainingSet(self.encode_rows(rows), labels, self.data.weights[rows], self.data.query_of[rows])

    def validate(self, model: RankingModel) -> tuple[Figure, ...]:
        """Return the model's own NDCG@10 on short lists of the validation queries, its RMSE in grades and its log loss."""
        rows = self._short_rows
        scores = model.predict(self.task, self._short_encoded)
        values = np.array([metrics.ndcg(self.data.grades[g], scores[p]) for g, p in _grouped(self.data, rows)])
        values = values[~np.isnan(values)]
        error = metrics.grade_of_label(sigmoid(scores)) - self.data.grades[rows]
        loss = metrics.log_loss_rows(metrics.label_of_grade(self.data.grades[rows]), sigmoid(scores))
        return (
            Figure.point("ndcg@10", float(values.mean()) if len(values) else 0.0, len(values)),
            Figure.point("rmse", float(np.sqrt((error**2).mean())), len(rows)),
            Figure.point("log_loss", float(loss.mean()), len(rows)),
        )

    def prepare_vectors(self, embedder: Embedder) -> None:
        """Embed every query and title with the frozen encoder; must be called before the trunk is trained."""
        vectors = embedder.embed([*self.data.queries, *self.data.titles])
        self._query_vectors, self.title_vectors = np.split(vectors, [len(self.data.queries)])

    def features(self, rows: Ints, logits: Floats) -> dict[str, Floats]:
        """Return the blend's features of pairs."""
        assert self._query_vectors is not None and self.title_vectors is not None
        queries, products = self.data.query_of[rows], self.data.product_of[rows]
        lexical, match = np.zeros(len(rows)), np.zeros((len(rows), len(TEXT_FEATURES)))
        for query in np.unique(queries):
            at = queries == query
            lexical[at] = self.index.scores(self.data.queries[query])[products[at]]
            match[at] = self.index.match(self.data.queries[query], products[at])
        vector = np.einsum("ij,ij->i", self._query_vectors[queries], self.title_vectors[products])
        return {
            NEURAL: sigmoid(logits),
            "vector": vector.astype(np.float64),
            "bm25": squashed_bm25(lexical),
            **dict(zip(TEXT_FEATURES, match.T, strict=True)),
        }

    def validation_rows(self) -> Ints:
        """Return the validation pairs that blend weights and int8 loss are measured on."""
        return np.concatenate(self.data.groups(Role.VALIDATION, self._effort.longest_list))

    def choose_blend(self, logits: Floats) -> float:
        """Choose the blend; returns its NDCG@10 on the validation queries.

        With folds, the weights are fitted to all pairs with the logits of the fold models. Otherwise the linear part is
        fitted to training queries, and its weight is chosen on the validation queries.

        `logits` are those of `validation_rows`. The neural score takes no part in the fit: on pairs that it was trained
        on it looks better than it is.
        """
        if self.fold_logits is not None:
            rows = self.evaluation_rows()
            self.blend = stacked_weights(self.features(rows, self.fold_logits), *self._taught(rows))
            return self.validation_ndcg(logits)
        taught = self.data.rows(Role.TRAIN)
        plain = {
            name: values for name, values in self.features(taught, np.zeros(len(taught))).items() if name != NEURAL
        }
        linear = ridge_weights(plain, *self._taught(taught))
        rows = self.validation_rows()
        places = [place for _, place in _grouped(self.data, rows)]
        self.blend, score = choose_search_blend(self.data.grades[rows], self.features(rows, logits), linear, places)
        return score

    def _taught(self, rows: Ints) -> tuple[Floats, Floats]:
        """Return the labels and weights of pairs, noise of the plan included."""
        labels = metrics.label_of_grade(self.data.grades[rows])
        return noisy_labels(labels, self._plan.label_noise_ratio, self._plan.seed), self.data.weights[rows]

    def validation_ndcg(self, logits: Floats) -> float:
        """Return NDCG@10 of the chosen blend on `validation_rows` with these logits."""
        rows = self.validation_rows()
        scores = blend(self.blend, self.features(rows, logits))
        values = np.array([metrics.ndcg(self.data.grades[g], scores[p]) for g, p in _grouped(self.data, rows)])
        return float(np.nanmean(values))

    def evaluate(self, model: RankingModel) -> TaskReport:
        """Compare the blended score with the baselines on queries that its parts were not trained on."""
        rows = self.evaluation_rows()
        if self.fold_logits is None:
            features = self.features(rows, model.predict(self.task, self.encode_rows(rows)))
            scores = {"model": blend(self.blend, features)}
            plain = {name: weight for name, weight in self.blend.items() if name != NEURAL}
            if any(plain.values()):
                scores["without_neural"] = blend(plain, features)
            words = search_split_in_words()
        else:
            features = self.features(rows, self.fold_logits)
            plain_features = {name: values for name, values in features.items() if name != NEURAL}
            scores = {
                "model": self._crossed(rows, features),
                "without_neural": self._crossed(rows, plain_features),
            }
            words = folds_in_words(self._plan.folds)
        scores |= {
            "neural": features[NEURAL],
            "zero_shot": features["vector"],
            "bm25": features["bm25"],
            "random": np.random.default_rng([self._plan.seed, 11]).random(len(rows)),
        }
        return SearchComparison(self.data, rows, scores, features[NEURAL], self._plan.seed).report(words)

    def _crossed(self, rows: Ints, features: dict[str, Floats]) -> Floats:
        """Score each pair with weights fitted to the other folds."""
        scores, folds = np.zeros(len(rows)), self.fold_of(rows)
        labels, weights = self._taught(rows)
        for number in np.unique(folds):
            others = folds != number
            known = {name: values[others] for name, values in features.items()}
            chosen = stacked_weights(known, labels[others], weights[others])
            scores[~others] = blend(chosen, {name: values[~others] for name, values in features.items()})
        return scores


class SearchComparison:
    """Scores of several systems on the same judged lists."""

    def __init__(self, data: SearchData, rows: Ints, scores: dict[str, Floats], probability: Floats, seed: int) -> None:
        """Take the test pairs, each system's scores for them, and the model's probability of full relevance."""
        groups = [(g, p) for g, p in _grouped(data, rows) if not np.isnan(metrics.ndcg(data.grades[g], data.grades[g]))]
        self._data, self._groups, self._scores, self._probability = data, groups, scores, probability
        self._draws = metrics.bootstrap_weights(len(groups), seed)
        self._grades = np.concatenate([data.grades[g] for g, _ in groups])
        self._places = np.concatenate([p for _, p in groups])
        self._unit = np.repeat(np.arange(len(groups)), [len(g) for g, _ in groups])

    def report(self, split: str) -> TaskReport:
        """Return figures with intervals over queries, and the paired differences of the model; `split` says how."""
        ndcg = {system: self._per_query(metrics.ndcg, system) for system in self._scores}
        mrr = {system: self._per_query(metrics.reciprocal_rank, system) for system in self._scores}
        systems = tuple(
            SystemReport(system, self._figures(system, ndcg[system], mrr[system]), tuple(ndcg[system].tolist()))
            for system in self._scores
        )
        differences = tuple(
            metrics.mean_figure(f"{name}:{system}", values["model"] - values[system], self._draws)
            for name, values in (("ndcg@10", ndcg), ("mrr", mrr))
            for system in self._scores
            if system != "model"
        )
        units = tuple(self._data.query_ids[self._data.query_of[g[0]]] for g, _ in self._groups)
        return TaskReport(Task.SEARCH_RELEVANCE, self._data.dataset_version, split, systems, units, differences)

    def _per_query(self, metric: object, system: str) -> Floats:
        scores = self._scores[system]
        return np.array([metric(self._data.grades[g], scores[p]) for g, p in self._groups])  # type: ignore[operator]

    def _figures(self, system: str, ndcg: Floats, mrr: Floats) -> tuple[Figure, ...]:
        figures = [metrics.mean_figure("ndcg@10", ndcg, self._draws), metrics.mean_figure("mrr", mrr, self._draws)]
        relevant = (self._grades >= metrics.RELEVANT_GRADE).astype(np.float64)
        area = metrics.auc_figure("auc", relevant, self._scores[system][self._places], self._unit, self._draws)
        if area is not None:
            figures.append(area)
        if system == "model":
            p = self._probability[self._places]
            loss = metrics.log_loss_rows(metrics.label_of_grade(self._grades), p)
            squares = (metrics.grade_of_label(p) - self._grades) ** 2
            figures.append(metrics.ratio_figure("log_loss", loss, self._unit, self._draws))
            figures.append(metrics.ratio_figure("rmse", squares, self._unit, self._draws, root=True))
        return tuple(figures)


def _grouped(data: SearchData, rows: Ints) -> list[tuple[Ints, Ints]]:
    """Return (pair rows, their places in `rows`) per query; rows of one query stand together."""
    starts = np.flatnonzero(np.diff(data.query_of[rows], prepend=-1))
    places = np.split(np.arange(len(rows), dtype=np.int64), starts[1:])
    return [(rows[place], place) for place in places]
