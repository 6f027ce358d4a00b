"""`aisle next`: ask a trained sequence model what comes after histories of items."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.failures import usage
from aisle_cli.session import Session

app = group("Ask a trained sequence model.")
HISTORIES_PER_CALL = 100
ANSWER_SECONDS = 120.0
"""Time limit of a call; the first one loads the model."""


@command(app, "next")
def next_items(
    session: Session,
    job: Annotated[str, typer.Argument(metavar="JOB", help="Training job of the task sequence.")],
    history: Annotated[
        list[str] | None, typer.Argument(metavar="PRODUCT...", help="Product ids, oldest first.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Histories in a text file: product ids with spaces between, one history a line.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, max=1000, help="Items to return for each history.")] = 10,
    candidate: Annotated[
        list[str] | None, typer.Option("--candidate", help="Score only this product; may be repeated.")
    ] = None,
) -> None:
    """Say which items come next.

    Products that the model does not know are passed over; a history without a known one is answered by popularity.
    Example: aisle next JOB sku-1 sku-7 --top 5
    """
    from aisle.trainer.v1 import next_items_pb2 as pb

    if bool(history) == (file is not None):
        usage("Name product ids, or a --file with histories, not both.")
    histories = [list(history)] if history else _read(file) if file is not None else []
    answers: list[pb.NextItems] = []
    for part in _parts(histories):
        request = pb.ScoreSequencesRequest(
            training_job=names.of("trainingJobs", job),
            histories=[pb.ItemHistory(product_ids=one) for one in part],
            top_count=top,
            candidates=candidate or (),
        )
        answers.extend(session.trainer.ScoreSequences(request, timeout=ANSWER_SECONDS).answers)
    if session.as_json:
        return output.emit_json(session, {"answers": [output.as_dict(one) for one in answers]})
    rows = [
        (number, place, item.product_id, f"{item.score:.3f}", answer.known_item_count)
        for number, answer in enumerate(answers, start=1)
        for place, item in enumerate(answer.items, start=1)
    ]
    return output.table("Next items", ["#history", "#place", "product", "#score", "#known"], rows)


def _read(file: Path) -> list[list[str]]:
    try:
        found = [line.split() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except OSError as error:
        usage(f"{file} cannot be read: {error.strerror or 'unknown reason'}.")
    except UnicodeDecodeError:
        usage(f"{file} is no text in UTF-8.")
    if not found:
        usage(f"{file} holds no histories.")
    return found


def _parts(histories: list[list[str]]) -> Iterator[list[list[str]]]:
    for start in range(0, len(histories), HISTORIES_PER_CALL):
        yield histories[start : start + HISTORIES_PER_CALL]
