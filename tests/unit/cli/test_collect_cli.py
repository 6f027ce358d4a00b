"""Folders, refused rows as files, suggestions and live collections on the command line."""

import csv
import json
import zipfile
from pathlib import Path

import pytest
from aisle.governance.v1 import collect_pb2, dataset_pb2, governance_run_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.type.v1 import job_pb2
from aisle_cli.cells import neutral
from aisle_cli.failures import CommandFailed
from aisle_cli.sources import parcels
from cli_support import Fakes

IMPORT = "datasets/shop/imports/i1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3+cmd", "'-2+3+cmd"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =x", "'  =x"),
        ("\t=x", "'\t=x"),
        ("＝x", "'＝x"),
        ("-", "'-"),
        ("-3", "-3"),
        ("-1,234.5", "-1,234.5"),
        ("+1.5e3", "+1.5e3"),
        ("-12 %", "-12 %"),
        ("a=b", "a=b"),
        ("", ""),
        (-3, -3),
    ],
)
def test_formulas_are_kept_from_running_and_numbers_stay_numbers(text: object, shown: object) -> None:
    assert neutral(text) == shown


def refused_row(number: int, **values: str) -> governance_run_pb2.QuarantinedRow:
    return governance_run_pb2.QuarantinedRow(
        **{"import": IMPORT}, rule="import", source_line=number, column="price", row_id=f"r{number}", **values
    )


@pytest.fixture
def ready(fakes: Fakes) -> Fakes:
    taken = dataset_pb2.Import(
        name=IMPORT,
        source_file="shop.csv",
        format="FILE_FORMAT_CSV",
        dialect=dataset_pb2.Dialect(delimiter="\t", encoding="utf-8", quote='"'),
        accepted_row_count=5,
        rejected_row_count=2,
        likely_encoding="windows-1252",
        status=job_pb2.JobStatus(state="JOB_STATE_SUCCEEDED"),
        files=[dataset_pb2.ImportedFile(name="a.csv", accepted_row_count=5, rejected_row_count=2)],
        skipped_record_count=3,
    )
    rows = [
        refused_row(3, reason="=HYPERLINK(1)", row_json='{"price": "=1"}'),
        refused_row(4, reason="-3", row_json="{}"),
    ]

    def listed(request: pb.ListQuarantinedRowsRequest) -> pb.ListQuarantinedRowsResponse:
        assert request.parent == IMPORT
        first = not request.page_token
        return pb.ListQuarantinedRowsResponse(
            quarantined_rows=rows[:1] if first else rows[1:], next_page_token="more" if first else "", total_count=2
        )

    fakes.answers |= {
        "CreateDataset": lambda r: pb.CreateDatasetResponse(
            dataset=dataset_pb2.Dataset(name=f"datasets/{r.dataset_id}")
        ),
        "UploadRows": pb.UploadRowsResponse(**{"import": taken}),
        "ImportSource": collect_pb2.ImportSourceResponse(**{"import": taken}),
        "WatchImport": [pb.WatchImportResponse(**{"import": taken})],
        "ListQuarantinedRows": listed,
    }
    return fakes


def test_refused_rows_are_written_whole_as_they_are_or_safe_for_spreadsheets(ready: Fakes, tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    file.write_text("x")
    lines, cells = tmp_path / "e.jsonl", tmp_path / "e.csv"
    outcome = ready.run("data", "import", str(file), "--dataset", "shop", "--errors", str(lines))
    assert (
        "fields parted by tab" in outcome.stdout
        and "windows-1252" in outcome.stdout
        and "a.csv: 5 kept, 2 refused" in outcome.stdout
    )
    found = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [(row["source_line"], row["reason"], row["row"]) for row in found] == [
        (3, "=HYPERLINK(1)", {"price": "=1"}),
        (4, "-3", {}),
    ]
    ready.run("data", "source", "s3://b/x.csv", "--dataset", "shop", "--errors", str(cells))
    table = list(csv.DictReader(cells.read_text().splitlines()))
    assert [row["reason"] for row in table] == ["'=HYPERLINK(1)", "-3"]
    outcome = ready.run("data", "import", str(file), "--dataset", "shop", "--errors", str(tmp_path / "e.txt"), code=2)
    assert ".jsonl or .csv" in outcome.stderr


def test_a_folder_becomes_one_zip_and_whole_files_go_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.csv").write_text("two")
    (tmp_path / "1.tsv").write_text("one")
    with parcels(tmp_path) as (parcel,):
        first = parcel.file.read_bytes()
        with zipfile.ZipFile(parcel.file) as archive:
            assert archive.namelist() == ["1.tsv", "b/2.csv"]
        assert (parcel.name, parcel.format) == (f"{tmp_path.name}.zip", "csv")
    with parcels(tmp_path) as (again,):
        assert again.file.read_bytes() == first
    (tmp_path / "3.jsonl").write_text("{}")
    with pytest.raises(CommandFailed, match="several formats"), parcels(tmp_path):
        pass
    books = tmp_path / "books"
    books.mkdir()
    for name in ("a.xlsx", "b.xlsx"):
        (books / name).write_text("x")
    with parcels(books) as found:
        assert [one.name for one in found] == ["a.xlsx", "b.xlsx"]
    (books / "notes.doc").write_text("x")
    with pytest.raises(CommandFailed, match=r"notes\.doc"), parcels(books):
        pass


def test_a_suggestion_is_written_and_confirmed(ready: Fakes, tmp_path: Path) -> None:
    file, mapping = tmp_path / "shop.csv", tmp_path / "mapping.json"
    file.write_text("Handle,Name\n1,2\n")
    ready.answers["SuggestMapping"] = collect_pb2.SuggestMappingResponse(
        mapping=dataset_pb2.ColumnMapping(columns={"product_id": "Handle"}),
        suggestions=[
            collect_pb2.ColumnSuggestion(
                column="product_id", source_column="Handle", confidence_ratio=0.9, evidence=["why"]
            )
        ],
        missing_columns=["title"],
        warnings=["Look at this."],
        sampled_row_count=1,
    )
    outcome = ready.run("data", "suggest", str(file), "--kind", "products", "--output", str(mapping))
    assert all(words in outcome.stdout for words in ("Handle", "90%", "why", "title", "Look at this."))
    ((header, chunk),) = ready.asked("SuggestMapping")
    assert (header.header.source_file, header.header.is_beginning, chunk.chunk) == (
        "shop.csv",
        False,
        file.read_bytes(),
    )
    ready.run(
        "data", "import", str(file), "--create", "--dataset", "shop", "--mapping", str(mapping), "--currency", "EUR"
    )
    (created,) = ready.asked("CreateDataset")
    assert dict(created.mapping.columns) == {"product_id": "Handle"}
    assert (created.kind, created.mapping.default_currency) == (dataset_pb2.DATASET_KIND_PRODUCTS, "EUR")
    mapping.write_text('{"mapping": {"colums": {}}}')
    assert "--mapping" in ready.run("data", "create", "shop", "--mapping", str(mapping), code=2).stderr


def test_sources_and_live_collections(ready: Fakes) -> None:
    ready.run("data", "source", "--dataset", "shop", "--connection", "erp", "--sql", "select 1", "--json")
    (asked,) = ready.asked("ImportSource")
    assert (asked.sql_query.connection, asked.sql_query.sql) == ("erp", "select 1")
    ready.run("data", "source", "--dataset", "shop", code=2)
    live = collect_pb2.LiveCollection(
        dataset="datasets/live", impressions=True, batch_seconds=300, batch_row_count=50_000
    )
    ready.answers |= {
        "GetLiveCollection": collect_pb2.GetLiveCollectionResponse(live_collection=live),
        "UpdateLiveCollection": collect_pb2.UpdateLiveCollectionResponse(live_collection=live),
        "FlushLiveCollection": collect_pb2.FlushLiveCollectionResponse(row_count=7, imports=["x"]),
        "ListImportSources": collect_pb2.ListImportSourcesResponse(
            places=[collect_pb2.ImportPlace(name="lake", uri="s3://b")], connections=["erp"]
        ),
    }
    assert "flow in" in ready.run("data", "live", "live").stdout and not ready.asked("UpdateLiveCollection")
    ready.run("data", "live", "live", "--events", "--every", "60")
    (update,) = ready.asked("UpdateLiveCollection")
    assert (update.user_events, update.impressions, update.batch_seconds, update.batch_row_count) == (
        True,
        True,
        60,
        50_000,
    )
    assert "7 rows" in ready.run("data", "flush", "live").stdout
    assert "s3://b" in ready.run("data", "sources").stdout
