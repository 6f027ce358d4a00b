"""Pair matching over a real server and real child processes: a job makes a matcher, the matcher answers."""

from pathlib import Path

import grpc
import numpy as np
import pyarrow as pa
import pytest
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.trainer.v1 import pair_matching_pb2, training_job_pb2
from aisle.trainer.v1 import trainer_service_pb2 as pb
from aisle.trainer.v1 import trainer_service_pb2_grpc as pb_grpc
from aisle.type.v1 import job_pb2
from aisle_runtime.client import error_details, open_channel
from aisle_runtime.testing import running_host
from aisle_runtime.testing.nats import NatsServer, nats_server  # noqa: F401
from aisle_trainer.main import MIGRATIONS, wire
from aisle_trainer.settings import TrainerSettings
from google.protobuf import text_format
from trainer_support import WORDS, fake_governance, write_tiny_encoder

MATCH = 'tasks { kind: TASK_KIND_PAIR_MATCHING dataset: "datasets/pairs" } base_model: "tiny" max_tokens: 32 '
FROZEN = MATCH + "method: FINE_TUNING_METHOD_FROZEN"
FULL = MATCH + "method: FINE_TUNING_METHOD_FULL max_steps: 4 eval_every_steps: 2 batch_size: 12"


def pairs(products: int = 150, seed: int = 0) -> pa.Table:
    """Two shops that name the same products in another order of words, and pairs of which a third match."""
    rng = np.random.default_rng(seed)
    names = [list(rng.choice(WORDS[:-1], 4, replace=False)) for _ in range(products)]
    left, right, label = [], [], []
    for number, name in enumerate(names):
        for other in (number, (number + 1) % products, (number + 7) % products):
            left.append(" ".join(name))
            right.append(" ".join(rng.permutation(names[other])))
            label.append(float(other == number))
    return pa.table({"left_title": left, "right_title": right, "label": label})


def question(job: str, table: pa.Table, **more: object) -> pair_matching_pb2.ScorePairsRequest:
    rows = table.to_pylist()
    found = [
        pair_matching_pb2.ProductPair(left={"title": row["left_title"]}, right={"title": row["right_title"]})
        for row in rows
    ]
    return pair_matching_pb2.ScorePairsRequest(training_job=job, pairs=found, **more)  # type: ignore[arg-type]


async def train(stub: pb_grpc.TrainerServiceStub, spec: str) -> training_job_pb2.TrainingJob:
    request = pb.CreateTrainingJobRequest(spec=text_format.Parse(spec, pipeline_pb.TrainingSpec()))
    job = (await stub.CreateTrainingJob(request)).training_job
    async for answer in stub.WatchTrainingJob(pb.WatchTrainingJobRequest(name=job.name), timeout=120):
        job = answer.training_job
    return job


async def test_a_job_makes_a_matcher_that_answers(nats_server: NatsServer, tmp_path: Path) -> None:  # noqa: F811
    write_tiny_encoder(tmp_path / "models" / "tiny")
    async with fake_governance() as governance:
        governance.tables["datasets/pairs/versions/1"] = pairs()
        settings = TrainerSettings.model_validate(
            {
                "state_dir": tmp_path / "state",
                "governance_address": governance.address,
                "base_models_dir": tmp_path / "models",
                "threads": 1,
                "precision": "float32",
                **nats_server.settings("trainer"),
            }
        )
        async with running_host("trainer", settings, MIGRATIONS, wire) as host:
            async with open_channel(host.address) as channel:
                stub = pb_grpc.TrainerServiceStub(channel)
                await the_trees_alone(stub)
                await a_trained_encoder_beside_them(stub)


async def the_trees_alone(stub: pb_grpc.TrainerServiceStub) -> None:
    job = await train(stub, FROZEN)
    assert job.status.state == job_pb2.JOB_STATE_SUCCEEDED, job.status
    assert {"trees.onnx", "records.arrow", "matcher.json"} < {artifact.path for artifact in job.artifacts}
    evaluation = (await stub.GetEvaluation(pb.GetEvaluationRequest(name=job.evaluation))).evaluation
    (task,) = evaluation.tasks
    systems = {entry.system: {one.name: one.value for one in entry.metrics} for entry in task.systems}
    assert systems["model"]["f1"] > 0.9
    assert {one.name for one in task.paired_differences} == {"f1:tfidf", "f1:zero_shot"}

    fresh = pairs(20, seed=9)
    answer = await stub.ScorePairs(question(job.name, fresh))
    labels = np.array(fresh["label"])
    assert len(answer.scores) == len(labels)
    assert np.mean([one.matches == bool(label) for one, label in zip(answer.scores, labels, strict=True)]) > 0.9
    assert await stub.ScorePairs(question(job.name, fresh)) == answer
    everything = await stub.ScorePairs(question(job.name, fresh, threshold=0.0))
    assert all(one.matches for one in everything.scores)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ScorePairs(question("trainingJobs/nowhere", fresh))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ScorePairs(question(job.name, fresh.slice(0, 0)))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    unfinished = await train(stub, FROZEN + " skip_export: true")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ScorePairs(question(unfinished.name, fresh))
    assert error_details(caught.value).reason == "NO_MATCHER"


async def a_trained_encoder_beside_them(stub: pb_grpc.TrainerServiceStub) -> None:
    job = await train(stub, FULL)
    assert job.status.state == job_pb2.JOB_STATE_SUCCEEDED, job.status
    assert (job.step_count, len(job.validations)) == (4, 2)
    assert "reader.onnx" in {artifact.path for artifact in job.artifacts}
    evaluation = (await stub.GetEvaluation(pb.GetEvaluationRequest(name=job.evaluation))).evaluation
    assert {"model", "encoder", "without_encoder_training"} < {one.system for one in evaluation.tasks[0].systems}
    assert len((await stub.ScorePairs(question(job.name, pairs(5, seed=3)))).scores) == 15
