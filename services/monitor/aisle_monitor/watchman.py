"""Looks at the serving figures from time to time, raises alerts and forgets what is old."""

import asyncio
import logging
import time
from collections.abc import Callable

from aisle_runtime import telemetry
from aisle_runtime.db import Database
from aisle_runtime.errors import AisleError
from sqlalchemy import Connection

from aisle_monitor.alerting import Alerting
from aisle_monitor.domain.alerts import Alert
from aisle_monitor.domain.engagement import click_through_alert, latency_alert, model_of
from aisle_monitor.settings import MonitorSettings
from aisle_monitor.storage import serving as store
from aisle_monitor.telemetry import SPAN_EVALUATE

FORGET_SECONDS = 3600.0
_log = logging.getLogger(__name__)


class Watchman:
    """Raises latency and click-through alerts."""

    def __init__(
        self, settings: MonitorSettings, db: Database, alerting: Alerting, now: Callable[[], float] = time.time
    ) -> None:
        """Look at `db` with the bounds of `settings`; `now` gives seconds since the epoch."""
        self._settings, self._db, self._alerting, self._now = settings, db, alerting, now
        self._next_forget = 0.0

    async def run(self) -> None:
        """Look again and again until cancelled; a look that the database refuses is made up for by the next one."""
        while True:
            try:
                await self.look()
            except AisleError as error:
                _log.warning("a look at the serving figures failed", extra={"fields": {"reason": error.reason}})
            await asyncio.sleep(self._settings.evaluation_interval_seconds)

    async def look(self) -> None:
        """Look once."""
        found = await self._db.read(self._alerts)
        if found:
            with telemetry.span(SPAN_EVALUATE):
                await self._db.write(lambda conn: self._raise(conn, found))
        now = self._now()
        if now >= self._next_forget:
            self._next_forget = now + FORGET_SECONDS
            oldest = now - self._settings.serving_retention_days * 86_400
            await self._db.write(lambda conn: store.forget_before(conn, oldest))

    def _raise(self, conn: Connection, found: list[Alert]) -> None:
        for alert in found:
            self._alerting.raise_alert(conn, alert)

    def _alerts(self, conn: Connection) -> list[Alert]:
        """Return what should be raised; an alert raised before is left out again when it is stored."""
        settings, now = self._settings, self._now()
        found: list[Alert | None] = []
        for figures in store.figures(conn, now - settings.evaluation_window_seconds, "", False):
            period = int(now // settings.latency_repeat_seconds)
            key = f"latency:{figures.model_version}:{period}"
            found.append(latency_alert(figures, settings.latency_p99_bound_ms, settings.latency_least_answers, key))
        live = store.live_versions(conn)
        before = [name for name in live[1:] if model_of(name) == model_of(live[0])]
        if before:
            counts = (store.click_counts(conn, live[0]), store.click_counts(conn, before[0]))
            found.append(click_through_alert(*counts, settings.click_through_least_impressions))
        return [alert for alert in found if alert is not None and not self._alerting.raised(conn, alert)]
