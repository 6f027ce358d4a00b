"""A person is deleted through the doors, and nothing of them is left in any byte of the service's state."""

import gzip
import io
import json
import os
import signal
import sqlite3
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aisle.governance.v1 import (
    dataset_pb2,
    erasure_pb2,
    governance_events_pb2,
    governance_service_pb2_grpc,
    user_event_pb2,
)
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.pipeline.v1 import pipeline_spec_pb2
from aisle.type.v1 import job_pb2
from aisle_governance.main import MIGRATIONS, SERVICE, wire
from aisle_governance.settings import GovernanceSettings
from aisle_runtime.client import open_channel
from aisle_runtime.testing import running_host
from aisle_runtime.testing.nats import NatsServer, nats_server  # noqa: F401
from aisle_runtime.testing.postgres import both_databases
from test_governance import GOOD, HEADER, Shop, line, refused, shop  # noqa: F401

PERSON = "cust-7f3a9q-erin"
OTHER = "cust-1111zz-otto"
ORDERS = (
    GOOD
    + line(40, customer=PERSON)
    + line(41, customer=OTHER)
    + line(42, customer=f"  {PERSON} ", title='"A LAMP\nIN TWO LINES"')
    + line(43, customer=PERSON, quantity=0)  # put aside by a rule
    + line(44, customer=PERSON, quantity="many")  # refused by the import
    + f"45,{PERSON}\n"  # too short to have named columns
    + line(46, customer=OTHER)
)
"""29 lines after the header; five of them, one over two lines, are the person's."""


def holds(data: bytes, text: str) -> bool:
    return any(text.encode(encoding) in data for encoding in ("utf-8", "utf-16-le", "utf-16-be"))


def places(root: Path, text: str) -> list[str]:
    """Files below `root` that hold `text` in their bytes, in what they unpack to, or in a column of a table."""
    found = []
    for path in sorted(root.rglob("*")):
        if not path.is_file():
            continue
        # Closing a database's file in this process would drop the locks that the service in this process holds on it.
        data = subprocess.check_output(["cat", path]) if ".db" in path.name else path.read_bytes()
        hit = holds(data, text)
        if data[:4] == b"PAR1":
            hit = hit or text in json.dumps(pq.read_table(path, partitioning=None).to_pylist(), default=str)
        elif data[:2] == b"\x1f\x8b":
            hit = hit or holds(gzip.decompress(data), text)
        elif data[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                hit = hit or any(holds(archive.read(name), text) for name in archive.namelist())
        if hit:
            found.append(str(path.relative_to(root)))
    return found


async def erased(shop: Shop, person: str = PERSON, **more: Any) -> erasure_pb2.Erasure:  # noqa: F811
    begun = (await shop.stub.EraseSubject(pb.EraseSubjectRequest(customer_id=person, **more))).erasure
    last = begun
    async for state in shop.stub.WatchErasure(pb.WatchErasureRequest(name=begun.name), timeout=240):
        last = state.erasure
    return last


def state_dir(shop: Shop) -> Path:  # noqa: F811
    return shop.host.platform.settings.state_dir


def purchase(event_id: str, customer: str) -> user_event_pb2.UserEvent:
    event = user_event_pb2.UserEvent(event_id=event_id, type=3, product_id="10001", customer_id=customer)  # type: ignore[arg-type]
    event.event_time.GetCurrentTime()
    return event


def on_disk(shop: Shop, request: pytest.FixtureRequest) -> None:  # noqa: F811
    """Have PostgreSQL write what it still holds in memory into its files."""
    if not shop.host.platform.db.is_sqlite:
        request.getfixturevalue("postgres_server").execute("CHECKPOINT")


@both_databases
async def test_nothing_of_an_erased_person_is_left_and_everything_of_others_is(
    shop: Shop,  # noqa: F811
    request: pytest.FixtureRequest,
) -> None:
    roots = [state_dir(shop)]
    if not shop.host.platform.db.is_sqlite:
        roots.append(request.getfixturevalue("postgres_server").files_of(request.getfixturevalue("postgres_url")))
    dataset = await shop.dataset("orders")
    done = await shop.imported(dataset, ORDERS)
    assert (done.accepted_row_count, done.rejected_row_count) == (25, 2)
    first = (await shop.governed(dataset)).dataset_versions[0]
    await shop.imported(dataset, gzip.compress((HEADER + line(50, customer=PERSON) + line(51)).encode()), "more.csv.gz")
    second = (await shop.governed(dataset)).dataset_versions[0]
    await shop.stub.RollbackDataset(pb.RollbackDatasetRequest(version=first))
    await shop.stub.CollectUserEvents(
        pb.CollectUserEventsRequest(events=[purchase("e1", PERSON), purchase("e2", OTHER), purchase("e3", PERSON)])
    )
    before = await shop.rows(second)
    on_disk(shop, request)
    assert all(places(root, PERSON) for root in roots)

    receipt = await erased(shop, request_id="please")
    assert receipt.state == erasure_pb2.ERASURE_STATE_SUCCEEDED
    on_disk(shop, request)
    assert [places(root, PERSON) for root in roots] == [[]] * len(roots)
    assert all(places(root, OTHER) for root in roots)
    assert [(one.accepted_row_count, one.rejected_row_count) for one in receipt.imports] == [(3, 2), (1, 0)]
    assert [(one.dataset_version, one.row_count) for one in receipt.versions] == [
        (first, 2),
        (f"{dataset}/versions/3", 2),
        (second, 3),
    ]
    assert (receipt.user_event_count, receipt.quarantined_row_count, receipt.outbox_event_count) == (2, 2, 1)
    assert len(receipt.subject_hash) == len(receipt.exclusion_manifest) == 64
    assert PERSON not in str(receipt)

    after = await shop.rows(second)
    others = before.filter(pa.compute.invert(pa.compute.equal(before["customer_id"], PERSON)))
    assert after.equals(others) and after.num_rows == before.num_rows - 3
    version = (await shop.stub.GetDatasetVersion(pb.GetDatasetVersionRequest(name=second))).dataset_version
    assert (version.row_count, version.erased_row_count) == (after.num_rows, 3)
    assert version.content_hash == {one.dataset_version: one.content_hash_after for one in receipt.versions}[second]

    row = after.filter(pa.compute.equal(after["order_id"], "46"))["_row_id"][0].as_py()
    lineage = await shop.stub.GetLineage(pb.GetLineageRequest(name=second, row_id=row))
    line_number = lineage.row_source.source_line
    source = shop.host.platform.artifacts.path(lineage.imports[0].sha256).read_text().split("\n")
    assert source[line_number - 1].startswith("46,10046,")  # lines keep their numbers in the file as it is now
    assert source[line_number - 2] == ""

    page = await shop.stub.ListQuarantinedRows(pb.ListQuarantinedRowsRequest(parent=dataset))
    assert all(PERSON not in one.row_json for one in page.quarantined_rows)
    (told,) = shop.events("subject.erased", governance_events_pb2.SubjectErased)
    assert told.erasure.name == receipt.name and told.erasure.state == erasure_pb2.ERASURE_STATE_SUCCEEDED
    again = (await shop.stub.EraseSubject(pb.EraseSubjectRequest(customer_id=PERSON, request_id="please"))).erasure
    assert again.name == receipt.name
    (listed,) = (await shop.stub.ListErasures(pb.ListErasuresRequest())).erasures
    assert listed == (await shop.stub.GetErasure(pb.GetErasureRequest(name=receipt.name))).erasure == receipt


async def test_an_erased_person_is_left_out_of_what_comes_later(shop: Shop) -> None:  # noqa: F811
    dataset = await shop.dataset("orders")
    await shop.imported(dataset, ORDERS)
    await erased(shop)
    again = await shop.imported(dataset, ORDERS)  # the same bytes: the first import stands
    later = await shop.imported(dataset, HEADER + line(60, customer=PERSON) + line(61, customer=OTHER))
    assert (later.accepted_row_count, again.accepted_row_count) == (1, 22)
    failed = await shop.imported(dataset, (HEADER + line(62, customer=PERSON)).replace("Quantity", "Qty"))
    assert failed.status.state == job_pb2.JOB_STATE_FAILED
    answer = await shop.stub.CollectUserEvents(
        pb.CollectUserEventsRequest(
            events=[purchase("e1", PERSON), purchase("e2", OTHER), purchase("e3", f" {PERSON}")]
        )
    )
    assert answer.accepted_count == 1
    assert [(one.index, one.failure.reason) for one in answer.problems] == [
        (0, "SUBJECT_ERASED"),
        (2, "SUBJECT_ERASED"),
    ]
    version = (await shop.governed(dataset)).dataset_versions[0]
    assert PERSON not in (await shop.rows(version))["customer_id"].to_pylist()
    await swept(shop)
    assert places(state_dir(shop), PERSON) == []


async def swept(shop: Shop) -> None:  # noqa: F811
    """Wait until no file waits for its deletion, then fold the log of the database into it."""
    db, jobs = shop.host.platform.db, shop.host.platform.jobs
    for job in await db.read(lambda conn: jobs.list(conn, "sweep")):
        async for _ in jobs.watch(job.id):
            pass


def _formats() -> dict[str, tuple[bytes, str]]:
    text = HEADER + line(1) + line(2, customer=PERSON) + line(3, customer=OTHER)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("b.csv", HEADER + line(4) + line(5, customer=PERSON))
        archive.writestr("a.csv", text)
    names = HEADER.strip().split(",")
    records = [dict(zip(names, one.split(","), strict=True)) for one in text.splitlines()[1:]]
    table = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records), table)
    return {
        "crlf": (text.replace("\n", "\r\n").encode(), "o.csv"),
        "utf16": (text.encode("utf-16"), "o.csv"),
        "zip": (packed.getvalue(), "o.zip"),
        "jsonl": ("\n".join(json.dumps(record | {"note": PERSON}) for record in records[1:2]).encode() + b"\n"
                  + json.dumps(records[2]).encode(), "o.jsonl"),
        "parquet": (table.getvalue(), "o.parquet"),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["crlf", "utf16", "zip", "jsonl", "parquet"])
async def test_source_files_of_every_format_lose_the_person_and_keep_the_rest(shop: Shop, name: str) -> None:  # noqa: F811
    data, file = _formats()[name]
    dataset = await shop.dataset("orders")
    more: dict[str, Any] = {"dialect": dataset_pb2.Dialect(encoding="utf-16")} if name == "utf16" else {}
    if name == "zip":
        more["format"] = dataset_pb2.FILE_FORMAT_CSV
    before = await shop.imported(dataset, data, file, **more)
    assert before.status.state == job_pb2.JOB_STATE_SUCCEEDED, before.status.failure
    receipt = await erased(shop)
    assert receipt.state == erasure_pb2.ERASURE_STATE_SUCCEEDED
    assert places(state_dir(shop), PERSON) == []
    assert places(state_dir(shop), OTHER) != []
    (lost,) = receipt.imports
    assert lost.sha256_before == before.sha256 and lost.sha256_after not in ("", before.sha256)
    kept = shop.host.platform.artifacts.path(lost.sha256_after).read_bytes()
    again = await shop.dataset("copy")
    read = await shop.imported(again, kept, file, **more)
    expected = before.accepted_row_count - lost.accepted_row_count
    assert read.accepted_row_count == expected + (1 if name == "parquet" else 0)  # an empty row stands for the lost one


async def test_a_number_is_a_person_only_in_the_column_of_persons(shop: Shop) -> None:  # noqa: F811
    dataset = await shop.dataset("orders")
    await shop.imported(dataset, HEADER + line(1, customer="17850.0") + line(2, product="17850", customer="9"))
    version = (await shop.governed(dataset)).dataset_versions[0]
    receipt = await erased(shop, "17850")
    assert [one.row_count for one in receipt.versions] == [1]
    assert (await shop.rows(version))["order_id"].to_pylist() == ["2"]


async def test_an_import_under_way_cannot_bring_the_person_back(shop: Shop) -> None:  # noqa: F811
    dataset = await shop.dataset("orders")
    queued = [await shop.upload(dataset, ORDERS + line(70 + number), f"{number}.csv") for number in range(4)]
    receipt = await erased(shop)
    assert receipt.state == erasure_pb2.ERASURE_STATE_SUCCEEDED
    for one in queued:
        ended = getattr(await shop.stub.GetImport(pb.GetImportRequest(name=one.name)), "import")
        assert ended.status.state == job_pb2.JOB_STATE_SUCCEEDED
        assert ended.accepted_row_count == 23
    assert places(state_dir(shop), PERSON) == []


async def test_a_run_under_way_cannot_bring_the_person_back(shop: Shop) -> None:  # noqa: F811
    dataset = await shop.dataset("orders")
    await shop.imported(dataset, ORDERS)
    stage = pipeline_spec_pb2.GovernanceStage(dataset_runs=[pipeline_spec_pb2.DatasetRun(dataset=dataset)])
    started = (await shop.stub.StartGovernanceRun(pb.StartGovernanceRunRequest(stage=stage))).governance_run
    begun = (await shop.stub.EraseSubject(pb.EraseSubjectRequest(customer_id=PERSON))).erasure
    meanwhile = (await shop.stub.StartGovernanceRun(pb.StartGovernanceRunRequest(stage=stage))).governance_run
    assert (await shop.stub.EraseSubject(pb.EraseSubjectRequest(customer_id=PERSON))).erasure.name == begun.name
    async for state in shop.stub.WatchErasure(pb.WatchErasureRequest(name=begun.name), timeout=240):
        last = state.erasure
    assert last.state == erasure_pb2.ERASURE_STATE_SUCCEEDED
    assert places(state_dir(shop), PERSON) == []
    for run in (started, meanwhile):
        ended = await shop.finished(run.name)
        assert ended.status.state == job_pb2.JOB_STATE_SUCCEEDED
        for version in ended.dataset_versions:
            assert PERSON not in (await shop.rows(version))["customer_id"].to_pylist()


async def test_an_erasure_survives_the_death_of_its_process(nats_server: NatsServer, tmp_path: Path) -> None:  # noqa: F811
    settings = GovernanceSettings.model_validate({"state_dir": tmp_path / "state", **nats_server.settings(SERVICE)})
    async with running_host(SERVICE, settings, MIGRATIONS, wire) as host:
        channel = open_channel(host.address)
        shop = Shop(host, governance_service_pb2_grpc.GovernanceServiceStub(channel))
        dataset = await shop.dataset("orders")
        await shop.imported(dataset, ORDERS)
        await shop.governed(dataset)
        begun = (await shop.stub.EraseSubject(pb.EraseSubjectRequest(customer_id=PERSON))).erasure
        killed = 0
        async for state in host.platform.jobs.watch(f"{begun.name.removeprefix('erasures/')}-r1"):
            if state.state.value == "RUNNING" and not killed:
                killed = _kill_children()
        await channel.close()
    async with running_host(SERVICE, settings, MIGRATIONS, wire) as host:
        channel = open_channel(host.address)
        shop = Shop(host, governance_service_pb2_grpc.GovernanceServiceStub(channel))
        last = None
        async for answer in shop.stub.WatchErasure(pb.WatchErasureRequest(name=begun.name), timeout=240):
            last = answer.erasure
        assert last is not None and last.state == erasure_pb2.ERASURE_STATE_SUCCEEDED
        assert [one.row_count for one in last.versions] == [2]
        assert places(tmp_path / "state", PERSON) == []
        assert len(shop.events("subject.erased", governance_events_pb2.SubjectErased)) == 1
        await channel.close()
    assert killed


def _kill_children() -> int:
    """Kill the job processes that this process has started; returns how many."""
    import psutil

    found = [child for child in psutil.Process().children() if "aisle_runtime.jobs.child" in child.cmdline()]
    for child in found:
        os.kill(child.pid, signal.SIGKILL)
    return len(found)


async def test_wrong_requests_are_refused_without_repeating_the_id(shop: Shop) -> None:  # noqa: F811
    details = await refused(shop.stub.EraseSubject(pb.EraseSubjectRequest(customer_id=" ")))
    assert (details.code, details.violations[0].field) == (grpc.StatusCode.INVALID_ARGUMENT, "customer_id")
    details = await refused(shop.stub.GetErasure(pb.GetErasureRequest(name="erasures/none")))
    assert details.reason == "ERASURE_NOT_FOUND"
    await erased(shop, "somebody-1", request_id="same")
    details = await refused(shop.stub.EraseSubject(pb.EraseSubjectRequest(customer_id=PERSON, request_id="same")))
    assert details.violations[0].field == "request_id"
    database = sqlite3.connect(state_dir(shop) / "state.db")
    assert not any("somebody-1" in text for text in database.iterdump())
    database.close()
