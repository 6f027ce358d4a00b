"""User events from the shop: verified against served answers, stored once, and told of."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence

from aisle.governance.v1 import governance_events_pb2 as events_pb2
from aisle.governance.v1 import governance_service_pb2 as service_pb2
from aisle.governance.v1 import user_event_pb2
from aisle_runtime.convert import from_timestamp
from aisle_runtime.db import Database
from aisle_runtime.events import MAXIMUM_EVENT_BYTES
from aisle_runtime.outbox import Outbox
from aisle_runtime.telemetry import meter, span
from aisle_runtime.tokens import Signer
from sqlalchemy import Connection

from aisle_governance import convert, telemetry
from aisle_governance.domain.attribution import Attribution, EventFacts, check_event
from aisle_governance.errors import EventRefused, InvalidField
from aisle_governance.storage import events as store

MAX_EVENTS = 1_000
_MAX_PART_BYTES = MAXIMUM_EVENT_BYTES // 2
_FRAMING_BYTES = 8


class UserEvents:
    """Takes in what shoppers did."""

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        signer: Signer,
        now: Callable[[], float] = time.time,
        allowed: Callable[[Connection, Collection[str]], set[str]] = lambda conn, ids: set(ids),
        on_stored: Callable[[Connection, Sequence[store.StoredEvent]], None] = lambda conn, events: None,
    ) -> None:
        """`signer` holds the key of the ranker's tokens; `now` gives seconds since the epoch.

        `allowed` picks the customer ids whose events may be kept, inside the transaction that stores them; `on_stored` is told of new
        events in the same transaction.
        """
        self._on_stored = on_stored
        self._db, self._outbox, self._signer, self._now, self._allowed = db, outbox, signer, now, allowed
        self._collected = meter().create_counter(telemetry.METRIC_EVENTS_COLLECTED, unit="{event}")
        self._refused = meter().create_counter(telemetry.METRIC_EVENTS_REFUSED, unit="{event}")

    async def collect(self, events: Sequence[user_event_pb2.UserEvent]) -> service_pb2.CollectUserEventsResponse:
        """Store the good events that are new; raises InvalidField for the number of events."""
        if not 1 <= len(events) <= MAX_EVENTS:
            raise InvalidField("events", f"must hold 1 to {MAX_EVENTS} events")
        now = self._now()
        response = service_pb2.CollectUserEventsResponse()
        good: dict[str, tuple[user_event_pb2.UserEvent, store.StoredEvent]] = {}
        places: dict[str, int] = {}
        with span(telemetry.SPAN_COLLECT) as current:
            for index, event in enumerate(events):
                try:
                    made = self._verified(event, now)
                except EventRefused as refused:
                    response.problems.append(convert.problem_message(refused, index))
                    self._refused.add(1, {"reason": refused.reason})
                    continue
                if event.event_id in good:
                    response.duplicate_count += 1
                else:
                    good[event.event_id] = made
                    places[event.event_id] = index
            fresh, erased = await self._db.write(lambda conn: self._store(conn, good, now)) if good else (0, [])
            for event_id in erased:
                del good[event_id]
                refusal = EventRefused(
                    "The customer's data was erased; their events are not kept.", reason="SUBJECT_ERASED"
                )
                response.problems.append(convert.problem_message(refusal, places[event_id]))
                self._refused.add(1, {"reason": refusal.reason})
            current.set_attribute(telemetry.ATTR_EVENTS, fresh)
        response.accepted_count = fresh
        response.duplicate_count += len(good) - fresh
        self._collected.add(fresh)
        return response

    def _verified(
        self, event: user_event_pb2.UserEvent, now: float
    ) -> tuple[user_event_pb2.UserEvent, store.StoredEvent]:
        facts = _facts(event)
        attribution = check_event(facts, now, self._signer.verify)
        kept = _filled(event, attribution)
        stored = store.StoredEvent(
            event_id=kept.event_id,
            type=int(kept.type),
            event_time=facts.event_time or 0.0,
            product_id=kept.product_id,
            customer_id=kept.customer_id,
            model_version=kept.model_version,
            answer_id=attribution.answer_id if attribution else "",
            data=kept.SerializeToString(),
        )
        return kept, stored

    def _store(
        self, conn: Connection, good: dict[str, tuple[user_event_pb2.UserEvent, store.StoredEvent]], now: float
    ) -> tuple[int, list[str]]:
        """(how many events were new, ids of those whose customer was erased)."""
        known = store.known_ids(conn, good)
        allowed = self._allowed(conn, {stored.customer_id for _, stored in good.values()})
        erased = [event_id for event_id, (_, stored) in good.items() if stored.customer_id not in allowed]
        fresh = [pair for event_id, pair in good.items() if event_id not in known and pair[1].customer_id in allowed]
        store.add(conn, [stored for _, stored in fresh], now)
        self._on_stored(conn, [stored for _, stored in fresh])
        for part in _parts([event for event, _ in fresh]):
            news = events_pb2.UserEventsCollected(events=part)
            self._outbox.add(conn, telemetry.SUBJECT_USER_EVENTS_COLLECTED, news)
        return len(fresh), erased


def _parts(events: list[user_event_pb2.UserEvent]) -> Iterator[list[user_event_pb2.UserEvent]]:
    """Cut a list so that each part fits into one message on the bus; tokens can make events large."""
    part: list[user_event_pb2.UserEvent] = []
    size = 0
    for event in events:
        bytes_of_event = event.ByteSize() + _FRAMING_BYTES
        if part and size + bytes_of_event > _MAX_PART_BYTES:
            yield part
            part, size = [], 0
        part.append(event)
        size += bytes_of_event
    if part:
        yield part


def _facts(event: user_event_pb2.UserEvent) -> EventFacts:
    moment: float | None = None
    if event.HasField("event_time"):
        try:
            moment = from_timestamp(event.event_time).timestamp()
        except (ValueError, OverflowError):
            moment = None
    return EventFacts(
        event_id=event.event_id,
        type=convert.event_type(event.type),
        event_time=moment,
        product_id=event.product_id,
        customer_id=event.customer_id,
        visitor_id=event.visitor_id,
        attribution_token=event.attribution_token,
        position=event.position,
        quantity=event.quantity,
    )


def _filled(event: user_event_pb2.UserEvent, attribution: Attribution | None) -> user_event_pb2.UserEvent:
    """The event with what only the server may say; a model version that the caller wrote is not believed."""
    kept = user_event_pb2.UserEvent()
    kept.CopyFrom(event)
    kept.model_version = attribution.model_version if attribution else ""
    if attribution and not kept.customer_id:
        kept.customer_id = attribution.customer_id
    return kept
