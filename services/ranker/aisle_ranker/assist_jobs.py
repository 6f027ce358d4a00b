"""Entry point of the child process that learns to understand messages."""

from typing import TYPE_CHECKING

from aisle_runtime.db import Database

from aisle_ranker.engines.assist_codec import encode
from aisle_ranker.engines.assist_fit import fit
from aisle_ranker.settings import RankerSettings
from aisle_ranker.storage import assist as store

if TYPE_CHECKING:
    from aisle_runtime.jobs import JobContext

SEED = 7


def train(context: "JobContext") -> bytes:
    """Learn from the messages that are stored now; returns the classifier as an archive. Raises TooFewLabels."""
    db = Database(RankerSettings().effective_database_url)
    try:
        examples = db.read_sync(lambda conn: store.everything(conn, store.EXAMPLES))
    finally:
        db.close()

    def told(ratio: float, phase: str) -> None:
        context.raise_if_cancelled()
        context.progress(0.95 * ratio, phase)

    return encode(fit(examples, SEED, told))
