"""Between protobuf and the records of methods, of the engine and of what training took."""

from collections.abc import Mapping
from typing import TypeVar

from aisle.pipeline.v1 import fine_tuning_pb2 as tuning_pb
from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb
from aisle.pipeline.v1 import training_engine_pb2 as engine_pb
from aisle.trainer.v1 import training_report_pb2 as pb

from aisle_trainer.domain.cost import Cost, Gap
from aisle_trainer.domain.engine import DEFAULT_WARMUP, Engine, Optimizer, Precision, Schedule
from aisle_trainer.domain.methods import (
    AdaptiveLowRank,
    Bottleneck,
    LowRank,
    Method,
    Parameters,
    Target,
    VirtualTokens,
)
from aisle_trainer.domain.plan import Plan, Task
from aisle_trainer.errors import InvalidField

K = TypeVar("K")
V = TypeVar("V")
_METHODS = {
    spec_pb.FINE_TUNING_METHOD_LORA: Method.LORA,
    spec_pb.FINE_TUNING_METHOD_FULL: Method.FULL,
    spec_pb.FINE_TUNING_METHOD_BITFIT: Method.BITFIT,
    spec_pb.FINE_TUNING_METHOD_BOTTLENECK: Method.BOTTLENECK,
    spec_pb.FINE_TUNING_METHOD_PREFIX: Method.PREFIX,
    spec_pb.FINE_TUNING_METHOD_PROMPT: Method.PROMPT,
    spec_pb.FINE_TUNING_METHOD_DORA: Method.DORA,
    spec_pb.FINE_TUNING_METHOD_ADALORA: Method.ADALORA,
    spec_pb.FINE_TUNING_METHOD_IA3: Method.IA3,
    spec_pb.FINE_TUNING_METHOD_FROZEN: Method.FROZEN,
}
METHOD_KINDS = {method: kind for kind, method in _METHODS.items()}
_TARGETS = {
    tuning_pb.LOW_RANK_TARGET_UNSPECIFIED: Target.ALL,
    tuning_pb.LOW_RANK_TARGET_ALL: Target.ALL,
    tuning_pb.LOW_RANK_TARGET_ATTENTION: Target.ATTENTION,
    tuning_pb.LOW_RANK_TARGET_QUERY_VALUE: Target.QUERY_VALUE,
}
_TARGET_KINDS = {target: kind for kind, target in _TARGETS.items()}
_OPTIMIZERS = {
    engine_pb.OPTIMIZER_UNSPECIFIED: Optimizer.ADAMW,
    engine_pb.OPTIMIZER_ADAMW: Optimizer.ADAMW,
    engine_pb.OPTIMIZER_SGD: Optimizer.SGD,
}
_OPTIMIZER_KINDS = {optimizer: kind for kind, optimizer in _OPTIMIZERS.items()}
_SCHEDULES = {
    engine_pb.LEARNING_RATE_SCHEDULE_UNSPECIFIED: Schedule.LINEAR,
    engine_pb.LEARNING_RATE_SCHEDULE_LINEAR: Schedule.LINEAR,
    engine_pb.LEARNING_RATE_SCHEDULE_COSINE: Schedule.COSINE,
    engine_pb.LEARNING_RATE_SCHEDULE_CONSTANT: Schedule.CONSTANT,
}
_SCHEDULE_KINDS = {schedule: kind for kind, schedule in _SCHEDULES.items()}
_PRECISIONS = {
    engine_pb.TRAINING_PRECISION_UNSPECIFIED: Precision.SETTING,
    engine_pb.TRAINING_PRECISION_FLOAT32: Precision.FLOAT32,
    engine_pb.TRAINING_PRECISION_BFLOAT16: Precision.BFLOAT16,
    engine_pb.TRAINING_PRECISION_FLOAT16: Precision.FLOAT16,
}
_PRECISION_KINDS = {precision: kind for kind, precision in _PRECISIONS.items()}


def method_from_spec(spec: spec_pb.TrainingSpec) -> tuple[Method, Parameters]:
    """Return the method of a spec and its parameters, zeros kept; raises InvalidField when one does not fit the other."""
    named = spec.fine_tuning.WhichOneof("parameters")
    if spec.method == spec_pb.FINE_TUNING_METHOD_UNSPECIFIED:
        method = Method(named) if named else Method.LORA
    elif spec.method in _METHODS:
        method = _METHODS[spec.method]
    else:
        raise InvalidField("spec.method", "is not a known method")
    if named is None:
        return method, None
    if Method(named) is not method:
        raise InvalidField(f"spec.fine_tuning.{named}", f"does not belong to the method {method}")
    return method, _parameters(spec.fine_tuning, named)


def _parameters(given: tuning_pb.FineTuning, named: str) -> Parameters:
    path = f"spec.fine_tuning.{named}"
    if named in ("lora", "dora"):
        low = getattr(given, named)
        return LowRank(low.alpha, low.dropout_ratio, _known(_TARGETS, low.target, f"{path}.target"))
    if named == "adalora":
        ada = given.adalora
        return AdaptiveLowRank(
            initial_rank=ada.initial_rank,
            alpha=ada.alpha,
            dropout=ada.dropout_ratio,
            target=_known(_TARGETS, ada.target, f"{path}.target"),
            warmup=ada.warmup_ratio,
            settle=ada.settle_ratio,
            orthogonality=ada.orthogonality,
        )
    if named == "bottleneck":
        return Bottleneck(given.bottleneck.width, given.bottleneck.dropout_ratio)
    return VirtualTokens(getattr(given, named).count)


def fine_tuning(plan: Plan) -> tuning_pb.FineTuning | None:
    """Write the parameters of a plan's method; None when it has none."""
    found, name = plan.tuning, str(plan.method)
    message: object
    if found is None:
        return None
    if isinstance(found, LowRank):
        message = tuning_pb.LowRank(alpha=found.alpha, dropout_ratio=found.dropout, target=_TARGET_KINDS[found.target])
    elif isinstance(found, AdaptiveLowRank):
        message = tuning_pb.AdaptiveLowRank(
            initial_rank=found.initial_rank,
            alpha=found.alpha,
            dropout_ratio=found.dropout,
            target=_TARGET_KINDS[found.target],
            warmup_ratio=found.warmup,
            settle_ratio=found.settle,
            orthogonality=found.orthogonality,
        )
    elif isinstance(found, Bottleneck):
        message = tuning_pb.Bottleneck(width=found.width, dropout_ratio=found.dropout)
    else:
        message = tuning_pb.VirtualTokens(count=found.count)
    return tuning_pb.FineTuning(**{name: message})  # type: ignore[arg-type]


def engine_from_spec(spec: spec_pb.TrainingSpec) -> Engine:
    """Read how the optimizer goes about a spec, zeros kept; raises InvalidField for an unknown choice."""
    given = spec.engine
    return Engine(
        optimizer=_known(_OPTIMIZERS, given.optimizer, "spec.engine.optimizer"),
        momentum=given.momentum,
        schedule=_known(_SCHEDULES, given.schedule, "spec.engine.schedule"),
        warmup=given.warmup_ratio if given.HasField("warmup_ratio") else DEFAULT_WARMUP,
        micro_batch_size=given.micro_batch_size,
        precision=_known(_PRECISIONS, given.precision, "spec.engine.precision"),
        gradient_checkpointing=given.gradient_checkpointing,
        gradient_norm=given.gradient_norm_limit,
        balance_classes=given.balance_classes,
        gap_limit=given.gap_limit,
    )


def engine(found: Engine) -> engine_pb.TrainingEngine:
    """Write how the optimizer goes about a plan."""
    return engine_pb.TrainingEngine(
        optimizer=_OPTIMIZER_KINDS[found.optimizer],
        momentum=found.momentum,
        schedule=_SCHEDULE_KINDS[found.schedule],
        warmup_ratio=found.warmup,
        micro_batch_size=found.micro_batch_size,
        precision=_PRECISION_KINDS[found.precision],
        gradient_checkpointing=found.gradient_checkpointing,
        gradient_norm_limit=found.gradient_norm,
        balance_classes=found.balance_classes,
        gap_limit=found.gap_limit,
    )


def report(cost: Cost, kinds: Mapping[Task, spec_pb.TaskKind]) -> pb.TrainingReport:
    """Write what training took."""
    written = pb.TrainingReport(
        trainable_parameter_count=cost.trainable,
        parameter_count=cost.parameters,
        trainable_ratio=cost.trainable / cost.parameters,
        trunk_trainable_parameter_count=cost.trunk_trainable,
        peak_memory_bytes=cost.peak_memory_bytes,
        step_cpu_seconds=cost.step_cpu_seconds,
        step_seconds=cost.step_seconds,
        pairs_per_cpu_second=cost.pairs / cost.step_cpu_seconds if cost.step_cpu_seconds else 0.0,
        micro_batch_size=cost.micro_batch_size,
        out_of_memory_count=cost.out_of_memory_count,
        trained_bytes=cost.trained_bytes,
        gap_alarms=[gap(entry, kinds) for entry in cost.gaps],
    )
    if (budget := cost.rank_budget) is not None:
        written.rank_budget.initial_rank_total = budget.initial_total
        written.rank_budget.target_rank_total = budget.target_total
        written.rank_budget.final_rank_total = sum(budget.layers.values())
        written.rank_budget.layers.extend(
            pb.LayerRank(layer=layer, rank=rank) for layer, rank in sorted(budget.layers.items())
        )
    return written


def gap(found: Gap, kinds: Mapping[Task, spec_pb.TaskKind]) -> pb.TrainingGap:
    """Write a gap between training and validation loss."""
    return pb.TrainingGap(
        kind=kinds[found.task],
        step=found.step,
        training_loss=found.training_loss,
        validation_loss=found.validation_loss,
        limit=found.limit,
    )


def _known(choices: Mapping[K, V], given: K, path: str) -> V:
    if given not in choices:
        raise InvalidField(path, "is not a known choice")
    return choices[given]
