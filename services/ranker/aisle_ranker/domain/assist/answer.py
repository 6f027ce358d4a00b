"""Decides how a message is answered: template, quotation, products, or a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from aisle_ranker.domain.assist.classifier import Guess
from aisle_ranker.domain.assist.knowledge import Question, Quotation, Template
from aisle_ranker.domain.assist.language import sentences, terms

SHOWN_INTENTS = 3
LONGEST_SUMMARY_QUOTE = 400


class Outcome(StrEnum):
    """How a message was answered; names of the contract's AssistOutcomeKind."""

    TEMPLATE = "TEMPLATE"
    QUOTATION = "QUOTATION"
    PRODUCTS = "PRODUCTS"
    HAND_OFF = "HAND_OFF"


class Reason(StrEnum):
    """Why a person should take over; names of the contract's HandOffReason."""

    NO_CLASSIFIER = "NO_CLASSIFIER"
    UNSUPPORTED = "UNSUPPORTED"
    NO_TEMPLATE = "NO_TEMPLATE"


@dataclass(frozen=True, slots=True)
class Understanding:
    """What was made of a message."""

    language: str
    intent: Guess | None
    emotion: Guess | None
    urgency: Guess | None


@dataclass(frozen=True, slots=True)
class ProductHit:
    """A product whose title holds the message's words."""

    product_id: str
    title: str
    support: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    outcome: Outcome
    parts: tuple[str, ...] = ()
    """Text, in order."""
    template: Template | None = None
    alternatives: tuple[str, ...] = ()
    """Templates of the next intents."""
    quotations: tuple[Quotation, ...] = ()
    products: tuple[ProductHit, ...] = ()
    reason: Reason | None = None
    summary: str = ""


def by_template(understanding: Understanding, choices: Sequence[Template | None]) -> Reply | None:
    """Answer by the best template of the first intent; `choices` has one per shown intent. None when that does not do."""
    guess = understanding.intent
    if guess is None or not guess.supported or not choices or choices[0] is None:
        return None
    others = tuple(one.id for one in choices[1:] if one is not None)
    return Reply(Outcome.TEMPLATE, (choices[0].text,), template=choices[0], alternatives=others)


def by_quotation(found: Sequence[Quotation]) -> Reply | None:
    """Answer in the documents' own words."""
    if not found:
        return None
    parts = [one.text for one in found]
    return Reply(Outcome.QUOTATION, tuple(_joined(parts)), quotations=tuple(found))


def by_products(hits: Sequence[ProductHit]) -> Reply | None:
    """Answer with the titles of products."""
    if not hits:
        return None
    return Reply(Outcome.PRODUCTS, tuple(_joined([hit.title for hit in hits])), products=tuple(hits))


def hand_off(message: str, understanding: Understanding, choices: Sequence[Template | None] = ()) -> Reply:
    """Give up honestly, say what was asked, and name the templates that come nearest for the person who takes over."""
    guess = understanding.intent
    reason = Reason.NO_CLASSIFIER if guess is None else Reason.NO_TEMPLATE if guess.supported else Reason.UNSUPPORTED
    near = tuple(one.id for one in choices if one is not None)
    return Reply(Outcome.HAND_OFF, alternatives=near, reason=reason, summary=_summary(message, understanding))


def _joined(parts: Sequence[str]) -> list[str]:
    return [part if at == 0 else f"\n{part}" for at, part in enumerate(parts)]


def _summary(message: str, understanding: Understanding) -> str:
    lines = []
    if understanding.intent is not None:
        shown = (
            understanding.intent.ranked[:SHOWN_INTENTS]
            if not understanding.intent.supported
            else understanding.intent.ranked[:1]
        )
        name = "Intent" if understanding.intent.supported else "Unclear, nearest intents"
        lines.append(f"{name}: {', '.join(f'{label} ({share:.0%})' for label, share in shown)}.")
    for name, guess in (("Emotion", understanding.emotion), ("Urgency", understanding.urgency)):
        if guess is not None:
            label, share = guess.ranked[0]
            lines.append(f"{name}: {label} ({share:.0%}).")
    lines.append(f"Language: {understanding.language}.")
    lines.append(f"Asked: {_telling(message)}")
    return "\n".join(lines)


def _telling(message: str) -> str:
    """Return the sentences with most content in their order, at most `LONGEST_SUMMARY_QUOTE` characters; questions first."""
    found = [message[span.begin : span.end] for span in sentences(message)]
    weight = [len(set(terms(one, content_only=True))) + 10 * one.endswith(("?", "？")) for one in found]
    taken: set[int] = set()
    room = LONGEST_SUMMARY_QUOTE
    for at in sorted(range(len(found)), key=lambda at: -weight[at]):
        if len(found[at]) < room:
            taken.add(at)
            room -= len(found[at]) + 1
    if not taken:
        return message[: LONGEST_SUMMARY_QUOTE - 1] + "…"
    return " ".join(found[at] for at in sorted(taken))


def evenly(message: str) -> Question:
    """Weigh every term of a message alike, numbers included."""
    return Question.of(message, 1, lambda term: 0, numbers=True)
