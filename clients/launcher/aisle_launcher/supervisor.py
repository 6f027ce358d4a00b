"""Keeps all processes of a table alive together and writes down what it knows about them."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from aisle_launcher.child import Child, ChildState
from aisle_launcher.files import write_private
from aisle_launcher.state import StateFolder
from aisle_launcher.table import NATS, ProcessSpec

_CARE_SECONDS = 2.0

OnChange = Callable[[Child], None]


class Supervisor:
    """The children of one launcher."""

    def __init__(self, state: StateFolder, table: Sequence[ProcessSpec], on_change: OnChange | None = None) -> None:
        """Take the table; nothing is started before `start`."""
        self._state = state
        self._on_change = on_change
        self._changed = asyncio.Event()
        self._began = time.time()
        self._maintenance: asyncio.Task[None] | None = None
        self.children = {spec.name: Child(spec, state.log(spec.name), self._told) for spec in table}

    @property
    def ready(self) -> bool:
        """Say whether every process is ready."""
        return all(child.state is ChildState.READY for child in self.children.values())

    def start(self) -> None:
        """Start everything at once; the services wait for the event bus by themselves."""
        for child in self.children.values():
            child.start()
        self._maintenance = asyncio.create_task(self._take_care())
        self._write_status()

    async def until_ready(self, names: Sequence[str] = ()) -> None:
        """Return once the named processes (all by default) are ready."""
        chosen = [self.children[name] for name in names] or list(self.children.values())
        while not all(child.state is ChildState.READY for child in chosen):
            changed = self._changed
            await changed.wait()

    async def stop(self) -> None:
        """End all processes, the event bus last so that the others can say goodbye; may be repeated."""
        if self._maintenance is not None:
            self._maintenance.cancel()
            await asyncio.gather(self._maintenance, return_exceptions=True)
        await asyncio.gather(*(child.stop() for name, child in self.children.items() if name != NATS))
        if (nats := self.children.get(NATS)) is not None:
            await nats.stop()

    def _told(self, child: Child) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        self._write_status()
        if self._on_change is not None:
            self._on_change(child)

    def _write_status(self) -> None:
        status = {
            "pid": os.getpid(),
            "start_time": self._began,
            "processes": [_entry(child) for child in self.children.values()],
        }
        # A full disk must not end the supervisor; the next change writes it again.
        with suppress(OSError):
            write_private(self._state.status_file, json.dumps(status, indent=2) + "\n")

    async def _take_care(self) -> None:
        while True:
            for child in self.children.values():
                with suppress(OSError):
                    child.log.keep_bounded()
                asks = child.spec.needs_restart
                if child.pid and asks is not None and asks(child.pid):
                    child.send(signal.SIGTERM)
            await asyncio.sleep(_CARE_SECONDS)


def _entry(child: Child) -> dict[str, object]:
    return {
        "name": child.spec.name,
        "state": str(child.state),
        "reason": child.reason,
        "pid": child.pid,
        "address": child.spec.address,
        "restarts": child.restarts,
    }
