"""Takes people out of the files of a model's bundle: rows of tables, recorded examples, and the digests in the manifest.

The rewriting is a function of the bytes and the people alone, so services that keep copies of a bundle come to the same digests.
Weights stay as they are: what a model has learned is not in its rows.
"""

import hashlib
import json
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.erasing.subjects import Subjects

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "manifest.json"
_LARGEST_JSON = 64 << 20
_NO_EXAMPLES = frozenset({MANIFEST, "tokenizer.json"})
"""JSON files without examples; a tokenizer's words are those of its base model."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a bundle in the artifact store."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A bundle without the people."""

    files: tuple[StoredFile, ...]
    """All files, in the order of before."""
    changed: tuple[str, ...]
    """Paths whose bytes changed, the manifest included."""
    row_count: int
    """Rows and examples that were left out."""
    text_count: int
    """Texts in which a person was named and is not any more."""


def rewrite_bundle(
    store: ArtifactStore, files: Sequence[StoredFile], subjects: Subjects, id_columns: Collection[str]
) -> Rewritten | None:
    """Store the changed files of a bundle beside the old ones; None when it names nobody. Blocks.

    `id_columns` are the columns and keys whose values are ids of people. Files that the store lacks are passed over. Raises what
    the store raises for damaged ones.
    """
    new: dict[str, StoredFile] = {}
    rows = texts = 0
    for file in files:
        if not store.exists(file.sha256):
            continue
        if file.path.endswith(".arrow"):
            found = _rewrite_table(store, file, subjects, id_columns)
        elif file.path.endswith(".json") and file.path not in _NO_EXAMPLES and file.size_bytes <= _LARGEST_JSON:
            found = _rewrite_examples(store, file, subjects, id_columns)
        else:
            continue
        if found is not None:
            new[file.path], more_rows, more_texts = found
            rows, texts = rows + more_rows, texts + more_texts
    if not new:
        return None
    for file in files:
        if file.path == MANIFEST and store.exists(file.sha256):
            new[MANIFEST] = _rewrite_manifest(store, file, new)
    kept = tuple(new.get(file.path, file) for file in files)
    return Rewritten(kept, tuple(sorted(new)), rows, texts)


def names_somebody(
    store: ArtifactStore, files: Sequence[StoredFile], subjects: Subjects, id_columns: Collection[str]
) -> bool:
    """Whether one of the tables or examples names one of the people; reads them and writes nothing. Blocks."""
    for file in files:
        if not store.exists(file.sha256):
            continue
        if file.path.endswith(".arrow"):
            if any(mask is not None or changed for _, mask, changed in _looked_at(store, file, subjects, id_columns)):
                return True
        elif (
            file.path.endswith(".json")
            and file.path not in _NO_EXAMPLES
            and file.size_bytes <= _LARGEST_JSON
            and _without(json.loads(store.path(file.sha256).read_bytes()), subjects, id_columns)[1]
        ):
            return True
    return False


def _rewrite_table(
    store: ArtifactStore, file: StoredFile, subjects: Subjects, id_columns: Collection[str]
) -> tuple[StoredFile, int, int] | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = texts = 0
    pieces: list[pa.RecordBatch] = []
    for batch, mask, changed in _looked_at(store, file, subjects, id_columns):
        for name, (column, count) in changed.items():
            batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), column)
            texts += count
        if mask is not None:
            rows += int(pc.sum(mask).as_py())
            batch = batch.filter(pc.invert(mask))
        pieces.append(batch)
    if not rows and not texts:
        return None
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "table"
        with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_file(sink, pieces[0].schema) as writer:
            for piece in pieces:
                writer.write_batch(piece)
        return StoredFile(file.path, store.put_file(target), target.stat().st_size), rows, texts


def _looked_at(
    store: ArtifactStore, file: StoredFile, subjects: Subjects, id_columns: Collection[str]
) -> "Iterator[tuple[pa.RecordBatch, Any, dict[str, tuple[Any, int]]]]":
    """Each batch with the rows that are somebody's (None = no row is) and the text columns that change."""
    import pyarrow as pa
    import pyarrow.compute as pc

    with pa.memory_map(str(store.path(file.sha256))) as source, pa.ipc.open_file(source) as reader:
        for index in range(reader.num_record_batches):
            batch = reader.get_batch(index)
            mask: Any = None
            changed: dict[str, tuple[Any, int]] = {}
            for field in batch.schema:
                if not (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
                    continue
                values = batch.column(field.name)
                if field.name in id_columns:
                    hits = [value for value in pc.unique(values).to_pylist() if subjects.is_id(value)]
                    if hits:
                        found = pc.fill_null(pc.is_in(values, value_set=pa.array(hits, field.type)), False)
                        mask = found if mask is None else pc.or_(mask, found)
                    continue
                texts = values.to_pylist()
                spots = [place for place, text in enumerate(texts) if subjects.mentions(text)]
                for place in spots:
                    texts[place] = subjects.redacted(texts[place])
                if spots:
                    changed[field.name] = pa.array(texts, field.type), len(spots)
            yield batch, mask, changed


def _rewrite_examples(
    store: ArtifactStore, file: StoredFile, subjects: Subjects, id_columns: Collection[str]
) -> tuple[StoredFile, int, int] | None:
    value = json.loads(store.path(file.sha256).read_bytes())
    kept, count = _without(value, subjects, id_columns)
    if not count:
        return None
    data = json.dumps(kept, indent=1).encode()
    return StoredFile(file.path, store.put_bytes(data), len(data)), count, 0


def _without(value: Any, subjects: Subjects, id_columns: Collection[str]) -> tuple[Any, int]:
    """JSON without the examples (objects in lists) that name somebody, and how many went."""
    if isinstance(value, list):
        kept = [one for one in value if not (isinstance(one, dict) and _names(one, subjects, id_columns))]
        parts = [_without(one, subjects, id_columns) for one in kept]
        return [part for part, _ in parts], len(value) - len(kept) + sum(count for _, count in parts)
    if isinstance(value, dict):
        found = {name: _without(one, subjects, id_columns) for name, one in value.items()}
        return {name: part for name, (part, _) in found.items()}, sum(count for _, count in found.values())
    return value, 0


def _names(example: dict[str, Any], subjects: Subjects, id_columns: Collection[str]) -> bool:
    return any(
        isinstance(value, str) and ((name in id_columns and subjects.is_id(value)) or subjects.mentions(value))
        for name, value in example.items()
    )


def _rewrite_manifest(store: ArtifactStore, file: StoredFile, new: dict[str, StoredFile]) -> StoredFile:
    """Put the new digests and sizes into the manifest's list of files."""
    manifest = json.loads(store.path(file.sha256).read_bytes())
    listed = manifest.get("files") if isinstance(manifest, dict) else None
    for path, entry in (listed or {}).items():
        if path in new and isinstance(entry, dict):
            entry |= {"sha256": new[path].sha256, "size_bytes": new[path].size_bytes}
    data = json.dumps(manifest, indent=1, sort_keys=True).encode()
    return StoredFile(file.path, store.put_bytes(data), len(data))


def bundle_digest(files: Sequence[StoredFile]) -> str:
    """SHA-256 over the sorted `path sha256` lines, each ended by a line feed, as 64 hex digits."""
    lines = sorted(f"{file.path} {file.sha256}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
