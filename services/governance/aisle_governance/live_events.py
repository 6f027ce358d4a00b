"""The door for what the ranker has served: answers become impressions of live collections."""

from aisle.ranker.v1 import ranker_events_pb2
from aisle_runtime.bus import Consumer, ReceivedEvent
from aisle_runtime.convert import from_timestamp
from aisle_runtime.db import Database
from aisle_runtime.inbox import Inbox
from sqlalchemy import Connection

from aisle_governance import telemetry
from aisle_governance.domain.live import LiveRecord, answer
from aisle_governance.live import LiveCollections

CONSUMER = "governance-impressions-served"


class ImpressionsDoor:
    """Hands served answers to the live collections, once."""

    def __init__(self, db: Database, inbox: Inbox, live: LiveCollections) -> None:
        """Use these."""
        self._db, self._inbox, self._live = db, inbox, live

    def consumers(self) -> list[Consumer]:
        """What to subscribe to."""
        return [Consumer(CONSUMER, telemetry.SUBJECT_IMPRESSIONS_SERVED, self.on_served)]

    async def on_served(self, event: ReceivedEvent) -> None:
        """Let the answers of one event wait."""
        told = event.parse(ranker_events_pb2.ImpressionsServed)
        records = [_record(served) for served in told.answers if served.impressions and served.answer_id]

        def note(conn: Connection) -> None:
            if self._inbox.first_time(conn, CONSUMER, event.id):
                self._live.on_answers(conn, records)

        if records:
            await self._db.write(note)


def _record(served: ranker_events_pb2.ServedAnswer) -> LiveRecord:
    return answer(
        served.answer_id,
        from_timestamp(served.serve_time).timestamp(),
        [(one.product_id, one.position) for one in served.impressions],
        query=served.query,
        customer_id=served.customer_id,
        visitor_id=served.visitor_id,
    )
