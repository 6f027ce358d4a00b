"""The log of requests: every bit comes back, it is bounded, and people can be taken out of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aisle.ranker.v1 import ranker_service_pb2 as pb
from aisle.ranker.v1 import serving_config_pb2 as config_pb
from aisle.type.v1 import context_pb2
from aisle_ranker.answer_log import BUFFER, LARGEST_REQUEST_BYTES, AnswerLog, LoggedAnswer
from aisle_ranker.domain.answer import Degradation, Move, Result
from aisle_ranker.domain.profile import Deed
from aisle_ranker.errors import ServingConfigChanged, ServingConfigExists, ServingConfigNotFound
from aisle_ranker.placements import Placements
from aisle_ranker.storage import answers as store
from aisle_ranker.storage import placements as placement_store
from aisle_ranker.storage.answers import StoredAnswer
from aisle_runtime.db import Database
from aisle_runtime.erasing.subjects import Subjects, subject_hash
from aisle_runtime.testing import FakeClock

KEY = b"k" * 32


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'ranker.db'}")
    made.migrate("aisle_ranker.storage")
    yield made
    made.close()


def logged(
    answer_id: str, at: float = 1000.0, customer: str = "c1", query: str = "lamp", visitor: str = ""
) -> LoggedAnswer:
    context = context_pb2.ShopperContext(customer_id=customer, visitor_id=visitor)
    result = Result("p1", "Lämp", 0.1 + 0.2, (), (("bm25", 0.1), ("rule:a", 1e-300)), (Move("pin", "a", 0, 1),), 1 / 3)
    return LoggedAnswer(
        answer_id, at, "search", pb.SearchRequest(query=query, context=context), (Deed("p", "view", 0.1),),
        {"p2": 0.7}, "models/m/versions/1", "home", 4, (Degradation("neural", "DEADLINE"),), (result,),
    )  # fmt: skip


def test_every_bit_comes_back() -> None:
    answer = logged("a-1")
    assert LoggedAnswer.unpacked(StoredAnswer("a-1", 1000.0, answer.packed())) == answer


async def test_answers_are_found_until_they_are_too_old_or_too_many(db: Database) -> None:
    clock = FakeClock(1000.0)
    log = AnswerLog(db, 100.0, 3, clock)
    for number in range(5):
        log.add(logged(f"a-{number}", 1000.0 + number))
    assert (await log.find("a-0")) == logged("a-0", 1000.0)
    assert await log.find("a-9") is None
    await log._prune()
    assert [await log.find(f"a-{number}") is not None for number in range(5)] == [False, False, True, True, True]
    clock.advance(103.5)
    assert await log.find("a-3") is None and await log.find("a-4") is not None
    await log._prune()
    assert [row.answer_id for row in await db.read(lambda conn: store.after(conn, "", 9))] == ["a-4"]


async def test_people_are_found_by_id_and_in_words(db: Database) -> None:
    log = AnswerLog(db, 1e9, 100, lambda: 1000.0)
    entries = [
        logged("a-1", customer="cust-77"), logged("a-2"), logged("a-3", visitor="cust-77"),
        logged("a-4", query="orders of cust-77"),
    ]  # fmt: skip
    for entry in entries:
        log.add(entry)
    theirs = await log.of_people(Subjects(KEY, [subject_hash(KEY, "cust-77")]))
    assert theirs == ["a-1", "a-3", "a-4"]
    assert await db.write(lambda conn: store.forget(conn, theirs)) == 3
    assert await log.find("a-1") is None and await log.find("a-2") is not None


async def test_the_buffer_is_bounded_and_retention_may_be_off(db: Database) -> None:
    log = AnswerLog(db, 100.0, 10, lambda: 1000.0)
    log.add(logged("big", query="x" * LARGEST_REQUEST_BYTES))
    for number in range(BUFFER + 5):
        log.add(logged(f"a-{number}"))
    assert len(log._waiting) == BUFFER and log._waiting[0].answer_id == "a-0"
    off = AnswerLog(db, 0.0, 10, lambda: 1000.0)
    off.add(logged("a-1"))
    assert await off.find("a-1") is None


async def test_configs_are_versions_and_numbers_are_never_used_twice(db: Database) -> None:
    placements = Placements(db, "default", now=lambda: 5.0)
    name = "servingConfigs/home"
    first = await db.write(lambda conn: placements.create(conn, "home", config_pb.ServingConfig(description="one")))
    assert (first.name, first.version, first.create_time.seconds) == (name, 1, 5)
    with pytest.raises(ServingConfigExists):
        await db.write(lambda conn: placements.create(conn, "home", config_pb.ServingConfig()))
    second = config_pb.ServingConfig(name=name, version=1, description="two")
    assert (await db.write(lambda conn: placements.update(conn, second))).version == 2
    with pytest.raises(ServingConfigChanged) as caught:
        await db.write(lambda conn: placements.update(conn, second))
    assert (caught.value.kind, caught.value.facts["version"]) == ("ABORTED", "2")
    assert (await db.read(lambda conn: placements.get(conn, name, 1))).description == "one"
    await placements.restore()
    assert (placements.of(name).version, placements.of("").version) == (2, 0)
    assert ((await placements.at("home", 1)).version, (await placements.at("default", 0)).version) == (1, 0)
    await db.write(lambda conn: placements.delete(conn, name))
    await placements.restore()
    for call in (lambda: placements.of(name), lambda: placements.of("servingConfigs/never")):
        with pytest.raises(ServingConfigNotFound):
            call()
    with pytest.raises(ServingConfigNotFound):
        await placements.at("home", 1)
    again = await db.write(lambda conn: placements.create(conn, "home", config_pb.ServingConfig()))
    assert again.version == 4


async def test_only_the_newest_versions_are_kept_and_other_processes_see_changes(db: Database) -> None:
    ours, theirs = Placements(db, "default"), Placements(db, "default", refresh_seconds=0.01)
    await db.write(lambda conn: ours.create(conn, "home", config_pb.ServingConfig()))
    update = config_pb.ServingConfig(name="servingConfigs/home")
    for _ in range(placement_store.KEPT_VERSIONS):
        await db.write(lambda conn: ours.update(conn, update))
    assert await db.read(lambda conn: placement_store.at_version(conn, "home", 1)) == b""
    assert await db.read(lambda conn: placement_store.at_version(conn, "home", 2)) != b""
    before = await db.read(placement_store.fingerprint)
    await theirs.restore()
    assert theirs.of("servingConfigs/home").version == 51
    await db.write(lambda conn: ours.delete(conn, "servingConfigs/home"))
    assert await db.read(placement_store.fingerprint) != before
    assert await db.read(placement_store.everything) == []
