"""The manifest of a serving bundle: what is in it, how to feed it, and how its scores are put together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aisle_trainer.domain.blend import FEATURES_IN_WORDS
from aisle_trainer.domain.report import BundleFile

FORMAT = "aisle-bundle/1"
MANIFEST = "manifest.json"
SEARCH_RERANK_TOP = 50
RECALL_DEPTH = 200


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """What the manifest says besides its files."""

    base_model: str
    training_job: str
    dataset_versions: Mapping[str, str]
    """`search_relevance` and `purchase` -> version, as far as they were trained."""
    max_tokens: int
    history_items: int
    history_separator: str
    embedding_dim: int
    search_blend: Mapping[str, float]
    recommend_blend: Mapping[str, float]
    recommend_rerank_top: int
    parity: Mapping[str, float]
    """Measured: largest differences of the exports, and what int8 costs."""
    training: Mapping[str, Any]
    """Plan, precision and counts, for people."""


def build_manifest(facts: BundleFacts, files: Sequence[BundleFile]) -> dict[str, Any]:
    """Return the manifest as JSON values; `files` leaves out the manifest itself."""
    shape = ["batch", "seq"]
    inputs = {name: {"type": "int64", "shape": shape} for name in ("input_ids", "attention_mask", "token_type_ids")}
    return {
        "format": FORMAT,
        "base_model": facts.base_model,
        "training_job": facts.training_job,
        "dataset_versions": dict(facts.dataset_versions),
        "heads": ["relevance", "purchase"],
        "max_tokens": facts.max_tokens,
        "history_items": facts.history_items,
        "history_separator": facts.history_separator,
        "embedding_dim": facts.embedding_dim,
        "signature": {
            "ranker": {
                "inputs": inputs,
                "outputs": {
                    "relevance": {"type": "float32", "shape": ["batch"]},
                    "purchase": {"type": "float32", "shape": ["batch"]},
                },
            },
            "embedder": {
                "inputs": inputs,
                "outputs": {"embedding": {"type": "float32", "shape": ["batch", facts.embedding_dim]}},
            },
        },
        "features": FEATURES_IN_WORDS,
        "search_blend": dict(facts.search_blend),
        "recommend_blend": dict(facts.recommend_blend),
        "search_rerank_top": SEARCH_RERANK_TOP,
        "recommend_rerank_top": facts.recommend_rerank_top,
        "recall_depth": RECALL_DEPTH,
        "parity": dict(facts.parity),
        "training": dict(facts.training),
        "files": {file.path: {"sha256": file.sha256, "size_bytes": file.size_bytes} for file in files},
    }
