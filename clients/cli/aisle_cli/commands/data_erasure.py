"""`aisle data erase` and `erasures`: what is held of a person, its deletion everywhere, and the receipts."""

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aisle_cli import names, output
from aisle_cli.door import command
from aisle_cli.failures import CommandFailed, usage
from aisle_cli.session import Session, collect

if TYPE_CHECKING:
    from aisle.governance.v1 import erasure_pb2


def register(app: typer.Typer) -> None:
    """Add the commands to `aisle data`."""
    commands: dict[str, Callable[..., None]] = {"erase": erase, "erasures": erasures, "erasure": erasure}
    for name, function in commands.items():
        command(app, name)(function)


def erase(
    session: Session,
    customer: Annotated[
        str, typer.Argument(metavar="CUSTOMER", help="The customer id; - reads it from standard input.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until every service says that nothing is left.")] = True,
    only_list: Annotated[
        bool, typer.Option("--list", help="Only list what is held of the person; nothing is deleted.")
    ] = False,
) -> None:
    """Delete a person everywhere: rows, source files, old versions, events, profiles, and histories inside models' bundles.

    Later imports leave the person out. Names the dataset versions that held the rows, what each service deleted, and the models
    trained on them. A service that is away does its part when it is back; the receipt says so.
    """
    from aisle.governance.v1 import erasure_pb2
    from aisle.governance.v1 import governance_service_pb2 as pb

    person = sys.stdin.readline().strip("\r\n") if customer == "-" else customer
    if only_list:
        return _list(session, person)
    if not yes and not (sys.stdin.isatty() and typer.confirm("Delete everything about this customer for good?")):
        usage("Deleting a person cannot be taken back.", "Say so with --yes.")
    request = pb.EraseSubjectRequest(customer_id=person, request_id=names.new_request_id())
    receipt = session.governance.EraseSubject(request).erasure
    session.left_running = f"The erasure goes on: {receipt.name}."
    if wait:
        receipt = _follow(session, receipt)
    models = _models_of(session, receipt)
    if session.as_json:
        return output.emit_json(session, {"erasure": output.as_dict(receipt), "model_versions": models})
    if receipt.state == erasure_pb2.ERASURE_STATE_FAILED:
        raise CommandFailed(receipt.failure.message, receipt.failure.next_step, reason=receipt.failure.reason)
    return _print_receipt(receipt, models)


def _follow(session: Session, receipt: "erasure_pb2.Erasure") -> "erasure_pb2.Erasure":
    from aisle.governance.v1 import erasure_pb2
    from aisle.governance.v1 import governance_service_pb2 as pb

    from aisle_cli.watching import ProgressBar, follow

    last = receipt

    def watch(revision: int) -> Any:
        request = pb.WatchErasureRequest(name=receipt.name, after_revision=revision, until_complete=True)
        return session.governance.WatchErasure(request)

    order = list(erasure_pb2.ErasureState.values())
    with ProgressBar(session, "erase") as bar:
        for message in follow(watch, lambda m: int(m.erasure.revision)):
            last = message.erasure
            steps = 4 + len(last.services)
            done = min(order.index(last.state), 4) + sum(one.done for one in last.services)
            pending = [one.service for one in last.services if not one.done]
            words = output.enum_word(erasure_pb2.ErasureState, last.state)
            if last.state == erasure_pb2.ERASURE_STATE_SUCCEEDED and pending:
                words = "waits for " + ", ".join(pending)
            bar.show(done / steps, words)
    return last


def _models_of(session: Session, receipt: "erasure_pb2.Erasure") -> list[str]:
    """What the receipt names, and what the registry knows of the versions."""
    found = models_trained_on(session, [one.dataset_version for one in receipt.versions])
    return sorted({*found, *receipt.model_versions})


def _list(session: Session, person: str) -> None:
    """Show everything that is held of a person, changing nothing."""
    from aisle.governance.v1 import governance_service_pb2 as pb

    request = pb.PreviewErasureRequest(customer_id=person)
    found = [answer.finding for answer in session.governance.PreviewErasure(request)]
    versions = [one.resource for one in found if one.kind in ("version", "labels")]
    models = models_trained_on(session, versions)
    profile = _profile(session, person)
    if session.as_json:
        document = {
            "findings": [output.as_dict(one) for one in found],
            "model_versions": models,
            "profile": profile,
        }
        return output.emit_json(session, document)
    rows = [
        (one.kind.replace("_", " "), names.short(one.resource) if one.resource else "", output.count(one.row_count),
         ", ".join(one.row_ids[:3]) + (" ..." if one.row_count > 3 else ""))
        for one in found
    ]  # fmt: skip
    output.table("Held in governance", ["what", "where", "#rows", "row ids"], rows, empty="nothing")
    if models:
        output.line(
            "Models trained on them, whose bundles hold histories and product embeddings made from them: "
            + ", ".join(names.short(name) for name in models)
        )
    if profile is not None:
        output.line(
            f"The ranker knows {output.count(profile['recent_count'])} recent products and "
            f"{output.count(profile['order_count'])} orders."
        )
    return None


def _profile(session: Session, person: str) -> dict[str, int] | None:
    """What the ranker knows of a shopper, in numbers; None when it knows nobody or cannot be asked."""
    import grpc
    from aisle.ranker.v1 import ranker_service_pb2 as ranker_pb

    try:
        profile = session.ranker.GetUserProfile(ranker_pb.GetUserProfileRequest(customer_id=person)).profile
    except grpc.RpcError as error:
        if error.code() not in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION):
            print("The ranker cannot be asked what it knows of the person.", file=sys.stderr)
        return None
    return {"recent_count": len(profile.recent), "order_count": int(profile.order_count)}


def models_trained_on(session: Session, versions: Iterable[str]) -> list[str]:
    """Model versions whose lineage names one of the dataset versions; empty when the registry cannot be asked."""
    import grpc
    from aisle.registry.v1 import registry_service_pb2 as registry_pb

    wanted = set(versions)
    if not wanted:
        return []

    def models(token: str, size: int) -> tuple[Any, str]:
        answer = session.registry.ListModels(registry_pb.ListModelsRequest(page_size=size, page_token=token))
        return answer.models, answer.next_page_token

    found = []
    try:
        for model in collect(models, 0):

            def ask(token: str, size: int, name: str = model.name) -> tuple[Any, str]:
                request = registry_pb.ListModelVersionsRequest(model=name, page_size=size, page_token=token)
                answer = session.registry.ListModelVersions(request)
                return answer.model_versions, answer.next_page_token

            found += [one.name for one in collect(ask, 0) if wanted & set(one.dataset_versions)]
    except grpc.RpcError:
        print("The registry cannot be asked which models were trained on these versions.", file=sys.stderr)
    return found


def _print_receipt(receipt: "erasure_pb2.Erasure", models: list[str]) -> None:
    from aisle.governance.v1 import erasure_pb2

    output.fields(
        [
            ("erasure", receipt.name),
            ("state", output.enum_word(erasure_pb2.ErasureState, receipt.state)),
            ("subject hash", receipt.subject_hash),
            ("user events", output.count(receipt.user_event_count)),
            ("rows put aside", output.count(receipt.quarantined_row_count)),
            ("manifest", receipt.exclusion_manifest),
        ]
    )
    imports = [
        (names.short(getattr(one, "import")), output.count(one.accepted_row_count), output.count(one.rejected_row_count),
         one.sha256_after[:12] or "deleted")
        for one in receipt.imports
    ]  # fmt: skip
    output.table("Imports", ["import", "#rows", "#refused rows", "source file now"], imports)
    versions = [(names.short(one.dataset_version), output.count(one.row_count)) for one in receipt.versions]
    output.table("Versions that held the rows", ["version", "#rows deleted"], versions)
    services = [
        (
            one.service,
            "done" if one.done else "pending",
            ", ".join(f"{output.count(part.count)} {part.kind.replace('_', ' ')}" for part in one.counts),
            "" if one.done or not one.HasField("failure") else one.failure.message,
            output.when(one.answer_time),
        )
        for one in receipt.services
    ]
    if services:
        output.table("Copies elsewhere", ["holder", "state", "deleted or changed", "waits because", "told"], services)
    if models:
        output.line("Models trained on them: " + ", ".join(names.short(name) for name in models))


def erasure(
    session: Session, name: Annotated[str, typer.Argument(metavar="ERASURE", help="As `aisle data erasures` lists it.")]
) -> None:
    """Show one receipt: what was deleted where, and which services still have to."""
    from aisle.governance.v1 import governance_service_pb2 as pb

    wanted = name if name.startswith("erasures/") else f"erasures/{name}"
    receipt = session.governance.GetErasure(pb.GetErasureRequest(name=wanted)).erasure
    models = _models_of(session, receipt)
    if session.as_json:
        return output.emit_json(session, {"erasure": output.as_dict(receipt), "model_versions": models})
    return _print_receipt(receipt, models)


def erasures(session: Session) -> None:
    """List erasures, newest first; a person is named by a keyed hash only."""
    from aisle.governance.v1 import erasure_pb2
    from aisle.governance.v1 import governance_service_pb2 as pb

    def ask(token: str, size: int) -> tuple[Any, str]:
        answer = session.governance.ListErasures(pb.ListErasuresRequest(page_size=size, page_token=token))
        return answer.erasures, answer.next_page_token

    found = collect(ask, 0)
    if session.as_json:
        return output.emit_list(session, "erasures", found)
    rows = [
        (
            one.name.removeprefix("erasures/"),
            output.enum_word(erasure_pb2.ErasureState, one.state),
            one.subject_hash[:12],
            output.count(len(one.versions)),
            ", ".join(part.service for part in one.services if not part.done),
            output.when(one.create_time),
            output.when(one.end_time),
        )
        for one in found
    ]
    return output.table("Erasures", ["erasure", "state", "subject", "#versions", "pending", "asked", "ended"], rows)
