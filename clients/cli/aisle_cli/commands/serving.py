"""`aisle serving`: which model answers, and the serving configs that say what is done to its order; `aisle replay`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aisle_cli import names, output
from aisle_cli.door import command, with_session
from aisle_cli.failures import usage
from aisle_cli.quick import QuickGroup
from aisle_cli.session import Session, collect

if TYPE_CHECKING:
    from aisle.ranker.v1 import serving_config_pb2

app = typer.Typer(
    help="Show which model answers; keep serving configs (business rules, diversity, exploration).",
    cls=QuickGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Config = Annotated[str, typer.Argument(metavar="CONFIG", help="Serving config.")]
Document = Annotated[
    Path, typer.Option("--file", metavar="FILE", help="JSON or YAML with rules, diversity and exploration.")
]


def _show(session: Session, context: typer.Context) -> None:
    """Show which model answers; keep serving configs (business rules, diversity, exploration)."""
    if context.invoked_subcommand is not None:
        return None
    from aisle.ranker.v1 import ranker_service_pb2 as pb

    state = session.ranker.GetServingState(pb.GetServingStateRequest()).state
    if session.as_json:
        return output.emit_json(session, {"state": output.as_dict(state)})
    if not state.HasField("live"):
        output.line("No model is live yet.")
    return output.fields(
        [
            ("live", names.short(state.live.model_version)),
            ("since", output.when(state.live.live_time)),
            ("engine", state.live.engine),
            ("bundle", state.live.bundle_digest),
            ("products", _products(state) if state.HasField("live") else ""),
            ("swaps", str(state.swap_count)),
            ("loading", names.short(state.loading_model_version)),
            ("last failure", state.last_load_failure.message),
        ]
    )


app.callback(invoke_without_command=True, cls=QuickGroup)(with_session(_show))


@command(app, "create")
def create(session: Session, config: Config, file: Document) -> None:
    """Store a serving config."""
    from aisle.ranker.v1 import serving_config_pb2 as pb

    request = pb.CreateServingConfigRequest(
        serving_config_id=config.removeprefix("servingConfigs/"),
        serving_config=_read(file),
        request_id=names.new_request_id(),
    )
    _told(session, session.ranker.CreateServingConfig(request).serving_config)


@command(app, "update")
def update(
    session: Session,
    config: Config,
    file: Document,
    based_on: Annotated[
        int, typer.Option(min=0, metavar="VERSION", help="Refuse when the newest version is another; 0 = any.")
    ] = 0,
) -> None:
    """Store the next version of a serving config."""
    from aisle.ranker.v1 import serving_config_pb2 as pb

    wanted = _read(file)
    wanted.name, wanted.version = names.of("servingConfigs", config), based_on
    request = pb.UpdateServingConfigRequest(serving_config=wanted, request_id=names.new_request_id())
    _told(session, session.ranker.UpdateServingConfig(request).serving_config)


@command(app, "get")
def get(
    session: Session,
    config: Config,
    version: Annotated[int, typer.Option(min=0, help="Version; 0 = newest.")] = 0,
) -> None:
    """Show a serving config."""
    from aisle.ranker.v1 import serving_config_pb2 as pb

    request = pb.GetServingConfigRequest(name=names.of("servingConfigs", config), version=version)
    found = session.ranker.GetServingConfig(request).serving_config
    if session.as_json:
        return output.emit_json(session, {"serving_config": output.as_dict(found)})
    output.fields(
        [
            ("config", f"{names.short(found.name)}@{found.version}"),
            ("since", output.when(found.create_time)),
            ("description", found.description),
            ("diversity", _diversity(found)),
            ("exploration", _exploration(found)),
        ]
    )
    rows = [(rule.id, _action(rule), rule.products or "all", rule.when or "always") for rule in found.rules]
    return output.table("Rules", ["rule", "does", "to", "when"], rows)


@command(app, "list")
def list_(session: Session) -> None:
    """List serving configs."""
    from aisle.ranker.v1 import serving_config_pb2 as pb

    def ask(token: str, size: int) -> tuple[object, str]:
        answer = session.ranker.ListServingConfigs(pb.ListServingConfigsRequest(page_size=size, page_token=token))
        return answer.serving_configs, answer.next_page_token

    found = collect(ask, 0)
    if session.as_json:
        return output.emit_list(session, "serving_configs", found)
    rows = [
        (names.short(c.name), c.version, len(c.rules), _diversity(c), _exploration(c), c.description) for c in found
    ]
    columns = ["config", "#version", "#rules", "diversity", "exploration", "description"]
    return output.table("Serving configs", columns, rows)


@command(app, "delete")
def delete(session: Session, config: Config) -> None:
    """Delete a serving config with all its versions."""
    from aisle.ranker.v1 import serving_config_pb2 as pb

    name = names.of("servingConfigs", config)
    session.ranker.DeleteServingConfig(pb.DeleteServingConfigRequest(name=name, request_id=names.new_request_id()))
    if session.as_json:
        return output.emit_json(session, {"deleted": name})
    return output.line(f"{names.short(name)} is deleted.")


@command(app, "replay")
def replay(
    session: Session,
    answer: Annotated[str, typer.Argument(metavar="TOKEN|ANSWER_ID", help="Attribution token, or the id in it.")],
    model: Annotated[
        str, typer.Option(metavar="MODEL/VERSION|live", help="Model version that answers; the one of then by default.")
    ] = "",
    config: Annotated[
        str, typer.Option(metavar="CONFIG[@VERSION]", help="Serving config; the one of then by default.")
    ] = "",
) -> None:
    """Answer a logged request again, and show what differs and why."""
    from aisle.ranker.v1 import replay_pb2 as pb

    name, _, version = config.partition("@")
    if version and not version.isdigit():
        usage(f"--config {config}: {version} is not a version.", "Write CONFIG@VERSION, for example home@3.")
    request = pb.ReplayRequestRequest(
        answer=answer,
        model_version=model if model in ("", "live") else names.model_version(model),
        serving_config=names.of("servingConfigs", name) if name else "",
        serving_config_version=int(version or 0),
    )
    found = session.ranker.ReplayRequest(request)
    if session.as_json:
        return output.emit_json(session, found)
    output.fields([("then", _side(found.logged)), ("now", _side(found.replayed))])
    if found.identical:
        return output.line("The answer is the same to the bit.")
    rows = [
        (
            one.logged_position or "-",
            one.replayed_position or "-",
            one.product_id,
            one.title,
            ", ".join(f"{c.source} {output.number(c.logged)} to {output.number(c.replayed)}" for c in one.causes[:3]),
        )
        for one in found.differences
    ]
    return output.table("Differences", ["#then", "#now", "product", "title", "why"], rows)


def _read(file: Path) -> "serving_config_pb2.ServingConfig":
    from aisle.ranker.v1 import serving_config_pb2 as pb

    from aisle_cli.specs import parse_message, read_document

    return parse_message(read_document(file), pb.ServingConfig(), str(file))


def _told(session: Session, made: "serving_config_pb2.ServingConfig") -> None:
    if session.as_json:
        return output.emit_json(session, {"serving_config": output.as_dict(made)})
    return output.line(f"{names.short(made.name)}: version {made.version} with {len(made.rules)} rules.")


def _side(side: Any) -> str:
    parts = [names.short(side.model_version), f"{side.serving_config}@{side.serving_config_version}"]
    return ", ".join(parts + [f"without {d.skipped_stage} ({d.cause.lower()})" for d in side.degradations])


def _action(rule: "serving_config_pb2.BusinessRule") -> str:
    kind = rule.WhichOneof("action") or ""
    if kind == "exposure_cap":
        cap = rule.exposure_cap
        return f"at most {cap.max_count} of one {cap.attribute} among the first {cap.window}"
    if kind in ("exclude", "keep_only"):
        return kind.replace("_", " ")
    return f"{kind.replace('_', ' ')} {getattr(rule, kind):g}" if kind else ""


def _diversity(config: "serving_config_pb2.ServingConfig") -> str:
    from aisle.ranker.v1 import serving_config_pb2 as pb

    if not config.HasField("diversity"):
        return ""
    method = config.diversity.method or pb.DIVERSITY_METHOD_MMR
    return f"{output.enum_word(pb.DiversityMethod, method)} {config.diversity.strength:g}"


def _exploration(config: "serving_config_pb2.ServingConfig") -> str:
    kind = config.exploration.WhichOneof("kind")
    if kind == "epsilon_slot":
        return (
            f"position {config.exploration.epsilon_slot.position}, epsilon {config.exploration.epsilon_slot.epsilon:g}"
        )
    if kind == "plackett_luce":
        luce = config.exploration.plackett_luce
        return f"positions {luce.position} to {luce.position + luce.window - 1}, temperature {luce.temperature:g}"
    return ""


def _products(state: Any) -> str:
    live = state.live
    return f"{output.count(live.search_product_count)} to search, {output.count(live.recommend_product_count)} to recommend"
