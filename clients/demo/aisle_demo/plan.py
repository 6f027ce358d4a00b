"""The plans that the demo hands to the platform: datasets, pipelines, gates and the policy that closes the loop."""

from dataclasses import dataclass

from aisle.governance.v1 import dataset_pb2
from aisle.monitor.v1 import observation_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb2

from aisle_demo.shop import Shop

JUDGMENTS = "judgments"
ORDERS = "orders"
MODEL = "models/shop-ranker"
ALIAS = "production"
FIRST = "first-model"
CHALLENGE = "challenge-champion"
REFRESH = "refresh-on-drift"
POLICY = "retrain-on-drift"
NOT_WORSE_BY = 0.02
"""How much NDCG@10 a model retrained on fresh orders may lose at most, at the upper bound of the interval."""
QUICK_NOT_WORSE_BY = 0.1
"""The same for the quick demo's models, which see little data for a few steps."""


FROZEN_LAYERS = 3
"""Half of the encoder stays as it is: a step takes half the time, and so few steps change the lower half little."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much work one demo puts into each model."""

    first_steps: int
    refresh_steps: int
    worse_steps: int
    trials: int
    trial_steps: int
    first_folds: int = 0
    """Folds of the first model's search evaluation; 0 holds queries back instead."""
    refresh_folds: int = 0
    """The same for the model that is trained again on fresh data."""
    validations: int = 4
    """Looks at the validation data while a model is trained."""
    shoppers: int = 1_000
    """Customers of the replayed day, at most."""
    searches: int = 60
    """Judged queries that are sent along with them."""
    strict: bool = True
    """Whether the first model must beat zero-shot; a model of a few steps only must not be much worse."""


FULL = Effort(first_steps=48, refresh_steps=24, worse_steps=8, trials=2, trial_steps=6, first_folds=3, refresh_folds=2)
QUICK = Effort(
    first_steps=12,
    refresh_steps=6,
    worse_steps=2,
    trials=0,
    trial_steps=0,
    validations=1,
    shoppers=20,
    searches=20,
    strict=False,
)


def datasets(shop: Shop) -> list[tuple[str, "dataset_pb2.DatasetKind", dataset_pb2.ColumnMapping]]:
    """Id, kind and column mapping of the two datasets."""
    judgments = dataset_pb2.ColumnMapping(columns=shop.judgments[0].columns, grade_offset=shop.grade_offset)
    orders = dataset_pb2.ColumnMapping(
        columns=shop.orders_known.columns,
        time_zone=shop.time_zone,
        default_currency=shop.currency,
        cancellation_prefix=shop.cancellation_prefix,
    )
    return [
        (JUDGMENTS, dataset_pb2.DATASET_KIND_JUDGMENTS, judgments),
        (ORDERS, dataset_pb2.DATASET_KIND_ORDERS, orders),
    ]


def training(
    steps: int, *, seed: int = 7, label_noise: float = 0.0, folds: int = 0, validations: int = 4
) -> spec_pb2.TrainingSpec:
    """Both heads trained together on one trunk for at most `steps` steps."""
    return spec_pb2.TrainingSpec(
        method=spec_pb2.FINE_TUNING_METHOD_FULL,
        tasks=[
            spec_pb2.TaskSpec(kind=spec_pb2.TASK_KIND_SEARCH_RELEVANCE, dataset=f"datasets/{JUDGMENTS}"),
            # A quarter of the weight: it sees few pairs a step, and the trunk is shared.
            spec_pb2.TaskSpec(kind=spec_pb2.TASK_KIND_PURCHASE, dataset=f"datasets/{ORDERS}", weight=0.25),
        ],
        learning_rate=1e-4,
        batch_size=40,
        max_tokens=48,
        max_steps=steps,
        # The learning rate falls to zero over the steps, so the last weights are worth more than an early stop saves.
        eval_every_steps=max(1, steps // validations),
        patience=4,
        seed=seed,
        label_noise_ratio=label_noise,
        folds=folds,
        frozen_layers=FROZEN_LAYERS,
    )


def first_pipeline(effort: Effort) -> spec_pb2.PipelineSpec:
    """Govern, tune when asked, train, and promote what beats zero-shot."""
    tuning = None
    if effort.trials:
        learning_rate = spec_pb2.ParameterRange(field="learning_rate", low=5e-5, high=2e-4, log_scale=True)
        tuning = spec_pb2.TuningStage(
            trial_count=effort.trials, max_steps=effort.trial_steps, parameters=[learning_rate], seed=7
        )
    gates = [] if effort.strict else [_not_worse(QUICK_NOT_WORSE_BY)]
    return spec_pb2.PipelineSpec(
        governance=_governance(),
        tuning=tuning,
        training=training(effort.first_steps, folds=effort.first_folds, validations=effort.validations),
        registry=spec_pb2.RegistryStage(model=MODEL, alias=ALIAS, gates=gates),
    )


def challenge_pipeline(effort: Effort) -> spec_pb2.PipelineSpec:
    """A candidate trained on labels drawn at random must beat the champion, by the default gate."""
    return spec_pb2.PipelineSpec(
        governance=_governance(),
        training=training(effort.worse_steps, seed=8, label_noise=1.0, validations=1),
        registry=spec_pb2.RegistryStage(model=MODEL, alias=ALIAS),
    )


def refresh_pipeline(effort: Effort) -> spec_pb2.PipelineSpec:
    """Train again on fresh data; the new model may serve when it is not worse at search."""
    bound = NOT_WORSE_BY if effort.strict else QUICK_NOT_WORSE_BY
    return spec_pb2.PipelineSpec(
        governance=_governance(),
        training=training(effort.refresh_steps, folds=effort.refresh_folds, validations=effort.validations),
        registry=spec_pb2.RegistryStage(model=MODEL, alias=ALIAS, gates=[_not_worse(bound)]),
    )


def _not_worse(bound: float) -> spec_pb2.Gate:
    return spec_pb2.Gate(metric="ndcg@10", comparator=spec_pb2.GATE_COMPARATOR_NOT_WORSE_THAN_CHAMPION, threshold=bound)


def drift_policy() -> observation_pb2.Policy:
    """Drifted orders start the refresh pipeline, at most once an hour."""
    return observation_pb2.Policy(
        alert_kind=observation_pb2.ALERT_KIND_DATA_DRIFT,
        subject=f"datasets/{ORDERS}",
        pipeline=f"pipelines/{REFRESH}",
        cooldown_seconds=3600,
    )


def _governance() -> spec_pb2.GovernanceStage:
    return spec_pb2.GovernanceStage(
        dataset_runs=[spec_pb2.DatasetRun(dataset=f"datasets/{name}") for name in (JUDGMENTS, ORDERS)]
    )
