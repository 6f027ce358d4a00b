"""What the shop has stored to answer with, and how well a passage supports a message."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aisle_ranker.domain.arrays import Floats, Ints, Vectors
from aisle_ranker.domain.assist.language import Span, passages, terms

CANDIDATES = 20
_FUSION = 60
_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]{1,100}?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Document:
    """A text that is quoted from."""

    id: str
    title: str
    uri: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Template:
    """A prepared answer."""

    id: str
    intent: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled message."""

    id: str
    text: str
    intent: str = ""
    emotion: str = ""
    urgency: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """Neighbouring sentences of a document."""

    document: Document
    number: int
    sentences: tuple[Span, ...]

    @property
    def text(self) -> str:
        """The words from the first to the last sentence."""
        return self.document.text[self.sentences[0].begin : self.sentences[-1].end]


def passages_of(document: Document) -> list[Passage]:
    """Cut a document."""
    return [Passage(document, number, tuple(found)) for number, found in enumerate(passages(document.text))]


def placeholders(text: str) -> list[str]:
    """Names in double braces, each once, in order."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(text)))


def idf(count: int, having: int) -> float:
    """Weight of a term that `having` of `count` texts hold. Source: Robertson & Zaragoza 2009, section 3.1, kept above 0."""
    return math.log(1 + (count - having + 0.5) / (having + 0.5))


@dataclass(frozen=True, slots=True)
class Question:
    """The terms of a message with their weights among some texts."""

    weights: Mapping[str, float]

    @classmethod
    def of(cls, message: str, count: int, having: Callable[[str], int], *, numbers: bool = False) -> "Question":
        """Weigh the content terms of `message`; one that no text holds weighs most, so that it is missed.

        Without `numbers` those are left out: an order's number, or the days that passed, are no words of an answer.
        """
        found = [term for term in terms(message, content_only=True) if numbers or not term.isdigit()]
        return cls({term: idf(count, having(term)) for term in dict.fromkeys(found)})

    def support(self, text: str) -> float:
        """Return the share of the message's weight that `text` holds, 0..1.

        A single shared term of several is no support, however rare it is.
        """
        held = set(terms(text)) & self.weights.keys()
        total = sum(self.weights.values())
        if not total or (len(held) < 2 and len(self.weights) > 1):
            return 0.0
        return sum(self.weights[term] for term in held) / total


@dataclass(frozen=True, slots=True)
class Quotation:
    """Words that answer, and where they are from."""

    passage: Passage
    span: Span
    support: float

    @property
    def text(self) -> str:
        """The words."""
        return self.passage.document.text[self.span.begin : self.span.end]


def fused(first: Ints, second: Ints) -> list[int]:
    """Join two orders by reciprocal ranks. Source: Cormack, Clarke & Büttcher 2009."""
    score: dict[int, float] = {}
    for order in (first, second):
        for rank, row in enumerate(order):
            score[int(row)] = score.get(int(row), 0.0) + 1 / (_FUSION + rank + 1)
    return sorted(score, key=lambda row: -score[row])


def quote(question: Question, found: Sequence[Passage], min_support: float, most: int = 2) -> list[Quotation]:
    """Return the sentences that hold most of the message's weight, best passage first; empty when no passage supports it.

    Of each supporting passage, at most `most`, sentences are taken until they hold as much as the whole passage; they and what
    is between them are quoted, so that a quotation reads as it stands in the document.
    """
    supported = [(question.support(f"{one.document.title} {one.text}"), at, one) for at, one in enumerate(found)]
    supported = sorted(
        (entry for entry in supported if entry[0] >= min_support), key=lambda entry: (-entry[0], entry[1])
    )
    best = [entry for entry in supported if entry[0] >= 0.9 * supported[0][0]][:most]
    return [Quotation(passage, _telling(question, passage), support) for support, _, passage in best]


def _telling(question: Question, passage: Passage) -> Span:
    text, wanted = passage.document.text, question.weights
    held = [set(terms(text[span.begin : span.end])) & wanted.keys() for span in passage.sentences]
    left, taken = set().union(*held), set[int]()
    while left:
        gains = [sum(wanted[term] for term in terms_ & left) for terms_ in held]
        at = int(np.argmax(gains))
        taken.add(at)
        left -= held[at]
    chosen = sorted(taken) or [0]
    # The sentence after a question is its answer.
    last = chosen[-1]
    if text[passage.sentences[last].end - 1] in "?？" and last + 1 < len(passage.sentences):
        last += 1
    return Span(passage.sentences[chosen[0]].begin, passage.sentences[last].end)


def nearest(vectors: Vectors, vector: Vectors, limit: int = CANDIDATES) -> Ints:
    """Return rows of `vectors` (rows, dim) by cosine with `vector`, best first; rows are normalised, or zeros for unknown."""
    similarity = vectors @ vector
    order = np.argsort(-similarity, kind="stable")[:limit]
    return np.asarray(order[similarity[order] > 0], dtype=np.int64)


def best_template(question: Question, templates: Sequence[Template], language: str) -> Template | None:
    """Return the template of this language that shares most of the message's weight, then the first id; None without one."""
    fitting = [one for one in templates if one.language in ("", language)]
    shares: Floats = np.array([question.support(one.text) for one in fitting])
    return fitting[int(np.argmax(shares))] if fitting else None
