"""Matchers of finished jobs, kept loaded for the questions that follow."""

import json
import shutil
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aisle_runtime.artifacts import ArtifactStore

from aisle_trainer.domain.matching import Record
from aisle_trainer.errors import DataLoss

if TYPE_CHECKING:
    from aisle_trainer.engines.matcher import Matcher

MOST_LOADED = 2
"""Matchers held in memory at once; each holds its encoder and its records."""


class PairScoring:
    """Answers from matchers; one question at a time, so that memory and threads stay bounded."""

    def __init__(self, artifacts: ArtifactStore, folder: Path, threads: int) -> None:
        """Unpack matchers below `folder`, which may be deleted at any time between two runs of the service."""
        self._artifacts, self._folder, self._threads = artifacts, folder, threads
        self._loaded: OrderedDict[str, Matcher] = OrderedDict()
        self._lock = threading.Lock()

    def score(
        self, job: str, files: Mapping[str, str], pairs: Sequence[tuple[Record, Record]]
    ) -> tuple[Sequence[float], float]:
        """Return the score of each pair and the matcher's own threshold; `files` maps paths of the bundle to SHA-256.

        Blocks; raises DataLoss when a file is damaged.
        """
        with self._lock:
            matcher = self._matcher(job, files)
            return [float(score) for score in matcher.score(pairs)], matcher.settings.threshold

    def _matcher(self, job: str, files: Mapping[str, str]) -> "Matcher":
        if job in self._loaded:
            self._loaded.move_to_end(job)
            return self._loaded[job]
        from aisle_trainer.engines.matcher import Matcher

        place = self._folder / job.rpartition("/")[2]
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700, parents=True)
        try:
            for path, digest in files.items():
                self._unpack(digest, place / Path(path).name)
            found = Matcher(place, self._threads)
        except (ValueError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise DataLoss(
                "The matcher's files cannot be read.",
                reason="MATCHER_DAMAGED",
                next_step="Train the matcher again.",
                facts={"training_job": job},
            ) from error
        finally:
            shutil.rmtree(place, ignore_errors=True)
        self._loaded[job] = found
        while len(self._loaded) > MOST_LOADED:
            self._loaded.popitem(last=False)
        return found

    def _unpack(self, digest: str, target: Path) -> None:
        with target.open("wb") as file:
            for chunk in self._artifacts.chunks(digest):
                file.write(chunk)
