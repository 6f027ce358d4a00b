"""The engine of a run through the doors: set by the operator, seen by nobody in the results."""

import json
from typing import Any

from aisle.governance.v1 import dataset_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.pipeline.v1 import cleaning_rules_pb2, pipeline_spec_pb2
from aisle_governance.settings import GovernanceSettings
from aisle_runtime.testing.nats import nats_server  # noqa: F401
from test_governance import Shop, refused, shop  # noqa: F401

NAMES = ("event_id", "event_type", "event_time", "visitor_id", "product_id", "query", "position")


def events(count: int = 120) -> str:
    """JSON lines with rows that are twice there, without an id, and of a program."""
    lines = []
    for number in range(count):
        values = (
            f"e{number}",
            "VIEW",
            f"2024-05-01T10:{number % 60:02}:00",
            f"v{number % 9}",
            f"p{number % 7}",
            "<b>tea</b>",
            number % 5,
        )
        lines.append(json.dumps(dict(zip(NAMES, values, strict=True))))
    bot = [
        json.dumps(
            dict(
                zip(
                    NAMES,
                    (f"b{number}", "VIEW", f"2024-05-01T11:00:{number:02}", "bot", f"p{number}", "", 0),
                    strict=True,
                )
            )
        )
        for number in range(50)
    ]
    return "\n".join([*lines, *lines[:7], lines[0].replace("e0", ""), *bot]) + "\n"


async def governed(shop: Shop, dataset_id: str) -> tuple[Any, ...]:  # noqa: F811
    """Everything that callers see of one governed dataset, without names and times."""
    mapping = dataset_pb2.ColumnMapping(columns={name: name for name in NAMES}, time_zone="Europe/London")
    request = pb.CreateDatasetRequest(dataset_id=dataset_id, kind=dataset_pb2.DATASET_KIND_USER_EVENTS, mapping=mapping)
    name = (await shop.stub.CreateDataset(request)).dataset.name
    await shop.imported(name, events(), "events.jsonl")
    cleaning = cleaning_rules_pb2.CleaningRules(bots=cleaning_rules_pb2.BotRule(), drop_repeated_rows=True)
    stage = pipeline_spec_pb2.GovernanceStage(
        dataset_runs=[pipeline_spec_pb2.DatasetRun(dataset=name, cleaning=cleaning)]
    )
    started = await shop.stub.StartGovernanceRun(pb.StartGovernanceRunRequest(stage=stage))
    run = await shop.finished(started.governance_run.name)
    version = run.dataset_versions[0]
    made = (await shop.stub.GetDatasetVersion(pb.GetDatasetVersionRequest(name=version))).dataset_version
    report = (await shop.stub.GetQualityReport(pb.GetQualityReportRequest(name=version))).quality_report
    aside = await shop.stub.ListQuarantinedRows(pb.ListQuarantinedRowsRequest(parent=version, page_size=100))
    rows = await shop.rows(version)
    rules = [(rule.rule, rule.quarantined_row_count, rule.changed_row_count) for rule in report.rules]
    reasons = sorted((row.rule, row.reason, row.source_line) for row in aside.quarantined_rows)
    published = rows.select([column for column in rows.column_names if column not in ("_row_id", "_import")])
    return made.content_hash, rules, reasons, published.to_pylist()


async def test_the_engine_of_the_settings_gives_the_same_version(shop: Shop) -> None:  # noqa: F811
    memory = await governed(shop, "memory")
    settings = shop.host.platform.settings
    assert isinstance(settings, GovernanceSettings)
    settings.run_engine = "duckdb"  # jobs get the service's settings
    batches = await governed(shop, "batches")
    assert batches == memory
    assert sum(count for _, count, _ in memory[1]) == 7 + 1 + 50
