"""Studies over a real server, real child processes, a real bus and a trainer that learns by formula."""

import asyncio
import math
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import nats
import psutil
import pytest
from aisle.governance.v1 import governance_events_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.tuner.v1 import study_pb2, tuner_events_pb2
from aisle.tuner.v1 import tuner_service_pb2 as pb
from aisle.tuner.v1 import tuner_service_pb2_grpc as pb_grpc
from aisle.type.v1 import job_pb2
from aisle_runtime.client import error_details, open_channel
from aisle_runtime.testing import running_host
from aisle_runtime.testing.nats import NatsServer, nats_server  # noqa: F401
from aisle_runtime.testing.postgres import both_databases
from aisle_tuner.main import MIGRATIONS, wire
from aisle_tuner.settings import TunerSettings
from google.protobuf import text_format
from monitor_support import Publisher
from trainer_fake import MAX_STEPS, FakeTrainer, fake_trainer, score

STAGE = """
trial_count: 6 seed: 4
parameters { field: "learning_rate" low: 1e-5 high: 0.1 log_scale: true }
"""
BASE = 'tasks { kind: TASK_KIND_SEARCH_RELEVANCE dataset: "datasets/judgments" } lora_rank: 8'
RUN = "pipelines/p/runs/r"


@pytest.fixture
async def trainer() -> AsyncIterator[FakeTrainer]:
    async with fake_trainer() as fake:
        yield fake


def settings(folder: Path, trainer: FakeTrainer, **more: object) -> TunerSettings:
    values = {"state_dir": folder / "state", "trainer_address": trainer.address, **more}
    return TunerSettings.model_validate(values)


def request(stage: str = STAGE, base: str = BASE, request_id: str = "once") -> pb.CreateStudyRequest:
    return pb.CreateStudyRequest(
        stage=text_format.Parse(stage, pipeline_pb.TuningStage()),
        base_spec=text_format.Parse(base, pipeline_pb.TrainingSpec()),
        request_id=request_id,
    )


async def end_of(stub: pb_grpc.TunerServiceStub, name: str) -> study_pb2.Study:
    study = study_pb2.Study()
    async for answer in stub.WatchStudy(pb.WatchStudyRequest(name=name), timeout=60):
        study = answer.study
    return study


async def trials_of(stub: pb_grpc.TunerServiceStub, name: str) -> list[study_pb2.Trial]:
    return list((await stub.ListTrials(pb.ListTrialsRequest(study=name))).trials)


def child() -> psutil.Process:
    """The one process in which a study of this test runs."""
    found = [
        process
        for process in psutil.Process().children(recursive=True)
        if "aisle_runtime.jobs.child" in " ".join(process.cmdline())
    ]
    assert len(found) == 1
    return found[0]


@both_databases
async def test_a_pipelines_study_finds_the_best_rate_and_passes_the_slip_on(
    tmp_path: Path,
    trainer: FakeTrainer,
    nats_server: NatsServer,  # noqa: F811
    service_database: str,
) -> None:
    listener = await nats.connect(nats_server.url, user="admin", password=nats_server.password("admin"))
    heard = await listener.subscribe("aisle.tuner.>")
    await listener.flush()
    publish = Publisher(nats_server)
    config = settings(tmp_path, trainer, database_url=service_database, **nats_server.settings("tuner"))
    async with running_host("tuner", config, MIGRATIONS, wire) as host:
        slip = pipeline_pb.RoutingSlip(pipeline_run=RUN, dataset_versions=["datasets/judgments/versions/3"])
        slip.spec.tuning.CopyFrom(request().stage)
        slip.spec.training.CopyFrom(request().base_spec)
        impossible = governance_events_pb2.GovernanceRunCompleted(slip=slip)
        impossible.slip.spec.tuning.trial_count = 0
        await publish("governance.run.completed", impossible)
        message = await heard.next_msg(timeout=60)
        refused = tuner_events_pb2.StudyFailed.FromString(message.data)
        assert message.subject == "aisle.tuner.study.failed.v1"
        assert refused.slip.pipeline_run == RUN
        assert "slip.spec.tuning.trial_count" in refused.failure.message
        event = governance_events_pb2.GovernanceRunCompleted(slip=slip)
        event_id = await publish("governance.run.completed", event)
        untuned = pipeline_pb.RoutingSlip(pipeline_run=RUN)
        await publish("governance.run.completed", governance_events_pb2.GovernanceRunCompleted(slip=untuned))
        message = await heard.next_msg(timeout=60)
        await publish("governance.run.completed", event, event_id=event_id)
        async with open_channel(host.address) as channel:
            stub = pb_grpc.TunerServiceStub(channel)
            studies = (await stub.ListStudies(pb.ListStudiesRequest())).studies
            trials = await trials_of(stub, studies[0].name)
    await publish.close()
    await listener.close()
    assert message.subject == "aisle.tuner.study.completed.v1"
    told = tuner_events_pb2.StudyCompleted.FromString(message.data)
    assert [study.name for study in studies] == [told.study.name]
    assert told.study.pipeline_run == RUN
    assert told.study.status.state == job_pb2.JOB_STATE_SUCCEEDED
    assert len(trials) == len(trainer.jobs) == 6
    states = [trial.state for trial in trials]
    assert set(states) == {study_pb2.TRIAL_STATE_COMPLETE, study_pb2.TRIAL_STATE_PRUNED}
    best = max((trial for trial in trials if trial.state == study_pb2.TRIAL_STATE_COMPLETE), key=lambda t: t.score)
    rate = best.parameters["learning_rate"]
    assert rate == min((t.parameters["learning_rate"] for t in trials), key=lambda r: abs(math.log10(r) + 3))
    assert best.score == told.study.best_score == pytest.approx(score(rate, MAX_STEPS))
    assert told.study.best_trial == best.number
    assert told.slip.study == told.study.name
    assert told.slip.spec.training.learning_rate == rate
    assert told.slip.spec.training.lora_rank == 8
    assert not told.slip.spec.training.skip_export
    for sent in trainer.requests.values():
        assert sent.spec.skip_export
        assert sent.study == told.study.name
        assert sent.spec.tasks[0].dataset == "datasets/judgments/versions/3"
    ended = {job.name: job.status.state for job in trainer.jobs.values()}
    for trial in trials:
        pruned = trial.state == study_pb2.TRIAL_STATE_PRUNED
        expected = job_pb2.JOB_STATE_CANCELLED if pruned else job_pb2.JOB_STATE_SUCCEEDED
        assert ended[trial.training_job] == expected
    assert sum(trial.step_count for trial in trials) < 6 * MAX_STEPS


@both_databases
async def test_a_study_outlives_its_process_and_its_service(
    tmp_path: Path, trainer: FakeTrainer, service_database: str
) -> None:
    trainer.hold = {2}
    config = settings(tmp_path, trainer, database_url=service_database)
    async with running_host("tuner", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        stub = pb_grpc.TunerServiceStub(channel)
        name = (await stub.CreateStudy(request())).study.name
        assert await asyncio.wait_for(trainer.held.get(), 60) == 2
        os.kill(child().pid, signal.SIGKILL)
        async for answer in stub.WatchStudy(pb.WatchStudyRequest(name=name), timeout=60):
            if answer.study.status.attempt_count == 2:
                break
        trainer.release({4})
        assert await asyncio.wait_for(trainer.held.get(), 60) == 4
    async with running_host("tuner", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        stub = pb_grpc.TunerServiceStub(channel)
        trainer.release()
        study = await end_of(stub, name)
        trials = await trials_of(stub, name)
    assert study.status.state == job_pb2.JOB_STATE_SUCCEEDED
    assert [trial.number for trial in trials] == [1, 2, 3, 4, 5, 6]
    assert len({trial.training_job for trial in trials}) == len(trainer.jobs) == 6
    assert all(trial.state != study_pb2.TRIAL_STATE_RUNNING for trial in trials)
    study_id = name.rpartition("/")[2]
    assert set(trainer.creations) == {f"{study_id}-{number}" for number in range(1, 7)}
    assert trainer.creations[f"{study_id}-2"] == trainer.creations[f"{study_id}-4"] == 2


async def test_stopping_refusals_and_pages(tmp_path: Path, trainer: FakeTrainer) -> None:
    trainer.hold = {1}
    config = settings(tmp_path, trainer)
    async with running_host("tuner", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        stub = pb_grpc.TunerServiceStub(channel)
        first = await stub.CreateStudy(request())
        assert await stub.CreateStudy(request()) == first
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.CreateStudy(request('trial_count: 0 parameters { field: "seed" low: 2 high: 1 }'))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        paths = [entry.field for entry in error_details(caught.value).violations]
        assert paths == ["stage.trial_count", "stage.parameters[0].field"]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetStudy(pb.GetStudyRequest(name="studies/none"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND

        await asyncio.wait_for(trainer.held.get(), 60)
        stopped = await stub.StopStudy(pb.StopStudyRequest(name=first.study.name, request_id="s"))
        assert stopped.study.status.state == job_pb2.JOB_STATE_RUNNING
        trainer.release()
        study = await end_of(stub, first.study.name)
        assert study.status.state == job_pb2.JOB_STATE_SUCCEEDED
        assert (study.best_trial, len(trainer.jobs)) == (1, 1)
        assert study.best_spec.learning_rate > 0
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.StopStudy(pb.StopStudyRequest(name=first.study.name, request_id="t"))
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION

        trainer.fail = True
        hopeless = await stub.CreateStudy(request(request_id="again"))
        study = await end_of(stub, hopeless.study.name)
        assert study.status.state == job_pb2.JOB_STATE_FAILED
        assert study.status.failure.reason == "NO_TRIAL_COMPLETED"
        assert "The loss became infinite." in study.status.failure.message
        page = await stub.ListTrials(pb.ListTrialsRequest(study=hopeless.study.name, page_size=2))
        rest = await stub.ListTrials(
            pb.ListTrialsRequest(study=hopeless.study.name, page_size=2, page_token=page.next_page_token)
        )
        assert [trial.number for trial in (*page.trials, *rest.trials)] == [1, 2, 3]
        assert all(math.isnan(trial.score) for trial in page.trials)
        listed = await stub.ListStudies(pb.ListStudiesRequest(page_size=1))
        assert [entry.name for entry in listed.studies] == [hopeless.study.name]
        assert listed.next_page_token
