"""`aisle data contract`, `readiness`, `profile` and dry runs: what is asked, what is shown, and how they end."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from aisle.governance.v1 import column_shape_pb2, contract_pb2, dataset_history_pb2, governance_run_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.pipeline.v1 import pipeline_spec_pb2
from aisle_cli.commands.data_contract import spark
from cli_support import Fakes

YAML = "apiVersion: v3.0.2\n"


def test_a_contract_is_set_with_and_without_the_word(fakes: Fakes, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(YAML)
    fakes.answers["CreateContract"] = pb.CreateContractResponse()
    fakes.run("data", "contract", "orders", str(file))
    fakes.run("data", "contract", "set", "orders", str(file))
    assert [one.dataset for one in fakes.asked("CreateContract")] == ["datasets/orders"] * 2


def test_contracts_are_listed_and_shown(fakes: Fakes) -> None:
    one = contract_pb2.ContractVersion(name="datasets/orders/contracts/2", contract_hash="ab" * 32)
    default = contract_pb2.ContractVersion(name="datasets/orders/contracts/0", contract_yaml=YAML)
    fakes.answers["ListContractVersions"] = contract_pb2.ListContractVersionsResponse(contract_versions=[one, default])
    fakes.answers["GetContractVersion"] = contract_pb2.GetContractVersionResponse(contract_version=default)
    shown = fakes.run("data", "contract", "list", "orders").stdout
    assert "orders/2" in shown and "default of the kind" in shown
    assert fakes.run("data", "contract", "show", "orders/0").stdout == YAML
    fakes.run("data", "contract", "show", "orders")
    names = [asked.name for asked in fakes.asked("GetContractVersion")]
    assert names == ["datasets/orders/contracts/0", "datasets/orders/contracts/latest"]


def test_a_suggestion_is_a_document_or_a_file_with_its_evidence(fakes: Fakes, tmp_path: Path) -> None:
    check = contract_pb2.SuggestedCheck(
        check="grade.range", severity=governance_run_pb2.SEVERITY_ERROR, evidence="0 to 3", holding_ratio=1
    )
    fakes.answers["SuggestContract"] = contract_pb2.SuggestContractResponse(
        dataset_version="datasets/orders/versions/3", contract_yaml=YAML, checks=[check], left_out=["x is no key."]
    )
    text = fakes.run("data", "contract", "suggest", "orders@3", "--with", "products").stdout
    assert text == YAML + "# grade.range (error, holds for 100.00%): 0 to 3\n# left out: x is no key.\n"
    (asked,) = fakes.asked("SuggestContract")
    assert asked.dataset_version == "datasets/orders/versions/3"
    assert list(asked.reference_datasets) == ["datasets/products"]
    file = tmp_path / "suggested.yaml"
    shown = fakes.run("data", "contract", "suggest", "orders", "--out", str(file)).stdout
    assert file.read_text() == YAML and "0 to 3" in shown and "Left out: x is no key." in shown
    document = fakes.run("data", "contract", "suggest", "orders", "--json").document
    assert document["checks"][0]["severity"] == "SEVERITY_ERROR"


def change(kind: str) -> contract_pb2.ContractChange:
    use = contract_pb2.ColumnUse(user="models/m/versions/2", aliases=["production"], column_is_known=True)
    unknown = contract_pb2.ColumnUse(user="models/old/versions/1")
    return contract_pb2.ContractChange(
        kind=f"CONTRACT_CHANGE_KIND_{kind}",  # type: ignore[arg-type]
        column="title",
        description="title.required is no longer checked",
        uses=[use, unknown],
    )


def test_a_breaking_change_ends_with_code_6_and_names_the_users(fakes: Fakes, tmp_path: Path) -> None:
    file = tmp_path / "new.yaml"
    file.write_text(YAML)
    fakes.answers["DiffContract"] = contract_pb2.DiffContractResponse(
        changes=[change("BREAKING"), change("TIGHTENING")]
    )
    outcome = fakes.run("data", "contract", "diff", "orders/1", str(file), code=6)
    assert "1 of 2 changes are breaking" in outcome.stderr
    assert "m/2 (production)" in outcome.stdout and "old/1?" in outcome.stdout
    (asked,) = fakes.asked("DiffContract")
    assert (asked.base.contract, asked.target.contract_yaml) == ("datasets/orders/contracts/1", YAML)
    assert len(fakes.run("data", "contract", "diff", "orders", "orders/2", "--json", code=6).document["changes"]) == 2
    fakes.run("data", "contract", "diff", "orders", "orders/2", "--fail-on", "never")
    fakes.answers["DiffContract"] = contract_pb2.DiffContractResponse(changes=[change("TIGHTENING")])
    fakes.run("data", "contract", "diff", "orders", "orders/2")
    fakes.run("data", "contract", "diff", "orders", "orders/2", "--fail-on", "tightening", code=6)
    fakes.run("data", "contract", "diff", "orders", "orders/2", "--fail-on", "sometimes", code=2)
    fakes.run("data", "contract", "diff", "orders", str(tmp_path / "absent.yaml"), code=2)


def test_readiness_shows_what_is_missing_and_gates_a_tier(fakes: Fakes) -> None:
    missing = contract_pb2.ReadinessRequirement(
        requirement="judgments.queries", dataset_version="datasets/j/versions/1", observed_value=3, threshold=20,
        next_step="Import judgments of more queries.",
    )  # fmt: skip
    fakes.answers["GetReadiness"] = contract_pb2.GetReadinessResponse(
        tiers=[contract_pb2.TierReadiness(tier=contract_pb2.READINESS_TIER_RELEVANCE, requirements=[missing])]
    )
    shown = fakes.run("data", "readiness", "j").stdout
    assert "relevance: not ready" in shown and "Import judgments of more queries." in shown
    fakes.run("data", "readiness", "--tier", "relevance", code=3)
    fakes.run("data", "readiness", "--tier", "magic", code=2)
    asked = fakes.asked("GetReadiness")
    assert list(asked[0].datasets) == ["datasets/j"] and asked[1].tier == contract_pb2.READINESS_TIER_RELEVANCE


SHAPES = [
    column_shape_pb2.ColumnShape(
        column="unit_price",
        value_count=90,
        missing_count=10,
        distinct_count=40.2,
        quantiles=[column_shape_pb2.Quantile(rank_ratio=rank, value=10 * rank) for rank in (0, 0.5, 0.95, 1)],
        histogram=[column_shape_pb2.HistogramBin(low=n, high=n + 1, value_ratio=n / 10) for n in range(5)],
    ),
    column_shape_pb2.ColumnShape(
        column="country",
        value_count=9,
        frequent_values=[column_shape_pb2.FrequentValue(value="<UK>", count_lower=7, count_upper=7)],
    ),
    column_shape_pb2.ColumnShape(
        column="order_time",
        is_time=True,
        histogram=[column_shape_pb2.HistogramBin(low=0, high=86_400, value_ratio=1)],
    ),
]


def test_a_profile_draws_each_column(fakes: Fakes) -> None:
    fakes.answers["GetColumnShapes"] = column_shape_pb2.GetColumnShapesResponse(columns=SHAPES)
    shown = fakes.run("data", "profile", "orders/3").stdout
    assert "10.0%" in shown and "~40" in shown and "█" in shown and "<UK>" in shown
    assert spark([0, 0.125, 0.25, 0.5]) == " ▃▅█" and spark([]) == ""
    assert fakes.asked("GetColumnShapes")[0].dataset_version == "datasets/orders/versions/3"


def report(**more: Any) -> governance_run_pb2.QualityReport:
    return governance_run_pb2.QualityReport(
        dataset="datasets/orders",
        governance_run="governanceRuns/gov-1",
        rules=[
            governance_run_pb2.RuleReport(
                rule="repair_text",
                elapsed_seconds=0.25,
                samples=[governance_run_pb2.RuleSample(column="title", before="a&amp;b", after="a&b")],
            )
        ],
        after=[governance_run_pb2.ColumnProfile(column="title", missing_ratio=0.5)],
        **more,
    )


def test_the_html_report_draws_distributions_costs_and_gaps(fakes: Fakes, tmp_path: Path) -> None:
    found = report(dataset_version="datasets/orders/versions/3")
    fakes.answers["GetQualityReport"] = pb.GetQualityReportResponse(quality_report=found)
    fakes.answers["GetQualityHistory"] = pb.GetQualityHistoryResponse(points=[dataset_history_pb2.QualityPoint()])
    fakes.answers["GetColumnShapes"] = column_shape_pb2.GetColumnShapesResponse(columns=SHAPES)
    file = tmp_path / "r.html"
    fakes.run("data", "report", "orders", "--html", str(file))
    text = file.read_text()
    drawings = [ElementTree.fromstring(one) for one in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]
    titles = [one.attrib["aria-label"] for one in drawings]
    for title in ("Seconds by rule", "Share of rows without a value", "Values of unit_price", "Values of order_time",
                  "Commonest values of country"):  # fmt: skip
        assert title in titles
    bars = next(one for one in drawings if one.attrib["aria-label"] == "Values of unit_price").findall("rect")
    heights = [float(bar.attrib["height"]) for bar in bars]
    assert heights == sorted(heights) and len(heights) == 5
    assert "1970-01-02" in text and "&lt;UK&gt;" in text and "a&amp;amp;b" in text


def test_a_dry_run_prints_every_report_and_says_when_the_gate_would_stop_it(fakes: Fakes) -> None:
    stage = pipeline_spec_pb2.GovernanceStage(dataset_runs=[pipeline_spec_pb2.DatasetRun(dataset="datasets/orders")])
    run = governance_run_pb2.GovernanceRun(name="governanceRuns/gov-1", stage=stage, dry_run=True)
    run.status.state = 3  # type: ignore[assignment]
    fakes.answers["StartGovernanceRun"] = pb.StartGovernanceRunResponse(governance_run=run)
    fakes.answers["WatchGovernanceRun"] = [pb.WatchGovernanceRunResponse(governance_run=run)]
    fakes.answers["GetQualityReport"] = pb.GetQualityReportResponse(quality_report=report())
    shown = fakes.run("data", "govern", "orders", "--dry-run").stdout
    assert "repair_text" in shown and "0.25" in shown and "Nothing was published" in shown
    assert fakes.asked("StartGovernanceRun")[0].dry_run
    assert fakes.asked("GetQualityReport")[0].governance_run == "governanceRuns/gov-1"
    failed = governance_run_pb2.CheckResult(check="id.required", severity=governance_run_pb2.SEVERITY_ERROR)
    fakes.answers["GetQualityReport"] = pb.GetQualityReportResponse(quality_report=report(checks=[failed]))
    assert "would stop this run: id.required" in fakes.run("data", "govern", "orders", "--dry-run", code=6).stderr
    fakes.run("data", "report", "orders", "--run", "gov-1")
    assert fakes.asked("GetQualityReport")[-1].governance_run == "governanceRuns/gov-1"
