"""The base encoder: loading it, tokenising for it, embedding with it."""

import hashlib
import json
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from aisle_trainer.engines.base_models import BaseModel

TOKEN_BUDGET = 4096
"""Tokens of one inference batch, padding included."""
LARGEST_BATCH = 128
_log = logging.getLogger(__name__)


def load_trunk(base: BaseModel) -> nn.Module:
    """Return the encoder with its weights in float32, without dropout: short fine-tuning on few labels does better so."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import transformers

    transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    config = transformers.AutoConfig.from_pretrained(base.folder, local_files_only=True, trust_remote_code=False)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trunk: nn.Module = transformers.AutoModel.from_pretrained(
            base.folder,
            config=config,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            attn_implementation="sdpa",
            add_pooling_layer=False,
            dtype=torch.float32,
        )
    return trunk


def load_tokenizer(base: BaseModel, max_tokens: int) -> Tokenizer:
    """Return the tokenizer, cutting the longer text of a pair first, without padding."""
    tokenizer = Tokenizer.from_file(str(base.folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens, strategy="longest_first")
    return tokenizer


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids and segment ids (0 first text, 1 second) of texts or pairs, unpadded."""

    ids: list[list[int]]
    types: list[list[int]]
    lengths: NDArray[np.int64]

    def tensors(self, rows: Sequence[int] | NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Return (input_ids, attention_mask, token_type_ids) of `rows`, each (batch, longest) int64, padded with 0."""
        longest = int(self.lengths[rows].max())
        packed = np.zeros((3, len(rows), longest), dtype=np.int64)
        for place, row in enumerate(rows):
            size = self.lengths[row]
            packed[0, place, :size], packed[1, place, :size] = self.ids[row], 1
            packed[2, place, :size] = self.types[row]
        ids, mask, types = torch.from_numpy(packed)
        return ids, mask, types

    def batches(self) -> Iterator[NDArray[np.int64]]:
        """Yield all rows in inference batches of like length."""
        order = np.argsort(self.lengths, kind="stable")
        start = 0
        while start < len(order):
            end = min(start + LARGEST_BATCH, len(order))
            while end > start + 1 and (end - start) * self.lengths[order[end - 1]] > TOKEN_BUDGET:
                end -= 1 + (end - start) // 8
            end = max(end, start + 1)
            yield order[start:end]
            start = end


def encode(tokenizer: Tokenizer, texts: Sequence[str] | Sequence[tuple[str, str]]) -> Encoded:
    """Tokenise texts or pairs."""
    encodings = tokenizer.encode_batch(list(texts))
    ids = [entry.ids for entry in encodings]
    return Encoded(ids, [entry.type_ids for entry in encodings], np.array([len(row) for row in ids], dtype=np.int64))


def masked_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """Average the token states of each row, padding left out.

    hidden (batch, seq, dim), mask (batch, seq) 1 = token -> (batch, dim); an all-padding row gives zeros, never NaN.
    Source: Reimers & Gurevych 2019, section 3.
    """
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1.0)


class Embedder:
    """Embeds texts with the frozen base encoder and keeps what it embedded."""

    def __init__(self, base: BaseModel, trunk: nn.Module, tokenizer: Tokenizer, cache_dir: Path, bf16: bool) -> None:
        """Use `trunk` as it is now; vectors are kept below `cache_dir` by base digest, length limit and text hash."""
        self._trunk, self._tokenizer, self._bf16 = trunk, tokenizer, bf16
        limit = (tokenizer.truncation or {}).get("max_length", 0)
        kind = hashlib.sha256(json.dumps([base.digest, limit, bf16]).encode()).hexdigest()[:32]
        self._file = cache_dir / f"embeddings-{kind}.safetensors"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return L2-normalised mean-pooled embeddings, (texts, dim)."""
        keys = [hashlib.sha256(text.encode()).digest()[:16] for text in texts]
        known = self._load()
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if fresh:
            known.update(zip(fresh, self._compute(list(fresh.values())), strict=True))
            self._save(known)
        return np.stack([known[key] for key in keys]) if keys else np.zeros((0, 0), dtype=np.float32)

    def _compute(self, texts: list[str]) -> NDArray[np.float32]:
        encoded = encode(self._tokenizer, texts)
        out: NDArray[np.float32] | None = None
        self._trunk.eval()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self._bf16):
            for rows in encoded.batches():
                ids, mask, types = encoded.tensors(rows)
                hidden = self._trunk(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state
                vectors = nn.functional.normalize(masked_mean(hidden.float(), mask), dim=1).numpy()
                if out is None:
                    out = np.zeros((len(texts), vectors.shape[1]), dtype=np.float32)
                out[rows] = vectors
        assert out is not None
        return out

    def _load(self) -> dict[bytes, NDArray[np.float32]]:
        try:
            stored: dict[str, Any] = load_file(self._file)
        except FileNotFoundError:
            return {}
        except Exception:  # noqa: BLE001 - a damaged cache only costs time
            _log.warning("the embedding cache is damaged and is built again")
            return {}
        vectors = stored["vectors"].astype(np.float32)
        return {bytes(key): vector for key, vector in zip(stored["keys"], vectors, strict=True)}

    def _save(self, known: dict[bytes, NDArray[np.float32]]) -> None:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = np.array([np.frombuffer(key, dtype=np.uint8) for key in known])
        temporary = self._file.with_suffix(f".{os.getpid()}.tmp")
        save_file({"keys": keys, "vectors": np.stack(list(known.values()))}, temporary)
        temporary.replace(self._file)


def bf16_is_fast() -> bool:
    """Say whether this processor multiplies bfloat16 natively."""
    told = torch.cpu.get_capabilities()
    return any(bool(told.get(name, False)) for name in ("avx512_bf16", "amx_bf16", "bf16"))
