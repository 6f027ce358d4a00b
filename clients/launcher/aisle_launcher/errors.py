"""What can go wrong with the local platform, in words for people."""


class LauncherError(Exception):
    """Base; `next_step` says what to do."""

    def __init__(self, message: str, next_step: str = "") -> None:
        """Keep one sentence each."""
        super().__init__(message)
        self.next_step = next_step


class AlreadyRunning(LauncherError):
    """Another launcher owns the state folder."""

    def __init__(self, folder: str, pid: int) -> None:
        """Name the folder and the process that owns it (0 when it has not said so yet)."""
        owner = f" (process {pid})" if pid else ""
        super().__init__(
            f"Aisle is already running in {folder}{owner}.", "Stop it with `aisle down`, or use another --state-dir."
        )
        self.pid = pid


class NotReady(LauncherError):
    """Some process did not become ready in time."""


class Misconfigured(LauncherError):
    """The options or the installation do not allow to start."""
