"""Data ROI through the doors: planted useful, harmful and neutral rules come out as such."""

import asyncio
import csv
import io
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pyarrow as pa
import pytest
from aisle.governance.v1 import data_roi_pb2, dataset_pb2, governance_events_pb2, governance_service_pb2_grpc
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.pipeline.v1 import cleaning_rules_pb2, pipeline_spec_pb2
from aisle.trainer.v1 import trainer_service_pb2, trainer_service_pb2_grpc, training_job_pb2
from aisle.type.v1 import job_pb2
from aisle_governance.main import MIGRATIONS, SERVICE, wire
from aisle_governance.settings import GovernanceSettings
from aisle_runtime.client import error_details, open_channel
from aisle_runtime.service import Host
from aisle_runtime.testing import running_host
from aisle_runtime.testing.nats import NatsServer, nats_server  # noqa: F401

SUCCEEDED = job_pb2.JOB_STATE_SUCCEEDED
WAIT_SECONDS = 400
VOCABULARY = [f"w{letter}{other}le" for letter in "abcdefgh" for other in "aeiou"]
OUTLIERS = cleaning_rules_pb2.CleaningRules(
    outliers=[cleaning_rules_pb2.OutlierRule(column="grade", linear_scale=True, limit=1)]
)


def judgments() -> bytes:
    """A grade is the number of query words in the title.

    In half of the titles one letter of each word is an HTML entity, which only `repair_text` reads; product ids end in a space, which
    only `normalise_ids` takes off and no ranking reads.
    """
    random.seed(5)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["query", "product_id", "title", "grade"])
    for number in range(50):
        query = random.sample(VOCABULARY, 3)
        for place in range(12):
            grade = (number + place) % 4
            words = query[:grade] + random.sample([word for word in VOCABULARY if word not in query], 5 - grade)
            random.shuffle(words)
            if place % 2:
                words = [f"{word[0]}&#{ord(word[1])};{word[2:]}" for word in words]
            writer.writerow([" ".join(query), f"p{number}-{place} ", " ".join(words), grade])
    return text.getvalue().encode()


class Shop:
    """A running service with a client."""

    def __init__(self, host: Host, stub: Any, settings: GovernanceSettings) -> None:
        self.host, self.stub, self.settings = host, stub, settings

    async def dataset(self, name: str, kind: str, data: bytes) -> str:
        request = pb.CreateDatasetRequest(dataset_id=name, kind=dataset_pb2.DatasetKind.Value(f"DATASET_KIND_{kind}"))
        name = str((await self.stub.CreateDataset(request)).dataset.name)

        async def messages() -> AsyncIterator[pb.UploadRowsRequest]:
            yield pb.UploadRowsRequest(header=pb.UploadHeader(dataset=name, source_file="rows.csv"))
            yield pb.UploadRowsRequest(chunk=data)

        queued = getattr(await self.stub.UploadRows(messages()), "import")
        async for state in self.stub.WatchImport(pb.WatchImportRequest(name=queued.name), timeout=WAIT_SECONDS):
            last = getattr(state, "import")
        assert last.status.state == SUCCEEDED, last.status.failure
        return name

    async def ended(self, name: str) -> data_roi_pb2.RoiStudy:
        watch = data_roi_pb2.WatchRoiStudyRequest(name=name)
        async for state in self.stub.WatchRoiStudy(watch, timeout=WAIT_SECONDS):
            last = state.roi_study
        return last

    def told(self, subject: str) -> list[bytes]:
        from aisle_runtime.tables import RUNTIME
        from sqlalchemy import select

        table = RUNTIME.outbox
        query = select(table.c.data).where(table.c.subject == f"aisle.governance.{subject}.v1")
        return self.host.platform.db.read_sync(lambda conn: [bytes(one) for one in conn.execute(query).scalars()])


class FakeTrainer(trainer_service_pb2_grpc.TrainerServiceServicer):
    """Scores a query by the share of its titles that are free of entities, as the arm's rows have them."""

    def __init__(self) -> None:
        self.governance: Any = None
        self.specs: dict[str, pipeline_spec_pb2.TrainingSpec] = {}
        self.read: dict[str, list[dict[str, Any]]] = {}
        self.cancelled: set[str] = set()
        self.is_stuck = False

    async def CreateTrainingJob(self, request: Any, context: Any) -> Any:
        name = f"trainingJobs/{request.request_id}"
        if request.spec.seed == 666:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such seed")
        if name not in self.specs:
            self.specs[name] = request.spec
            rows = pb.ReadRowsRequest(dataset_version=request.spec.tasks[0].dataset)
            data = b"".join([piece.arrow_ipc_chunk async for piece in self.governance.ReadRows(rows)])
            self.read[name] = pa.ipc.open_stream(data).read_all().to_pylist()
        return trainer_service_pb2.CreateTrainingJobResponse(training_job=self._job(name))

    def _job(self, name: str) -> training_job_pb2.TrainingJob:
        state = job_pb2.JOB_STATE_CANCELLED if name in self.cancelled else SUCCEEDED
        status = job_pb2.JobStatus(state=job_pb2.JOB_STATE_RUNNING if self.is_stuck else state, revision=1)
        return training_job_pb2.TrainingJob(name=name, status=status, evaluation=f"evaluations/{name.split('/')[1]}")

    async def WatchTrainingJob(self, request: Any, context: Any) -> AsyncIterator[Any]:
        if request.after_revision < 1:
            yield trainer_service_pb2.WatchTrainingJobResponse(training_job=self._job(request.name))
        if self.is_stuck:
            await asyncio.Event().wait()

    async def CancelTrainingJob(self, request: Any, context: Any) -> Any:
        self.cancelled.add(request.name)
        return trainer_service_pb2.CancelTrainingJobResponse(training_job=self._job(request.name))

    async def GetEvaluation(self, request: Any, context: Any) -> Any:
        rows = self.read[f"trainingJobs/{request.name.split('/')[1]}"]
        queries = sorted({row["query_id"] for row in rows})[:30]
        values = []
        for query in queries:
            titles = [row["title"] for row in rows if row["query_id"] == query]
            values.append(sum("&" not in title for title in titles) / len(titles))
        system = training_job_pb2.SystemResult(system="model", unit_values=values)
        system.metrics.add(name="auc", value=0.5)
        task = training_job_pb2.TaskEvaluation(systems=[system], unit_ids=queries, split="the first 30")
        return trainer_service_pb2.GetEvaluationResponse(evaluation=training_job_pb2.Evaluation(tasks=[task]))


@pytest.fixture
async def trainer() -> AsyncIterator[tuple[FakeTrainer, str]]:
    servicer, server = FakeTrainer(), grpc.aio.server()
    trainer_service_pb2_grpc.add_TrainerServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield servicer, f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.fixture
async def shop(
    nats_server: NatsServer,  # noqa: F811
    trainer: tuple[FakeTrainer, str],
    tmp_path: Path,
) -> AsyncIterator[Shop]:
    settings = GovernanceSettings.model_validate(
        {"state_dir": tmp_path / "state", "trainer_address": trainer[1], **nats_server.settings(SERVICE)}
    )
    async with running_host(SERVICE, settings, MIGRATIONS, wire) as host:
        channel = open_channel(host.address)
        stub = governance_service_pb2_grpc.GovernanceServiceStub(channel)
        trainer[0].governance = stub
        yield Shop(host, stub, settings)
        await channel.close()


async def refused(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return error_details(caught.value)


def request(dataset: str, **more: Any) -> data_roi_pb2.CreateRoiStudyRequest:
    part = data_roi_pb2.RoiDataset(run=pipeline_spec_pb2.DatasetRun(dataset=dataset), candidates=OUTLIERS)
    return data_roi_pb2.CreateRoiStudyRequest(spec=data_roi_pb2.RoiSpec(datasets=[part], **more), request_id="one")


async def test_planted_rules_come_out_as_what_they_are(shop: Shop) -> None:
    dataset = await shop.dataset("graded", "JUDGMENTS", judgments())
    asked = request(dataset, seed_count=2)
    started = (await shop.stub.CreateRoiStudy(asked)).roi_study
    assert (await shop.stub.CreateRoiStudy(asked)).roi_study.name == started.name
    assert len(started.arms) == 9
    study = await shop.ended(started.name)
    assert study.status.state == SUCCEEDED, study.status.failure

    arms = {arm.rule: arm for arm in study.arms}
    verdicts = {rule: data_roi_pb2.RoiVerdict.Name(arm.verdict)[12:] for rule, arm in arms.items()}
    assert verdicts.pop("repair_text") == "USEFUL"
    assert verdicts.pop("drop_outliers") == "HARMFUL"
    assert verdicts.pop("normalise_ids") == "NEUTRAL"
    assert verdicts.pop("") == "UNSPECIFIED"
    assert set(verdicts.values()) == {"INERT"}
    useful, harmful = arms["repair_text"], arms["drop_outliers"]
    assert study.arms[0].rule == "repair_text"
    assert useful.change == data_roi_pb2.ROI_CHANGE_LEFT_OUT
    assert harmful.change == data_roi_pb2.ROI_CHANGE_ADDED
    assert 0 < useful.lift.lower <= useful.lift.value <= useful.lift.upper < 1
    assert (useful.lift.name, useful.lift.sample_count) == ("ndcg@10", 50)
    assert useful.auc_lift.lower > 0
    assert harmful.lift.upper < 0
    assert (useful.changed_row_count, harmful.quarantined_row_count) == (300, 300)
    assert useful.adjusted_p_value >= useful.p_value > 0
    assert useful.rule_seconds > 0
    (reference,) = study.references
    assert reference.score.value > 0.8
    assert reference.noise_floor < useful.lift.value

    assert (await shop.stub.GetDataset(pb.GetDatasetRequest(name=dataset))).dataset.latest_version == ""
    listed = (await shop.stub.ListRoiStudies(data_roi_pb2.ListRoiStudiesRequest())).roi_studies
    assert list(listed) == [study]
    assert not shop.told("dataset_version.published")
    assert not shop.told("run.completed")
    (told,) = map(governance_events_pb2.RoiStudyCompleted.FromString, shop.told("roi_study.completed"))
    assert told.roi_study.arms == study.arms


async def test_the_trainer_reads_arms_that_nobody_else_sees(shop: Shop, trainer: tuple[FakeTrainer, str]) -> None:
    dataset = await shop.dataset("graded", "JUDGMENTS", judgments())
    asked = request(dataset, evaluator="ROI_EVALUATOR_TRAINER", rules=["repair_text", "drop_outliers"])
    started = (await shop.stub.CreateRoiStudy(asked)).roi_study
    study = await shop.ended(started.name)
    assert study.status.state == SUCCEEDED, study.status.failure
    arms = {arm.rule: arm for arm in study.arms}
    assert arms["repair_text"].verdict == data_roi_pb2.ROI_VERDICT_USEFUL
    assert arms["repair_text"].lift.value == pytest.approx(0.5)
    assert arms["drop_outliers"].verdict == data_roi_pb2.ROI_VERDICT_NEUTRAL

    specs = trainer[0].specs
    assert len(specs) == 4
    assert all(spec.skip_export and spec.evaluate_unexported and spec.max_steps == 20 for spec in specs.values())
    assert sorted(spec.seed for spec in specs.values()) == [0, 0, 0, 1000]
    # The grades of held-back queries are the reference's in every arm, though the outlier rule drops the highest ones.
    held = set(sorted({row["query_id"] for row in trainer[0].read[arms["repair_text"].training_jobs[0]]})[:30])
    dropped = trainer[0].read[arms["drop_outliers"].training_jobs[0]]
    assert {row["grade"] for row in dropped if row["query_id"] in held} == {0.0, 1.0, 2.0, 3.0}
    assert {row["grade"] for row in dropped if row["query_id"] not in held} == {1.0, 2.0}
    assert not list(shop.settings.roi_dir.glob("*"))
    version = next(iter(specs.values())).tasks[0].dataset
    details = await refused(shop.stub.GetDatasetVersion(pb.GetDatasetVersionRequest(name=version)))
    assert details.reason == "DATASET_NOT_FOUND"
    assert [one.name for one in (await shop.stub.ListDatasets(pb.ListDatasetsRequest())).datasets] == [dataset]


async def test_a_refused_arm_fails_alone_and_a_cancelled_study_ends_its_job(
    shop: Shop, trainer: tuple[FakeTrainer, str]
) -> None:
    dataset = await shop.dataset("graded", "JUDGMENTS", judgments())
    asked = request(dataset, evaluator="ROI_EVALUATOR_TRAINER", rules=["repair_text"], seed=666)
    study = await shop.ended((await shop.stub.CreateRoiStudy(asked)).roi_study.name)
    assert study.status.failure.reason == "ARM_REFUSED"

    trainer[0].is_stuck = True
    asked = request(dataset, evaluator="ROI_EVALUATOR_TRAINER", rules=["repair_text"])
    asked.request_id = "two"
    name = (await shop.stub.CreateRoiStudy(asked)).roi_study.name
    async for state in shop.stub.WatchRoiStudy(data_roi_pb2.WatchRoiStudyRequest(name=name), timeout=WAIT_SECONDS):
        if "train" in state.roi_study.status.phase:
            break
    await shop.stub.CancelRoiStudy(data_roi_pb2.CancelRoiStudyRequest(name=name))
    study = await shop.ended(name)
    assert study.status.state == job_pb2.JOB_STATE_CANCELLED
    assert trainer[0].cancelled
    assert not list(shop.settings.roi_dir.glob("*"))
    details = await refused(shop.stub.CancelRoiStudy(data_roi_pb2.CancelRoiStudyRequest(name=name)))
    assert details.reason == "ROI_STUDY_ENDED"


async def test_bad_studies_name_what_is_wrong(shop: Shop) -> None:
    products = await shop.dataset("shelf", "PRODUCTS", b"product_id,title\n1,a lamp\n")
    details = await refused(shop.stub.CreateRoiStudy(data_roi_pb2.CreateRoiStudyRequest()))
    assert details.violations[0].field == "spec.datasets"
    asked = data_roi_pb2.CreateRoiStudyRequest()
    asked.spec.datasets.add().run.dataset = products
    details = await refused(shop.stub.CreateRoiStudy(asked))
    assert (details.reason, details.facts["kind"]) == ("WRONG_KIND", "PRODUCTS")
    few = await shop.dataset("few", "JUDGMENTS", b"query,title,grade\nlamp,a lamp,3\nlamp,a desk,0\n")
    asked.spec.datasets[0].run.dataset = few
    asked.spec.datasets[0].run.disabled_rules.append("build_labels")
    details = await refused(shop.stub.CreateRoiStudy(asked))
    assert details.violations[0].field == "spec.datasets[0].run.disabled_rules[0]"
    del asked.spec.datasets[0].run.disabled_rules[:]
    asked.spec.rules.append("protect_pii")
    details = await refused(shop.stub.CreateRoiStudy(asked))
    assert details.violations[0].field == "spec.rules[0]"
    del asked.spec.rules[:]
    asked.spec.training.max_steps = 3
    details = await refused(shop.stub.CreateRoiStudy(asked))
    assert details.violations[0].field == "spec.training"
    asked.spec.ClearField("training")
    study = await shop.ended((await shop.stub.CreateRoiStudy(asked)).roi_study.name)
    assert (study.status.state, study.status.failure.reason) == (job_pb2.JOB_STATE_FAILED, "TOO_FEW_UNITS")
