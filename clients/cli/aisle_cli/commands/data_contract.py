"""`aisle data contract`, `readiness` and `profile`: what data must keep, what a change means, and what data can teach."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.failures import EXIT_PRECONDITION, EXIT_REJECTED, CommandFailed, usage
from aisle_cli.quick import QuickGroup
from aisle_cli.session import Session, collect

if TYPE_CHECKING:
    from aisle.governance.v1 import contract_pb2

Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="Dataset id.")]
Version = Annotated[
    str,
    typer.Argument(
        metavar="DATASET[/VERSION]", help="Dataset id, with a version (orders/3 or orders@3) or the newest."
    ),
]
_BARS = "▁▂▃▄▅▆▇█"


class ContractGroup(QuickGroup):
    """Takes `aisle data contract DATASET FILE` for `aisle data contract set DATASET FILE`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Put `set` in front of anything that is no command."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["set", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Let options such as --check stand before the dataset, as they could before there were commands."""
        if args and args[0] == "--check":
            args = ["set", *args]
        return TyperGroup.parse_args(self, ctx, args)


contract_app = group(
    "Set, show, suggest and compare the contracts of datasets.",
    cls=ContractGroup,
    epilog="DATASET FILE alone means set.",
)


def register(app: typer.Typer) -> None:
    """Add the commands to `aisle data`."""
    command(contract_app, "set")(set_contract)
    command(contract_app, "show")(show)
    command(contract_app, "list")(list_contracts)
    command(contract_app, "suggest")(suggest)
    command(contract_app, "diff")(diff)
    app.add_typer(contract_app, name="contract")
    command(app, "readiness")(readiness)
    command(app, "profile")(profile)


def set_contract(
    session: Session,
    dataset: Dataset,
    file: Annotated[Path, typer.Argument(help="Data contract, ODCS v3 YAML.")],
    check: Annotated[bool, typer.Option("--check", help="Only say whether it can be read.")] = False,
) -> None:
    """Set the contract that every later version of a dataset must keep."""
    from aisle.governance.v1 import governance_service_pb2 as pb

    text = read_text(file)
    if check:
        return _check_contract(session, dataset, file, text)
    request = pb.CreateContractRequest(
        dataset=names.dataset(dataset), contract_yaml=text, request_id=names.new_request_id()
    )
    changed = session.governance.CreateContract(request).dataset
    if session.as_json:
        return output.emit_json(session, {"dataset": output.as_dict(changed)})
    return output.line(f"{names.short(changed.name)} has a new contract; it holds from the next run on.")


def _check_contract(session: Session, dataset: str, file: Path, text: str) -> None:
    from aisle.governance.v1 import governance_service_pb2 as pb

    kind = session.governance.GetDataset(pb.GetDatasetRequest(name=names.dataset(dataset))).dataset.kind
    answer = session.governance.ValidateContract(pb.ValidateContractRequest(contract_yaml=text, kind=kind))
    if session.as_json:
        output.emit_json(session, answer)
    elif not answer.problems:
        output.line(f"{file.name} can be used.")
    if answer.problems:
        first = answer.problems[0]
        message = "; ".join(problem.message for problem in answer.problems)
        raise CommandFailed(f"{file.name}: {message}", first.next_step, reason=first.reason)


def show(
    session: Session,
    contract: Annotated[
        str, typer.Argument(metavar="DATASET[/NUMBER]", help="A dataset, with a contract or the newest.")
    ],
) -> None:
    """Print a contract; number 0 is the default one of the dataset's kind."""
    from aisle.governance.v1 import contract_pb2

    request = contract_pb2.GetContractVersionRequest(name=_contract(contract))
    found = session.governance.GetContractVersion(request).contract_version
    if session.as_json:
        return output.emit_json(session, {"contract_version": output.as_dict(found)})
    return output.line(found.contract_yaml.rstrip("\n"))


def list_contracts(session: Session, dataset: Dataset) -> None:
    """List the contracts that a dataset has had, newest first."""
    from aisle.governance.v1 import contract_pb2

    def ask(token: str, size: int) -> tuple[object, str]:
        request = contract_pb2.ListContractVersionsRequest(
            dataset=names.dataset(dataset), page_size=size, page_token=token
        )
        answer = session.governance.ListContractVersions(request)
        return answer.contract_versions, answer.next_page_token

    found = collect(ask, 0)
    if session.as_json:
        return output.emit_list(session, "contract_versions", found)
    rows = [
        (names.short(one.name), one.contract_hash[:12], output.when(one.create_time) or "default of the kind")
        for one in found
    ]
    return output.table(f"Contracts of {dataset}", ["contract", "sha-256", "set"], rows)


def suggest(
    session: Session,
    version: Version,
    beside: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="DATASET", help="Dataset that columns may refer to; repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the contract there.")] = None,
) -> None:
    """Infer a contract from the rows of a version, with the evidence for each check; nothing is stored."""
    from aisle.governance.v1 import contract_pb2, governance_run_pb2

    request = contract_pb2.SuggestContractRequest(
        dataset_version=names.dataset_version(version.replace("@", "/")),
        reference_datasets=[names.dataset(name) for name in beside or []],
    )
    found = session.governance.SuggestContract(request)
    if out is not None:
        _write(out, found.contract_yaml)
    if session.as_json:
        return output.emit_json(session, found)
    if out is None:
        output.line(found.contract_yaml.rstrip("\n"))
        # Comments, so that the whole output is a document that can be stored.
        for one in found.checks:
            severity = output.enum_word(governance_run_pb2.Severity, one.severity)
            output.line(f"# {one.check} ({severity}, holds for {one.holding_ratio:.2%}): {one.evidence}")
        for text in found.left_out:
            output.line(f"# left out: {text}")
        return None
    rows = [
        (
            one.check,
            output.enum_word(governance_run_pb2.Severity, one.severity),
            f"{one.holding_ratio:.2%}",
            one.evidence,
        )
        for one in found.checks
    ]
    output.table(
        f"Suggested for {names.short(found.dataset_version)}", ["check", "severity", "#holds", "evidence"], rows
    )
    for text in found.left_out:
        output.line(f"Left out: {text}")
    dataset = names.short(found.dataset_version).partition("/")[0]
    return output.line(f"Wrote {out}. Read it, then: aisle data contract set {dataset} {out}")


def diff(
    session: Session,
    base: Annotated[str, typer.Argument(metavar="A", help="DATASET[/NUMBER] or a YAML file.")],
    target: Annotated[str, typer.Argument(metavar="B", help="DATASET[/NUMBER] or a YAML file.")],
    fail_on: Annotated[
        str, typer.Option(help="End with code 6 from this kind of change on: breaking, tightening or never.")
    ] = "breaking",
) -> None:
    """Name breaking, tightening and compatible changes from A to B, and who uses the columns.

    Ends with code 6 when a change is breaking, so that a pipeline can stop there.
    """
    from aisle.governance.v1 import contract_pb2

    refused = {"breaking": 1, "tightening": 2, "never": 0}
    if fail_on not in refused:
        usage(f"--fail-on {fail_on}: it is not known.", f"Known: {', '.join(refused)}.")
    request = contract_pb2.DiffContractRequest(base=_source(base), target=_source(target))
    changes = session.governance.DiffContract(request).changes
    if session.as_json:
        output.emit_list(session, "changes", changes)
    else:
        _print_changes(changes)
    if failing := [one for one in changes if one.kind <= refused[fail_on]]:
        raise CommandFailed(
            f"{len(failing)} of {len(changes)} changes are {fail_on}{'' if fail_on == 'breaking' else ' or breaking'}.",
            "Talk to those who use the columns, or pass --fail-on never.",
            exit_code=EXIT_REJECTED,
            reason="CONTRACT_CHANGE_REFUSED",
        )


def _print_changes(changes: "Any") -> None:
    from aisle.governance.v1 import contract_pb2

    rows = [
        (
            output.enum_word(contract_pb2.ContractChangeKind, one.kind),
            one.description,
            one.before,
            one.after,
            ", ".join(_user(use) for use in one.uses),
        )
        for one in changes
    ]
    output.table("Changes", ["kind", "what", "before", "after", "used by"], rows)


def _user(use: "contract_pb2.ColumnUse") -> str:
    name = names.short(use.user)
    if use.aliases:
        name += f" ({', '.join(use.aliases)})"
    elif use.user_column:
        name += f".{use.user_column}"
    return name if use.column_is_known else f"{name}?"


def readiness(
    session: Session,
    datasets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DATASET[/VERSION]]...", help="What to look at; every dataset by default."),
    ] = None,
    tier: Annotated[str, typer.Option(help="Only relevance, behaviour or personalised.")] = "",
) -> None:
    """Show which models the data can teach, and what is missing; code 3 when a tier asked for by --tier is not ready."""
    from aisle.governance.v1 import contract_pb2

    request = contract_pb2.GetReadinessRequest(datasets=[names.dataset_or_version(name) for name in datasets or []])
    if tier:
        request.tier = output.enum_value(contract_pb2.ReadinessTier, tier, "--tier")  # type: ignore[assignment]
    found = session.governance.GetReadiness(request).tiers
    if session.as_json:
        output.emit_list(session, "tiers", found)
    else:
        for one in found:
            word = output.enum_word(contract_pb2.ReadinessTier, one.tier)
            rows = [
                (
                    names.short(part.dataset_version) or "-",
                    part.requirement,
                    output.number(part.observed_value),
                    output.number(part.threshold),
                    "passed" if part.passed else "missing",
                    part.next_step or part.description,
                )
                for part in one.requirements
            ]
            title = f"{word}: {'ready' if one.ready else 'not ready'}"
            output.table(title, ["version", "requirement", "#found", "#needed", "outcome", "what, or what to do"], rows)
    if tier and not all(one.ready for one in found):
        raise CommandFailed(
            f"The data cannot teach {tier} models yet.", "See what is missing above.", exit_code=EXIT_PRECONDITION
        )


def profile(session: Session, version: Version) -> None:
    """Show the shape of each column: missing and distinct values, quantiles, a small histogram, and frequent values."""
    from aisle.governance.v1 import column_shape_pb2

    request = column_shape_pb2.GetColumnShapesRequest(dataset_version=names.dataset_version(version.replace("@", "/")))
    found = session.governance.GetColumnShapes(request)
    if session.as_json:
        return output.emit_json(session, found)
    rows = []
    for one in found.columns:
        total = one.value_count + one.missing_count
        quantiles = {round(part.rank_ratio, 2): part.value for part in one.quantiles}
        shown = [_value(quantiles[rank], one.is_time) if rank in quantiles else "" for rank in (0.0, 0.5, 0.95, 1.0)]
        picture = spark([part.value_ratio for part in one.histogram])
        common = ", ".join(f"{part.value} ({output.count(part.count_lower)})" for part in one.frequent_values[:5])
        missing = f"{one.missing_count / total:.1%}" if total else "-"
        rows.append((one.column, missing, f"~{output.count(round(one.distinct_count))}", *shown, picture or common))
    headers = ["column", "#missing", "#distinct", "#min", "#median", "#95 %", "#max", "shape or commonest"]
    return output.table(f"Columns of {names.short(found.dataset_version)}", headers, rows)


def spark(shares: list[float]) -> str:
    """A histogram in one line."""
    most = max(shares, default=0.0)
    if not most:
        return ""
    return "".join(" " if not share else _BARS[min(int(share / most * len(_BARS)), len(_BARS) - 1)] for share in shares)


def _value(value: float, is_time: bool) -> str:
    if not is_time:
        return output.number(value)
    from datetime import UTC, datetime

    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d")


def _contract(text: str) -> str:
    """`orders/2` or `orders@2` -> `datasets/orders/contracts/2`; without a number the newest."""
    short = text.removeprefix("datasets/").replace("/contracts/", "/").replace("@", "/")
    name, _, number = short.partition("/")
    return f"datasets/{name}/contracts/{number or 'latest'}"


def _source(text: str) -> "contract_pb2.ContractSource":
    from aisle.governance.v1 import contract_pb2

    file = Path(text)
    if file.suffix.lower() in (".yaml", ".yml") or file.is_file():
        return contract_pb2.ContractSource(contract_yaml=read_text(file))
    return contract_pb2.ContractSource(contract=_contract(text))


def read_text(file: Path) -> str:
    """The text of a file; ends the command when it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        usage(f"{file} cannot be read: {error.strerror}.")
    except UnicodeDecodeError as error:
        usage(f"{file} is not UTF-8 text: byte {error.start} does not fit.")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        usage(f"{file} cannot be written: {error.strerror}.")
