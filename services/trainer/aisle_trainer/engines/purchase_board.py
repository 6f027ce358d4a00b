"""The leaderboard of recommendation: the whole catalogue ranked for customers whose later purchases were held back."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from aisle_trainer.domain import metrics, ranked_lists, shelf
from aisle_trainer.domain.leaderboard import Standing, commonest, figure_of, slices_of
from aisle_trainer.domain.metrics import Figure
from aisle_trainer.domain.recommend import History
from aisle_trainer.engines import purchase_data
from aisle_trainer.engines.purchase_data import PurchaseData
from aisle_trainer.errors import TooFewUnits

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Score = Callable[[Ints], NDArray[np.floating]]
"""Numbers of units -> scores of every product, (units, products)."""
HEAD_SHARE = 0.2
"""This share of the products, the most bought ones, is the head."""
NEW_PRODUCTS, REGULAR_PRODUCTS = 3, 20
_BATCH = 128


@dataclass(frozen=True, slots=True)
class Shop:
    """What was known before the held-back purchases, and these."""

    titles: list[str]
    """By product number."""
    bought: sp.csr_matrix
    """(customers, products) 0/1, of all customers."""
    recent_counts: Ints
    """Purchases of each product shortly before, (products,)."""
    units: Ints
    """Row in `bought` of each customer who is judged."""
    histories: list[History]
    """Of each judged customer, oldest first."""
    targets: list[Ints]
    """Held-back products of each judged customer, each once."""
    exclude_bought: bool = False
    brands: list[str] = field(default_factory=list)
    """By product number, "" unknown; empty when nothing is known."""
    categories: list[str] = field(default_factory=list)

    @property
    def buyers(self) -> Ints:
        """Return how many customers bought each product before, (products,)."""
        return np.asarray(self.bought.sum(axis=0), dtype=np.int64).ravel()


def shop_of(
    data: PurchaseData,
    max_units: int,
    seed: int,
    exclude_bought: bool = False,
    facts: Mapping[str, tuple[str, str]] | None = None,
) -> Shop:
    """Return the shop as it was at the start of the test window; `facts` gives (brand, category) by product id.

    Raises TooFewUnits when nobody who bought before bought in the window.
    """
    before, products = data.lines.before(data.split.test_start), len(data.titles)
    targets = purchase_data.window_targets(data, data.split.test_start, data.split.end)
    known = purchase_data.histories(before, len(data.customer_ids))
    if exclude_bought:
        targets = {who: found - set(known[who].products.tolist()) for who, found in targets.items()}
    customers = np.array(sorted(who for who, found in targets.items() if found), dtype=np.int64)
    if not len(customers):
        raise TooFewUnits(
            "No customer with earlier orders bought anything to judge in the held-back time window.",
            next_step="Import orders over a longer time, with customer_id.",
            facts={"dataset_version": data.dataset_version},
        )
    if len(customers) > max_units:
        rng = np.random.default_rng([seed, 37])
        customers = np.sort(rng.choice(customers, size=max_units, replace=False))
    mine = before.customer >= 0
    shape = (len(data.customer_ids), products)
    bought = sp.csr_matrix(
        (np.ones(mine.sum(), dtype=np.float32), (before.customer[mine], before.product[mine])), shape
    )
    bought.data[:] = 1
    told = facts or {}
    described = [told.get(one, ("", "")) for one in data.product_ids] if told else []
    return Shop(
        data.titles,
        bought,
        purchase_data.purchase_counts(before, products, data.split.test_start),
        customers,
        [known[who] for who in customers.tolist()],
        [np.array(sorted(targets[who]), dtype=np.int64) for who in customers.tolist()],
        exclude_bought,
        [brand for brand, _ in described],
        [category for _, category in described],
    )


class PurchaseBoard:
    """Judges scores of all products for the shop's customers."""

    def __init__(self, shop: Shop, cutoff: int, seed: int, vectors: NDArray[np.float32] | None = None) -> None:
        """Judge lists of `cutoff` products; `vectors` (products, dim) of length 1 are for the distance inside lists."""
        self.shop, self._k, self._vectors = shop, min(cutoff, len(shop.titles)), vectors
        self._name = cutoff
        self._buyers = shop.buyers
        self._draws = metrics.bootstrap_weights(len(shop.units), seed)
        self._parts = self._slices()

    @property
    def unit_count(self) -> int:
        """Number of customers."""
        return len(self.shop.units)

    @property
    def main_metric(self) -> str:
        """Name of the metric that ranks."""
        return f"ndcg@{self._name}"

    def judge(self, system: str, make: Callable[[], Score]) -> Standing:
        """Return the standing of a system; `make` fits it and returns how it scores."""
        begun = time.process_time()
        score = make()
        lists, areas = self._ranked(score)
        spent = time.process_time() - begun
        values = self._list_values(lists)
        main = values[self.main_metric]
        figures = [figure_of(name, found, self._draws) for name, found in values.items()]
        figures.append(figure_of("gauc", areas, self._draws))
        figures += self._shelf(lists)
        shown = self._exposure(lists)
        if shown is not None:
            figures.append(Figure.point("exposure_distance", shown[1], self.unit_count))
        parts = slices_of(self._parts, main, self._draws)
        exposure = tuple(shown[0]) if shown is not None else ()
        return Standing(system, tuple(figures), main, parts, exposure=exposure, cpu_seconds=spent)

    def _ranked(self, score: Score) -> tuple[Ints, Floats]:
        """Return the first products of every customer, (units, k), and the AUC of the targets among all products."""
        shop = self.shop
        lists, areas = np.full((self.unit_count, self._k), -1, dtype=np.int64), np.full(self.unit_count, np.nan)
        for start in range(0, self.unit_count, _BATCH):
            at = np.arange(start, min(start + _BATCH, self.unit_count), dtype=np.int64)
            scores = np.array(score(at), dtype=np.float64)
            for row, unit in enumerate(at.tolist()):
                mine = scores[row]
                if shop.exclude_bought:
                    mine[np.unique(shop.histories[unit].products)] = -np.inf
                top = best_of(mine, self._k)
                lists[unit, : len(top)] = top
                areas[unit] = area_of(mine[mine > -np.inf], mine[shop.targets[unit]])
        return lists, areas

    def _list_values(self, lists: Ints) -> dict[str, Floats]:
        k, rows = self._name, []
        for items, wanted in zip(lists, self.shop.targets, strict=True):
            hits = np.isin(items, wanted).astype(np.float64)
            found = float(hits.sum())
            precisions = np.cumsum(hits) / np.arange(1, len(hits) + 1)
            order = np.arange(len(hits), dtype=np.int64)
            rows.append(
                (
                    ranked_lists.binary_ndcg(hits, len(wanted)),
                    found / len(wanted),
                    float(found > 0),
                    ranked_lists.reciprocal_at(hits, order),
                    float((precisions * hits).sum() / min(len(wanted), len(hits))),
                )
            )
        names = (f"ndcg@{k}", f"recall@{k}", f"hit@{k}", f"mrr@{k}", f"map@{k}")
        return dict(zip(names, np.array(rows).T, strict=True))

    def _shelf(self, lists: Ints) -> list[Figure]:
        products, k, count = len(self.shop.titles), self._name, self.unit_count
        figures = [
            Figure.point(f"coverage@{k}", shelf.coverage(lists, products), count),
            Figure.point(f"exposure_gini@{k}", shelf.gini(lists, products), count),
            figure_of(f"novelty@{k}", shelf.novelty(lists, self._buyers, self.shop.bought.shape[0]), self._draws),
            figure_of(f"popularity@{k}", shelf.popularity_percentile(lists, self._buyers), self._draws),
        ]
        if self._vectors is not None:
            distance = shelf.intra_list_distance(lists, self._vectors)
            figures.append(figure_of(f"diversity@{k}", distance, self._draws))
        return figures

    def _exposure(self, lists: Ints) -> tuple[list[shelf.Exposure], float] | None:
        if not any(self.shop.brands):
            return None
        names, group_of = np.unique(np.array([one or "unknown" for one in self.shop.brands]), return_inverse=True)
        bought = np.concatenate(self.shop.targets)
        return shelf.exposure(lists, group_of.astype(np.int64), names.tolist(), bought)

    def _slices(self) -> dict[str, NDArray[np.bool_]]:
        shop = self.shop
        known = np.array([len(np.unique(history.products)) for history in shop.histories])
        head = np.zeros(len(shop.titles), dtype=bool)
        head[np.argsort(-self._buyers, kind="stable")[: max(1, int(HEAD_SHARE * len(head)))]] = True
        mostly_head = np.array([head[wanted].mean() > 0.5 for wanted in shop.targets])
        parts = {
            "history=new": known <= NEW_PRODUCTS,
            "history=some": (known > NEW_PRODUCTS) & (known <= REGULAR_PRODUCTS),
            "history=long": known > REGULAR_PRODUCTS,
            "wanted=head": mostly_head,
            "wanted=tail": ~mostly_head,
        }
        for name, labels in (("brand", shop.brands), ("category", shop.categories)):
            if any(labels):
                parts |= commonest([_majority(labels, wanted) for wanted in shop.targets], name)
        return parts


def best_of(scores: Floats, count: int) -> Ints:
    """Return the places of the `count` best scores, best first, equal ones in their order; -inf never takes part."""
    floor = np.partition(scores, -count)[-count] if count < len(scores) else -np.inf
    able = np.flatnonzero((scores >= floor) & (scores > -np.inf))
    return able[np.argsort(-scores[able], kind="stable")[:count]].astype(np.int64)


def area_of(everything: Floats, wanted: Floats) -> float:
    """Return the AUC of the `wanted` scores among `everything` (which holds them), ties counted half; NaN without others.

    A wanted product that may not be shown (-inf) counts as below all.
    """
    others = len(everything) - int((wanted > -np.inf).sum())
    if others <= 0 or not len(wanted):
        return float("nan")
    ordered, own = np.sort(everything), np.sort(wanted[wanted > -np.inf])
    low, high = np.searchsorted(ordered, own, "left"), np.searchsorted(ordered, own, "right")
    own_low, own_high = np.searchsorted(own, own, "left"), np.searchsorted(own, own, "right")
    below = (low - own_low) + 0.5 * ((high - low) - (own_high - own_low))
    return float(below.sum() / (others * len(wanted)))


def _majority(labels: Sequence[str], wanted: Ints) -> str:
    found = [labels[item] for item in wanted.tolist() if labels[item]]
    return max(sorted(set(found)), key=found.count) if found else ""
