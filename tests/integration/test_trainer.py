"""Training jobs over a real server, real child processes and a real bus, with a tiny encoder and a small shop."""

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import nats
import numpy as np
import onnxruntime
import psutil
import pytest
from aisle.governance.v1 import governance_events_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.trainer.v1 import trainer_events_pb2, training_job_pb2
from aisle.trainer.v1 import trainer_service_pb2 as pb
from aisle.trainer.v1 import trainer_service_pb2_grpc as pb_grpc
from aisle.tuner.v1 import tuner_events_pb2
from aisle.type.v1 import job_pb2
from aisle_runtime.client import error_details, open_channel
from aisle_runtime.testing import running_host
from aisle_runtime.testing.nats import NatsServer, nats_server  # noqa: F401
from aisle_runtime.testing.postgres import both_databases
from aisle_trainer.main import MIGRATIONS, wire
from aisle_trainer.settings import TrainerSettings
from google.protobuf import text_format
from monitor_support import Publisher
from tokenizers import Tokenizer
from trainer_support import FakeGovernance, fake_governance, read_json, read_table, write_tiny_encoder

SEARCH = 'tasks { kind: TASK_KIND_SEARCH_RELEVANCE dataset: "datasets/judgments" }'
PURCHASE = 'tasks { kind: TASK_KIND_PURCHASE dataset: "datasets/orders" }'
BOTH = SEARCH + PURCHASE
QUICK = 'base_model: "tiny" learning_rate: 0.005 max_steps: 8 eval_every_steps: 4 batch_size: 12 max_tokens: 24 '
RUN = "pipelines/p/runs/r"
FILES = {
    "covisit.arrow",
    "embedder.int8.onnx",
    "embedder.onnx",
    "golden.json",
    "histories.arrow",
    "manifest.json",
    "ranker.int8.onnx",
    "ranker.onnx",
    "recommend_index.arrow",
    "search_index.arrow",
    "tokenizer.json",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny encoder and with the graphs that every test may take from the cache."""
    folder = tmp_path_factory.mktemp("shared")
    write_tiny_encoder(folder / "models" / "tiny")
    (folder / "cache").mkdir()
    return folder


@pytest.fixture
async def governance() -> AsyncIterator[FakeGovernance]:
    async with fake_governance() as fake:
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


def spec(text: str) -> pipeline_pb.TrainingSpec:
    return text_format.Parse(text, pipeline_pb.TrainingSpec())


async def create(stub: pb_grpc.TrainerServiceStub, text: str, request_id: str = "") -> training_job_pb2.TrainingJob:
    request = pb.CreateTrainingJobRequest(spec=spec(text), request_id=request_id)
    return (await stub.CreateTrainingJob(request)).training_job


async def end_of(stub: pb_grpc.TrainerServiceStub, name: str) -> training_job_pb2.TrainingJob:
    job = training_job_pb2.TrainingJob()
    async for answer in stub.WatchTrainingJob(pb.WatchTrainingJobRequest(name=name), timeout=120):
        job = answer.training_job
    return job


async def files_of(stub: pb_grpc.TrainerServiceStub, job: training_job_pb2.TrainingJob) -> dict[str, bytes]:
    found = {}
    for artifact in job.artifacts:
        request = pb.ReadArtifactRequest(training_job=job.name, sha256=artifact.sha256)
        data = b"".join([answer.chunk async for answer in stub.ReadArtifact(request)])
        assert hashlib.sha256(data).hexdigest() == artifact.sha256
        assert len(data) == artifact.size_bytes
        found[artifact.path] = data
    return found


def child() -> psutil.Process:
    """The one process in which a job of this test runs."""
    found = [
        process
        for process in psutil.Process().children(recursive=True)
        if "aisle_runtime.jobs.child" in " ".join(process.cmdline())
    ]
    assert len(found) == 1
    return found[0]


def check_bundle(files: dict[str, bytes]) -> None:
    """The bundle's golden pairs come out of its graphs, and its tables fit together."""
    manifest, golden = read_json(files["manifest.json"]), read_json(files["golden.json"])
    assert manifest["format"] == "aisle-bundle/1"
    assert manifest["files"].keys() == files.keys() - {"manifest.json"}
    assert all(hashlib.sha256(files[name]).hexdigest() == entry["sha256"] for name, entry in manifest["files"].items())
    assert all(manifest["parity"][name] < 1e-3 for name in ("ranker_relevance", "ranker_purchase", "embedder"))
    tokenizer = Tokenizer.from_str(files["tokenizer.json"].decode())
    tokenizer.enable_truncation(manifest["max_tokens"], strategy="longest_first")
    for name, tolerance in (("ranker.onnx", "tolerance"), ("ranker.int8.onnx", "tolerance_int8")):
        session = onnxruntime.InferenceSession(files[name], providers=["CPUExecutionProvider"])
        for pair in golden["pairs"]:
            encoding = tokenizer.encode(pair["text_a"], pair["text_b"])
            (logit,) = session.run([pair["head"]], feed(encoding))[0]
            assert abs(logit - pair["expected"]) <= pair[tolerance], (name, pair["head"])
    assert {pair["head"] for pair in golden["pairs"]} == {"relevance", "purchase"}
    session = onnxruntime.InferenceSession(files["embedder.onnx"], providers=["CPUExecutionProvider"])
    index = read_table(files["search_index.arrow"])
    stored = dict(zip(index["title"].to_pylist(), index["embedding"].to_pylist(), strict=True))
    for title in list(stored)[:5]:
        (vector,) = session.run(["embedding"], feed(tokenizer.encode(title)))[0]
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)
        assert np.dot(vector, stored[title]) == pytest.approx(1, abs=5e-3)
    products = set(read_table(files["recommend_index.arrow"])["product_id"].to_pylist())
    histories = read_table(files["histories.arrow"])
    assert {p for row in histories["product_ids"].to_pylist() for p in row} <= products
    covisit = read_table(files["covisit.arrow"])
    assert {p for row in covisit["neighbours"].to_pylist() for p in row} <= products
    known = set(index["product_id"].to_pylist())
    assert all(
        len(entry["top_product_ids"]) == 5 and known.issuperset(entry["top_product_ids"]) for entry in golden["search"]
    )
    assert all(products.issuperset(entry["top_product_ids"]) for entry in golden["recommend"])


def feed(encoding: object) -> dict[str, np.ndarray]:
    ids, types = encoding.ids, encoding.type_ids  # type: ignore[attr-defined]
    return {
        "input_ids": np.array([ids]),
        "attention_mask": np.ones((1, len(ids)), dtype=np.int64),
        "token_type_ids": np.array([types]),
    }


def check_evaluation(evaluation: training_job_pb2.Evaluation) -> None:
    search, purchase = evaluation.tasks
    assert search.dataset_version == "datasets/judgments/versions/1"
    assert "mod 10" in search.split
    assert {system.system for system in search.systems} >= {"model", "zero_shot", "bm25", "random"}
    assert {system.system for system in purchase.systems} >= {"model", "popularity", "recent_popularity", "random"}
    for task, metric in ((search, "ndcg@10"), (purchase, "recall@20")):
        values = {system.system: np.array(system.unit_values) for system in task.systems}
        assert all(len(found) == len(task.unit_ids) for found in values.values())
        for system in task.systems:
            figure = next(entry for entry in system.metrics if entry.name == metric)
            assert figure.value == pytest.approx(values[system.system].mean())
            assert figure.lower <= figure.value <= figure.upper
        for difference in task.paired_differences:
            name, _, baseline = difference.name.partition(":")
            if name == metric:
                assert difference.value == pytest.approx((values["model"] - values[baseline]).mean())


async def test_a_pipelines_run_is_trained_evaluated_and_exported(
    tmp_path: Path,
    shared: Path,
    governance: FakeGovernance,
    nats_server: NatsServer,  # noqa: F811
) -> None:
    listener = await nats.connect(nats_server.url, user="admin", password=nats_server.password("admin"))
    heard = await listener.subscribe("aisle.trainer.>")
    await listener.flush()
    publish = Publisher(nats_server)
    config = settings(tmp_path, shared, governance, **nats_server.settings("trainer"))
    before = set(sys.modules)  # other tests of this process may have imported it
    async with running_host("trainer", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        assert "aisle_trainer.engines.pipeline" not in set(sys.modules) - before
        stub = pb_grpc.TrainerServiceStub(channel)
        slip = pipeline_pb.RoutingSlip(pipeline_run=RUN)
        slip.dataset_versions.extend(["datasets/judgments/versions/1", "datasets/orders/versions/1"])
        slip.spec.training.CopyFrom(spec(QUICK + BOTH + "method: FINE_TUNING_METHOD_LORA lora_rank: 4"))
        tuned_first = governance_events_pb2.GovernanceRunCompleted(slip=slip)
        tuned_first.slip.spec.tuning.trial_count = 1
        await publish("governance.run.completed", tuned_first)
        impossible = governance_events_pb2.GovernanceRunCompleted(slip=slip)
        impossible.slip.pipeline_run = f"{RUN}-bad"
        impossible.slip.spec.training.base_model = "not-here"
        await publish("governance.run.completed", impossible)
        message = await heard.next_msg(timeout=30)
        refused = trainer_events_pb2.TrainingJobFailed.FromString(message.data)
        assert message.subject == "aisle.trainer.training_job.failed.v1"
        assert (refused.failure.reason, refused.slip.pipeline_run) == ("BASE_MODEL_UNKNOWN", f"{RUN}-bad")
        event = governance_events_pb2.GovernanceRunCompleted(slip=slip)
        event_id = await publish("governance.run.completed", event)
        await publish("governance.run.completed", event, event_id=event_id)
        await publish("tuner.study.completed", tuner_events_pb2.StudyCompleted(slip=slip))
        messages = [await heard.next_msg(timeout=120) for _ in range(2)]
        subjects = {message.subject: message.data for message in messages}
        done = trainer_events_pb2.TrainingJobSucceeded.FromString(subjects["aisle.trainer.training_job.succeeded.v1"])
        job = done.training_job
        told = trainer_events_pb2.EvaluationCompleted.FromString(subjects["aisle.trainer.evaluation.completed.v1"])
        assert (told.training_job, told.evaluation) == (job.name, job.evaluation)
        assert (done.slip.pipeline_run, done.slip.training_job, job.pipeline_run) == (RUN, job.name, RUN)
        assert job.status.state == job_pb2.JOB_STATE_SUCCEEDED
        assert list(job.dataset_versions) == ["datasets/judgments/versions/1", "datasets/orders/versions/1"]
        assert [point.step for point in job.validations] == [4, 8]
        assert {artifact.path for artifact in job.artifacts} == FILES
        listed = (await stub.ListTrainingJobs(pb.ListTrainingJobsRequest())).training_jobs
        assert list(listed) == [job]
        evaluation = (await stub.GetEvaluation(pb.GetEvaluationRequest(name=job.evaluation))).evaluation
        assert evaluation == done.evaluation
        check_evaluation(evaluation)
        check_bundle(await files_of(stub, job))
    await publish.close()
    await listener.close()


async def test_a_killed_job_ends_in_the_same_bytes(tmp_path: Path, shared: Path, governance: FakeGovernance) -> None:
    config = settings(tmp_path, shared, governance)
    text = (
        'base_model: "tiny" learning_rate: 0.002 max_steps: 400 eval_every_steps: 40 patience: 50 max_tokens: 24 folds: 2 '
        "batch_size: 12 method: FINE_TUNING_METHOD_FULL " + SEARCH
    )
    async with running_host("trainer", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        stub = pb_grpc.TrainerServiceStub(channel)
        whole = await end_of(stub, (await create(stub, text)).name)
        assert whole.status.state == job_pb2.JOB_STATE_SUCCEEDED, whole.status.failure
        cut = await create(stub, text)
        async for answer in stub.WatchTrainingJob(pb.WatchTrainingJobRequest(name=cut.name), timeout=120):
            seen = answer.training_job
            if seen.checkpoint_step and seen.status.attempt_count == 1:
                os.kill(child().pid, signal.SIGKILL)
                break
        assert 0 < seen.checkpoint_step < 400
        again = await end_of(stub, cut.name)
        assert (again.status.state, again.status.attempt_count) == (job_pb2.JOB_STATE_SUCCEEDED, 2)
        assert list(again.validations) == list(whole.validations)
        digests = [{a.path: a.sha256 for a in job.artifacts} for job in (whole, again)]
        assert digests[0]["ranker.onnx"] == digests[1]["ranker.onnx"]
        assert digests[0]["golden.json"] == digests[1]["golden.json"]
        reports = [
            (await stub.GetEvaluation(pb.GetEvaluationRequest(name=job.evaluation))).evaluation
            for job in (whole, again)
        ]
        assert list(reports[0].tasks) == list(reports[1].tasks)
        assert reports[0].tasks[0].split.startswith("2 folds")
        assert len(reports[0].tasks[0].unit_ids) == 40


@both_databases
async def test_a_trial_is_cheap_and_bad_data_says_why(
    tmp_path: Path, shared: Path, governance: FakeGovernance, service_database: str
) -> None:
    config = settings(tmp_path, shared, governance, database_url=service_database, max_parallel_jobs=4)
    async with running_host("trainer", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        stub = pb_grpc.TrainerServiceStub(channel)
        names = {
            reason: (await create(stub, QUICK + SEARCH.replace("judgments", dataset))).name
            for reason, dataset in (
                ("SINGLE_CLASS_LABELS", "flat"),
                ("EMPTY_TRAINING_DATA", "empty"),
                ("DATASET_UNREADABLE", "nowhere"),
                ("DATASET_COLUMNS_MISSING", "orders"),
                ("DATA_NOT_READY", "young"),
            )
        }
        trial = await create(stub, QUICK + BOTH + "skip_export: true", request_id="t")
        assert await create(stub, QUICK + BOTH + "skip_export: true", request_id="t") == trial
        judged = await create(stub, QUICK + BOTH + "skip_export: true evaluate_unexported: true")
        found = dict(zip(names, await asyncio.gather(*(end_of(stub, name) for name in names.values())), strict=True))
        for reason, job in found.items():
            assert job.status.state == job_pb2.JOB_STATE_FAILED
            assert job.status.failure.reason == reason
            assert job.status.failure.next_step
        ended = await end_of(stub, trial.name)
        assert ended.status.state == job_pb2.JOB_STATE_SUCCEEDED
        assert [len(point.tasks) for point in ended.validations] == [2, 2]
        assert [one.dataset_version for one in ended.inputs] == list(ended.dataset_versions)
        assert {"grade", "title"} < set(ended.inputs[0].columns)
        assert not ended.artifacts
        assert not ended.evaluation
        compared = await end_of(stub, judged.name)
        assert compared.status.state == job_pb2.JOB_STATE_SUCCEEDED, compared.status.failure
        assert not compared.artifacts
        report = (await stub.GetEvaluation(pb.GetEvaluationRequest(name=compared.evaluation))).evaluation
        assert [system.system for task in report.tasks for system in task.systems].count("model") == 2
        assert len(report.tasks[0].unit_ids) == len(report.tasks[0].systems[0].unit_values) > 0
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await stub.CancelTrainingJob(pb.CancelTrainingJobRequest(name=trial.name))
        assert error_details(late.value).reason == "TRAINING_JOB_ENDED"


@both_databases
async def test_the_door_refuses_what_cannot_be_and_cancels_what_waits(
    tmp_path: Path, shared: Path, governance: FakeGovernance, service_database: str
) -> None:
    config = settings(tmp_path, shared, governance, database_url=service_database)
    async with running_host("trainer", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        stub = pb_grpc.TrainerServiceStub(channel)
        for text, field in (
            (QUICK, "spec.tasks"),
            (QUICK + SEARCH.replace("datasets/judgments", "judgments"), "spec.tasks[0].dataset"),
            (QUICK.replace("0.005", "0.5") + SEARCH, "spec.learning_rate"),
            ('base_model: "no" ' + SEARCH, "spec.base_model"),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await create(stub, text)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert [violation.field for violation in error_details(caught.value).violations] == [field]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetTrainingJob(pb.GetTrainingJobRequest(name="trainingJobs/none"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListTrainingJobs(pb.ListTrainingJobsRequest(page_size=-1))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        first, second = [await create(stub, QUICK.replace("max_steps: 8", "max_steps: 9") + SEARCH) for _ in range(2)]
        page = await stub.ListTrainingJobs(pb.ListTrainingJobsRequest(page_size=1))
        assert [job.name for job in page.training_jobs] == [second.name]
        page = await stub.ListTrainingJobs(pb.ListTrainingJobsRequest(page_size=1, page_token=page.next_page_token))
        assert [job.name for job in page.training_jobs] == [first.name]
        for job in (second, first):
            await stub.CancelTrainingJob(pb.CancelTrainingJobRequest(name=job.name, request_id=job.name[-20:]))
            assert (await end_of(stub, job.name)).status.state == job_pb2.JOB_STATE_CANCELLED
        recipes = (await stub.ListRecipes(pb.ListRecipesRequest(kind=pipeline_pb.TASK_KIND_PURCHASE))).recipes
        assert "search-purchase-full" in {recipe.recipe_id for recipe in recipes}
        assert "search-full" not in {recipe.recipe_id for recipe in recipes}
