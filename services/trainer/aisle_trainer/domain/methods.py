"""Ways to fine-tune a trunk: what each is called, what it may be given, and what it starts from."""

from dataclasses import dataclass, replace
from enum import StrEnum

from aisle_trainer.errors import InvalidField

MAX_RANK = 256
MAX_DROPOUT = 0.9


class Method(StrEnum):
    """Which weights of the trunk are trained."""

    LORA = "lora"
    FULL = "full"
    BITFIT = "bitfit"
    BOTTLENECK = "bottleneck"
    PREFIX = "prefix"
    PROMPT = "prompt"
    DORA = "dora"
    ADALORA = "adalora"
    IA3 = "ia3"
    FROZEN = "frozen"
    """None: the trunk is used as it is."""


class Target(StrEnum):
    """Dense layers that low-rank updates go into."""

    ALL = "all"
    ATTENTION = "attention"
    QUERY_VALUE = "query_value"


@dataclass(frozen=True, slots=True)
class LowRank:
    """Parameters of LoRA and DoRA beside the rank."""

    alpha: float = 0.0
    """Scale of the update is alpha / rank; 0 asks for twice the rank."""
    dropout: float = 0.0
    target: Target = Target.ALL


@dataclass(frozen=True, slots=True)
class AdaptiveLowRank:
    """Parameters of AdaLoRA beside the mean rank that it ends with."""

    initial_rank: int = 0
    alpha: float = 0.0
    dropout: float = 0.0
    target: Target = Target.ALL
    warmup: float = 0.0
    """Share of the steps before ranks are taken away."""
    settle: float = 0.0
    """Share of the steps after the budget is reached."""
    orthogonality: float = 0.0
    """Weight of the pull of the factors towards orthogonal rows."""


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """Parameters of bottleneck adapters."""

    width: int = 0
    dropout: float = 0.0


@dataclass(frozen=True, slots=True)
class VirtualTokens:
    """Parameters of prefix- and prompt-tuning."""

    count: int = 0


Parameters = LowRank | AdaptiveLowRank | Bottleneck | VirtualTokens | None
PARAMETERS_OF: dict[Method, type[LowRank | AdaptiveLowRank | Bottleneck | VirtualTokens]] = {
    Method.LORA: LowRank,
    Method.DORA: LowRank,
    Method.ADALORA: AdaptiveLowRank,
    Method.BOTTLENECK: Bottleneck,
    Method.PREFIX: VirtualTokens,
    Method.PROMPT: VirtualTokens,
}
DEFAULT_LEARNING_RATE = {
    Method.FULL: 2e-4,
    Method.LORA: 2e-3,
    Method.DORA: 2e-3,
    Method.ADALORA: 1e-2,
    Method.BOTTLENECK: 3e-3,
    Method.BITFIT: 3e-3,
    Method.IA3: 2e-2,
    Method.PREFIX: 3e-2,
    Method.PROMPT: 3e-2,
    Method.FROZEN: 2e-4,
}
"""Methods that change little per parameter (AdaLoRA, IA3, prefix, prompt) need higher rates to get as far in as many steps."""
DEFAULT_MAX_STEPS = dict.fromkeys(Method, 120) | {Method.FROZEN: 1}
HEAD_LEARNING_RATE_FACTOR = {
    Method.FULL: 5.0,
    Method.LORA: 1.0,
    Method.DORA: 1.0,
    Method.ADALORA: 0.2,
    Method.BOTTLENECK: 0.7,
    Method.BITFIT: 0.7,
    Method.IA3: 0.1,
    Method.PREFIX: 0.07,
    Method.PROMPT: 0.07,
    Method.FROZEN: 1.0,
}
"""New heads learn faster than trained weights; the same few thousandths whatever the method's own rate."""
UNMERGEABLE = frozenset({Method.BOTTLENECK, Method.PREFIX, Method.PROMPT})
"""Methods whose parts stay in the exported graph because no weight of the trunk can take them up."""
_LOW_RANK = frozenset({Method.LORA, Method.DORA, Method.ADALORA})


def completed_parameters(method: Method, given: Parameters, rank: int) -> Parameters:
    """Return the parameters that `method` is run with, defaults filled in; raises InvalidField when they are not its own."""
    expected = PARAMETERS_OF.get(method)
    if given is not None and not (expected and isinstance(given, expected)):
        own = f"those of {method}" if expected else f"none: {method} has no parameters"
        raise InvalidField("spec.fine_tuning", f"must be {own}")
    if expected is None:
        return None
    found = given if given is not None else expected()
    if isinstance(found, LowRank):
        return replace(found, alpha=found.alpha or 2.0 * rank)
    if isinstance(found, AdaptiveLowRank):
        initial = found.initial_rank or min(MAX_RANK, max(rank + 1, (3 * rank + 1) // 2))
        return replace(
            found,
            initial_rank=initial,
            alpha=found.alpha or 2.0 * initial,
            warmup=found.warmup or 0.1,
            settle=found.settle or 0.4,
            orthogonality=found.orthogonality or 0.1,
        )
    if isinstance(found, Bottleneck):
        return replace(found, width=found.width or 16)
    return replace(found, count=found.count or 16)


def check_parameters(method: Method, given: Parameters, rank: int) -> None:
    """Raise InvalidField with the path of the first parameter out of its range; `given` has its defaults."""
    path = f"spec.fine_tuning.{method}"
    if isinstance(given, LowRank | AdaptiveLowRank):
        _within(f"{path}.alpha", given.alpha, 1e-6, 1024.0)
    if isinstance(given, LowRank | AdaptiveLowRank | Bottleneck):
        _within(f"{path}.dropout_ratio", given.dropout, 0.0, MAX_DROPOUT)
    if isinstance(given, AdaptiveLowRank):
        if not rank < given.initial_rank <= MAX_RANK:
            raise InvalidField(f"{path}.initial_rank", f"must be above lora_rank ({rank}) and at most {MAX_RANK}")
        _within(f"{path}.warmup_ratio", given.warmup, 1e-6, 0.999)
        _within(f"{path}.settle_ratio", given.settle, 1e-6, 0.999)
        if given.warmup + given.settle >= 1:
            raise InvalidField(f"{path}.settle_ratio", "must be below 1 together with warmup_ratio")
        _within(f"{path}.orthogonality", given.orthogonality, 1e-6, 10.0)
    if isinstance(given, Bottleneck):
        _within(f"{path}.width", given.width, 1, 1024)
    if isinstance(given, VirtualTokens):
        _within(f"{path}.count", given.count, 1, 128)


def uses_rank(method: Method) -> bool:
    """Say whether `lora_rank` means anything to a method."""
    return method in _LOW_RANK


def _within(path: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InvalidField(path, f"must be from {low:g} to {high:g}")
