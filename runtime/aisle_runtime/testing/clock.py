"""A clock that stands still until a test moves it."""


class FakeClock:
    """Seconds since the epoch; call it like `time.time`."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        """Stand at `now`."""
        self.now = now

    def __call__(self) -> float:
        """Return the present second."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`."""
        self.now += seconds
