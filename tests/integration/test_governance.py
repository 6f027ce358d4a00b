"""Governance through its doors: real server, real bus, real child processes."""

import asyncio
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import nats
import pyarrow as pa
import pytest
from aisle.governance.v1 import dataset_pb2, governance_events_pb2, governance_service_pb2_grpc, user_event_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.monitor.v1 import monitor_events_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2
from aisle.type.v1 import job_pb2
from aisle_governance.main import MIGRATIONS, SERVICE, wire
from aisle_governance.settings import GovernanceSettings
from aisle_runtime.client import error_details, open_channel
from aisle_runtime.events import MESSAGE_ID, event_headers
from aisle_runtime.nats_config import inbox_prefix
from aisle_runtime.service import Host
from aisle_runtime.testing import running_host
from aisle_runtime.testing.nats import NatsServer, nats_server  # noqa: F401
from aisle_runtime.testing.postgres import both_databases
from aisle_runtime.tokens import Signer

COLUMNS = {
    "order_id": "InvoiceNo",
    "product_id": "StockCode",
    "title": "Description",
    "quantity": "Quantity",
    "order_time": "InvoiceDate",
    "unit_price": "UnitPrice",
    "customer_id": "CustomerID",
}
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID\n"


def line(number: int, **changes: object) -> str:
    cells: dict[str, object] = {
        "order": number,
        "product": 10000 + number,
        "title": f"SALT &amp; PEPPER {number}",
        "quantity": 2,
        "time": "2011-07-01 10:00:00",
        "price": 1.5,
        "customer": "17850.0",
    }
    return ",".join(str(value) for value in (cells | changes).values()) + "\n"


GOOD = HEADER + "".join(line(number) for number in range(20))
DIRTY = (
    GOOD
    + line(0)  # exact duplicate
    + line(30, order="C30", quantity=-2)
    + line(31, customer="")
    + line(32, quantity=0)
    + line(33, price=0)
    + line(34, quantity="many")
    + "35,too,short\n"
)


class Shop:
    """A running service with a client."""

    def __init__(self, host: Host, stub: Any) -> None:
        self.host, self.stub = host, stub

    async def dataset(self, dataset_id: str, **more: Any) -> str:
        mapping = dataset_pb2.ColumnMapping(
            columns=COLUMNS, time_zone="Europe/London", default_currency="GBP", cancellation_prefix="C"
        )
        request = pb.CreateDatasetRequest(
            dataset_id=dataset_id, kind=dataset_pb2.DATASET_KIND_ORDERS, mapping=mapping, **more
        )
        return (await self.stub.CreateDataset(request)).dataset.name

    async def upload(
        self, dataset: str, data: bytes | str, name: str = "orders.csv", **header: Any
    ) -> dataset_pb2.Import:
        content = data.encode() if isinstance(data, str) else data

        async def messages() -> AsyncIterator[pb.UploadRowsRequest]:
            yield pb.UploadRowsRequest(header=pb.UploadHeader(dataset=dataset, source_file=name, **header))
            for start in range(0, len(content), 1000):
                yield pb.UploadRowsRequest(chunk=content[start : start + 1000])

        return getattr(await self.stub.UploadRows(messages()), "import")

    async def imported(
        self, dataset: str, data: bytes | str, name: str = "orders.csv", **header: Any
    ) -> dataset_pb2.Import:
        queued = await self.upload(dataset, data, name, **header)
        last = queued
        async for state in self.stub.WatchImport(pb.WatchImportRequest(name=queued.name), timeout=30):
            last = getattr(state, "import")
        return last

    async def governed(self, *datasets: str) -> Any:
        stage = pipeline_spec_pb2.GovernanceStage(
            dataset_runs=[pipeline_spec_pb2.DatasetRun(dataset=dataset) for dataset in datasets]
        )
        started = await self.stub.StartGovernanceRun(pb.StartGovernanceRunRequest(stage=stage))
        return await self.finished(started.governance_run.name)

    async def finished(self, name: str) -> Any:
        last = None
        async for state in self.stub.WatchGovernanceRun(pb.WatchGovernanceRunRequest(name=name), timeout=60):
            last = state.governance_run
        assert last is not None
        return last

    async def rows(self, version: str, **options: Any) -> pa.Table:
        request = pb.ReadRowsRequest(dataset_version=version, **options)
        data = b"".join([piece.arrow_ipc_chunk async for piece in self.stub.ReadRows(request)])
        return pa.ipc.open_stream(data).read_all()

    def events(self, subject: str, kind: Any) -> list[Any]:
        """What was told on a subject, from the outbox."""
        from aisle_runtime.tables import RUNTIME
        from sqlalchemy import select

        table = RUNTIME.outbox
        query = select(table.c.data).where(table.c.subject == f"aisle.governance.{subject}.v1").order_by(table.c.id)
        found = self.host.platform.db.read_sync(lambda conn: conn.execute(query).scalars().all())
        return [kind.FromString(bytes(data)) for data in found]


@pytest.fixture
async def shop(nats_server: NatsServer, tmp_path: Path, service_database: str) -> AsyncIterator[Shop]:  # noqa: F811
    (tmp_path / "inbox").mkdir()
    settings = GovernanceSettings.model_validate(
        {
            "state_dir": tmp_path / "state",
            "database_url": service_database,
            "import_root": tmp_path / "inbox",
            **nats_server.settings(SERVICE),
        }
    )
    async with running_host(SERVICE, settings, MIGRATIONS, wire) as host:
        channel = open_channel(host.address)
        yield Shop(host, governance_service_pb2_grpc.GovernanceServiceStub(channel))
        await channel.close()


async def refused(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return error_details(caught.value)


@both_databases
async def test_dirty_rows_become_a_version_with_a_reason_for_every_other_row(shop: Shop) -> None:
    dataset = await shop.dataset("orders")
    done = await shop.imported(dataset, DIRTY, sha256=hashlib.sha256(DIRTY.encode()).hexdigest())
    assert done.status.state == job_pb2.JOB_STATE_SUCCEEDED
    assert (done.accepted_row_count, done.rejected_row_count, done.dialect.delimiter) == (25, 2, ",")

    run = await shop.governed(dataset)
    assert run.status.state == job_pb2.JOB_STATE_SUCCEEDED
    assert list(run.dataset_versions) == [f"{dataset}/versions/1"]
    version = (
        await shop.stub.GetDatasetVersion(pb.GetDatasetVersionRequest(name=f"{dataset}/versions/latest"))
    ).dataset_version
    assert (version.row_count, version.parent, list(version.imports)) == (20, "", [done.name])

    report = (await shop.stub.GetQualityReport(pb.GetQualityReportRequest(name=version.name))).quality_report
    assert (report.input_row_count, report.output_row_count, report.quarantined_row_count) == (25, 20, 5)
    assert dict(report.raw_defect_counts) | {
        "exact_duplicate": 1,
        "cancellation": 1,
        "missing_customer_id": 1,
        "non_positive_quantity": 2,
        "non_positive_price": 1,
    } == dict(report.raw_defect_counts)
    assert all(check.passed for check in report.checks)

    rows = await shop.rows(version.name)
    assert rows.num_rows == 20
    assert rows["title"][0].as_py() == "SALT & PEPPER 0"
    assert rows["customer_id"][0].as_py() == "17850"
    assert rows["order_time"][0].as_py().isoformat() == "2011-07-01T09:00:00+00:00"
    assert (await shop.rows(version.name, columns=["title", "currency"], sample_row_count=5)).shape == (5, 2)

    page = await shop.stub.ListQuarantinedRows(pb.ListQuarantinedRowsRequest(parent=dataset, page_size=4))
    assert page.total_count == 7
    rest = await shop.stub.ListQuarantinedRows(
        pb.ListQuarantinedRowsRequest(parent=dataset, page_size=4, page_token=page.next_page_token)
    )
    assert rest.next_page_token == ""
    found = {row.rule: row.source_line for row in [*page.quarantined_rows, *rest.quarantined_rows]}
    assert found == {
        "drop_exact_duplicates": 22,
        "drop_cancellations": 23,
        "drop_unknown_customers": 24,
        "drop_invalid_quantities": 25,
        "drop_invalid_prices": 26,
        "import": 28,
    }
    only = await shop.stub.ListQuarantinedRows(pb.ListQuarantinedRowsRequest(parent=version.name, rule="import"))
    assert [(row.source_line, row.column) for row in only.quarantined_rows] == [(27, "Quantity"), (28, "Quantity")]
    assert json.loads(only.quarantined_rows[0].row_json)["Quantity"] == "many"

    row_id = rows["_row_id"][7].as_py()
    lineage = await shop.stub.GetLineage(pb.GetLineageRequest(name=version.name, row_id=row_id))
    assert (lineage.row_source.source_file, lineage.row_source.source_line) == ("orders.csv", 9)
    assert getattr(lineage.row_source, "import") == done.name

    (published,) = shop.events("dataset_version.published", governance_events_pb2.DatasetVersionPublished)
    assert published.dataset_version.name == version.name
    (completed,) = shop.events("run.completed", governance_events_pb2.GovernanceRunCompleted)
    assert completed.governance_run.status.state == job_pb2.JOB_STATE_SUCCEEDED
    assert not completed.HasField("slip")


@both_databases
async def test_a_second_version_names_its_parent_and_what_was_added(shop: Shop) -> None:
    dataset = await shop.dataset("orders")
    await shop.imported(dataset, GOOD)
    first = await shop.governed(dataset)
    await shop.imported(dataset, HEADER + line(3) + line(100) + line(101))
    second = await shop.governed(dataset)
    version = (
        await shop.stub.GetDatasetVersion(pb.GetDatasetVersionRequest(name=second.dataset_versions[0]))
    ).dataset_version
    assert (version.name, version.parent) == (f"{dataset}/versions/2", f"{dataset}/versions/1")
    added = await shop.rows(version.name, columns=["order_id"], added_since_version=first.dataset_versions[0])
    assert added["order_id"].to_pylist() == ["100", "101"]
    lineage = await shop.stub.GetLineage(pb.GetLineageRequest(name=version.name))
    assert (len(lineage.imports), list(lineage.parent_versions)) == (2, [f"{dataset}/versions/1"])


async def test_governing_again_without_news_gives_the_version_that_exists(shop: Shop) -> None:
    dataset = await shop.dataset("orders")
    await shop.imported(dataset, GOOD)
    first = await shop.governed(dataset)
    second = await shop.governed(dataset)
    assert second.name != first.name
    assert list(second.dataset_versions) == list(first.dataset_versions)
    assert len(shop.events("dataset_version.published", governance_events_pb2.DatasetVersionPublished)) == 1
    report = await shop.stub.GetQualityReport(pb.GetQualityReportRequest(name=first.dataset_versions[0]))
    assert report.quality_report.dataset_version == first.dataset_versions[0]


async def test_the_same_bytes_are_imported_once(shop: Shop) -> None:
    dataset = await shop.dataset("orders")
    first = await shop.upload(dataset, GOOD, request_id="r1")
    assert (await shop.upload(dataset, GOOD, "other-name.csv")).name == first.name
    assert (await shop.upload(dataset, GOOD, request_id="r1")).name == first.name
    details = await refused(shop.upload(dataset, GOOD + line(50), request_id="r1"))
    assert (details.code.name, details.violations[0].field) == ("INVALID_ARGUMENT", "request_id")
    listed = await shop.stub.ListImports(pb.ListImportsRequest(dataset=dataset))
    assert len(listed.imports) == 1


UNREADABLE: dict[str, tuple[bytes | str, dict[str, Any], str, str | None]] = {
    "delimiter": (
        GOOD.replace(",", ";"),
        {"dialect": dataset_pb2.Dialect(delimiter=",")},
        "DELIMITER_MISMATCH",
        "InvoiceNo",
    ),
    "column": (GOOD.replace("Quantity", "Qty"), {}, "COLUMN_MISSING", "Quantity"),
    "truncated": (gzip.compress(GOOD.encode())[:-12], {}, "SOURCE_TRUNCATED", None),
    "encoding": (GOOD.encode("utf-16"), {}, "ENCODING_MISMATCH", None),
}


async def test_files_that_cannot_be_read_keep_nothing(shop: Shop) -> None:
    async def check(name: str, data: bytes | str, header: dict[str, Any], reason: str, column: str | None) -> None:
        dataset = await shop.dataset(name)
        failed = await shop.imported(dataset, data, **header)
        assert failed.status.state == job_pb2.JOB_STATE_FAILED
        failure = failed.status.failure
        assert failure.reason == reason
        assert failure.facts["file"] == "orders.csv"
        assert int(failure.facts["row"]) >= 1
        assert failure.facts.get("column") == column
        assert failure.message and failure.next_step
        details = await refused(shop.governed(dataset))
        assert (details.code.name, details.reason) == ("FAILED_PRECONDITION", "DATASET_EMPTY")
        again = await shop.upload(dataset, data, **header)
        assert again.name != failed.name  # a failed import may be tried again

    await asyncio.gather(*[check(name, *case) for name, case in UNREADABLE.items()])


async def test_a_byte_that_is_no_text_costs_one_row(shop: Shop) -> None:
    dataset = await shop.dataset("orders")
    done = await shop.imported(dataset, GOOD.encode() + line(60).encode().replace(b"SALT", b"SA\xffT"))
    assert (done.accepted_row_count, done.rejected_row_count) == (20, 1)
    page = await shop.stub.ListQuarantinedRows(pb.ListQuarantinedRowsRequest(parent=dataset))
    assert (page.quarantined_rows[0].source_line, page.quarantined_rows[0].column) == (22, "Description")
    assert "0xFF" in page.quarantined_rows[0].reason


async def test_a_failed_check_publishes_nothing_and_says_why(shop: Shop) -> None:
    contract = (
        "apiVersion: v3.0.2\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\n"
        "schema:\n- name: orders\n  quality:\n  - {metric: rowCount, mustBeGreaterThan: 1000}\n"
        "  properties:\n  - name: unit_price\n    logicalTypeOptions: {maximum: 1}\n"
    )
    good, strict = await shop.dataset("good"), await shop.dataset("strict", contract_yaml=contract)
    await shop.imported(good, GOOD)
    await shop.imported(strict, GOOD)
    run = await shop.governed(good, strict)
    assert run.status.state == job_pb2.JOB_STATE_FAILED
    assert run.status.failure.reason == "QUALITY_GATE_FAILED"
    assert not run.dataset_versions
    for dataset in (good, strict):
        assert not (
            await shop.stub.ListDatasetVersions(pb.ListDatasetVersionsRequest(dataset=dataset))
        ).dataset_versions
    report = (await shop.stub.GetQualityReport(pb.GetQualityReportRequest(name=strict))).quality_report
    assert report.dataset_version == ""
    assert [check.check for check in report.checks if not check.passed] == ["table.rowCount", "unit_price.range"]
    (gate,) = shop.events("quality_gate.failed", governance_events_pb2.QualityGateFailed)
    assert (gate.dataset, len(gate.failed_checks)) == (strict, 2)
    (failed,) = shop.events("run.failed", governance_events_pb2.GovernanceRunFailed)
    assert failed.failure.reason == "QUALITY_GATE_FAILED"
    settings = shop.host.platform.settings
    assert isinstance(settings, GovernanceSettings)
    assert not list(settings.tables_dir.glob("*/*"))
    details = await refused(shop.stub.GetDatasetVersion(pb.GetDatasetVersionRequest(name=f"{good}/versions/latest")))
    assert details.code.name == "NOT_FOUND"


@both_databases
async def test_a_pipeline_run_is_taken_up_once_and_its_slip_passed_on(shop: Shop) -> None:
    dataset = await shop.dataset("orders")
    await shop.imported(dataset, GOOD)
    slip = pipeline_spec_pb2.RoutingSlip(pipeline_run="pipelines/p/runs/r1")
    slip.spec.governance.dataset_runs.add(dataset=dataset)
    slip.spec.registry.model = "models/m"
    publisher = _Publisher(shop)
    await publisher.publish(monitor_events_pb2.PipelineRunRequested(slip=slip), "event-1")
    await publisher.publish(monitor_events_pb2.PipelineRunRequested(slip=slip), "event-1")
    await publisher.publish(monitor_events_pb2.PipelineRunRequested(slip=slip), "event-1-again")
    wrong = pipeline_spec_pb2.RoutingSlip(pipeline_run="pipelines/p/runs/r2")
    wrong.spec.governance.dataset_runs.add(dataset="datasets/nowhere")
    await publisher.publish(monitor_events_pb2.PipelineRunRequested(slip=wrong), "event-2")
    await publisher.told("run.failed")
    (run,) = (await shop.stub.ListGovernanceRuns(pb.ListGovernanceRunsRequest())).governance_runs
    assert run.pipeline_run == "pipelines/p/runs/r1"
    await shop.finished(run.name)
    (completed,) = shop.events("run.completed", governance_events_pb2.GovernanceRunCompleted)
    assert list(completed.slip.dataset_versions) == [f"{dataset}/versions/1"]
    assert completed.slip.spec == slip.spec
    (failed,) = shop.events("run.failed", governance_events_pb2.GovernanceRunFailed)
    assert (failed.failure.reason, failed.slip.pipeline_run) == ("DATASET_NOT_FOUND", "pipelines/p/runs/r2")


@both_databases
async def test_versions_count_up_without_gaps_under_concurrent_runs(shop: Shop) -> None:
    dataset = await shop.dataset("orders")
    await shop.imported(dataset, GOOD)
    runs = await asyncio.gather(*[shop.governed(dataset) for _ in range(2)])
    names = sorted(run.dataset_versions[0] for run in runs)
    assert names == [f"{dataset}/versions/{number}" for number in (1, 2)]
    page = await shop.stub.ListDatasetVersions(pb.ListDatasetVersionsRequest(dataset=dataset, page_size=1))
    rest = await shop.stub.ListDatasetVersions(
        pb.ListDatasetVersionsRequest(dataset=dataset, page_size=1, page_token=page.next_page_token)
    )
    versions = [*page.dataset_versions, *rest.dataset_versions]
    assert [version.name for version in versions] == names[::-1]
    assert len({version.content_hash for version in versions}) == 1
    assert (await shop.rows(names[1], added_since_version=names[0])).num_rows == 0


async def test_a_cancelled_run_publishes_nothing_and_tells_so(shop: Shop) -> None:
    dataset = await shop.dataset("orders")
    await shop.imported(dataset, GOOD)
    stage = pipeline_spec_pb2.GovernanceStage(dataset_runs=[pipeline_spec_pb2.DatasetRun(dataset=dataset)])
    started = (await shop.stub.StartGovernanceRun(pb.StartGovernanceRunRequest(stage=stage))).governance_run
    request = pb.CancelGovernanceRunRequest(name=started.name, request_id="c1")
    await shop.stub.CancelGovernanceRun(request)
    assert (await shop.finished(started.name)).status.state == job_pb2.JOB_STATE_CANCELLED
    await shop.stub.CancelGovernanceRun(request)  # the same request again
    assert not (await shop.stub.ListDatasetVersions(pb.ListDatasetVersionsRequest(dataset=dataset))).dataset_versions
    (failed,) = shop.events("run.failed", governance_events_pb2.GovernanceRunFailed)
    assert failed.failure.reason == "JOB_CANCELLED"


@both_databases
async def test_user_events_count_once_and_only_against_served_answers(shop: Shop) -> None:
    settings = shop.host.platform.settings
    assert isinstance(settings, GovernanceSettings)
    payload = {"a": "answer-1", "m": "models/m/versions/3", "c": "", "s": "search", "p": ["p1", "p2"], "t": 1}
    token = Signer.from_file(settings.signing_key_path).sign(json.dumps(payload).encode(), 60)

    def click(event_id: str, **more: Any) -> user_event_pb2.UserEvent:
        event = user_event_pb2.UserEvent(
            **{"event_id": event_id, "type": 1, "product_id": "p1", "attribution_token": token, "position": 1} | more
        )
        if "event_time" not in more:
            event.event_time.GetCurrentTime()
        return event

    events = [
        click("e1", model_version="models/forged/versions/1"),
        click("e1"),
        click("e2", product_id="p9"),
        click("e3", attribution_token=token[:-2] + "xx"),
        click("e4", attribution_token=""),
        click("e5", type=3, attribution_token=""),
        click("", type=3),
        click("e7", type=99),
    ]
    answer = await shop.stub.CollectUserEvents(pb.CollectUserEventsRequest(events=events))
    assert (answer.accepted_count, answer.duplicate_count) == (2, 1)
    assert [(problem.index, problem.failure.reason) for problem in answer.problems] == [
        (2, "PRODUCT_NOT_SHOWN"),
        (3, "TOKEN_INVALID"),
        (4, "TOKEN_MISSING"),
        (6, "EVENT_INVALID"),
        (7, "EVENT_INVALID"),
    ]
    again = await shop.stub.CollectUserEvents(pb.CollectUserEventsRequest(events=events[:2]))
    assert (again.accepted_count, again.duplicate_count) == (0, 2)
    (collected,) = shop.events("user_events.collected", governance_events_pb2.UserEventsCollected)
    assert [(event.event_id, event.model_version) for event in collected.events] == [
        ("e1", "models/m/versions/3"),
        ("e5", ""),
    ]
    details = await refused(shop.stub.CollectUserEvents(pb.CollectUserEventsRequest()))
    assert details.violations[0].field == "events"


@both_databases
async def test_mutations_with_a_request_id_are_safe_to_repeat(shop: Shop) -> None:
    first = await shop.dataset("orders", request_id="one")
    assert await shop.dataset("orders", request_id="one") == first == await shop.dataset("orders")
    details = await refused(
        shop.stub.CreateDataset(pb.CreateDatasetRequest(dataset_id="orders", kind=dataset_pb2.DATASET_KIND_PRODUCTS))
    )
    assert (details.code.name, details.reason) == ("ALREADY_EXISTS", "DATASET_EXISTS")
    await shop.imported(first, GOOD)
    stage = pipeline_spec_pb2.GovernanceStage(dataset_runs=[pipeline_spec_pb2.DatasetRun(dataset=first)])
    request = pb.StartGovernanceRunRequest(stage=stage, request_id="two")
    names = {(await shop.stub.StartGovernanceRun(request)).governance_run.name for _ in range(3)}
    assert len(names) == 1
    run = await shop.finished(names.pop())
    details = await refused(shop.stub.CancelGovernanceRun(pb.CancelGovernanceRunRequest(name=run.name)))
    assert (details.code.name, details.reason) == ("FAILED_PRECONDITION", "RUN_ENDED")


async def test_files_below_the_import_root_can_be_read_and_no_others(shop: Shop, tmp_path: Path) -> None:
    dataset = await shop.dataset("orders")
    (tmp_path / "inbox" / "good.csv").write_text(GOOD)
    (tmp_path / "secret.csv").write_text(GOOD)
    (tmp_path / "inbox" / "link.csv").symlink_to(tmp_path / "secret.csv")
    answer = await shop.stub.ImportDataset(pb.ImportDatasetRequest(dataset=dataset, relative_path="good.csv"))
    assert getattr(answer, "import").source_bytes == len(GOOD)
    for path, code in (
        ("../secret.csv", "INVALID_ARGUMENT"),
        (str(tmp_path / "secret.csv"), "INVALID_ARGUMENT"),
        ("a\\b.csv", "INVALID_ARGUMENT"),
        ("link.csv", "NOT_FOUND"),
        ("absent.csv", "NOT_FOUND"),
    ):
        details = await refused(shop.stub.ImportDataset(pb.ImportDatasetRequest(dataset=dataset, relative_path=path)))
        assert details.code.name == code, path


async def test_wrong_fields_are_named(shop: Shop) -> None:
    stub, dataset = shop.stub, await shop.dataset("orders")
    await shop.imported(dataset, GOOD)
    await shop.governed(dataset)
    version = f"{dataset}/versions/1"
    run = pipeline_spec_pb2.DatasetRun
    stage = pipeline_spec_pb2.GovernanceStage

    def start(*parts: pipeline_spec_pb2.DatasetRun) -> Any:
        return stub.StartGovernanceRun(pb.StartGovernanceRunRequest(stage=stage(dataset_runs=parts)))

    wrong = [
        (stub.ListDatasets(pb.ListDatasetsRequest(page_size=-1)), "page_size"),
        (stub.ListImports(pb.ListImportsRequest(dataset=dataset, page_size=-1)), "page_size"),
        (stub.ListQuarantinedRows(pb.ListQuarantinedRowsRequest(parent=dataset, page_size=-1)), "page_size"),
        (stub.ListDatasets(pb.ListDatasetsRequest(page_token="zzz")), "page_token"),
        (stub.GetDataset(pb.GetDatasetRequest(name="datasets/../x")), "name"),
        (stub.CreateDataset(pb.CreateDatasetRequest(dataset_id="A b", kind=1)), "dataset_id"),
        (stub.CreateDataset(pb.CreateDatasetRequest(dataset_id="x")), "kind"),
        (stub.CreateDataset(pb.CreateDatasetRequest(dataset_id="x", kind=1, contract_yaml="a: [")), "contract_yaml"),
        (stub.GetDatasetVersion(pb.GetDatasetVersionRequest(name=f"{dataset}/versions/one")), "name"),
        (start(), "stage.dataset_runs"),
        (start(run(dataset=dataset), run(dataset=dataset)), "stage.dataset_runs[1].dataset"),
        (start(run(dataset=dataset, disabled_rules=["x"])), "stage.dataset_runs[0].disabled_rules[0]"),
        (shop.upload(dataset, b""), "chunk"),
        (shop.upload(dataset, GOOD, "notes.txt"), "header.format"),
        (shop.upload(dataset, GOOD, sha256="12"), "header.sha256"),
        (shop.rows(version, columns=["title", "colour"]), "columns[1]"),
        (shop.rows(version, sample_row_count=-1), "sample_row_count"),
    ]
    for call, field in wrong:
        details = await refused(call)
        assert (details.code.name, [violation.field for violation in details.violations]) == (
            "INVALID_ARGUMENT",
            [field],
        )
    unknown = [
        stub.GetDataset(pb.GetDatasetRequest(name="datasets/nowhere")),
        stub.GetImport(pb.GetImportRequest(name=f"{dataset}/imports/none")),
        stub.GetGovernanceRun(pb.GetGovernanceRunRequest(name="governanceRuns/none")),
        stub.GetDatasetVersion(pb.GetDatasetVersionRequest(name=f"{dataset}/versions/9")),
        stub.ListImports(pb.ListImportsRequest(dataset="datasets/nowhere")),
        stub.GetLineage(pb.GetLineageRequest(name=version, row_id="0" * 24)),
        start(run(dataset="datasets/nowhere")),
        shop.upload("datasets/nowhere", GOOD),
        shop.rows(f"{dataset}/versions/9"),
    ]
    for call in unknown:
        assert (await refused(call)).code.name == "NOT_FOUND"
    details = await refused(shop.upload(dataset, GOOD + line(70), sha256="0" * 64))
    assert details.code.name == "DATA_LOSS"


async def test_contracts_are_checked_before_they_are_stored(shop: Shop) -> None:
    dataset = await shop.dataset("orders")
    answer = await shop.stub.ValidateContract(
        pb.ValidateContractRequest(contract_yaml="apiVersion: v3.0.2\nkind: x\nfoo: 1")
    )
    assert [problem.facts["line"] for problem in answer.problems] == ["3"]
    details = await refused(shop.stub.CreateContract(pb.CreateContractRequest(dataset=dataset, contract_yaml="x: *a")))
    assert details.violations[0].field == "contract_yaml"
    text = "apiVersion: v3.0.2\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\nschema:\n- name: orders\n"
    stored = await shop.stub.CreateContract(pb.CreateContractRequest(dataset=dataset, contract_yaml=text))
    assert stored.dataset.contract_yaml == text
    assert not (await shop.stub.ValidateContract(pb.ValidateContractRequest(contract_yaml=text))).problems


class _Publisher:
    """Puts events on the bus as the monitor does."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def publish(self, message: Any, event_id: str) -> None:
        settings = self._shop.host.platform.settings
        client = await nats.connect(
            settings.nats_url,
            user="monitor",
            password="password of monitor",
            inbox_prefix=inbox_prefix("monitor"),
        )
        headers = event_headers("monitor", event_id, message.DESCRIPTOR.full_name, 1.7e9)
        del headers[MESSAGE_ID]  # the bus must not be the one who notices the second delivery
        try:
            stream = client.jetstream()
            await stream.publish(
                "aisle.monitor.pipeline_run.requested.v1", message.SerializeToString(), headers=headers
            )
        finally:
            await client.close()

    async def told(self, subject: str) -> None:
        """Wait until something was told on the subject."""
        told = asyncio.Event()

        def look() -> None:
            from google.protobuf.empty_pb2 import Empty

            if self._shop.events(subject, Empty):
                told.set()

        remove = self._shop.host.platform.db.on_commit(look)
        look()
        await asyncio.wait_for(told.wait(), 15)
        remove()
