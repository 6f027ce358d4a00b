"""Orders as arrays: baskets, histories and the pairs that teach the purchase head."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from aisle_trainer.domain.recommend import LARGEST_BASKET, NEIGHBOURS, Covisits, History
from aisle_trainer.domain.splits import DAY_US, TimeSplit, time_split
from aisle_trainer.engines.search_data import require_columns
from aisle_trainer.errors import EmptyTrainingData, InvalidLabels, TooFewUnits

Ints = NDArray[np.int64]
COLUMNS = ("order_id", "product_id", "title", "customer_id", "order_time")
POPULARITY_DAYS = 60
"""Popularity counts the purchases of this many last days: a shop's bestsellers change with the season."""
FEWEST_CUSTOMERS = 5


@dataclass(frozen=True, slots=True)
class Lines:
    """Order lines, oldest first, one row per (order, product)."""

    customer: Ints
    """Customer number, -1 where the shop does not know the customer."""
    product: Ints
    order: Ints
    time_us: Ints

    def before(self, time_us: int) -> "Lines":
        """Return the lines before a time."""
        return self._first(int(np.searchsorted(self.time_us, time_us)))

    def between(self, start_us: int, end_us: int) -> "Lines":
        """Return the lines of start_us <= time < end_us."""
        low, high = np.searchsorted(self.time_us, [start_us, end_us])
        return Lines(*(values[low:high] for values in (self.customer, self.product, self.order, self.time_us)))

    def _first(self, count: int) -> "Lines":
        return Lines(*(values[:count] for values in (self.customer, self.product, self.order, self.time_us)))


@dataclass(frozen=True, slots=True)
class PurchaseData:
    """All orders of a dataset version, indexed."""

    dataset_version: str
    product_ids: list[str]
    titles: list[str]
    customer_ids: list[str]
    lines: Lines
    split: TimeSplit


@dataclass(frozen=True, slots=True)
class PurchasePairs:
    """Would a customer with these recent products buy this one?"""

    recent: list[tuple[int, ...]]
    """Product numbers, newest first."""
    candidate: Ints
    labels: NDArray[np.float64]
    """1 bought, 0 not."""
    customer: Ints


def build_purchase_data(table: pa.Table, dataset_version: str) -> PurchaseData:
    """Check and index an ORDERS table."""
    require_columns(table, COLUMNS, dataset_version)
    frame = table.select(list(COLUMNS)).to_pandas()
    facts = {"dataset_version": dataset_version}
    if not len(frame):
        raise EmptyTrainingData(
            "The dataset version holds no orders.", next_step="Import orders and run governance again.", facts=facts
        )
    if frame["order_time"].isna().any():
        raise InvalidLabels(
            f"{int(frame['order_time'].isna().sum())} order lines have no time.",
            next_step="Correct the mapping of order_time and run governance again.",
            facts=facts,
        )
    frame["time_us"] = frame["order_time"].astype("datetime64[us, UTC]").astype(np.int64)
    frame = frame.sort_values(["time_us", "order_id", "product_id"], kind="stable")
    frame = frame.drop_duplicates(["order_id", "product_id"])
    titles = (
        frame.loc[frame["title"].fillna("") != ""].drop_duplicates("product_id", keep="last").sort_values("product_id")
    )
    frame = frame[frame["product_id"].isin(set(titles["product_id"]))]
    known = frame["customer_id"].fillna("") != ""
    customers = sorted(set(frame.loc[known, "customer_id"]))
    if len(customers) < FEWEST_CUSTOMERS:
        raise TooFewUnits(
            f"The orders name {len(customers)} customers; at least {FEWEST_CUSTOMERS} are needed.",
            next_step="Import orders with customer_id.",
            facts=facts,
        )
    lines = Lines(
        customer=frame["customer_id"].map({c: i for i, c in enumerate(customers)}).fillna(-1).to_numpy(np.int64),
        product=frame["product_id"].map({p: i for i, p in enumerate(titles["product_id"])}).to_numpy(np.int64),
        order=pd.factorize(frame["order_id"])[0].astype(np.int64),
        time_us=frame["time_us"].to_numpy(np.int64),
    )
    split = time_split(int(lines.time_us[0]), int(lines.time_us[-1]))
    return PurchaseData(
        dataset_version, titles["product_id"].tolist(), titles["title"].tolist(), customers, lines, split
    )


def purchase_counts(lines: Lines, products: int, end_us: int, days: int = POPULARITY_DAYS) -> Ints:
    """Return how many orders of the last `days` days before `end_us` hold each product, (products,)."""
    recent = lines.between(end_us - days * DAY_US, end_us)
    return np.bincount(recent.product, minlength=products).astype(np.int64)


def histories(lines: Lines, customers: int) -> dict[int, History]:
    """Return what each known customer bought, oldest first."""
    known = lines.customer >= 0
    who, what = lines.customer[known], lines.product[known]
    order = np.argsort(who, kind="stable")
    bounds = np.searchsorted(who[order], np.arange(customers + 1))
    grouped = what[order]
    return {
        customer: History(grouped[bounds[customer] : bounds[customer + 1]])
        for customer in range(customers)
        if bounds[customer + 1] > bounds[customer]
    }


def covisits(lines: Lines, products: int) -> Covisits:
    """Return the products most often in one basket with each product.

    The score is a cosine over baskets in which a basket of n products counts 1/log2(1+n), so that a wholesaler's long
    order says less about any two of its lines. Source: Sarwar et al. 2001, section 3.1, on baskets instead of users.
    """
    position = _position_in_order(lines.order)
    kept = position < LARGEST_BASKET
    order, product = lines.order[kept], lines.product[kept]
    shape = (int(lines.order.max()) + 1 if len(lines.order) else 1, products)
    baskets = sp.csr_matrix((np.ones(len(order), dtype=np.float32), (order, product)), shape=shape)
    sizes = np.asarray(baskets.sum(axis=1)).ravel()
    weighted = sp.diags((1 / np.log2(1 + np.maximum(sizes, 1))).astype(np.float32)) @ baskets
    together = (baskets.T @ weighted).tocsr()
    counts = np.maximum(np.asarray(baskets.sum(axis=0)).ravel(), 1)
    return _strongest(together, counts)


def _position_in_order(order: Ints) -> Ints:
    by_order = np.argsort(order, kind="stable")
    sorted_order = order[by_order]
    starts = np.searchsorted(sorted_order, sorted_order)
    position = np.empty(len(order), dtype=np.int64)
    position[by_order] = np.arange(len(order)) - starts
    return position


def _strongest(together: sp.csr_matrix, counts: NDArray[np.floating]) -> Covisits:
    products = together.shape[0]
    neighbours = np.full((products, NEIGHBOURS), -1, dtype=np.int64)
    scores = np.zeros((products, NEIGHBOURS), dtype=np.float32)
    for product in range(products):
        low, high = together.indptr[product], together.indptr[product + 1]
        other, value = together.indices[low:high], together.data[low:high]
        value = value / np.sqrt(counts[product] * counts[other])
        value[other == product] = 0
        best = np.lexsort((other, -value))[:NEIGHBOURS]
        best = best[value[best] > 0]
        neighbours[product, : len(best)] = other[best]
        scores[product, : len(best)] = value[best]
    return Covisits(neighbours, scores)


@dataclass(frozen=True, slots=True)
class PairDraw:
    """How purchase pairs are drawn."""

    count: int
    """Groups; each has one bought product."""
    negatives: int
    """Products per group that were not bought."""
    history_items: int
    seed: int
    stream: int
    """Keeps the draws of training, validation and test apart."""


def draw_pairs(data: PurchaseData, start_us: int, end_us: int, draw: PairDraw) -> PurchasePairs:
    """Draw bought products of start_us..end_us with the customer's products before that order, and ones not bought.

    Half of the others are drawn by popularity before the window's end, half uniformly; none is in the customer's order.
    """
    rng = np.random.default_rng([draw.seed, draw.stream])
    targets = _targets(data.lines, start_us, end_us)
    if not len(targets):
        raise EmptyTrainingData(
            "No order in the time window comes from a customer who ordered before.",
            next_step="Import orders over a longer time, with customer_id.",
            facts={"dataset_version": data.dataset_version},
        )
    picked = targets[rng.integers(len(targets), size=draw.count)]
    bestsellers = data.lines.before(end_us).product
    baskets = _baskets(data.lines, picked)
    by_customer = _rows_by_customer(data.lines, len(data.customer_ids))
    recent: list[tuple[int, ...]] = []
    candidate: list[int] = []
    labels: list[float] = []
    for row in picked:
        customer, order = int(data.lines.customer[row]), int(data.lines.order[row])
        rows = by_customer[customer]
        earlier = rows[: np.searchsorted(data.lines.time_us[rows], data.lines.time_us[row])]
        context = tuple(int(item) for item in History(data.lines.product[earlier]).recent(draw.history_items))
        others = _not_bought(rng, draw.negatives, bestsellers, len(data.product_ids), baskets[order])
        for item, label in ((int(data.lines.product[row]), 1.0), *((other, 0.0) for other in others)):
            recent.append(context)
            candidate.append(item)
            labels.append(label)
    customers = np.repeat(data.lines.customer[picked], 1 + draw.negatives)
    return PurchasePairs(recent, np.array(candidate, dtype=np.int64), np.array(labels), customers)


def _targets(lines: Lines, start_us: int, end_us: int) -> Ints:
    low, high = np.searchsorted(lines.time_us, [start_us, end_us])
    first = np.full(int(lines.customer.max(initial=-1)) + 2, np.iinfo(np.int64).max, dtype=np.int64)
    known = lines.customer >= 0
    np.minimum.at(first, lines.customer[known], lines.time_us[known])
    rows = np.arange(low, high)
    customer = lines.customer[rows]
    return rows[(customer >= 0) & (first[customer] < lines.time_us[rows])].astype(np.int64)


def _rows_by_customer(lines: Lines, customers: int) -> list[Ints]:
    order = np.argsort(lines.customer, kind="stable").astype(np.int64)
    bounds = np.searchsorted(lines.customer[order], np.arange(customers + 1))
    return [order[bounds[c] : bounds[c + 1]] for c in range(customers)]


def _baskets(lines: Lines, picked: Ints) -> dict[int, set[int]]:
    wanted = np.unique(lines.order[picked])
    mask = np.isin(lines.order, wanted)
    baskets: dict[int, set[int]] = {int(order): set() for order in wanted}
    for order, product in zip(lines.order[mask], lines.product[mask], strict=True):
        baskets[int(order)].add(int(product))
    return baskets


def _not_bought(rng: np.random.Generator, count: int, bestsellers: Ints, products: int, basket: set[int]) -> list[int]:
    found: list[int] = []
    for attempt in range(count * 20):
        popular = attempt % 2 == 0
        item = int(bestsellers[rng.integers(len(bestsellers))] if popular else rng.integers(products))
        if item not in basket:
            found.append(item)
        if len(found) == count:
            break
    while len(found) < count:  # a shop whose one order holds nearly everything
        found.append(int(rng.integers(products)))
    return found


def window_targets(data: PurchaseData, start_us: int, end_us: int) -> dict[int, set[int]]:
    """Return what each customer with earlier orders bought in a window."""
    window = data.lines.between(start_us, end_us)
    before = set(data.lines.before(start_us).customer.tolist())
    wanted: dict[int, set[int]] = {}
    for customer, product in zip(window.customer.tolist(), window.product.tolist(), strict=True):
        if customer >= 0 and customer in before:
            wanted.setdefault(customer, set()).add(product)
    return wanted
