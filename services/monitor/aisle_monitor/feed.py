"""Wakes those who follow a run when anything was committed."""

import asyncio

FALLBACK_SECONDS = 2.0
"""How long a follower waits at most before it looks again; another process may have written."""


class Feed:
    """One wake-up call for any number of followers inside one event loop."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Let every follower look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def next_change(self) -> asyncio.Event:
        """Return the event of the next change; taken before reading, nothing is missed."""
        return self._changed


async def wait(change: asyncio.Event) -> None:
    """Return at the change, or after a short while without one."""
    try:
        await asyncio.wait_for(change.wait(), FALLBACK_SECONDS)
    except TimeoutError:
        return
