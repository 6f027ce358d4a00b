"""`aisle models`: versions, gates, aliases."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.failures import EXIT_REJECTED, CommandFailed, usage
from aisle_cli.session import UPLOAD_SECONDS, Session, collect

if TYPE_CHECKING:
    from aisle.registry.v1 import model_version_pb2, registry_service_pb2

    from aisle_cli.watching import ProgressBar

app = group("List, judge, promote and roll back model versions.")
Model = Annotated[str, typer.Argument(metavar="MODEL", help="Model id.")]
Version = Annotated[str, typer.Argument(metavar="MODEL/VERSION", help="Model version.")]
Alias = Annotated[str, typer.Option(help="Alias, the name under which a version serves.")]
Comment = Annotated[str, typer.Option(help="Words for the history.")]


@command(app, "list")
def list_(session: Session) -> None:
    """List models and where their aliases point."""
    from aisle.registry.v1 import registry_service_pb2 as pb

    def ask(token: str, size: int) -> tuple[object, str]:
        answer = session.registry.ListModels(pb.ListModelsRequest(page_size=size, page_token=token))
        return answer.models, answer.next_page_token

    found = collect(ask, 0)
    if session.as_json:
        return output.emit_list(session, "models", found)
    rows = [
        (
            names.short(m.name),
            m.version_count,
            names.short(m.latest_version),
            ", ".join(f"{alias} -> {names.short(version)}" for alias, version in sorted(m.aliases.items())),
        )
        for m in found
    ]
    return output.table("Models", ["model", "#versions", "newest", "aliases"], rows)


@command(app, "versions")
def versions(
    session: Session, model: Model, limit: Annotated[int, typer.Option(min=1, help="Versions to show at most.")] = 20
) -> None:
    """List versions of a model, newest first."""
    from aisle.registry.v1 import model_version_pb2
    from aisle.registry.v1 import registry_service_pb2 as pb

    def ask(token: str, size: int) -> tuple[object, str]:
        request = pb.ListModelVersionsRequest(model=names.model(model), page_size=size, page_token=token)
        answer = session.registry.ListModelVersions(request)
        return answer.model_versions, answer.next_page_token

    found = collect(ask, limit)
    if session.as_json:
        return output.emit_list(session, "model_versions", found)
    rows = [
        (
            names.short(v.name),
            output.enum_word(model_version_pb2.ModelVersionState, v.state),
            ", ".join(v.aliases),
            _main_score(v),
            ", ".join(names.short(d) for d in v.dataset_versions),
            output.when(v.create_time),
        )
        for v in found
    ]
    return output.table(f"Versions of {model}", ["version", "state", "aliases", "#ndcg@10", "data", "registered"], rows)


@command(app, "show")
def show(
    session: Session,
    version: Annotated[str, typer.Argument(metavar="MODEL/VERSION|MODEL@ALIAS", help="Model version, or an alias.")],
) -> None:
    """Show a version with its evidence, verdict and files."""
    from aisle.registry.v1 import registry_service_pb2 as pb

    request = pb.GetModelVersionRequest(name=names.model_version(version))
    found = session.registry.GetModelVersion(request).model_version
    if session.as_json:
        return output.emit_json(session, {"model_version": output.as_dict(found)})
    return _print_version(found)


@command(app, "gates")
def gates(session: Session, version: Version, alias: Alias = "production") -> None:
    """Judge a version against the champion by the default gate; code 6 when it is refused."""
    from aisle.registry.v1 import registry_service_pb2 as pb

    from aisle_cli.reports import print_verdict

    request = pb.EvaluateGatesRequest(
        model_version=names.model_version(version), alias=alias, request_id=names.new_request_id()
    )
    verdict = session.registry.EvaluateGates(request).verdict
    if session.as_json:
        output.emit_json(session, {"verdict": output.as_dict(verdict)})
    else:
        print_verdict(verdict)
    if not verdict.passed:
        raise typer.Exit(EXIT_REJECTED)


@command(app, "promote")
def promote(session: Session, version: Version, alias: Alias = "production", comment: Comment = "") -> None:
    """Point an alias at a version that the gates let pass; code 6 when they did not."""
    from aisle.registry.v1 import registry_service_pb2 as pb

    request = pb.PromoteModelVersionRequest(
        model_version=names.model_version(version), alias=alias, comment=comment, request_id=names.new_request_id()
    )
    try:
        answer = session.registry.PromoteModelVersion(request)
    except Exception as error:
        _add_gates_hint(error, version, alias)
        raise
    if session.as_json:
        return output.emit_json(session, answer)
    return _print_change(alias, answer.change)


@command(app, "rollback")
def rollback(session: Session, model: Model, alias: Alias = "production", comment: Comment = "") -> None:
    """Point an alias at the version before."""
    from aisle.registry.v1 import registry_service_pb2 as pb

    request = pb.RollbackAliasRequest(
        model=names.model(model), alias=alias, comment=comment, request_id=names.new_request_id()
    )
    answer = session.registry.RollbackAlias(request)
    if session.as_json:
        return output.emit_json(session, answer)
    return _print_change(alias, answer.change)


@command(app, "history")
def history(session: Session, model: Model, alias: Alias = "production") -> None:
    """List every move of an alias, newest first."""
    from aisle.registry.v1 import registry_service_pb2 as pb

    def ask(token: str, size: int) -> tuple[object, str]:
        request = pb.GetAliasHistoryRequest(model=names.model(model), alias=alias, page_size=size, page_token=token)
        answer = session.registry.GetAliasHistory(request)
        return answer.changes, answer.next_page_token

    found = collect(ask, 0)
    if session.as_json:
        return output.emit_list(session, "changes", found)
    rows = [
        (
            c.sequence,
            names.short(c.model_version),
            names.short(c.previous_model_version),
            c.cause,
            c.comment,
            output.when(c.create_time),
        )
        for c in found
    ]
    return output.table(f"Moves of {model}@{alias}", ["#", "to", "from", "cause", "comment", "when"], rows)


@command(app, "register")
def register(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Serving bundle: manifest.json and its files.")],
    model: Annotated[str, typer.Option(help="Model that gets a new version.")],
    evaluations: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON list of EvaluationSummary, evidence for the gates.")
    ] = None,
) -> None:
    """Register a serving bundle from a folder as a new version."""
    from aisle.registry.v1 import registry_service_pb2 as pb

    from aisle_cli.watching import ProgressBar

    header, paths = _header(folder, model, evaluations)
    with ProgressBar(session, f"send {folder.name}") as bar:
        calls: Iterator[pb.RegisterModelVersionRequest] = _bundle(header, paths, bar)
        version = session.registry.RegisterModelVersion(calls, timeout=UPLOAD_SECONDS).model_version
    if session.as_json:
        return output.emit_json(session, {"model_version": output.as_dict(version)})
    return _print_version(version)


def _header(
    folder: Path, model: str, evaluations: Path | None
) -> "tuple[registry_service_pb2.RegistrationHeader, list[Path]]":
    from aisle.registry.v1 import model_version_pb2
    from aisle.registry.v1 import registry_service_pb2 as pb

    from aisle_cli.specs import parse_message, read_document
    from aisle_cli.uploading import sha256

    if not (folder / "manifest.json").is_file():
        usage(f"{folder} holds no manifest.json.", "Name the folder of a serving bundle.")
    manifest: dict[str, Any] = read_document(folder / "manifest.json")
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    files = [
        model_version_pb2.ModelFile(
            path=path.relative_to(folder).as_posix(), sha256=sha256(path), size_bytes=path.stat().st_size
        )
        for path in paths
    ]
    header = pb.RegistrationHeader(
        model=names.model(model),
        files=files,
        training_job=str(manifest.get("training_job", "")),
        dataset_versions=sorted(str(name) for name in dict(manifest.get("dataset_versions") or {}).values()),
        request_id=names.new_request_id(),
    )
    if evaluations is not None:
        parse_message({"evaluations": read_document(evaluations)}, header, str(evaluations))
    return header, paths


def _bundle(
    header: "registry_service_pb2.RegistrationHeader", paths: list[Path], bar: "ProgressBar"
) -> "Iterator[registry_service_pb2.RegisterModelVersionRequest]":
    from aisle.registry.v1 import registry_service_pb2 as pb

    from aisle_cli.uploading import chunks

    yield pb.RegisterModelVersionRequest(header=header)
    total, sent = sum(file.size_bytes for file in header.files), 0
    for index, path in enumerate(paths):
        for piece in chunks(path):
            yield pb.RegisterModelVersionRequest(file_chunk=pb.FileChunk(file_index=index, data=piece))
            sent += len(piece)
            bar.show(sent / max(total, 1), path.name)


def _main_score(version: "model_version_pb2.ModelVersion") -> str:
    for evaluation in version.evaluations:
        for system in evaluation.systems:
            for metric in system.metrics:
                if system.system == "model" and metric.name == "ndcg@10":
                    return f"{metric.value:.4f}"
    return "-"


def _print_version(version: "model_version_pb2.ModelVersion") -> None:
    from aisle.pipeline.v1 import pipeline_spec_pb2 as spec
    from aisle.registry.v1 import model_version_pb2 as pb

    from aisle_cli.reports import print_verdict

    output.fields(
        [
            ("version", names.short(version.name)),
            ("state", output.enum_word(pb.ModelVersionState, version.state)),
            ("aliases", ", ".join(version.aliases)),
            ("digest", version.bundle_digest),
            ("job", names.short(version.training_job)),
            ("data", ", ".join(names.short(name) for name in version.dataset_versions)),
            ("registered", output.when(version.create_time)),
        ]
    )
    for evaluation in version.evaluations:
        rows = [
            (system.system, metric.name, f"{metric.value:.4f}", f"[{metric.lower:.4f}, {metric.upper:.4f}]")
            for system in evaluation.systems
            for metric in system.metrics
        ]
        title = f"{output.enum_word(spec.TaskKind, evaluation.task)} on {names.short(evaluation.dataset_version)}"
        output.table(title, ["system", "metric", "#value", "#95 % interval"], rows)
    if version.HasField("verdict"):
        print_verdict(version.verdict)
    files = [(file.path, f"{file.size_bytes / 2**20:.2f} MiB", file.sha256[:12]) for file in version.files]
    output.table("Files", ["file", "#size", "sha-256"], files)


def _print_change(alias: str, change: "model_version_pb2.AliasChange") -> None:
    before = f" (before: {names.short(change.previous_model_version)})" if change.previous_model_version else ""
    output.line(f"{alias} points at {names.short(change.model_version)}{before}.")


def _add_gates_hint(error: Exception, version: str, alias: str) -> None:
    """A refusal by the gates without a next step of its own gets one."""
    import grpc

    from aisle_cli.failures import from_rpc

    if isinstance(error, grpc.RpcError):
        failure = from_rpc(error, {})
        if failure.exit_code == EXIT_REJECTED and not failure.next_step:
            raise CommandFailed(
                str(failure), f"See the verdict: aisle models gates {version} --alias {alias}.",
                exit_code=EXIT_REJECTED, **failure.facts,
            ) from error  # fmt: skip
