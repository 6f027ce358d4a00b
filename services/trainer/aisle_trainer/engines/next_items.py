"""What a sequence job left behind, read back and asked what comes next. Needs ONNX Runtime, no torch."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aisle_trainer.domain.sequences import Ints, NextItems, Scores

FORMAT = "aisle-sequence/1"
GRAPH, ITEMS, SETTINGS, MANIFEST = "next_item.onnx", "items.arrow", "sequence.json", "manifest.json"
INPUTS, OUTPUT = ("histories", "lengths"), "scores"
_BATCH = 64


class NextItemModel:
    """Scores items of the training data as the next of a history."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Load the files of a bundle; they must have been verified."""
        import onnxruntime

        settings = json.loads((folder / SETTINGS).read_text())
        self._history, self.without_seen = int(settings["max_history"]), bool(settings["without_seen"])
        with pa.OSFile(str(folder / ITEMS), "rb") as source:
            table = pa.ipc.open_file(source).read_all()
        self.product_ids: list[str] = table["product_id"].to_pylist()
        self._counts = table["event_count"].to_numpy().astype(np.float32)
        self._number = {product: number for number, product in enumerate(self.product_ids)}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(folder / GRAPH), options, providers=["CPUExecutionProvider"])

    def scores(self, histories: Sequence[Ints]) -> Scores:
        """Return the score of every item as the next, (histories, items); item numbers, no history empty."""
        parts: list[NDArray[np.float32]] = []
        for start in range(0, len(histories), _BATCH):
            cut = [history[-self._history :] for history in histories[start : start + _BATCH]]
            packed = np.zeros((len(cut), max(2, *map(len, cut))), dtype=np.int64)
            for row, history in enumerate(cut):
                packed[row, : len(history)] = history + 1
            lengths = np.array([len(history) for history in cut], dtype=np.int64)
            parts.append(self._session.run([OUTPUT], dict(zip(INPUTS, (packed, lengths), strict=True)))[0])
        return np.concatenate(parts) if parts else np.zeros((0, len(self.product_ids)), dtype=np.float32)

    def next_items(self, histories: Sequence[Sequence[str]], top: int, candidates: Sequence[str]) -> list[NextItems]:
        """Return the best `top` items after each history of product ids, oldest first; all items are candidates when none is named.

        Named candidates that the model does not know get no answer. Items of the history are left out where that was better on
        the validation items, unless they are named.
        """
        numbers = [np.array([self._number[one] for one in history if one in self._number]) for history in histories]
        known = [row for row, found in enumerate(numbers) if len(found)]
        table = np.tile(self._counts, (len(histories), 1))
        if known:
            table[known] = self.scores([numbers[row].astype(np.int64) for row in known])
        allowed = np.array(
            [self._number[one] for one in dict.fromkeys(candidates) if one in self._number], dtype=np.int64
        )
        answers = []
        for row, scores in enumerate(table):
            if self.without_seen and not candidates and len(numbers[row]):
                scores[numbers[row].astype(np.int64)] = -np.inf
            pool = allowed if candidates else np.flatnonzero(np.isfinite(scores))
            best = pool[np.argsort(-scores[pool], kind="stable")[:top]]
            answers.append(
                NextItems(
                    [self.product_ids[one] for one in best], [float(scores[one]) for one in best], len(numbers[row])
                )
            )
        return answers


def write_items(path: Path, product_ids: Sequence[str], titles: Sequence[str], counts: Ints) -> None:
    """Write the items in the order of the model's numbers, with how often each occurs in the training data."""
    table = pa.table(
        {"product_id": list(product_ids), "title": list(titles), "event_count": pa.array(counts, pa.int64())}
    )
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
