"""Which model answers: one reference that is replaced as a whole, while calls under way keep the model they began with."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.loads import FailureFacts
from aisle_ranker.errors import NoLiveModel


class Serving:
    """The live model and what is happening to it; lives in the event loop's thread."""

    def __init__(self, dispose: Callable[[LiveModel], Awaitable[None] | None]) -> None:
        """Hand models that nobody uses any more to `dispose`."""
        self._dispose = dispose
        self._live: LiveModel | None = None
        self._users: Counter[int] = Counter()
        self._retired: dict[int, LiveModel] = {}
        self.loading = ""
        """Version being loaded, "" when none is."""
        self.last_failure: FailureFacts | None = None
        """Why the newest load failed; None when it did not."""
        self.on_swap: Callable[[], None] = lambda: None
        """Called after a model began to answer."""
        self.swap_count = 0
        """How often the live model was replaced since the start, the first one included."""

    @property
    def live(self) -> LiveModel | None:
        """The model that answers calls that begin now; None before the first."""
        return self._live

    @contextmanager
    def use(self) -> Iterator[LiveModel]:
        """Keep the live model for one call; raises NoLiveModel."""
        live = self._live
        if live is None:
            raise NoLiveModel()
        key = id(live)
        self._users[key] += 1
        try:
            yield live
        finally:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key]
                if key in self._retired:
                    self._dispose(self._retired.pop(key))

    def swap(self, model: LiveModel) -> None:
        """Let `model` answer from now on."""
        before, self._live = self._live, model
        self.swap_count += 1
        if before is not None:
            if self._users[id(before)]:
                self._retired[id(before)] = before
            else:
                self._dispose(before)
        self.on_swap()
