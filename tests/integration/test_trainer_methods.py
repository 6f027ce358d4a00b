"""Fine-tuning methods through the trainer's door: trained, reported, exported with their parts, compared."""

import asyncio
from pathlib import Path

import grpc
import pytest
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.trainer.v1 import trainer_service_pb2 as pb
from aisle.trainer.v1 import trainer_service_pb2_grpc as pb_grpc
from aisle.trainer.v1 import training_job_pb2
from aisle.trainer.v1 import training_report_pb2 as report_pb
from aisle.type.v1 import job_pb2
from aisle_runtime.client import error_details, open_channel
from aisle_runtime.testing import running_host
from aisle_trainer.main import MIGRATIONS, wire
from test_trainer import BOTH, FILES, QUICK, SEARCH, check_bundle, create, files_of, settings
from test_trainer import governance as governance
from test_trainer import shared as shared
from trainer_support import FakeGovernance


async def test_methods_are_trained_exported_and_compared(
    tmp_path: Path, shared: Path, governance: FakeGovernance
) -> None:
    """A method that cannot be folded in reaches the bundle; costs are told; what cannot be compared is refused."""
    config = settings(tmp_path, shared, governance, max_parallel_jobs=2)
    async with running_host("trainer", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        stub = pb_grpc.TrainerServiceStub(channel)
        created = await create(stub, QUICK + BOTH + "fine_tuning { prompt { count: 3 } }")
        assert created.spec.method == pipeline_pb.FINE_TUNING_METHOD_PROMPT
        assert created.spec.fine_tuning.prompt.count == 3
        trial = "skip_export: true fine_tuning { adalora { } } lora_rank: 2 engine { micro_batch_size: 5 }"
        names = [created.name, (await create(stub, QUICK + SEARCH + trial)).name]
        prompt, adalora = await asyncio.gather(*(ended(stub, name) for name in names))
        for job in (prompt, adalora):
            assert job.status.state == job_pb2.JOB_STATE_SUCCEEDED, job.status.failure
            assert 0 < job.report.trainable_ratio < 0.5

        assert {artifact.path for artifact in prompt.artifacts} == FILES
        files = await files_of(stub, prompt)
        check_bundle(files)
        assert b"prompt_encoder" in files["ranker.onnx"]
        assert b"prompt_encoder" not in files["embedder.onnx"]
        assert prompt.report.trunk_trainable_parameter_count == 3 * 32
        assert adalora.report.micro_batch_size == 5
        assert adalora.report.rank_budget.target_rank_total == 2 * 2 * 6

        (line,) = await compared(stub, prompt.name, system="neural")
        assert (line.metric, line.report, line.HasField("difference")) == ("ndcg@10", prompt.report, False)
        (line,) = await compared(stub, adalora.name)
        assert line.metric == "validation_score"
        assert line.value == max(point.score for point in adalora.validations)
        waiting = await create(stub, 'base_model: "tiny" max_steps: 100000 eval_every_steps: 100000 ' + SEARCH)
        for jobs, reason in (
            ([prompt.name, adalora.name], "JOBS_NOT_COMPARABLE"),
            ([prompt.name, waiting.name], "TRAINING_JOB_NOT_SUCCEEDED"),
            ([prompt.name, prompt.name], "INVALID_ARGUMENT"),
            ([], "INVALID_ARGUMENT"),
            (["trainingJobs/none"], "TRAINING_JOB_NOT_FOUND"),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                await compared(stub, *jobs)
            assert reason in (error_details(caught.value).reason, caught.value.code().name)
        await stub.CancelTrainingJob(pb.CancelTrainingJobRequest(name=waiting.name))


async def ended(stub: pb_grpc.TrainerServiceStub, name: str) -> training_job_pb2.TrainingJob:
    """Two children that load everything at once take their time on a busy machine."""
    job = training_job_pb2.TrainingJob()
    async for answer in stub.WatchTrainingJob(pb.WatchTrainingJobRequest(name=name), timeout=240):
        job = answer.training_job
    return job


async def compared(stub: pb_grpc.TrainerServiceStub, *jobs: str, system: str = "") -> list[report_pb.MethodComparison]:
    request = pb.CompareTrainingJobsRequest(training_jobs=jobs, system=system)
    return list((await stub.CompareTrainingJobs(request)).comparisons)
