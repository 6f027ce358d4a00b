"""Optional rules and cell repair through the service's doors: real server, real bus, real child processes."""

from typing import Any

import grpc
import pytest
from aisle.governance.v1 import dataset_pb2, repair_model_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.pipeline.v1 import cleaning_rules_pb2 as rules_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2
from aisle.type.v1 import job_pb2
from aisle_runtime.client import error_details
from aisle_runtime.testing.nats import nats_server  # noqa: F401
from test_governance import Shop, shop  # noqa: F401

BRANDS = ("Acme", "Brio", "Corvus")


def catalogue() -> str:
    """Thirty products; brands wear `Brand: ` in front, two are misread, one is listed twice."""
    lines = ["product_id,title,brand,category"]
    for n in range(30):
        brand = BRANDS[n % 3]
        lines.append(f"p{n},Item number {n} of the {brand} series,Brand: {brand},{brand.lower()} goods")
    lines.append("p90,ITEM number 4 of the Brio series!,,brio goods")
    return "\n".join(lines) + "\n"


async def run(shop: Shop, dataset: str, **more: Any) -> Any:  # noqa: F811
    part = pipeline_spec_pb2.DatasetRun(dataset=dataset, **more)
    stage = pipeline_spec_pb2.GovernanceStage(dataset_runs=[part])
    started = await shop.stub.StartGovernanceRun(pb.StartGovernanceRunRequest(stage=stage))
    return await shop.finished(started.governance_run.name)


async def learned(shop: Shop, dataset: str, rows: list[repair_model_pb2.LabelledRow]) -> Any:  # noqa: F811
    request = pb.CreateRepairModelRequest(dataset=dataset, labelled_rows=rows, suggestion_count=3, request_id="one" * 3)
    made = (await shop.stub.CreateRepairModel(request)).repair_model
    last = made
    async for state in shop.stub.WatchRepairModel(pb.WatchRepairModelRequest(name=made.name), timeout=60):
        last = state.repair_model
    return last


async def products(shop: Shop) -> str:  # noqa: F811
    request = pb.CreateDatasetRequest(dataset_id="shop", kind=dataset_pb2.DATASET_KIND_PRODUCTS)
    name: str = (await shop.stub.CreateDataset(request)).dataset.name
    await shop.imported(name, catalogue(), "products.csv")
    return name


async def test_labels_teach_repairs_that_the_next_run_applies(shop: Shop) -> None:  # noqa: F811
    name = await products(shop)
    asked = pb.CreateRepairModelRequest(dataset=name, suggestion_count=2)
    first = (await shop.stub.CreateRepairModel(asked)).repair_model
    async for state in shop.stub.WatchRepairModel(pb.WatchRepairModelRequest(name=first.name), timeout=60):
        first = state.repair_model
    assert first.status.state == job_pb2.JOB_STATE_SUCCEEDED
    assert len(first.suggested_rows) == 2 and not first.steps
    row = next(one for one in first.suggested_rows if one.values["brand"])
    label = repair_model_pb2.LabelledRow(
        row_id=row.row_id, values={"brand": row.values["brand"].removeprefix("Brand: ")}
    )
    model = await learned(shop, name, [label])
    assert (model.wrong_cell_count, model.mended_cell_count, model.broken_cell_count) == (1, 1, 0)
    assert [(list(one.columns), one.description) for one in model.steps] == [(["brand"], "removes 'Brand: ' in front")]

    ended = await run(shop, name)
    rows = await shop.rows(ended.dataset_versions[0], columns=["brand"])
    assert set(rows["brand"].to_pylist()) == {*BRANDS, None}
    report = (await shop.stub.GetQualityReport(pb.GetQualityReportRequest(name=name))).quality_report
    rule = next(one for one in report.rules if one.rule == "repair_cells")
    assert rule.changed_row_count == 30
    assert {(one.before, one.after) for one in rule.samples} == {(f"Brand: {brand}", brand) for brand in BRANDS}

    without = await run(shop, name, disabled_rules=["repair_cells"])
    rows = await shop.rows(without.dataset_versions[0], columns=["brand"])
    assert "Brand: Acme" in rows["brand"].to_pylist()
    listed = (await shop.stub.ListRepairModels(pb.ListRepairModelsRequest(dataset=name))).repair_models
    assert [one.name for one in listed] == [model.name, first.name]


async def test_near_duplicates_are_merged_on_request_and_their_ids_kept(shop: Shop) -> None:  # noqa: F811
    name = await products(shop)
    cleaning = rules_pb2.CleaningRules(near_duplicates=rules_pb2.NearDuplicateRule(threshold=0.8))
    ended = await run(shop, name, cleaning=cleaning)
    assert ended.stage.dataset_runs[0].cleaning.near_duplicates.keep == rules_pb2.KEEP_POLICY_MOST_COMPLETE
    version = ended.dataset_versions[0]
    rows = await shop.rows(version, columns=["product_id"])
    assert len(rows) == 30 and "p90" not in rows["product_id"].to_pylist()
    aside = await shop.stub.ListQuarantinedRows(
        pb.ListQuarantinedRowsRequest(parent=version, rule="merge_near_duplicates")
    )
    assert [one.reason for one in aside.quarantined_rows] == ["near duplicate of product p4"]
    found = await shop.stub.ListProductAliases(pb.ListProductAliasesRequest(dataset_version=version))
    assert [(one.alias_product_id, one.product_id) for one in found.product_aliases] == [("p90", "p4")]
    assert found.next_page_token == ""

    plain = await run(shop, name)
    empty = await shop.stub.ListProductAliases(pb.ListProductAliasesRequest(dataset_version=plain.dataset_versions[0]))
    assert not empty.product_aliases


@pytest.mark.parametrize(
    ("cleaning", "field"),
    [
        ({"bots": {}}, "stage.dataset_runs[0].cleaning.bots"),
        ({"outliers": [{"column": "title"}]}, "stage.dataset_runs[0].cleaning.outliers[0].column"),
        ({"missing_values": [{"column": "brand"}]}, "stage.dataset_runs[0].cleaning.missing_values[0].method"),
    ],
)
async def test_rules_that_do_not_fit_are_refused_with_their_place(
    shop: Shop,  # noqa: F811
    cleaning: dict[str, Any],
    field: str,
) -> None:
    name = await products(shop)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await run(shop, name, cleaning=rules_pb2.CleaningRules(**cleaning))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [one.field for one in error_details(caught.value).violations] == [field]


async def test_labels_that_cannot_be_used_are_refused(shop: Shop) -> None:  # noqa: F811
    name = await products(shop)
    wrong = repair_model_pb2.LabelledRow(row_id="abc", values={"price": "1"})
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await shop.stub.CreateRepairModel(pb.CreateRepairModelRequest(dataset=name, labelled_rows=[wrong]))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    unknown = await learned(shop, name, [repair_model_pb2.LabelledRow(row_id="abc", values={"brand": "x"})])
    assert unknown.status.state == job_pb2.JOB_STATE_FAILED
    assert unknown.status.failure.reason == "ROW_NOT_FOUND"
