from collections.abc import Iterator

import pytest
from aisle.trainer.v1 import trainer_service_pb2 as pb
from aisle.type.v1 import failure_pb2
from aisle_runtime.db import Database
from aisle_runtime.errors import InvalidField
from aisle_runtime.requests import RETENTION_SECONDS, RequestLog
from aisle_runtime.tables import RUNTIME
from sqlalchemy import Connection, func, select


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.write_sync(lambda conn: RUNTIME.request_log.create(conn))
    yield database
    database.close()


class Counter:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> failure_pb2.Failure:
        self.calls += 1
        return failure_pb2.Failure(reason=f"R{self.calls}")


def request(request_id: str, study: str = "") -> pb.CreateTrainingJobRequest:
    return pb.CreateTrainingJobRequest(request_id=request_id, study=study)


def once(db: Database, log: RequestLog, sent: pb.CreateTrainingJobRequest, count: Counter) -> str:
    return db.write_sync(lambda conn: log.once(conn, "Create", sent, failure_pb2.Failure, count)).reason


def test_a_repeated_request_gets_the_first_answer(db: Database) -> None:
    count, log = Counter(), RequestLog()
    assert [once(db, log, request("r1"), count) for _ in range(3)] == ["R1", "R1", "R1"]
    assert once(db, log, request("r2"), count) == "R2"


def test_without_an_id_nothing_is_remembered(db: Database) -> None:
    count, log = Counter(), RequestLog()
    assert [once(db, log, request(""), count) for _ in range(2)] == ["R1", "R2"]


def test_an_id_used_with_another_body_is_refused(db: Database) -> None:
    count, log = Counter(), RequestLog()
    once(db, log, request("r1"), count)
    with pytest.raises(InvalidField) as refused:
        once(db, log, request("r1", study="studies/x"), count)
    assert refused.value.field == "request_id" and count.calls == 1
    with pytest.raises(InvalidField):
        once(db, log, request("r" * 65), count)


def test_a_failed_transaction_is_not_remembered(db: Database) -> None:
    count, log = Counter(), RequestLog()

    def fails(conn: Connection) -> None:
        log.once(conn, "Create", request("r1"), failure_pb2.Failure, count)
        raise ValueError("later in the transaction")

    with pytest.raises(ValueError, match="later"):
        db.write_sync(fails)
    assert once(db, log, request("r1"), count) == "R2"


def test_old_answers_are_forgotten(db: Database) -> None:
    now = [1000.0]
    log = RequestLog(now=lambda: now[0])
    once(db, log, request("old"), Counter())
    now[0] += RETENTION_SECONDS + 3601
    once(db, log, request("new"), Counter())
    assert db.read_sync(lambda conn: conn.execute(select(func.count()).select_from(RUNTIME.request_log)).scalar()) == 1
