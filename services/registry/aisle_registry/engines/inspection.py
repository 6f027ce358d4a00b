"""Looks into stored files before they become part of a version."""

import mmap
from collections.abc import Sequence

from aisle_runtime.artifacts import ArtifactStore

from aisle_registry.domain.formats import check_format
from aisle_registry.domain.model import BundleFile
from aisle_registry.errors import ArtifactMismatch


def inspect_files(store: ArtifactStore, files: Sequence[BundleFile], field: str) -> None:
    """Check size, digest and format of every file in `store`, reading all of it.

    Raises UnsafeFormat naming the entry below `field`, ArtifactMismatch for a wrong size, DataLoss for a wrong digest.
    """
    for index, file in enumerate(files):
        path = store.path(file.sha256)
        if store.size_bytes(file.sha256) != file.size_bytes:
            raise ArtifactMismatch(file.path, "does not have the announced size")
        with path.open("rb") as stream:
            content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        check_format(file.path, memoryview(content), f"{field}[{index}].path")
