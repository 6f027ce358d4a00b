"""The test shop's model, opened once."""

import asyncio

import pytest
from bundle_factory import build
from ranker_support import Opened
from ranker_support import opened as open_bundle


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    bundle, reference = build()
    live, golden = asyncio.run(open_bundle(bundle, tmp_path_factory.mktemp("bundle")))
    return Opened(bundle, reference, live, golden)
