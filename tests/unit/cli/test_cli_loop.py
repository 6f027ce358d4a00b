"""Shoppers, runs, traces and alerts on the command line; and the launcher behind it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from aisle.monitor.v1 import monitor_service_pb2 as monitor
from aisle.monitor.v1 import observation_pb2, pipeline_run_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb
from aisle.ranker.v1 import ranker_service_pb2 as ranker
from aisle.ranker.v1 import ranking_pb2
from aisle.type.v1 import failure_pb2
from aisle_cli.main import app
from cli_support import Fakes
from typer.testing import CliRunner

RUN = "pipelines/first/runs/r1"


def answer(kind: type) -> object:
    result = ranking_pb2.RankingResult(
        product_id="p1", title="Garden [bold]lantern", position=1, score=0.91,
        components=[ranking_pb2.ScoreComponent(source="bm25", score=12.5)],
    )  # fmt: skip
    info = ranking_pb2.AnswerInfo(
        model_version="models/m/versions/1",
        total_duration_ms=12.34,
        attribution_token="token-1",
        degradations=[ranking_pb2.Degradation(skipped_stage="neural", cause="DEADLINE")],
    )
    return kind(results=[result], info=info)


def test_searching_shows_scores_sources_and_what_was_left_out(fakes: Fakes) -> None:
    fakes.answers["Search"] = answer(ranker.SearchResponse)
    outcome = fakes.run("search", "garden lantern", "--customer", "c1", "--limit", "5", "--no-neural", "--verbose")
    assert "1 0.9100 p1 Garden [bold]lantern bm25 12.5" in outcome.words
    assert "m/1, 12.3 ms, without neural (deadline)" in outcome.stdout
    assert "token-1" in outcome.stdout
    (request,) = fakes.asked("Search")
    assert (request.query, request.page_size, request.skip_neural) == ("garden lantern", 5, True)
    assert request.context.customer_id == "c1"
    assert fakes.run("search", "x", "--json").document["results"][0]["product_id"] == "p1"
    assert fakes.run("search", "x", "--limit", "0", code=2).stdout == ""


def test_recommending_and_ranking(fakes: Fakes) -> None:
    fakes.answers |= {"Recommend": answer(ranker.RecommendResponse), "Rank": answer(ranker.RankResponse)}
    fakes.run("recommend", "--customer", "c1", "--recent", "p1", "--recent", "p2")
    fakes.run("recommend", "--similar", "p9")
    for_you, similar = fakes.asked("Recommend")
    assert for_you.kind == ranker.RECOMMEND_KIND_FOR_YOU
    assert list(for_you.recent_product_ids) == ["p1", "p2"]
    assert (similar.kind, similar.product_id) == (ranker.RECOMMEND_KIND_SIMILAR, "p9")
    assert "For whom?" in fakes.run("recommend", code=2).stderr
    fakes.run("rank", "--query", "q", "--candidate", "p1", "--candidate", "p2=Blue lamp")
    assert [(c.product_id, c.title) for c in fakes.asked("Rank")[0].candidates] == [("p1", ""), ("p2", "Blue lamp")]


def test_profile_and_serving_state(fakes: Fakes) -> None:
    profile = ranker.UserProfile(customer_id="c1", interests=[ranker.Interest(topic="lantern", weight=0.5)])
    fakes.answers |= {
        "GetUserProfile": ranker.GetUserProfileResponse(profile=profile),
        "GetServingState": ranker.GetServingStateResponse(state=ranking_pb2.ServingState()),
    }
    assert "lantern 0.500" in fakes.run("profile", "c1").words
    assert "No model is live yet." in fakes.run("serving").stdout


def run_state(state: str, revision: int, *stages: tuple[str, str], **more: object) -> monitor.WatchPipelineRunResponse:
    made = [
        pipeline_run_pb2.StageStatus(stage=stage, state=f"PIPELINE_RUN_STATE_{s}", summary=f"{stage} {s.lower()}")
        for stage, s in stages
    ]
    run = pipeline_run_pb2.PipelineRun(
        name=RUN, state=f"PIPELINE_RUN_STATE_{state}", stages=made, revision=revision, trace_id="a" * 32, **more
    )
    run.slip.model_version = "models/m/versions/2"
    return monitor.WatchPipelineRunResponse(pipeline_run=run)


def test_a_run_is_followed_stage_by_stage(fakes: Fakes) -> None:
    fakes.answers |= {
        "RunPipeline": monitor.RunPipelineResponse(pipeline_run=pipeline_run_pb2.PipelineRun(name=RUN)),
        "WatchPipelineRun": [
            run_state("RUNNING", 1, ("governance", "RUNNING")),
            run_state("RUNNING", 2, ("governance", "SUCCEEDED"), ("training", "RUNNING")),
            run_state("SUCCEEDED", 3, ("governance", "SUCCEEDED"), ("training", "SUCCEEDED")),
        ],
    }
    lines = fakes.run("pipelines", "run", "first").stdout.splitlines()
    assert lines[0] == f"first/r1  trace {'a' * 32}"
    assert [line.split()[:2] for line in lines[1:-1]] == [
        ["governance", "running"],
        ["governance", "succeeded"],
        ["training", "running"],
        ["training", "succeeded"],
    ]
    assert lines[-1] == "first/r1: m/2 is live."
    documents = fakes.run("runs", "watch", "first/r1", "--json").documents
    assert [d["pipeline_run"]["revision"] for d in documents] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        ("FAILED", 1, "no rows left"),
        ("REJECTED", 6, "the gates refused m/2; the champion stays"),
        ("RUNNING", 1, "goes on"),
    ],
)
def test_a_run_that_ends_otherwise_has_its_code(fakes: Fakes, state: str, code: int, words: str) -> None:
    failure = failure_pb2.Failure(reason="EMPTY", message="no rows left") if state == "FAILED" else None
    fakes.answers["WatchPipelineRun"] = [run_state(state, 1, failure=failure)]
    assert words in fakes.run("runs", "watch", "first/r1", code=code).stderr


def test_runs_are_listed_and_shown(fakes: Fakes) -> None:
    run = run_state("RUNNING", 1, ("governance", "RUNNING")).pipeline_run
    fakes.answers |= {
        "ListPipelineRuns": monitor.ListPipelineRunsResponse(pipeline_runs=[run]),
        "GetPipelineRun": monitor.GetPipelineRunResponse(pipeline_run=run),
    }
    assert "first/r1 running governance m/2" in fakes.run("runs", "list", "--pipeline", "first").words
    assert fakes.asked("ListPipelineRuns")[0].pipeline == "pipelines/first"
    assert "governance running" in fakes.run("runs", "show", RUN).words
    assert "PIPELINE/RUN" in fakes.run("runs", "show", "r1", code=2).stderr


@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_a_plan_is_read_from_json_or_yaml(fakes: Fakes, tmp_path: Path, ending: str) -> None:
    plan = {"governance": {"dataset_runs": [{"dataset": "datasets/orders"}]}, "training": {"max_steps": 5}}
    file = tmp_path / f"nightly.{ending}"
    file.write_text(json.dumps(plan))  # JSON is YAML too
    fakes.answers["CreatePipeline"] = lambda r: monitor.CreatePipelineResponse(
        pipeline=pipeline_run_pb2.Pipeline(name=f"pipelines/{r.pipeline_id}", spec=r.spec)
    )
    assert "nightly is stored" in fakes.run("pipelines", "create", str(file)).stdout
    (request,) = fakes.asked("CreatePipeline")
    assert request.spec == spec_pb.PipelineSpec(
        governance=spec_pb.GovernanceStage(dataset_runs=[spec_pb.DatasetRun(dataset="datasets/orders")]),
        training=spec_pb.TrainingSpec(max_steps=5),
    )
    file.write_text(json.dumps({"goverance": {}}))
    outcome = fakes.run("pipelines", "create", str(file), code=2)
    assert "goverance" in outcome.stderr
    file.write_text("{")
    assert fakes.run("pipelines", "create", str(file), code=2).stderr.startswith("Error: ")


def test_a_stored_plan_can_be_read_back_by_create(fakes: Fakes, tmp_path: Path) -> None:
    spec = spec_pb.PipelineSpec(registry=spec_pb.RegistryStage(model="models/m", alias="production"))
    pipeline = pipeline_run_pb2.Pipeline(name="pipelines/p", spec=spec)
    fakes.answers |= {
        "GetPipeline": monitor.GetPipelineResponse(pipeline=pipeline),
        "ListPipelines": monitor.ListPipelinesResponse(pipelines=[pipeline]),
        "CreatePipeline": monitor.CreatePipelineResponse(pipeline=pipeline),
    }
    file = tmp_path / "p.json"
    file.write_text(fakes.run("pipelines", "show", "p").stdout)
    fakes.run("pipelines", "create", str(file))
    assert fakes.asked("CreatePipeline")[0].spec.registry == spec.registry
    assert "m@production" in fakes.run("pipelines", "list").stdout


def test_a_trace_is_a_tree_with_its_edges(fakes: Fakes) -> None:
    def span(span_id: str, parent: str, service: str, name: str) -> observation_pb2.Span:
        return observation_pb2.Span(span_id=span_id, parent_span_id=parent, service=service, name=name, kind="server")

    spans = [span("1", "caller", "monitor", "aisle.monitor.v1.MonitorService/RunPipeline")]
    spans += [span(f"2{i}", "1", "governance", "governance.rule") for i in range(5)]
    spans += [span("3", "20", "trainer", "trainer.train")]
    edge = observation_pb2.TraceEdge(source="monitor", target="governance", kind="event", operation="s", count=2)
    fakes.answers["GetTrace"] = monitor.GetTraceResponse(spans=spans, edges=[edge], span_count=7)
    outcome = fakes.run("trace", "show", "A" * 32)
    lines = outcome.stdout.splitlines()
    assert "monitor  monitor.v1.MonitorService/RunPipeline  [server]" in lines[1]
    assert sum("governance.rule  [server]" in line for line in lines) == 3
    assert "governance.rule: 2 more like it" in outcome.stdout
    indent = {word: next(line.index(word) for line in lines if word in line) for word in ("monitor  ", "trainer  ")}
    assert indent["trainer  "] == indent["monitor  "] + 8
    assert "7 spans, 3 services, 2 event hops" in outcome.stdout
    assert "monitor governance event s 2" in outcome.words
    assert fakes.asked("GetTrace")[0].trace_id == "a" * 32
    assert fakes.run("trace", "show", "a" * 32, "--full").stdout.count("governance.rule  [server]") == 5
    fakes.answers["GetTrace"] = monitor.GetTraceResponse()
    assert "No span" in fakes.run("trace", "show", "a" * 32, code=4).stderr


def test_alerts_policies_drift_and_metrics(fakes: Fakes) -> None:
    alert = observation_pb2.Alert(kind="ALERT_KIND_DATA_DRIFT", subject="datasets/orders", message="moved")
    policy = observation_pb2.Policy(name="policies/p", alert_kind="ALERT_KIND_DATA_DRIFT", pipeline="pipelines/x")
    column = observation_pb2.ColumnDrift(column="product_id", psi=0.31, drifted=True)
    report = observation_pb2.DriftReport(name="driftReports/d1", columns=[column])
    metrics = observation_pb2.ServingMetrics(model_version="models/m/versions/1", answer_count=1000, latency_p99_ms=9.5)
    fakes.answers |= {
        "ListAlerts": monitor.ListAlertsResponse(alerts=[alert]),
        "CreatePolicy": monitor.CreatePolicyResponse(policy=policy),
        "ListPolicies": monitor.ListPoliciesResponse(policies=[policy]),
        "ListDriftReports": monitor.ListDriftReportsResponse(drift_reports=[report]),
        "GetDriftReport": monitor.GetDriftReportResponse(drift_report=report),
        "CreateDriftReport": monitor.CreateDriftReportResponse(drift_report=report),
        "QueryMetrics": monitor.QueryMetricsResponse(metrics=[metrics]),
    }
    assert "data-drift orders moved" in fakes.run("alerts", "list", "--kind", "data-drift").words
    assert fakes.asked("ListAlerts")[0].kind == observation_pb2.ALERT_KIND_DATA_DRIFT
    assert "Known: data-drift" in fakes.run("alerts", "list", "--kind", "x", code=2).stderr
    fakes.run("policies", "create", "p", "--on", "data-drift", "--pipeline", "x", "--cooldown", "60")
    (request,) = fakes.asked("CreatePolicy")
    assert (request.policy_id, request.policy.pipeline, request.policy.cooldown_seconds) == ("p", "pipelines/x", 60)
    assert "p data-drift any x" in fakes.run("policies", "list").words
    assert "product_id 0.31" in fakes.run("drift", "list").words
    assert "product_id 0.31 drifted" in fakes.run("drift", "show", "d1").words
    fakes.run("drift", "compare", "orders/1", "orders/2")
    assert fakes.asked("CreateDriftReport")[0].current_version == "datasets/orders/versions/2"
    assert "m/1 all 1,000" in fakes.run("metrics", "--version", "m/1").words


def test_the_platform_is_reached_through_the_launcher(tmp_path: Path) -> None:
    runner = CliRunner()
    state = ["--state-dir", str(tmp_path / "none")]
    outcome = runner.invoke(app, ["status", *state])
    assert (outcome.exit_code, "not running" in outcome.stdout) == (5, True)
    assert json.loads(runner.invoke(app, ["status", "--json", *state]).stdout)["running"] is False
    assert runner.invoke(app, ["down", *state]).exit_code == 0
    assert runner.invoke(app, ["up", "--port", "ranker=x", *state]).exit_code == 2


@pytest.mark.parametrize(
    ("package", "extra", "arguments"), [("aisle_launcher", "launcher", "up"), ("aisle_demo", "demo", "demo")]
)
def test_a_missing_extra_is_named(package: str, extra: str, arguments: str) -> None:
    program = f"import sys; sys.modules[{package!r}] = None; from aisle_cli.main import main; main()"
    outcome = subprocess.run([sys.executable, "-c", program, arguments], capture_output=True, text=True, check=False)
    assert outcome.returncode == 1
    assert f"aisle[{extra}]" in outcome.stderr
    assert "Traceback" not in outcome.stderr
