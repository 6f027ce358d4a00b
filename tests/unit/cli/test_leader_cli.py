"""`aisle leaderboard` and `aisle evaluations`: what is asked, what is shown, what is refused."""

import json

import pytest
from aisle.trainer.v1 import evaluation_job_pb2 as pb
from aisle.trainer.v1 import trainer_service_pb2 as service_pb
from aisle.trainer.v1 import training_job_pb2
from aisle.type.v1 import job_pb2, metric_pb2
from cli_support import Fakes


def metric(name: str, value: float) -> metric_pb2.Metric:
    return metric_pb2.Metric(name=name, value=value, lower=value - 0.1, upper=value + 0.1, sample_count=40)


def ended(spec: pb.EvaluationSpec) -> pb.EvaluationJob:
    job = pb.EvaluationJob(name="evaluationJobs/e1", spec=spec)
    job.status.state, job.status.revision = job_pb2.JOB_STATE_SUCCEEDED, 3
    board = job.leaderboard
    board.dataset_version, board.main_metric = "datasets/judgments/versions/1", "ndcg@10"
    board.split, board.reference, board.unit_count = "by query", "trainingJobs/t1", 40
    first = board.entries.add(rank=1, system="trainingJobs/t1", metrics=[metric("ndcg@10", 0.9), metric("auc", 0.8)])
    first.slices.add(name="query_words=1-2", metric=metric("ndcg@10", 0.85))
    first.reliability.add(predicted=0.25, observed=0.5, count=12)
    second = board.entries.add(rank=2, system="bm25", metrics=[metric("ndcg@10", 0.7), metric("auc", 0.6)])
    second.test.difference.CopyFrom(metric("ndcg@10", -0.2))
    second.test.holm_p = 0.0123
    board.skipped.add(system="trainingJobs/t2", reason="TASK_NOT_TRAINED", message="Its job did not train it.")
    return job


@pytest.fixture
def board(fakes: Fakes) -> Fakes:
    def create(request: pb.CreateEvaluationJobRequest) -> pb.CreateEvaluationJobResponse:
        return pb.CreateEvaluationJobResponse(evaluation_job=ended(request.spec))

    models = [
        training_job_pb2.TrainingJob(
            name=f"trainingJobs/t{at}",
            dataset_versions=[f"datasets/{data}/versions/1"],
            artifacts=[training_job_pb2.Artifact(path=file)],
        )
        for at, (data, file) in enumerate(
            (("judgments", "ranker.onnx"), ("orders", "ranker.onnx"), ("judgments", "trees.onnx"))
        )
    ]
    fakes.answers["ListTrainingJobs"] = lambda _: service_pb.ListTrainingJobsResponse(training_jobs=models)
    fakes.answers["CreateEvaluationJob"] = create
    fakes.answers["WatchEvaluationJob"] = lambda _: [
        pb.WatchEvaluationJobResponse(evaluation_job=ended(pb.EvaluationSpec()))
    ]
    fakes.answers["GetEvaluationJob"] = lambda _: pb.GetEvaluationJobResponse(evaluation_job=ended(pb.EvaluationSpec()))
    fakes.answers["ListEvaluationJobs"] = lambda _: pb.ListEvaluationJobsResponse(
        evaluation_jobs=[ended(pb.EvaluationSpec())]
    )
    return fakes


def test_the_models_of_the_dataset_are_judged_and_the_table_says_what_is_needed(board: Fakes) -> None:
    outcome = board.run("leaderboard", "judgments", "--details")
    (request,) = board.asked("CreateEvaluationJob")
    assert list(request.spec.training_jobs) == ["trainingJobs/t0"]
    assert (request.spec.dataset, request.spec.task) == ("datasets/judgments", 0)
    for words in (
        "0.9000 [0.8000, 1.0000]",
        "-0.2000",
        "0.0123",
        "reference",
        "query_words=1-2",
        "0.250",
        "Left out: t2",
    ):
        assert words in outcome.stdout


def test_options_become_the_spec_and_json_holds_everything(board: Fakes) -> None:
    options = ("--model", "t1", "--baselines", "random, bm25", "--task", "search", "--cutoff", "5", "--seed", "3")
    outcome = board.run("leaderboard", "judgments/1", *options, "--reference", "t1", "--products", "goods", "--json")
    (request,) = board.asked("CreateEvaluationJob")
    assert request.spec == pb.EvaluationSpec(
        task=1,  # type: ignore[arg-type]
        dataset="datasets/judgments/versions/1",
        training_jobs=["trainingJobs/t1"],
        baselines=["random", "bm25"],
        cutoff=5,
        seed=3,
        reference="trainingJobs/t1",
        products="datasets/goods",
    )
    assert not board.asked("ListTrainingJobs")
    entries = json.loads(outcome.stdout)["evaluation_job"]["leaderboard"]["entries"]
    assert [entry["system"] for entry in entries] == ["trainingJobs/t1", "bm25"]


def test_models_alone_baselines_alone_and_markdown(board: Fakes) -> None:
    board.run("leaderboard", "judgments", "--no-models")
    board.run("leaderboard", "judgments", "--baselines", "none")
    without, alone = board.asked("CreateEvaluationJob")
    assert not without.spec.training_jobs
    assert alone.spec.without_baselines
    assert "| 1 | t1 |" in board.run("evaluations", "show", "e1", "--markdown").stdout
    assert "e1" in board.run("evaluations", "list").stdout
    assert "0.9000" in board.run("evaluations", "watch", "e1").stdout


@pytest.mark.parametrize("options", [("--task", "match"), ("--no-models", "--model", "t1")])
def test_what_cannot_be_asked_is_refused_before_any_call(board: Fakes, options: tuple[str, ...]) -> None:
    assert board.run("leaderboard", "judgments", *options, code=2).stderr
    assert not board.asked("CreateEvaluationJob")
