"""Plans: from the contract's messages to what the rules look at."""

from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb

from aisle_monitor.domain import plans


def plan(spec: pipeline_pb.PipelineSpec) -> plans.Plan:
    """Translate a pipeline's plan; parts that are not set become None."""
    return plans.Plan(
        dataset_runs=_dataset_runs(spec.governance) if spec.HasField("governance") else None,
        training=training(spec.training) if spec.HasField("training") else None,
        registry=_registry(spec.registry) if spec.HasField("registry") else None,
        tuning=_tuning(spec.tuning) if spec.HasField("tuning") else None,
    )


def training(spec: pipeline_pb.TrainingSpec) -> plans.Training:
    """Translate a training spec."""
    return plans.Training(
        tasks=tuple(plans.Task(int(task.kind), task.dataset, task.weight) for task in spec.tasks),
        learning_rate=spec.learning_rate,
        batch_size=spec.batch_size,
        max_steps=spec.max_steps,
        eval_every_steps=spec.eval_every_steps,
        patience=spec.patience,
        lora_rank=spec.lora_rank,
        max_tokens=spec.max_tokens,
        weight_decay=spec.weight_decay,
        label_noise_ratio=spec.label_noise_ratio,
        folds=spec.folds,
        frozen_layers=spec.frozen_layers,
        skip_export=spec.skip_export,
    )


def _dataset_runs(stage: pipeline_pb.GovernanceStage) -> tuple[plans.DatasetRun, ...]:
    return tuple(plans.DatasetRun(run.dataset, tuple(run.disabled_rules)) for run in stage.dataset_runs)


def _tuning(stage: pipeline_pb.TuningStage) -> plans.Tuning:
    ranges = tuple(
        plans.ParameterRange(entry.field, entry.low, entry.high, entry.log_scale) for entry in stage.parameters
    )
    return plans.Tuning(stage.trial_count, stage.max_steps, ranges)


def _registry(stage: pipeline_pb.RegistryStage) -> plans.Registry:
    gates = tuple(plans.Gate(gate.metric, int(gate.comparator), gate.threshold) for gate in stage.gates)
    return plans.Registry(stage.model, stage.alias, gates)
