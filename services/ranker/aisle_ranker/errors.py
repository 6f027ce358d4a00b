"""Errors that only the ranker raises."""

from collections.abc import Mapping

from aisle_runtime.errors import (
    AisleError,
    DataLoss,
    FailedPrecondition,
    InvalidField,
    NotFound,
    ResourceExhausted,
    Unavailable,
)

__all__ = [
    "AisleError",
    "BundleInvalid",
    "CatalogUnreadable",
    "DataLoss",
    "EngineUnavailable",
    "GoldenMismatch",
    "GovernanceAway",
    "InvalidField",
    "LoadSuperseded",
    "NoCatalog",
    "NoLiveModel",
    "PageTokenStale",
    "RegistryAway",
    "RegistryRefused",
    "ResourceExhausted",
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
