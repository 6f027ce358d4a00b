"""A whole platform per module: real NATS, six real processes, a small simulated shop."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aisle_demo import simulated
from aisle_demo.services import Services
from aisle_demo.shop import Shop
from aisle_launcher.platform import LocalPlatform
from planted import plant


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    made = simulated.make_shop(folder, quick=False, products=240, customers=120, queries=80, orders=1500)
    plant(made)
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalPlatform]:
    state: Path = tmp_path_factory.mktemp("platform")
    async with LocalPlatform(state) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def services(platform: LocalPlatform) -> AsyncIterator[Services]:
    opened = Services(platform.addresses)
    yield opened
    await opened.close()
