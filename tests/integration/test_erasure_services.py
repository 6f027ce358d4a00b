"""Services that hold copies of a person: each does its part when it is told, waits where it must, and acknowledges."""

import asyncio
import hashlib
import io
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pyarrow as pa
import pytest
from aisle.governance.v1 import erasure_pb2, governance_events_pb2, governance_service_pb2, user_event_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.ranker.v1 import ranker_service_pb2 as ranker_pb
from aisle.registry.v1 import model_version_pb2, registry_events_pb2
from aisle.registry.v1 import registry_service_pb2 as registry_pb
from aisle.registry.v1 import registry_service_pb2_grpc as registry_grpc
from aisle.trainer.v1 import trainer_events_pb2, training_job_pb2
from aisle.type.v1 import failure_pb2, subject_pb2
from aisle_monitor import main as monitor_main
from aisle_monitor.settings import MonitorSettings
from aisle_monitor.storage.tables import drift_reports
from aisle_registry.main import MIGRATIONS, wire
from aisle_registry.settings import RegistrySettings
from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.client import open_channel
from aisle_runtime.erasing.bundles import StoredFile, rewrite_bundle
from aisle_runtime.erasing.subjects import Subjects, subject_hash
from aisle_runtime.erasing.worker import order_for
from aisle_runtime.nats_config import ADMIN_USER
from aisle_runtime.tables import RUNTIME
from aisle_runtime.testing import running_host
from aisle_runtime.testing.nats import NatsServer, nats_server, own_nats_server  # noqa: F401
from aisle_runtime.tokens import load_key
from aisle_trainer import main as trainer_main
from aisle_trainer.settings import TrainerSettings
from aisle_trainer.storage import records
from monitor_support import Publisher
from ranker_fakes import Bundle, build, fake_registry
from ranker_host import live, ranker, refusal, state, until
from sqlalchemy import Connection, insert, select, update
from test_governance import Shop, shop  # noqa: F401
from test_registry import evidence, messages

PERSON = "cust-4711-zq"
SERVICES = ("trainer", "tuner", "registry", "ranker", "monitor")
WAIT_SECONDS = 60.0


class Ear:
    """Hears what a service acknowledges."""

    def __init__(
        self, connection: nats.aio.client.Client, subscription: nats.js.JetStreamContext.PushSubscription
    ) -> None:
        self.connection, self._subscription = connection, subscription

    @classmethod
    async def open(cls, server: NatsServer, service: str) -> "Ear":
        connection = await nats.connect(server.url, user=ADMIN_USER, password=server.password(ADMIN_USER))
        subject = f"aisle.{service}.subject_erasure.acknowledged.v1"
        subscription = await connection.subscribe(subject)
        return cls(connection, subscription)  # type: ignore[arg-type]

    async def next(self) -> subject_pb2.SubjectErasureAcknowledged:
        message = await self._subscription.next_msg(timeout=WAIT_SECONDS)
        return subject_pb2.SubjectErasureAcknowledged.FromString(message.data)


@pytest.fixture
async def publish(nats_server: NatsServer) -> AsyncIterator[Publisher]:  # noqa: F811
    publisher = Publisher(nats_server)
    yield publisher
    await publisher.close()


def ordered(key: bytes, person: str, versions: list[str]) -> governance_events_pb2.SubjectErased:
    order = order_for(key, "erasures/x", subject_hash(key, person), versions)
    return governance_events_pb2.SubjectErased(order=order)


async def messages_of(server: NatsServer, text: bytes) -> int:
    """How many messages of the stream hold `text`."""
    connection = await nats.connect(server.url, user=ADMIN_USER, password=server.password(ADMIN_USER))
    stream, found = connection.jetstream(), 0
    info = await stream.stream_info("AISLE")
    for sequence in range(info.state.first_seq, info.state.last_seq + 1):
        try:
            message = await stream.get_msg("AISLE", sequence)
        except nats.js.errors.NotFoundError:
            continue
        found += text in (message.data or b"")
    await connection.close()
    return found


async def test_a_receipt_is_complete_when_every_service_and_the_bus_are_clean(
    shop: Shop,  # noqa: F811
    nats_server: NatsServer,  # noqa: F811
    publish: Publisher,
) -> None:
    admin = await nats.connect(nats_server.url, user=ADMIN_USER, password=nats_server.password(ADMIN_USER))
    await admin.jetstream().add_consumer(
        "AISLE",
        durable_name="ranker-late",
        filter_subject="aisle.governance.user_events.collected.v1",
        ack_policy="explicit",
    )  # a service that is down and has not read its events
    pb = governance_service_pb2
    event = user_event_pb2.UserEvent(
        event_id="p1", type=user_event_pb2.USER_EVENT_TYPE_PURCHASE, product_id="1", customer_id=PERSON
    )
    event.event_time.GetCurrentTime()
    await shop.stub.CollectUserEvents(pb.CollectUserEventsRequest(events=[event]))
    found = [one.finding async for one in shop.stub.PreviewErasure(pb.PreviewErasureRequest(customer_id=PERSON))]
    assert [(one.kind, one.row_count, list(one.row_ids)) for one in found] == [("user_events", 1, ["p1"])]
    begun = (await shop.stub.EraseSubject(pb.EraseSubjectRequest(customer_id=PERSON))).erasure
    assert [one.service for one in begun.services] == [*SERVICES, "bus"] and not begun.complete
    async for answer in shop.stub.WatchErasure(pb.WatchErasureRequest(name=begun.name), timeout=300):
        last = answer.erasure
    assert last.state == erasure_pb2.ERASURE_STATE_SUCCEEDED and not last.complete
    assert await messages_of(nats_server, PERSON.encode()) == 1  # some consumer has still to read it

    waits = subject_pb2.SubjectErasureAcknowledged(
        erasure=begun.name, failure=failure_pb2.Failure(reason="ERASURE_WAITS", message="busy")
    )
    await publish("trainer.subject_erasure.acknowledged", waits)
    counts = [subject_pb2.ErasedCount(kind="deeds", count=3)]
    for service in SERVICES:
        told = subject_pb2.SubjectErasureAcknowledged(
            erasure=begun.name, done=True, counts=counts, model_versions=["models/m/versions/1"]
        )
        await publish(f"{service}.subject_erasure.acknowledged", told)
    watch = pb.WatchErasureRequest(name=begun.name, until_complete=True)
    seen = []
    async for answer in shop.stub.WatchErasure(watch, timeout=300):
        last = answer.erasure
        seen.append({one.service: one.failure.facts.get("consumers", "") for one in last.services if not one.done})
        if set(seen[-1]) == {"bus"} and "ranker-late" in seen[-1]["bus"]:
            late = await admin.jetstream().pull_subscribe_bind("ranker-late", "AISLE")
            for message in await late.fetch(10, timeout=10):
                await message.ack_sync()
    assert last.complete and list(last.model_versions) == ["models/m/versions/1"]
    services = {one.service: {part.kind: part.count for part in one.counts} for one in last.services}
    assert services["trainer"] == {"deeds": 3} and services["bus"] == {"messages": 1}
    assert any(set(one) == {"bus"} for one in seen)
    assert await messages_of(nats_server, PERSON.encode()) == 0
    await admin.close()


def histories(customers: list[str]) -> bytes:
    table = pa.table({"customer_id": customers, "product_ids": [["1"]] * len(customers)})
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def bundle_files(customers: list[str]) -> dict[str, bytes]:
    files = {"histories.arrow": histories(customers)}
    listed = {
        path: {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)} for path, data in files.items()
    }
    return files | {"manifest.json": json.dumps({"format": "aisle-bundle/1", "files": listed}).encode()}


def header(files: dict[str, bytes], request_id: str = "") -> registry_pb.RegistrationHeader:
    purchase = model_version_pb2.EvaluationSummary(
        task=pipeline_pb.TASK_KIND_PURCHASE,
        unit_ids=["c1", PERSON],
        systems=[model_version_pb2.SystemScore(system="model", unit_values=[0.1, 0.2])],
    )
    return registry_pb.RegistrationHeader(
        model="models/shop",
        files=[
            model_version_pb2.ModelFile(path=path, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
            for path, data in files.items()
        ],
        evaluations=[evidence(0.6), purchase],
        dataset_versions=["datasets/orders/versions/1"],
        request_id=request_id,
    )


async def test_the_registry_rewrites_bundles_and_evidence_and_remembers_that_it_did(
    tmp_path: Path,
    own_nats_server: NatsServer,  # noqa: F811
) -> None:
    bus, publish = own_nats_server, Publisher(own_nats_server)
    key = load_key(tmp_path / "subject.key")
    ear = await Ear.open(bus, "registry")
    rewritten = await ear.connection.subscribe("aisle.registry.model_version.rewritten.v1")
    config = RegistrySettings.model_validate(
        {
            "state_dir": tmp_path / "state",
            "subject_key_file": tmp_path / "subject.key",
            **bus.settings("registry"),
        }
    )
    async with running_host("registry", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        stub = registry_grpc.RegistryServiceStub(channel)
        files, clean = bundle_files(["c1", PERSON]), bundle_files(["c1", "c2"])
        first = (await stub.RegisterModelVersion(messages(header(files, "once"), files))).model_version
        second = (await stub.RegisterModelVersion(messages(header(clean), clean))).model_version
        await publish("governance.subject.erased", ordered(key, PERSON, ["datasets/orders/versions/1"]))
        told = await ear.next()
        while not told.done:  # it says what it waits for, and tries again
            told = await ear.next()
        assert list(told.model_versions) == [first.name, second.name]
        counts = {one.kind: one.count for one in told.counts}
        assert counts["bundle_rows"] == 1 and counts["bundle_files"] == 2 and counts["evaluation_values"] == 2
        assert counts["remembered_answers"] == 1 and counts["files"] == 2
        event = registry_events_pb2.ModelVersionRewritten.FromString(
            (await rewritten.next_msg(timeout=WAIT_SECONDS)).data
        )
        now = (await stub.GetModelVersion(registry_pb.GetModelVersionRequest(name=first.name))).model_version
        (entry,) = now.rewrites
        assert (entry.erasure, list(entry.paths)) == ("erasures/x", ["histories.arrow", "manifest.json"])
        assert (entry.bundle_digest_before, entry.bundle_digest_after) == (first.bundle_digest, now.bundle_digest)
        assert event.rewrite == entry and event.model_version.bundle_digest == now.bundle_digest
        assert list(now.evaluations[1].unit_ids) == ["c1"] and list(now.evaluations[1].systems[0].unit_values) == [0.1]
        assert len(now.evaluations[0].unit_ids) == len(first.evaluations[0].unit_ids)
        data = b""
        async for piece in stub.ReadArtifact(
            registry_pb.ReadArtifactRequest(model_version=now.name, sha256=now.files[0].sha256)
        ):
            data += piece.chunk
        assert pa.ipc.open_file(data).read_all()["customer_id"].to_pylist() == ["c1"]
        other = (await stub.GetModelVersion(registry_pb.GetModelVersionRequest(name=second.name))).model_version
        assert other.bundle_digest == second.bundle_digest and not other.rewrites

        late = bundle_files([PERSON, "c9"])  # trained before, registered after
        third = (await stub.RegisterModelVersion(messages(header(late), late))).model_version
        event = registry_events_pb2.ModelVersionRewritten.FromString(
            (await rewritten.next_msg(timeout=WAIT_SECONDS)).data
        )
        assert (event.model_version.name, event.rewrite.erasure) == (third.name, "")
    assert not [
        file for file in (tmp_path / "state").rglob("*") if file.is_file() and PERSON.encode() in file.read_bytes()
    ]
    await ear.connection.close()
    await publish.close()


def without(bundle: Bundle, person: str, key: bytes, folder: Path) -> Bundle:
    store = ArtifactStore(folder)
    files = [StoredFile(path, store.put_bytes(data), len(data)) for path, data in bundle.files.items()]
    found = rewrite_bundle(store, files, Subjects(key, [subject_hash(key, person)]), ("customer_id",))
    assert found is not None
    return Bundle(bundle.shop, {file.path: store.path(file.sha256).read_bytes() for file in found.files})


async def test_the_ranker_forgets_at_once_and_waits_for_the_rewritten_bundle(
    tmp_path: Path,
    own_nats_server: NatsServer,  # noqa: F811
) -> None:
    person = "c1"
    bus, publish = own_nats_server, Publisher(own_nats_server)
    key = load_key(tmp_path / "subject.key")
    ear = await Ear.open(bus, "ranker")
    more = {"subject_key_file": tmp_path / "subject.key", **bus.settings("ranker")}
    async with fake_registry() as registry, ranker(tmp_path, registry, **more) as stub:
        bundle, _ = build()
        promoted = registry.promote(bundle)
        await publish("registry.model_version.promoted", promoted)
        name = promoted.model_version.name
        await live(stub, name)
        event = user_event_pb2.UserEvent(
            event_id="d1", type=user_event_pb2.USER_EVENT_TYPE_PURCHASE, product_id="x", customer_id=person
        )
        await publish("governance.user_events.collected", governance_events_pb2.UserEventsCollected(events=[event]))
        profile = ranker_pb.GetUserProfileRequest(customer_id=person)
        async with asyncio.timeout(WAIT_SECONDS):
            while not any(one.product_id == "x" for one in (await stub.GetUserProfile(profile)).profile.recent):
                await asyncio.sleep(0.02)

        await publish("governance.subject.erased", ordered(key, person, []))
        told = await ear.next()
        assert (told.done, told.failure.reason, told.failure.facts["model_version"]) == (False, "ERASURE_WAITS", name)
        assert (await refusal(stub.GetUserProfile(profile))).reason == "CUSTOMER_NOT_FOUND"
        request = ranker_pb.RecommendRequest(kind=ranker_pb.RECOMMEND_KIND_FOR_YOU)
        request.context.customer_id = person
        unknown = ranker_pb.RecommendRequest(kind=ranker_pb.RECOMMEND_KIND_FOR_YOU)
        answers = [await stub.Recommend(one) for one in (request, unknown)]
        assert [one.product_id for one in answers[0].results] == [one.product_id for one in answers[1].results]

        fresh = without(bundle, person, key, tmp_path / "rewrite")
        registry.files |= {hashlib.sha256(data).hexdigest(): data for data in fresh.files.values()}
        described = [
            model_version_pb2.ModelFile(path=path, sha256=digest, size_bytes=len(fresh.files[path]))
            for path, digest in fresh.digests.items()
        ]
        registry.versions[name] = model_version_pb2.ModelVersion(name=name, files=described, bundle_digest=fresh.digest)
        await publish(
            "registry.model_version.rewritten",
            registry_events_pb2.ModelVersionRewritten(model_version=registry.versions[name]),
        )
        told = await ear.next()
        while not told.done:
            told = await ear.next()
        assert {one.kind: one.count for one in told.counts}["deeds"] == 1
        found = await until(stub, lambda now: now.live.bundle_digest == fresh.digest)
        assert found.live.model_version == name and not (await state(stub)).HasField("last_load_failure")
        event.event_id = "d2"  # an event that was on its way
        await publish("governance.user_events.collected", governance_events_pb2.UserEventsCollected(events=[event]))
        assert (await refusal(stub.GetUserProfile(profile))).reason == "CUSTOMER_NOT_FOUND"
    stored = {path.name for path in (tmp_path / "state" / "artifacts").glob("??/*")}
    assert stored and stored <= set(fresh.digests.values())
    await ear.connection.close()
    await publish.close()


async def test_the_trainer_rewrites_its_bundles_and_waits_for_jobs_that_had_begun(
    tmp_path: Path,
    own_nats_server: NatsServer,  # noqa: F811
) -> None:
    bus, publish = own_nats_server, Publisher(own_nats_server)
    key = load_key(tmp_path / "subject.key")
    ear = await Ear.open(bus, "trainer")
    config = TrainerSettings.model_validate(
        {"state_dir": tmp_path / "state", "subject_key_file": tmp_path / "subject.key", **bus.settings("trainer")}
    )
    async with running_host("trainer", config, trainer_main.MIGRATIONS, trainer_main.wire) as host:
        store, db = host.platform.artifacts, host.platform.db
        files = bundle_files(["c1", PERSON])
        artifacts = [
            training_job_pb2.Artifact(path=path, sha256=store.put_bytes(data), size_bytes=len(data))
            for path, data in files.items()
        ]
        job = training_job_pb2.TrainingJob(name="trainingJobs/j1", artifacts=artifacts)
        task = training_job_pb2.TaskEvaluation(
            unit_ids=["c1", PERSON], systems=[training_job_pb2.SystemResult(system="model", unit_values=[0.1, 0.2])]
        )
        evaluation = training_job_pb2.Evaluation(name="evaluations/j1", tasks=[task])
        event = trainer_events_pb2.TrainingJobSucceeded(training_job=job, evaluation=evaluation)
        left = config.state_dir / "jobs" / "j0" / "bundle"
        left.mkdir(parents=True)
        (left / "histories.arrow").write_bytes(files["histories.arrow"])

        def fill(conn: Connection) -> None:
            records.add_job(conn, records.StoredJob("j1", job.SerializeToString(), b""), "", 1.0)
            records.add_evaluation(conn, "j1", job.name, evaluation.SerializeToString(), 1.0)
            host.platform.outbox.add(conn, "aisle.trainer.training_job.succeeded.v1", event)
            rows = [("j1", "SUCCEEDED", event.SerializeToString()), ("j2", "RUNNING", None)]
            for name, job_state, result in rows:
                values = {"id": name, "kind": "train", "state": job_state, "payload": b"", "result": result}
                conn.execute(insert(RUNTIME.jobs).values(**values, create_time=1.0, lease_expires=1e12))

        await db.write(fill)
        await publish("governance.subject.erased", ordered(key, PERSON, []))
        told = await ear.next()
        assert (told.done, told.failure.facts["training_job"]) == (False, "trainingJobs/j2")
        await db.write(lambda conn: conn.execute(update(RUNTIME.jobs).values(state="SUCCEEDED")))
        while not told.done:
            told = await ear.next()
        counts = {one.kind: one.count for one in told.counts}
        assert (counts["bundle_rows"], counts["bundle_files"], counts["evaluation_values"]) == (1, 2, 1)
        stored = await db.read(lambda conn: records.get_job(conn, "j1"))
        assert stored is not None
        now = training_job_pb2.TrainingJob.FromString(stored.body)
        told_files = await db.read(lambda conn: conn.execute(select(RUNTIME.outbox.c.data)).scalars().first())
        kept = trainer_events_pb2.TrainingJobSucceeded.FromString(bytes(told_files or b""))
        assert list(kept.training_job.artifacts) == list(now.artifacts) != artifacts
        assert list(kept.evaluation.tasks[0].systems[0].unit_values) == [0.1]
        table = pa.ipc.open_file(store.path(now.artifacts[0].sha256).read_bytes()).read_all()
        assert table["customer_id"].to_pylist() == ["c1"]
        assert not left.exists()
    assert not [file for file in config.state_dir.rglob("*") if file.is_file() and PERSON.encode() in file.read_bytes()]
    await ear.connection.close()
    await publish.close()


async def test_the_monitor_cleans_texts_and_spans(
    tmp_path: Path,
    own_nats_server: NatsServer,  # noqa: F811
) -> None:
    bus, publish = own_nats_server, Publisher(own_nats_server)
    key = load_key(tmp_path / "subject.key")
    ear = await Ear.open(bus, "monitor")
    config = MonitorSettings.model_validate(
        {"state_dir": tmp_path / "state", "subject_key_file": tmp_path / "subject.key", **bus.settings("monitor")}
    )
    async with running_host("monitor", config, monitor_main.MIGRATIONS, monitor_main.wire) as host:

        def fill(conn: Connection) -> None:
            body = json.dumps({"columns": [{"top": PERSON}]})
            conn.execute(insert(drift_reports).values(id="r1", body=body, create_time=1.0))

        await host.platform.db.write(fill)
        spans = sqlite3.connect(config.state_dir / "telemetry.db")
        row = (b"t" * 16, b"s" * 8, b"", "x", "a", "internal", 1, 1, 0, json.dumps({"note": f"of {PERSON}"}), 1.0)
        with spans:
            spans.execute(f"INSERT INTO spans VALUES (1, {', '.join('?' * len(row))})", row)
        spans.close()
        await publish("governance.subject.erased", ordered(key, PERSON, []))
        told = await ear.next()
        assert told.done and {one.kind: one.count for one in told.counts} == {"texts": 1, "spans": 1}
    assert not [file for file in config.state_dir.rglob("*") if file.is_file() and PERSON.encode() in file.read_bytes()]
    await ear.connection.close()
    await publish.close()
