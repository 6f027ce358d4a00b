"""A matcher as a job left it: its files, read back and asked about pairs. Needs ONNX Runtime, no torch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aisle_trainer.domain.blend import sigmoid
from aisle_trainer.domain.matching import Record
from aisle_trainer.engines.pair_features import FEATURES, PairFeatures, Side
from aisle_trainer.engines.pair_trees import INPUT, OUTPUT

Floats = NDArray[np.float64]
FORMAT = "aisle-matcher/1"
TREES, EMBEDDER, READER = "trees.onnx", "embedder.onnx", "reader.onnx"
RECORDS, TOKENIZER, SETTINGS, MANIFEST = "records.arrow", "tokenizer.json", "matcher.json", "manifest.json"
READER_OUTPUT, EMBEDDER_OUTPUT = "relevance", "embedding"
_BATCH = 64
_LOGIT_LIMIT = 1e-3


@dataclass(frozen=True, slots=True)
class MatcherSettings:
    """How the parts of a matcher are put together."""

    threshold: float
    """Score from which on a pair matches; the best F1 on the validation pairs."""
    max_tokens: int
    trees_weight: float = 1.0
    """Weight of the trees' logit."""
    reader_weight: float = 0.0
    """Weight of the trained encoder's logit; 0 when none was trained."""
    bias: float = 0.0

    def combine(self, trees: Floats, reader: Floats | None) -> Floats:
        """Return scores 0..1 from the trees' probabilities and the encoder's logits, (pairs,) each."""
        if reader is None or self.reader_weight == 0:
            return trees
        return sigmoid(self.trees_weight * logit(trees) + self.reader_weight * reader + self.bias)


def logit(probabilities: Floats) -> Floats:
    """Log odds; 0 and 1 stay finite."""
    clipped = np.clip(probabilities, _LOGIT_LIMIT, 1 - _LOGIT_LIMIT)
    return np.asarray(np.log(clipped / (1 - clipped)))


class Matcher:
    """Scores pairs beside the records that it was trained with."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Load the files of a bundle; they must have been verified."""
        import onnxruntime
        from tokenizers import Tokenizer

        stored = json.loads((folder / SETTINGS).read_text())
        known = {field.name for field in fields(MatcherSettings)}
        self.settings = MatcherSettings(**{name: value for name, value in stored.items() if name in known})
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.settings.max_tokens, strategy="longest_first")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3

        def load(name: str) -> Any:
            return onnxruntime.InferenceSession(str(folder / name), options, providers=["CPUExecutionProvider"])

        self._trees, self._embedder = load(TREES), load(EMBEDDER)
        self._reader = load(READER) if self.settings.reader_weight else None
        self._left, self._right = read_sides(folder / RECORDS)
        self._lexicon = PairFeatures(self._left, self._right).lexicon

    def score(self, pairs: Sequence[tuple[Record, Record]]) -> Floats:
        """Return the score 0..1 of each pair, judged beside the training records and the other pairs' records."""
        if not pairs:
            return np.zeros(0)
        left, first = self._with(self._left, [one for one, _ in pairs])
        right, second = self._with(self._right, [two for _, two in pairs])
        features = PairFeatures(left, right, self._lexicon).of(np.column_stack([first, second]))
        trees = self._trees.run([OUTPUT], {INPUT: features.astype(np.float32)})[0][:, 1].astype(np.float64)
        reader = None
        if self._reader is not None:
            texts = [(one.reading, two.reading) for one, two in pairs]
            reader = self._run(self._reader, READER_OUTPUT, texts).astype(np.float64)
        return self.settings.combine(trees, reader)

    def _with(self, side: Side, records: Sequence[Record]) -> tuple[Side, NDArray[np.int64]]:
        """Return `side` with the records that it lacks, and where each of `records` stands in it."""
        places = {record: number for number, record in enumerate(side.records)}
        fresh = [record for record in dict.fromkeys(records) if record not in places]
        if fresh:
            vectors = self._run(self._embedder, EMBEDDER_OUTPUT, [record.reading for record in fresh])
            places.update((record, len(side.records) + number) for number, record in enumerate(fresh))
            side = side.joined(Side.read(fresh, vectors.astype(np.float32)))
        return side, np.array([places[record] for record in records], dtype=np.int64)

    def _run(self, session: Any, output: str, texts: Sequence[Any]) -> NDArray[np.float32]:
        """Run texts or pairs through a graph in batches of like length."""
        encodings = self._tokenizer.encode_batch(list(texts))
        lengths = np.array([len(entry.ids) for entry in encodings])
        order = np.argsort(lengths, kind="stable")
        parts: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            packed = np.zeros((3, len(rows), int(lengths[rows].max())), dtype=np.int64)
            for place, row in enumerate(rows):
                entry = encodings[row]
                packed[0, place, : lengths[row]], packed[1, place, : lengths[row]] = entry.ids, 1
                packed[2, place, : lengths[row]] = entry.type_ids
            feed = dict(zip(("input_ids", "attention_mask", "token_type_ids"), packed, strict=True))
            parts.append((rows, session.run([output], feed)[0]))
        result = np.zeros((len(order), *parts[0][1].shape[1:]), dtype=np.float32)
        for rows, values in parts:
            result[rows] = values
        return result


def write_sides(path: Path, left: Side, right: Side) -> None:
    """Write the records of both sides with their vectors."""
    columns: dict[str, list[Any]] = {"side": ["left"] * len(left.records) + ["right"] * len(right.records)}
    for name in ("title", "description", "brand", "price"):
        columns[name] = [getattr(record, name) for side in (left, right) for record in side.records]
    vectors = np.concatenate([left.vectors, right.vectors]).astype(np.float32)
    flat = pa.array(vectors.ravel(), pa.float32())
    table = pa.table(columns).append_column("vector", pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]))
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def read_sides(path: Path) -> tuple[Side, Side]:
    """Read what `write_sides` wrote."""
    with pa.OSFile(str(path), "rb") as source:
        table = pa.ipc.open_file(source).read_all()
    column = table["vector"].combine_chunks()
    vectors = np.asarray(column.values, dtype=np.float32).reshape(len(table), -1)
    rows = table.drop_columns(["vector", "side"]).to_pylist()
    records = [Record(row["title"], row["description"], row["brand"], row["price"]) for row in rows]
    split = int(np.sum(np.array(table["side"].to_pylist()) == "left"))
    return Side.read(records[:split], vectors[:split]), Side.read(records[split:], vectors[split:])


def write_settings(path: Path, settings: MatcherSettings, facts: Mapping[str, Any]) -> None:
    """Write how the parts are put together, with facts for people."""
    path.write_text(json.dumps({"format": FORMAT, **asdict(settings), "features": FEATURES, **facts}, indent=1))
