"""What is sent of a file or folder: one file as it is, the text files of a folder as one zip."""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aisle_cli.failures import usage

_EPOCH = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20
_TEXTS = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_WHOLE = (".parquet", ".xlsx")


@dataclass(frozen=True, slots=True)
class Parcel:
    """One upload."""

    file: Path
    name: str
    """Name told to the server."""
    format: str = ""
    """Word for `--format`; empty leaves it to the name."""


@contextmanager
def parcels(path: Path) -> Iterator[list[Parcel]]:
    """The uploads that a path stands for; a temporary zip is gone afterwards. What cannot be sent ends the command."""
    if not path.is_dir():
        yield [Parcel(path, path.name, _inside(path))]
        return
    found = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    kinds = {_kind(file) for file in found}
    if not found or "" in kinds:
        odd = next((file.name for file in found if not _kind(file)), "")
        usage(
            f"{path}: {f'{odd} is no CSV, TSV, JSONL, Parquet or XLSX file' if odd else 'the folder is empty'}.",
            "Leave other files out of the folder.",
        )
    if len(kinds) > 1:
        usage(
            f"{path}: the files are of several formats ({', '.join(sorted(kinds))}).", "Import them folder by folder."
        )
    (kind,) = kinds
    if kind in _WHOLE:
        yield [Parcel(file, str(file.relative_to(path)).replace("\\", "/")) for file in found]
        return
    with tempfile.TemporaryDirectory(prefix="aisle-") as folder:
        packed = Path(folder) / "folder.zip"
        _pack(found, path, packed)
        yield [Parcel(packed, f"{path.absolute().name}.zip", kind)]


def _kind(file: Path) -> str:
    suffix = Path(file.name.lower().removesuffix(".gz")).suffix
    return suffix if suffix in _WHOLE else _TEXTS.get(suffix, "")


def _inside(path: Path) -> str:
    """The format of what a zip holds, "" when nothing tells."""
    if path.suffix.lower() != ".zip":
        return ""
    try:
        with zipfile.ZipFile(path) as archive:
            kinds = {_TEXTS.get(Path(name.lower()).suffix, "") for name in archive.namelist() if not name.endswith("/")}
    except (OSError, zipfile.BadZipFile):
        return ""
    return "jsonl" if kinds == {"jsonl"} else ""


def _pack(files: list[Path], base: Path, target: Path) -> None:
    """Equal files give equal bytes, so that a folder sent twice is imported once; gzip inside is unpacked."""
    import gzip

    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for file in files:
            entry = zipfile.ZipInfo(str(file.relative_to(base)).replace("\\", "/"), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            try:
                with file.open("rb") as raw, packed.open(entry, "w", force_zip64=True) as out:
                    source = gzip.GzipFile(fileobj=raw) if file.name.lower().endswith(".gz") else raw
                    while piece := source.read(_CHUNK):
                        out.write(piece)
            except (OSError, EOFError) as error:
                usage(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it ends in the middle'}.")
