"""Puts a bundle's verified files together to a model that can answer."""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from aisle_ranker.domain.catalog import LiveModel, RecommendIndex, SearchIndex
from aisle_ranker.domain.engine import EMBEDDER, RANKER, Engine
from aisle_ranker.domain.golden import Golden, parse_golden
from aisle_ranker.domain.manifest import MANIFEST, Manifest, parse_manifest
from aisle_ranker.domain.text import words
from aisle_ranker.engines.bundle import (
    COVISIT,
    GOLDEN,
    HISTORIES,
    RECOMMEND_INDEX,
    SEARCH_INDEX,
    TOKENIZER,
    ArrowHistories,
    BundleFile,
    empty_catalog,
    read_catalog,
    read_recommend_index,
)
from aisle_ranker.engines.kserve import KserveEngine
from aisle_ranker.engines.lexical import TantivyIndex
from aisle_ranker.engines.onnx import OnnxEngine
from aisle_ranker.engines.tokenizing import BundleTokenizer
from aisle_ranker.errors import BundleInvalid

REQUIRED = (MANIFEST, TOKENIZER, GOLDEN)
TABLES = (SEARCH_INDEX, RECOMMEND_INDEX, COVISIT, HISTORIES)


class EngineMaker(Protocol):
    """Opens the configured engine for a bundle."""

    @property
    def graphs(self) -> Mapping[str, str]:
        """File of the bundle by model that the engine reads itself; empty for a remote one."""
        ...

    async def make(self, model_version: str, graphs: Mapping[str, Path]) -> Engine:
        """Open the engine; `graphs` has a path per model of `self.graphs`."""
        ...


@dataclass(frozen=True, slots=True)
class OnnxMaker:
    """Makes embedded engines that share one pool of threads."""

    executor: Executor
    workers: int
    threads: int
    precision: str
    """`int8` or `fp32`."""

    @property
    def graphs(self) -> Mapping[str, str]:
        """The graphs of the wanted precision."""
        suffix = ".int8.onnx" if self.precision == "int8" else ".onnx"
        return {model: f"{model}{suffix}" for model in (RANKER, EMBEDDER)}

    async def make(self, model_version: str, graphs: Mapping[str, Path]) -> Engine:
        """Load the graphs in a thread."""
        return await asyncio.to_thread(OnnxEngine, graphs, self.executor, self.workers, self.threads)


@dataclass(frozen=True, slots=True)
class KserveMaker:
    """Makes engines that call an endpoint."""

    address: str
    models: Mapping[str, str]
    """The endpoint's model name by model; `{version}` in it stands for the version's number."""
    timeout: float

    @property
    def graphs(self) -> Mapping[str, str]:
        """None: the endpoint has them."""
        return {}

    async def make(self, model_version: str, graphs: Mapping[str, Path]) -> Engine:
        """Open a channel; whether anybody answers shows in the smoke test."""
        number = model_version.rpartition("/")[2]
        names = {model: name.replace("{version}", number) for model, name in self.models.items()}
        return KserveEngine(self.address, names, self.timeout)


@dataclass(frozen=True, slots=True)
class BundleLoader:
    """Opens bundles."""

    engines: EngineMaker

    def wanted(self, paths: Iterable[str]) -> list[str]:
        """Return which of a bundle's files this ranker reads; raises BundleInvalid when a necessary one is missing."""
        needed = [*REQUIRED, *self.engines.graphs.values()]
        there = set(paths)
        for path in needed:
            if path not in there:
                raise BundleInvalid(f"it has no file {path}")
        return [*needed, *(path for path in TABLES if path in there)]

    async def open(
        self, model_version: str, bundle_digest: str, files: Mapping[str, Path], digests: Mapping[str, str]
    ) -> tuple[LiveModel, Golden]:
        """Return the model and its smoke test; `digests` are those under which the files were verified.

        Raises BundleInvalid. The work is done in threads.
        """
        graphs = {model: files[path] for model, path in self.engines.graphs.items()}
        tables = asyncio.to_thread(_read_tables, files, digests)
        parts, engine = await _both(tables, lambda: self.engines.make(model_version, graphs))
        live = LiveModel(
            name=model_version,
            bundle_digest=bundle_digest,
            manifest=parts.manifest,
            engine=engine,
            tokenizer=parts.tokenizer,
            search=parts.search,
            recommend=parts.recommend,
            histories=parts.histories,
            idf=parts.idf,
            live_time=datetime.now(UTC),
        )
        return live, parts.golden


def now_live(live: LiveModel) -> LiveModel:
    """Return the model stamped as answering from this moment."""
    return replace(live, live_time=datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class _Parts:
    manifest: Manifest
    golden: Golden
    tokenizer: BundleTokenizer
    search: SearchIndex
    recommend: RecommendIndex
    histories: ArrowHistories
    idf: Mapping[str, float]


async def _both(tables: Awaitable[_Parts], make: Callable[[], Awaitable[Engine]]) -> tuple[_Parts, Engine]:
    """Read tables and open the engine side by side; an engine is closed again when the tables cannot be read."""
    engine_task = asyncio.ensure_future(make())
    try:
        parts = await tables
    except BaseException:
        engine = (await asyncio.gather(engine_task, return_exceptions=True))[0]
        if not isinstance(engine, BaseException):
            await engine.close()
        raise
    return parts, await engine_task


def _read_tables(files: Mapping[str, Path], digests: Mapping[str, str]) -> _Parts:
    manifest = parse_manifest(files[MANIFEST].read_bytes())
    for path, digest in digests.items():
        if path != MANIFEST and manifest.files.get(path, digest) != digest:
            raise BundleInvalid(f"the manifest promises another {path}")
    golden = parse_golden(files[GOLDEN].read_bytes())
    tokenizer = BundleTokenizer(files[TOKENIZER], manifest.max_tokens)
    named = {path: BundleFile(file, path) for path, file in files.items()}
    dim = manifest.embedding_dim
    catalog = read_catalog(named[SEARCH_INDEX], tokenizer, dim)[0] if SEARCH_INDEX in files else empty_catalog(dim)
    recommend = read_recommend_index(named, tokenizer, dim)
    return _Parts(
        manifest=manifest,
        golden=golden,
        tokenizer=tokenizer,
        search=SearchIndex(catalog, TantivyIndex(catalog.titles)),
        recommend=recommend,
        histories=ArrowHistories(named.get(HISTORIES), recommend.catalog.product_ids),
        idf=topic_weights([*catalog.titles, *recommend.catalog.titles]),
    )


def topic_weights(titles: Iterable[str]) -> dict[str, float]:
    """Return ln(1 + (N - n + 0.5) / (n + 0.5)) for every word that n of the N titles hold."""
    counts: Counter[str] = Counter()
    total = 0
    for title in titles:
        counts.update(set(words(title)))
        total += 1
    return {word: math.log(1 + (total - count + 0.5) / (count + 0.5)) for word, count in counts.items()}
