"""Sequence models of finished jobs, kept loaded for the questions that follow."""

import shutil
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aisle_runtime.artifacts import ArtifactStore

from aisle_trainer.domain.sequences import NextItems
from aisle_trainer.errors import DataLoss

if TYPE_CHECKING:
    from aisle_trainer.engines.next_items import NextItemModel

MOST_LOADED = 2
"""Models held in memory at once."""


class NextScoring:
    """Answers from sequence models; one question at a time, so that memory and threads stay bounded."""

    def __init__(self, artifacts: ArtifactStore, folder: Path, threads: int) -> None:
        """Unpack models below `folder`, which may be deleted at any time between two runs of the service."""
        self._artifacts, self._folder, self._threads = artifacts, folder, threads
        self._loaded: OrderedDict[str, NextItemModel] = OrderedDict()
        self._lock = threading.Lock()

    def score(
        self,
        job: str,
        files: Mapping[str, str],
        histories: Sequence[Sequence[str]],
        top: int,
        candidates: Sequence[str],
    ) -> list[NextItems]:
        """Return what comes next after each history; `files` maps paths of the bundle to SHA-256.

        Blocks; raises DataLoss when a file is damaged.
        """
        with self._lock:
            return self._model(job, files).next_items(histories, top, candidates)

    def _model(self, job: str, files: Mapping[str, str]) -> "NextItemModel":
        if job in self._loaded:
            self._loaded.move_to_end(job)
            return self._loaded[job]
        from aisle_trainer.engines.next_items import NextItemModel

        place = self._folder / job.rpartition("/")[2]
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700, parents=True)
        try:
            for path, digest in files.items():
                with (place / Path(path).name).open("wb") as file:
                    for chunk in self._artifacts.chunks(digest):
                        file.write(chunk)
            found = NextItemModel(place, self._threads)
        except (ValueError, KeyError, TypeError) as error:
            raise DataLoss(
                "The sequence model's files cannot be read.",
                reason="SEQUENCE_MODEL_DAMAGED",
                next_step="Train the model again.",
                facts={"training_job": job},
            ) from error
        finally:
            shutil.rmtree(place, ignore_errors=True)
        self._loaded[job] = found
        while len(self._loaded) > MOST_LOADED:
            self._loaded.popitem(last=False)
        return found
