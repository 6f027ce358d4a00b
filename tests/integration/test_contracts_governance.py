"""Contracts, readiness, shapes and dry runs through the doors: real server, real bus, real child processes."""

from typing import Any

from aisle.governance.v1 import column_shape_pb2, contract_pb2, dataset_pb2, governance_events_pb2, governance_run_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.pipeline.v1 import pipeline_spec_pb2
from aisle.registry.v1 import model_version_pb2, registry_events_pb2
from aisle.trainer.v1 import trainer_events_pb2, training_job_pb2
from aisle.type.v1 import job_pb2
from aisle_governance.events import AliasDoor
from aisle_governance.events_models import ModelDoor
from aisle_runtime.testing.nats import NatsServer, nats_server  # noqa: F401
from test_governance import GOOD, HEADER, Shop, line, refused, shop  # noqa: F401
from test_governance_versions import _received, published

CONTRACT = """apiVersion: v3.0.2
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
- name: orders
  quality:
  - {type: custom, engine: aisle, name: crashes, severity: warning, implementation: "title / 2 > 1"}
  - type: custom
    engine: aisle
    severity: warning
    implementation: {check: volume, minRatio: 0.9}
    customProperties: [{property: readiness, value: behaviour}]
  properties:
  - name: product_id
    relationships: [{to: products.product_id}]
  - name: unit_price
    logicalTypeOptions: {minimum: 0, maximum: 50}
    quality:
    - {type: custom, engine: aisle, severity: info, implementation: {check: distribution, maxPsi: 0.2}}
"""


async def products(shop: Shop, count: int = 40) -> str:  # noqa: F811
    request = pb.CreateDatasetRequest(dataset_id="products", kind=dataset_pb2.DATASET_KIND_PRODUCTS)
    name = str((await shop.stub.CreateDataset(request)).dataset.name)
    await shop.imported(name, "product_id,title\n" + "".join(f"{10000 + n},Mug {n}\n" for n in range(count)))
    return name


async def run(shop: Shop, *datasets: str, dry_run: bool = False) -> Any:  # noqa: F811
    stage = pipeline_spec_pb2.GovernanceStage(
        dataset_runs=[pipeline_spec_pb2.DatasetRun(dataset=dataset) for dataset in datasets]
    )
    request = pb.StartGovernanceRunRequest(stage=stage, dry_run=dry_run)
    last = (await shop.stub.StartGovernanceRun(request)).governance_run
    watched = pb.WatchGovernanceRunRequest(name=last.name)
    async for state in shop.stub.WatchGovernanceRun(watched, timeout=250):
        last = state.governance_run
    return last


async def report(shop: Shop, name: str, governance_run: str = "") -> governance_run_pb2.QualityReport:  # noqa: F811
    request = pb.GetQualityReportRequest(name=name, governance_run=governance_run)
    return (await shop.stub.GetQualityReport(request)).quality_report


async def test_checks_see_the_other_datasets_of_a_run_and_a_dry_run_publishes_nothing(shop: Shop) -> None:  # noqa: F811
    orders = await shop.dataset("orders", contract_yaml=CONTRACT)
    catalogue = await products(shop)
    await shop.imported(orders, GOOD)
    dry = await run(shop, orders, catalogue, dry_run=True)
    assert dry.status.state == job_pb2.JOB_STATE_SUCCEEDED and dry.dry_run and not dry.dataset_versions
    assert not (await shop.stub.ListDatasetVersions(pb.ListDatasetVersionsRequest(dataset=orders))).dataset_versions
    assert (await refused(report(shop, orders))).reason == "REPORT_NOT_FOUND"
    found = await report(shop, orders, dry.name)
    assert (found.dataset_version, found.output_row_count) == ("", 20) and found.rules and found.after
    checks = {one.check: one for one in found.checks}
    assert checks["product_id.reference.products"].passed
    assert not checks["crashes"].passed and "could not be checked" in checks["crashes"].message
    assert list(checks["table.volume"].readiness_tiers) == ["behaviour"]
    assert shop.events("dataset_version.published", governance_events_pb2.DatasetVersionPublished) == []
    assert shop.events("run.completed", governance_events_pb2.GovernanceRunCompleted) == []
    done = await run(shop, orders, catalogue)
    assert list(done.dataset_versions) == [f"{orders}/versions/1", f"{catalogue}/versions/1"]
    assert (await refused(report(shop, "datasets/other", done.name))).reason == "DATASET_NOT_FOUND"

    # A product that nobody knows stops the run; the published products count when they are not in the run.
    await shop.imported(orders, HEADER + line(900, price=49))
    stopped = await run(shop, orders)
    assert stopped.status.failure.reason == "QUALITY_GATE_FAILED"
    assert stopped.status.failure.facts["checks"] == "product_id.reference.products"
    last = {one.check: one for one in (await report(shop, orders, stopped.name)).checks}
    assert last["product_id.reference.products"].failed_row_count == 1
    assert "times its 20 rows" in last["table.volume"].message and last["table.volume"].passed
    assert last["unit_price.distribution"].severity == governance_run_pb2.SEVERITY_INFO
    assert "PSI" in last["unit_price.distribution"].message


async def test_a_suggestion_is_taken_kept_and_compared(shop: Shop) -> None:  # noqa: F811
    orders = await shop.dataset("orders")
    version = await published(shop, orders, HEADER + "".join(line(n, price=1 + n % 9) for n in range(60)))
    suggested = await shop.stub.SuggestContract(contract_pb2.SuggestContractRequest(dataset_version=version))
    again = await shop.stub.SuggestContract(contract_pb2.SuggestContractRequest(dataset_version=version))
    assert suggested == again and suggested.checks and all(one.holding_ratio == 1 for one in suggested.checks)
    await shop.stub.CreateContract(
        pb.CreateContractRequest(dataset=orders, contract_yaml=suggested.contract_yaml, request_id="one")
    )
    done = await run(shop, orders)
    assert done.status.state == job_pb2.JOB_STATE_SUCCEEDED
    assert all(one.passed for one in (await report(shop, done.dataset_versions[0])).checks)

    listed = await shop.stub.ListContractVersions(contract_pb2.ListContractVersionsRequest(dataset=orders, page_size=1))
    rest = await shop.stub.ListContractVersions(
        contract_pb2.ListContractVersionsRequest(dataset=orders, page_token=listed.next_page_token, page_size=1)
    )
    names = [one.name for one in (*listed.contract_versions, *rest.contract_versions)]
    assert names == [f"{orders}/contracts/1", f"{orders}/contracts/0"] and not rest.next_page_token
    newest = await shop.stub.GetContractVersion(
        contract_pb2.GetContractVersionRequest(name=f"{orders}/contracts/latest")
    )
    assert newest.contract_version.contract_yaml == suggested.contract_yaml
    published_version = (
        await shop.stub.GetDatasetVersion(pb.GetDatasetVersionRequest(name=done.dataset_versions[0]))
    ).dataset_version
    assert published_version.contract_hash == newest.contract_version.contract_hash
    missing = contract_pb2.GetContractVersionRequest(name=f"{orders}/contracts/7")
    assert (await refused(shop.stub.GetContractVersion(missing))).reason == "CONTRACT_NOT_FOUND"

    shapes = await shop.stub.GetColumnShapes(column_shape_pb2.GetColumnShapesRequest(dataset_version=version))
    price = next(one for one in shapes.columns if one.column == "unit_price")
    assert (price.value_count, round(price.distinct_count), price.quantiles[-1].value) == (60, 9, 9)
    empty = contract_pb2.SuggestContractRequest(dataset_version=f"{orders}/versions/9")
    assert (await refused(shop.stub.SuggestContract(empty))).reason == "VERSION_NOT_FOUND"


async def test_a_change_names_the_datasets_and_models_that_use_a_column(shop: Shop) -> None:  # noqa: F811
    orders = await shop.dataset("orders", contract_yaml=CONTRACT)
    catalogue = await products(shop)
    await shop.imported(orders, GOOD)
    await run(shop, orders, catalogue)
    await tell_of_models(shop, f"{orders}/versions/1")
    stored = contract_pb2.ContractSource(contract=f"{orders}/contracts/latest")
    wider = contract_pb2.ContractSource(contract_yaml=CONTRACT.replace("maximum: 50", "maximum: 90"))
    changes = (await shop.stub.DiffContract(contract_pb2.DiffContractRequest(base=stored, target=wider))).changes
    (found,) = changes
    assert (found.kind, found.check) == (contract_pb2.CONTRACT_CHANGE_KIND_BREAKING, "unit_price.range")
    users = {one.user: one for one in found.uses}
    assert users[orders].user_column == "UnitPrice"
    model = users["models/m/versions/1"]
    assert (list(model.aliases), model.column_is_known, model.dataset_version) == (
        ["production"],
        True,
        f"{orders}/versions/1",
    )
    assert not users["models/old/versions/1"].column_is_known and "models/other/versions/1" not in users
    back = (await shop.stub.DiffContract(contract_pb2.DiffContractRequest(base=wider, target=stored))).changes
    assert back[0].kind == contract_pb2.CONTRACT_CHANGE_KIND_TIGHTENING

    default = contract_pb2.ContractSource(contract=f"{catalogue}/contracts/0")
    fewer = contract_pb2.ContractSource(contract_yaml=CONTRACT[: CONTRACT.index("  quality")])
    gone = (await shop.stub.DiffContract(contract_pb2.DiffContractRequest(base=default, target=fewer))).changes
    used = {use.user for one in gone if one.column == "product_id" for use in one.uses}
    assert used == {catalogue, orders}  # orders refers to products.product_id
    for base, target, field in ((wider, wider, "target.contract"), (stored, default, "target.contract")):
        details = await refused(shop.stub.DiffContract(contract_pb2.DiffContractRequest(base=base, target=target)))
        assert details.violations[0].field == field
    empty = contract_pb2.DiffContractRequest(base=stored)
    assert (await refused(shop.stub.DiffContract(empty))).violations[0].field == "target"


async def tell_of_models(shop: Shop, version: str) -> None:  # noqa: F811
    """One model that read unit_price, one that read something else, one of which nobody knows."""
    door = ModelDoor(shop.host.platform.db, shop.host.platform.inbox)
    for number, column in enumerate(("unit_price", "title")):
        read = training_job_pb2.TrainingInput(
            task=pipeline_spec_pb2.TASK_KIND_PURCHASE, dataset_version=version, columns=[column]
        )
        job = training_job_pb2.TrainingJob(name=f"trainingJobs/j{number}", inputs=[read])
        event = trainer_events_pb2.TrainingJobSucceeded(training_job=job)
        for _ in range(2):
            await door.on_trained(_received(event, f"trained-{number}"))
    for name, job_name in (("m", "trainingJobs/j0"), ("other", "trainingJobs/j1"), ("old", "")):
        model = model_version_pb2.ModelVersion(
            name=f"models/{name}/versions/1", training_job=job_name, dataset_versions=[version]
        )
        registered = registry_events_pb2.ModelVersionRegistered(model_version=model)
        await door.on_registered(_received(registered, f"registered-{name}"))
        if name == "m":
            promoted = registry_events_pb2.ModelVersionPromoted(model_version=model, alias="production")
            aliases = AliasDoor(shop.host.platform.db, shop.host.platform.inbox)
            await aliases.on_promoted(_received(promoted, "promoted"))


async def test_readiness_says_what_is_missing(shop: Shop) -> None:  # noqa: F811
    orders = await shop.dataset("orders", contract_yaml=CONTRACT)
    catalogue = await products(shop)
    rows = "".join(
        line(n, product=10000 + n % 30, customer=n % 20, time=f"2011-07-{1 + n // 20:02d} 10:00:00") for n in range(120)
    )
    await shop.imported(orders, HEADER + rows)
    await run(shop, orders, catalogue)
    answer = await shop.stub.GetReadiness(contract_pb2.GetReadinessRequest())
    found = {one.tier: one for one in answer.tiers}
    assert found[contract_pb2.READINESS_TIER_PERSONALISED].ready and found[contract_pb2.READINESS_TIER_BEHAVIOUR].ready
    relevance = found[contract_pb2.READINESS_TIER_RELEVANCE]
    assert not relevance.ready and relevance.requirements[0].next_step
    bound = [
        one for one in found[contract_pb2.READINESS_TIER_BEHAVIOUR].requirements if one.requirement.startswith("check:")
    ]
    assert [one.requirement for one in bound] == ["check:table.volume"] and bound[0].passed
    small = await shop.dataset("small")
    version = await published(shop, small, GOOD)
    request = contract_pb2.GetReadinessRequest(datasets=[version], tier=contract_pb2.READINESS_TIER_PERSONALISED)
    (tier,) = (await shop.stub.GetReadiness(request)).tiers
    missing = {one.requirement: one for one in tier.requirements if not one.passed}
    assert not tier.ready and set(missing) == {"orders.interactions", "orders.customers"}
    assert (missing["orders.interactions"].observed_value, missing["orders.interactions"].threshold) == (20, 100)
    bad = contract_pb2.GetReadinessRequest(datasets=["datasets/x/y"])
    assert (await refused(shop.stub.GetReadiness(bad))).violations[0].field == "datasets[0]"
