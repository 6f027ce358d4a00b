"""The bundle's manifest: what the trainer promises about the files beside it."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aisle_ranker.domain.blend import NEURAL
from aisle_ranker.errors import BundleInvalid

FORMAT = "aisle-bundle/1"
MANIFEST = "manifest.json"
DEFAULT_RERANK_TOP = 50
SEARCH_TASK, PURCHASE_TASK = "search_relevance", "purchase"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """The parts of `manifest.json` that serving needs."""

    max_tokens: int
    """Length to which a pair or text is cut, special tokens included."""
    embedding_dim: int
    heads: tuple[str, ...]
    """Of `relevance` and `purchase`."""
    history_items: int = 10
    """Recent products in the first text of a purchase pair."""
    history_separator: str = " ; "
    dataset_versions: Mapping[str, str] = field(default_factory=dict)
    """Dataset version by task."""
    search_blend: Mapping[str, float] = field(default_factory=dict)
    recommend_blend: Mapping[str, float] = field(default_factory=dict)
    search_rerank_top: int = DEFAULT_RERANK_TOP
    recommend_rerank_top: int = DEFAULT_RERANK_TOP
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 by file."""


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest; raises BundleInvalid naming the first entry that does not fit."""
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        raise BundleInvalid(f"{MANIFEST} is not JSON") from None
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise BundleInvalid(f"{MANIFEST} does not have the format {FORMAT}")
    heads = raw.get("heads")
    if not isinstance(heads, list) or not all(isinstance(head, str) for head in heads):
        raise _misfit("heads")
    return Manifest(
        max_tokens=_whole(raw, "max_tokens", 4, 8192),
        embedding_dim=_whole(raw, "embedding_dim", 1, 65_536),
        heads=tuple(heads),
        history_items=_whole(raw, "history_items", 1, 1000, default=10),
        history_separator=str(raw.get("history_separator", " ; ")),
        dataset_versions={key: str(value) for key, value in _mapping(raw, "dataset_versions").items()},
        search_blend=_weights(raw, "search_blend"),
        recommend_blend=_weights(raw, "recommend_blend"),
        search_rerank_top=_whole(raw, "search_rerank_top", 0, 1000, default=DEFAULT_RERANK_TOP),
        recommend_rerank_top=_whole(raw, "recommend_rerank_top", 0, 1000, default=DEFAULT_RERANK_TOP),
        files=_files(raw),
    )


def _whole(raw: Mapping[str, Any], name: str, low: int, high: int, default: int | None = None) -> int:
    value = raw.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _misfit(name)
    return value


def _mapping(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name) or {}
    if not isinstance(value, dict):
        raise _misfit(name)
    return value


def _weights(raw: Mapping[str, Any], name: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for key, value in _mapping(raw, name).items():
        # A neural score below the others' would break the promise that scores fall from the first result to the last.
        if not isinstance(value, int | float) or not math.isfinite(value) or (value < 0 and key in NEURAL):
            raise _misfit(f"{name}.{key}")
        weights[key] = float(value)
    return weights


def _files(raw: Mapping[str, Any]) -> dict[str, str]:
    files: dict[str, str] = {}
    for path, entry in _mapping(raw, "files").items():
        digest = entry.get("sha256") if isinstance(entry, dict) else None
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise _misfit(f"files.{path}")
        files[path] = digest
    return files


def _misfit(name: str) -> BundleInvalid:
    return BundleInvalid(f"{MANIFEST} has no usable {name}", facts={"entry": name[:200]})
