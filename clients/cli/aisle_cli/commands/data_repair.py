"""`aisle data repair`, `aisle data aliases`: cells repaired from labelled rows, and products that were merged."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.failures import usage
from aisle_cli.session import Session, collect
from aisle_cli.specs import parse_message, read_document

if TYPE_CHECKING:
    from aisle.governance.v1 import governance_service_pb2 as pb
    from aisle.governance.v1 import repair_model_pb2
    from aisle.pipeline.v1 import cleaning_rules_pb2

app = group("Repair cells as a handful of labelled rows teach.")
Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="Dataset id.")]
_ROW_ID = "_row_id"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NEUTRAL = "'"
"""Put before a cell that a spreadsheet would run; taken off again when labels are read."""


def register(data: typer.Typer) -> None:
    """Hang these commands below `aisle data`."""
    data.add_typer(app, name="repair")
    command(data, "aliases")(aliases)


def read_cleaning(file: Path) -> "cleaning_rules_pb2.CleaningRules":
    """Read optional rules from a JSON or YAML file with the fields of CleaningRules; anything else ends the command."""
    from aisle.pipeline.v1 import cleaning_rules_pb2

    return parse_message(read_document(file), cleaning_rules_pb2.CleaningRules(), file.name)


@command(app, "suggest")
def suggest(
    session: Session,
    dataset: Dataset,
    output_file: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="CSV; printed otherwise.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, max=100, help="Rows to label.")] = 20,
) -> None:
    """Write the rows whose labels teach most as CSV; correct the cells, then give the file to `learn`."""
    model = _create(session, dataset, [], rows)
    if session.as_json:
        return output.emit_json(session, {"repair_model": output.as_dict(model)})
    if output_file is None:
        return _write_rows(sys.stdout, model)
    with output_file.open("w", encoding="utf-8", newline="") as file:
        _write_rows(file, model)
    return output.line(
        f"{len(model.suggested_rows)} rows are in {output_file}. Correct their cells, then learn from it."
    )


@command(app, "learn")
def learn(
    session: Session,
    dataset: Dataset,
    labels: Annotated[Path, typer.Option(metavar="FILE", help="CSV of `suggest` with every cell as it should be.")],
) -> None:
    """Learn from labelled rows; the next `aisle data govern` applies it."""
    model = _create(session, dataset, _read_labels(labels), 0)
    if session.as_json:
        return output.emit_json(session, {"repair_model": output.as_dict(model)})
    output.line(
        f"{names.short(model.name)}: of {model.wrong_cell_count} wrong cells in {model.label_count} labelled rows it mends "
        f"{model.mended_cell_count} and spoils {model.broken_cell_count}."
    )
    return _print_steps(model)


@command(app, "list")
def list_models(session: Session, dataset: Dataset) -> None:
    """List what was learned for a dataset, newest first."""
    from aisle.governance.v1 import governance_service_pb2 as pb
    from aisle.type.v1 import job_pb2

    def ask(token: str, size: int) -> tuple[object, str]:
        request = pb.ListRepairModelsRequest(dataset=names.dataset(dataset), page_size=size, page_token=token)
        answer = session.governance.ListRepairModels(request)
        return answer.repair_models, answer.next_page_token

    found = collect(ask, 0)
    if session.as_json:
        return output.emit_list(session, "repair_models", found)
    rows = [
        (
            names.short(one.name),
            output.enum_word(job_pb2.JobState, one.status.state),
            *(output.count(n) for n in (one.label_count, one.wrong_cell_count, one.mended_cell_count)),
            "; ".join(step.description for step in one.steps),
        )
        for one in found
    ]
    return output.table(
        f"Repair models of {dataset}", ["model", "state", "#labels", "#wrong cells", "#mended", "steps"], rows
    )


def aliases(
    session: Session,
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET[/VERSION]", help="Dataset id, with a version or the newest.")
    ],
    limit: Annotated[int, typer.Option(min=1, help="Rows to show at most.")] = 50,
) -> None:
    """List product ids that were merged into another one as near duplicates."""
    from aisle.governance.v1 import governance_service_pb2 as pb

    def ask(token: str, size: int) -> tuple[object, str]:
        request = pb.ListProductAliasesRequest(
            dataset_version=names.dataset_version(dataset), page_size=size, page_token=token
        )
        answer = session.governance.ListProductAliases(request)
        return answer.product_aliases, answer.next_page_token

    found = collect(ask, limit)
    if session.as_json:
        return output.emit_list(session, "product_aliases", found)
    rows = [(one.alias_product_id, one.product_id) for one in found]
    return output.table(f"Merged products of {dataset}", ["alias", "product"], rows)


def _create(
    session: Session, dataset: str, labels: "list[repair_model_pb2.LabelledRow]", suggestions: int
) -> "repair_model_pb2.RepairModel":
    from aisle.governance.v1 import governance_service_pb2 as pb
    from aisle.governance.v1.repair_model_pb2 import RepairModel

    from aisle_cli.watching import follow_job

    request = pb.CreateRepairModelRequest(
        dataset=names.dataset(dataset),
        labelled_rows=labels,
        suggestion_count=suggestions,
        request_id=names.new_request_id(),
    )
    made = session.governance.CreateRepairModel(request).repair_model
    session.left_running = f"The learning goes on: {made.name}."

    def watch(revision: int) -> "Iterator[pb.WatchRepairModelResponse]":
        return session.governance.WatchRepairModel(pb.WatchRepairModelRequest(name=made.name, after_revision=revision))

    ended: RepairModel = follow_job(session, "repair", watch, lambda m: m.repair_model, lambda r: r.status)
    return ended


def _write_rows(file: "object", model: "repair_model_pb2.RepairModel") -> None:
    columns = sorted({column for row in model.suggested_rows for column in row.values})
    writer = csv.writer(file)  # type: ignore[arg-type]
    writer.writerow([_ROW_ID, *columns])
    for row in model.suggested_rows:
        cells = [row.values[column] for column in columns]
        writer.writerow([row.row_id, *(_NEUTRAL + cell if cell.startswith(_FORMULA) else cell for cell in cells)])


def _read_labels(path: Path) -> "list[repair_model_pb2.LabelledRow]":
    from aisle.governance.v1 import repair_model_pb2

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        usage(
            f"{path} cannot be read: {error.__class__.__name__}.", "Give the CSV file that `suggest` wrote, in UTF-8."
        )
    if not rows or _ROW_ID not in rows[0]:
        usage(f"{path} holds no rows with a column {_ROW_ID}.", "Start from `aisle data repair suggest DATASET`.")
    found = []
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            usage(f"{path}, line {number}: the row has not as many fields as the header.")
        values = {column: _plain(cell) for column, cell in row.items() if column != _ROW_ID}
        found.append(repair_model_pb2.LabelledRow(row_id=row[_ROW_ID], values=values))
    return found


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith(tuple(_NEUTRAL + start for start in _FORMULA)) else cell


def _print_steps(model: "repair_model_pb2.RepairModel") -> None:
    rows = [(", ".join(step.columns), step.description) for step in model.steps]
    output.table("What it does", ["columns", "step"], rows, empty="nothing; label more rows that hold errors")
