"""Files in, governance, reports: what is asked of the service and what people and scripts read."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from aisle.governance.v1 import dataset_pb2, governance_run_pb2, user_event_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.type.v1 import failure_pb2, job_pb2
from aisle_cli import watching
from aisle_runtime import errors
from cli_support import Fakes

IMPORT = "datasets/orders/imports/i1"


def import_state(state: str, revision: int = 1, **status: Any) -> dataset_pb2.Import:
    return dataset_pb2.Import(
        name=IMPORT,
        source_file="orders.csv",
        accepted_row_count=98,
        rejected_row_count=2 if state == "SUCCEEDED" else 0,
        status=job_pb2.JobStatus(state=f"JOB_STATE_{state}", revision=revision, **status),
    )


def watched(*states: dataset_pb2.Import) -> list[pb.WatchImportResponse]:
    return [pb.WatchImportResponse(**{"import": state}) for state in states]


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(b"order_id,sku\n" + b"1,2\n" * 400_000, compresslevel=0))
    return path


@pytest.fixture
def ready(fakes: Fakes) -> Fakes:
    """A governance that takes one file of which two rows are refused."""
    rows = [
        governance_run_pb2.QuarantinedRow(**{"import": "datasets/orders/imports/i0"}, rule="import", source_line=9),
        governance_run_pb2.QuarantinedRow(
            **{"import": IMPORT}, rule="import", source_line=17, column="quantity", reason="'x' is no number"
        ),
    ]
    fakes.answers |= {
        "CreateDataset": lambda r: pb.CreateDatasetResponse(
            dataset=dataset_pb2.Dataset(name=f"datasets/{r.dataset_id}")
        ),
        "UploadRows": pb.UploadRowsResponse(**{"import": import_state("QUEUED")}),
        "WatchImport": watched(
            import_state("RUNNING", 2, phase="read", progress_ratio=0.5), import_state("SUCCEEDED", 3)
        ),
        "ListQuarantinedRows": lambda r: pb.ListQuarantinedRowsResponse(
            quarantined_rows=[row for row in rows if r.parent in ("datasets/orders", getattr(row, "import"))],
            total_count=2,
        ),
    }
    return fakes


def test_a_file_is_streamed_whole_with_its_digest(ready: Fakes, orders: Path) -> None:
    outcome = ready.run(
        "data", "import", str(orders), "--dataset", "orders", "--delimiter", "\\t", "--encoding", "cp1252"
    )
    ((first, *rest),) = ready.asked("UploadRows")
    content = orders.read_bytes()
    assert b"".join(message.chunk for message in rest) == content
    assert len(rest) == len(content) // (1 << 20) + 1
    header = first.header
    assert (header.dataset, header.source_file) == ("datasets/orders", "orders.csv.gz")
    assert header.sha256 == hashlib.sha256(content).hexdigest()
    assert (header.dialect.delimiter, header.dialect.encoding) == ("\t", "cp1252")
    assert header.request_id
    assert "98 rows kept, 2 refused" in outcome.stdout
    assert "line 17, column quantity: 'x' is no number" in outcome.stdout
    assert "line 9" not in outcome.stdout
    assert "import orders.csv: read (50%)" in outcome.stderr


def test_an_import_as_json_is_one_document(ready: Fakes, orders: Path) -> None:
    outcome = ready.run("data", "import", str(orders), "--dataset", "orders", "--json")
    assert outcome.document["import"]["accepted_row_count"] == "98"
    assert outcome.document["quarantined_rows"][0]["source_line"] == "17"
    assert outcome.stderr == ""


def test_the_dataset_is_created_first_when_asked(ready: Fakes, orders: Path) -> None:
    ready.run(
        "data", "import", str(orders), "--dataset", "orders", "--create", "--kind", "orders",
        "--map", "product_id=StockCode", "--map", "order_time=When", "--time-zone", "Europe/London",
        "--currency", "GBP", "--cancellation-prefix", "C",
    )  # fmt: skip
    (request,) = ready.asked("CreateDataset")
    assert request.dataset_id == "orders"
    assert request.kind == dataset_pb2.DATASET_KIND_ORDERS
    assert dict(request.mapping.columns) == {"product_id": "StockCode", "order_time": "When"}
    assert request.mapping.time_zone == "Europe/London"
    assert request.mapping.cancellation_prefix == "C"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--create"], "--create needs --kind"),
        (["--create", "--kind", "order"], "--kind order: it is not known"),
        (["--kind", "orders"], "mapping belongs to the dataset's creation"),
        (["--create", "--kind", "orders", "--map", "x"], "--map x: it is not KEY=VALUE"),
        (["--create", "--kind", "orders", "--map", "a=x", "--map", "a=y"], "a was given before"),
        (["--format", "xls"], "--format xls: it is not known"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_sent(
    ready: Fakes, orders: Path, arguments: list[str], message: str
) -> None:
    outcome = ready.run("data", "import", str(orders), "--dataset", "orders", *arguments, code=2)
    assert message in outcome.stderr
    assert ready.asked("UploadRows") == []


def test_a_missing_file_is_told(ready: Fakes, tmp_path: Path) -> None:
    outcome = ready.run("data", "import", str(tmp_path / "no.csv"), "--dataset", "orders", code=2)
    assert "no.csv cannot be read: No such file or directory" in outcome.stderr


def test_a_failed_import_names_file_row_and_column(ready: Fakes, orders: Path) -> None:
    failure = failure_pb2.Failure(
        reason="COLUMN_MISSING",
        message="The file has no column 'sku'.",
        next_step="Map it.",
        facts={"file": "orders.csv", "row": "1", "column": "sku"},
    )
    ready.answers["WatchImport"] = watched(import_state("FAILED", failure=failure))
    outcome = ready.run("data", "import", str(orders), "--dataset", "orders", code=1)
    expected = "Error: import orders.csv failed: The file has no column 'sku'. (file orders.csv, row 1, column sku)"
    assert outcome.stderr.splitlines()[-2:] == [expected, "Map it."]
    document = json.loads(ready.run("data", "import", str(orders), "--dataset", "orders", "--json", code=1).stderr)
    assert document["error"]["facts"]["column"] == "sku"
    assert document["error"]["reason"] == "COLUMN_MISSING"


def test_a_watch_that_breaks_goes_on_after_its_last_revision(
    ready: Fakes, orders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_FIRST_PAUSE_SECONDS", 0.0)
    running = watched(import_state("RUNNING", 2))[0]
    streams = iter([[running, errors.Unavailable("draining")], watched(import_state("SUCCEEDED", 5))])
    ready.answers["WatchImport"] = lambda _: next(streams)
    ready.run("data", "import", str(orders), "--dataset", "orders")
    assert [request.after_revision for request in ready.asked("WatchImport")] == [0, 2]


def test_datasets_come_from_all_pages(fakes: Fakes) -> None:
    def page(request: pb.ListDatasetsRequest) -> pb.ListDatasetsResponse:
        number = int(request.page_token or 0)
        dataset = dataset_pb2.Dataset(name=f"datasets/d{number}", kind="DATASET_KIND_ORDERS", imported_row_count=541909)
        return pb.ListDatasetsResponse(datasets=[dataset], next_page_token=str(number + 1) if number < 2 else "")

    fakes.answers["ListDatasets"] = page
    assert [d["name"] for d in fakes.run("data", "datasets", "--json").document["datasets"]] == [
        "datasets/d0", "datasets/d1", "datasets/d2",
    ]  # fmt: skip
    assert "d2 orders 541,909" in fakes.run("data", "datasets").words


def test_the_json_has_the_contracts_names_and_its_defaults(fakes: Fakes) -> None:
    fakes.answers["ListDatasetVersions"] = pb.ListDatasetVersionsResponse(
        dataset_versions=[dataset_pb2.DatasetVersion(name="datasets/orders/versions/1")]
    )
    (version,) = fakes.run("data", "versions", "orders", "--json").document["dataset_versions"]
    assert version["row_count"] == "0"
    assert version["content_hash"] == ""
    assert fakes.asked("ListDatasetVersions")[0].dataset == "datasets/orders"


def report() -> governance_run_pb2.QualityReport:
    rule = governance_run_pb2.RuleReport(
        rule="drop_exact_duplicates", input_row_count=541909, output_row_count=536641, quarantined_row_count=5268
    )
    check = governance_run_pb2.CheckResult(
        check="grade.range", column="grade", severity="SEVERITY_ERROR", message="bad"
    )
    profile = governance_run_pb2.ColumnProfile(column="title", missing_ratio=0.25, minimum=float("nan"))
    return governance_run_pb2.QualityReport(
        dataset="datasets/orders",
        dataset_version="datasets/orders/versions/1",
        input_row_count=541909,
        output_row_count=390000,
        rules=[rule],
        checks=[check],
        before=[profile],
        after=[profile],
        raw_defect_counts={"exact_duplicate": 5268},
    )


def run_state(state: str, **status: Any) -> governance_run_pb2.GovernanceRun:
    return governance_run_pb2.GovernanceRun(
        name="governanceRuns/g1",
        dataset_versions=["datasets/orders/versions/1"] if state == "SUCCEEDED" else [],
        status=job_pb2.JobStatus(state=f"JOB_STATE_{state}", revision=2, **status),
    )


def test_governing_follows_the_run_and_sums_it_up(fakes: Fakes) -> None:
    fakes.answers |= {
        "StartGovernanceRun": pb.StartGovernanceRunResponse(governance_run=run_state("QUEUED")),
        "WatchGovernanceRun": [pb.WatchGovernanceRunResponse(governance_run=run_state("SUCCEEDED"))],
        "GetQualityReport": pb.GetQualityReportResponse(quality_report=report()),
    }
    outcome = fakes.run("data", "govern", "orders", "judgments", "--without", "orders=drop_invalid_prices")
    assert "orders/1: 541,909 rows in, 390,000 published" in outcome.stdout
    (request,) = fakes.asked("StartGovernanceRun")
    assert [(d.dataset, list(d.disabled_rules)) for d in request.stage.dataset_runs] == [
        ("datasets/orders", ["drop_invalid_prices"]),
        ("datasets/judgments", []),
    ]
    assert fakes.run("data", "govern", "orders", "--json").document["governance_run"]["name"] == "governanceRuns/g1"
    assert "not among the datasets" in fakes.run("data", "govern", "orders", "--without", "x=y", code=2).stderr


def test_a_quality_gate_that_stops_a_run_has_its_own_code(fakes: Fakes) -> None:
    failure = failure_pb2.Failure(reason="QUALITY_GATE_FAILED", message="grade.range does not hold")
    fakes.answers |= {
        "StartGovernanceRun": pb.StartGovernanceRunResponse(governance_run=run_state("QUEUED")),
        "WatchGovernanceRun": [pb.WatchGovernanceRunResponse(governance_run=run_state("FAILED", failure=failure))],
    }
    outcome = fakes.run("data", "govern", "orders", code=6)
    assert "grade.range does not hold" in outcome.stderr
    assert "aisle data report" in outcome.stderr
    fakes.answers["WatchGovernanceRun"] = [pb.WatchGovernanceRunResponse(governance_run=run_state("CANCELLED"))]
    assert "was cancelled" in fakes.run("data", "govern", "orders", code=1).stderr


def test_a_report_shows_rules_checks_defects_and_columns(fakes: Fakes) -> None:
    fakes.answers["GetQualityReport"] = pb.GetQualityReportResponse(quality_report=report())
    words = fakes.run("data", "report", "orders").words
    assert "drop_exact_duplicates 541,909 536,641 5,268" in words
    assert "grade.range grade error 0 bad" in words
    assert "exact_duplicate 5,268" in words
    assert "title 25.0% 25.0% 0 -" in words
    fakes.run("data", "report", "orders/1")
    assert [request.name for request in fakes.asked("GetQualityReport")] == [
        "datasets/orders", "datasets/orders/versions/1",
    ]  # fmt: skip


def test_quarantined_rows_cannot_paint_the_terminal(fakes: Fakes) -> None:
    row = governance_run_pb2.QuarantinedRow(
        source_line=3, rule="drop_x", reason="[red]bad[/red]", row_json='{"a": "\x1b[2J"}'
    )
    fakes.answers["ListQuarantinedRows"] = pb.ListQuarantinedRowsResponse(quarantined_rows=[row], total_count=7)
    outcome = fakes.run("data", "quarantine", "orders", "--limit", "1")
    assert "7 quarantined rows of orders, 1 shown" in outcome.stdout
    assert "[red]bad[/red]" in outcome.stdout
    assert "\x1b" not in outcome.stdout
    assert fakes.run("data", "quarantine", "orders", "--limit", "1", "--json").document["total_count"] == "7"
    assert fakes.asked("ListQuarantinedRows")[0].page_size == 1


def test_a_contract_is_set_or_only_checked(fakes: Fakes, tmp_path: Path) -> None:
    file = tmp_path / "contract.yaml"
    file.write_text("apiVersion: v3.0.2\n")
    dataset = dataset_pb2.Dataset(name="datasets/orders", kind="DATASET_KIND_ORDERS")
    fakes.answers |= {
        "CreateContract": pb.CreateContractResponse(dataset=dataset),
        "GetDataset": pb.GetDatasetResponse(dataset=dataset),
        "ValidateContract": pb.ValidateContractResponse(),
    }
    fakes.run("data", "contract", "orders", str(file))
    assert fakes.asked("CreateContract")[0].contract_yaml == "apiVersion: v3.0.2\n"
    assert "can be used" in fakes.run("data", "contract", "orders", str(file), "--check").stdout
    problem = failure_pb2.Failure(reason="CONTRACT_INVALID", message="line 3: unknown key")
    fakes.answers["ValidateContract"] = pb.ValidateContractResponse(problems=[problem])
    assert "line 3: unknown key" in fakes.run("data", "contract", "orders", str(file), "--check", code=1).stderr
    file.write_bytes(b"\xff\xfe")
    assert "not UTF-8" in fakes.run("data", "contract", "orders", str(file), code=2).stderr


def test_lineage_leads_back_to_the_source_line(fakes: Fakes) -> None:
    fakes.answers["GetLineage"] = pb.GetLineageResponse(
        imports=[import_state("SUCCEEDED")],
        parent_versions=["datasets/orders/versions/1"],
        row_source=pb.SourcePosition(source_file="orders.csv", source_line=42),
    )
    outcome = fakes.run("data", "lineage", "orders/2", "--row", "r1")
    assert "orders.csv, line 42" in outcome.stdout
    assert "Earlier versions: orders/1" in outcome.stdout
    (request,) = fakes.asked("GetLineage")
    assert (request.name, request.row_id) == ("datasets/orders/versions/2", "r1")


def test_events_from_a_file_are_sent_once_and_problems_named_by_line(fakes: Fakes, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    event = {"type": "USER_EVENT_TYPE_PURCHASE", "product_id": "p1", "event_time": "2026-01-01T00:00:00Z"}
    file.write_text("\n".join([json.dumps(event), "", json.dumps({**event, "event_id": "e2"})]))
    problem = pb.EventProblem(index=1, failure=failure_pb2.Failure(reason="EVENT_INVALID", message="too late"))
    fakes.answers["CollectUserEvents"] = pb.CollectUserEventsResponse(accepted_count=1, problems=[problem])
    outcome = fakes.run("events", "send", str(file), code=1)
    assert "1 events taken, 1 refused." in outcome.stdout
    assert "events.jsonl, line 3: too late" in outcome.stdout
    first = fakes.asked("CollectUserEvents")[0].events
    fakes.answers["CollectUserEvents"] = pb.CollectUserEventsResponse(duplicate_count=2)
    assert fakes.run("events", "send", str(file), "--json").document["duplicate_count"] == 2
    assert [e.event_id for e in fakes.asked("CollectUserEvents")[1].events] == [first[0].event_id, "e2"]

    file.write_text(json.dumps(event) + "\n{broken\n")
    fakes.answers["CollectUserEvents"] = pb.CollectUserEventsResponse(accepted_count=1)
    assert "events.jsonl, line 2" in fakes.run("events", "send", str(file), code=1).stderr
    assert len(fakes.asked("CollectUserEvents")) == 3


def test_one_click_is_sent_with_its_token(fakes: Fakes) -> None:
    fakes.answers["CollectUserEvents"] = pb.CollectUserEventsResponse(accepted_count=1)
    fakes.run("events", "send", "--click", "p1", "--token", "t", "--customer", "c1", "--position", "2")
    ((event,),) = (request.events for request in fakes.asked("CollectUserEvents"))
    assert event.type == user_event_pb2.USER_EVENT_TYPE_CLICK
    assert (event.product_id, event.attribution_token, event.customer_id, event.position) == ("p1", "t", "c1", 2)
    assert event.event_id
    assert event.event_time.seconds
    assert "Add --token" in fakes.run("events", "send", "--click", "p1", code=2).stderr
    assert "exactly one" in fakes.run("events", "send", code=2).stderr
