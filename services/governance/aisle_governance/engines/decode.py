"""Turns stored bytes into lines of text: unpacks gzip and zip, decodes, and keeps every bound."""

import codecs
import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from aisle_governance.errors import InvalidField, SourceProblem, shorten

_CHUNK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_BOM = "\ufeff"
_NOT_FOR_FILES = frozenset({"idna", "mbcs", "oem", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"})
"""Codecs that Python counts as text but no file is written in."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a source may cost."""

    decoded_bytes: int = 4 << 30
    """Bytes after unpacking."""
    line_characters: int = 4 << 20
    """Longest line."""
    members: int = 10_000
    """Files in a zip."""


class Budget:
    """Bytes that may still be unpacked, over all members of a source."""

    def __init__(self, limits: Limits) -> None:
        """Start with the whole allowance."""
        self.limits = limits
        self.expected = 0
        """Bytes that the source says it unpacks to; 0 when it does not say. For progress only."""
        self._spent = 0

    @property
    def progress_ratio(self) -> float:
        """Share of the expected bytes that was read, 0 to 1."""
        return min(1.0, self._spent / self.expected) if self.expected else 0.0

    def spend(self, count: int) -> None:
        """Raise SourceProblem (SOURCE_TOO_LARGE) when the allowance is used up."""
        self._spent += count
        if self._spent > self.limits.decoded_bytes:
            raise SourceProblem(
                "SOURCE_TOO_LARGE",
                f"The file unpacks to more than {self.limits.decoded_bytes} bytes.",
                next_step="Split it into smaller files.",
            )


@dataclass(frozen=True, slots=True)
class Member:
    """One text inside a source: the file itself, or a file in a zip."""

    label: str
    """Name inside the zip, for messages and lineage only; empty for a plain file."""
    stream: BinaryIO


def check_encoding(name: str, path: str) -> str:
    """Return the codec's canonical name; empty means utf-8. Raises InvalidField for what is no text encoding."""
    if not name:
        return "utf-8"
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError) as error:
        raise InvalidField(
            path, "is no known text encoding", next_step="Use a name like utf-8 or windows-1252."
        ) from error
    if not getattr(info, "_is_text_encoding", True) or info.name.replace("-", "_") in _NOT_FOR_FILES:
        raise InvalidField(path, "is no text encoding", next_step="Use a name like utf-8 or windows-1252.")
    return info.name


@contextmanager
def unpacking() -> Iterator[None]:
    """Turn what the unpackers raise into a SourceProblem."""
    try:
        yield
    except EOFError as error:
        raise SourceProblem(
            "SOURCE_TRUNCATED", "The compressed file ends in the middle.", next_step="Upload the whole file again."
        ) from error
    except (gzip.BadGzipFile, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
        raise SourceProblem(
            "SOURCE_CORRUPT", "The compressed file is damaged.", next_step="Pack and upload it again."
        ) from error
    except RuntimeError as error:  # what zipfile raises for an encrypted member
        raise SourceProblem(
            "SOURCE_ENCRYPTED", "The zip file is encrypted.", next_step="Upload it without a password."
        ) from error


def members(path: Path, budget: Budget) -> Iterator[Member]:
    """Yield the texts in the file at `path`, packed or not; members of a zip in the order of their names."""
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic in _ZIP_MAGIC:
            yield from _zip_members(file, budget)
        elif magic.startswith(_GZIP_MAGIC):
            file.seek(max(0, path.stat().st_size - 4))
            budget.expected = int.from_bytes(file.read(4), "little")  # the trailer's size modulo 4 GiB
            file.seek(0)
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield Member("", cast(BinaryIO, unpacked))
        else:
            budget.expected = path.stat().st_size
            yield Member("", file)


def _zip_members(file: BinaryIO, budget: Budget) -> Iterator[Member]:
    with unpacking(), zipfile.ZipFile(file) as archive:
        entries = sorted((entry for entry in archive.infolist() if _is_data(entry)), key=lambda entry: entry.filename)
        if not entries or len(entries) > budget.limits.members:
            raise SourceProblem(
                "ZIP_MEMBERS", f"The zip holds {len(entries)} files; it must hold 1 to {budget.limits.members}."
            )
        budget.expected = sum(entry.file_size for entry in entries)
        for entry in entries:
            with archive.open(entry) as stream:
                yield Member(shorten(entry.filename, 200), cast(BinaryIO, stream))


def _is_data(entry: zipfile.ZipInfo) -> bool:
    name = entry.filename.rsplit("/", 1)[-1]
    return not entry.is_dir() and not name.startswith(".") and not entry.filename.startswith("__MACOSX/")


def lines(member: Member, encoding: str, budget: Budget) -> Iterator[str]:
    """Yield the lines of a member with their endings; a byte that does not fit becomes a lone surrogate for the row check.

    Raises SourceProblem with the row for a line that is too long, a broken archive, or bytes that no row can be blamed for.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors="surrogateescape")
    tail, number = "", 1
    try:
        with unpacking():
            first = True
            while chunk := member.stream.read(_CHUNK):
                budget.spend(len(chunk))
                text = decoder.decode(chunk)
                if first and text:
                    text, first = text.removeprefix(_BOM), False
                *whole, tail = (tail + text).split("\n")
                for line in whole:
                    yield line + "\n"
                number += len(whole)
                if len(tail) > budget.limits.line_characters:
                    raise SourceProblem(
                        "LINE_TOO_LONG",
                        f"A line has more than {budget.limits.line_characters} characters.",
                        next_step="Check that the file has line ends.",
                        row=number,
                    )
            tail += decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise SourceProblem(
            "ENCODING_MISMATCH",
            f"The bytes are not {encoding}.",
            next_step="Name the file's encoding in the dialect.",
            row=number,
        ) from error
    except SourceProblem as problem:
        problem.facts.setdefault("row", str(number))
        if member.label:
            problem.facts.setdefault("member", member.label)
        raise
    if tail:
        yield tail
