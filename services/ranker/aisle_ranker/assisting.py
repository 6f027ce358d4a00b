"""Answers customers' messages: keeps what is stored in memory, looks for passages and products, and decides."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from aisle_runtime import telemetry
from aisle_runtime.db import Database
from sqlalchemy import Connection

from aisle_ranker.domain.arrays import Ints, Vectors
from aisle_ranker.domain.assist import answer
from aisle_ranker.domain.assist.answer import ProductHit, Reply, Understanding
from aisle_ranker.domain.assist.classifier import EMOTION, INTENT, URGENCY, Classifier, Guess
from aisle_ranker.domain.assist.knowledge import (
    CANDIDATES,
    Passage,
    Question,
    Template,
    best_template,
    fused,
    nearest,
    passages_of,
    quote,
)
from aisle_ranker.domain.assist.language import language_of, terms
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.catalog import LexicalIndex, LiveModel
from aisle_ranker.domain.neural import Neural, StageSkipped
from aisle_ranker.domain.text import words
from aisle_ranker.engines.assist_codec import decode
from aisle_ranker.engines.lexical import TantivyIndex
from aisle_ranker.errors import NoLiveModel
from aisle_ranker.serving import Serving
from aisle_ranker.storage import assist as store
from aisle_ranker.telemetry import (
    ATTR_ASSIST_LANGUAGE,
    ATTR_ASSIST_OUTCOME,
    ATTR_DEGRADATIONS,
    METRIC_ASSISTED,
    SPAN_ASSIST,
)

VECTOR, PRODUCTS = "vector", "products"
SHOWN_PRODUCTS, LEAST_PRODUCT_SUPPORT = 3, 0.75
EMBEDDED_AT_ONCE = 8
T = TypeVar("T")
Offload = Callable[[Callable[[], object]], Awaitable[object]]
_assisted = telemetry.meter().create_counter(METRIC_ASSISTED, "{message}", "Messages of customers")


@dataclass(frozen=True)
class Library:
    """What is stored, ready to be asked; replaced as a whole when something changes."""

    revision: int = 0
    passages: tuple[Passage, ...] = ()
    index: LexicalIndex | None = None
    holding: Counter[str] = field(default_factory=Counter)
    """Passages by term that they or their title hold."""
    templates: dict[str, list[Template]] = field(default_factory=dict)
    """By intent."""
    classifier: Classifier | None = None

    @classmethod
    def read(cls, conn: Connection) -> "Library":
        """Build everything from the database."""
        passages = [one for document in store.everything(conn, store.DOCUMENTS) for one in passages_of(document)]
        taken_apart = [terms(f"{one.document.title} {one.text}") for one in passages]
        templates: dict[str, list[Template]] = {}
        for template in store.everything(conn, store.TEMPLATES):
            templates.setdefault(template.intent, []).append(template)
        stored = store.newest_model(conn)
        return cls(
            revision=store.revision(conn),
            passages=tuple(passages),
            index=TantivyIndex([" ".join(found) for found in taken_apart]) if passages else None,
            holding=Counter(term for found in taken_apart for term in set(found)),
            templates=templates,
            classifier=None if stored is None else Classifier(stored[0], stored[1], decode(stored[2])),
        )

    def lexical(self, message: str) -> Ints:
        """Return rows of passages by BM25, best first."""
        if self.index is None:
            return np.zeros(0, dtype=np.int64)
        return self.index.search(words(" ".join(terms(message, content_only=True))), CANDIDATES)[0]


@dataclass(frozen=True, slots=True)
class Assisted:
    """An answer with what it was made of."""

    understanding: Understanding
    reply: Reply
    degradations: tuple[str, ...]
    training_id: str
    model_version: str


@dataclass
class _Embedded:
    """Vectors of passages under one bundle."""

    bundle_digest: str
    by_text: dict[str, Vectors] = field(default_factory=dict)


class Assisting:
    """Answers messages; lives in the event loop's thread."""

    def __init__(
        self, db: Database, serving: Serving, neural: Neural, offload: Offload, min_support: float, reserve: float
    ) -> None:
        """Read what is stored at the first message."""
        self._db, self._serving, self._neural, self._offload = db, serving, neural, offload
        self._min_support, self._reserve = min_support, reserve
        self._library = Library()
        self._embedded = _Embedded("")
        self._reading = asyncio.Lock()
        self._embedding: asyncio.Task[None] | None = None

    async def answer(self, message: str, language: str, remaining: float | None) -> Assisted:
        """Answer a checked message ("" = detect the language) within the caller's `remaining` seconds."""
        deadline = Deadline(remaining, self._reserve)
        with telemetry.span(SPAN_ASSIST) as span:
            library = await self._current()
            found = await self._answer(library, message, language or language_of(message), deadline)
            outcome = found.reply.outcome.value
            span.set_attribute(ATTR_ASSIST_OUTCOME, outcome)
            span.set_attribute(ATTR_ASSIST_LANGUAGE, found.understanding.language)
            span.set_attribute(ATTR_DEGRADATIONS, list(found.degradations))
        _assisted.add(1, {"outcome": outcome, "language": found.understanding.language})
        return found

    async def close(self) -> None:
        """End the embedding of passages."""
        if self._embedding is not None:
            self._embedding.cancel()
            await asyncio.gather(self._embedding, return_exceptions=True)

    async def _current(self) -> Library:
        """Return the library as it is stored now, whoever changed it."""
        revision = await self._db.read(store.revision)
        if revision != self._library.revision:
            async with self._reading:
                if revision > self._library.revision:
                    self._library = await self._db.read(Library.read)
        return self._library

    async def _answer(self, library: Library, message: str, language: str, deadline: Deadline) -> Assisted:
        understanding = await self._off(lambda: _understand(library.classifier, message, language))
        degradations: tuple[str, ...] = ()
        version = ""
        choices = _choices(library, message, understanding)
        reply = answer.by_template(understanding, choices)
        if reply is None:
            try:
                with self._serving.use() as live:
                    version = live.name
                    reply, degradations = await self._searched(library, message, live, deadline)
            except NoLiveModel:
                reply = await self._off(lambda: self._quoted(library, message, library.lexical(message)))
                degradations = (VECTOR, PRODUCTS)
        reply = reply or answer.hand_off(message, understanding, choices)
        training = "" if library.classifier is None else library.classifier.training_id
        return Assisted(understanding, reply, degradations, training, version)

    async def _searched(
        self, library: Library, message: str, live: LiveModel, deadline: Deadline
    ) -> tuple[Reply | None, tuple[str, ...]]:
        rows = await self._off(lambda: library.lexical(message))
        near, complete = await self._near(library, message, live, deadline)
        reply = await self._off(lambda: self._quoted(library, message, np.array(fused(rows, near), dtype=np.int64)))
        if reply is None:
            reply = await self._off(lambda: answer.by_products(_products(live, message)))
        return reply, () if complete else (VECTOR,)

    def _quoted(self, library: Library, message: str, rows: Ints) -> Reply | None:
        question = Question.of(message, len(library.passages), lambda term: library.holding[term])
        return answer.by_quotation(quote(question, [library.passages[int(row)] for row in rows], self._min_support))

    async def _near(self, library: Library, message: str, live: LiveModel, deadline: Deadline) -> tuple[Ints, bool]:
        """Return rows of passages near in meaning, and whether all were looked at in time."""
        if not library.passages:
            return np.zeros(0, dtype=np.int64), True
        known = self._embedded.by_text if self._embedded.bundle_digest == live.bundle_digest else {}
        complete = all(one.text in known for one in library.passages)
        if not complete and (self._embedding is None or self._embedding.done()):
            self._embedding = asyncio.ensure_future(self._embed(library))
        tokens = live.tokenizer.ids(message)
        if not known or not len(tokens):
            return np.zeros(0, dtype=np.int64), complete
        try:
            vector = await self._neural.embed(live, tokens, deadline)
        except StageSkipped:
            return np.zeros(0, dtype=np.int64), False
        none = np.zeros_like(vector)
        vectors = await self._off(lambda: np.stack([known.get(one.text, none) for one in library.passages]))
        return nearest(vectors, vector), complete

    async def _embed(self, library: Library) -> None:
        """Embed the passages that are not yet, a few at a time, so that other calls get their turn."""
        wanted = dict.fromkeys(one.text for one in library.passages)
        while True:
            try:
                with self._serving.use() as live:
                    if self._embedded.bundle_digest != live.bundle_digest:
                        self._embedded = _Embedded(live.bundle_digest)
                    known = self._embedded.by_text
                    part = [text for text in wanted if text not in known][:EMBEDDED_AT_ONCE]
                    if not part:
                        self._embedded.by_text = {text: known[text] for text in wanted}
                        return
                    tokens = [live.tokenizer.ids(text) for text in part]
                    vectors, cause = await self._neural.embed_all(live, tokens, Deadline(None))
            except NoLiveModel:
                return
            if cause:
                return  # the engine is away; the next message tries again
            known.update(zip(part, vectors, strict=True))

    async def _off(self, work: Callable[[], T]) -> T:
        return await self._offload(work)  # type: ignore[return-value]


def _understand(classifier: Classifier | None, message: str, language: str) -> Understanding:
    def guess(kind: str) -> Guess | None:
        return None if classifier is None else classifier.guess(kind, message)

    return Understanding(language, guess(INTENT), guess(EMOTION), guess(URGENCY))


def _choices(library: Library, message: str, understanding: Understanding) -> list[Template | None]:
    """Return the best template of each of the most probable intents."""
    if understanding.intent is None:
        return []
    question = answer.evenly(message)
    shown = [label for label, _ in understanding.intent.ranked[: answer.SHOWN_INTENTS]]
    return [best_template(question, library.templates.get(label, ()), understanding.language) for label in shown]


def _products(live: LiveModel, message: str) -> list[ProductHit]:
    """Return products whose titles hold nearly all of the message's words, each word with the same weight."""
    catalog, question = live.search.catalog, answer.evenly(message)
    rows, _ = live.search.lexical.search(words(message), CANDIDATES)
    hits = []
    for row in rows:
        title = catalog.titles[int(row)]
        if (support := question.support(title)) >= LEAST_PRODUCT_SUPPORT:
            hits.append(ProductHit(catalog.product_ids[int(row)], title, support))
    return sorted(hits, key=lambda hit: -hit.support)[:SHOWN_PRODUCTS]
