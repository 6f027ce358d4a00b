"""What a ranking request asks for beside its page: for rules, for the log of requests, for a replay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from google.protobuf.message import Message

from aisle_ranker.domain.placement import Circumstances
from aisle_ranker.domain.profile import Deed


@dataclass(frozen=True, slots=True)
class Asked:
    """One request with everything outside the model that its answer depends on."""

    request: Message
    """SearchRequest, RecommendRequest or RankRequest, without ids of erased people."""
    serving_config: str
    """As named by the caller; "" for the default."""
    circumstances: Circumstances
    explain: bool = False
    deeds: Sequence[Deed] = ()
    """What the shopper did lately, oldest first."""
    trends: Mapping[str, float] = field(default_factory=dict)
    """What shoppers deal with now, where the answer depends on it."""
