"""The standard health service (grpc.health.v1) with the reason why a service is not ready."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from aisle_runtime.errors import NotFound

SERVICE_NAME = "grpc.health.v1.Health"
REASON_KEY = "aisle-not-ready-reason"
"""Trailing metadata of Check that says in words why the answer is NOT_SERVING."""

_Status = health_pb2.HealthCheckResponse


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """One readiness for the whole process, told under "" and under every service name."""

    def __init__(self) -> None:
        """Start not ready and without service names."""
        self._names = {""}
        self._reason = "starting"
        self._closed = False
        self._changed = asyncio.Event()

    @property
    def reason(self) -> str:
        """Why the service is not ready; "" when it is."""
        return self._reason

    def serve(self, names: Iterable[str]) -> None:
        """Answer for these full service names too."""
        self._names.update(names)

    def set(self, reason: str) -> None:
        """Become ready (`reason` "") or not ready; ignored once `close` was called."""
        if not self._closed and reason != self._reason:
            self._reason = reason
            self._wake()

    def close(self, reason: str = "shutting down") -> None:
        """Become not ready for good."""
        self.set(reason)
        self._closed = True

    async def Check(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        """Answer the present state; NOT_FOUND for a service that this process does not have."""
        if request.service not in self._names:
            raise NotFound("This server has no such service.", reason="SERVICE_UNKNOWN")
        if self._reason:
            context.set_trailing_metadata(((REASON_KEY, self._reason[:256]),))
        return _Status(status=self._status(request.service))

    async def Watch(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        """Send the present state and every later one."""
        last = None
        while True:
            changed = self._changed
            status = self._status(request.service)
            if status != last:
                yield _Status(status=status)
                last = status
            await changed.wait()

    def _status(self, name: str) -> Any:
        if name not in self._names:
            return _Status.SERVICE_UNKNOWN
        return _Status.NOT_SERVING if self._reason else _Status.SERVING

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
