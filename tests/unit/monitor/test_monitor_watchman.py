"""The look at latency and click-through: what it raises, once, and what it forgets."""

from pathlib import Path

from aisle_monitor.alerting import Alerting
from aisle_monitor.domain.alerts import Alert, AlertKind
from aisle_monitor.domain.engagement import CLICK, Answer, Engagement
from aisle_monitor.rounds import Rounds
from aisle_monitor.settings import MonitorSettings
from aisle_monitor.storage import alerts as alert_store
from aisle_monitor.storage import serving
from aisle_monitor.watchman import Watchman
from aisle_runtime.db import Database
from sqlalchemy import Connection

DAY = 86_400.0


class NoOutbox:
    def add(self, conn: Connection, subject: str, message: object, *, event_id: str | None = None) -> str:
        return ""


def answers(version: str, time: float, duration: float) -> list[Answer]:
    name = f"models/m/versions/{version}"
    return [
        Answer(f"{version}-{number}", "search", name, tuple("abcde"), duration, False, time) for number in range(120)
    ]


def clicks(version: str, total: int) -> list[Engagement]:
    return [Engagement(f"{version}-{number}", "a", CLICK, 40 * DAY) for number in range(total)]


async def test_alerts_are_raised_once_and_old_answers_are_forgotten(tmp_path: Path, database_url: str) -> None:
    db = Database(database_url)
    db.migrate("aisle_monitor.storage")
    clock = [40 * DAY]
    outbox = NoOutbox()
    alerting = Alerting(outbox, Rounds(outbox), lambda: clock[0])
    watchman = Watchman(MonitorSettings(state_dir=tmp_path), db, alerting, lambda: clock[0])

    def serve(conn: Connection) -> None:
        serving.add_answers(conn, [*answers("1", clock[0] - 1000, 10.0), *answers("2", clock[0] - 10, 2500.0)])
        serving.add_answers(conn, [Answer("old", "search", "models/m/versions/0", ("a",), 1.0, False, DAY)])
        serving.add_engagements(conn, [*clicks("1", 90), *clicks("2", 20)])
        serving.note_live(conn, "models/m/versions/1", 1.0)
        serving.note_live(conn, "models/m/versions/2", 2.0)

    await db.write(serve)

    async def raised() -> list[Alert]:
        await watchman.look()
        return await db.read(lambda conn: alert_store.list_alerts(conn, None, "", 10))

    first = await raised()
    assert sorted((alert.kind, alert.subject) for alert in first) == [
        (AlertKind.CLICK_THROUGH, "models/m"),
        (AlertKind.LATENCY, "models/m"),
    ]
    assert await raised() == first
    versions = [figures.model_version for figures in await db.read(lambda conn: serving.figures(conn, 0, "", False))]
    assert versions == ["models/m/versions/1", "models/m/versions/2"]
    db.close()
