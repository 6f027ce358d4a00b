"""Labels through the doors: built from events, judged by several raters, doubted and corrected."""

import csv
import io
import itertools
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pytest
from aisle.governance.v1 import dataset_pb2, governance_events_pb2, governance_service_pb2_grpc, label_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.pipeline.v1 import pipeline_spec_pb2
from aisle.type.v1 import job_pb2
from aisle_governance.main import MIGRATIONS, SERVICE, wire
from aisle_governance.settings import GovernanceSettings
from aisle_runtime.client import error_details, open_channel
from aisle_runtime.service import Host
from aisle_runtime.testing import running_host
from aisle_runtime.testing.nats import NatsServer, nats_server  # noqa: F401

SUCCEEDED = job_pb2.JOB_STATE_SUCCEEDED
KINDS = {
    "judgments": dataset_pb2.DATASET_KIND_JUDGMENTS,
    "events": dataset_pb2.DATASET_KIND_USER_EVENTS,
    "products": dataset_pb2.DATASET_KIND_PRODUCTS,
}


def csv_of(columns: str, rows: list[tuple[Any, ...]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns.split())
    writer.writerows(rows)
    return text.getvalue().encode()


class Shop:
    """A running service with a client."""

    def __init__(self, host: Host, stub: Any) -> None:
        self.host, self.stub = host, stub

    async def dataset(self, kind: str, data: bytes, **mapping: Any) -> str:
        request = pb.CreateDatasetRequest(
            dataset_id=kind, kind=KINDS[kind], mapping=dataset_pb2.ColumnMapping(**mapping)
        )
        name = str((await self.stub.CreateDataset(request)).dataset.name)
        await self.add(name, data)
        return name

    async def add(self, name: str, data: bytes) -> None:
        async def messages() -> AsyncIterator[pb.UploadRowsRequest]:
            yield pb.UploadRowsRequest(header=pb.UploadHeader(dataset=name, source_file="rows.csv"))
            yield pb.UploadRowsRequest(chunk=data)

        queued = getattr(await self.stub.UploadRows(messages()), "import")
        async for state in self.stub.WatchImport(pb.WatchImportRequest(name=queued.name), timeout=60):
            last = getattr(state, "import")
        assert last.status.state == SUCCEEDED, last.status.failure

    async def governed(self, dataset: str) -> str:
        stage = pipeline_spec_pb2.GovernanceStage(dataset_runs=[pipeline_spec_pb2.DatasetRun(dataset=dataset)])
        started = await self.stub.StartGovernanceRun(pb.StartGovernanceRunRequest(stage=stage))
        return await self.published(started.governance_run.name)

    async def published(self, run: str) -> str:
        async for state in self.stub.WatchGovernanceRun(pb.WatchGovernanceRunRequest(name=run), timeout=60):
            last = state.governance_run
        assert last.status.state == SUCCEEDED, last.status.failure
        return str(last.dataset_versions[0])

    async def rows(self, version: str) -> list[dict[str, Any]]:
        request = pb.ReadRowsRequest(dataset_version=version)
        data = b"".join([piece.arrow_ipc_chunk async for piece in self.stub.ReadRows(request)])
        found: list[dict[str, Any]] = pa.ipc.open_stream(data).read_all().to_pylist()
        return found

    async def built(self, **request: Any) -> label_pb2.LabelBuild:
        started = await self.stub.BuildLabels(label_pb2.BuildLabelsRequest(**request))
        watch = label_pb2.WatchLabelBuildRequest(name=started.label_build.name)
        async for state in self.stub.WatchLabelBuild(watch, timeout=60):
            last = state.label_build
        return last

    def told(self, subject: str, kind: Any) -> list[Any]:
        from aisle_runtime.tables import RUNTIME
        from sqlalchemy import select

        table = RUNTIME.outbox
        query = select(table.c.data).where(table.c.subject == f"aisle.governance.{subject}.v1").order_by(table.c.id)
        found = self.host.platform.db.read_sync(lambda conn: conn.execute(query).scalars().all())
        return [kind.FromString(bytes(data)) for data in found]


@pytest.fixture
async def shop(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Shop]:  # noqa: F811
    settings = GovernanceSettings.model_validate({"state_dir": tmp_path / "state", **nats_server.settings(SERVICE)})
    async with running_host(SERVICE, settings, MIGRATIONS, wire) as host:
        channel = open_channel(host.address)
        yield Shop(host, governance_service_pb2_grpc.GovernanceServiceStub(channel))
        await channel.close()


async def refused(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return error_details(caught.value)


EVENT_COLUMNS = "event_id event_type event_time visitor_id product_id query position"
SHOWN = ["lamp", "desk", "chair", "rug"]


def session(number: int, clicks: list[str], bought: str = "") -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for place, product in enumerate(SHOWN, start=1):
        rows.append(("impression", 0, product, "Office Light", place))
    rows += [("click", 1 + place, product, "office light", "") for place, product in enumerate(clicks)]
    if bought:
        rows.append(("purchase", 9, bought, "", 1))
    return [
        (f"{number}-{index}", what, f"2026-01-{number + 1:02}T10:00:{second:02}Z", f"v{number}", product, query, place)
        for index, (what, second, product, query, place) in enumerate(rows)
    ]


async def test_events_become_labels_beside_human_ones_and_newer_builds_replace_older_ones(shop: Shop) -> None:
    judgments = await shop.dataset(
        "judgments", csv_of("query title product_id grade", [("office light", "A lamp", "lamp", 1)]), grade_offset=1
    )
    first = [row for number in range(8) for row in session(number, ["desk"])] + session(8, ["desk"], bought="desk")
    events = await shop.dataset("events", csv_of(EVENT_COLUMNS, first))
    texts = [("lamp", "A lamp", "on"), ("desk", "A desk", "big"), ("chair", "A chair", "soft")]
    products = await shop.dataset("products", csv_of("product_id title description", texts))
    source, catalogue = await shop.governed(events), await shop.governed(products)

    build = await shop.built(
        dataset=judgments, events_version=source, products_version=catalogue, method="LABEL_METHOD_CASCADE"
    )
    assert build.status.state == SUCCEEDED, build.status.failure
    assert (build.label_count, build.list_count, build.unknown_product_count) == (2, 9, 0)
    assert list(build.examination_ratios) == [1.0, 1.0, 0.0, 0.0]
    version = await shop.published(build.governance_run)
    rows = {row["product_id"]: row for row in await shop.rows(version)}
    assert {product: (row["label_source"], row["title"]) for product, row in rows.items()} == {
        "lamp": ("human", "A lamp"),
        "desk": ("purchase", "A desk"),
    }
    assert (rows["lamp"]["grade"], rows["desk"]["grade"]) == (0.0, 3.0)
    assert rows["desk"]["label_weight"] == pytest.approx(1 / 1.5)
    assert rows["desk"]["query_id"] == rows["lamp"]["query_id"]

    lineage = await shop.stub.GetLineage(pb.GetLineageRequest(name=version, row_id=rows["desk"]["_row_id"]))
    assert lineage.row_source.source_file == f"{source} (cascade)"
    assert getattr(lineage.row_source, "import") == getattr(build, "import")
    (built,) = shop.told("labels.built", governance_events_pb2.LabelsBuilt)
    assert built.label_build.governance_run == build.governance_run

    await shop.add(events, csv_of(EVENT_COLUMNS, session(20, ["rug"])))
    again = await shop.built(
        dataset=judgments, events_version=await shop.governed(events), method="LABEL_METHOD_OUTCOMES"
    )
    version = await shop.published(again.governance_run)
    found = {row["product_id"]: (row["grade"], row["label_source"]) for row in await shop.rows(version)}
    assert found == {
        "lamp": (0.0, "human"),
        "desk": (3.0, "purchase"),
        "chair": (0.0, "rule"),
        "rug": (1.0, "rule"),
    }
    imports = (await shop.stub.GetDatasetVersion(pb.GetDatasetVersionRequest(name=version))).dataset_version.imports
    assert getattr(build, "import") not in imports
    assert getattr(again, "import") in imports
    listed = await shop.stub.ListLabelBuilds(label_pb2.ListLabelBuildsRequest(dataset=judgments, page_size=1))
    assert [one.name for one in listed.label_builds] == [again.name]
    assert listed.next_page_token


async def test_builds_say_what_they_lack(shop: Shop) -> None:
    judgments = await shop.dataset("judgments", csv_of("query title grade", [("q", "t", 1)]))
    events = await shop.dataset("events", csv_of(EVENT_COLUMNS, session(0, ["desk"])[4:]))
    source, labelled = await shop.governed(events), await shop.governed(judgments)
    build = await shop.built(dataset=judgments, events_version=source)
    assert build.status.failure.reason == "NO_IMPRESSIONS"
    assert build.method == label_pb2.LABEL_METHOD_PBM
    request = label_pb2.BuildLabelsRequest(dataset=judgments, events_version=labelled)
    details = await refused(shop.stub.BuildLabels(request))
    assert (details.code.name, details.reason) == ("FAILED_PRECONDITION", "WRONG_KIND")
    details = await refused(shop.stub.BuildLabels(label_pb2.BuildLabelsRequest(dataset=judgments)))
    assert details.violations[0].field == "events_version"
    details = await refused(shop.stub.CancelLabelBuild(label_pb2.CancelLabelBuildRequest(name=build.name)))
    assert details.reason == "BUILD_ENDED"
    few = await shop.stub.StartLabelReview(label_pb2.StartLabelReviewRequest(dataset_version=labelled))
    watch = label_pb2.WatchLabelReviewRequest(name=few.label_review.name)
    async for state in shop.stub.WatchLabelReview(watch, timeout=60):
        last = state.label_review
    assert last.status.failure.reason == "TOO_FEW_LABELS"


async def test_raters_are_merged_by_the_policy_of_the_dataset(shop: Shop) -> None:
    rows = [("q", "t", grade, rater) for grade, rater in ((3, "ann"), (3, "bob"), (0, "max"))]
    judgments = await shop.dataset(
        "judgments", csv_of("query title grade rater_id", rows), label_conflict="LABEL_CONFLICT_MAJORITY"
    )
    stored = (await shop.stub.GetDataset(pb.GetDatasetRequest(name=judgments))).dataset
    assert stored.mapping.label_conflict == label_pb2.LABEL_CONFLICT_MAJORITY
    (row,) = await shop.rows(await shop.governed(judgments))
    assert (row["grade"], row["grade_variance"], row["rater_id"]) == (3.0, pytest.approx(3.0), None)


def graded() -> tuple[bytes, set[tuple[str, str]]]:
    """Judgments in which the grade is the number of query words in the title; some of the lowest and highest are turned round."""
    random.seed(3)
    vocabulary = [f"word{index}" for index in range(60)]
    rows, wrong = [], set()
    for number in range(40):
        asked = random.sample(vocabulary, 3)
        for place in range(15):
            hits = place % 4
            title = " ".join([*asked[:hits], *random.sample(vocabulary, 4), f"item{place}"])
            turned = hits in (0, 3) and (number + place) % 10 == 0
            if turned:
                wrong.add((" ".join(asked), title))
            rows.append((" ".join(asked), title, 3 - hits if turned else hits))
    return csv_of("query title grade", rows), wrong


async def test_the_doctor_finds_wrong_labels_and_accepted_fixes_lie_over_them(shop: Shop) -> None:
    data, wrong = graded()
    judgments = await shop.dataset("judgments", data)
    version = await shop.governed(judgments)
    start = label_pb2.StartLabelReviewRequest(dataset_version=version, max_suspect_count=25, request_id="r1")
    review = (await shop.stub.StartLabelReview(start)).label_review
    assert (await shop.stub.StartLabelReview(start)).label_review.name == review.name
    watch = label_pb2.WatchLabelReviewRequest(name=review.name)
    async for state in shop.stub.WatchLabelReview(watch, timeout=120):
        review = state.label_review
    assert review.status.state == SUCCEEDED, review.status.failure
    assert (review.label_count, review.suspect_count, review.accepted_count) == (600, 25, 0)
    assert review.accuracy_ratio > 0.8
    (completed,) = shop.told("label_review.completed", governance_events_pb2.LabelReviewCompleted)
    assert completed.label_review.suspect_count == 25

    page = await shop.stub.ListLabelSuspects(label_pb2.ListLabelSuspectsRequest(review=review.name, page_size=20))
    suspects = list(page.label_suspects)
    assert [one.rank for one in suspects] == list(range(1, 21))
    assert sum((one.query, one.title) in wrong for one in suspects) >= 18
    assert all(one.surprise >= two.surprise for one, two in itertools.pairwise(suspects))

    fixes = [label_pb2.LabelFix(rank=1), label_pb2.LabelFix(rank=2, grade=0.5)]
    request = label_pb2.AcceptLabelFixesRequest(review=review.name, fixes=fixes, request_id="a1")
    accepted = await shop.stub.AcceptLabelFixes(request)
    assert accepted.label_review.accepted_count == 2
    assert [one.accepted_grade for one in accepted.label_suspects] == [suspects[0].proposed_grade, 0.5]
    unfixed = label_pb2.ListLabelSuspectsRequest(review=review.name, open_only=True, page_size=1)
    assert (await shop.stub.ListLabelSuspects(unfixed)).label_suspects[0].rank == 3

    fixed = await shop.governed(judgments)
    assert fixed != version
    rows = {(row["query"], row["title"]): row for row in await shop.rows(fixed)}
    first, second = (rows[(one.query, one.title)] for one in suspects[:2])
    assert (first["grade"], first["label_source"], first["label_weight"]) == (
        suspects[0].proposed_grade,
        "review",
        1.0,
    )
    assert (second["grade"], second["label_source"]) == (0.5, "review")
    assert sum(row["label_source"] == "review" for row in rows.values()) == 2

    missing = label_pb2.AcceptLabelFixesRequest(review=review.name, fixes=[label_pb2.LabelFix(rank=26)])
    assert (await refused(shop.stub.AcceptLabelFixes(missing))).reason == "SUSPECT_NOT_FOUND"
    high = label_pb2.AcceptLabelFixesRequest(review=review.name, fixes=[label_pb2.LabelFix(rank=3, grade=4)])
    assert (await refused(shop.stub.AcceptLabelFixes(high))).violations[0].field == "fixes[0].grade"
