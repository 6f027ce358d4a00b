"""What shoppers did lately: in memory for answers, in the database for the next start."""

import asyncio
import logging
import time
from bisect import insort
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from aisle_runtime.db import Database
from aisle_runtime.erasing.subjects import Subjects

from aisle_ranker.domain.profile import RECENT_SHOWN, Deed
from aisle_ranker.errors import AisleError
from aisle_ranker.storage import shoppers as store
from aisle_ranker.trends import Trends

NEWEST_AT_START = 200_000
UPKEEP_SECONDS = 3600.0
_log = logging.getLogger(__name__)


def shopper_key(customer_id: str, visitor_id: str) -> str:
    """Return the key of a shopper: the customer where known, otherwise the visitor; "" for nobody."""
    if customer_id:
        return f"c:{customer_id}"
    return f"v:{visitor_id}" if visitor_id else ""


def belongs_to(subjects: Subjects) -> Callable[[str], bool]:
    """Say whether a shopper's key names one of the people, as customer or as visitor."""
    return lambda key: subjects.is_id(key[2:])


class Shoppers:
    """The newest deeds of each shopper, oldest first; lives in the event loop's thread."""

    def __init__(
        self, db: Database, memory: int, retention_seconds: float, now: Callable[[], float] = time.time
    ) -> None:
        """Keep at most `memory` shoppers, the longest silent ones go first."""
        self._db, self._memory, self._retention, self._now = db, memory, retention_seconds, now
        self._deeds: OrderedDict[str, list[Deed]] = OrderedDict()
        self._trends = Trends(now)

    async def restore(self) -> None:
        """Read what was stored before the start."""
        oldest = self._now() - self._retention
        for shopper, deed in await self._db.read(lambda conn: store.newest_deeds(conn, NEWEST_AT_START)):
            if deed.time >= oldest:
                self.remember(shopper, deed)

    def remember(self, shopper: str, deed: Deed) -> None:
        """Take in one deed; it counts from the next answer on."""
        deeds = self._deeds.setdefault(shopper, [])
        # Who does one thing over and over again makes no trend.
        if not any((entry.product_id, entry.action) == (deed.product_id, deed.action) for entry in deeds):
            self._trends.add(deed)
        insort(deeds, deed, key=lambda entry: entry.time)
        del deeds[:-RECENT_SHOWN]
        self._deeds.move_to_end(shopper)
        if len(self._deeds) > self._memory:
            self._deeds.popitem(last=False)

    def of(self, customer_id: str, visitor_id: str = "") -> Sequence[Deed]:
        """Return what the customer, and the visitor in this session, did: oldest first."""
        known = self._deeds.get(f"c:{customer_id}", []) if customer_id else []
        session = self._deeds.get(f"v:{visitor_id}", []) if visitor_id else []
        return sorted([*known, *session], key=lambda entry: entry.time) if known and session else [*known, *session]

    def trends(self) -> Mapping[str, float]:
        """Return the products that shoppers deal with now, with weights that fade with time, strongest first."""
        return self._trends.top()

    def forget(self, theirs: Callable[[str], bool]) -> None:
        """Forget the shoppers whose keys `theirs` names."""
        gone = [key for key in self._deeds if theirs(key)]
        for shopper in gone:
            del self._deeds[shopper]
        if gone:
            self._trends.clear()
            for deeds in self._deeds.values():
                for deed in {(entry.product_id, entry.action): entry for entry in reversed(deeds)}.values():
                    self._trends.add(deed)

    async def run(self) -> None:
        """Forget, once an hour, what is older than the retention."""
        while True:
            before = self._now() - self._retention
            try:
                while await self._db.write(lambda conn, limit=before: store.forget_before(conn, limit)):  # type: ignore[misc]
                    pass
            except AisleError as error:
                _log.warning("old deeds were not forgotten", extra={"fields": {"reason": error.reason}})
            for shopper in [key for key, deeds in self._deeds.items() if deeds[-1].time < before]:
                del self._deeds[shopper]
            await asyncio.sleep(UPKEEP_SECONDS)
