"""Notices that the event bus ran out of disk.

A nats-server that could not write once goes on refusing that stream's messages after room has been made, and only a
restart helps. Its log says so unless the log shares the full disk, so the free room is looked at too.
"""

import os
from contextlib import suppress
from pathlib import Path

from aisle_launcher.files import LogFile

FULL_BYTES, ROOM_BYTES = 256 * 1024, 4 * 1024 * 1024
_COMPLAINT = "no space left on device"


class StoreDisk:
    """Watches the disk below one nats-server's store."""

    def __init__(self, store: Path, log: LogFile) -> None:
        """Look at the folder `store` (its parent until it exists) and at the server's log."""
        self._store, self._log = store, log
        self._full_under = 0

    def needs_restart(self, pid: int) -> bool:
        """Say whether the server `pid` met a full disk that has room again."""
        free = self._free_bytes()
        if free < FULL_BYTES or self._complained(pid):
            self._full_under = pid
        return self._full_under == pid and free >= ROOM_BYTES

    def _free_bytes(self) -> int:
        with suppress(OSError):
            room = os.statvfs(self._store if self._store.exists() else self._store.parent)
            return room.f_bavail * room.f_frsize
        return ROOM_BYTES

    def _complained(self, pid: int) -> bool:
        own = f"[{pid}]"
        return any(line.startswith(own) and _COMPLAINT in line for line in self._log.tail(50))
