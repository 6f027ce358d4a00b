"""Between protobuf and the records of pair matching."""

import math
from collections.abc import Iterable

from aisle.trainer.v1 import pair_matching_pb2 as pb

from aisle_trainer.domain.matching import Record
from aisle_trainer.errors import InvalidField

MOST_PAIRS = 1_000
_LONGEST = {"title": 10_000, "description": 100_000, "brand": 1_000}


def pairs(request: pb.ScorePairsRequest) -> list[tuple[Record, Record]]:
    """Read the pairs; raises InvalidField with the path of what cannot be."""
    if not 1 <= len(request.pairs) <= MOST_PAIRS:
        raise InvalidField("pairs", f"must hold 1 to {MOST_PAIRS} pairs; it holds {len(request.pairs)}")
    return [
        (_record(pair.left, f"pairs[{number}].left"), _record(pair.right, f"pairs[{number}].right"))
        for number, pair in enumerate(request.pairs)
    ]


def threshold(request: pb.ScorePairsRequest) -> float | None:
    """Read the threshold; None when the matcher's own is meant."""
    if not request.HasField("threshold"):
        return None
    if not 0 <= request.threshold <= 1:
        raise InvalidField("threshold", "must be from 0 to 1")
    return request.threshold


def response(scores: Iterable[float], cut: float) -> pb.ScorePairsResponse:
    """Write the scores and what they mean at this threshold."""
    return pb.ScorePairsResponse(
        scores=[pb.PairScore(score=score, matches=score >= cut) for score in scores], threshold=cut
    )


def _record(record: pb.ProductRecord, path: str) -> Record:
    for name, longest in _LONGEST.items():
        if len(getattr(record, name)) > longest:
            raise InvalidField(f"{path}.{name}", f"is longer than {longest} characters")
    if not record.title.strip():
        raise InvalidField(f"{path}.title", "is empty", next_step="Give every record a title.")
    price = record.price if record.HasField("price") else None
    if price is not None and not (math.isfinite(price) and price > 0):
        raise InvalidField(f"{path}.price", "must be above 0", next_step="Leave the price out when it is unknown.")
    return Record(record.title, record.description, record.brand, price)
