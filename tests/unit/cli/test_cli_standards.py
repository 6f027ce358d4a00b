"""Standards, privacy policies and rates at the command line."""

from pathlib import Path

import pytest
from aisle.governance.v1 import dataset_pb2, governance_run_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from cli_support import Fakes


def test_standards_and_policies_travel_with_the_creation(fakes: Fakes, tmp_path: Path) -> None:
    fakes.answers["CreateDataset"] = pb.CreateDatasetResponse(dataset=dataset_pb2.Dataset(name="datasets/p"))
    file = tmp_path / "standards.json"
    file.write_text('{"target_currency": "GBP", "measure_system": "MEASURE_SYSTEM_IMPERIAL", "taxonomy": ["A > B"]}')
    fakes.run(
        *("data", "create", "p", "--kind", "products", "--standards", str(file)),
        *("--pii", "description=mask", "--pii", "title=hash"),
    )
    (request,) = fakes.asked("CreateDataset")
    standards = request.mapping.standards
    assert (standards.target_currency, list(standards.taxonomy)) == ("GBP", ["A > B"])
    assert standards.measure_system == dataset_pb2.MEASURE_SYSTEM_IMPERIAL
    assert dict(request.mapping.pii_policies) == {
        "description": dataset_pb2.PII_POLICY_MASK,
        "title": dataset_pb2.PII_POLICY_HASH,
    }


@pytest.mark.parametrize(
    ("name", "text", "arguments", "message"),
    [
        ("s.json", '{"no_such_field": 1}', ["create", "p", "--kind", "products", "--standards"], "no_such_field"),
        ("r.csv", "currency,rate\nEUR,1\n", ["govern", "p", "--rates"], "no column 'date'"),
        ("r.csv", "currency,date,rate\nEUR,2026-01-01,x\n", ["govern", "p", "--rates"], "line 2"),
    ],
)
def test_files_that_do_not_fit_are_refused_before_anything_is_sent(
    fakes: Fakes, tmp_path: Path, name: str, text: str, arguments: list[str], message: str
) -> None:
    file = tmp_path / name
    file.write_text(text)
    assert message in " ".join(fakes.run("data", *arguments, str(file), code=2).stderr.split())
    assert fakes.requests == []


def test_an_unknown_policy_is_refused(fakes: Fakes) -> None:
    stderr = fakes.run("data", "create", "p", "--kind", "products", "--pii", "title=shred", code=2).stderr
    assert "mask" in stderr and "hash" in stderr


def test_rates_travel_with_the_run(fakes: Fakes, tmp_path: Path) -> None:
    run = governance_run_pb2.GovernanceRun(name="governanceRuns/g1")
    fakes.answers["StartGovernanceRun"] = pb.StartGovernanceRunResponse(governance_run=run)
    file = tmp_path / "rates.csv"
    file.write_text("\ufeffcurrency,date,rate\nEUR,2026-01-01,0.85\n", encoding="utf-8")
    fakes.run("data", "govern", "p", "--rates", str(file), "--no-wait")
    (part,) = fakes.asked("StartGovernanceRun")[0].stage.dataset_runs
    assert [(rate.currency, rate.date, rate.rate) for rate in part.currency_rates] == [("EUR", "2026-01-01", 0.85)]


def test_a_report_shows_findings_and_samples(fakes: Fakes) -> None:
    rule = governance_run_pb2.RuleReport(
        rule="standardise_colours",
        findings=["1 rows name an unknown colour"],
        samples=[governance_run_pb2.RuleSample(row_id="r", column="colour", before="Navy", after="blue")],
    )
    fakes.answers["GetQualityReport"] = pb.GetQualityReportResponse(
        quality_report=governance_run_pb2.QualityReport(dataset="datasets/p", rules=[rule])
    )
    words = fakes.run("data", "report", "p").words
    assert "1 rows name an unknown colour" in words
    assert "colour Navy blue" in words
