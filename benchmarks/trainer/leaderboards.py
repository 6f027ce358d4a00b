"""Leaderboards on public data through the trainer's own evaluator: baselines, held-back queries, leave-one-out."""

import re
import tempfile
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from aisle_trainer.domain import leaderboard
from aisle_trainer.domain.leaderboard import BASELINES, Standing
from aisle_trainer.domain.plan import DEFAULT_BASE_MODEL, DEFAULT_MAX_TOKENS, Task
from aisle_trainer.domain.ranked_lists import cut_by_distribution, quadratic_kappa
from aisle_trainer.domain.recommend import History
from aisle_trainer.engines import purchase_systems
from aisle_trainer.engines.leaderboard import Encoders, Place
from aisle_trainer.engines.purchase_board import PurchaseBoard, Shop
from aisle_trainer.engines.search_board import SearchBoard, SearchSystems, tfidf_ridge
from sklearn.model_selection import StratifiedKFold

from benchmarks.cleaning.mirror import folder
from benchmarks.figures import Row
from benchmarks.trainer import crowdflower

SEED = 7
PUBLISHED_QWK = 0.681876
BEAUTY_CUSTOMERS = 5_000
_BEAUTY_SYSTEMS = tuple(
    name
    for name in BASELINES[Task.PURCHASE]
    if name not in (leaderboard.RECENT, leaderboard.OWN, leaderboard.ZERO_SHOT)
)
"""Without times there is no recent popularity, the protocol leaves bought products out, and embedding 12,101 titles costs too much."""
_ITEM = re.compile(r"^(\S+) (\d+) ?(.*)$")


def _row(standings: list[Standing], metric: str, protocol: str, target: str) -> Row:
    order, _, tests = leaderboard.ranked(standings, "", SEED)
    best = order[0].figures[0]
    told = "; ".join(
        f"{one.system} {test.difference.value:+.4f} [{test.difference.lower:+.4f}, {test.difference.upper:+.4f}] "
        f"Holm p {test.holm_p:.4f}, {one.cpu_seconds:.1f} CPU-s"
        for one in order
        if (test := tests.get(one.system)) is not None
    )
    others = {one.system: one.figures[0].value for one in order[1:]}
    for name in _BESIDE:
        others |= {f"{one.system} {f.name}": f.value for one in order for f in one.figures if f.name == name}
    words = f"{protocol}; {metric}; best {order[0].system} ({order[0].cpu_seconds:.1f} CPU-s); to the best: {told}"
    return Row(best.value, best.lower, best.upper, metric, words, target, others, SEED)


_BESIDE = ("qwk", "recall@10")
"""Figures that are printed of every system beside the one that ranks."""


def search_leaderboard() -> Row:
    """All search baselines on the held-back queries of crowdflower_search."""
    data = crowdflower.judgments()
    board = SearchBoard(data, 10, 2_000, SEED)
    systems = SearchSystems(board, SEED)
    with tempfile.TemporaryDirectory() as scratch:
        embed = _encoders(Path(scratch)).embed(DEFAULT_BASE_MODEL, DEFAULT_MAX_TOKENS)
        ways = {
            leaderboard.RANDOM: systems.random,
            leaderboard.BM25: systems.bm25,
            leaderboard.TFIDF: systems.tfidf_ridge,
            leaderboard.ZERO_SHOT: lambda: systems.zero_shot(embed),
        }
        standings = [board.judge(name, ways[name]) for name in BASELINES[Task.SEARCH_RELEVANCE]]
    protocol = (
        f"crowdflower_search, {crowdflower.SPLIT}; {board.unit_count} test queries; scores calibrated on validation"
    )
    target = "all queries (SOURCE.md): random 0.714, BM25 0.8006, zero-shot 0.8398"
    return _row(standings, board.main_metric, protocol, target)


def qwk_ridge() -> Row:
    """The leaderboard's TF-IDF ridge under the protocol of the CrowdFlower winner."""
    rows = crowdflower.rows()
    pairs = list(zip(rows["query"], rows["product_title"], strict=True))
    grades = rows["median_relevance"].to_numpy(np.int64)
    values = []
    for run in range(1, 4):
        folds = StratifiedKFold(3, shuffle=True, random_state=2015 + 1000 * run)
        for held, taught in folds.split(pairs, rows["query"]):
            scores = tfidf_ridge([pairs[at] for at in taught], grades[taught].astype(float), [pairs[at] for at in held])
            values.append(quadratic_kappa(grades[held], cut_by_distribution(scores, grades[taught])))
    mean, spread = float(np.mean(values)), float(np.std(values))
    protocol = (
        "crowdflower_search, 3 runs x 3 folds stratified by query, trained on ONE fold and judged on the other two, cut by the "
        "label distribution of the training fold; titles only; interval = mean +- standard deviation over the nine"
    )
    beside = {"winner's best single model (published)": PUBLISHED_QWK, "ridge of SOURCE.md": 0.648}
    return Row(mean, mean - spread, mean + spread, "QWK", protocol, "published single model 0.6819", beside, SEED)


def beauty_leaderboard() -> Row:
    """Recommendation baselines on amazon_beauty, the last purchase of every customer held back."""
    shop = _beauty()
    board = PurchaseBoard(shop, 10, SEED)
    ways = purchase_systems.makers(shop, SEED, lambda: np.zeros((0, 0), dtype=np.float32))
    standings = [board.judge(name, ways[name]) for name in _BEAUTY_SYSTEMS]
    protocol = (
        f"amazon_beauty, leave-one-out: last item held back, the rest is the history; {len(shop.units):,} customers drawn by "
        "seed; all 12,101 products ranked but those already bought; raw order; baselines with default settings, not tuned"
    )
    target = "published N@10 / R@10: SASRec 0.0318 / 0.0605, TIGER 0.0384 / 0.0648"
    return _row(standings, board.main_metric, protocol, target)


def _beauty() -> Shop:
    source = folder("amazon_beauty")
    items: list[str] = []
    for line in (source / "item_list.txt").read_text().splitlines()[1:]:
        found = _ITEM.match(line)
        if found and int(found[2]) == len(items):
            items.append(found[3].strip('" '))
        else:  # one title holds a line break
            items[-1] += " " + line.strip('" ')
    sequences = [list(map(int, line.split()[1:])) for line in (source / "test.txt").read_text().splitlines()]
    rows = np.repeat(np.arange(len(sequences)), [len(one) - 1 for one in sequences])
    columns = np.concatenate([one[:-1] for one in sequences])
    shape = (len(sequences), len(items))
    bought = sp.csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape)
    bought.data[:] = 1
    rng = np.random.default_rng([SEED, 43])
    units = np.sort(rng.choice(len(sequences), BEAUTY_CUSTOMERS, replace=False))
    drawn = [sequences[at] for at in units.tolist()]
    return Shop(
        [title or "product" for title in items],
        bought,
        np.asarray(bought.sum(axis=0), dtype=np.int64).ravel(),
        units.astype(np.int64),
        [History(np.array(one[:-1], dtype=np.int64)) for one in drawn],
        [np.array(one[-1:], dtype=np.int64) for one in drawn],
        exclude_bought=True,
    )


def _encoders(scratch: Path) -> Encoders:
    return Encoders(Place(scratch, scratch, None, 2, lambda _: scratch, lambda *_: None))
