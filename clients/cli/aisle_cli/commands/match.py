"""`aisle match`: ask a trained matcher which pairs of product records are the same product."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.failures import usage
from aisle_cli.session import Session

if TYPE_CHECKING:
    from aisle.trainer.v1 import pair_matching_pb2

app = group("Ask a trained matcher.")
PAIRS_PER_CALL = 1_000
ANSWER_SECONDS = 300.0
"""Time limit of a call; the first one loads the matcher."""
_SHOWN = 20
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TITLES = ("left_title", "right_title")


@command(app, "match")
def match(
    session: Session,
    job: Annotated[str, typer.Argument(metavar="JOB", help="Training job of the task pair-matching.")],
    file: Annotated[Path, typer.Argument(metavar="CSV", help="Pairs: left_title, right_title and what else is known.")],
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Score from which on a pair matches; the matcher's own by default."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the rows with score and matches to this CSV file.")] = None,
) -> None:
    """Say which pairs of a CSV file are the same product.

    Columns: left_title, right_title; optional left_description, left_brand, left_price and the same of the right side.
    Pairs are sent 1,000 at a time and judged beside the training records and each other, so keep the candidates of a record together.
    Example: aisle match JOB candidates.csv --out scored.csv
    """
    from aisle.trainer.v1 import pair_matching_pb2 as pb

    header, rows = _read(file)
    name, used = names.of("trainingJobs", job), 0.0
    scores: list[pair_matching_pb2.PairScore] = []
    pairs = (_pair(row, number) for number, row in enumerate(rows, start=2))
    for part in _batches(pairs):
        request = pb.ScorePairsRequest(training_job=name, pairs=part, threshold=threshold)
        answer = session.trainer.ScorePairs(request, timeout=ANSWER_SECONDS)
        scores.extend(answer.scores)
        used = answer.threshold
    if out is not None:
        _write(out, header, rows, scores)
    if session.as_json:
        found = [{"row": at, "score": one.score, "matches": one.matches} for at, one in enumerate(scores, start=1)]
        return output.emit_json(session, {"threshold": used, "pairs": found})
    matching = sum(one.matches for one in scores)
    output.line(f"{matching:,} of {len(scores):,} pairs match (score {used:.3f} or more).")
    if out is not None:
        return output.line(f"Scores are in {out}.")
    ranked = sorted(range(len(rows)), key=lambda at: -scores[at].score)[:_SHOWN]
    shown = [
        (at + 1, f"{scores[at].score:.3f}", "yes" if scores[at].matches else "", *(rows[at][side] for side in _TITLES))
        for at in ranked
    ]
    return output.table("Pairs, likeliest first", ["#row", "#score", "match", "left", "right"], shown)


def _batches(pairs: "Iterator[pair_matching_pb2.ProductPair]") -> "Iterator[list[pair_matching_pb2.ProductPair]]":
    part: list[Any] = []
    for pair in pairs:
        part.append(pair)
        if len(part) == PAIRS_PER_CALL:
            yield part
            part = []
    if part:
        yield part


def _read(file: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as source:
            reader = csv.DictReader(source, restval="")
            header, rows = list(reader.fieldnames or ()), list(reader)
    except OSError as error:
        usage(f"{file} cannot be read: {error.strerror or 'unknown reason'}.")
    except (UnicodeDecodeError, csv.Error):
        usage(f"{file} is no CSV file in UTF-8.")
    if missing := [name for name in _TITLES if name not in header]:
        usage(f"{file} has no column {missing[0]}.", "Name the columns left_title and right_title in its first line.")
    if not rows:
        usage(f"{file} holds no pairs.")
    return header, rows


def _pair(row: dict[str, str], line: int) -> "pair_matching_pb2.ProductPair":
    from aisle.trainer.v1 import pair_matching_pb2 as pb

    return pb.ProductPair(left=_record(row, "left", line), right=_record(row, "right", line))


def _record(row: dict[str, str], side: str, line: int) -> "pair_matching_pb2.ProductRecord":
    from aisle.trainer.v1 import pair_matching_pb2 as pb

    texts = {name: (row.get(f"{side}_{name}") or "").strip() for name in ("title", "description", "brand")}
    if not texts["title"]:
        usage(f"Row {line}: {side}_title is empty.", "Give every record a title, or leave the row out.")
    record = pb.ProductRecord(title=texts["title"], description=texts["description"], brand=texts["brand"])
    price = (row.get(f"{side}_price") or "").strip()
    if price:
        try:
            record.price = float(price)
        except ValueError:
            usage(f"Row {line}: {side}_price is not a number.", "Write it as 1234.50, or leave it empty.")
    return record


def _write(
    out: Path, header: list[str], rows: list[dict[str, str]], scores: "list[pair_matching_pb2.PairScore]"
) -> None:
    """Write the rows as they came, cells that a spreadsheet would calculate made plain, with score and matches."""
    columns = [name for name in header if name not in ("score", "matches")]
    try:
        with out.open("w", encoding="utf-8", newline="") as target:
            writer = csv.writer(target)
            writer.writerow([*columns, "score", "matches"])
            for row, one in zip(rows, scores, strict=True):
                cells = [row.get(name) or "" for name in columns]
                plain = [f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells]
                writer.writerow([*plain, f"{one.score:.6f}", int(one.matches)])
    except OSError as error:
        usage(f"{out} cannot be written: {error.strerror or 'unknown reason'}.")
