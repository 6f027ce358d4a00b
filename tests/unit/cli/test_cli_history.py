"""Versions through time, rows that come back, people who are deleted: what is asked and what is shown."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from aisle.governance.v1 import dataset_history_pb2, dataset_pb2, erasure_pb2, governance_run_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.registry.v1 import model_version_pb2
from aisle.registry.v1 import registry_service_pb2 as registry_pb
from aisle_runtime import errors
from cli_support import Fakes

VERSION = "datasets/orders/versions/3"
PROFILE = governance_run_pb2.ColumnProfile(
    column="unit_price", missing_ratio=0.25, distinct_count=9, minimum=1, maximum=12.5, mean=4
)
REPORT = governance_run_pb2.QualityReport(
    dataset="datasets/orders",
    dataset_version=VERSION,
    governance_run="governanceRuns/gov-1",
    input_row_count=20,
    output_row_count=16,
    quarantined_row_count=4,
    quality_score_ratio=0.75,
    rules=[governance_run_pb2.RuleReport(rule="drop_<b>", quarantined_row_count=4, description="Drops & keeps.")],
    checks=[governance_run_pb2.CheckResult(check="unit_price.range", column="unit_price", message="1 to 9")],
    before=[PROFILE],
    after=[PROFILE],
    raw_defect_counts={"missing_title": 3},
)
POINTS = [
    dataset_history_pb2.QualityPoint(
        dataset_version=f"datasets/orders/versions/{number}",
        quality_score_ratio=0.9,
        input_row_count=20,
        output_row_count=10 * number,
        quarantined_row_count=2,
        anomalies=[dataset_history_pb2.MetricAnomaly(metric="output_row_count", value=30, median=10, robust_z=5.2)]
        if number == 3
        else [],
    )
    for number in (3, 2, 1)
]


def erasure(state: str, revision: int = 1) -> erasure_pb2.Erasure:
    return erasure_pb2.Erasure(
        name="erasures/era-1",
        subject_hash="ab" * 32,
        state=f"ERASURE_STATE_{state}",  # type: ignore[arg-type]
        revision=revision,
        versions=[erasure_pb2.ErasedVersion(dataset_version=VERSION, row_count=2)] if state == "SUCCEEDED" else [],
    )


@pytest.fixture
def ready(fakes: Fakes) -> Fakes:
    fakes.answers |= {
        "GetQualityReport": pb.GetQualityReportResponse(quality_report=REPORT),
        "GetQualityHistory": pb.GetQualityHistoryResponse(points=POINTS),
        "EraseSubject": pb.EraseSubjectResponse(erasure=erasure("REWRITING")),
        "WatchErasure": [
            pb.WatchErasureResponse(erasure=erasure("SWEEPING", 2)),
            pb.WatchErasureResponse(erasure=erasure("SUCCEEDED", 3)),
        ],
        "ListModels": registry_pb.ListModelsResponse(models=[registry_pb.Model(name="models/m")]),
        "ListModelVersions": registry_pb.ListModelVersionsResponse(
            model_versions=[
                model_version_pb2.ModelVersion(name="models/m/versions/7", dataset_versions=[VERSION]),
                model_version_pb2.ModelVersion(name="models/m/versions/6", dataset_versions=["datasets/x/versions/1"]),
            ]
        ),
    }
    return fakes


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [(["orders/1"], "latest"), (["orders/1", "orders/3"], "3"), (["orders/1", "3"], "3")],
)
def test_a_diff_names_two_versions_and_shows_the_most_moved_column_first(
    fakes: Fakes, arguments: list[str], wanted: str
) -> None:
    columns = [
        dataset_history_pb2.ColumnDiff(column="calm", psi=0.01, base=PROFILE, profile=PROFILE),
        dataset_history_pb2.ColumnDiff(column="moved", psi=0.9, base=PROFILE, profile=PROFILE, drifted=True),
    ]
    diff = dataset_history_pb2.VersionDiff(
        base_version="datasets/orders/versions/1",
        version=VERSION,
        added_row_count=1200,
        columns=columns,
        schema_changes=[dataset_history_pb2.SchemaChange(column="colour", type="string")],
    )
    fakes.answers["DiffDatasetVersions"] = pb.DiffDatasetVersionsResponse(diff=diff)
    outcome = fakes.run("data", "diff", *arguments)
    (request,) = fakes.asked("DiffDatasetVersions")
    assert (request.base_version, request.version) == (
        "datasets/orders/versions/1",
        f"datasets/orders/versions/{wanted}",
    )
    assert "1,200 rows added" in outcome.stdout
    assert "Column colour: absent before, string now." in outcome.stdout
    assert outcome.stdout.index("moved") < outcome.stdout.index("calm")


def test_retention_changes_only_what_is_given(fakes: Fakes) -> None:
    known = dataset_history_pb2.RetentionPolicy(dataset="datasets/orders", keep_last_count=3, keep_days=30)
    fakes.answers |= {
        "GetRetentionPolicy": pb.GetRetentionPolicyResponse(retention_policy=known),
        "UpdateRetentionPolicy": lambda r: pb.UpdateRetentionPolicyResponse(retention_policy=r.retention_policy),
    }
    outcome = fakes.run("data", "retention", "orders", "--keep-last", "5")
    (request,) = fakes.asked("UpdateRetentionPolicy")
    assert (request.retention_policy.keep_last_count, request.retention_policy.keep_days) == (5, 30)
    assert request.request_id
    assert outcome.stdout.strip() == "orders keeps the newest 5 and those of the last 30 days."
    fakes.run("data", "retention", "orders")
    assert len(fakes.asked("UpdateRetentionPolicy")) == 1


def test_a_trial_vacuum_says_what_would_go_and_who_holds_the_rest(fakes: Fakes) -> None:
    kept = dataset_history_pb2.KeptVersion(version=VERSION, reason="IN_USE", holder="models/m@production")
    fakes.answers["VacuumDataset"] = pb.VacuumDatasetResponse(
        vacuumed_versions=["datasets/orders/versions/1"], kept_versions=[kept], freed_bytes=2048
    )
    outcome = fakes.run("data", "vacuum", "orders", "--dry-run")
    assert fakes.asked("VacuumDataset")[0].dry_run
    assert "orders/1 would be deleted, 2,048 bytes" in outcome.stdout
    assert "models/m@production" in outcome.stdout


def test_rows_are_released_with_values_from_options_and_files(fakes: Fakes, tmp_path: Path) -> None:
    fakes.answers["ReleaseQuarantinedRows"] = lambda r: pb.ReleaseQuarantinedRowsResponse(
        releases=[dataset_history_pb2.RowRelease(row_id=row.row_id) for row in r.rows]
    )
    fixes = tmp_path / "fixes.jsonl"
    fixes.write_text('{"row_id": "cc", "values": {"quantity": 4}}\n\n{"row_id": "dd"}\n')
    outcome = fakes.run(
        "data", "release", "orders", "--row", "aa", "--row", "bb", "--set", "title=Lamp", "--file", str(fixes)
    )
    (request,) = fakes.asked("ReleaseQuarantinedRows")
    assert [(row.row_id, dict(row.values)) for row in request.rows] == [
        ("aa", {"title": "Lamp"}),
        ("bb", {"title": "Lamp"}),
        ("cc", {"quantity": "4"}),
        ("dd", {}),
    ]
    assert "4 rows come back with the next run" in outcome.stdout
    fixes.write_text("{}\n")
    assert "line 1" in fakes.run("data", "release", "orders", "--file", str(fixes), code=2).stderr
    assert "No row is named" in fakes.run("data", "release", "orders", code=2).stderr


def test_an_erasure_needs_a_yes_and_names_the_models(ready: Fakes) -> None:
    assert "--yes" in ready.run("data", "erase", "cust-1", code=2).stderr
    assert ready.asked("EraseSubject") == []
    outcome = ready.run("data", "erase", "cust-1", "--yes")
    (request,) = ready.asked("EraseSubject")
    assert request.customer_id == "cust-1" and request.request_id
    assert "orders/3" in outcome.stdout
    assert "Models trained on them: m/7" in outcome.stdout
    assert "cust-1" not in outcome.stdout
    document = ready.run("data", "erase", "cust-1", "--yes", "--json").document
    assert document["model_versions"] == ["models/m/versions/7"]


def test_an_erasure_is_told_when_the_registry_is_away(ready: Fakes) -> None:
    ready.answers["ListModels"] = errors.Unavailable("away")
    outcome = ready.run("data", "erase", "cust-1", "--yes")
    assert "registry cannot be asked" in outcome.stderr
    assert "erasures/era-1" in outcome.stdout


def test_the_html_report_is_well_formed_complete_and_escaped(ready: Fakes, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    ready.answers["GetColumnShapes"] = errors.FailedPrecondition("gone", reason="VERSION_VACUUMED")
    ready.run("data", "report", "orders", "--html", str(page))
    text = page.read_text()
    assert "drop_&lt;b&gt;" in text and "<b>" not in text
    assert "Drops &amp; keeps." in text and "orders/3" in text
    assert not re.search(r"(src|href)=", text)  # nothing is loaded from anywhere
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) == 6
    for drawing in drawings:
        ElementTree.fromstring(drawing)
    line = ElementTree.fromstring(drawings[1])
    (polyline,) = line.iter("polyline")
    heights = [float(pair.split(",")[1]) for pair in polyline.attrib["points"].split()]
    assert heights == sorted(heights, reverse=True)  # rows grow from version to version, and up is smaller
    assert sum(dot.attrib["fill"] == "#a4262c" for dot in line.iter("circle")) == 1
    assert ">+5.2<" in text


def test_the_openlineage_event_names_inputs_outputs_and_columns(ready: Fakes, tmp_path: Path) -> None:
    version = dataset_pb2.DatasetVersion(
        name=VERSION,
        governance_run="governanceRuns/gov-1",
        row_count=16,
        columns=[
            dataset_pb2.Column(name="unit_price", type="double"),
            dataset_pb2.Column(name="_row_id", type="string"),
        ],
    )
    mapping = dataset_pb2.ColumnMapping(
        columns={"unit_price": "UnitPrice"}, pii_policies={"unit_price": dataset_pb2.PII_POLICY_MASK}
    )
    run = governance_run_pb2.GovernanceRun(name=version.governance_run, pipeline_run="pipelines/nightly/runs/r1")
    run.status.start_time.FromSeconds(60)
    run.status.end_time.FromSeconds(120)
    source = dataset_pb2.Import(name="datasets/orders/imports/i1", sha256="5" * 64, accepted_row_count=20)
    ready.answers |= {
        "GetDatasetVersion": pb.GetDatasetVersionResponse(dataset_version=version),
        "GetLineage": pb.GetLineageResponse(imports=[source]),
        "GetDataset": pb.GetDatasetResponse(dataset=dataset_pb2.Dataset(name="datasets/orders", mapping=mapping)),
        "GetGovernanceRun": pb.GetGovernanceRunResponse(governance_run=run),
    }
    file = tmp_path / "event.json"
    ready.run("data", "lineage", "orders", "--openlineage", str(file))
    event = json.loads(file.read_text())
    assert event["eventType"] == "COMPLETE" and event["job"]["name"] == "govern.orders"
    (made,), (read,) = event["outputs"], event["inputs"]
    assert read["name"] == "datasets/orders/imports/i1"
    assert read["inputFacets"]["dataQualityMetrics"]["rowCount"] == 20
    assert (made["name"], made["facets"]["version"]["datasetVersion"]) == ("datasets/orders", "3")
    assert [field["name"] for field in made["facets"]["schema"]["fields"]] == ["unit_price", "_row_id"]
    (source_field,) = made["facets"]["columnLineage"]["fields"]["unit_price"]["inputFields"]
    assert source_field["field"] == "UnitPrice" and source_field["transformations"][0]["masking"]
    assert read["facets"]["schema"]["fields"] == [{"name": "UnitPrice", "type": "string"}]
    about = event["run"]["facets"]
    assert about["nominalTime"]["nominalStartTime"] == "1970-01-01T00:01:00+00:00"
    assert about["nominalTime"]["nominalEndTime"] == "1970-01-01T00:02:00+00:00"
    assert about["parent"]["job"] == {"namespace": "aisle", "name": "nightly"} and about["parent"]["run"]["runId"]
    assert about["processing_engine"]["name"] == "aisle-governance"
    assert made["facets"]["dataQualityMetrics"]["columnMetrics"]["unit_price"]["nullCount"] == 4
    assert made["facets"]["dataQualityAssertions"]["assertions"] == [
        {"assertion": "unit_price.range", "success": False, "column": "unit_price"}
    ]
    facets = [*made["facets"].values(), *made["outputFacets"].values(), *read["inputFacets"].values()]
    facets += [*about.values(), *read["facets"].values()]
    assert all(facet["_producer"] and "/facets/" in facet["_schemaURL"] for facet in facets)
    again = tmp_path / "again.json"
    ready.run("data", "lineage", "orders", "--openlineage", str(again))
    assert again.read_text() == file.read_text()
