"""The NATS door: moves of the served alias become stored loads, user events become what is known of shoppers."""

import time

from aisle.governance.v1 import governance_events_pb2 as governance_pb
from aisle.registry.v1 import model_version_pb2
from aisle.registry.v1 import registry_events_pb2 as registry_pb
from aisle.type.v1 import subject_pb2
from aisle_runtime import telemetry
from aisle_runtime.bus import Consumer, ReceivedEvent
from aisle_runtime.db import Database
from aisle_runtime.erasing.worker import ErasureOrders
from aisle_runtime.inbox import Inbox
from sqlalchemy import Connection

from aisle_ranker import convert
from aisle_ranker.domain.loads import Load
from aisle_ranker.domain.profile import Deed
from aisle_ranker.erasing import Copies
from aisle_ranker.filling import Filling
from aisle_ranker.loading import Loading
from aisle_ranker.shoppers import Shoppers, shopper_key
from aisle_ranker.storage import serving as serving_store
from aisle_ranker.storage import shoppers as shopper_store
from aisle_ranker.telemetry import (
    SUBJECT_ALIAS_ROLLED_BACK,
    SUBJECT_DATASET_VERSION_PUBLISHED,
    SUBJECT_MODEL_VERSION_PROMOTED,
    SUBJECT_MODEL_VERSION_REWRITTEN,
    SUBJECT_USER_EVENTS_COLLECTED,
)

PROMOTED, ROLLED_BACK = "ranker-registry-model-version-promoted", "ranker-registry-alias-rolled-back"
COLLECTED = "ranker-governance-user-events-collected"
PUBLISHED = "ranker-governance-dataset-version-published"
REWRITTEN = "ranker-registry-model-version-rewritten"


class EventDoor:
    """Everything that the ranker does because of an event; what takes long is only noted here."""

    def __init__(
        self,
        db: Database,
        inbox: Inbox,
        loading: Loading,
        shoppers: Shoppers,
        copies: Copies | None = None,
        orders: ErasureOrders | None = None,
        filling: Filling | None = None,
    ) -> None:
        """Act through the given parts; without `orders` nobody was erased, without `filling` no dataset is taken in."""
        self._filling = filling
        self._db, self._inbox, self._loading, self._shoppers = db, inbox, loading, shoppers
        self._copies, self._orders = copies, orders

    def consumers(self) -> list[Consumer]:
        """Return one durable consumer per subject."""
        return [
            Consumer(name=PROMOTED, subject=SUBJECT_MODEL_VERSION_PROMOTED, handler=self._promoted),
            Consumer(name=ROLLED_BACK, subject=SUBJECT_ALIAS_ROLLED_BACK, handler=self._rolled_back),
            Consumer(name=COLLECTED, subject=SUBJECT_USER_EVENTS_COLLECTED, handler=self._collected),
            Consumer(name=REWRITTEN, subject=SUBJECT_MODEL_VERSION_REWRITTEN, handler=self._rewritten),
            Consumer(name=PUBLISHED, subject=SUBJECT_DATASET_VERSION_PUBLISHED, handler=self._published),
        ]

    async def _published(self, event: ReceivedEvent) -> None:
        """A dataset version can be read: take it in when it is of the catalogue's dataset. May be repeated."""
        message = event.parse(governance_pb.DatasetVersionPublished)
        if self._filling is not None and self._filling.takes(message.dataset_version.name):
            await self._filling.want(message.dataset_version.name, telemetry.current_traceparent())

    async def _rewritten(self, event: ReceivedEvent) -> None:
        """A person was taken out of a bundle: fetch it again when it is one of those kept here. May be repeated."""
        message = event.parse(registry_pb.ModelVersionRewritten)
        if self._copies is not None and message.model_version.name.startswith(f"{self._loading.model}/versions/"):
            await self._copies.refresh_all()
        if self._orders is not None:
            self._orders.wake()

    async def _promoted(self, event: ReceivedEvent) -> None:
        message = event.parse(registry_pb.ModelVersionPromoted)
        slip = message.slip.SerializeToString() if message.HasField("slip") else b""
        if message.alias == self._loading.alias:
            await self._note(PROMOTED, event, message.model_version, message.change.sequence, slip)

    async def _rolled_back(self, event: ReceivedEvent) -> None:
        message = event.parse(registry_pb.AliasRolledBack)
        if message.alias == self._loading.alias:
            await self._note(ROLLED_BACK, event, message.model_version, message.change.sequence, b"")

    async def _note(
        self,
        consumer: str,
        event: ReceivedEvent,
        version: model_version_pb2.ModelVersion,
        sequence: int,
        slip: bytes,
    ) -> None:
        """Store the load, so that the event may be acknowledged, and let it begin."""
        if not version.name.startswith(f"{self._loading.model}/versions/"):
            return
        load = Load(
            id=event.id,
            version=convert.version(version, sequence),
            slip=slip,
            traceparent=telemetry.current_traceparent(),
            create_time=time.time(),
        )

        def write(conn: Connection) -> None:
            if self._inbox.first_time(conn, consumer, event.id):
                serving_store.add_load(conn, load)

        await self._db.write(write)
        self._loading.wake()

    async def _collected(self, event: ReceivedEvent) -> None:
        message = event.parse(governance_pb.UserEventsCollected)
        entries: dict[str, tuple[str, str, Deed]] = {}
        for entry in message.events:
            deed, shopper = convert.deed(entry), shopper_key(entry.customer_id, entry.visitor_id)
            if self._orders is not None and (
                self._orders.is_erased(entry.customer_id) or self._orders.is_erased(entry.visitor_id)
            ):
                continue  # told before the person was erased, and only read now
            if deed is not None and shopper and entry.event_id:
                entries.setdefault(entry.event_id, (entry.event_id, shopper, deed))

        def write(conn: Connection) -> set[str]:
            if not self._inbox.first_time(conn, COLLECTED, event.id):
                return set()
            return shopper_store.add_deeds(conn, list(entries.values()))

        new = await self._db.write(write)
        for event_id, shopper, deed in entries.values():
            if event_id in new:
                self._shoppers.remember(shopper, deed)


def erasure_order(event: ReceivedEvent) -> subject_pb2.SubjectErasureOrder:
    """Read the order out of SubjectErased."""
    return event.parse(governance_pb.SubjectErased).order
