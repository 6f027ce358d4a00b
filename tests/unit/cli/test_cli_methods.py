"""Fine-tuning methods on the command line: parameters by path, costs in reports, comparisons."""

from typing import Any

import pytest
from aisle.pipeline.v1 import fine_tuning_pb2, training_engine_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb
from aisle.trainer.v1 import trainer_service_pb2, training_job_pb2, training_report_pb2
from aisle.type.v1 import failure_pb2, job_pb2
from aisle_runtime import errors
from cli_support import Fakes

REPORT = training_report_pb2.TrainingReport(
    trainable_parameter_count=462_000,
    parameter_count=23_100_000,
    trainable_ratio=0.02,
    trunk_trainable_parameter_count=166_000,
    peak_memory_bytes=512 << 20,
    step_seconds=12.34,
    step_cpu_seconds=11.1,
    pairs_per_cpu_second=345.6,
    trained_bytes=1_848_000,
)


def job(name: str, state: str = "SUCCEEDED", **more: Any) -> training_job_pb2.TrainingJob:
    return training_job_pb2.TrainingJob(
        name=f"trainingJobs/{name}", status=job_pb2.JobStatus(state=f"JOB_STATE_{state}", revision=3), **more
    )


@pytest.fixture
def trainer(fakes: Fakes) -> Fakes:
    report = training_report_pb2.TrainingReport()
    report.CopyFrom(REPORT)
    report.out_of_memory_count, report.micro_batch_size = 2, 8
    report.gap_alarms.add(step=40, training_loss=0.1, validation_loss=0.5, limit=0.1)
    report.rank_budget.initial_rank_total, report.rank_budget.final_rank_total = 48, 24
    lines = [
        training_report_pb2.MethodComparison(
            training_job="trainingJobs/a", method="FINE_TUNING_METHOD_FULL", report=REPORT, metric="ndcg@10", value=0.86
        ),
        training_report_pb2.MethodComparison(
            training_job="trainingJobs/b",
            method="FINE_TUNING_METHOD_BOTTLENECK",
            report=REPORT,
            metric="ndcg@10",
            value=0.858,
            difference=training_report_pb2.PairedDifference(value=-0.002, lower=-0.006, upper=0.001, sample_count=99),
        ),
    ]
    fakes.answers |= {
        "CreateTrainingJob": trainer_service_pb2.CreateTrainingJobResponse(training_job=job("a", "QUEUED")),
        "GetTrainingJob": trainer_service_pb2.GetTrainingJobResponse(training_job=job("a", report=report)),
        "WatchTrainingJob": [trainer_service_pb2.WatchTrainingJobResponse(training_job=job("a"))],
        "CompareTrainingJobs": trainer_service_pb2.CompareTrainingJobsResponse(comparisons=lines),
    }
    return fakes


def test_parameters_of_methods_and_engine_are_set_by_their_path(trainer: Fakes) -> None:
    trainer.run(
        "train", "--task", "search=j", "--no-wait", "--method", "adalora", "--set", "fine_tuning.adalora.initial_rank=12",
        "--set", "fine_tuning.adalora.target=attention", "--set", "engine.micro_batch_size=4", "--set", "engine.warmup_ratio=0",
        "--set", "engine.schedule=cosine", "--set", "engine.gradient_checkpointing=true", "--set", "engine.precision=bfloat16",
    )  # fmt: skip
    (request,) = trainer.asked("CreateTrainingJob")
    ada, engine = request.spec.fine_tuning.adalora, request.spec.engine
    assert request.spec.method == spec_pb.FINE_TUNING_METHOD_ADALORA
    assert (ada.initial_rank, ada.target) == (12, fine_tuning_pb2.LOW_RANK_TARGET_ATTENTION)
    assert (engine.micro_batch_size, engine.gradient_checkpointing) == (4, True)
    assert engine.HasField("warmup_ratio")
    assert engine.schedule == training_engine_pb2.LEARNING_RATE_SCHEDULE_COSINE
    assert engine.precision == training_engine_pb2.TRAINING_PRECISION_BFLOAT16


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("fine_tuning.magic.width=3", "FineTuning has no part magic"),
        ("fine_tuning.bottleneck.depth=3", "Bottleneck has no field depth"),
        ("fine_tuning.bottleneck=3", "FineTuning has no field bottleneck"),
        ("engine.schedule=wild", "Known: learning_rate_schedule_linear"),
        ("engine.micro_batch_size=few", "not a whole number"),
        ("engine.micro_batch_size=99999999999", "not a whole number"),
    ],
)
def test_paths_that_lead_nowhere_are_refused(trainer: Fakes, setting: str, message: str) -> None:
    assert message in trainer.run("train", "--task", "search=j", "--set", setting, code=2).stderr
    assert trainer.asked("CreateTrainingJob") == []


def test_a_job_shows_what_it_took_and_what_happened(trainer: Fakes) -> None:
    words = trainer.run("train", "show", "a").words
    assert "462,000 parameters, 2.00%" in words
    assert "512 MiB" in words
    assert "2 times; went on with 8 pairs" in words
    assert "validation loss 0.500, training loss 0.100 at step 40" in words
    assert "24 of 48 kept" in words


def test_methods_are_trained_and_shown_side_by_side(trainer: Fakes) -> None:
    outcome = trainer.run(
        "train", "compare-methods", "--task", "search=j", "--methods", "full,bottleneck", "--max-steps", "9", "--set",
        "fine_tuning.bottleneck.width=4", "--system", "neural",
    )  # fmt: skip
    full, bottleneck = (request.spec for request in trainer.asked("CreateTrainingJob"))
    assert (full.method, bottleneck.method) == (2, 4)
    assert (full.max_steps, bottleneck.fine_tuning.bottleneck.width) == (9, 4)
    assert not full.HasField("fine_tuning")
    (request,) = trainer.asked("CompareTrainingJobs")
    assert request.system == "neural"
    assert "0.8600" in outcome.words
    assert "-0.0020 [-0.0060, +0.0010]" in outcome.words
    document = trainer.run("train", "compare", "a", "b", "--json").document
    assert [line["training_job"] for line in document["comparisons"]] == ["trainingJobs/a", "trainingJobs/b"]


def test_all_methods_begin_with_full_fine_tuning(trainer: Fakes) -> None:
    trainer.run("train", "compare-methods", "--task", "search=j", "--skip-export")
    asked = [request.spec.method for request in trainer.asked("CreateTrainingJob")]
    assert asked[0] == spec_pb.FINE_TUNING_METHOD_FULL
    assert sorted(asked) == list(range(1, 10))


def test_a_method_that_fails_is_named_and_the_others_are_compared(trainer: Fakes) -> None:
    failed = job("a", "FAILED")
    failed.status.failure.CopyFrom(failure_pb2.Failure(reason="TRAINING_DIVERGED", message="The loss is not a number."))
    good = trainer_service_pb2.WatchTrainingJobResponse(training_job=job("a"))
    streams = iter([[trainer_service_pb2.WatchTrainingJobResponse(training_job=failed)], [good]])
    trainer.answers["WatchTrainingJob"] = lambda _: next(streams)
    outcome = trainer.run("train", "compare-methods", "--task", "search=j", "--methods", "full,lora", code=1)
    assert "The loss is not a number." in outcome.stderr
    assert len(trainer.asked("CompareTrainingJobs")) == 1


def test_an_unknown_method_is_refused(trainer: Fakes) -> None:
    refused = trainer.run("train", "compare-methods", "--task", "search=j", "--methods", "full,magic", code=2)
    assert "adalora" in refused.stderr
    trainer.answers["CompareTrainingJobs"] = errors.FailedPrecondition("They differ.", reason="JOBS_NOT_COMPARABLE")
    assert "They differ." in trainer.run("train", "compare", "a", "b", code=3).stderr
