"""The contract's messages about categories, and the domain's records of the same."""

from dataclasses import dataclass

from aisle.governance.v1 import classification_pb2 as pb
from aisle.type.v1 import metric_pb2
from aisle_runtime.convert import job_status, to_timestamp
from aisle_runtime.jobs import JobRecord
from aisle_runtime.names import ResourceName

from aisle_governance import convert
from aisle_governance.domain.categories import MAX_CATEGORY, CategoryJob, Method, Proposal
from aisle_governance.errors import InvalidField

JOB = ResourceName("datasets/{dataset}/categoryJobs/{job}")
DEFAULT_MIN_COUNT, LEAST_MIN_COUNT, MAX_MIN_COUNT, MAX_DECISIONS = 5, 2, 1_000, 1_000
_METHODS = {
    pb.CLASSIFIER_METHOD_UNSPECIFIED: Method.AUTO,
    pb.CLASSIFIER_METHOD_TFIDF: Method.TFIDF,
    pb.CLASSIFIER_METHOD_ENCODER: Method.ENCODER,
}
_METHOD_VALUES = {method: value for value, method in _METHODS.items()}


@dataclass(frozen=True, slots=True)
class CategoryOrder:
    """What StartCategoryJob asks for."""

    version: tuple[str, int | None]
    """(dataset id, number or None for the newest)."""
    method: Method
    all_products: bool
    min_count: int


def job_id(name: str, field: str = "name") -> tuple[str, str]:
    """(dataset id, job id) of a name. Raises InvalidField."""
    ids = JOB.parse(name, field)
    return ids["dataset"], ids["job"]


def order(request: pb.StartCategoryJobRequest) -> CategoryOrder:
    """The order in a request. Raises InvalidField."""
    if request.method not in _METHODS:
        raise InvalidField("method", "is none that this release knows", next_step="Use TFIDF or ENCODER.")
    least = request.min_category_product_count
    if least and not LEAST_MIN_COUNT <= least <= MAX_MIN_COUNT:
        allowed = f"must be {LEAST_MIN_COUNT} to {MAX_MIN_COUNT}, or 0 for {DEFAULT_MIN_COUNT}"
        raise InvalidField("min_category_product_count", allowed)
    return CategoryOrder(
        version=convert.version_number(request.dataset_version, "dataset_version"),
        method=_METHODS[request.method],
        all_products=request.all_products,
        min_count=least or DEFAULT_MIN_COUNT,
    )


def confidence(value: float, field: str = "min_confidence") -> float:
    """A share. Raises InvalidField."""
    if not 0 <= value <= 1:
        raise InvalidField(field, "must be 0 to 1")
    return value


def decisions(request: pb.AcceptCategoriesRequest) -> list[tuple[int, str]]:
    """(rank, category or "") of each decision, none when `min_confidence` decides. Raises InvalidField."""
    confidence(request.min_confidence)
    if bool(request.min_confidence) == bool(request.decisions):
        raise InvalidField("decisions", "must be given, or min_confidence, one of both")
    if len(request.decisions) > MAX_DECISIONS:
        raise InvalidField("decisions", f"must hold at most {MAX_DECISIONS}")
    found: dict[int, str] = {}
    for index, one in enumerate(request.decisions):
        if one.rank in found:
            raise InvalidField(f"decisions[{index}].rank", "is named twice")
        category = one.category.strip()
        if len(category) > MAX_CATEGORY or not category.isprintable() or (one.category and not category):
            raise InvalidField(f"decisions[{index}].category", f"must be 1 to {MAX_CATEGORY} printable characters")
        found[one.rank] = category
    return list(found.items())


def job_message(value: CategoryJob, job: JobRecord | None) -> pb.CategoryJob:
    """The job with its state."""
    used = pb.CLASSIFIER_METHOD_UNSPECIFIED
    if value.used_method:
        used = _METHOD_VALUES[Method(value.used_method)]
    return pb.CategoryJob(
        name=f"datasets/{value.dataset}/categoryJobs/{value.id}",
        dataset_version=f"datasets/{value.dataset}/versions/{value.version}",
        method=_METHOD_VALUES[value.method],
        used_method=used,
        encoder_sha256=value.encoder_sha256,
        fallback_reason=value.fallback_reason,
        taught_product_count=value.taught_product_count,
        category_count=value.category_count,
        rare_category_count=value.rare_category_count,
        proposal_count=value.proposal_count,
        accepted_count=value.accepted_count,
        metrics=[
            metric_pb2.Metric(
                name=one["name"],
                value=one["value"],
                lower=one["lower"],
                upper=one["upper"],
                sample_count=one["unit_count"],
            )
            for one in value.metrics
        ],
        status=None if job is None else job_status(job),
    )


def proposal_message(value: Proposal) -> pb.CategoryProposal:
    """One proposal."""
    return pb.CategoryProposal(
        rank=value.rank,
        product_id=value.product_id,
        title=value.title,
        category=value.category,
        proposed_category=value.proposed_category,
        confidence=value.confidence,
        second_category=value.second_category,
        accepted=value.accept_time is not None,
        accepted_category=value.accepted_category or "",
        accept_time=None if value.accept_time is None else to_timestamp(value.accept_time),
    )
