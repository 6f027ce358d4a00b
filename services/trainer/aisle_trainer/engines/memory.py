"""How much memory this process holds."""

import contextlib
from pathlib import Path

import psutil

_PEAK = "VmHWM:"


class PeakMemory:
    """The most memory that the process held since this was made.

    Linux keeps the peak and forgets it when asked; elsewhere only the moments count at which `look` is called.
    """

    def __init__(self) -> None:
        """Forget the peak so far."""
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self._process, self.peak_bytes = psutil.Process(), 0
        self.look()

    def look(self) -> None:
        """Take the peak until now into account."""
        self.peak_bytes = max(self.peak_bytes, int(self._process.memory_info().rss), _kept_by_linux())


def _kept_by_linux() -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(_PEAK)), 0)
