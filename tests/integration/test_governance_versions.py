"""What becomes of versions and of rows put aside, through the doors."""

import asyncio
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from aisle.governance.v1 import dataset_history_pb2, governance_events_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.registry.v1 import model_version_pb2, registry_events_pb2
from aisle_governance.events import AliasDoor
from aisle_governance.settings import GovernanceSettings
from aisle_governance.storage import ledger
from aisle_runtime.bus import ReceivedEvent
from aisle_runtime.testing.nats import NatsServer, nats_server  # noqa: F401
from google.protobuf.message import Message
from test_governance import GOOD, HEADER, Shop, line, refused, shop  # noqa: F401


async def published(shop: Shop, dataset: str, data: str) -> str:  # noqa: F811
    """Import the rows, govern, and return the version."""
    await shop.imported(dataset, data)
    return str((await shop.governed(dataset)).dataset_versions[0])


def folders(shop: Shop) -> set[str]:  # noqa: F811
    settings = shop.host.platform.settings
    assert isinstance(settings, GovernanceSettings)
    return {path.name for path in settings.tables_dir.glob("*/*")}


async def swept(shop: Shop) -> None:  # noqa: F811
    db, jobs = shop.host.platform.db, shop.host.platform.jobs
    for job in await db.read(lambda conn: jobs.list(conn, "sweep")):
        async for _ in jobs.watch(job.id):
            pass


async def test_a_diff_counts_rows_and_measures_every_column(shop: Shop) -> None:  # noqa: F811
    dataset = await shop.dataset("orders")
    first = await published(shop, dataset, GOOD)
    second = await published(shop, dataset, HEADER + "".join(line(n, price=99, customer="") for n in range(100, 140)))
    third = await published(shop, dataset, HEADER + "".join(line(n, price=99 + n) for n in range(200, 240)))
    same = (
        await shop.stub.DiffDatasetVersions(pb.DiffDatasetVersionsRequest(base_version=second, version=second))
    ).diff
    assert (same.added_row_count, same.removed_row_count, same.changed_row_count) == (0, 0, 0)
    assert same.unchanged_row_count == 20 and not any(column.drifted for column in same.columns)
    diff = (await shop.stub.DiffDatasetVersions(pb.DiffDatasetVersionsRequest(base_version=first, version=third))).diff
    assert (diff.added_row_count, diff.removed_row_count, diff.unchanged_row_count) == (40, 0, 20)
    columns = {column.column: column for column in diff.columns}
    price = columns["unit_price"]
    assert (price.base.mean, price.profile.maximum) == (1.5, 338.0)
    assert price.drifted and price.psi > 0.2 and 0 < price.js_distance <= 1
    assert price.ks_statistic == pytest.approx(40 / 60) and price.ks_p_value < 0.01
    assert not columns["quantity"].drifted and columns["quantity"].psi == 0
    assert math.isnan(columns["title"].ks_statistic)
    assert "_row_id" not in columns and not diff.schema_changes
    back = (await shop.stub.DiffDatasetVersions(pb.DiffDatasetVersionsRequest(base_version=third, version=first))).diff
    assert (back.added_row_count, back.removed_row_count) == (0, 40)
    details = await refused(
        shop.stub.DiffDatasetVersions(
            pb.DiffDatasetVersionsRequest(base_version=first, version="datasets/x/versions/1")
        )
    )
    assert details.violations[0].field == "version"


async def test_a_rollback_is_a_new_version_with_the_old_rows(shop: Shop) -> None:  # noqa: F811
    dataset = await shop.dataset("orders")
    first = await published(shop, dataset, GOOD)
    second = await published(shop, dataset, HEADER + line(100))
    request = pb.RollbackDatasetRequest(version=first, request_id="back")
    made = (await shop.stub.RollbackDataset(request)).dataset_version
    assert (await shop.stub.RollbackDataset(request)).dataset_version == made
    assert (made.name, made.parent, made.restored_version) == (f"{dataset}/versions/3", second, first)
    assert (await shop.rows(f"{dataset}/versions/latest")).equals(await shop.rows(first))
    report = await shop.stub.GetQualityReport(pb.GetQualityReportRequest(name=made.name))
    assert report.quality_report.dataset_version == first
    told = shop.events("dataset_version.published", governance_events_pb2.DatasetVersionPublished)
    assert [event.dataset_version.name for event in told] == [first, second, made.name]
    details = await refused(shop.stub.RollbackDataset(pb.RollbackDatasetRequest(version=made.name)))
    assert (details.code.name, details.reason) == ("FAILED_PRECONDITION", "VERSION_IS_NEWEST")
    again = (await shop.governed(dataset)).dataset_versions[0]
    assert again == f"{dataset}/versions/4"
    assert (await shop.rows(again)).num_rows == 21  # the imports are as they were


async def test_a_vacuum_keeps_what_the_policy_the_newest_and_a_model_need(shop: Shop) -> None:  # noqa: F811
    dataset = await shop.dataset("orders")
    names = [await published(shop, dataset, HEADER + line(number)) for number in range(5)]
    details = await refused(shop.stub.VacuumDataset(pb.VacuumDatasetRequest(dataset=dataset)))
    assert details.reason == "NO_RETENTION_POLICY"
    policy = dataset_history_pb2.RetentionPolicy(dataset=dataset, keep_last_count=2)
    await shop.stub.UpdateRetentionPolicy(pb.UpdateRetentionPolicyRequest(retention_policy=policy))
    kept = (await shop.stub.GetRetentionPolicy(pb.GetRetentionPolicyRequest(dataset=dataset))).retention_policy
    assert kept == policy
    await shop.stub.RollbackDataset(pb.RollbackDatasetRequest(version=names[2]))  # 6 shares the table of 3
    door = AliasDoor(shop.host.platform.db, shop.host.platform.inbox)
    model = model_version_pb2.ModelVersion(name="models/m/versions/1", dataset_versions=[names[0]])
    event = registry_events_pb2.ModelVersionPromoted(model_version=model, alias="production")
    await door.on_promoted(_received(event, "event-1"))
    trial = await shop.stub.VacuumDataset(pb.VacuumDatasetRequest(dataset=dataset, dry_run=True))
    assert len(folders(shop)) == 5 and trial.freed_bytes > 0
    request = pb.VacuumDatasetRequest(dataset=dataset, request_id="v")
    done = await shop.stub.VacuumDataset(request)
    assert done == await shop.stub.VacuumDataset(request) == trial
    assert list(done.vacuumed_versions) == [names[1], names[3]]
    assert [(one.version.rpartition("/")[2], one.reason, one.holder) for one in done.kept_versions] == [
        ("1", "IN_USE", "models/m@production"),
        ("3", "SHARED", ""),
        ("5", "KEEP_LAST", ""),
        ("6", "LATEST", ""),
    ]
    await swept(shop)
    assert len(folders(shop)) == 3
    version = (await shop.stub.GetDatasetVersion(pb.GetDatasetVersionRequest(name=names[1]))).dataset_version
    assert version.HasField("vacuum_time") and version.row_count == 2
    assert (await shop.stub.GetQualityReport(pb.GetQualityReportRequest(name=names[1]))).quality_report.rules
    for call in (
        shop.rows(names[1]),
        shop.rows(names[4], added_since_version=names[1]),
        shop.stub.RollbackDataset(pb.RollbackDatasetRequest(version=names[1])),
        shop.stub.DiffDatasetVersions(pb.DiffDatasetVersionsRequest(base_version=names[1], version=names[4])),
        shop.stub.GetLineage(pb.GetLineageRequest(name=names[1], row_id="a" * 24)),
    ):
        details = await refused(call)
        assert (details.code.name, details.reason) == ("FAILED_PRECONDITION", "VERSION_VACUUMED")
    assert (await shop.rows(names[2])).num_rows == 3
    back = registry_events_pb2.AliasRolledBack(
        model_version=model_version_pb2.ModelVersion(name="models/m/versions/9", dataset_versions=[names[4]]),
        alias="production",
    )
    await door.on_rolled_back(_received(back, "event-2"))
    assert list((await shop.stub.VacuumDataset(pb.VacuumDatasetRequest(dataset=dataset))).vacuumed_versions) == [
        names[0]
    ]


def _received(message: Message, event_id: str) -> ReceivedEvent:
    kind = message.DESCRIPTOR.full_name
    return ReceivedEvent(event_id, kind, "", "aisle/registry", datetime.now(UTC), message.SerializeToString())


async def test_the_history_shows_what_is_unusual(shop: Shop) -> None:  # noqa: F811
    dataset = await shop.dataset("orders")
    for number in range(6):
        await published(shop, dataset, HEADER + "".join(line(100 * number + n) for n in range(30)))
    await published(shop, dataset, HEADER + "".join(line(5000 + n, customer="") for n in range(90)))
    page = await shop.stub.GetQualityHistory(pb.GetQualityHistoryRequest(dataset=dataset, page_size=4))
    rest = await shop.stub.GetQualityHistory(
        pb.GetQualityHistoryRequest(dataset=dataset, page_size=4, page_token=page.next_page_token)
    )
    points = [*page.points, *rest.points]
    assert [int(point.dataset_version.rpartition("/")[2]) for point in points] == [7, 6, 5, 4, 3, 2, 1]
    assert rest.next_page_token == ""
    newest = points[0]
    assert (newest.quarantined_row_count, newest.raw_defect_counts["missing_customer_id"]) == (90, 90)
    unusual = {one.metric: one for one in newest.anomalies}
    assert unusual["defect_ratio:missing_customer_id"].robust_z > 3.5
    assert unusual["quarantined_ratio"].median == 0
    assert [column.missing_ratio for column in newest.columns if column.column == "customer_id"] == [0.0]
    assert not points[5].anomalies  # too little history to say anything


async def test_rows_put_aside_come_back_with_their_provenance(shop: Shop) -> None:  # noqa: F811
    dataset = await shop.dataset("orders")
    data = (
        GOOD
        + line(30, customer="")
        + line(31, quantity=0)
        + line(32, quantity="many", product=77777)
        + "33,10033,LAMP\n"
        + line(0)
    )
    first = await published(shop, dataset, data)
    assert (await shop.rows(first)).num_rows == 20
    page = await shop.stub.ListQuarantinedRows(pb.ListQuarantinedRowsRequest(parent=dataset))
    aside = {row.source_line: row for row in page.quarantined_rows}
    assert not any(row.released for row in page.quarantined_rows)

    def release(*rows: tuple[int, dict[str, str]], **more: Any) -> Any:
        fixes = [dataset_history_pb2.RowFix(row_id=aside[number].row_id, values=values) for number, values in rows]
        return shop.stub.ReleaseQuarantinedRows(pb.ReleaseQuarantinedRowsRequest(dataset=dataset, rows=fixes, **more))

    short = {"order_id": "33", "product_id": "10033", "title": "LAMP", "quantity": "3",
             "order_time": "2011-07-02 10:00:00", "unit_price": "2", "customer_id": "5"}  # fmt: skip
    wrong = [
        (((23, {"quantity": "few"}),), "rows[0].values['quantity']"),
        (((23, {"colour": "red"}),), "rows[0].values['colour']"),
        (((24, {}),), "rows[0].values"),
        (((22, {}), (25, {"title": "LAMP"})), "rows[1].values"),
        (((22, {}), (22, {})), "rows[1].row_id"),
    ]
    for rows, field in wrong:
        details = await refused(release(*rows))
        assert (details.code.name, details.violations[0].field) == ("INVALID_ARGUMENT", field)
    details = await refused(
        shop.stub.ReleaseQuarantinedRows(
            pb.ReleaseQuarantinedRowsRequest(dataset=dataset, rows=[dataset_history_pb2.RowFix(row_id="a" * 24)])
        )
    )
    assert (details.code.name, details.reason) == ("NOT_FOUND", "ROW_NOT_QUARANTINED")

    decided = await release(
        (22, {}), (23, {"quantity": "4"}), (24, {"quantity": "7"}), (25, short), (26, {}), request_id="r"
    )
    assert [(one.rule, dict(one.fixes).get("quantity", "")) for one in decided.releases] == [
        ("drop_unknown_customers", ""),
        ("drop_invalid_quantities", "4"),
        ("import", "7"),
        ("import", "3"),
        ("drop_exact_duplicates", ""),
    ]
    page = await shop.stub.ListQuarantinedRows(pb.ListQuarantinedRowsRequest(parent=dataset))
    assert all(row.released for row in page.quarantined_rows)

    second = (await shop.governed(dataset)).dataset_versions[0]
    rows = await shop.rows(second)
    by_line = {row["_source_line"]: row for row in rows.to_pylist()}
    assert rows.num_rows == 25
    assert (by_line[22]["customer_id"], by_line[23]["quantity"]) == (None, 4)
    assert (by_line[24]["quantity"], by_line[24]["product_id"]) == (7, "77777")
    assert by_line[25]["order_time"].isoformat() == "2011-07-02T09:00:00+00:00"
    assert by_line[26]["order_id"] == "0"
    lineage = await shop.stub.GetLineage(pb.GetLineageRequest(name=second, row_id=aside[24].row_id))
    assert (lineage.row_source.source_line, lineage.row_release.rule) == (24, "import")
    assert dict(lineage.row_release.fixes) == {"quantity": "7"}
    version = (await shop.stub.GetDatasetVersion(pb.GetDatasetVersionRequest(name=second))).dataset_version
    assert len(version.imports) == 1
    report = (await shop.stub.GetQualityReport(pb.GetQualityReportRequest(name=second))).quality_report
    assert report.quarantined_row_count == 0
    diff = (await shop.stub.DiffDatasetVersions(pb.DiffDatasetVersionsRequest(base_version=first, version=second))).diff
    assert (diff.added_row_count, diff.changed_row_count) == (5, 0)


async def test_policies_and_names_are_checked(shop: Shop) -> None:  # noqa: F811
    dataset = await shop.dataset("orders")
    policy = dataset_history_pb2.RetentionPolicy(dataset=dataset, keep_days=-1)
    details = await refused(shop.stub.UpdateRetentionPolicy(pb.UpdateRetentionPolicyRequest(retention_policy=policy)))
    assert details.violations[0].field == "retention_policy.keep_days"
    unknown = [
        shop.stub.GetRetentionPolicy(pb.GetRetentionPolicyRequest(dataset="datasets/none")),
        shop.stub.GetQualityHistory(pb.GetQualityHistoryRequest(dataset="datasets/none")),
        shop.stub.RollbackDataset(pb.RollbackDatasetRequest(version=f"{dataset}/versions/1")),
        shop.stub.VacuumDataset(pb.VacuumDatasetRequest(dataset="datasets/none")),
    ]
    for details in await asyncio.gather(*map(refused, unknown)):
        assert details.code.name == "NOT_FOUND"
    assert await shop.host.platform.db.read(lambda conn: ledger.uses(conn, "orders")) == {}


async def test_rows_are_read_with_what_another_version_knew_at_their_time(shop: Shop) -> None:  # noqa: F811
    orders, prices = await shop.dataset("orders"), await shop.dataset("prices")
    days = [
        line(number, customer=7, price=price, time=f"2011-07-0{day} 10:00:00")
        for number, (day, price) in enumerate([(1, 10), (3, 30), (5, 50)])
    ]
    known = await published(shop, prices, HEADER + "".join(days))
    asked = [line(10 + day, customer=7, time=f"2011-07-0{day} 10:00:00") for day in (1, 2, 5, 6)]
    version = await published(shop, orders, HEADER + "".join(asked) + line(20, customer=8, time="2011-07-09 10:00:00"))
    join = dataset_history_pb2.AsOfJoin(
        dataset_version=known,
        keys=["customer_id"],
        time_column="order_time",
        other_time_column="order_time",
        columns=["unit_price"],
    )
    rows = await shop.rows(version, columns=["order_id"], as_of_join=join)
    assert rows.column_names == ["order_id", "as_of_unit_price"]
    assert rows["as_of_unit_price"].to_pylist() == [None, 10.0, 30.0, 50.0, None]
    join.include_equal_times, join.tolerance_seconds = True, 86_400
    rows = await shop.rows(version, columns=["order_id"], as_of_join=join, sample_row_count=100)
    assert rows["as_of_unit_price"].to_pylist() == [10.0, 10.0, 50.0, 50.0, None]
    join.columns[:] = ["colour"]
    details = await refused(shop.rows(version, as_of_join=join))
    assert details.violations[0].field == "as_of_join.columns[0]"
