"""Fine-tuning methods put into a trunk and, at the end, folded into it where that is possible.

peft does the low-rank methods, IA3 and the tokens of prefix- and prompt-tuning; bottleneck adapters and BitFit are here.
"""

import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from aisle_trainer.domain.methods import (
    UNMERGEABLE,
    AdaptiveLowRank,
    Bottleneck,
    LowRank,
    Method,
    Target,
    VirtualTokens,
)
from aisle_trainer.domain.plan import Plan
from aisle_trainer.errors import MethodUnsupported

ADAPTER = "default"
_TARGETS = {
    Target.ALL: ["query", "key", "value", "dense"],
    Target.ATTENTION: ["query", "key", "value"],
    Target.QUERY_VALUE: ["query", "value"],
}
_PREFIX_SCALE = 0.1
"""Prefixes begin near zero: peft's unit normal draws would drown what the trunk knows."""


def attach(trunk: nn.Module, plan: Plan) -> nn.Module:
    """Put the method of `plan` into `trunk` and return what to call in its place; only what is trained needs gradients.

    Raises MethodUnsupported when the trunk has no place for it. Draws of new weights come from torch's global generator.
    """
    method, tuning = plan.method, plan.tuning
    try:
        if method is Method.FULL:
            return trunk
        if method is Method.FROZEN:
            return trunk.requires_grad_(False)
        if method is Method.BITFIT:
            return _with_biases(trunk)
        if isinstance(tuning, Bottleneck):
            return _with_bottlenecks(trunk, tuning)
        if isinstance(tuning, VirtualTokens):
            return _with_tokens(trunk, method, tuning.count)
        if isinstance(tuning, AdaptiveLowRank):
            return _module(_peft(trunk, _adalora(tuning, plan)))
        if isinstance(tuning, LowRank):
            return _module(_peft(trunk, _lora(tuning, plan)))
        return _module(_peft(trunk, _ia3()))
    except ValueError as error:  # peft finds no layer of the names that it looks for
        raise MethodUnsupported(
            f"The base model has no layers that {method} could go into.",
            next_step="Use the method full or bitfit, or another base model.",
            facts={"method": str(method), "base_model": plan.base_model},
        ) from error


def merge(trunk: nn.Module, method: Method) -> nn.Module:
    """Fold the method's parts into the trunk's weights, in place; parts that cannot be folded stay as they are."""
    if method in UNMERGEABLE or not hasattr(trunk, "merge_and_unload"):
        return trunk
    merged: nn.Module = trunk.merge_and_unload()  # type: ignore[operator]
    return merged


def _peft(trunk: nn.Module, config: Any) -> Any:
    from peft import get_peft_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks transformers for a property that has a new name
        return get_peft_model(trunk, config, adapter_name=ADAPTER)


def add_low_rank(trunk: Any, name: str, plan: Plan) -> None:
    """Put a further LoRA or DoRA adapter beside the first; which one answers is chosen by `set_adapter`."""
    assert isinstance(plan.tuning, LowRank)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trunk.add_adapter(name, _lora(plan.tuning, plan))


def _module(adapted: Any) -> nn.Module:
    assert isinstance(adapted, nn.Module)
    return adapted


def _lora(tuning: LowRank, plan: Plan) -> Any:
    """Source: Hu et al. 2021, section 4; Liu et al. 2024, section 4 (DoRA)."""
    from peft import LoraConfig

    return LoraConfig(
        r=plan.lora_rank,
        lora_alpha=tuning.alpha,  # type: ignore[arg-type]
        lora_dropout=tuning.dropout,
        target_modules=_TARGETS[tuning.target],
        use_dora=plan.method is Method.DORA,
    )


def _adalora(tuning: AdaptiveLowRank, plan: Plan) -> Any:
    """Source: Zhang et al. 2023, section 3."""
    from peft import AdaLoraConfig

    # Two steps at least lie between the start and the end of the cuts, however short the run.
    total = max(plan.max_steps, 4)
    warmup = max(1, round(tuning.warmup * total))
    settle = min(max(1, round(tuning.settle * total)), total - warmup - 2)
    return AdaLoraConfig(
        init_r=tuning.initial_rank,
        target_r=plan.lora_rank,
        lora_alpha=tuning.alpha,  # type: ignore[arg-type]
        lora_dropout=tuning.dropout,
        target_modules=_TARGETS[tuning.target],
        tinit=warmup,
        tfinal=settle,
        deltaT=max(1, (total - warmup - settle) // 20),
        total_step=total,
        orth_reg_weight=tuning.orthogonality,
    )


def _ia3() -> Any:
    """Source: Liu et al. 2022, section 3.3."""
    from peft import IA3Config

    return IA3Config(target_modules=["key", "value", "output.dense"], feedforward_modules=["output.dense"])


def _with_biases(trunk: nn.Module) -> nn.Module:
    """Train the biases only. Source: Ben Zaken et al. 2022, section 3."""
    for name, parameter in trunk.named_parameters():
        parameter.requires_grad_(name.endswith("bias"))
    return trunk


class BottleneckAdapter(nn.Module):
    """A dense layer followed by a narrow detour that starts as the identity.

    Source: Houlsby et al. 2019, section 2.1.
    """

    def __init__(self, dense: nn.Linear, width: int, dropout: float) -> None:
        """Wrap `dense`, whose outputs have the trunk's width."""
        super().__init__()
        self.dense = dense
        self.down, self.up = nn.Linear(dense.out_features, width), nn.Linear(width, dense.out_features)
        self.drop = nn.Dropout(dropout)
        nn.init.normal_(self.down.weight, std=0.02)
        nn.init.zeros_(self.down.bias)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """(batch, seq, in) -> (batch, seq, out)."""
        out: Tensor = self.dense(hidden)
        detour: Tensor = self.up(self.drop(nn.functional.gelu(self.down(out))))
        return out + detour


def _with_bottlenecks(trunk: nn.Module, tuning: Bottleneck) -> nn.Module:
    """Wrap the last dense layer of every attention and feed-forward part."""
    places = list(_sublayer_ends(trunk))
    if not places:
        raise ValueError("no module named output.dense")
    trunk.requires_grad_(False)
    for parent, dense in places:
        parent.dense = BottleneckAdapter(dense, tuning.width, tuning.dropout)
    return trunk


def _sublayer_ends(trunk: nn.Module) -> Iterator[tuple[Any, nn.Linear]]:
    for name, module in trunk.named_modules():
        dense = getattr(module, "dense", None)
        if name.rpartition(".")[2] == "output" and isinstance(dense, nn.Linear):
            yield module, dense


class TokenTunedTrunk(nn.Module):
    """A frozen trunk that reads trained tokens beside its input: keys and values in every block, or embeddings before it.

    peft holds and draws the tokens. It is not asked to run the trunk, because it would drop the segment ids; and the
    input keeps its positions, which peft would move by the number of tokens.
    Source: Li & Liang 2021, section 4 (prefix); Lester et al. 2021, section 2 (prompt).
    """

    def __init__(self, tuned: Any, count: int, prefix: bool) -> None:
        """Take what peft made of the trunk."""
        super().__init__()
        self.tuned, self.count, self.prefix = tuned, count, prefix
        self.config = tuned.get_base_model().config

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> SimpleNamespace:
        """(batch, seq) int64 each -> `last_hidden_state` (batch, seq, dim) of the input's own tokens."""
        batch, seq = input_ids.shape
        base, tokens = self.tuned.get_base_model(), self.tuned.get_prompt(batch)
        mask = torch.cat([attention_mask.new_ones(batch, self.count), attention_mask], dim=1)
        positions = torch.arange(seq, device=input_ids.device).unsqueeze(0)
        if self.prefix:
            hidden = base(
                input_ids=input_ids,
                attention_mask=mask,
                token_type_ids=token_type_ids,
                position_ids=positions,
                past_key_values=tokens,
            ).last_hidden_state
            return SimpleNamespace(last_hidden_state=hidden)
        words = base.get_input_embeddings()(input_ids)
        hidden = base(
            inputs_embeds=torch.cat([tokens.to(words.dtype), words], dim=1),
            attention_mask=mask,
            token_type_ids=torch.cat([token_type_ids.new_zeros(batch, self.count), token_type_ids], dim=1),
            position_ids=torch.cat([positions.new_zeros(1, self.count), positions], dim=1),
        ).last_hidden_state
        return SimpleNamespace(last_hidden_state=hidden[:, self.count :])


def _with_tokens(trunk: nn.Module, method: Method, count: int) -> nn.Module:
    from peft import PrefixTuningConfig, PromptTuningConfig, TaskType

    kind = TaskType.FEATURE_EXTRACTION
    if method is Method.PREFIX:
        tuned = _peft(trunk, PrefixTuningConfig(task_type=kind, num_virtual_tokens=count))
        with torch.no_grad():
            tuned.prompt_encoder[ADAPTER].embedding.weight.mul_(_PREFIX_SCALE)
    else:
        config = PromptTuningConfig(task_type=kind, num_virtual_tokens=count, prompt_tuning_init="SAMPLE_VOCAB")
        tuned = _peft(trunk, config)
    return TokenTunedTrunk(tuned, count, method is Method.PREFIX)
