"""Training, tuning and the registry on the command line."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb
from aisle.registry.v1 import model_version_pb2, registry_service_pb2
from aisle.trainer.v1 import trainer_service_pb2, training_job_pb2
from aisle.tuner.v1 import study_pb2, tuner_service_pb2
from aisle.type.v1 import failure_pb2, job_pb2, metric_pb2
from aisle_runtime import errors
from cli_support import Fakes


def job(state: str, revision: int = 1, **more: Any) -> training_job_pb2.TrainingJob:
    return training_job_pb2.TrainingJob(
        name="trainingJobs/t1", status=job_pb2.JobStatus(state=f"JOB_STATE_{state}", revision=revision), **more
    )


@pytest.fixture
def trainer(fakes: Fakes) -> Fakes:
    point = training_job_pb2.ValidationPoint(step=40, score=0.61)
    running = job("RUNNING", 2, step_count=40, max_steps=80, training_loss=0.1234, validations=[point])
    done = job("SUCCEEDED", 3, step_count=80, max_steps=80, evaluation="evaluations/e1", validations=[point])
    metric = metric_pb2.Metric(name="ndcg@10", value=0.72, lower=0.7, upper=0.74, sample_count=52)
    task = training_job_pb2.TaskEvaluation(
        kind="TASK_KIND_SEARCH_RELEVANCE",
        systems=[training_job_pb2.SystemResult(system="model", metrics=[metric])],
        paired_differences=[metric_pb2.Metric(name="ndcg@10:zero_shot", value=0.05, lower=0.02, upper=0.08)],
    )
    recipe = trainer_service_pb2.ListRecipesResponse(
        recipes=[
            training_job_pb2.Recipe(
                recipe_id="search-lora",
                spec=spec_pb.TrainingSpec(
                    lora_rank=8, tasks=[spec_pb.TaskSpec(kind="TASK_KIND_SEARCH_RELEVANCE", weight=2)]
                ),
            )
        ]
    )
    fakes.answers |= {
        "CreateTrainingJob": trainer_service_pb2.CreateTrainingJobResponse(training_job=job("QUEUED")),
        "GetTrainingJob": trainer_service_pb2.GetTrainingJobResponse(training_job=done),
        "WatchTrainingJob": [trainer_service_pb2.WatchTrainingJobResponse(training_job=j) for j in (running, done)],
        "GetEvaluation": trainer_service_pb2.GetEvaluationResponse(
            evaluation=training_job_pb2.Evaluation(name="evaluations/e1", tasks=[task])
        ),
        "ListRecipes": recipe,
    }
    return fakes


def test_training_shows_its_loss_and_ends_with_the_evaluation(trainer: Fakes) -> None:
    outcome = trainer.run(
        "train", "--task", "search=judgments", "--task", "purchase=orders/2", "--weight", "purchase=0.5",
        "--method", "lora", "--max-steps", "80", "--seed", "7", "--set", "weight_decay=0.01",
    )  # fmt: skip
    (request,) = trainer.asked("CreateTrainingJob")
    assert request.spec.method == spec_pb.FINE_TUNING_METHOD_LORA
    assert [(t.kind, t.dataset, t.weight) for t in request.spec.tasks] == [
        (spec_pb.TASK_KIND_SEARCH_RELEVANCE, "datasets/judgments", 0.0),
        (spec_pb.TASK_KIND_PURCHASE, "datasets/orders/versions/2", 0.5),
    ]
    assert (request.spec.max_steps, request.spec.seed, request.spec.weight_decay) == (80, 7, 0.01)
    assert "step 40/80, loss 0.1234, score 0.6100" in outcome.stderr
    assert "model 0.7200 [0.7000, 0.7400]" in outcome.words
    assert "ndcg@10:zero_shot 0.0500 [0.0200, 0.0800]" in outcome.words


def test_a_job_as_json_holds_its_evaluation(trainer: Fakes) -> None:
    document = trainer.run("train", "--task", "search=judgments", "--json").document
    assert document["training_job"]["status"]["state"] == "JOB_STATE_SUCCEEDED"
    assert document["evaluation"]["tasks"][0]["systems"][0]["system"] == "model"
    document = trainer.run("train", "--task", "search=judgments", "--no-wait", "--json").document
    assert document["training_job"]["status"]["state"] == "JOB_STATE_QUEUED"


def test_a_recipe_is_the_start_and_options_win(trainer: Fakes) -> None:
    trainer.run("train", "--recipe", "search-lora", "--task", "search=j", "--max-steps", "5", "--no-wait")
    (request,) = trainer.asked("CreateTrainingJob")
    assert (request.spec.lora_rank, request.spec.max_steps, request.spec.tasks[0].weight) == (8, 5, 2.0)
    assert "Recipes: search-lora" in trainer.run("train", "--recipe", "x", "--task", "search=j", code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "lora"], "Add --task search=DATASET"),
        (["--task", "ctr=x"], "task ctr: it is not known"),
        (["--task", "search=x", "--method", "magic"], "Known: lora, full"),
        (["--task", "search=x", "--set", "nope=1"], "TrainingSpec has no such field"),
        (["--task", "search=x", "--set", "batch_size=many"], "not a whole number"),
        (["--task", "search=x", "--weight", "purchase=1"], "its task is not among --task"),
        (["--task", "search=x", "--weight", "search=heavy"], "heavy is not a number"),
    ],
)
def test_training_options_that_do_not_fit_are_refused(trainer: Fakes, arguments: list[str], message: str) -> None:
    assert message in trainer.run("train", *arguments, code=2).stderr
    assert trainer.asked("CreateTrainingJob") == []


def test_a_failed_job_ends_with_code_1_and_its_reason(trainer: Fakes) -> None:
    failed = job("FAILED")
    failed.status.failure.CopyFrom(failure_pb2.Failure(reason="JOB_CRASHED", message="It ran out of memory."))
    trainer.answers["WatchTrainingJob"] = [trainer_service_pb2.WatchTrainingJobResponse(training_job=failed)]
    assert "train t1 failed: It ran out of memory." in trainer.run("train", "watch", "t1", code=1).stderr


def test_jobs_are_listed_shown_and_cancelled(trainer: Fakes) -> None:
    trainer.answers |= {
        "ListTrainingJobs": trainer_service_pb2.ListTrainingJobsResponse(training_jobs=[job("RUNNING")]),
        "CancelTrainingJob": trainer_service_pb2.CancelTrainingJobResponse(training_job=job("CANCELLED")),
    }
    assert "t1 running" in trainer.run("train", "jobs").words
    assert "state succeeded" in trainer.run("train", "show", "t1").words
    assert "being stopped" in trainer.run("train", "cancel", "t1").stdout
    assert trainer.asked("CancelTrainingJob")[0].name == "trainingJobs/t1"
    assert "search-lora" in trainer.run("train", "recipes").stdout


def test_a_study_searches_ranges_and_shows_trials(fakes: Fakes) -> None:
    study = study_pb2.Study(
        name="studies/s1",
        best_trial=2,
        best_score=0.7,
        status=job_pb2.JobStatus(state="JOB_STATE_SUCCEEDED", revision=1),
    )
    trial = study_pb2.Trial(number=2, state="TRIAL_STATE_COMPLETE", score=0.7, parameters={"learning_rate": 1e-4})
    fakes.answers |= {
        "CreateStudy": tuner_service_pb2.CreateStudyResponse(study=study),
        "WatchStudy": [tuner_service_pb2.WatchStudyResponse(study=study)],
        "ListTrials": tuner_service_pb2.ListTrialsResponse(trials=[trial]),
        "ListStudies": tuner_service_pb2.ListStudiesResponse(studies=[study]),
        "StopStudy": tuner_service_pb2.StopStudyResponse(study=study),
    }
    outcome = fakes.run(
        "tune", "--task", "search=j", "--range", "learning_rate=1e-5:1e-3:log", "--range", "lora_rank=4:32",
        "--trials", "12",
    )  # fmt: skip
    (request,) = fakes.asked("CreateStudy")
    assert [(p.field, p.low, p.high, p.log_scale) for p in request.stage.parameters] == [
        ("learning_rate", 1e-5, 1e-3, True),
        ("lora_rank", 4.0, 32.0, False),
    ]
    assert request.stage.trial_count == 12
    assert "2 complete 0.7 0 learning_rate=0.0001" in outcome.words
    assert "s1 succeeded" in fakes.run("tune", "list").words
    fakes.run("tune", "stop", "s1")
    assert "LOW:HIGH" in fakes.run("tune", "--task", "search=j", "--range", "lora_rank=4", code=2).stderr
    assert "Add --range" in fakes.run("tune", "--task", "search=j", code=2).stderr


def version(state: str = "ACCEPTED") -> model_version_pb2.ModelVersion:
    return model_version_pb2.ModelVersion(
        name="models/m/versions/2", state=f"MODEL_VERSION_STATE_{state}", aliases=["production"]
    )


def test_models_versions_and_history_are_listed(fakes: Fakes) -> None:
    model = registry_service_pb2.Model(name="models/m", version_count=2, aliases={"production": "models/m/versions/1"})
    change = model_version_pb2.AliasChange(sequence=1, model_version="models/m/versions/1", cause="promotion")
    fakes.answers |= {
        "ListModels": registry_service_pb2.ListModelsResponse(models=[model]),
        "ListModelVersions": registry_service_pb2.ListModelVersionsResponse(model_versions=[version()]),
        "GetModelVersion": registry_service_pb2.GetModelVersionResponse(model_version=version()),
        "GetAliasHistory": registry_service_pb2.GetAliasHistoryResponse(changes=[change]),
        "RollbackAlias": registry_service_pb2.RollbackAliasResponse(change=change),
    }
    assert "production -> m/1" in fakes.run("models", "list").stdout
    assert "m/2 accepted production" in fakes.run("models", "versions", "m").words
    assert "1 m/1 promotion" in fakes.run("models", "history", "m").words
    fakes.run("models", "show", "m@production")
    fakes.run("models", "show", "m/2")
    assert [r.name for r in fakes.asked("GetModelVersion")] == ["models/m@production", "models/m/versions/2"]
    assert "production points at m/1" in fakes.run("models", "rollback", "m").stdout
    assert "MODEL/VERSION" in fakes.run("models", "promote", "m", code=2).stderr


def test_a_refusal_by_the_gates_has_code_6_everywhere(fakes: Fakes) -> None:
    result = model_version_pb2.GateResult(
        gate=spec_pb.Gate(metric="ndcg@10"), candidate_value=0.5, champion_value=0.6, explanation="worse"
    )
    verdict = model_version_pb2.GateVerdict(champion="models/m/versions/1", results=[result])
    refusal = errors.FailedPrecondition("Its newest verdict did not pass.", reason="GATE_NOT_PASSED")
    fakes.answers |= {
        "EvaluateGates": registry_service_pb2.EvaluateGatesResponse(verdict=verdict),
        "PromoteModelVersion": refusal,
    }
    assert "ndcg@10 refused 0.5 0.6" in fakes.run("models", "gates", "m/2", code=6).words
    assert fakes.run("models", "gates", "m/2", "--json", code=6).document["verdict"]["passed"] is False
    outcome = fakes.run("models", "promote", "m/2", code=6)
    assert outcome.stderr.splitlines() == [
        "Error: Its newest verdict did not pass.",
        "See the verdict: aisle models gates m/2 --alias production.",
    ]
    passed = model_version_pb2.GateVerdict(passed=True)
    fakes.answers["EvaluateGates"] = registry_service_pb2.EvaluateGatesResponse(verdict=passed)
    assert fakes.run("models", "gates", "m/2").code == 0


def test_a_bundle_is_registered_file_by_file(fakes: Fakes, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    manifest = {"training_job": "trainingJobs/t1", "dataset_versions": {"purchase": "datasets/orders/versions/1"}}
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    (bundle / "ranker.onnx").write_bytes(b"x" * (3 << 19))
    evidence = tmp_path / "evidence.json"
    evidence.write_text(json.dumps([{"task": "TASK_KIND_PURCHASE", "unit_ids": ["a"]}]))
    fakes.answers["RegisterModelVersion"] = registry_service_pb2.RegisterModelVersionResponse(model_version=version())
    fakes.run("models", "register", str(bundle), "--model", "m", "--evaluations", str(evidence))
    ((first, *rest),) = fakes.asked("RegisterModelVersion")
    assert first.header.model == "models/m"
    assert first.header.training_job == "trainingJobs/t1"
    assert list(first.header.dataset_versions) == ["datasets/orders/versions/1"]
    assert [file.path for file in first.header.files] == ["manifest.json", "ranker.onnx"]
    for index, file in enumerate(first.header.files):
        sent = b"".join(m.file_chunk.data for m in rest if m.file_chunk.file_index == index)
        assert hashlib.sha256(sent).hexdigest() == file.sha256
        assert len(sent) == file.size_bytes
    assert first.header.evaluations[0].unit_ids == ["a"]
    assert "no manifest.json" in fakes.run("models", "register", str(tmp_path), "--model", "m", code=2).stderr
