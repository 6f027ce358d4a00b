"""Categories through the doors: learned, proposed, accepted, and laid over the products; with an encoder and without one."""

import csv
import hashlib
import io
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pyarrow as pa
import pytest
from aisle.governance.v1 import classification_pb2, dataset_pb2, governance_events_pb2, governance_service_pb2_grpc
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.pipeline.v1 import pipeline_spec_pb2
from aisle.trainer.v1 import trainer_service_pb2, trainer_service_pb2_grpc, training_job_pb2
from aisle.type.v1 import job_pb2
from aisle_governance.main import MIGRATIONS, SERVICE, wire
from aisle_governance.settings import GovernanceSettings
from aisle_runtime.client import error_details, open_channel
from aisle_runtime.testing import running_host
from aisle_runtime.testing.nats import NatsServer, nats_server  # noqa: F401

SUCCEEDED = job_pb2.JOB_STATE_SUCCEEDED
WAIT_SECONDS = 400
WORDS = {"Lamps": "light bulb shade glow", "Chairs": "seat legs armrest cushion", "Rugs": "wool woven fringe pile"}


def products() -> bytes:
    random.seed(1)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["product_id", "title", "category"])
    for number in range(60):
        category = list(WORDS)[number % 3]
        writer.writerow([f"p{number}", " ".join(random.sample(WORDS[category].split(), 2)), category])
    writer.writerow(["new-1", "a bulb with a soft glow", ""])
    writer.writerow(["new-2", "legs and armrest", ""])
    writer.writerow(["new-3", "something", ""])
    return text.getvalue().encode()


def encoder() -> dict[str, bytes]:
    """A graph whose embedding of a text is the mean of one vector per token, and its tokenizer."""
    from onnx import TensorProto, helper, numpy_helper
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["[UNK]", *" ".join(WORDS.values()).split()]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    table = np.eye(len(words), 8, dtype=np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["states"]),
        helper.make_node("ReduceMean", ["states"], ["embedding"], axes=[1], keepdims=0),
    ]
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["b", "s"]) for name in names]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["b", 8])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [numpy_helper.from_array(table, "table")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return {"embedder.int8.onnx": model.SerializeToString(), "tokenizer.json": tokenizer.to_str().encode()}


class FakeTrainer(trainer_service_pb2_grpc.TrainerServiceServicer):
    """Has one job with an encoder, or none."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.is_damaged = False
        self.downloads = 0

    async def ListTrainingJobs(self, request: Any, context: Any) -> Any:
        answer = trainer_service_pb2.ListTrainingJobsResponse()
        answer.training_jobs.add(name="trainingJobs/late").status.state = job_pb2.JOB_STATE_RUNNING
        if self.files:
            artifacts = [
                training_job_pb2.Artifact(path=path, sha256=hashlib.sha256(data).hexdigest())
                for path, data in self.files.items()
            ]
            answer.training_jobs.add(name="trainingJobs/one", artifacts=artifacts).status.state = SUCCEEDED
        return answer

    async def ReadArtifact(self, request: Any, context: Any) -> AsyncIterator[Any]:
        (data,) = [one for one in self.files.values() if hashlib.sha256(one).hexdigest() == request.sha256]
        self.downloads += 1
        yield trainer_service_pb2.ReadArtifactResponse(chunk=data[:100])
        yield trainer_service_pb2.ReadArtifactResponse(chunk=data[100:] + (b"x" if self.is_damaged else b""))


class Shop:
    """A running service with a client, and a trainer that can be told what to have."""

    def __init__(self, host: Any, stub: Any, settings: GovernanceSettings, trainer: FakeTrainer, server: Any) -> None:
        self.host, self.stub, self.settings, self.trainer, self.server = host, stub, settings, trainer, server

    async def products(self) -> str:
        request = pb.CreateDatasetRequest(dataset_id="shelf", kind=dataset_pb2.DATASET_KIND_PRODUCTS)
        name = str((await self.stub.CreateDataset(request)).dataset.name)

        async def messages() -> AsyncIterator[pb.UploadRowsRequest]:
            yield pb.UploadRowsRequest(header=pb.UploadHeader(dataset=name, source_file="rows.csv"))
            yield pb.UploadRowsRequest(chunk=products())

        queued = getattr(await self.stub.UploadRows(messages()), "import")
        async for state in self.stub.WatchImport(pb.WatchImportRequest(name=queued.name), timeout=WAIT_SECONDS):
            last = getattr(state, "import")
        assert last.status.state == SUCCEEDED, last.status.failure
        return name

    async def governed(self, dataset: str) -> str:
        stage = pipeline_spec_pb2.GovernanceStage(dataset_runs=[pipeline_spec_pb2.DatasetRun(dataset=dataset)])
        started = await self.stub.StartGovernanceRun(pb.StartGovernanceRunRequest(stage=stage))
        watch = pb.WatchGovernanceRunRequest(name=started.governance_run.name)
        async for state in self.stub.WatchGovernanceRun(watch, timeout=WAIT_SECONDS):
            last = state.governance_run
        assert last.status.state == SUCCEEDED, last.status.failure
        return str(last.dataset_versions[0])

    async def rows(self, version: str) -> dict[str, dict[str, Any]]:
        data = b"".join(
            [p.arrow_ipc_chunk async for p in self.stub.ReadRows(pb.ReadRowsRequest(dataset_version=version))]
        )
        return {row["product_id"]: row for row in pa.ipc.open_stream(data).read_all().to_pylist()}

    async def classified(self, version: str, **more: Any) -> classification_pb2.CategoryJob:
        request = classification_pb2.StartCategoryJobRequest(dataset_version=version, **more)
        started = (await self.stub.StartCategoryJob(request)).category_job
        watch = classification_pb2.WatchCategoryJobRequest(name=started.name)
        async for state in self.stub.WatchCategoryJob(watch, timeout=WAIT_SECONDS):
            last = state.category_job
        return last

    async def queue(self, job: str, **more: Any) -> list[classification_pb2.CategoryProposal]:
        request = classification_pb2.ListCategoryProposalsRequest(category_job=job, **more)
        return list((await self.stub.ListCategoryProposals(request)).category_proposals)


@pytest.fixture
async def shop(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Shop]:  # noqa: F811
    servicer, server = FakeTrainer(), grpc.aio.server()
    trainer_service_pb2_grpc.add_TrainerServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    settings = GovernanceSettings.model_validate(
        {
            "state_dir": tmp_path / "state",
            "trainer_address": f"127.0.0.1:{port}",
            **nats_server.settings(SERVICE),
        }
    )
    async with running_host(SERVICE, settings, MIGRATIONS, wire) as host:
        channel = open_channel(host.address)
        yield Shop(host, governance_service_pb2_grpc.GovernanceServiceStub(channel), settings, servicer, server)
        await channel.close()
    await server.stop(None)


async def refused(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return error_details(caught.value)


async def test_proposals_are_reviewed_and_lie_over_the_products_from_the_next_run_on(shop: Shop) -> None:
    dataset = await shop.products()
    version = await shop.governed(dataset)
    job = await shop.classified(version)
    assert job.status.state == SUCCEEDED, job.status.failure
    assert job.used_method == classification_pb2.CLASSIFIER_METHOD_TFIDF
    assert job.fallback_reason == "No training job has exported an encoder yet."
    assert (job.taught_product_count, job.category_count, job.proposal_count) == (60, 3, 3)
    figures = {metric.name: metric.value for metric in job.metrics}
    assert figures["accuracy"] > 0.9 > figures["accuracy:majority"]

    found = await shop.queue(job.name)
    assert found[0].product_id == "new-3"
    assert [one.confidence for one in found] == sorted(one.confidence for one in found)
    by_id = {one.product_id: one for one in found}
    assert (by_id["new-1"].proposed_category, by_id["new-2"].proposed_category) == ("Lamps", "Chairs")
    assert (await shop.queue(job.name, page_size=1))[0] == found[0]

    decisions = [
        classification_pb2.CategoryDecision(rank=found[0].rank, category="Curiosities"),
        classification_pb2.CategoryDecision(rank=by_id["new-1"].rank),
    ]
    accept = classification_pb2.AcceptCategoriesRequest(category_job=job.name, decisions=decisions, request_id="a")
    answer = await shop.stub.AcceptCategories(accept)
    assert (answer.decided_count, answer.category_job.accepted_count) == (2, 2)
    assert await shop.stub.AcceptCategories(accept) == answer
    assert [one.product_id for one in await shop.queue(job.name, open_only=True)] == ["new-2"]
    sure = classification_pb2.AcceptCategoriesRequest(category_job=job.name, min_confidence=0.01, request_id="b")
    assert (await shop.stub.AcceptCategories(sure)).decided_count == 1

    rows = await shop.rows(await shop.governed(dataset))
    assert [rows[f"new-{number}"]["category"] for number in (1, 2, 3)] == ["Lamps", "Chairs", "Curiosities"]
    origins = [json.loads(rows[f"new-{number}"]["_original"])["_category_from"].split()[0] for number in (1, 2, 3)]
    assert origins == ["review", "confidence", "review"]
    report = await shop.stub.GetQualityReport(pb.GetQualityReportRequest(name=dataset))
    (rule,) = [one for one in report.quality_report.rules if one.rule == "apply_categories"]
    assert rule.changed_row_count == 3
    again = await shop.classified(f"{dataset}/versions/latest", all_products=True)
    assert again.taught_product_count == 61  # new-1; new-2 was not looked at by a person, Curiosities are too rare

    from aisle_runtime.tables import RUNTIME
    from sqlalchemy import select

    table = RUNTIME.outbox
    query = select(table.c.data).where(table.c.subject == "aisle.governance.categories.proposed.v1")
    told = shop.host.platform.db.read_sync(lambda conn: [bytes(one) for one in conn.execute(query).scalars()])
    assert governance_events_pb2.CategoriesProposed.FromString(told[0]).category_job.name == job.name


async def test_the_encoder_comes_from_the_trainer_once_and_is_verified(shop: Shop) -> None:
    version = await shop.governed(await shop.products())
    missing = await shop.classified(version, method="CLASSIFIER_METHOD_ENCODER")
    assert missing.status.failure.reason == "ENCODER_MISSING"
    shop.trainer.files, shop.trainer.is_damaged = encoder(), True
    damaged = await shop.classified(version)
    assert damaged.status.failure.reason == "ENCODER_DIGEST_MISMATCH"
    shop.trainer.is_damaged = False
    job = await shop.classified(version, method="CLASSIFIER_METHOD_ENCODER")
    assert job.status.state == SUCCEEDED, job.status.failure
    assert job.encoder_sha256 == hashlib.sha256(shop.trainer.files["embedder.int8.onnx"]).hexdigest()
    assert job.used_method == classification_pb2.CLASSIFIER_METHOD_ENCODER
    downloads = shop.trainer.downloads
    assert (await shop.classified(version)).encoder_sha256 == job.encoder_sha256
    assert shop.trainer.downloads == downloads
    await shop.server.stop(None)
    assert (await shop.classified(version)).encoder_sha256 == job.encoder_sha256  # what was fetched before serves on
    plain = await shop.classified(version, method="CLASSIFIER_METHOD_TFIDF")
    assert (plain.encoder_sha256, plain.fallback_reason) == ("", "")


async def test_bad_category_calls_name_what_is_wrong(shop: Shop) -> None:
    dataset = await shop.products()
    start = classification_pb2.StartCategoryJobRequest(dataset_version=dataset)
    assert (await refused(shop.stub.StartCategoryJob(start))).violations[0].field == "dataset_version"
    start.dataset_version = f"{dataset}/versions/latest"
    assert (await refused(shop.stub.StartCategoryJob(start))).reason == "VERSION_NOT_FOUND"
    version = await shop.governed(dataset)
    few = classification_pb2.StartCategoryJobRequest(dataset_version=version, min_category_product_count=1)
    assert (await refused(shop.stub.StartCategoryJob(few))).violations[0].field == "min_category_product_count"
    job = await shop.classified(version, min_category_product_count=30)
    assert job.status.failure.reason == "TOO_FEW_CATEGORISED"
    accept = classification_pb2.AcceptCategoriesRequest(category_job=job.name)
    assert (await refused(shop.stub.AcceptCategories(accept))).violations[0].field == "decisions"
    accept.decisions.add(rank=7, category="x\ny")
    assert (await refused(shop.stub.AcceptCategories(accept))).violations[0].field == "decisions[0].category"
    accept.decisions[0].category = "x"
    assert (await refused(shop.stub.AcceptCategories(accept))).reason == "PROPOSAL_NOT_FOUND"
    cancel = classification_pb2.CancelCategoryJobRequest(name=job.name)
    assert (await refused(shop.stub.CancelCategoryJob(cancel))).reason == "CATEGORY_JOB_ENDED"
