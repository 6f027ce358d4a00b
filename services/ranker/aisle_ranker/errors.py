"""Errors that only the ranker raises."""

from collections.abc import Mapping

from aisle_runtime.errors import (
    Aborted,
    AisleError,
    AlreadyExists,
    DataLoss,
    FailedPrecondition,
    InvalidField,
    NotFound,
    ResourceExhausted,
    Unavailable,
)

__all__ = [
    "AisleError",
    "AnswerNotLogged",
    "AssistModelNotFound",
    "BundleInvalid",
    "CatalogUnreadable",
    "DataLoss",
    "EngineUnavailable",
    "GoldenMismatch",
    "GovernanceAway",
    "InvalidField",
    "KnowledgeFull",
    "LoadSuperseded",
    "ModelVersionNotKept",
    "NoCatalog",
    "NoLiveModel",
    "NotFound",
    "PageTokenStale",
    "RegistryAway",
    "RegistryRefused",
    "ResourceExhausted",
    "ServingConfigChanged",
    "ServingConfigExists",
    "ServingConfigNotFound",
    "TooFewLabels",
    "UnknownCustomer",
    "UnknownProduct",
]


class NoLiveModel(FailedPrecondition):
    """Nothing was promoted yet, so there is nothing to answer with."""

    reason = "NO_LIVE_MODEL"

    def __init__(self) -> None:
        """Say what to do first."""
        super().__init__(
            "No model version is live yet.",
            next_step="Promote a model version under the alias that this ranker serves.",
        )


class UnknownProduct(NotFound):
    """No index of the live model holds the product."""

    reason = "PRODUCT_NOT_FOUND"

    def __init__(self, field: str, product_id: str, next_step: str) -> None:
        """Name the request's field and the id in it."""
        super().__init__(
            f"{field}: the live model's index holds no such product.",
            next_step=next_step,
            facts={"field": field, "product_id": product_id[:128]},
        )


class UnknownCustomer(NotFound):
    """Neither the data nor live events say anything about the customer."""

    reason = "CUSTOMER_NOT_FOUND"

    def __init__(self) -> None:
        """The id itself stays out of the text."""
        super().__init__(
            "Nothing is known about this customer.",
            next_step="Use an id from the order data, or send user events for this customer first.",
        )


class NoCatalog(FailedPrecondition):
    """Filters, facets and sorting need products, and the catalogue holds none."""

    reason = "NO_CATALOG"

    def __init__(self) -> None:
        """Say how products come in."""
        super().__init__(
            "The ranker has no catalogue yet, so there is nothing to filter, count or sort.",
            next_step="Bring products: `aisle catalog upsert FILE`, or publish the dataset that catalog_dataset names.",
        )


class GovernanceAway(Unavailable):
    """Governance does not answer now."""

    reason = "GOVERNANCE_UNAVAILABLE"

    def __init__(self) -> None:
        """The catalogue is read again by itself."""
        super().__init__("Governance does not answer.", next_step="Start governance.", retry_after_seconds=1)


class CatalogUnreadable(FailedPrecondition):
    """A dataset version makes no catalogue."""

    reason = "CATALOG_UNREADABLE"

    def __init__(self, problem: str) -> None:
        """Say what is wrong with it."""
        super().__init__(
            f"The dataset version cannot fill the catalogue: {problem}.",
            next_step="Look at the version in governance; a dataset of products has product_id and title.",
        )


class PageTokenStale(InvalidField):
    """The page token's order is gone and the model that made it no longer answers."""

    def __init__(self) -> None:
        """Ask for a search from the first page."""
        super().__init__(
            "page_token",
            "belongs to a model version that no longer answers",
            next_step="Search again without a page token.",
            reason="PAGE_TOKEN_STALE",
        )


class BundleInvalid(FailedPrecondition):
    """The bundle's files do not make up a model that this ranker can serve."""

    reason = "BUNDLE_INVALID"

    def __init__(self, problem: str, facts: Mapping[str, str] | None = None) -> None:
        """Say what is wrong, naming the file inside the bundle."""
        super().__init__(
            f"The bundle cannot be served: {problem}.",
            next_step="Train and register the model again, or roll the alias back.",
            facts=facts,
        )


class GoldenMismatch(FailedPrecondition):
    """The loaded model does not answer its own golden requests as recorded when it was trained."""

    reason = "GOLDEN_MISMATCH"

    def __init__(self, example: str, problem: str) -> None:
        """Name the example by kind and position, for example `pairs[2]`."""
        super().__init__(
            f"The loaded model fails its smoke test at {example}: {problem}.",
            next_step="Check that the engine serves this very model version; otherwise train and register it again.",
            facts={"example": example},
        )


class LoadSuperseded(FailedPrecondition):
    """A newer move of the alias is already served."""

    reason = "LOAD_SUPERSEDED"

    def __init__(self) -> None:
        """Nothing needs to be done."""
        super().__init__("The alias has moved on since this promotion.", next_step="Look at the alias's history.")


class EngineUnavailable(Unavailable):
    """The inference engine does not answer."""

    reason = "ENGINE_UNAVAILABLE"

    def __init__(self) -> None:
        """The engine's own words stay in the log."""
        super().__init__(
            "The inference engine does not answer.",
            next_step="Check the configured inference endpoint.",
            retry_after_seconds=1,
        )


class RegistryAway(Unavailable):
    """The registry does not answer now."""

    reason = "REGISTRY_UNAVAILABLE"

    def __init__(self) -> None:
        """Loads are repeated by themselves for a while."""
        super().__init__("The registry does not answer.", next_step="Start the registry.", retry_after_seconds=1)


class RegistryRefused(FailedPrecondition):
    """The registry does not give out the version."""

    reason = "REGISTRY_REFUSED"

    def __init__(self, why: str) -> None:
        """`why` is the registry's reason or code."""
        super().__init__(
            "The registry does not give out the model version.",
            next_step="Look the version up in the registry.",
            facts={"registry_reason": why},
        )


class ServingConfigNotFound(NotFound):
    """No serving config has this name, or not this version of it."""

    reason = "SERVING_CONFIG_NOT_FOUND"

    def __init__(self, field: str, config_id: str, version: int = 0) -> None:
        """Name the request's field."""
        what = f"version {version} of this serving config is not kept" if version else "there is no such serving config"
        super().__init__(
            f"{field}: {what}.",
            next_step="List the serving configs, or create one.",
            facts={"field": field, "serving_config": f"servingConfigs/{config_id}"[:128]},
        )


class ServingConfigExists(AlreadyExists):
    """The id is taken."""

    reason = "SERVING_CONFIG_EXISTS"

    def __init__(self, config_id: str) -> None:
        """Name it."""
        super().__init__(
            "A serving config of this id exists.",
            next_step="Update it, or choose another id.",
            facts={"serving_config": f"servingConfigs/{config_id}"},
        )


class ServingConfigChanged(Aborted):
    """Somebody else stored a version since the caller read it."""

    reason = "SERVING_CONFIG_CHANGED"

    def __init__(self, config_id: str, version: int) -> None:
        """Name the newest version."""
        super().__init__(
            "The serving config has changed since it was read.",
            next_step="Read it again and repeat the change.",
            facts={"serving_config": f"servingConfigs/{config_id}", "version": str(version)},
        )


class AnswerNotLogged(NotFound):
    """The log of requests does not hold the answer."""

    reason = "ANSWER_NOT_LOGGED"

    def __init__(self) -> None:
        """Say what the log holds."""
        super().__init__(
            "The log of requests does not hold this answer.",
            next_step="Use the token of a first page that is younger than the log's retention.",
        )


class ModelVersionNotKept(FailedPrecondition):
    """This ranker has no files of the version."""

    reason = "MODEL_VERSION_NOT_KEPT"

    def __init__(self, name: str) -> None:
        """Name the version."""
        super().__init__(
            "This ranker keeps no files of the model version.",
            next_step="Replay under the live model: model_version = live.",
            facts={"model_version": name[:200]},
        )


class TooFewLabels(FailedPrecondition):
    """The labelled messages do not teach any kind of label."""

    reason = "TOO_FEW_LABELS"

    def __init__(self, fewest: int) -> None:
        """`fewest` is how many different messages a label needs."""
        super().__init__(
            f"No kind of label has two labels with {fewest} different messages each.",
            next_step="Store more labelled messages and train again.",
            facts={"fewest_messages": str(fewest)},
        )


class AssistModelNotFound(NotFound):
    """No classifier of messages was trained yet."""

    reason = "ASSIST_MODEL_NOT_FOUND"

    def __init__(self) -> None:
        """Say what to do first."""
        super().__init__("No classifier was trained yet.", next_step="Store labelled messages and call TrainAssist.")


class KnowledgeFull(ResourceExhausted):
    """The ranker keeps no more entries of this kind."""

    reason = "KNOWLEDGE_FULL"

    def __init__(self, field: str, what: str, most: int) -> None:
        """`what` is counted, `most` is the limit."""
        super().__init__(
            f"{field}: more than {most:,} {what} would be stored.",
            next_step="Delete entries that are no longer needed; nothing of this request was stored.",
            facts={"field": field, "limit": str(most)},
        )
