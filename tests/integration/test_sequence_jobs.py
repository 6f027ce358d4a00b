"""Sequential recommendation over a real server and real child processes: a job makes a model, the model answers."""

from pathlib import Path

import grpc
import numpy as np
import pyarrow as pa
import pytest
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.trainer.v1 import next_items_pb2
from aisle.trainer.v1 import trainer_service_pb2 as pb
from aisle.trainer.v1 import trainer_service_pb2_grpc as pb_grpc
from aisle.type.v1 import job_pb2
from aisle_runtime.client import error_details, open_channel
from aisle_runtime.testing import running_host
from aisle_runtime.testing.nats import NatsServer, nats_server  # noqa: F401
from aisle_trainer.main import MIGRATIONS, wire
from aisle_trainer.settings import TrainerSettings
from google.protobuf import text_format
from trainer_support import DAY_US, WORDS, fake_governance, write_tiny_encoder

SPEC = (
    'tasks { kind: TASK_KIND_SEQUENCE dataset: "datasets/rounds" } base_model: "tiny" max_tokens: 16 learning_rate: 0.02 '
    "batch_size: 16 max_steps: 60 eval_every_steps: 20 sequence { width: 16 layer_count: 1 max_history: 10 dropout_ratio: 0.1 }"
)


def rounds(customers: int = 60, items: int = 12) -> pa.Table:
    """Orders in which every product is followed by the next one, a day later."""
    rng = np.random.default_rng(0)
    rows = []
    for customer in range(customers):
        start = int(rng.integers(items))
        for day in range(int(rng.integers(4, 11))):
            number = (start + day) % items
            rows.append((f"c{customer:02}", f"p{number:02}", WORDS[number], day * DAY_US))
    columns = dict(zip(("customer_id", "product_id", "title"), list(zip(*rows, strict=True))[:3], strict=True))
    return pa.table(columns).append_column("order_time", pa.array([row[3] for row in rows], pa.timestamp("us", "UTC")))


async def test_a_job_makes_a_model_that_names_the_next_item(nats_server: NatsServer, tmp_path: Path) -> None:  # noqa: F811
    write_tiny_encoder(tmp_path / "models" / "tiny")
    async with fake_governance() as governance:
        governance.tables["datasets/rounds/versions/1"] = rounds()
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
                await the_whole_way(pb_grpc.TrainerServiceStub(channel))


async def the_whole_way(stub: pb_grpc.TrainerServiceStub) -> None:
    request = pb.CreateTrainingJobRequest(spec=text_format.Parse(SPEC, pipeline_pb.TrainingSpec()))
    job = (await stub.CreateTrainingJob(request)).training_job
    async for answer in stub.WatchTrainingJob(pb.WatchTrainingJobRequest(name=job.name), timeout=120):
        job = answer.training_job
    assert job.status.state == job_pb2.JOB_STATE_SUCCEEDED, job.status
    assert (job.step_count, len(job.validations)) == (60, 3)
    assert {one.path for one in job.artifacts} == {"items.arrow", "manifest.json", "next_item.onnx", "sequence.json"}
    evaluation = (await stub.GetEvaluation(pb.GetEvaluationRequest(name=job.evaluation))).evaluation
    (task,) = evaluation.tasks
    systems = {entry.system: {one.name: one.value for one in entry.metrics} for entry in task.systems}
    assert set(systems) == {"model", "popularity", "item_knn", "ease_r"}
    assert systems["model"]["ndcg@10"] > 0.8 > systems["popularity"]["ndcg@10"]
    assert {one.name for one in task.paired_differences} == {"ndcg@10:popularity", "ndcg@10:item_knn", "ndcg@10:ease_r"}

    histories = [{"product_ids": ["p03", "p04"]}, {"product_ids": ["unheard"]}]
    question = next_items_pb2.ScoreSequencesRequest(training_job=job.name, histories=histories, top_count=3)
    after, cold = (await stub.ScoreSequences(question)).answers
    assert (after.items[0].product_id, len(after.items), after.known_item_count) == ("p05", 3, 2)
    assert (len(cold.items), cold.known_item_count) == (3, 0)

    question.ClearField("histories")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ScoreSequences(question)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    request.spec.skip_export = True
    request.spec.max_steps = 1
    bare = (await stub.CreateTrainingJob(request)).training_job
    async for answer in stub.WatchTrainingJob(pb.WatchTrainingJobRequest(name=bare.name), timeout=120):
        bare = answer.training_job
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ScoreSequences(next_items_pb2.ScoreSequencesRequest(training_job=bare.name, histories=histories))
    assert error_details(caught.value).reason == "NO_SEQUENCE_MODEL"
