"""Copies files out of an object store or a folder into one local file, a piece at a time."""

import gzip
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from aisle_governance.domain.model import FileFormat
from aisle_governance.domain.sources import Place
from aisle_governance.engines.decode import Limits, unpacking
from aisle_governance.engines.formats import format_of
from aisle_governance.errors import SourceProblem, shorten

_CHUNK = 1 << 20
_TEXTS = (FileFormat.CSV, FileFormat.JSONL)
_EPOCH = (1980, 1, 1, 0, 0, 0)
Progress = Callable[[int], None]


class Fetcher:
    """Reads from one place; never says more of a failure than that there is one, because its words may hold addresses or keys."""

    def __init__(self, place: Place, max_bytes: int, on_bytes: Progress) -> None:
        """Fetch at most `max_bytes`; `on_bytes(bytes so far)` is called between pieces and may raise."""
        self._place, self._max, self._say = place, max_bytes, on_bytes
        self._done = 0

    def fetch(self, uri: str, target: Path, file_format: FileFormat | None) -> FileFormat:
        """Write what `uri` names to `target`: a file as it is, several text files as one zip; answers how to read it.

        Raises SourceProblem: SOURCE_NOT_FOUND, SOURCE_UNREACHABLE, SOURCE_TOO_LARGE, FORMATS_DIFFER, FORMAT_UNKNOWN.
        """
        with _reaching():
            system = open_system(self._place)
            names = self._names(system, uri)
            read_as = self._format(names, file_format)
            if len(names) == 1 and not _is_pattern(uri):
                with system.open(names[0], "rb") as source, target.open("wb") as file:
                    for piece in self._pieces(source):
                        file.write(piece)
            else:
                self._pack(system, names, uri, target)
        return read_as

    def _names(self, system: Any, uri: str) -> list[str]:
        path = system._strip_protocol(uri)
        root = system._strip_protocol(self._place.uri).rstrip("/")
        if "*" in uri:
            found = [name for name in system.glob(path) if not system.isdir(name)]
        elif uri.endswith("/"):
            found = system.find(path)
        else:
            found = [path] if system.isfile(path) else []
        names = sorted(name for name in found if not name.rsplit("/", 1)[-1].startswith((".", "_")))
        if self._place.scheme == "file":  # a link may lead out of the place
            base = Path(root).resolve()
            names = [name for name in names if Path(name).resolve().is_relative_to(base)]
        if not names:
            raise SourceProblem("SOURCE_NOT_FOUND", "There is no such file.", next_step="Check the URI.")
        if len(names) > Limits().members:
            raise SourceProblem(
                "SOURCE_TOO_LARGE", f"The URI names {len(names)} files; at most {Limits().members} are read."
            )
        return names

    @staticmethod
    def _format(names: Sequence[str], wanted: FileFormat | None) -> FileFormat:
        by_name = {name: format_of(name) for name in names}
        formats = {wanted} if wanted is not None else set(by_name.values())
        if len(formats) > 1:
            shown = ", ".join(shorten(name.rsplit("/", 1)[-1], 40) for name in names[:5])
            raise SourceProblem(
                "FORMATS_DIFFER",
                f"The files are of several formats: {shown}.",
                next_step="Narrow the pattern, or set the format.",
            )
        (found,) = formats
        if found is None:
            raise SourceProblem(
                "FORMAT_UNKNOWN", "The file name does not say the format.", next_step="Set CSV, JSONL, PARQUET or XLSX."
            )
        if len(names) > 1 and found not in _TEXTS:
            raise SourceProblem(
                "FORMATS_DIFFER",
                f"Several {found.value} files cannot be read as one source.",
                next_step="Import them one by one.",
            )
        return found

    def _pack(self, system: Any, names: Sequence[str], uri: str, target: Path) -> None:
        """The files as a zip without compression; equal files give equal bytes, gzip inside is unpacked."""
        base = system._strip_protocol(uri.partition("*")[0].rpartition("/")[0]).rstrip("/") + "/"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed:
            for name in names:
                label = zipfile.ZipInfo(name.removeprefix(base), _EPOCH)
                with system.open(name, "rb") as source, packed.open(label, "w", force_zip64=True) as file:
                    for piece in self._pieces(_plain(source, name)):
                        file.write(piece)

    def _pieces(self, source: BinaryIO) -> Iterator[bytes]:
        with unpacking():
            while piece := source.read(_CHUNK):
                self._done += len(piece)
                if self._done > self._max:
                    raise SourceProblem(
                        "SOURCE_TOO_LARGE",
                        f"The source has more than {self._max} bytes.",
                        next_step="Split it into smaller files.",
                    )
                self._say(self._done)
                yield piece


def _is_pattern(uri: str) -> bool:
    return "*" in uri or uri.endswith("/")


def _plain(source: BinaryIO, name: str) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile(fileobj=source)) if name.lower().endswith(".gz") else source


def open_system(place: Place) -> Any:
    """The fsspec file system of a place; S3 through Arrow's own client, everything else by the scheme's package."""
    import fsspec

    if place.scheme == "s3":
        from fsspec.implementations.arrow import ArrowFSWrapper
        from pyarrow.fs import S3FileSystem

        return _S3(ArrowFSWrapper(S3FileSystem(**place.options)))
    return fsspec.filesystem(place.scheme, **place.options)


class _S3:
    """Arrow's S3 behind the few calls that are needed; its wrapper does not know the scheme."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    @staticmethod
    def _strip_protocol(uri: str) -> str:
        return uri.partition("://")[2].rstrip("/")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@contextmanager
def _reaching() -> Iterator[None]:
    """Turn what file systems raise into a SourceProblem without their words."""
    try:
        yield
    except SourceProblem:
        raise
    except FileNotFoundError:
        raise SourceProblem("SOURCE_NOT_FOUND", "There is no such file.", next_step="Check the URI.") from None
    except (OSError, ImportError, ValueError, TypeError, KeyError) as error:
        raise SourceProblem(
            "SOURCE_UNREACHABLE",
            f"The place cannot be read ({type(error).__name__}).",
            next_step="An operator checks the place's URI and options in the sources file, and whether it can be reached.",
        ) from None
