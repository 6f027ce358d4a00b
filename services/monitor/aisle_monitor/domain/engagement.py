"""What shoppers did with the answers of a model version, and when that is worth an alert."""

from dataclasses import dataclass

from aisle_monitor.domain.alerts import Alert, AlertKind

CONFIDENCE = 0.95
CLICK, PURCHASE = "click", "purchase"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the ranker as the shopper saw it."""

    answer_id: str
    surface: str
    model_version: str
    product_ids: tuple[str, ...]
    duration_ms: float
    degraded: bool
    serve_time: float


@dataclass(frozen=True, slots=True)
class Engagement:
    """A click or a purchase that names an answer."""

    answer_id: str
    product_id: str
    type: str
    """`click` or `purchase`."""
    event_time: float


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio with the ends of its 95 % interval."""

    ratio: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class ServingFigures:
    """Figures of one model version, on one surface or on all (`surface` empty)."""

    model_version: str
    surface: str
    answer_count: int
    impression_count: int
    click_count: int
    purchase_count: int
    latency_p50_ms: float
    latency_p99_ms: float
    degraded_ratio: float


@dataclass(frozen=True, slots=True)
class ClickCounts:
    """What the click-through of one model version rests on."""

    model_version: str
    impression_count: int
    click_count: int


def wilson_interval(successes: int, trials: int) -> Interval:
    """Return successes / trials with its 95 % score interval; (0, 0, 1) without trials.

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.
    """
    if trials == 0:
        return Interval(0.0, 0.0, 1.0)
    from scipy.stats import binomtest  # a heavy import that only this needs

    ends = binomtest(successes, trials).proportion_ci(confidence_level=CONFIDENCE, method="wilson")
    return Interval(successes / trials, float(ends.low), float(ends.high))


def latency_alert(figures: ServingFigures, bound_ms: float, least_answers: int, key: str) -> Alert | None:
    """Return an alert when the 99th percentile is over `bound_ms` on at least `least_answers` answers."""
    if figures.answer_count < least_answers or figures.latency_p99_ms <= bound_ms:
        return None
    message = (
        f"p99 of {figures.model_version} is {figures.latency_p99_ms:.0f} ms over {figures.answer_count} answers, "
        f"above the bound of {bound_ms:.0f} ms."
    )
    return Alert(key, AlertKind.LATENCY, model_of(figures.model_version), message, figures.latency_p99_ms, bound_ms)


def click_through_alert(live: ClickCounts, previous: ClickCounts, least_impressions: int) -> Alert | None:
    """Return an alert when the live version's interval lies wholly below the previous version's.

    Intervals that do not overlap are a stricter bar than a 5 % test of the difference. Silent until both have
    `least_impressions`.
    """
    if min(live.impression_count, previous.impression_count) < least_impressions:
        return None
    now = wilson_interval(live.click_count, live.impression_count)
    before = wilson_interval(previous.click_count, previous.impression_count)
    if now.upper >= before.lower:
        return None
    message = (
        f"Click-through of {live.model_version} is {now.ratio:.4f} [{now.lower:.4f}, {now.upper:.4f}], below "
        f"{before.ratio:.4f} [{before.lower:.4f}, {before.upper:.4f}] of {previous.model_version}."
    )
    key = f"click_through:{live.model_version}:{previous.model_version}"
    return Alert(key, AlertKind.CLICK_THROUGH, model_of(live.model_version), message, now.ratio, before.lower)


def model_of(model_version: str) -> str:
    """Return `models/{model}` of `models/{model}/versions/{version}`."""
    return model_version.partition("/versions/")[0]
