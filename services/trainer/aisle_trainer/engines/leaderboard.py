"""One evaluation from tables to a leaderboard."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from aisle_runtime import telemetry
from numpy.typing import NDArray

from aisle_trainer.domain import leaderboard as domain
from aisle_trainer.domain.leaderboard import Board, Question, Skipped, Standing
from aisle_trainer.domain.plan import DEFAULT_BASE_MODEL, DEFAULT_MAX_TOKENS, Task
from aisle_trainer.domain.recommend import Recommender
from aisle_trainer.domain.splits import search_split_in_words
from aisle_trainer.engines import applied, purchase_data, purchase_systems, search_data
from aisle_trainer.engines.applied import AppliedModel, Candidate
from aisle_trainer.engines.base_models import find_base_model
from aisle_trainer.engines.encoder import Embedder, bf16_is_fast, load_tokenizer, load_trunk
from aisle_trainer.engines.purchase_board import PurchaseBoard, shop_of
from aisle_trainer.engines.search_board import SearchBoard, SearchSystems
from aisle_trainer.errors import AisleError, BaseModelUnknown, DataLoss, FailedPrecondition, NotFound
from aisle_trainer.telemetry import ATTR_SYSTEM, SPAN_JUDGE

_log = logging.getLogger(__name__)
Facts = Mapping[str, tuple[str, str]]
"""Product id -> (brand, category), "" unknown."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an evaluation runs."""

    workdir: Path
    cache_dir: Path
    """Embeddings of base models, shared with training jobs."""
    base_models_dir: Path | None
    threads: int
    fetch: Callable[[str], Path]
    """Gives an artifact by its SHA-256, its bytes verified; raises DataLoss or NotFound."""
    report: Callable[[float, str], None]
    """Is told (ratio, phase); may raise to end the job."""


class Encoders:
    """Base encoders as they are, each loaded once."""

    def __init__(self, place: Place) -> None:
        """Load nothing yet."""
        self._place, self._known = place, dict[tuple[str, int], Embedder]()

    def embed(self, base_model: str, max_tokens: int) -> Callable[[Sequence[str]], NDArray[np.float32]]:
        """Return how texts are embedded with a base model; raises BaseModelUnknown."""
        key = base_model, max_tokens
        if key not in self._known:
            base = find_base_model(base_model, self._place.base_models_dir)
            tokenizer = load_tokenizer(base, max_tokens)
            self._known[key] = Embedder(base, load_trunk(base), tokenizer, self._place.cache_dir, bf16_is_fast())
        return self._known[key].embed


def run(
    question: Question, version: str, table: pa.Table, facts: Facts, models: Sequence[Candidate], place: Place
) -> Board:
    """Judge every system of a checked question on a dataset version; raises what is wrong with the data.

    A model that cannot be applied is skipped with the reason; FailedPrecondition when no system is left.
    """
    torch.set_num_threads(place.threads)
    task = question.task
    assert task is not None
    chosen = question.chosen(task)
    work = _Search if task is Task.SEARCH_RELEVANCE else _Purchase
    entries = work(question, version, table, facts, place)
    standings: list[Standing] = []
    skipped: list[Skipped] = []
    total = len(chosen) + len(models)
    for number, name in enumerate(chosen):
        place.report(0.1 + 0.85 * number / total, f"judge {name}")
        with telemetry.span(SPAN_JUDGE, **{ATTR_SYSTEM: name}):
            standings.append(entries.baseline(name))
    for number, candidate in enumerate(models, start=len(chosen)):
        place.report(0.1 + 0.85 * number / total, "judge model")
        with telemetry.span(SPAN_JUDGE, **{ATTR_SYSTEM: "model"}):
            found = _applied(entries, candidate, task, version, place)
        if isinstance(found, Skipped):
            skipped.append(found)
        else:
            standings.append(found)
    if not standings:
        raise FailedPrecondition(
            "None of the models can be judged on this data.",
            reason="NOTHING_TO_JUDGE",
            next_step="Leave without_baselines out to see the baselines and why each model was skipped.",
            facts={one.system: one.reason for one in skipped},
        )
    order, reference, tests = domain.ranked(standings, question.reference, question.seed)
    metric = order[0].figures[0].name
    return Board(task, version, entries.split, metric, entries.units, reference, order, tests, tuple(skipped))


def _applied(
    entries: "_Search | _Purchase", candidate: Candidate, task: Task, version: str, place: Place
) -> Standing | Skipped:
    name = candidate.training_job
    folder = place.workdir / "models" / name.rsplit("/", 1)[-1]
    try:
        model = AppliedModel(name, applied.gather(candidate, folder, place.fetch), task, place.threads)
        return applied.unfit(candidate, task, version, model.manifest) or entries.model(model)
    except BaseModelUnknown:
        return Skipped(name, BaseModelUnknown.reason, "Its base model is no longer installed here.")
    except (DataLoss, NotFound, FailedPrecondition) as error:
        _log.warning("a bundle cannot be read", extra={"training_job": name})
        return Skipped(name, _reason(error), "A file of its bundle is damaged or gone: train it again.")


def _reason(error: AisleError) -> str:
    return error.reason or "BUNDLE_UNREADABLE"


class _Search:
    def __init__(self, question: Question, version: str, table: pa.Table, facts: Facts, place: Place) -> None:
        data = search_data.build_search_data(table, version)
        categories = {product: category for product, (_, category) in facts.items() if category}
        self._board = SearchBoard(data, question.cutoff, question.max_units, question.seed, categories)
        self._systems, self._encoders = SearchSystems(self._board, question.seed), Encoders(place)
        self.split = f"{search_split_in_words()}; {self._board.unit_count} held-back queries with something to find"
        self.units = self._board.unit_count

    def baseline(self, name: str) -> Standing:
        """Judge a baseline."""
        systems = self._systems
        ways = {
            domain.RANDOM: systems.random,
            domain.BM25: systems.bm25,
            domain.TFIDF: systems.tfidf_ridge,
            domain.ZERO_SHOT: lambda: systems.zero_shot(self._encoders.embed(DEFAULT_BASE_MODEL, DEFAULT_MAX_TOKENS)),
        }
        return self._board.judge(name, ways[name])

    def model(self, model: AppliedModel) -> Standing:
        """Judge a bundle."""
        embed = self._encoders.embed(str(model.manifest["base_model"]), int(model.manifest["max_tokens"]))
        return self._board.judge(model.name, lambda: self._systems.model(model, embed))


class _Purchase:
    def __init__(self, question: Question, version: str, table: pa.Table, facts: Facts, place: Place) -> None:
        self._data = purchase_data.build_purchase_data(table, version)
        self._shop = shop_of(self._data, question.max_units, question.seed, question.exclude_bought, facts)
        self._encoders = Encoders(place)
        place.report(0.05, "embed")
        self._vectors = self._encoders.embed(DEFAULT_BASE_MODEL, DEFAULT_MAX_TOKENS)(self._shop.titles)
        self._board = PurchaseBoard(self._shop, question.cutoff, question.seed, self._vectors)
        self._makers = purchase_systems.makers(self._shop, question.seed, lambda: self._vectors)
        left_out = "; products bought before left out" if question.exclude_bought else ""
        self.units = self._board.unit_count
        words = f"{self._data.split.in_words()}; {self.units} customers; all {len(self._shop.titles)} products ranked"
        self.split = words + left_out

    def baseline(self, name: str) -> Standing:
        """Judge a baseline."""
        return self._board.judge(name, self._makers[name])

    def model(self, model: AppliedModel) -> Standing:
        """Judge a bundle."""
        embed = self._encoders.embed(str(model.manifest["base_model"]), int(model.manifest["max_tokens"]))
        start, products = self._data.split.test_start, len(self._shop.titles)
        before = self._data.lines.before(start)
        recommender = Recommender(
            purchase_data.covisits(before, products),
            purchase_data.purchase_counts(before, products, start),
            embed(self._shop.titles),
        )
        return self._board.judge(model.name, lambda: purchase_systems.model(self._shop, recommender, model))
