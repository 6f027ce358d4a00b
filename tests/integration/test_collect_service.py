"""Data that is fetched, looked at, or flows by itself, through the doors: real server, real bus, real child processes."""

import asyncio
import gzip
import io
import json
import os
import signal
import sqlite3
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import nats
import pyarrow as pa
import pytest
from aisle.governance.v1 import collect_pb2, dataset_pb2, governance_service_pb2_grpc, label_pb2, user_event_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.pipeline.v1 import pipeline_spec_pb2
from aisle.ranker.v1 import ranker_events_pb2
from aisle.type.v1 import job_pb2
from aisle_governance import live as live_module
from aisle_governance.main import MIGRATIONS, SERVICE, wire
from aisle_governance.settings import GovernanceSettings
from aisle_runtime.client import error_details, open_channel
from aisle_runtime.events import MESSAGE_ID, event_headers
from aisle_runtime.nats_config import inbox_prefix
from aisle_runtime.service import Host
from aisle_runtime.testing import running_host
from aisle_runtime.testing.nats import NatsServer, nats_server  # noqa: F401
from aisle_runtime.tokens import Signer
from openpyxl import Workbook

SUCCEEDED = job_pb2.JOB_STATE_SUCCEEDED
SECRET = "hunter2-of-the-shop"
PRODUCTS, EVENTS, JUDGMENTS = (
    dataset_pb2.DATASET_KIND_PRODUCTS,
    dataset_pb2.DATASET_KIND_USER_EVENTS,
    dataset_pb2.DATASET_KIND_JUDGMENTS,
)


class Shop:
    """A running service with a client."""

    def __init__(self, host: Host, stub: Any, folder: Path) -> None:
        self.host, self.stub, self.folder = host, stub, folder

    async def dataset(self, name: str, kind: int) -> str:
        created = await self.stub.CreateDataset(pb.CreateDatasetRequest(dataset_id=name, kind=kind))
        return str(created.dataset.name)

    async def upload(self, dataset: str, data: bytes, name: str, **header: Any) -> dataset_pb2.Import:
        async def messages() -> AsyncIterator[pb.UploadRowsRequest]:
            yield pb.UploadRowsRequest(header=pb.UploadHeader(dataset=dataset, source_file=name, **header))
            for start in range(0, len(data), 1 << 20):
                yield pb.UploadRowsRequest(chunk=data[start : start + (1 << 20)])

        return getattr(await self.stub.UploadRows(messages()), "import")

    async def ended(self, queued: dataset_pb2.Import) -> dataset_pb2.Import:
        last = queued
        async for state in self.stub.WatchImport(pb.WatchImportRequest(name=queued.name), timeout=120):
            last = getattr(state, "import")
        return last

    async def sourced(self, dataset: str, **source: Any) -> dataset_pb2.Import:
        answer = await self.stub.ImportSource(collect_pb2.ImportSourceRequest(dataset=dataset, **source))
        return await self.ended(getattr(answer, "import"))

    async def governed(self, dataset: str) -> str:
        stage = pipeline_spec_pb2.GovernanceStage(dataset_runs=[pipeline_spec_pb2.DatasetRun(dataset=dataset)])
        run = (await self.stub.StartGovernanceRun(pb.StartGovernanceRunRequest(stage=stage))).governance_run
        async for state in self.stub.WatchGovernanceRun(pb.WatchGovernanceRunRequest(name=run.name), timeout=120):
            run = state.governance_run
        assert run.status.state == SUCCEEDED, run.status.failure
        return str(run.dataset_versions[0])

    async def rows(self, version: str) -> list[dict[str, Any]]:
        pieces = self.stub.ReadRows(pb.ReadRowsRequest(dataset_version=version))
        data = b"".join([piece.arrow_ipc_chunk async for piece in pieces])
        found: list[dict[str, Any]] = pa.ipc.open_stream(data).read_all().to_pylist()
        return found

    async def served(self, answers: list[ranker_events_pb2.ServedAnswer], event_id: str, times: int = 1) -> None:
        """Publish as the ranker does; the bus must not be the one who notices a second delivery."""
        settings = self.host.platform.settings
        client = await nats.connect(
            settings.nats_url, user="ranker", password="password of ranker", inbox_prefix=inbox_prefix("ranker")
        )
        message = ranker_events_pb2.ImpressionsServed(answers=answers)
        headers = event_headers("ranker", event_id, message.DESCRIPTOR.full_name, 1.7e9)
        del headers[MESSAGE_ID]
        for _ in range(times):
            data = message.SerializeToString()
            await client.jetstream().publish("aisle.ranker.impressions.served.v1", data, headers=headers)
        await client.close()

    async def waiting(self, dataset: str, rows: int) -> None:
        """Wait until so many rows wait; events bring no answer that could be waited for."""
        async with asyncio.timeout(60):
            while True:
                request = collect_pb2.GetLiveCollectionRequest(dataset=dataset)
                if (await self.stub.GetLiveCollection(request)).live_collection.waiting_row_count >= rows:
                    return
                await asyncio.sleep(0.05)


@pytest.fixture
async def shop(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Shop]:  # noqa: F811
    (tmp_path / "in").mkdir()
    conn = sqlite3.connect(tmp_path / f"{SECRET}.db")
    conn.execute("create table items (sku text, name text, cost real)")
    conn.executemany("insert into items values (?, ?, ?)", [(f"p{n}", f"Lamp {n}", n + 0.5) for n in range(30)])
    conn.commit()
    conn.close()
    sources = tmp_path / "sources.toml"
    sources.write_text(
        f'[places.inbox]\nuri = "file://{tmp_path}/in"\n'
        f'[databases.erp]\nurl = "sqlite:///{tmp_path}/{SECRET}.db"\n'
        f'[databases.gone]\nurl = "postgresql+psycopg://reader:{SECRET}@127.0.0.1:1/shop"\n'
    )
    values = {"state_dir": tmp_path / "state", "sources_file": sources, **nats_server.settings(SERVICE)}
    async with running_host(SERVICE, GovernanceSettings.model_validate(values), MIGRATIONS, wire) as host:
        channel = open_channel(host.address)
        yield Shop(host, governance_service_pb2_grpc.GovernanceServiceStub(channel), tmp_path)
        await channel.close()


async def refused(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return error_details(caught.value)


def answer(number: int, second: int) -> ranker_events_pb2.ServedAnswer:
    made = ranker_events_pb2.ServedAnswer(
        answer_id=f"a{number}",
        surface="search",
        query="Office Light",
        visitor_id=f"v{number}",
        customer_id=f"c{number}",
    )
    made.serve_time.FromSeconds(second)
    for position, product in enumerate(("lamp", "desk", "rug"), start=1):
        made.impressions.add(product_id=product, position=position)
    return made


def deed(shop: Shop, number: int, what: str, product: str, second: int) -> user_event_pb2.UserEvent:
    settings = shop.host.platform.settings
    assert isinstance(settings, GovernanceSettings)
    payload = {"a": f"a{number}", "m": "models/m/versions/1", "c": f"c{number}", "p": ["lamp", "desk", "rug"]}
    token = Signer.from_file(settings.signing_key_path).sign(json.dumps(payload).encode(), 3600)
    event = user_event_pb2.UserEvent(
        event_id=f"{what}-{number}",
        type=f"USER_EVENT_TYPE_{what}",
        product_id=product,
        visitor_id=f"v{number}",
        attribution_token=token,
    )
    event.event_time.FromSeconds(second)
    return event


async def test_live_events_and_impressions_become_rows_once_and_labels_without_an_import_by_hand(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(time.time()) - 1000
    events = await shop.dataset("live", EVENTS)
    before = [deed(shop, 0, "CLICK", "desk", now + 1)]  # collected before anybody asked for rows
    assert (await shop.stub.CollectUserEvents(pb.CollectUserEventsRequest(events=before))).accepted_count == 1
    request = collect_pb2.UpdateLiveCollectionRequest(dataset=events, user_events=True, impressions=True)
    live = (await shop.stub.UpdateLiveCollection(request)).live_collection
    assert (live.batch_seconds, live.batch_row_count, live.waiting_row_count) == (300, 50_000, 1)
    await shop.served([answer(number, now) for number in range(8)], "served-1", times=2)
    await shop.waiting(events, 25)
    await shop.served([answer(8, now), answer(0, now)], "served-2")  # another event that repeats an answer
    await shop.waiting(events, 28)
    deeds = [deed(shop, number, "CLICK", "desk", now + 5) for number in range(8)]
    deeds += [deed(shop, 8, "PURCHASE", "desk", now + 9)]
    for _ in range(2):
        await shop.stub.CollectUserEvents(pb.CollectUserEventsRequest(events=deeds))
    flushed = await shop.stub.FlushLiveCollection(collect_pb2.FlushLiveCollectionRequest(dataset=events))
    assert (flushed.row_count, len(flushed.imports)) == (36, 1)
    again = await shop.stub.FlushLiveCollection(collect_pb2.FlushLiveCollectionRequest(dataset=events))
    assert (again.row_count, len(again.imports)) == (0, 0)
    (taken,) = (await shop.stub.ListImports(pb.ListImportsRequest(dataset=events))).imports
    assert (taken.accepted_row_count, taken.status.state) == (36, SUCCEEDED)

    version = await shop.governed(events)
    rows = await shop.rows(version)
    assert len(rows) == len({row["event_id"] for row in rows}) == 36
    shown = next(row for row in rows if row["event_id"] == "a3-2")
    assert (shown["event_type"], shown["product_id"], shown["position"], shown["query"]) == (
        "impression",
        "desk",
        2,
        "Office Light",
    )
    clicked = next(row for row in rows if row["event_id"] == "CLICK-3")
    assert (clicked["event_type"], clicked["attribution_token"], clicked["customer_id"]) == ("click", "a3", "c3")
    judgments = await shop.dataset("judgments", JUDGMENTS)
    build = (
        await shop.stub.BuildLabels(
            label_pb2.BuildLabelsRequest(dataset=judgments, events_version=version, method="LABEL_METHOD_CASCADE")
        )
    ).label_build
    async for state in shop.stub.WatchLabelBuild(label_pb2.WatchLabelBuildRequest(name=build.name), timeout=120):
        build = state.label_build
    assert build.status.state == SUCCEEDED, build.status.failure
    assert (build.list_count, build.unattributed_event_count) == (9, 0)
    assert build.label_count >= 2

    await shop.served([answer(20, now)], "served-3")
    await shop.waiting(events, 3)
    erased = (await shop.stub.EraseSubject(pb.EraseSubjectRequest(customer_id="c20"))).erasure
    left = await shop.stub.GetLiveCollection(collect_pb2.GetLiveCollectionRequest(dataset=events))
    assert left.live_collection.waiting_row_count == 0
    async for erasure in shop.stub.WatchErasure(pb.WatchErasureRequest(name=erased.name), timeout=120):
        erased = erasure.erasure
    assert erased.user_event_count == 3
    off = collect_pb2.UpdateLiveCollectionRequest(dataset=events, impressions=True)
    await shop.stub.UpdateLiveCollection(off)
    monkeypatch.setattr(live_module, "_OVERLAP_SECONDS", 0.0)
    await shop.stub.CollectUserEvents(pb.CollectUserEventsRequest(events=[deed(shop, 30, "VIEW", "rug", now)]))
    request.batch_seconds = 3600  # on again: only what was collected in between is brought
    assert (await shop.stub.UpdateLiveCollection(request)).live_collection.waiting_row_count == 1
    assert (await shop.stub.FlushLiveCollection(collect_pb2.FlushLiveCollectionRequest(dataset=events))).row_count == 1
    update = collect_pb2.UpdateLiveCollectionRequest(dataset=events, impressions=True, batch_seconds=1)
    await shop.stub.UpdateLiveCollection(update)
    await shop.served([answer(20, now), answer(21, now)], "served-4")
    async with asyncio.timeout(60):  # the batch comes by itself
        while len((await shop.stub.ListImports(pb.ListImportsRequest(dataset=events))).imports) < 3:
            await asyncio.sleep(0.1)
    assert (await shop.stub.ListImports(pb.ListImportsRequest(dataset=events))).imports[2].accepted_row_count == 3


async def test_live_collections_refuse_what_cannot_be(shop: Shop) -> None:
    products = await shop.dataset("products", PRODUCTS)
    details = await refused(
        shop.stub.UpdateLiveCollection(collect_pb2.UpdateLiveCollectionRequest(dataset=products, user_events=True))
    )
    assert (details.code, details.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "WRONG_KIND")
    wrong = collect_pb2.UpdateLiveCollectionRequest(dataset=products, batch_seconds=-1)
    assert (await refused(shop.stub.UpdateLiveCollection(wrong))).violations[0].field == "batch_seconds"
    nowhere = collect_pb2.FlushLiveCollectionRequest(dataset="datasets/nowhere")
    assert (await refused(shop.stub.FlushLiveCollection(nowhere))).reason == "DATASET_NOT_FOUND"


async def test_sources_of_the_operator_are_read_and_their_secrets_kept(shop: Shop) -> None:
    products = await shop.dataset("products", PRODUCTS)
    listed = await shop.stub.ListImportSources(collect_pb2.ListImportSourcesRequest())
    assert [place.name for place in listed.places] == ["inbox"] and list(listed.connections) == ["erp", "gone"]
    query = collect_pb2.SqlQuery(
        connection="erp", sql="select sku as product_id, name as title, cost as price from items"
    )
    first = await shop.sourced(products, sql_query=query)
    assert first.status.state == SUCCEEDED, first.status.failure
    assert (first.accepted_row_count, first.source_file, first.format) == (
        30,
        "sql:erp",
        dataset_pb2.FILE_FORMAT_PARQUET,
    )
    same = await shop.sourced(products, sql_query=query)
    assert (same.same_as, same.accepted_row_count, same.status.state) == (first.name, 0, SUCCEEDED)
    (shop.folder / "in" / "may.csv").write_text("product_id,title\nq1,Chair\nq2\n")
    (shop.folder / "in" / "june.csv").write_text("title,product_id\nRug,q3\n")
    uri = f"file://{shop.folder}/in/"
    folder = await shop.sourced(products, uri=uri)
    assert folder.status.state == SUCCEEDED, folder.status.failure
    assert [(part.name, part.accepted_row_count, part.rejected_row_count) for part in folder.files] == [
        ("june.csv", 1, 0),
        ("may.csv", 1, 1),
    ]
    (row,) = (await shop.stub.ListQuarantinedRows(pb.ListQuarantinedRowsRequest(parent=folder.name))).quarantined_rows
    assert row.reason == "line 3: has 1 fields where the header has 2 (in may.csv)"
    assert len(await shop.rows(await shop.governed(products))) == 32

    gone = collect_pb2.SqlQuery(connection="gone", sql="select 1 as product_id, 'x' as title")
    failed = await shop.sourced(products, sql_query=gone)
    assert failed.status.failure.reason == "SOURCE_UNREACHABLE"
    for source, reason in (
        ({"uri": f"file://{shop.folder}/state/state.db"}, "PLACE_NOT_FOUND"),
        ({"sql_query": collect_pb2.SqlQuery(connection="other", sql="select 1")}, "CONNECTION_NOT_FOUND"),
        ({"sql_query": collect_pb2.SqlQuery(connection="erp", sql="drop table items")}, "INVALID_FIELD"),
        ({}, "INVALID_FIELD"),
    ):
        details = await refused(shop.stub.ImportSource(collect_pb2.ImportSourceRequest(dataset=products, **source)))
        assert details.reason == reason or details.violations
        assert SECRET not in f"{details}"
    for path in (shop.folder / "state").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


async def test_a_mapping_is_suggested_and_confirmed_by_creating_the_dataset(shop: Shop) -> None:
    text = "Handle,Name,Variant Price\n" + "".join(f"lamp-{n},Desk lamp {n},{n}.5\n" for n in range(50))

    async def messages(
        data: bytes, name: str = "export.csv", **more: Any
    ) -> AsyncIterator[collect_pb2.SuggestMappingRequest]:
        header = collect_pb2.SuggestMappingHeader(kind=PRODUCTS, source_file=name, **more)
        yield collect_pb2.SuggestMappingRequest(header=header)
        yield collect_pb2.SuggestMappingRequest(chunk=data)

    found = await shop.stub.SuggestMapping(messages(text.encode()))
    assert dict(found.mapping.columns) == {"product_id": "Handle", "title": "Name", "price": "Variant Price"}
    assert (found.sampled_row_count, found.dialect.delimiter, found.dialect.quote) == (50, ",", '"')
    assert all(one.evidence and 0 < one.confidence_ratio <= 1 for one in found.suggestions)
    created = pb.CreateDatasetRequest(dataset_id="shop", kind=PRODUCTS, mapping=found.mapping)
    dataset = (await shop.stub.CreateDataset(created)).dataset.name
    taken = await shop.ended(await shop.upload(dataset, text.encode(), "export.csv"))
    assert (taken.accepted_row_count, taken.rejected_row_count) == (50, 0)

    details = await refused(shop.stub.SuggestMapping(messages(b"\x00" * 100)))
    assert details.reason == "ENCODING_MISMATCH"
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"x" * (300 << 20))
    assert (await refused(shop.stub.SuggestMapping(messages(bomb.getvalue(), "a.zip")))).reason == "LINE_TOO_LONG"
    assert not list((shop.folder / "state").glob(".suggest-*"))
    assert (await shop.stub.ListDatasets(pb.ListDatasetsRequest())).datasets, "the service is up"


async def test_hostile_files_leave_the_service_up_and_the_good_rows_in(shop: Shop) -> None:
    products = await shop.dataset("products", PRODUCTS)
    book, buffer = Workbook(), io.BytesIO()
    for row in (("product_id", "title", "price"), ("p1", "Lamp", 1.5), ("p2", "Desk", "=1+1")):
        book.active.append(row)
    book.save(buffer)
    endless = b"product_id,title\np1," + b"x" * (5 << 20) + b"\n"
    sent = [
        await shop.upload(products, gzip.compress(endless), "endless.csv.gz"),
        await shop.upload(products, b"PAR1 and no more", "cut.parquet"),
        await shop.upload(products, buffer.getvalue(), "book.xlsx"),
        await shop.upload(products, "product_id,title\np3,Café\n".encode("cp1252") + b"p4,Rug\n", "mixed.csv"),
    ]
    ended = [await shop.ended(one) for one in sent]
    assert [one.status.failure.reason for one in ended] == ["LINE_TOO_LONG", "SOURCE_CORRUPT", "", ""]
    assert dict(ended[0].status.failure.facts) == {"file": "endless.csv.gz", "row": "2"}
    assert [(one.accepted_row_count, one.rejected_row_count) for one in ended[2:]] == [(1, 1), (1, 1)]
    found = (await shop.stub.ListQuarantinedRows(pb.ListQuarantinedRowsRequest(parent=products))).quarantined_rows
    assert [row.reason for row in found] == [
        "line 3: cell C3 holds a formula; paste it as a value",
        "line 2: holds byte 0xE9, which is no text in the file's encoding",
    ]
    assert ended[2].dialect.sheet == "Sheet" and ended[3].likely_encoding
    wrong = {"dialect": dataset_pb2.Dialect(record_schema="RECORD_SCHEMA_METARANK")}
    details = await refused(shop.upload(products, b"x", "a.csv", **wrong))
    assert details.violations[0].field == "header.dialect.record_schema"
    assert len(await shop.rows(await shop.governed(products))) == 2


async def test_an_import_goes_on_after_its_process_and_the_service_were_killed(
    nats_server: NatsServer,  # noqa: F811
    tmp_path: Path,
) -> None:
    settings = GovernanceSettings.model_validate({"state_dir": tmp_path / "state", **nats_server.settings(SERVICE)})
    good = "".join(f"p{n},Lamp {n},1.5\n" for n in range(20_000))
    data = ("product_id,title,price\n" + good + "p-bad,Lamp,many\n").encode()
    killed = 0
    async with running_host(SERVICE, settings, MIGRATIONS, wire) as host:
        channel = open_channel(host.address)
        shop = Shop(host, governance_service_pb2_grpc.GovernanceServiceStub(channel), tmp_path)
        dataset = await shop.dataset("products", PRODUCTS)
        queued = await shop.upload(dataset, data, "big.csv")
        async for state in host.platform.jobs.watch(queued.name.rsplit("/", 1)[-1]):
            if state.state.value == "RUNNING" and not killed:
                killed = _kill_children()
                break
        await channel.close()
    assert killed
    async with running_host(SERVICE, settings, MIGRATIONS, wire) as host:
        channel = open_channel(host.address)
        shop = Shop(host, governance_service_pb2_grpc.GovernanceServiceStub(channel), tmp_path)
        last = await shop.ended(queued)
        assert last.status.state == SUCCEEDED, last.status.failure
        assert (last.accepted_row_count, last.rejected_row_count) == (20_000, 1)
        assert last.status.attempt_count >= 2
        (row,) = (await shop.stub.ListQuarantinedRows(pb.ListQuarantinedRowsRequest(parent=last.name))).quarantined_rows
        assert (row.source_line, row.column) == (20_002, "price")
        await channel.close()


def _kill_children() -> int:
    """Kill the job processes that this process has started; returns how many."""
    import psutil

    found = [child for child in psutil.Process().children() if "aisle_runtime.jobs.child" in child.cmdline()]
    for child in found:
        os.kill(child.pid, signal.SIGKILL)
    return len(found)
