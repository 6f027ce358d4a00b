"""Cross-entropy over all items whose logits are never kept: they are worked out in blocks, gradients at once with the loss."""

from typing import Any

import torch
from torch import Tensor

BLOCK = 64
"""States whose logits exist at once: with ten thousand items they stay in the processor's cache."""


class SoftmaxLoss(torch.autograd.Function):
    """Mean of -log softmax(states @ table.T + bias) at the targets.

    states (n, width), table (items, width), bias (items,), targets (n,) 0..items-1; `bf16` multiplies matrices in bfloat16. The
    gradient of a mean is known as soon as the probabilities are, so that forward computes it and backward scales it.
    """

    @staticmethod
    def forward(ctx: Any, states: Tensor, table: Tensor, bias: Tensor, targets: Tensor, bf16: bool) -> Tensor:
        """Return the mean loss."""
        count, total = len(states), 0.0
        kind = torch.bfloat16 if bf16 else torch.float32
        small = table.to(kind)
        d_states, d_table, d_bias = torch.empty_like(states), torch.zeros_like(table), torch.zeros_like(bias)
        for start in range(0, count, BLOCK):
            part, wanted = states[start : start + BLOCK], targets[start : start + BLOCK].unsqueeze(1)
            part = part.to(kind)
            logits = torch.mm(part, small.T).float() + bias
            logits -= logits.amax(1, keepdim=True)
            moved = logits.gather(1, wanted)
            sums = logits.exp_().sum(1, keepdim=True)
            total += float((sums.log() - moved).sum())
            logits /= sums * count
            logits.scatter_add_(1, wanted, torch.full_like(moved, -1 / count))
            d_bias += logits.sum(0)
            gradients = logits.to(kind)
            d_states[start : start + BLOCK] = torch.mm(gradients, small)
            d_table += torch.mm(gradients.T, part)
        ctx.save_for_backward(d_states, d_table, d_bias)
        return states.new_tensor(total / count)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """Scale what forward found."""
        d_states, d_table, d_bias = ctx.saved_tensors
        return d_states * grad, d_table * grad, d_bias * grad, None, None
