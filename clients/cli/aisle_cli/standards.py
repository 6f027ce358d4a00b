"""Files and options that say how values are brought onto one scale."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aisle_cli import names, output
from aisle_cli.failures import usage

if TYPE_CHECKING:
    from aisle.governance.v1 import dataset_pb2
    from aisle.pipeline.v1 import pipeline_spec_pb2


def add_to(mapping: "dataset_pb2.ColumnMapping", file: Path | None, pii: Sequence[str]) -> "dataset_pb2.ColumnMapping":
    """Put the standards of a JSON file and the `COLUMN=POLICY` options into `mapping`, and return it."""
    from aisle.governance.v1 import dataset_pb2
    from google.protobuf import json_format

    if file is not None:
        try:
            json_format.Parse(_read(file), mapping.standards)
        except json_format.ParseError as error:
            usage(f"--standards {file.name}: {error}", "The fields are those of aisle.governance.v1.Standards.")
    for column, policy in names.pairs(pii, "--pii").items():
        mapping.pii_policies[column] = output.enum_value(dataset_pb2.PiiPolicy, policy, "--pii")  # type: ignore[assignment]
    return mapping


def read_rates(file: Path) -> "list[pipeline_spec_pb2.CurrencyRate]":
    """Rates of a CSV file with the columns currency, date and rate."""
    from aisle.pipeline.v1 import pipeline_spec_pb2

    reader = csv.DictReader(_read(file).splitlines())
    wanted = ("currency", "date", "rate")
    if missing := [name for name in wanted if name not in (reader.fieldnames or ())]:
        usage(f"--rates {file.name}: it has no column {missing[0]!r}.", "The columns are currency, date and rate.")
    found = []
    for row in reader:
        rate = names.number(row["rate"] or "", f"--rates {file.name}, line {reader.line_num}")
        found.append(pipeline_spec_pb2.CurrencyRate(currency=row["currency"], date=row["date"], rate=rate))
    return found


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        usage(f"{file} cannot be read: {error.strerror}.")
    except UnicodeDecodeError as error:
        usage(f"{file} is not UTF-8 text: byte {error.start} does not fit.")
