"""A classifier as bytes: NumPy arrays and JSON in one archive, nothing that could run code when it is read."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from aisle_ranker.domain.assist.classifier import Acquaintance, Evaluation, Head


def encode(heads: Mapping[str, Head]) -> bytes:
    """Return the heads as one archive."""
    arrays: dict[str, np.ndarray] = {}
    about = {}
    for kind, head in heads.items():
        arrays[f"{kind}_buckets"] = head.buckets.astype(np.uint32)
        arrays[f"{kind}_weights"] = head.weights.astype(np.float16)
        arrays[f"{kind}_bias"] = head.bias.astype(np.float32)
        tells = head.acquaintance
        if tells is not None:
            arrays[f"{kind}_seen"] = np.packbits(tells.seen, axis=1)
            arrays[f"{kind}_rarity"] = tells.rarity.astype(np.float16)
        about[kind] = {
            "acquaintance": None
            if tells is None
            else [tells.unknown_rarity, tells.margin_weight, tells.share_weight, tells.bias],
            "labels": head.labels,
            "temperature": head.temperature,
            "min_score": head.min_score,
            "evaluation": asdict(head.evaluation),
        }
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def decode(data: bytes) -> dict[str, Head]:
    """Read what `encode` wrote."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].tobytes())
        return {
            kind: Head(
                kind=kind,
                labels=tuple(told["labels"]),
                buckets=arrays[f"{kind}_buckets"].astype(np.int64),
                weights=arrays[f"{kind}_weights"].astype(np.float32),
                bias=arrays[f"{kind}_bias"],
                temperature=told["temperature"],
                min_score=told["min_score"],
                acquaintance=_acquaintance(kind, told, arrays),
                evaluation=Evaluation(**{**told["evaluation"], "left_out": tuple(told["evaluation"]["left_out"])}),
            )
            for kind, told in about.items()
        }


def _acquaintance(kind: str, told: Mapping[str, Any], arrays: Mapping[str, Any]) -> Acquaintance | None:
    if told["acquaintance"] is None:
        return None
    seen = np.unpackbits(arrays[f"{kind}_seen"], axis=1, count=len(told["labels"])).astype(bool)
    return Acquaintance(seen, arrays[f"{kind}_rarity"].astype(np.float32), *told["acquaintance"])
