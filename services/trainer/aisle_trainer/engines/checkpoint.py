"""Checkpoints of a training job: safetensors and JSON, whole or absent, from which training goes on bit for bit.

A checkpoint is a folder `step-00000040` with the trained weights, the optimizer's moments, the random states, and a
JSON file that names the SHA-256 of the others. It is written beside its place, synced, and renamed.
"""

import hashlib
import json
import logging
import os
import random
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor

from aisle_trainer.errors import CheckpointDamaged

_STATE, _WEIGHTS, _OPTIMIZER, _BEST = "state.json", "weights.safetensors", "optimizer.safetensors", "best.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step", "momentum_buffer")
_RANDOM, _RANKS = "random.torch", "ranks."
_log = logging.getLogger(__name__)


class Ranks(Protocol):
    """Ranks that move while training."""

    def state(self) -> dict[str, Tensor]:
        """Return what `load` takes up."""

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` returned."""


class Trainable(Protocol):
    """A model whose trained weights can be kept and taken up."""

    @property
    def ranks(self) -> Ranks | None:
        """Ranks that move while training; None without."""

    def trainable(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        """Yield the trained parameters by name."""

    def trainable_state(self) -> dict[str, Tensor]:
        """Copy the trained parameters."""

    def load_trainable(self, state: Mapping[str, Tensor]) -> None:
        """Put the values of `trainable_state` back."""


@dataclass(slots=True)
class TrainingState:
    """Where a training run stands besides its weights."""

    step: int
    """Optimizer steps done; the next batch is the one of this number."""
    facts: dict[str, Any]
    """JSON values of the training loop: validations, losses, the digest of its plan."""
    best: dict[str, Tensor]
    """Trained weights at the best validation; empty before the first."""


def save(folder: Path, model: Trainable, optimizer: torch.optim.Optimizer, state: TrainingState) -> Path:
    """Write checkpoint `state.step` below `folder`, then forget older ones; returns its path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    final = folder / f"step-{state.step:08d}"
    temporary = folder / f".{final.name}.{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(mode=0o700)
    try:
        digests = {
            _WEIGHTS: _write(temporary / _WEIGHTS, model.trainable_state()),
            _OPTIMIZER: _write(temporary / _OPTIMIZER, _optimizer_tensors(model, optimizer)),
            _BEST: _write(temporary / _BEST, state.best),
        }
        content = {"step": state.step, "facts": state.facts, "random": _random_state(), "sha256": digests}
        _write_bytes(temporary / _STATE, json.dumps(content).encode())
        shutil.rmtree(final, ignore_errors=True)
        temporary.rename(final)
        _sync(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    for other in folder.iterdir():
        if other != final:
            shutil.rmtree(other, ignore_errors=True)
    return final


def load_newest(
    folder: Path, model: Trainable, optimizer: torch.optim.Optimizer, plan_digest: str
) -> TrainingState | None:
    """Restore the newest whole checkpoint of the same plan into `model` and `optimizer`; None when there is none."""
    for place in sorted(folder.glob("step-*"), reverse=True) if folder.is_dir() else ():
        try:
            content = json.loads((place / _STATE).read_text())
            if content["facts"].get("plan_digest") != plan_digest:
                continue
            tensors = {name: _read(place / name, digest) for name, digest in content["sha256"].items()}
        except (OSError, ValueError, KeyError, SafetensorError, CheckpointDamaged):
            _log.warning("a damaged checkpoint was passed over", extra={"fields": {"checkpoint": place.name}})
            continue
        model.load_trainable(tensors[_WEIGHTS])
        _restore_optimizer(model, optimizer, tensors[_OPTIMIZER])
        _restore_random(content["random"], tensors[_OPTIMIZER])
        return TrainingState(int(content["step"]), content["facts"], tensors[_BEST])
    return None


def _optimizer_tensors(model: Trainable, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    tensors = {
        f"{moment}.{name}": optimizer.state[parameter][moment].detach().clone().contiguous()
        for name, parameter in model.trainable()
        if parameter in optimizer.state
        for moment in _MOMENTS
        if isinstance(optimizer.state[parameter].get(moment), Tensor)
    }
    tensors[_RANDOM] = torch.get_rng_state()
    if model.ranks is not None:
        tensors |= {_RANKS + name: values for name, values in model.ranks.state().items()}
    return tensors


def _restore_optimizer(model: Trainable, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    for name, parameter in model.trainable():
        found = {moment: tensors[f"{moment}.{name}"].clone() for moment in _MOMENTS if f"{moment}.{name}" in tensors}
        if found:
            optimizer.state[parameter] = found
    if model.ranks is not None:
        ranks = {name.removeprefix(_RANKS): value for name, value in tensors.items() if name.startswith(_RANKS)}
        model.ranks.load(ranks)


def _random_state() -> dict[str, Any]:
    version, internal, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": [version, list(internal), gauss],
        "numpy": [str(kind), np.asarray(keys).tolist(), int(position), int(has_gauss), float(cached)],
    }


def _restore_random(state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), position, has_gauss, cached))
    torch.set_rng_state(tensors[_RANDOM])


def _write(path: Path, tensors: dict[str, Tensor]) -> str:
    save_file(tensors, path)
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_bytes(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path, digest: str) -> dict[str, Tensor]:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise CheckpointDamaged("A checkpoint's bytes changed after it was written.")
    return load(data)
