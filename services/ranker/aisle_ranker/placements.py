"""Serving configs: stored in the database, read by answers from memory."""

import asyncio
import logging
import time
from collections.abc import Callable

from aisle.ranker.v1 import serving_config_pb2 as config_pb
from aisle_runtime.convert import to_timestamp
from aisle_runtime.db import Database
from sqlalchemy import Connection

from aisle_ranker import convert_placements as convert
from aisle_ranker.domain.placement import Placement
from aisle_ranker.errors import AisleError, ServingConfigChanged, ServingConfigExists, ServingConfigNotFound
from aisle_ranker.storage import placements as store

_log = logging.getLogger(__name__)


class Placements:
    """Finds the placement of a request; lives in the event loop's thread."""

    def __init__(
        self, db: Database, default: str, refresh_seconds: float = 5.0, now: Callable[[], float] = time.time
    ) -> None:
        """`default` names the config of requests that name none; it need not be stored."""
        self._db, self._default, self._refresh, self._now = db, default, refresh_seconds, now
        self._known: dict[str, Placement] = {}
        self._fingerprint = 0

    async def restore(self) -> None:
        """Read everything anew."""
        fingerprint, rows = await self._db.read(lambda conn: (store.fingerprint(conn), store.everything(conn)))
        self._known = {config_id: _placement(content) for config_id, _, content in rows}
        self._fingerprint = fingerprint

    async def run(self) -> None:
        """Notice, every few seconds, what other processes on the same database changed."""
        while True:
            await asyncio.sleep(self._refresh)
            try:
                if await self._db.read(store.fingerprint) != self._fingerprint:
                    await self.restore()
            except AisleError as error:
                _log.warning("serving configs cannot be read", extra={"fields": {"reason": error.reason}})

    def of(self, name: str) -> Placement:
        """Return the placement that a request names, "" for the default; raises InvalidField, ServingConfigNotFound."""
        config_id = convert.config_id(name, "serving_config") if name else self._default
        found = self._known.get(config_id)
        if found is not None:
            return found
        if config_id == self._default:
            return Placement(config_id)
        raise ServingConfigNotFound("serving_config", config_id)

    async def at(self, config_id: str, version: int) -> Placement:
        """Return one version of a placement, 0 of the default for the built-in one; raises ServingConfigNotFound."""
        if not version and config_id == self._default:
            return Placement(config_id)
        content = await self._db.read(lambda conn: store.at_version(conn, config_id, version))
        if not content:
            raise ServingConfigNotFound("serving_config", config_id, version)
        return _placement(content)

    def create(self, conn: Connection, config_id: str, message: config_pb.ServingConfig) -> config_pb.ServingConfig:
        """Store the first version; raises InvalidField, ServingConfigExists."""
        version, content = store.newest(conn, config_id)
        if content:
            raise ServingConfigExists(config_id)
        return self._add(conn, config_id, version + 1, message)

    def update(self, conn: Connection, message: config_pb.ServingConfig) -> config_pb.ServingConfig:
        """Store the next version; raises InvalidField, ServingConfigNotFound, ServingConfigChanged."""
        config_id = convert.config_id(message.name, "serving_config.name")
        version, content = store.newest(conn, config_id)
        if not content:
            raise ServingConfigNotFound("serving_config.name", config_id)
        if message.version not in (0, version):
            raise ServingConfigChanged(config_id, version)
        return self._add(conn, config_id, version + 1, message)

    def delete(self, conn: Connection, name: str) -> None:
        """Delete all versions; raises InvalidField, ServingConfigNotFound."""
        config_id = convert.config_id(name)
        version, content = store.newest(conn, config_id)
        if not content:
            raise ServingConfigNotFound("name", config_id)
        store.clear(conn, config_id, version + 1)

    def get(self, conn: Connection, name: str, version: int) -> config_pb.ServingConfig:
        """Return a config, version 0 is the newest; raises InvalidField, ServingConfigNotFound."""
        config_id = convert.config_id(name)
        content = store.at_version(conn, config_id, version) if version else store.newest(conn, config_id)[1]
        if not content:
            raise ServingConfigNotFound("name", config_id, version)
        return config_pb.ServingConfig.FromString(content)

    def _add(
        self, conn: Connection, config_id: str, version: int, message: config_pb.ServingConfig
    ) -> config_pb.ServingConfig:
        made = config_pb.ServingConfig()
        made.CopyFrom(message)
        made.name, made.version = convert.NAME.format(serving_config=config_id), version
        made.create_time.CopyFrom(to_timestamp(self._now()))
        convert.placement(made)
        store.add(conn, config_id, version, made.SerializeToString(deterministic=True))
        return made


def _placement(content: bytes) -> Placement:
    return convert.placement(config_pb.ServingConfig.FromString(content))
