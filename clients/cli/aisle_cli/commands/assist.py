"""`aisle assist` and `aisle support`: answer customers' messages, and keep what answers are made of."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.failures import EXIT_FAILED, CommandFailed
from aisle_cli.session import Session, collect

if TYPE_CHECKING:
    from aisle.ranker.v1.assist_pb2 import AssistModel, AssistTraining
    from aisle.ranker.v1.assist_service_pb2_grpc import AssistServiceStub

app = group("Answer customers.")
support = group("Keep what customers are answered with: documents, templates, labelled messages.")
_PER_CALL, _BYTES_PER_CALL = 500, 2 << 20
_LISTED = 60
Training = Annotated[str, typer.Argument(metavar="TRAINING", help="Training.")]
Limit = Annotated[int, typer.Option(min=1, help="Entries to show at most.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids.")]


def _stub(session: Session) -> "AssistServiceStub":
    from aisle.ranker.v1.assist_service_pb2_grpc import AssistServiceStub

    return AssistServiceStub(session.channel("ranker"))


@command(app, "assist")
def assist(
    session: Session,
    message: Annotated[str, typer.Argument(help="What the customer wrote.")],
    language: Annotated[str, typer.Option(help="en or zh; detected otherwise.")] = "",
) -> None:
    """Answer a customer's message by a template, by quotations with their sources, or by a hand-off.

    Example: aisle assist "how long does a refund take?"
    """
    from aisle.ranker.v1 import assist_service_pb2 as pb

    parts = list(_stub(session).Assist(pb.AssistRequest(message=message, language=language)))
    understood = next(part.understanding for part in parts if part.HasField("understanding"))
    outcome = next(part.outcome for part in parts if part.HasField("outcome"))
    text = "".join(part.text for part in parts)
    if session.as_json:
        document = {"understanding": output.as_dict(understood), "text": text, "outcome": output.as_dict(outcome)}
        return output.emit_json(session, document)
    output.fields(
        [
            (
                "intent",
                _labels(understood.intents) + ("" if understood.supported or not understood.intents else ", unclear"),
            ),
            ("emotion", _labels([understood.emotion] if understood.HasField("emotion") else [])),
            ("urgency", _labels([understood.urgency] if understood.HasField("urgency") else [])),
            ("language", understood.language),
            ("answered by", output.enum_word(pb.AssistOutcomeKind, outcome.kind)),
            ("template", outcome.template_id),
            ("fill in", ", ".join(outcome.placeholders)),
            (
                "reason",
                output.enum_word(pb.HandOffReason, outcome.hand_off.reason) if outcome.HasField("hand_off") else "",
            ),
            ("without", ", ".join(outcome.degradations)),
        ]
    )
    output.line(f"\n{text or outcome.hand_off.summary}")
    if outcome.citations:
        rows = [
            (
                c.document_id or c.product_id,
                c.title,
                f"{c.begin_offset}-{c.end_offset}",
                f"{c.support_ratio:.2f}",
                c.uri,
            )
            for c in outcome.citations
        ]
        output.table("Sources", ["id", "title", "characters", "#support", "where"], rows)
    return None


def _labels(labels: Any) -> str:
    return ", ".join(f"{label.label} {label.confidence:.2f}" for label in labels)


def _kinds() -> dict[str, tuple[str, str, str]]:
    """Per command word: plural in the contract, field, and field of the id."""
    return {
        "documents": ("SupportDocuments", "support_documents", "document_id"),
        "templates": ("AnswerTemplates", "answer_templates", "template_id"),
        "messages": ("LabelledMessages", "labelled_messages", "message_id"),
    }


def _put(session: Session, word: str, file: Path) -> None:
    """Send a file in calls of at most 500 entries and 2 MiB; sending it again changes nothing."""
    from aisle.ranker.v1 import assist_service_pb2 as pb

    plural, field, _ = _kinds()[word]
    method = getattr(_stub(session), f"Upsert{plural}")
    created = updated = 0
    for lines, entries in _batches(file, getattr(pb, f"Upsert{plural}Request"), field):
        try:
            answer = method(
                getattr(pb, f"Upsert{plural}Request")(**{field: entries}, request_id=names.new_request_id())
            )
        except Exception as error:
            import grpc

            if not isinstance(error, grpc.RpcError) or not created + updated:
                raise
            from aisle_cli.failures import from_rpc

            told = from_rpc(error, session.addresses)
            raise CommandFailed(
                f"{told} Lines {lines[0]} to {lines[-1]} were not stored; {created + updated} entries before them were.",
                told.next_step,
                exit_code=told.exit_code,
            ) from error
        created, updated = created + answer.created_count, updated + answer.updated_count
    if session.as_json:
        return output.emit_json(session, {"created_count": created, "updated_count": updated})
    return output.line(f"{created} new, {updated} replaced.")


def _batches(file: Path, request_type: Any, field: str) -> Iterator[tuple[list[int], list[Any]]]:
    from google.protobuf.json_format import ParseDict, ParseError

    lines: list[int] = []
    entries: list[Any] = []
    size = 0
    with file.open(encoding="utf-8-sig") as stream:
        for number, text in enumerate(stream, 1):
            if not text.strip():
                continue
            try:
                entry = getattr(ParseDict({field: [json.loads(text)]}, request_type()), field)[0]
            except (ValueError, ParseError) as error:
                raise CommandFailed(
                    f"{file.name}, line {number}: {error}", "Correct the line and send the file again."
                ) from error
            if entries and (len(entries) == _PER_CALL or size + entry.ByteSize() > _BYTES_PER_CALL):
                yield lines, entries
                lines, entries, size = [], [], 0
            lines.append(number)
            entries.append(entry)
            size += entry.ByteSize()
    if not entries:
        raise CommandFailed(f"{file.name} holds no entry.", "Write one JSON object per line.", exit_code=EXIT_FAILED)
    yield lines, entries


def _list(session: Session, word: str, limit: int) -> None:
    from aisle.ranker.v1 import assist_service_pb2 as pb

    plural, field, key = _kinds()[word]
    method, request = getattr(_stub(session), f"List{plural}"), getattr(pb, f"List{plural}Request")

    def ask(token: str, size: int) -> tuple[Any, Any]:
        answer = method(request(page_size=size, page_token=token))
        return getattr(answer, field), answer.next_page_token

    found = collect(ask, limit)
    if session.as_json:
        return output.emit_list(session, field, found)
    rows = [(getattr(one, key), _about(one), one.text.replace("\n", " ")[:_LISTED]) for one in found]
    return output.table(word.capitalize(), ["id", "about", "text"], rows)


def _about(entry: Any) -> str:
    words = [getattr(entry, name, "") for name in ("title", "intent", "emotion", "urgency", "language")]
    return ", ".join(word for word in words if word)


def _delete(session: Session, word: str, ids: list[str]) -> None:
    from aisle.ranker.v1 import assist_service_pb2 as pb

    plural, _, key = _kinds()[word]
    request = getattr(pb, f"Delete{plural}Request")(**{f"{key}s": ids}, request_id=names.new_request_id())
    answer = getattr(_stub(session), f"Delete{plural}")(request)
    if session.as_json:
        return output.emit_json(session, answer)
    return output.line(f"{answer.deleted_count} deleted.")


File = Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="One entry as protobuf JSON per line.")]
What = Annotated[str, typer.Argument(metavar="documents|templates|messages", help="What kind of entries.")]


def _word(text: str) -> str:
    from aisle_cli.failures import usage

    if text not in _kinds():
        usage(f"{text}: it is not known.", f"Known: {', '.join(_kinds())}.")
    return text


@command(support, "put")
def put(session: Session, what: What, file: File) -> None:
    """Store documents, templates or labelled messages from a file; each replaces the one with its id."""
    _put(session, _word(what), file)


@command(support, "list")
def list_(session: Session, what: What, limit: Limit = 20) -> None:
    """List what is stored."""
    _list(session, _word(what), limit)


@command(support, "delete")
def delete(session: Session, what: What, ids: Ids) -> None:
    """Delete entries by id."""
    _delete(session, _word(what), ids)


@command(support, "train")
def train(session: Session, wait: Annotated[bool, typer.Option(help="Wait until it ends.")] = True) -> None:
    """Learn to understand messages from the labelled ones; the classifier answers as soon as it is there."""
    from aisle.ranker.v1 import assist_service_pb2 as pb

    made = _stub(session).TrainAssist(pb.TrainAssistRequest(request_id=names.new_request_id())).assist_training
    _tell(session, _follow(session, made) if wait else made)


@command(support, "watch")
def watch(session: Session, training: Training) -> None:
    """Follow a training to its end."""
    _tell(session, _follow(session, _get(session, training)))


@command(support, "show")
def show(session: Session, training: Training) -> None:
    """Show a training."""
    _tell(session, _get(session, training))


@command(support, "trainings")
def trainings(session: Session, limit: Limit = 20) -> None:
    """List trainings, newest first."""
    from aisle.ranker.v1 import assist_service_pb2 as pb
    from aisle.type.v1 import job_pb2

    def ask(token: str, size: int) -> tuple[Any, Any]:
        answer = _stub(session).ListAssistTrainings(pb.ListAssistTrainingsRequest(page_size=size, page_token=token))
        return answer.assist_trainings, answer.next_page_token

    found = collect(ask, limit)
    if session.as_json:
        return output.emit_list(session, "assist_trainings", found)
    rows = [
        (names.short(t.name), output.enum_word(job_pb2.JobState, t.status.state), output.when(t.status.create_time))
        for t in found
    ]
    return output.table("Trainings", ["training", "state", "created"], rows)


@command(support, "stop")
def stop(session: Session, training: Training) -> None:
    """End a training."""
    from aisle.ranker.v1 import assist_service_pb2 as pb

    request = pb.CancelAssistTrainingRequest(
        name=names.of("assistTrainings", training), request_id=names.new_request_id()
    )
    _tell(session, _stub(session).CancelAssistTraining(request).assist_training)


@command(support, "model")
def model(session: Session) -> None:
    """Show the classifier that answers, with its evaluation."""
    from aisle.ranker.v1 import assist_service_pb2 as pb

    found = _stub(session).GetAssistModel(pb.GetAssistModelRequest()).assist_model
    if session.as_json:
        return output.emit_json(session, {"assist_model": output.as_dict(found)})
    output.fields([("training", names.short(found.training)), ("since", output.when(found.create_time))])
    return _heads(found)


def _get(session: Session, training: str) -> "AssistTraining":
    from aisle.ranker.v1 import assist_service_pb2 as pb

    request = pb.GetAssistTrainingRequest(name=names.of("assistTrainings", training))
    return _stub(session).GetAssistTraining(request).assist_training


def _follow(session: Session, made: "AssistTraining") -> "AssistTraining":
    from aisle.ranker.v1 import assist_service_pb2 as pb

    from aisle_cli.watching import follow_job

    short = names.short(made.name)
    session.left_running = (
        f"The training goes on: `aisle support watch {short}`, or end it with `aisle support stop {short}`."
    )

    def watch(revision: int) -> Iterator[pb.WatchAssistTrainingResponse]:
        request = pb.WatchAssistTrainingRequest(name=made.name, after_revision=revision)
        return _stub(session).WatchAssistTraining(request)

    ended: AssistTraining = follow_job(
        session, f"train {short}", watch, lambda m: m.assist_training, lambda training: training.status
    )
    return ended


def _tell(session: Session, training: "AssistTraining") -> None:
    from aisle.type.v1 import job_pb2

    if session.as_json:
        return output.emit_json(session, {"assist_training": output.as_dict(training)})
    output.fields(
        [
            ("training", names.short(training.name)),
            ("state", output.enum_word(job_pb2.JobState, training.status.state)),
            ("failure", training.status.failure.message),
        ]
    )
    if training.HasField("assist_model"):
        _heads(training.assist_model)
    return None


def _heads(found: "AssistModel") -> None:
    rows = [
        (
            head.label_kind,
            len(head.labels),
            head.train_count,
            head.test_count,
            f"{head.macro_f1:.3f}",
            f"{head.calibration_error:.3f}",
            f"{head.coverage_ratio:.3f}" if head.HasField("refusal_ratio") else "-",
            f"{head.refusal_ratio:.3f}" if head.HasField("refusal_ratio") else "-",
        )
        for head in found.heads
    ]
    columns = [
        "label",
        "#labels",
        "#taught",
        "#tested",
        "#macro-F1",
        "#calibration error",
        "#answered",
        "#unknown refused",
    ]
    output.table("Learnt", columns, rows)
    for head in found.heads:
        if head.left_out_labels:
            output.line(f"{head.label_kind}: too few messages of {', '.join(head.left_out_labels)}.")
