"""What the trainer reaches and costs on real data."""

from collections.abc import Callable

from benchmarks.figures import Row
from benchmarks.trainer.peft import peft_table
from benchmarks.trainer.speed import trainer_speed


def rows() -> dict[str, Callable[[], Row]]:
    """By id."""
    return {"peft_table": peft_table, "trainer_speed": trainer_speed}
