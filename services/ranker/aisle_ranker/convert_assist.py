"""Between the contract of customer service and the rules' own types."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from aisle.ranker.v1 import assist_pb2 as pb
from aisle.ranker.v1 import assist_service_pb2 as service_pb
from aisle_runtime.convert import job_status, to_timestamp
from aisle_runtime.jobs import JobRecord
from aisle_runtime.names import ResourceName

from aisle_ranker.domain.assist.answer import SHOWN_INTENTS, Outcome, Reply, Understanding
from aisle_ranker.domain.assist.classifier import KINDS, Guess, Head
from aisle_ranker.domain.assist.knowledge import Document, Example, Template, placeholders
from aisle_ranker.domain.assist.language import LONGEST_MESSAGE, checked_language, language_of, without_controls
from aisle_ranker.errors import InvalidField

TRAINING = ResourceName("assistTrainings/{training}")
MOST_AT_ONCE, LONGEST_ID, LONGEST_LABEL, LONGEST_TITLE, LONGEST_URI = 1_000, 128, 64, 300, 2_000
LONGEST_DOCUMENT, LONGEST_TEMPLATE = 100_000, 8_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
T = TypeVar("T", Document, Template, Example)


def documents(messages: Sequence[pb.SupportDocument]) -> list[Document]:
    """Read support documents. Raises InvalidField."""

    def one(message: pb.SupportDocument, path: str) -> Document:
        text = _text(message.text, f"{path}.text", LONGEST_DOCUMENT)
        return Document(
            id=_id(message.document_id, f"{path}.document_id"),
            title=_line(message.title, f"{path}.title", LONGEST_TITLE),
            uri=_line(message.uri, f"{path}.uri", LONGEST_URI),
            language=checked_language(message.language, f"{path}.language") or language_of(text),
            text=text,
        )

    return _each("support_documents", messages, one, "document_id")


def templates(messages: Sequence[pb.AnswerTemplate]) -> list[Template]:
    """Read answer templates. Raises InvalidField."""

    def one(message: pb.AnswerTemplate, path: str) -> Template:
        return Template(
            id=_id(message.template_id, f"{path}.template_id"),
            intent=_id(message.intent, f"{path}.intent", LONGEST_LABEL),
            language=checked_language(message.language, f"{path}.language"),
            text=_text(message.text, f"{path}.text", LONGEST_TEMPLATE),
        )

    return _each("answer_templates", messages, one, "template_id")


def examples(messages: Sequence[pb.LabelledMessage]) -> list[Example]:
    """Read labelled messages. Raises InvalidField."""

    def one(message: pb.LabelledMessage, path: str) -> Example:
        labels = {kind: _line(getattr(message, kind), f"{path}.{kind}", LONGEST_LABEL) for kind in KINDS}
        if not any(labels.values()):
            raise InvalidField(path, "has no label", next_step="Give an intent, an emotion or an urgency.")
        text = _text(message.text, f"{path}.text", LONGEST_MESSAGE)
        return Example(_id(message.message_id, f"{path}.message_id"), text, **labels)

    return _each("labelled_messages", messages, one, "message_id")


def ids(values: Sequence[str], field: str) -> list[str]:
    """Read ids to delete. Raises InvalidField."""
    _check_count(field, len(values))
    return list(dict.fromkeys(_id(value, f"{field}[{at}]") for at, value in enumerate(values)))


def document_message(value: Document, update_time: float) -> pb.SupportDocument:
    """One support document."""
    return pb.SupportDocument(
        document_id=value.id,
        title=value.title,
        uri=value.uri,
        language=value.language,
        text=value.text,
        update_time=to_timestamp(update_time),
    )


def template_message(value: Template, update_time: float) -> pb.AnswerTemplate:
    """One answer template."""
    return pb.AnswerTemplate(
        template_id=value.id,
        intent=value.intent,
        language=value.language,
        text=value.text,
        update_time=to_timestamp(update_time),
    )


def example_message(value: Example, update_time: float) -> pb.LabelledMessage:
    """One labelled message."""
    return pb.LabelledMessage(
        message_id=value.id,
        text=value.text,
        intent=value.intent,
        emotion=value.emotion,
        urgency=value.urgency,
        update_time=to_timestamp(update_time),
    )


def training_id(name: str) -> str:
    """Read a training's name. Raises InvalidField."""
    return TRAINING.parse(name, "name")["training"]


def training(job: JobRecord, made: pb.AssistModel | None) -> pb.AssistTraining:
    """One training with what it made."""
    return pb.AssistTraining(name=TRAINING.format(training=job.id), status=job_status(job), assist_model=made)


def model(training: str, create_time: float, heads: Iterable[Head]) -> pb.AssistModel:
    """A classifier."""
    return pb.AssistModel(
        training=TRAINING.format(training=training),
        heads=[_head(head) for head in heads],
        create_time=to_timestamp(create_time),
    )


def _head(head: Head) -> pb.AssistHead:
    told = head.evaluation
    return pb.AssistHead(
        label_kind=head.kind,
        labels=head.labels,
        train_count=told.train_count,
        test_count=told.test_count,
        macro_f1=told.macro_f1,
        accuracy_ratio=told.accuracy,
        calibration_error=told.calibration_error,
        temperature=head.temperature,
        min_score=head.min_score,
        coverage_ratio=told.coverage,
        covered_accuracy_ratio=told.covered_accuracy,
        refusal_ratio=told.refusal,
        left_out_labels=told.left_out,
    )


def understanding(value: Understanding) -> service_pb.AssistUnderstanding:
    """What was made of a message."""
    intents = [] if value.intent is None else value.intent.ranked[:SHOWN_INTENTS]
    return service_pb.AssistUnderstanding(
        language=value.language,
        intents=[service_pb.AssistLabel(label=label, confidence=share) for label, share in intents],
        supported=value.intent is not None and value.intent.supported,
        emotion=_first(value.emotion),
        urgency=_first(value.urgency),
    )


def _first(guess: Guess | None) -> service_pb.AssistLabel | None:
    if guess is None:
        return None
    label, share = guess.ranked[0]
    return service_pb.AssistLabel(label=label, confidence=share)


def outcome(
    reply: Reply, degradations: Sequence[str], training: str, model_version: str, trace_id: str
) -> service_pb.AssistOutcome:
    """The end of an answer."""
    hand_off = None
    if reply.outcome is Outcome.HAND_OFF and reply.reason is not None:
        hand_off = service_pb.AssistHandOff(reason=f"HAND_OFF_REASON_{reply.reason.value}", summary=reply.summary)
    return service_pb.AssistOutcome(
        kind=f"ASSIST_OUTCOME_KIND_{reply.outcome.value}",
        template_id=reply.template.id if reply.template else "",
        placeholders=placeholders(reply.template.text) if reply.template else (),
        alternative_template_ids=reply.alternatives,
        citations=_citations(reply),
        hand_off=hand_off,
        degradations=degradations,
        training=TRAINING.format(training=training) if training else "",
        model_version=model_version,
        trace_id=trace_id,
    )


def _citations(reply: Reply) -> list[service_pb.AssistCitation]:
    quoted = [
        service_pb.AssistCitation(
            document_id=one.passage.document.id,
            title=one.passage.document.title,
            uri=one.passage.document.uri,
            passage=one.passage.number,
            begin_offset=one.span.begin,
            end_offset=one.span.end,
            quotation=one.text,
            support_ratio=one.support,
        )
        for one in reply.quotations
    ]
    shown = [
        service_pb.AssistCitation(
            product_id=hit.product_id,
            title=hit.title,
            end_offset=len(hit.title),
            quotation=hit.title,
            support_ratio=hit.support,
        )
        for hit in reply.products
    ]
    return quoted + shown


def _each(field: str, messages: Sequence[Any], one: Callable[[Any, str], T], key: str) -> list[T]:
    _check_count(field, len(messages))
    found: dict[str, T] = {}
    for at, message in enumerate(messages):
        entry = one(message, f"{field}[{at}]")
        if entry.id in found:
            raise InvalidField(f"{field}[{at}].{key}", "is there twice")
        found[entry.id] = entry
    return list(found.values())


def _check_count(field: str, count: int) -> None:
    if not 1 <= count <= MOST_AT_ONCE:
        raise InvalidField(field, f"must hold 1 to {MOST_AT_ONCE:,} entries", facts={"count": str(count)})


def _id(value: str, field: str, longest: int = LONGEST_ID) -> str:
    if not value.strip():
        raise InvalidField(field, "is required")
    return _line(value, field, longest)


def _line(value: str, field: str, longest: int) -> str:
    if len(value) > longest:
        raise InvalidField(field, f"must have at most {longest:,} characters", facts={"length": str(len(value))})
    if _CONTROL.search(value):
        raise InvalidField(field, "must not hold control characters")
    return value


def _text(value: str, field: str, longest: int) -> str:
    if len(value) > longest:
        raise InvalidField(field, f"must have at most {longest:,} characters", facts={"length": str(len(value))})
    clean = without_controls(value)
    if not clean.strip():
        raise InvalidField(field, "must not be empty")
    return clean
