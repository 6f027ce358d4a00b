"""A finished job's bundle as a system of a leaderboard: its graph by ONNX Runtime, its blend as the ranker's."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from aisle_trainer.domain.blend import Floats, sigmoid
from aisle_trainer.domain.leaderboard import Skipped
from aisle_trainer.domain.manifest import MANIFEST
from aisle_trainer.domain.plan import Task
from aisle_trainer.engines.encoder import encode
from aisle_trainer.engines.export import OnnxModel

RANKER, TOKENIZER = "ranker.onnx", "tokenizer.json"
FILES = (MANIFEST, RANKER, TOKENIZER)
"""Files of a bundle that are read."""
HEADS = {Task.SEARCH_RELEVANCE: "relevance", Task.PURCHASE: "purchase"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A finished job that may be applied."""

    training_job: str
    folds: int
    dataset_versions: tuple[str, ...]
    files: Mapping[str, str]
    """Path -> SHA-256."""


class AppliedModel:
    """Scores pairs of texts with the head of a bundle."""

    def __init__(self, name: str, folder: Path, task: Task, threads: int) -> None:
        """Load the bundle in `folder`; raises what is wrong with its files."""
        self.name = name
        self.manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.enable_truncation(int(self.manifest["max_tokens"]), strategy="longest_first")
        self._model, self._head = OnnxModel(folder / RANKER, threads), HEADS[task]

    def probabilities(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """Return the sigmoid of the head's logit of each pair, (pairs,)."""
        return sigmoid(self._model.run(encode(self._tokenizer, pairs), self._head))


def unfit(candidate: Candidate, task: Task, version: str, manifest: Mapping[str, Any]) -> Skipped | None:
    """Say why a model must not be judged on a dataset version; None when it may."""
    name = candidate.training_job
    if task.value not in manifest["dataset_versions"]:
        return Skipped(name, "TASK_NOT_TRAINED", f"Its job did not train {task.value.replace('_', ' ')}.")
    if task is Task.SEARCH_RELEVANCE and candidate.folds:
        message = "Its job trained with folds, so the model has seen the queries that are held back here."
        return Skipped(name, "SAW_HELD_BACK_QUERIES", f"{message} Its own evaluation scores each query unseen.")
    trained = manifest["dataset_versions"][task.value]
    same = trained.split("/versions/")[0] == version.split("/versions/")[0]
    if task is Task.PURCHASE and same and _age(trained) > _age(version):
        return Skipped(name, "SAW_HELD_BACK_ORDERS", "It was trained on a newer version, which may hold these orders.")
    return None


def _age(version: str) -> tuple[int, str]:
    """Order versions by their making: ids of equal length sort by time, plain numbers by value."""
    own = version.rsplit("/", 1)[-1]
    return len(own), own


def gather(candidate: Candidate, folder: Path, fetch: Callable[[str], Path]) -> Path:
    """Put links to the candidate's files into `folder` under their names in the bundle; `fetch` gives a file by its SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in FILES:
        link = folder / path
        link.unlink(missing_ok=True)
        link.symlink_to(fetch(candidate.files[path]).resolve())
    return folder
