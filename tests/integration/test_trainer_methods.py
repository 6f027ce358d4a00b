"""Fine-tuning methods through the trainer's door: trained, reported, exported with their parts, compared."""

import asyncio
from pathlib import Path

import grpc
import pytest
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.trainer.v1 import trainer_service_pb2 as pb
from aisle.trainer.v1 import trainer_service_pb2_grpc as pb_grpc
from aisle.type.v1 import job_pb2
from aisle_runtime.client import error_details, open_channel
from aisle_runtime.testing import running_host
from aisle_trainer.main import MIGRATIONS, wire
from test_trainer import BOTH, FILES, QUICK, SEARCH, check_bundle, create, end_of, files_of, settings
from test_trainer import governance as governance
from test_trainer import shared as shared
from trainer_support import FakeGovernance


async def test_a_method_that_cannot_be_folded_in_reaches_the_bundle(
    tmp_path: Path, shared: Path, governance: FakeGovernance
) -> None:
    config = settings(tmp_path, shared, governance)
    async with running_host("trainer", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        stub = pb_grpc.TrainerServiceStub(channel)
        job = await create(stub, QUICK + BOTH + "fine_tuning { prompt { count: 3 } }")
        assert job.spec.method == pipeline_pb.FINE_TUNING_METHOD_PROMPT
        assert job.spec.fine_tuning.prompt.count == 3
        job = await end_of(stub, job.name)
        assert job.status.state == job_pb2.JOB_STATE_SUCCEEDED, job.status.failure
        assert {artifact.path for artifact in job.artifacts} == FILES
        files = await files_of(stub, job)
        check_bundle(files)
        assert b"prompt_encoder" in files["ranker.onnx"]
        assert b"prompt_encoder" not in files["embedder.onnx"]
        assert job.report.trunk_trainable_parameter_count == 3 * 32
        (line,) = (
            await stub.CompareTrainingJobs(pb.CompareTrainingJobsRequest(training_jobs=[job.name], system="neural"))
        ).comparisons
        assert (line.metric, line.HasField("difference")) == ("ndcg@10", False)
        assert line.report == job.report


async def test_methods_are_compared_and_what_cannot_be_is_refused(
    tmp_path: Path, shared: Path, governance: FakeGovernance
) -> None:
    config = settings(tmp_path, shared, governance, max_parallel_jobs=2)
    async with running_host("trainer", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        stub = pb_grpc.TrainerServiceStub(channel)
        trial = QUICK + SEARCH + "skip_export: true "
        names = [
            (await create(stub, trial + text)).name
            for text in (
                "method: FINE_TUNING_METHOD_FULL engine { micro_batch_size: 5 }",
                "fine_tuning { adalora { } } lora_rank: 2",
            )
        ]
        full, adalora = await asyncio.gather(*(end_of(stub, name) for name in names))
        assert [job.status.state for job in (full, adalora)] == [job_pb2.JOB_STATE_SUCCEEDED] * 2
        assert full.report.trainable_ratio > 0.5 > adalora.report.trainable_ratio > 0
        assert full.report.micro_batch_size == 5
        assert adalora.report.rank_budget.target_rank_total == 2 * 2 * 6
        request = pb.CompareTrainingJobsRequest(training_jobs=[full.name, adalora.name])
        first, second = (await stub.CompareTrainingJobs(request)).comparisons
        assert (first.training_job, first.report) == (full.name, full.report)
        assert second.value == max(point.score for point in adalora.validations)
        assert second.metric == "validation_score"
        waiting = await create(stub, QUICK + SEARCH + "max_steps: 100000 eval_every_steps: 100000")
        for jobs, reason in (
            ([full.name, waiting.name], "TRAINING_JOB_NOT_SUCCEEDED"),
            ([full.name, full.name], "INVALID_ARGUMENT"),
            ([], "INVALID_ARGUMENT"),
            (["trainingJobs/none"], "TRAINING_JOB_NOT_FOUND"),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                await stub.CompareTrainingJobs(pb.CompareTrainingJobsRequest(training_jobs=jobs))
            found = error_details(caught.value)
            assert reason in (found.reason, caught.value.code().name)
        await stub.CancelTrainingJob(pb.CancelTrainingJobRequest(name=waiting.name))
