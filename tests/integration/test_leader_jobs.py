"""Evaluation jobs over a real server and real child processes, with a tiny encoder and a small shop."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import nats
import pyarrow as pa
import pytest
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.trainer.v1 import evaluation_job_pb2 as pb
from aisle.trainer.v1 import trainer_service_pb2 as service_pb
from aisle.trainer.v1 import trainer_service_pb2_grpc as pb_grpc
from aisle.trainer.v1 import training_job_pb2
from aisle.type.v1 import job_pb2
from aisle_runtime.client import error_details, open_channel
from aisle_runtime.testing import running_host
from aisle_runtime.testing.nats import NatsServer, nats_server  # noqa: F401
from aisle_trainer.main import MIGRATIONS, wire
from aisle_trainer.settings import TrainerSettings
from google.protobuf import text_format
from trainer_support import FakeGovernance, fake_governance, write_tiny_encoder

QUICK = 'base_model: "tiny" learning_rate: 0.005 max_steps: 8 eval_every_steps: 4 batch_size: 12 max_tokens: 24 '
TASKS = (
    'tasks { kind: TASK_KIND_SEARCH_RELEVANCE dataset: "datasets/judgments" } '
    'tasks { kind: TASK_KIND_PURCHASE dataset: "datasets/orders" }'
)
SEARCH, PURCHASE = pipeline_pb.TASK_KIND_SEARCH_RELEVANCE, pipeline_pb.TASK_KIND_PURCHASE


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny encoder, under the default's name too, and a cache."""
    folder = tmp_path_factory.mktemp("shared")
    write_tiny_encoder(folder / "models" / "tiny")
    (folder / "cache").mkdir()
    return folder


@pytest.fixture
async def governance() -> AsyncIterator[FakeGovernance]:
    async with fake_governance() as fake:
        orders = fake.tables["datasets/orders/versions/1"]
        ids = sorted(set(orders["product_id"].to_pylist()))
        brands = ["acme" if at % 2 else "zeta" for at in range(len(ids))]
        fake.tables["datasets/products/versions/1"] = pa.table({"product_id": ids, "brand": brands})
        yield fake


def settings(folder: Path, shared: Path, governance: FakeGovernance, **more: object) -> TrainerSettings:
    state = folder / "state"
    state.mkdir()
    (state / "cache").symlink_to(shared / "cache")
    values = {
        "state_dir": state,
        "governance_address": governance.address,
        "base_models_dir": shared / "models",
        "threads": 1,
        "precision": "float32",
        **more,
    }
    return TrainerSettings.model_validate(values)


async def evaluated(stub: pb_grpc.TrainerServiceStub, **spec: object) -> pb.EvaluationJob:
    request = pb.CreateEvaluationJobRequest(spec=pb.EvaluationSpec(**spec))  # type: ignore[arg-type]
    name = (await stub.CreateEvaluationJob(request)).evaluation_job.name
    job = pb.EvaluationJob()
    async for answer in stub.WatchEvaluationJob(pb.WatchEvaluationJobRequest(name=name), timeout=120):
        job = answer.evaluation_job
    return job


async def trained(stub: pb_grpc.TrainerServiceStub, text: str) -> training_job_pb2.TrainingJob:
    spec = text_format.Parse(text, pipeline_pb.TrainingSpec())
    name = (await stub.CreateTrainingJob(service_pb.CreateTrainingJobRequest(spec=spec))).training_job.name
    job = training_job_pb2.TrainingJob()
    async for answer in stub.WatchTrainingJob(service_pb.WatchTrainingJobRequest(name=name), timeout=120):
        job = answer.training_job
    assert job.status.state == job_pb2.JOB_STATE_SUCCEEDED, job.status.failure
    return job


def figures(entry: pb.LeaderboardEntry) -> dict[str, float]:
    return {metric.name: metric.value for metric in entry.metrics}


def check_board(board: pb.Leaderboard) -> None:
    assert [entry.rank for entry in board.entries] == list(range(1, len(board.entries) + 1))
    mains = [entry.metrics[0] for entry in board.entries]
    assert {metric.name for metric in mains} == {board.main_metric}
    assert [metric.value for metric in mains] == sorted((metric.value for metric in mains), reverse=True)
    assert all(m.lower <= m.value <= m.upper for entry in board.entries for m in entry.metrics if m.sample_count)
    by_name = {entry.system: entry for entry in board.entries}
    reference = by_name[board.reference]
    assert not reference.HasField("test")
    for entry in board.entries:
        if entry.system != board.reference:
            gap = entry.metrics[0].value - reference.metrics[0].value
            assert entry.test.difference.value == pytest.approx(gap)
            assert entry.test.holm_p >= entry.test.sign_flip_p > 0


async def test_a_finished_model_is_judged_beside_the_baselines_and_told(
    tmp_path: Path,
    shared: Path,
    governance: FakeGovernance,
    nats_server: NatsServer,  # noqa: F811
) -> None:
    listener = await nats.connect(nats_server.url, user="admin", password=nats_server.password("admin"))
    heard = await listener.subscribe("aisle.trainer.evaluation_job.>")
    await listener.flush()
    config = settings(tmp_path, shared, governance, **nats_server.settings("trainer"))
    async with running_host("trainer", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        stub = pb_grpc.TrainerServiceStub(channel)
        model = await trained(stub, QUICK + TASKS)
        folded = await trained(stub, QUICK + "folds: 2 " + TASKS.split(" tasks")[0])
        own = await stub.GetEvaluation(service_pb.GetEvaluationRequest(name=model.evaluation))

        names = [model.name, folded.name]
        job = await evaluated(
            stub, dataset="datasets/judgments", training_jobs=names, baselines=["random", "bm25", "tfidf_ridge"]
        )
        assert job.status.state == job_pb2.JOB_STATE_SUCCEEDED, job.status.failure
        board = job.leaderboard
        check_board(board)
        assert (board.task, job.spec.cutoff, board.main_metric) == (SEARCH, 10, "ndcg@10")
        assert {entry.system for entry in board.entries} == {model.name, "random", "bm25", "tfidf_ridge"}
        assert [(one.system, one.reason) for one in board.skipped] == [(folded.name, "SAW_HELD_BACK_QUERIES")]
        judged = next(entry for entry in board.entries if entry.system == model.name)
        before = next(system for system in own.evaluation.tasks[0].systems if system.system == "model")
        assert figures(judged)["ndcg@10"] == pytest.approx(before.metrics[0].value, abs=1e-6)
        wanted = {"mrr", "map", "recall@10", "hit@10", "auc", "gauc", "log_loss", "ece", "rmse", "mae", "qwk"}
        assert figures(judged).keys() >= wanted
        assert judged.slices
        assert judged.reliability
        ridge = next(entry for entry in board.entries if entry.system == "tfidf_ridge")
        chance = next(entry for entry in board.entries if entry.system == "random")
        assert figures(ridge)["ndcg@10"] > figures(chance)["ndcg@10"]
        event = pb.EvaluationJobSucceeded.FromString((await heard.next_msg(timeout=10)).data)
        assert (event.evaluation_job, event.best_system) == (job.name, board.entries[0].system)

        job = await evaluated(
            stub,
            dataset="datasets/orders/versions/1",
            training_jobs=names,
            reference="popularity",
            products="datasets/products",
        )
        board = job.leaderboard
        check_board(board)
        assert (board.task, board.reference, board.dataset_version) == (
            PURCHASE,
            "popularity",
            "datasets/orders/versions/1",
        )
        assert [one.reason for one in board.skipped] == ["TASK_NOT_TRAINED"]
        by_name = {entry.system: figures(entry) for entry in board.entries}
        assert by_name["item_knn"]["ndcg@20"] > by_name["random"]["ndcg@20"]
        assert by_name["random"]["coverage@20"] > by_name["popularity"]["coverage@20"]
        assert by_name.keys() >= {model.name, "ease", "als", "own_purchases", "recent_popularity", "zero_shot"}
        assert {group.group for group in board.entries[0].exposure} == {"acme", "zeta"}
        listed = await stub.ListEvaluationJobs(pb.ListEvaluationJobsRequest(page_size=1))
        assert listed.evaluation_jobs[0] == job
        assert listed.next_page_token
        assert (await stub.GetEvaluationJob(pb.GetEvaluationJobRequest(name=job.name))).evaluation_job == job
        with pytest.raises(grpc.RpcError) as error:
            await stub.CancelEvaluationJob(pb.CancelEvaluationJobRequest(name=job.name))
        assert error_details(error.value).reason == "EVALUATION_JOB_ENDED"
    await listener.close()


REFUSED = (
    ("", "spec.dataset"),
    ('dataset: "datasets/a" task: TASK_KIND_PAIR_MATCHING', "spec.task"),
    ('dataset: "datasets/a" baselines: "oracle"', "spec.baselines[0]"),
    ('dataset: "datasets/a" task: TASK_KIND_PURCHASE baselines: "bm25"', "spec.baselines[0]"),
    ('dataset: "datasets/a" baselines: "random" baselines: "random"', "spec.baselines"),
    ('dataset: "datasets/a" without_baselines: true', "spec.without_baselines"),
    ('dataset: "datasets/a" cutoff: 101', "spec.cutoff"),
    ('dataset: "datasets/a" max_units: 9', "spec.max_units"),
    ('dataset: "datasets/a" seed: -1', "spec.seed"),
    ('dataset: "datasets/a" reference: "oracle"', "spec.reference"),
    ('dataset: "datasets/a" products: "products"', "spec.products"),
    ('dataset: "datasets/a" task: TASK_KIND_SEARCH_RELEVANCE exclude_bought: true', "spec.exclude_bought"),
    ('dataset: "datasets/a" training_jobs: "jobs/1"', "spec.training_jobs[0]"),
)
"""Specs and the field that each is refused for."""


async def test_the_first_bad_field_is_named(tmp_path: Path, shared: Path, governance: FakeGovernance) -> None:
    config = settings(tmp_path, shared, governance)
    async with running_host("trainer", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        stub = pb_grpc.TrainerServiceStub(channel)
        for text, field in REFUSED:
            spec = text_format.Parse(text, pb.EvaluationSpec())
            with pytest.raises(grpc.RpcError) as error:
                await stub.CreateEvaluationJob(pb.CreateEvaluationJobRequest(spec=spec))
            assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT, text
            assert [one.field for one in error_details(error.value).violations] == [field]


async def test_data_that_cannot_be_judged_fails_the_job_with_a_reason(
    tmp_path: Path, shared: Path, governance: FakeGovernance
) -> None:
    config = settings(tmp_path, shared, governance)
    async with running_host("trainer", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        stub = pb_grpc.TrainerServiceStub(channel)
        for dataset, reason in (
            ("datasets/nowhere", "DATASET_UNREADABLE"),
            ("datasets/products", "DATASET_COLUMNS_MISSING"),
            ("datasets/empty", "EMPTY_TRAINING_DATA"),
        ):
            job = await evaluated(stub, dataset=dataset)
            assert job.status.state == job_pb2.JOB_STATE_FAILED
            assert job.status.failure.reason == reason
        with pytest.raises(grpc.RpcError) as error:
            await stub.GetEvaluationJob(pb.GetEvaluationJobRequest(name="evaluationJobs/none"))
        assert error.value.code() is grpc.StatusCode.NOT_FOUND
