"""How much data the evaluation looks at: all that a short job can afford, never more than a long job needs."""

from dataclasses import dataclass

QUICK_STEPS = 20
"""Jobs of at most this many steps are evaluated in brief."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Sample sizes; they depend on nothing but the plan, so that two runs of one plan agree."""

    longest_list: int
    """Judged products per test query."""
    test_customers: int
    """Customers whose recommendations are ranked with the neural score."""
    neural_validation_customers: int
    """Customers on whom the weight of the neural score is chosen."""
    blend_customers: int
    """Customers on whom the other weights are chosen."""
    test_groups: int
    """Groups of purchase pairs for AUC and log loss."""
    validation_groups: int
    """Groups of purchase pairs looked at during training."""


FULL = Effort(
    longest_list=100,
    test_customers=120,
    neural_validation_customers=40,
    blend_customers=300,
    test_groups=200,
    validation_groups=48,
)
QUICK = Effort(
    longest_list=25,
    test_customers=20,
    neural_validation_customers=8,
    blend_customers=100,
    test_groups=60,
    validation_groups=24,
)


def effort_of(max_steps: int) -> Effort:
    """Return how thoroughly a job of `max_steps` is evaluated."""
    return QUICK if max_steps <= QUICK_STEPS else FULL
