"""Standardisation and privacy through the doors: dirty products in, one scale out, and no personal data in what can be read."""

import json
from pathlib import Path

import pytest
from aisle.governance.v1 import dataset_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.pipeline.v1 import pipeline_spec_pb2
from aisle.type.v1 import job_pb2
from aisle_governance.settings import GovernanceSettings
from aisle_runtime.testing.nats import nats_server  # noqa: F401
from test_governance import Shop, refused, shop  # noqa: F401

PERSON, PHONE = "jane.doe@example.com", "020 7946 0958"
ROWS = [
    "id,name,text,maker,group,cost,money,barcode,colour,size",
    f"1,Frying pan 10 in,Questions? {PERSON} or {PHONE},ACME Ltd,knives,10,EUR,4006381333931,Navy Blue,28 cm",
    f"2,Juice 2 x 500ml,Mail {PERSON},Acme,Misc,10,JPY,4006381333932,透明,",
    "3,茶 ５００ｇ,,Acme,,10,GBP,,,",
    f"4,broken,{PERSON},Acme,,{PERSON},GBP,,,",
    f"1,Frying pan 10 in,Questions? {PERSON} or {PHONE},ACME Ltd,knives,10,EUR,4006381333931,Navy Blue,28 cm",
]
COLUMNS = {
    "product_id": "id",
    "title": "name",
    "description": "text",
    "brand": "maker",
    "category": "group",
    "price": "cost",
    "currency": "money",
    "gtin": "barcode",
}


def mapping(policy: dataset_pb2.PiiPolicy.ValueType) -> dataset_pb2.ColumnMapping:
    standards = dataset_pb2.Standards(
        target_currency="GBP",
        currency_rates=[pipeline_spec_pb2.CurrencyRate(currency="EUR", date="2026-01-01", rate=0.85)],
        taxonomy=["Home > Kitchen > Knives"],
    )
    return dataset_pb2.ColumnMapping(columns=COLUMNS, standards=standards, pii_policies={"description": policy})


async def create(shop: Shop, policy: dataset_pb2.PiiPolicy.ValueType) -> str:  # noqa: F811
    request = pb.CreateDatasetRequest(
        dataset_id="products", kind=dataset_pb2.DATASET_KIND_PRODUCTS, mapping=mapping(policy)
    )
    dataset = (await shop.stub.CreateDataset(request)).dataset
    assert dataset.mapping.pii_policies["description"] == policy
    assert dataset.mapping.standards.currency_rates[0].rate == 0.85
    done = await shop.imported(dataset.name, "\n".join(ROWS) + "\n", "products.csv")
    assert (done.accepted_row_count, done.rejected_row_count) == (4, 1)
    return str(dataset.name)


async def test_products_come_out_on_one_scale_with_counts_for_every_rule(shop: Shop) -> None:  # noqa: F811
    dataset = await create(shop, dataset_pb2.PII_POLICY_MASK)
    run = await shop.governed(dataset)
    assert run.status.state == job_pb2.JOB_STATE_SUCCEEDED, run.status.failure
    rows = {row["product_id"]: row for row in (await shop.rows(run.dataset_versions[0])).to_pylist()}
    assert sorted(rows) == ["1", "2", "3"]
    pan, juice, tea = rows["1"], rows["2"], rows["3"]
    assert pan["description"] == "Questions? [email] or [phone]"
    assert (pan["brand"], pan["colour"], pan["category"]) == ("Acme", "blue", "Home > Kitchen > Knives")
    assert (pan["length_mm"], pan["gtin"], pan["size"]) == (280.0, "04006381333931", "28 cm")
    assert (pan["price"], pan["standard_price"], pan["standard_currency"]) == (10.0, 8.5, "GBP")
    assert (juice["volume_ml"], juice["pack_count"], juice["gtin"], juice["colour"]) == (500.0, 2, None, "transparent")
    assert (juice["standard_price"], juice["category"]) == (None, "Misc")
    assert (tea["title"], tea["weight_g"], tea["language"], tea["standard_price"]) == ("茶 500g", 500.0, "zh", 10.0)
    assert json.loads(pan["_original"]) == {
        "brand": "ACME Ltd",
        "colour": "Navy Blue",
        "category": "knives",
        "gtin": "4006381333931",
    }
    assert json.loads(tea["_original"]) == {"title": "茶 ５００ｇ"}

    report = (await shop.stub.GetQualityReport(pb.GetQualityReportRequest(name=run.dataset_versions[0]))).quality_report
    rules = {rule.rule: rule for rule in report.rules}
    changed = {name: rule.changed_row_count for name, rule in rules.items()}
    assert {name: changed[name] for name in ("protect_pii", "unify_characters", "convert_prices", "parse_sizes")} == {
        "protect_pii": 3,
        "unify_characters": 1,
        "convert_prices": 2,
        "parse_sizes": 3,
    }
    assert changed["check_gtins"] == changed["standardise_colours"] == 2
    assert changed["standardise_brands"] == changed["map_categories"] == 1
    assert list(rules["protect_pii"].findings) == ["description: email in 3 rows, phone in 2 rows; masked"]
    assert list(rules["convert_prices"].findings) == ["1 prices have no rate on or before their day: 'JPY' (1)"]
    assert [(s.column, s.before, s.after) for s in rules["standardise_colours"].samples] == [
        ("colour", "Navy Blue", "blue"),
        ("colour", "透明", "transparent"),
    ]


async def test_no_personal_data_in_answers_and_run_rates_replace_the_mappings(shop: Shop) -> None:  # noqa: F811
    dataset = await create(shop, dataset_pb2.PII_POLICY_HASH)
    part = pipeline_spec_pb2.DatasetRun(dataset=dataset, disabled_rules=["standardise_colours"])
    part.currency_rates.add(currency="JPY", date="2026-01-01", rate=0.005)
    part.currency_rates.add(currency="EUR", date="2026-01-01", rate=0.9)
    stage = pipeline_spec_pb2.GovernanceStage(dataset_runs=[part])
    started = await shop.stub.StartGovernanceRun(pb.StartGovernanceRunRequest(stage=stage))
    assert started.governance_run.stage == stage
    run = await shop.finished(started.governance_run.name)
    assert run.status.state == job_pb2.JOB_STATE_SUCCEEDED, run.status.failure
    table = await shop.rows(run.dataset_versions[0])
    assert sorted(table["standard_price"].to_pylist()) == [0.05, 9.0, 10.0]
    assert "Navy Blue" in table["colour"].to_pylist()
    hashes = [text.split()[1] for text in table["description"].to_pylist() if text]
    assert len(set(hashes)) == 1 and hashes[0].startswith("[email:")  # the same person in both rows

    report = (await shop.stub.GetQualityReport(pb.GetQualityReportRequest(name=run.dataset_versions[0]))).quality_report
    page = await shop.stub.ListQuarantinedRows(pb.ListQuarantinedRowsRequest(parent=dataset))
    assert {row.rule for row in page.quarantined_rows} == {"drop_exact_duplicates", "import"}
    shown = f"{report} {page} {table.to_pylist()}"
    assert PERSON not in shown and PHONE not in shown
    settings = shop.host.platform.settings
    assert isinstance(settings, GovernanceSettings)
    key: Path = settings.pii_key_path
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_bytes().hex() not in shown


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"pii_policies": {"description": 0}}, "mapping.pii_policies['description']"),
        ({"pii_policies": {"title": dataset_pb2.PII_POLICY_DROP}}, "mapping.pii_policies['title']"),
        ({"standards": dataset_pb2.Standards(measure_system=99)}, "mapping.standards.measure_system"),
        ({"standards": dataset_pb2.Standards(price_date="31/02")}, "mapping.standards.price_date"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_its_field(shop: Shop, change: dict, field: str) -> None:  # type: ignore[type-arg]  # noqa: F811
    request = pb.CreateDatasetRequest(
        dataset_id="p", kind=dataset_pb2.DATASET_KIND_PRODUCTS, mapping=dataset_pb2.ColumnMapping(**change)
    )
    details = await refused(shop.stub.CreateDataset(request))
    assert (details.code.name, [violation.field for violation in details.violations]) == ("INVALID_ARGUMENT", [field])


async def test_run_rates_need_a_target_currency(shop: Shop) -> None:  # noqa: F811
    dataset = await shop.dataset("orders")
    part = pipeline_spec_pb2.DatasetRun(dataset=dataset)
    part.currency_rates.add(currency="EUR", date="2026-01-01", rate=0.9)
    stage = pipeline_spec_pb2.GovernanceStage(dataset_runs=[part])
    details = await refused(shop.stub.StartGovernanceRun(pb.StartGovernanceRunRequest(stage=stage)))
    assert details.violations[0].field == "stage.dataset_runs[0].currency_rates"
