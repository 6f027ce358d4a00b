"""The contract's messages about labels, and the domain's records of the same."""

from dataclasses import dataclass

from aisle.governance.v1 import label_pb2
from aisle_runtime.convert import job_status, to_timestamp
from aisle_runtime.jobs import JobRecord
from aisle_runtime.names import ResourceName

from aisle_governance import convert
from aisle_governance.domain.labels.records import RANKING, SURPRISE, LabelBuild, LabelReview, Suspect
from aisle_governance.errors import InvalidField

BUILD = ResourceName("datasets/{dataset}/labelBuilds/{build}")
REVIEW = ResourceName("datasets/{dataset}/labelReviews/{review}")
DEFAULT_SUSPECTS, MAX_SUSPECTS, MAX_FIXES = 1_000, 10_000, 1_000
_METHOD = "LABEL_METHOD_"


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """What BuildLabels asks for; versions are (dataset id, number or None for the newest)."""

    dataset: str
    events: tuple[str, int | None]
    products: tuple[str, int | None] | None
    method: str
    """Name of a LabelMethod."""
    minimum_examinations: float


def build_id(name: str) -> tuple[str, str]:
    """(dataset id, build id) of a name. Raises InvalidField."""
    ids = BUILD.parse(name, "name")
    return ids["dataset"], ids["build"]


def review_id(name: str, field: str = "name") -> tuple[str, str]:
    """(dataset id, review id) of a name. Raises InvalidField."""
    ids = REVIEW.parse(name, field)
    return ids["dataset"], ids["review"]


def build_order(request: label_pb2.BuildLabelsRequest) -> BuildOrder:
    """The order in a request. Raises InvalidField."""
    name = label_pb2.LabelMethod.Name(request.method) if request.method in label_pb2.LabelMethod.values() else ""
    if not name:
        raise InvalidField("method", "is no method that this release knows")
    least = request.minimum_examinations
    if not 0 <= least <= 1e9:
        raise InvalidField("minimum_examinations", "must be a number above 0, or 0 for 1")
    products = request.products_version
    return BuildOrder(
        dataset=convert.dataset_id(request.dataset, "dataset"),
        events=convert.version_number(request.events_version, "events_version"),
        products=convert.version_number(products, "products_version") if products else None,
        method="PBM" if request.method == label_pb2.LABEL_METHOD_UNSPECIFIED else name.removeprefix(_METHOD),
        minimum_examinations=least or 1.0,
    )


def max_suspects(value: int) -> int:
    """How many suspects to keep. Raises InvalidField."""
    if not 0 <= value <= MAX_SUSPECTS:
        raise InvalidField("max_suspect_count", f"must be 1 to {MAX_SUSPECTS}, or 0 for {DEFAULT_SUSPECTS}")
    return value or DEFAULT_SUSPECTS


_ORDERS = {
    label_pb2.LABEL_REVIEW_ORDER_UNSPECIFIED: SURPRISE,
    label_pb2.LABEL_REVIEW_ORDER_SURPRISE: SURPRISE,
    label_pb2.LABEL_REVIEW_ORDER_RANKING: RANKING,
}


def review_order(value: "label_pb2.LabelReviewOrder") -> str:
    """In which order labels are listed. Raises InvalidField."""
    if value not in _ORDERS:
        raise InvalidField("order", "is not a known order", next_step="Leave it out, or use SURPRISE or RANKING.")
    return _ORDERS[value]


def fixes(request: label_pb2.AcceptLabelFixesRequest) -> list[tuple[int, float | None]]:
    """(rank, grade or None) of each fix. Raises InvalidField; whether suspects and grades exist is for the caller."""
    if not 1 <= len(request.fixes) <= MAX_FIXES:
        raise InvalidField("fixes", f"must hold 1 to {MAX_FIXES} fixes")
    found: dict[int, float | None] = {}
    for index, fix in enumerate(request.fixes):
        if fix.rank in found:
            raise InvalidField(f"fixes[{index}].rank", "is named twice")
        found[fix.rank] = fix.grade if fix.HasField("grade") else None
    return list(found.items())


def build_message(value: LabelBuild, job: JobRecord | None) -> label_pb2.LabelBuild:
    """The build with the state of its job."""
    brought = value.is_done and value.label_count > 0
    return label_pb2.LabelBuild(
        name=f"datasets/{value.dataset}/labelBuilds/{value.id}",
        events_version=value.events_version,
        products_version=value.products_version,
        method=f"{_METHOD}{value.method}",
        governance_run=f"governanceRuns/{value.run}" if value.run else "",
        label_count=value.label_count,
        list_count=value.list_count,
        unattributed_event_count=value.unattributed_event_count,
        unknown_product_count=value.unknown_product_count,
        examination_ratios=value.examination,
        status=None if job is None else job_status(job),
        **{"import": f"datasets/{value.dataset}/imports/{value.id}" if brought else ""},
    )


def review_message(value: LabelReview, job: JobRecord | None) -> label_pb2.LabelReview:
    """The review with the state of its job."""
    return label_pb2.LabelReview(
        name=f"datasets/{value.dataset}/labelReviews/{value.id}",
        dataset_version=f"datasets/{value.dataset}/versions/{value.version}",
        label_count=value.label_count,
        suspect_count=value.suspect_count,
        accepted_count=value.accepted_count,
        accuracy_ratio=value.accuracy_ratio,
        status=None if job is None else job_status(job),
    )


def suspect_message(value: Suspect) -> label_pb2.LabelSuspect:
    """One suspect."""
    return label_pb2.LabelSuspect(
        rank=value.rank,
        row_id=value.row_id,
        query=value.query,
        query_id=value.query_id,
        product_id=value.product_id,
        title=value.title,
        grade=value.grade,
        proposed_grade=value.proposed_grade,
        surprise=value.surprise,
        probability=value.probability,
        accepted=value.accept_time is not None,
        accepted_grade=value.accepted_grade or 0.0,
        accept_time=None if value.accept_time is None else to_timestamp(value.accept_time),
    )
