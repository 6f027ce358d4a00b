"""A model of what comes next in a history of items: item vectors, causal attention, and losses over all items or a sample.

Source: Kang & McAuley 2018 (SASRec); Petrov & Macdonald 2023 (gBCE).
"""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aisle_trainer.domain.sequence_options import SequenceLoss, SequenceOptions
from aisle_trainer.engines.softmax_loss import SoftmaxLoss

_INIT = 0.02


class Block(nn.Module):
    """Causal self-attention and a feed-forward part, each with the norm in front."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        """Build the block."""
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, states: Tensor) -> Tensor:
        """(batch, seq, width) -> the same; a state sees itself and those before it."""
        batch, seq, width = states.shape
        parts = self.qkv(self.norm1(states)).view(batch, seq, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = nn.functional.scaled_dot_product_attention(
            query, key, value, is_causal=True, dropout_p=self.dropout if self.training else 0.0
        )
        states = states + self.drop(self.out(mixed.transpose(1, 2).reshape(batch, seq, width)))
        hidden = self.down(self.drop(nn.functional.gelu(self.up(self.norm2(states)))))
        summed: Tensor = states + self.drop(hidden)
        return summed


class SequenceModel(nn.Module):
    """Reads item numbers 1..items (0 is padding behind the history) and scores every item as the next."""

    def __init__(self, items: int, options: SequenceOptions, text: NDArray[np.float32] | None) -> None:
        """Build the model; `text` (items, dim) holds what the encoder reads in the titles."""
        super().__init__()
        width, dropout = options.width, options.dropout or 0.0
        self.options, self.ranks, self.bf16 = options, None, False
        self.items = nn.Embedding(items + 1, width, padding_idx=0)
        self.positions = nn.Parameter(torch.randn(options.history, width) * _INIT)
        nn.init.normal_(self.items.weight, std=_INIT)
        self.text: nn.Linear | None = None
        if text is not None:
            self.register_buffer(
                "vectors", torch.from_numpy(np.vstack([np.zeros_like(text[:1]), text])), persistent=False
            )
            self.text = nn.Linear(text.shape[1], width, bias=False)
            nn.init.normal_(self.text.weight, std=_INIT * math.sqrt(width / text.shape[1]) * 4)
        self.blocks = nn.ModuleList(Block(width, options.heads, dropout) for _ in range(options.layers))
        self.drop, self.norm = nn.Dropout(dropout), nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(items + 1))
        for name, parameter in self.blocks.named_parameters():
            if name.endswith("weight") and parameter.dim() == 2:
                nn.init.normal_(parameter, std=_INIT)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def table(self) -> Tensor:
        """Vectors of the padding and of all items, (items + 1, width)."""
        if self.text is None:
            return self.items.weight
        vectors: Tensor = self.get_buffer("vectors")
        summed: Tensor = self.items.weight + self.text(vectors)
        return summed

    def states(self, histories: Tensor, table: Tensor) -> Tensor:
        """(batch, seq) item numbers -> (batch, seq, width), each state what is expected after the item."""
        seq = histories.shape[1]
        found = nn.functional.embedding(histories, table) * math.sqrt(table.shape[1]) + self.positions[:seq]
        found = self.drop(found)
        for block in self.blocks:
            found = block(found)
        normed: Tensor = self.norm(found)
        return normed

    def loss(self, histories: Tensor, targets: Tensor) -> Tensor:
        """Mean loss over all places with a target; both (batch, seq), 0 where there is none."""
        table = self.table()
        there = targets > 0
        states, wanted = self.states(histories, table)[there], targets[there]
        if self.options.loss is SequenceLoss.SOFTMAX:
            found: Tensor = SoftmaxLoss.apply(states, table[1:], self.bias[1:], wanted - 1, self.bf16)  # type: ignore[no-untyped-call]
            return found
        return self._sampled_loss(states, wanted, table)

    def _sampled_loss(self, states: Tensor, wanted: Tensor, table: Tensor) -> Tensor:
        """Compare each target with items drawn once per step; a drawn item that is the target does not count."""
        count = self.options.negatives
        drawn = torch.randint(1, len(table), (count,))
        positive = (states * table[wanted]).sum(1) + self.bias[wanted]
        negative = states @ table[drawn].T + self.bias[drawn]
        negative = negative.masked_fill(drawn.unsqueeze(0) == wanted.unsqueeze(1), -1e4)
        if self.options.loss is SequenceLoss.SAMPLED:
            negative = negative + math.log((len(table) - 1) / count)
            logits = torch.cat([positive.unsqueeze(1), negative], dim=1)
            return nn.functional.cross_entropy(logits, torch.zeros(len(wanted), dtype=torch.long))
        rate = count / max(len(table) - 2, 1)
        beta = rate * ((self.options.calibration or 0.0) * (1 - 1 / rate) + 1 / rate)
        plus = beta * nn.functional.softplus(-positive)
        return (plus + nn.functional.softplus(negative).sum(1)).mean() / (count + 1)

    def trainable(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield all parameters by name."""
        return self.named_parameters()

    def trainable_state(self) -> dict[str, Tensor]:
        """Return copies of the parameters by name."""
        return {name: parameter.detach().clone().contiguous() for name, parameter in self.trainable()}

    def load_trainable(self, state: Mapping[str, Tensor]) -> None:
        """Set the parameters from what `trainable_state` returned."""
        with torch.no_grad():
            for name, parameter in self.trainable():
                parameter.copy_(state[name])

    def forward(self, histories: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq) histories, (batch,) lengths -> (batch, items) scores of every item as the next."""
        return self.scored(histories, lengths, self.table())

    def scored(self, histories: Tensor, lengths: Tensor, table: Tensor) -> Tensor:
        """The same with `table` in place of the vectors of the items."""
        states = self.states(histories, table)
        places = (lengths - 1).view(-1, 1, 1).expand(-1, 1, states.shape[2])
        last = states.gather(1, places).squeeze(1)
        return last @ table[1:].T + self.bias[1:]
