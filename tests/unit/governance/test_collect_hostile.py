"""Twenty kinds of files that shops send by mistake or attackers on purpose: refused with place and reason, the rest is kept."""

import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dialect, FileFormat
from aisle_governance.engines import quarantine
from aisle_governance.engines.decode import Limits
from aisle_governance.engines.importer import import_file
from aisle_governance.engines.readers import Source
from aisle_governance.errors import SourceProblem
from openpyxl import Workbook

HEADER = "product_id,title,price\n"
GOOD = "p1,Lamp,1.5\n"
WIDE = f"p1,{'Lamp' * 500},1.5\n"
LIMITS = Limits(decoded_bytes=8 << 20, line_characters=1 << 20)


@dataclass(frozen=True)
class Hostile:
    """A file and what is to come of it."""

    data: bytes
    refused: tuple[tuple[int, str], ...] = ()
    """(line, words of the reason) of each refused row; the good rows around them are kept."""
    fails: str = ""
    """Reason with which the whole file is refused."""
    row: str = ""
    """Where."""
    kept: int = 2
    format: FileFormat = FileFormat.CSV
    dialect: Dialect = field(default_factory=Dialect)
    said: str = ""
    """Words of the failure's message or next step."""


def between(line: bytes | str) -> bytes:
    middle = line.encode() if isinstance(line, str) else line
    return (HEADER + GOOD).encode() + middle + GOOD.encode()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def workbook(*rows: tuple[object, ...]) -> bytes:
    book = Workbook()
    for row in (("product_id", "title", "price"), ("p1", "Lamp", 1.5), *rows, ("p1", "Lamp", 1.5)):
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def parquet(rows: int = 2) -> bytes:
    buffer = io.BytesIO()
    table = pa.table({"product_id": ["p1"] * rows, "title": ["Lamp" * 500] * rows, "price": [1.5] * rows})
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def entity_bomb() -> bytes:
    packed = io.BytesIO(workbook())
    out = io.BytesIO()
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename.endswith("sheet1.xml"):
                data = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaa">]>' + data
            new.writestr(entry.filename, data)
    return out.getvalue()


KINDS: dict[str, Callable[[], Hostile]] = {
    "a wrong delimiter": lambda: Hostile(
        (HEADER + GOOD).replace(",", ";").encode(),
        fails="DELIMITER_MISMATCH",
        row="1",
        dialect=Dialect(delimiter=","),
        said="';'",
    ),
    "quotes never closed": lambda: Hostile(between('p2,"Lamp,1\n'), ((3, "never closed"),)),
    "a quote inside a field": lambda: Hostile(between('p2,"La"mp,1\n'), ((3, "a quote stands where none may"),)),
    "a line of a gigabyte": lambda: Hostile(between("p2," + "x" * (2 << 20) + ",1\n"), fails="LINE_TOO_LONG", row="3"),
    "NUL bytes": lambda: Hostile(b"\x00" * 4000, fails="ENCODING_MISMATCH", row="1"),
    "UTF-16 unnamed": lambda: Hostile(
        (HEADER + GOOD).encode("utf-16"), fails="ENCODING_MISMATCH", row="1", said="utf-16"
    ),
    "mixed encodings": lambda: Hostile(
        between("p2,Caf\u00e9,1\n".encode() + "p3,Caf\u00e9,1\n".encode("cp1252")), ((4, "0xE9"),), kept=3
    ),
    "only Latin-1 rows": lambda: Hostile(
        (HEADER + "p1,Gr\u00f6\u00dfe f\u00fcr K\u00fcche,1\np2,M\u00f6bel gr\u00fcn,1\n").encode("cp1252"),
        fails="NO_READABLE_ROW",
        row="2",
        said="windows-1252",
    ),
    "a BOM in the middle": lambda: Hostile(between("p2,Lamp,\ufeff1.5\n"), ((3, "is not a number"),)),
    "duplicate headers": lambda: Hostile(
        b"product_id,title,title\np1,Lamp,Lamp\n", fails="HEADER_REPEATED", row="1", said="title"
    ),
    "formula cells": lambda: Hostile(
        workbook(("p2", "=1+1", 1), ("p3", "Desk", "=B2*2")),
        ((3, "cell B3 holds a formula"), (4, "cell C4 holds a formula")),
        format=FileFormat.XLSX,
    ),
    "error cells": lambda: Hostile(
        workbook(("p2", "Desk", "#DIV/0!")), ((3, "cell C3 holds the error"),), format=FileFormat.XLSX
    ),
    "dates like 31/02": lambda: Hostile(b"", ()),  # replaced below: it needs another kind of dataset
    "numbers like 1.234,5": lambda: Hostile(between('p2,Desk,"1.234,5"\n'), ((3, "'1.234,5' is not a number"),)),
    "infinities": lambda: Hostile(between("p2,Desk,inf\np3,Desk,1e999\n"), ((3, "not a number"), (4, "not a number"))),
    "fields too many or few": lambda: Hostile(
        between("p2,Desk\np3,Desk,1,2\n"), ((3, "has 2 fields"), (4, "has 4 fields"))
    ),
    "a gzip bomb": lambda: Hostile(gzip.compress((HEADER + WIDE * 8_000).encode(), 9), fails="SOURCE_TOO_LARGE"),
    "a truncated gzip": lambda: Hostile(gzip.compress((HEADER + GOOD * 100).encode())[:-12], fails="SOURCE_TRUNCATED"),
    "a Parquet bomb": lambda: Hostile(parquet(8_000), fails="SOURCE_TOO_LARGE", format=FileFormat.PARQUET),
    "a truncated Parquet": lambda: Hostile(parquet()[:-20], fails="SOURCE_CORRUPT", format=FileFormat.PARQUET),
    "a damaged zip": lambda: Hostile(zipped({"a.csv": (HEADER + GOOD).encode()})[:-30], fails="SOURCE_CORRUPT"),
    "a zip with other columns inside": lambda: Hostile(
        zipped({"a.csv": (HEADER + GOOD).encode(), "b.csv": b"x,y\n1,2\n"}),
        fails="HEADER_DIFFERS",
        row="1",
        said="b.csv",
    ),
    "a workbook with entities": lambda: Hostile(entity_bomb(), fails="SOURCE_CORRUPT", format=FileFormat.XLSX),
    "text that says it is a workbook": lambda: Hostile(
        (HEADER + GOOD).encode(), fails="SOURCE_CORRUPT", format=FileFormat.XLSX
    ),
    "JSON that is broken, nested or NaN": lambda: Hostile(
        b'{"product_id":"p1","title":"Lamp"}\n{"product_id":\n[1]\n{"product_id":"p2","title":{"a":1}}\n'
        b'{"product_id":"p3","title":"x","price":NaN}\n{"product_id":"p1","title":"Lamp"}\n',
        ((2, "is not JSON"), (3, "is no JSON object"), (4, "a list or an object"), (5, "is not JSON")),
        format=FileFormat.JSONL,
    ),
    "JSON nested without end": lambda: Hostile(
        b'{"product_id":"p1","title":"Lamp"}\n' + b'{"a":' * 200_000 + b"\n" + b'{"product_id":"p1","title":"Lamp"}\n',
        ((2, "is not JSON"),),
        format=FileFormat.JSONL,
    ),
}


def take(folder: Path, hostile: Hostile, kind: DatasetKind = DatasetKind.PRODUCTS) -> tuple[int, list[tuple[int, str]]]:
    path, refused = folder / "source", folder / "refused.parquet"
    path.write_bytes(hostile.data)
    source = Source(path, kind, ColumnMapping(), hostile.dialect)
    outcome = import_file(source, hostile.format, "imp-1", folder / "rows.parquet", refused, limits=LIMITS)
    found = quarantine.read(refused, "", 0, 100) if refused.exists() else []
    return outcome.accepted_row_count, [(row.source_line, row.reason) for row in found]


@pytest.mark.parametrize("name", [name for name in KINDS if name != "dates like 31/02"])
def test_a_hostile_file_is_refused_with_place_and_reason(name: str, tmp_path: Path) -> None:
    hostile = KINDS[name]()
    if hostile.fails:
        with pytest.raises(SourceProblem) as caught:
            take(tmp_path, hostile)
        problem = caught.value
        assert problem.reason == hostile.fails
        assert problem.facts.get("row", "") == hostile.row or not hostile.row
        assert hostile.said in f"{problem.message} {problem.next_step}"
        return
    kept, refused = take(tmp_path, hostile)
    assert kept == hostile.kept
    assert [line for line, _ in refused] == [line for line, _ in hostile.refused]
    for (line, reason), (_, words) in zip(refused, hostile.refused, strict=True):
        assert reason.startswith(f"line {line}: ") and words in reason


def test_dates_that_do_not_exist_or_can_be_meant_in_two_ways_refuse_their_row(tmp_path: Path) -> None:
    header, good = "order_id,product_id,quantity,order_time\n", "1,p1,1,2011-01-01\n"
    data = header + good + "2,p1,1,31/02/2011\n3,p1,1,2011-02-31\n4,p1,1,05/06/2011\n" + good
    kept, refused = take(tmp_path, Hostile(data.encode()), DatasetKind.ORDERS)
    assert (kept, [line for line, _ in refused]) == (2, [3, 4, 5])
    assert all("is not an ISO 8601 time" in reason for _, reason in refused)


def test_there_are_at_least_twenty_kinds_and_each_generator_is_hostile(tmp_path: Path) -> None:
    assert len(KINDS) >= 20
    assert take(tmp_path, Hostile(between("p2,Desk,2\n"))) == (3, [])
