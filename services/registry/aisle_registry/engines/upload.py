"""Takes in the files of a streamed registration: all of them, verified, or none."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from aisle_runtime.artifacts import ArtifactStore, ArtifactWriter
from aisle_runtime.errors import InvalidField
from aisle_runtime.names import new_id

from aisle_registry.domain.model import BundleFile
from aisle_registry.engines.inspection import inspect_files
from aisle_registry.errors import ArtifactMismatch

MAXIMUM_CHUNK_BYTES = 1 << 20


class Upload:
    """One registration's files, kept aside in a folder of their own until all have arrived.

    Every method blocks; `close` must be called in the end, whatever happened.
    """

    def __init__(self, folder: Path, files: Sequence[BundleFile]) -> None:
        """Expect `files` in this order; `folder` holds the folders of all uploads."""
        self._files = files
        self._folder = folder / new_id("upload")
        self._aside = ArtifactStore(self._folder)
        self._open = ExitStack()
        self._writer: ArtifactWriter | None = None
        self._index = 0

    def add(self, file_index: int, data: bytes) -> None:
        """Take the next piece; raises InvalidField for one out of order, DataLoss for bytes that were not announced."""
        if len(data) > MAXIMUM_CHUNK_BYTES:
            raise InvalidField("file_chunk.data", f"is longer than {MAXIMUM_CHUNK_BYTES} bytes")
        if file_index == self._index + 1 and self._writer is not None:
            self._close_file()
        if file_index != self._index or file_index >= len(self._files):
            raise InvalidField("file_chunk.file_index", "files must follow in the order of the header")
        expected = self._files[self._index]
        if self._writer is None:
            self._writer = self._open.enter_context(self._aside.writer(expected.sha256))
        self._writer.write(data)
        if self._writer.size_bytes > expected.size_bytes:
            raise ArtifactMismatch(expected.path, "has more bytes than announced")

    def finish(self, store: ArtifactStore) -> None:
        """Check that all files are there and safe, and move them into `store`.

        Raises DataLoss (ARTIFACT_DIGEST_MISMATCH), UnsafeFormat; nothing has been moved then.
        """
        self._close_file()
        if self._index != len(self._files):
            raise ArtifactMismatch(self._files[self._index].path, "did not arrive")
        inspect_files(self._aside, self._files, "header.files")
        for file in self._files:
            store.put_file(self._aside.path(file.sha256), file.sha256)

    def _close_file(self) -> None:
        expected = self._files[self._index]
        if self._writer is None:
            raise ArtifactMismatch(expected.path, "did not arrive")
        if self._writer.size_bytes != expected.size_bytes:
            raise ArtifactMismatch(expected.path, "has fewer bytes than announced")
        self._writer = None
        self._open.close()
        self._index += 1

    def close(self) -> None:
        """Forget what is kept aside."""
        if self._writer is not None:
            # The store's writer keeps nothing when it hears that its block failed.
            self._open.__exit__(GeneratorExit, GeneratorExit(), None)
        shutil.rmtree(self._folder, ignore_errors=True)


def forget_uploads(folder: Path) -> None:
    """Remove what uploads of an earlier process left behind."""
    shutil.rmtree(folder, ignore_errors=True)
