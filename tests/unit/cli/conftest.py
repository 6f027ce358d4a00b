from collections.abc import Iterator

import pytest
from cli_support import Fakes, running_fakes


@pytest.fixture
def fakes() -> Iterator[Fakes]:
    with running_fakes() as running:
        yield running
