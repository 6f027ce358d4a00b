"""The registry over a real server, a real bus, real child processes, and a trainer that hands out files."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import nats
import pytest
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.registry.v1 import model_version_pb2, registry_events_pb2
from aisle.registry.v1 import registry_service_pb2 as pb
from aisle.registry.v1 import registry_service_pb2_grpc as pb_grpc
from aisle.trainer.v1 import trainer_events_pb2
from aisle.trainer.v1 import training_job_pb2 as training_pb
from aisle_registry.main import MIGRATIONS, wire
from aisle_registry.settings import RegistrySettings
from aisle_runtime.client import ErrorDetails, error_details, open_channel
from aisle_runtime.testing import running_host
from aisle_runtime.testing.nats import NatsServer, nats_server  # noqa: F401
from aisle_runtime.testing.postgres import both_databases
from monitor_support import Publisher
from trainer_fake import FakeTrainer, fake_trainer

UNITS = [f"q{number}" for number in range(40)]
MANIFEST = json.dumps({"format": "aisle-bundle/1"}).encode()
NOTES = b"made for a test\n" * 90_000
RUN = "pipelines/p/runs/r"
ALIAS = {"model": "models/shop", "alias": "production"}

Files = dict[str, bytes]


@pytest.fixture
async def trainer() -> AsyncIterator[FakeTrainer]:
    async with fake_trainer() as fake:
        yield fake


@pytest.fixture
async def stub(tmp_path: Path, service_database: str) -> AsyncIterator[pb_grpc.RegistryServiceStub]:
    config = RegistrySettings(state_dir=tmp_path / "state", database_url=service_database)
    async with running_host("registry", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        yield pb_grpc.RegistryServiceStub(channel)


def evidence(score: float, zero_shot: float = 0.5) -> model_version_pb2.EvaluationSummary:
    systems = [
        model_version_pb2.SystemScore(system=name, unit_values=[value] * len(UNITS))
        for name, value in (("model", score), ("zero_shot", zero_shot))
    ]
    return model_version_pb2.EvaluationSummary(
        task=pipeline_pb.TASK_KIND_SEARCH_RELEVANCE, unit_ids=UNITS, systems=systems
    )


def header(files: Files, score: float = 0.6, request_id: str = "") -> pb.RegistrationHeader:
    described = [
        model_version_pb2.ModelFile(path=path, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
        for path, data in files.items()
    ]
    return pb.RegistrationHeader(
        model="models/shop", files=described, evaluations=[evidence(score)], request_id=request_id
    )


def messages(head: pb.RegistrationHeader, files: Files) -> Iterator[pb.RegisterModelVersionRequest]:
    yield pb.RegisterModelVersionRequest(header=head)
    for index, data in enumerate(files.values()):
        for start in range(0, len(data), 500_000):
            chunk = pb.FileChunk(file_index=index, data=data[start : start + 500_000])
            yield pb.RegisterModelVersionRequest(file_chunk=chunk)


BUNDLE: Files = {"manifest.json": MANIFEST, "notes.txt": NOTES}


async def register(stub: pb_grpc.RegistryServiceStub, score: float = 0.6) -> str:
    """Register and judge a version; returns its name."""
    answer = await stub.RegisterModelVersion(messages(header(BUNDLE, score), BUNDLE))
    name = answer.model_version.name
    await stub.EvaluateGates(pb.EvaluateGatesRequest(model_version=name, alias="production"))
    return str(name)


async def refusal(call: grpc.aio.Call) -> ErrorDetails:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        if hasattr(call, "__await__"):
            await call
        else:
            async for _ in call:
                pass
    return error_details(caught.value)


async def read(stub: pb_grpc.RegistryServiceStub, version: str, data: bytes) -> bytes:
    request = pb.ReadArtifactRequest(model_version=version, sha256=hashlib.sha256(data).hexdigest())
    return b"".join([answer.chunk async for answer in stub.ReadArtifact(request)])


@both_databases
async def test_a_streamed_bundle_is_registered_once_and_read_back(stub: pb_grpc.RegistryServiceStub) -> None:
    head = header(BUNDLE, request_id="once")
    first = await stub.RegisterModelVersion(messages(head, BUNDLE))
    again = await stub.RegisterModelVersion(messages(head, BUNDLE))
    assert first == again
    assert first.model_version.name == "models/shop/versions/1"
    assert first.model_version.state == model_version_pb2.MODEL_VERSION_STATE_REGISTERED
    assert [file.path for file in first.model_version.files] == list(BUNDLE)
    assert await read(stub, "models/shop/versions/1", NOTES) == NOTES
    listed = await stub.ListModelVersions(pb.ListModelVersionsRequest(model="models/shop"))
    assert [version.name for version in listed.model_versions] == ["models/shop/versions/1"]
    assert not listed.model_versions[0].evaluations[0].unit_ids
    got = await stub.GetModelVersion(pb.GetModelVersionRequest(name="models/shop/versions/1"))
    assert got.model_version == first.model_version


async def test_a_bundle_that_is_not_what_it_promised_leaves_nothing(
    stub: pb_grpc.RegistryServiceStub, tmp_path: Path
) -> None:
    wrong = bytearray(NOTES)
    wrong[len(wrong) // 2] ^= 1
    pickled = {"ranker.onnx": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94K\x01s."}
    cases = [
        (header(BUNDLE), {**BUNDLE, "notes.txt": bytes(wrong)}, "DATA_LOSS", "ARTIFACT_DIGEST_MISMATCH"),
        (header(BUNDLE), {**BUNDLE, "notes.txt": NOTES[:-1]}, "DATA_LOSS", "ARTIFACT_DIGEST_MISMATCH"),
        (header(BUNDLE), {**BUNDLE, "notes.txt": NOTES + b"x"}, "DATA_LOSS", "ARTIFACT_DIGEST_MISMATCH"),
        (header(BUNDLE), {"manifest.json": MANIFEST}, "DATA_LOSS", "ARTIFACT_DIGEST_MISMATCH"),
        (header(pickled), pickled, "INVALID_ARGUMENT", "UNSAFE_FORMAT"),
        (header({"m.pt": b"x"}), {"m.pt": b"x"}, "INVALID_ARGUMENT", "UNSAFE_FORMAT"),
        (header({"../m.json": b"{}"}), {"../m.json": b"{}"}, "INVALID_ARGUMENT", "INVALID_FIELD"),
    ]
    for head, sent, code, reason in cases:
        details = await refusal(stub.RegisterModelVersion(messages(head, sent)))
        assert (details.code.name, details.reason) == (code, reason)
    backwards = reversed(list(messages(header(BUNDLE), BUNDLE))[1:])
    first = pb.RegisterModelVersionRequest(header=header(BUNDLE))
    details = await refusal(stub.RegisterModelVersion(iter([first, *backwards])))
    assert [entry.field for entry in details.violations] == ["file_chunk.file_index"]
    details = await refusal(stub.RegisterModelVersion(iter([])))
    assert [entry.field for entry in details.violations] == ["header"]
    assert not (await stub.ListModels(pb.ListModelsRequest())).models
    stored = [path for path in (tmp_path / "state" / "artifacts").rglob("*") if path.is_file()]
    assert stored == []
    assert list((tmp_path / "state" / "uploads").iterdir()) == []


@both_databases
async def test_aliases_move_only_forward_in_history(stub: pb_grpc.RegistryServiceStub) -> None:
    one, two = await register(stub, 0.6), await register(stub, 0.7)
    worse = await register(stub, 0.4)
    details = await refusal(
        stub.PromoteModelVersion(pb.PromoteModelVersionRequest(model_version=worse, alias="production"))
    )
    assert (details.code.name, details.reason) == ("FAILED_PRECONDITION", "GATE_NOT_PASSED")
    details = await refusal(stub.GetAlias(pb.GetAliasRequest(**ALIAS)))
    assert (details.code.name, details.reason) == ("NOT_FOUND", "ALIAS_NOT_FOUND")
    times = []
    for name in (one, two):
        ask = pb.PromoteModelVersionRequest(model_version=name, alias="production", comment="go", request_id=name[-1])
        answer = await stub.PromoteModelVersion(ask)
        assert answer == await stub.PromoteModelVersion(ask)
        assert list(answer.model_version.aliases) == ["production"]
        times.append(answer.change.create_time)
    by_alias = await stub.GetModelVersion(pb.GetModelVersionRequest(name="models/shop@production"))
    assert by_alias.model_version.name == two
    rolled = await stub.RollbackAlias(pb.RollbackAliasRequest(**ALIAS, comment="worse live", request_id="back"))
    assert (rolled.change.model_version, rolled.change.cause) == (one, "rollback")
    details = await refusal(stub.RollbackAlias(pb.RollbackAliasRequest(**ALIAS)))
    assert (details.code.name, details.reason) == ("FAILED_PRECONDITION", "NO_EARLIER_VERSION")
    for time, expected in zip(times, (one, two), strict=True):
        then = await stub.GetAlias(pb.GetAliasRequest(**ALIAS, at_time=time))
        assert then.change.model_version == expected
    now = await stub.GetAlias(pb.GetAliasRequest(**ALIAS))
    assert now.change == rolled.change
    page = await stub.GetAliasHistory(pb.GetAliasHistoryRequest(**ALIAS, page_size=2))
    rest = await stub.GetAliasHistory(pb.GetAliasHistoryRequest(**ALIAS, page_size=2, page_token=page.next_page_token))
    assert [change.sequence for change in (*page.changes, *rest.changes)] == [3, 2, 1]
    assert not rest.next_page_token
    model = (await stub.ListModels(pb.ListModelsRequest())).models[0]
    assert (model.version_count, model.latest_version, dict(model.aliases)) == (3, worse, {"production": one})


@both_databases
async def test_verdicts_compare_with_what_serves(stub: pb_grpc.RegistryServiceStub) -> None:
    one, two = await register(stub, 0.6), await register(stub, 0.58)
    await stub.PromoteModelVersion(pb.PromoteModelVersionRequest(model_version=one, alias="production"))
    ask = pb.EvaluateGatesRequest(model_version=two, alias="production")
    verdict = (await stub.EvaluateGates(ask)).verdict
    assert not verdict.passed
    assert verdict.champion == one
    assert verdict.results[0].difference.value == pytest.approx(-0.02)
    assert "models/shop/versions/1" in verdict.results[0].explanation
    gate = ask.gates.add(metric="ndcg@10", threshold=0.05)
    details = await refusal(stub.EvaluateGates(ask))
    assert [entry.field for entry in details.violations] == ["gates[0].comparator"]
    gate.comparator = pipeline_pb.GATE_COMPARATOR_NOT_WORSE_THAN_CHAMPION
    assert (await stub.EvaluateGates(ask)).verdict.passed


async def test_a_file_that_went_bad_on_the_disk_is_never_handed_out_whole(
    stub: pb_grpc.RegistryServiceStub, tmp_path: Path
) -> None:
    name = await register(stub)
    digest = hashlib.sha256(NOTES).hexdigest()
    stored = next((tmp_path / "state" / "artifacts").rglob(digest))
    data = bytearray(stored.read_bytes())
    data[17] ^= 4
    stored.write_bytes(data)
    details = await refusal(stub.ReadArtifact(pb.ReadArtifactRequest(model_version=name, sha256=digest)))
    assert (details.code.name, details.reason) == ("DATA_LOSS", "ARTIFACT_DIGEST_MISMATCH")
    assert await read(stub, name, MANIFEST) == MANIFEST
    details = await refusal(stub.ReadArtifact(pb.ReadArtifactRequest(model_version=name, sha256="ab" * 32)))
    assert details.code.name == "NOT_FOUND"
    # Sending the bundle again repairs the file.
    await register(stub)
    assert await read(stub, name, NOTES) == NOTES


async def test_hostile_fields_are_refused_by_name(stub: pb_grpc.RegistryServiceStub) -> None:
    await register(stub)
    bad = "../../etc/passwd"
    calls = [
        (stub.GetModelVersion(pb.GetModelVersionRequest(name=bad)), "name"),
        (stub.ListModelVersions(pb.ListModelVersionsRequest(model=bad)), "model"),
        (stub.ListModels(pb.ListModelsRequest(page_size=-1)), "page_size"),
        (stub.ListModels(pb.ListModelsRequest(page_token=bad)), "page_token"),
        (stub.EvaluateGates(pb.EvaluateGatesRequest(model_version=bad, alias="a")), "model_version"),
        (stub.PromoteModelVersion(pb.PromoteModelVersionRequest(model_version="models/m/versions/1", alias=">")), "alias"),
        (stub.RollbackAlias(pb.RollbackAliasRequest(model="models/m", alias="$JS.API")), "alias"),
        (stub.GetAlias(pb.GetAliasRequest(model="models/m", alias="")), "alias"),
        (stub.GetAliasHistory(pb.GetAliasHistoryRequest(model="x", alias="a")), "model"),
        (stub.ReadArtifact(pb.ReadArtifactRequest(model_version="models/shop/versions/1", sha256=bad)), "sha256"),
    ]  # fmt: skip
    for call, field in calls:
        details = await refusal(call)
        assert details.code is grpc.StatusCode.INVALID_ARGUMENT
        assert [entry.field for entry in details.violations] == [field]
    request = pb.GetAliasRequest(**ALIAS)
    request.at_time.seconds = 2**62
    assert [entry.field for entry in (await refusal(stub.GetAlias(request))).violations] == ["at_time"]


def job(trainer: FakeTrainer, number: int, score: float, files: Files) -> trainer_events_pb2.TrainingJobSucceeded:
    artifacts = [
        training_pb.Artifact(path=path, sha256=trainer.add_file(data), size_bytes=len(data))
        for path, data in files.items()
    ]
    systems = [
        training_pb.SystemResult(system=system.system, unit_values=system.unit_values)
        for system in evidence(score).systems
    ]
    task = training_pb.TaskEvaluation(kind=pipeline_pb.TASK_KIND_SEARCH_RELEVANCE, unit_ids=UNITS, systems=systems)
    slip = pipeline_pb.RoutingSlip(pipeline_run=f"{RUN}{number}")
    slip.spec.registry.model, slip.spec.registry.alias = "models/shop", "production"
    return trainer_events_pb2.TrainingJobSucceeded(
        training_job=training_pb.TrainingJob(name=f"trainingJobs/j{number}", artifacts=artifacts),
        evaluation=training_pb.Evaluation(tasks=[task]),
        slip=slip,
    )


@both_databases
async def test_trained_bundles_are_taken_in_judged_and_promoted_or_rejected(
    tmp_path: Path,
    trainer: FakeTrainer,
    nats_server: NatsServer,  # noqa: F811
    service_database: str,
) -> None:
    listener = await nats.connect(nats_server.url, user="admin", password=nats_server.password("admin"))
    heard = await listener.subscribe("aisle.registry.>")
    await listener.flush()
    publish = Publisher(nats_server)
    config = RegistrySettings.model_validate(
        {
            "state_dir": tmp_path / "state",
            "database_url": service_database,
            "trainer_address": trainer.address,
            **nats_server.settings("registry"),
        }
    )

    async def news() -> tuple[str, bytes]:
        message = await heard.next_msg(timeout=60)
        return message.subject.removeprefix("aisle.registry.").removesuffix(".v1"), message.data

    trainer.away = 2
    async with running_host("registry", config, MIGRATIONS, wire) as host:
        better = job(trainer, 1, 0.6, BUNDLE)
        first_id = await publish("trainer.training_job.succeeded", better)
        assert (await news())[0] == "model_version.registered"
        subject, data = await news()
        assert subject == "model_version.promoted"
        promoted = registry_events_pb2.ModelVersionPromoted.FromString(data)
        assert promoted.slip.pipeline_run == f"{RUN}1"
        assert promoted.slip.model_version == promoted.change.model_version == "models/shop/versions/1"
        assert promoted.model_version.training_job == "trainingJobs/j1"

        await publish("trainer.training_job.succeeded", better, event_id=first_id)
        exported_nothing = job(trainer, 2, 0.9, {})
        of_a_caller = job(trainer, 3, 0.9, BUNDLE)
        of_a_caller.ClearField("slip")
        for event in (exported_nothing, of_a_caller, job(trainer, 4, 0.4, BUNDLE)):
            await publish("trainer.training_job.succeeded", event)
        assert (await news())[0] == "model_version.registered"
        subject, data = await news()
        assert subject == "model_version.rejected"
        rejected = registry_events_pb2.ModelVersionRejected.FromString(data)
        assert (rejected.slip.pipeline_run, rejected.slip.model_version) == (f"{RUN}4", "models/shop/versions/2")
        assert rejected.model_version.verdict.champion == "models/shop/versions/1"
        assert trainer.reads[hashlib.sha256(NOTES).hexdigest()] == 1, "what is stored is not read again"

        lost = job(trainer, 5, 0.9, {"gone.txt": b"gone"})
        trainer.files.clear()
        unsafe = job(trainer, 6, 0.9, {"ranker.onnx": b"not a model"})
        broken = job(trainer, 7, 0.9, {"model.pt": b"x"})
        for event, reason in ((lost, "ARTIFACT_NOT_FOUND"), (unsafe, "UNSAFE_FORMAT"), (broken, "UNSAFE_FORMAT")):
            await publish("trainer.training_job.succeeded", event)
            subject, data = await news()
            assert subject == "registration.failed"
            failed = registry_events_pb2.RegistrationFailed.FromString(data)
            assert (failed.failure.reason, failed.slip.pipeline_run) == (reason, event.slip.pipeline_run)
            assert failed.training_job == event.training_job.name
        async with open_channel(host.address) as channel:
            registry = pb_grpc.RegistryServiceStub(channel)
            model = (await registry.ListModels(pb.ListModelsRequest())).models[0]
            assert (model.version_count, dict(model.aliases)) == (2, {"production": "models/shop/versions/1"})
            assert await read(registry, "models/shop/versions/2", NOTES) == NOTES
    await publish.close()
    await listener.close()


async def test_an_import_is_taken_up_again_after_a_restart(
    tmp_path: Path,
    trainer: FakeTrainer,
    nats_server: NatsServer,  # noqa: F811
) -> None:
    publish = Publisher(nats_server)
    config = RegistrySettings.model_validate(
        {"state_dir": tmp_path / "state", "trainer_address": trainer.address, **nats_server.settings("registry")}
    )
    trainer.away = 1_000_000
    async with running_host("registry", config, MIGRATIONS, wire):
        await publish("trainer.training_job.succeeded", job(trainer, 11, 0.6, {"manifest.json": b'{"n": 11}'}))
        while trainer.away > 999_997:
            await asyncio.sleep(0.02)
    trainer.away = 0
    async with running_host("registry", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        stub = pb_grpc.RegistryServiceStub(channel)
        while not (models := (await stub.ListModels(pb.ListModelsRequest())).models):
            await asyncio.sleep(0.05)
        assert (models[0].version_count, list(models[0].aliases)) == (1, ["production"])
    await publish.close()
