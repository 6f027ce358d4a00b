"""Helpers for tests: a service inside the test's process, a real event bus, clocks that obey."""

from aisle_runtime.testing.clock import FakeClock
from aisle_runtime.testing.service import running_host, running_service, until_serving

__all__ = ["FakeClock", "running_host", "running_service", "until_serving"]
