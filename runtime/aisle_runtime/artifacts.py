"""Content-addressed files: a file's name is the SHA-256 of its bytes, and nothing is read without checking it.

Writing goes through a temporary file in the same file system: write, fsync, rename, fsync of the folder. A reader
sees a whole artifact or none. All methods block; call them through `asyncio.to_thread` from a server.
"""

import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from aisle_runtime.errors import AisleError, DataLoss, InvalidField, NotFound, Unavailable

CHUNK_BYTES = 1 << 20
STALE_TEMPORARY_SECONDS = 24 * 3600.0
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ArtifactWriter:
    """Takes the bytes of one artifact; `sha256` and `size_bytes` grow with every write."""

    def __init__(self, file: IO[bytes]) -> None:
        """Write to `file`, which the store opened."""
        self._file, self._digest, self.size_bytes = file, hashlib.sha256(), 0

    @property
    def sha256(self) -> str:
        """Digest of what was written so far, 64 hex digits."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> int:
        """Add `data`; returns its length."""
        self._digest.update(data)
        self.size_bytes += len(data)
        self._file.write(data)
        return len(data)


class ArtifactStore:
    """Artifacts below one folder; several processes may use it at once."""

    def __init__(self, root: Path) -> None:
        """Open the folder `root`, made with mode 0700 when missing, and forget temporary files of dead writers."""
        self._root, self._temporary = root, root / "tmp"
        self._temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.chmod(0o700)
        self._remove_stale()

    def put_file(self, path: Path, expected_sha256: str = "") -> str:
        """Copy the file at `path` into the store and return its digest; repeating it changes nothing."""
        with path.open("rb") as file:
            return self.put_stream(iter(lambda: file.read(CHUNK_BYTES), b""), expected_sha256)

    def put_bytes(self, data: bytes) -> str:
        """Store `data` and return its digest."""
        return self.put_stream([data])

    def put_stream(self, chunks: Iterable[bytes], expected_sha256: str = "") -> str:
        """Store the joined chunks and return their digest.

        Raises DataLoss (ARTIFACT_DIGEST_MISMATCH) when it is not `expected_sha256`, Unavailable (STORAGE_FULL) when
        the disk is full; nothing is stored then.
        """
        with self.writer(expected_sha256) as writer:
            for chunk in chunks:
                writer.write(chunk)
        return writer.sha256

    @contextmanager
    def writer(self, expected_sha256: str = "") -> Iterator[ArtifactWriter]:
        """Store what the block writes, under its digest, when the block ends well; otherwise nothing is left behind.

        Raises what `put_stream` raises.
        """
        if expected_sha256:
            _checked(expected_sha256, "expected_sha256")
        temporary = self._temporary / f"{os.getpid()}-{secrets.token_hex(8)}"
        try:
            descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                writer = ArtifactWriter(file)
                yield writer
                file.flush()
                os.fsync(file.fileno())
            if expected_sha256 and writer.sha256 != expected_sha256:
                raise _mismatch(expected_sha256, writer.sha256)
            self._publish(temporary, writer.sha256)
        except OSError as error:
            raise _translated(error) from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def exists(self, sha256: str) -> bool:
        """Say whether the artifact is there; its bytes are not checked."""
        return self._file(sha256).is_file()

    def size_bytes(self, sha256: str) -> int:
        """Return the artifact's size; raises NotFound."""
        try:
            return self._file(sha256).stat().st_size
        except FileNotFoundError:
            raise _missing(sha256) from None

    def path(self, sha256: str) -> Path:
        """Return the artifact's path after reading all of it and checking its digest.

        Raises NotFound (ARTIFACT_NOT_FOUND), DataLoss (ARTIFACT_DIGEST_MISMATCH).
        """
        for _ in self.chunks(sha256):
            pass
        return self._file(sha256)

    def chunks(self, sha256: str, size: int = CHUNK_BYTES) -> Iterator[bytes]:
        """Yield the artifact in pieces of at most `size` bytes.

        Raises NotFound (ARTIFACT_NOT_FOUND) before the first piece, and DataLoss (ARTIFACT_DIGEST_MISMATCH) after the
        last: what was yielded must not be used when the iteration raises.
        """
        digest = hashlib.sha256()
        try:
            with self._file(sha256).open("rb") as file:
                while chunk := file.read(size):
                    digest.update(chunk)
                    yield chunk
        except FileNotFoundError:
            raise _missing(sha256) from None
        except OSError as error:
            raise _translated(error) from error
        if digest.hexdigest() != sha256:
            raise _mismatch(sha256, digest.hexdigest())

    def digests(self) -> list[str]:
        """Return the digests of everything stored now, in no order."""
        return [file.name for file in self._root.glob("[0-9a-f][0-9a-f]/*") if _DIGEST.fullmatch(file.name)]

    def delete(self, sha256: str) -> bool:
        """Remove the artifact; says whether it was there."""
        try:
            self._file(sha256).unlink()
        except FileNotFoundError:
            return False
        return True

    def _file(self, sha256: str) -> Path:
        _checked(sha256, "sha256")
        return self._root / sha256[:2] / sha256

    def _publish(self, temporary: Path, sha256: str) -> None:
        """Rename into place, over an artifact of the same name too: that repairs one whose bytes went bad."""
        target = self._file(sha256)
        if not target.parent.is_dir():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(self._root)
        temporary.replace(target)
        _sync_folder(target.parent)

    def _remove_stale(self) -> None:
        for entry in self._temporary.iterdir():
            with suppress(OSError, ValueError):
                writer = int(entry.name.partition("-")[0])
                if not _alive(writer) or entry.stat().st_mtime < time.time() - STALE_TEMPORARY_SECONDS:
                    entry.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _checked(sha256: str, field: str) -> None:
    if not _DIGEST.fullmatch(sha256):
        raise InvalidField(field, "is not a SHA-256 digest in 64 lower-case hex digits")


def _missing(sha256: str) -> AisleError:
    return NotFound("The artifact does not exist.", reason="ARTIFACT_NOT_FOUND", facts={"sha256": sha256})


def _mismatch(expected: str, actual: str) -> AisleError:
    return DataLoss(
        "The artifact's bytes do not have the promised digest.",
        reason="ARTIFACT_DIGEST_MISMATCH",
        next_step="Fetch or upload the artifact again.",
        facts={"expected_sha256": expected, "actual_sha256": actual},
    )


def _translated(error: OSError) -> Exception:
    if error.errno in _NO_SPACE:
        return Unavailable(
            "The disk for artifacts is full; nothing was stored.",
            reason="STORAGE_FULL",
            next_step="Free disk space and repeat.",
            retry_after_seconds=5,
        )
    if error.errno == errno.EIO:
        return DataLoss("The artifact cannot be read from its disk.", reason="ARTIFACT_UNREADABLE")
    return error
