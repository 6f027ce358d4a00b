"""Small files that must be whole, private or both."""

import json
import os
from pathlib import Path
from typing import Any


def write_private(path: Path, text: str) -> None:
    """Write `text` to `path` with mode 0600; readers see the old file or the new one, never half of one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in `path`; {} when the file is missing or holds something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


class LogFile:
    """A file that processes append to; it never grows far beyond its bound."""

    LIMIT_BYTES = 16 * 1024 * 1024

    def __init__(self, path: Path) -> None:
        """Use the file at `path`; older text is kept in `<path>.1`."""
        self.path = path

    def open(self) -> int:
        """Return a descriptor for appending; the caller closes it."""
        return os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600)

    def keep_bounded(self) -> None:
        """Move the text aside when it is over the bound.

        The writers keep their descriptors, so the text is copied and the file emptied under them; a line written in
        between may be lost.
        """
        if not self.path.exists() or self.path.stat().st_size <= self.LIMIT_BYTES:
            return
        older = self.path.with_name(f"{self.path.name}.1")
        with self.path.open("rb") as source, older.open("wb") as target:
            older.chmod(0o600)
            source.seek(-min(self.LIMIT_BYTES, self.path.stat().st_size), os.SEEK_END)
            while block := source.read(1 << 20):
                target.write(block)
        os.truncate(self.path, 0)

    def tail(self, lines: int) -> list[str]:
        """Return the last lines; [] when there are none."""
        try:
            with self.path.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 64 * 1024))
                return file.read().decode("utf-8", "replace").splitlines()[-lines:]
        except OSError:
            return []
