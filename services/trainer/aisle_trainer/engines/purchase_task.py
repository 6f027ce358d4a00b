"""Purchase: what is learned from orders, how recommendations are blended, and how they compare with popularity."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from aisle_trainer.domain import metrics, recommend
from aisle_trainer.domain.blend import blend, coordinate_ascent, sigmoid
from aisle_trainer.domain.effort import Effort
from aisle_trainer.domain.metrics import Figure
from aisle_trainer.domain.plan import PURCHASE_GROUP, Plan, Task
from aisle_trainer.domain.recommend import RERANK_TOP, Candidates, History, Recommender
from aisle_trainer.domain.report import SystemReport, TaskReport
from aisle_trainer.domain.sampling import noisy_labels
from aisle_trainer.engines import purchase_data
from aisle_trainer.engines.encoder import Embedder, Encoded, encode
from aisle_trainer.engines.model import RankingModel
from aisle_trainer.engines.purchase_data import PairDraw, PurchaseData, PurchasePairs
from aisle_trainer.engines.training import TrainingSet
from aisle_trainer.errors import TooFewUnits

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
NEURAL = "neural_purchase"
HISTORY_ITEMS = 3
"""Recent products that the purchase head reads; each costs about nine tokens per candidate."""
HISTORY_SEPARATOR = " ; "
RECALL_AT = 20
MOST_TRAINING_PAIRS = 40_000
_TRAIN, _VALIDATION, _TEST = 1, 2, 3


class PurchaseTask:
    """The recommendation side of one job."""

    task = Task.PURCHASE

    def __init__(self, data: PurchaseData, tokenizer: Tokenizer, plan: Plan, effort: Effort) -> None:
        """Draw the validation pairs; everything else is made when it is asked for."""
        self.data, self._tokenizer, self._plan, self._effort = data, tokenizer, plan, effort
        split = data.split
        self._validation = self._draw(split.validation_start, split.test_start, effort.validation_groups, _VALIDATION)
        self._validation_encoded = self.encode_pairs(self._validation)
        self.vectors: NDArray[np.float32] | None = None
        self.blend: dict[str, float] = {**recommend.START_WEIGHTS, NEURAL: 0.0}

    def text_of(self, recent: Sequence[int]) -> str:
        """Join the titles of recent products, newest first."""
        return HISTORY_SEPARATOR.join(self.data.titles[item] for item in recent[:HISTORY_ITEMS])

    def encode_texts(self, pairs: Sequence[tuple[str, str]]) -> Encoded:
        """Tokenise (recent titles, candidate title) pairs."""
        return encode(self._tokenizer, pairs)

    def encode_pairs(self, pairs: PurchasePairs) -> Encoded:
        """Tokenise drawn pairs."""
        return self.encode_texts(
            [
                (self.text_of(recent), self.data.titles[item])
                for recent, item in zip(pairs.recent, pairs.candidate, strict=True)
            ]
        )

    def probe_texts(self, count: int) -> list[tuple[str, str]]:
        """Return some (recent titles, title) pairs."""
        pairs = zip(self._validation.recent[:count], self._validation.candidate[:count], strict=True)
        return [(self.text_of(recent), self.data.titles[item]) for recent, item in pairs]

    def training_set(self) -> TrainingSet:
        """Return pairs drawn before the validation window, enough for every step of the plan up to a limit."""
        wanted = min(self._plan.pairs_per_step(self.task) * self._plan.max_steps, MOST_TRAINING_PAIRS)
        first = int(self.data.lines.time_us[0])
        pairs = self._draw(first, self.data.split.validation_start, max(1, -(-wanted // PURCHASE_GROUP)), _TRAIN)
        labels = noisy_labels(pairs.labels, self._plan.label_noise_ratio, self._plan.seed)
        groups = np.arange(len(labels), dtype=np.int64) // PURCHASE_GROUP
        return TrainingSet(self.encode_pairs(pairs), labels, np.ones(len(labels)), groups)

    def validate(self, model: RankingModel) -> tuple[Figure, ...]:
        """Return AUC and log loss on pairs of the validation window."""
        logits = model.predict(self.task, self._validation_encoded)
        labels = self._validation.labels
        loss = metrics.log_loss_rows(labels, sigmoid(logits))
        return (
            Figure.point("auc", metrics.auc(labels, logits), len(labels)),
            Figure.point("log_loss", float(loss.mean()), len(labels)),
        )

    def prepare_vectors(self, embedder: Embedder) -> None:
        """Embed every title with the frozen encoder; must be called before the trunk is trained."""
        self.vectors = embedder.embed(self.data.titles)

    def recommender(self, end_us: int) -> Recommender:
        """Return a recommender that knows only what was before `end_us`."""
        assert self.vectors is not None
        products = len(self.data.product_ids)
        before = self.data.lines.before(end_us)
        counts = purchase_data.purchase_counts(before, products, end_us)
        return Recommender(purchase_data.covisits(before, products), counts, self.vectors)

    def choose_blend(self, model: RankingModel) -> float:
        """Choose all weights on the validation window; returns Recall@20 of the validation customers."""
        split = self.data.split
        cases = Cases(self, split.validation_start, split.test_start, self._effort.blend_customers, _VALIDATION)
        weights, _ = coordinate_ascent(recommend.START_WEIGHTS, recommend.WEIGHT_GRID, cases.recall)
        few = cases.first(self._effort.neural_validation_customers)
        few.add_neural(model, weights)
        best = (-1.0, 0.0)
        for neural in recommend.NEURAL_GRID:
            score = few.recall({**weights, NEURAL: neural})
            if score > best[0] + 1e-9:
                best = (score, neural)
        self.blend = {**weights, NEURAL: best[1]}
        return best[0]

    def evaluate(self, model: RankingModel) -> TaskReport:
        """Compare the recommendations with the baselines on the customers of the test window."""
        split = self.data.split
        cases = Cases(self, split.test_start, split.end, self._effort.test_customers, _TEST)
        without = {**self.blend, NEURAL: 0.0}
        per_customer = {"model": cases.values(self.blend)}
        if self.blend[NEURAL] > 0:
            cases.add_neural(model, without)
            per_customer = {"model": cases.values(self.blend), "without_neural": cases.values(without)}
        per_customer |= cases.baselines()
        draws = metrics.bootstrap_weights(len(cases), self._plan.seed)
        pairs = self._pair_figures(model)
        systems = tuple(
            SystemReport(
                system,
                (metrics.mean_figure("recall@20", values, draws), *pairs.get(system, ())),
                tuple(values.tolist()),
            )
            for system, values in per_customer.items()
        )
        differences = tuple(
            metrics.mean_figure(f"recall@20:{system}", per_customer["model"] - values, draws)
            for system, values in per_customer.items()
            if system != "model"
        )
        words = f"{split.in_words()}; {len(cases)} customers drawn by seed; all {len(self.data.titles)} products ranked"
        return TaskReport(self.task, self.data.dataset_version, words, systems, cases.customer_ids, differences)

    def _pair_figures(self, model: RankingModel) -> dict[str, tuple[Figure, ...]]:
        """Return AUC (and log loss of the model) on sampled pairs of the test window, intervals over customers."""
        assert self.vectors is not None
        split = self.data.split
        pairs = self._draw(split.test_start, split.end, self._effort.test_groups, _TEST)
        _, unit = np.unique(pairs.customer, return_inverse=True)
        unit = unit.astype(np.int64)
        draws = metrics.bootstrap_weights(int(unit.max()) + 1, self._plan.seed)
        logits = model.predict(self.task, self.encode_pairs(pairs))
        means = np.stack([self.vectors[list(recent)].mean(axis=0) for recent in pairs.recent])
        before = self.data.lines.before(split.test_start)
        scores = {
            "model": logits,
            "zero_shot": np.einsum("ij,ij->i", means, self.vectors[pairs.candidate]).astype(np.float64),
            "popularity": np.bincount(before.product, minlength=len(self.data.titles))[pairs.candidate].astype(float),
        }
        result: dict[str, tuple[Figure, ...]] = {}
        for system, values in scores.items():
            area = metrics.auc_figure("auc", pairs.labels, values, unit, draws)
            result[system] = (area,) if area is not None else ()
        loss = metrics.log_loss_rows(pairs.labels, sigmoid(logits))
        result["model"] += (metrics.ratio_figure("log_loss", loss, unit, draws),)
        return result

    def _draw(self, start_us: int, end_us: int, groups: int, stream: int) -> PurchasePairs:
        draw = PairDraw(groups, PURCHASE_GROUP - 1, HISTORY_ITEMS, self._plan.seed, stream)
        return purchase_data.draw_pairs(self.data, start_us, end_us, draw)


class Cases:
    """Customers of a time window, what they bought in it, and the candidates offered to them."""

    def __init__(self, task: PurchaseTask, start_us: int, end_us: int, most: int, stream: int) -> None:
        """Draw at most `most` customers; candidates know only what was before `start_us`."""
        self._task, self._start = task, start_us
        targets = purchase_data.window_targets(task.data, start_us, end_us)
        if not targets:
            raise TooFewUnits(
                "No customer with earlier orders bought anything in the held-back time window.",
                next_step="Import orders over a longer time, with customer_id.",
                facts={"dataset_version": task.data.dataset_version},
            )
        customers = np.array(sorted(targets), dtype=np.int64)
        rng = np.random.default_rng([task._plan.seed, stream, 5])
        if len(customers) > most:
            customers = np.sort(rng.choice(customers, size=most, replace=False))
        self._customers = [int(customer) for customer in customers]
        self._targets = [targets[customer] for customer in self._customers]
        before = purchase_data.histories(task.data.lines.before(start_us), len(task.data.customer_ids))
        self._histories: list[History] = [before[customer] for customer in self._customers]
        self._recommender = task.recommender(start_us)
        self._candidates: list[Candidates] = [self._recommender.candidates(history) for history in self._histories]
        self._neural: list[tuple[Ints, Floats]] = []

    def __len__(self) -> int:
        """Number of customers."""
        return len(self._customers)

    @property
    def customer_ids(self) -> tuple[str, ...]:
        """Ids of the customers in order."""
        return tuple(self._task.data.customer_ids[customer] for customer in self._customers)

    def first(self, count: int) -> "Cases":
        """Return a view of the first customers."""
        few: Cases = object.__new__(Cases)
        few._task, few._start, few._recommender = self._task, self._start, self._recommender
        few._customers, few._targets = self._customers[:count], self._targets[:count]
        few._histories, few._candidates, few._neural = self._histories[:count], self._candidates[:count], []
        return few

    def add_neural(self, model: RankingModel, weights: Mapping[str, float]) -> None:
        """Score the first `RERANK_TOP` candidates of every customer, ranked by `weights`, with the purchase head."""
        tops = [candidates.ranked(weights, RERANK_TOP) for candidates in self._candidates]
        texts: list[tuple[str, str]] = []
        for history, candidates, top in zip(self._histories, self._candidates, tops, strict=True):
            context = self._task.text_of(history.recent(HISTORY_ITEMS).tolist())
            texts += [(context, self._task.data.titles[item]) for item in candidates.products[top]]
        probabilities = sigmoid(model.predict(Task.PURCHASE, self._task.encode_texts(texts)))
        parts = np.split(probabilities, np.cumsum([len(top) for top in tops])[:-1])
        self._neural = list(zip(tops, parts, strict=True))

    def recall(self, weights: Mapping[str, float]) -> float:
        """Return the mean Recall@20."""
        return float(self.values(weights).mean())

    def values(self, weights: Mapping[str, float]) -> Floats:
        """Return Recall@20 of every customer, (customers,)."""
        found = []
        for number, candidates in enumerate(self._candidates):
            scores, products = blend(weights, candidates.features), candidates.products
            if self._neural:
                top, probability = self._neural[number]
                scores = scores[top] + weights.get(NEURAL, 0.0) * probability
                products = products[top]
            found.append(
                metrics.recall(recommend.top_of(scores, products, RECALL_AT), self._targets[number], RECALL_AT)
            )
        return np.array(found)

    def baselines(self) -> dict[str, Floats]:
        """Return Recall@20 per customer of plain systems over all products."""
        lines, products = self._task.data.lines.before(self._start), len(self._task.data.titles)
        ever = np.argsort(-np.bincount(lines.product, minlength=products), kind="stable")
        rng = np.random.default_rng([self._task._plan.seed, 13])
        return {
            "popularity": self._all(lambda _: ever),
            "recent_popularity": self._all(lambda _: self._recommender.popular),
            "zero_shot": self._all(lambda history: np.argsort(-self._recommender.similarity(history.recent()))),
            "random": self._all(lambda _: rng.permutation(products)),
        }

    def _all(self, ranking: object) -> Floats:
        return np.array(
            [
                metrics.recall(ranking(history)[:RECALL_AT], wanted, RECALL_AT)  # type: ignore[operator]
                for history, wanted in zip(self._histories, self._targets, strict=True)
            ]
        )
