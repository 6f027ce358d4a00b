"""Who is held back: queries by a hash of their id, customers' orders by time. Nothing else in Aisle splits data."""

import hashlib
from dataclasses import dataclass
from enum import IntEnum

SEARCH_TEST_BUCKETS = (6, 7, 8, 9)
SEARCH_VALIDATION_BUCKETS = (5,)
BUCKETS = 10
DAY_US = 24 * 3600 * 1_000_000
WINDOW_DAYS = 30
LONGEST_WINDOW_SHARE = 0.2
"""A window is never longer than this share of the time that the orders span."""


class Role(IntEnum):
    """What a unit is used for."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2


def bucket(unit_id: str) -> int:
    """Return the bucket 0..9 of a unit; the same unit lands in the same bucket for ever."""
    return int(hashlib.sha256(unit_id.encode()).hexdigest()[:8], 16) % BUCKETS


def search_role(query_id: str) -> Role:
    """Return what the judgments of a query are used for."""
    number = bucket(query_id)
    if number in SEARCH_TEST_BUCKETS:
        return Role.TEST
    return Role.VALIDATION if number in SEARCH_VALIDATION_BUCKETS else Role.TRAIN


def fold(unit_id: str, folds: int) -> int:
    """Return the fold 0..folds-1 of a unit; independent of its bucket."""
    return int(hashlib.sha256(f"fold/{unit_id}".encode()).hexdigest()[:8], 16) % folds


def folds_in_words(folds: int) -> str:
    """Say how search is evaluated with folds."""
    return (
        f"{folds} folds by sha256('fold/' + query_id)[:8] mod {folds}; every query scored by a model trained without its "
        "fold, with blend weights fitted on the other folds"
    )


def search_split_in_words() -> str:
    """Say how the search test split is drawn."""
    test, validation = (", ".join(map(str, b)) for b in (SEARCH_TEST_BUCKETS, SEARCH_VALIDATION_BUCKETS))
    return f"sha256(query_id)[:8] mod 10 in {{{test}}}; validation {{{validation}}}; every judged pair of a query on one side"


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """Orders before `validation_start` teach; the two windows after it validate and test. Microseconds since 1970 UTC."""

    validation_start: int
    test_start: int
    end: int

    def in_words(self) -> str:
        """Say how the purchase test split is drawn."""
        days = (self.end - self.test_start) / DAY_US
        return (
            f"orders of the last {days:.1f} days by customers with earlier orders; validation the same length before; "
            "nothing after a window's start is used to predict it"
        )


def time_split(first_us: int, last_us: int) -> TimeSplit:
    """Cut two windows of 30 days (less when the orders span little) off the end of first_us..last_us."""
    end = last_us + 1
    window = min(WINDOW_DAYS * DAY_US, int((end - first_us) * LONGEST_WINDOW_SHARE))
    return TimeSplit(end - 2 * window, end - window, end)
