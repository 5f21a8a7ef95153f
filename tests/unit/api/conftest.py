from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from structlog.testing import capture_logs

from aurora.api.app import create_app
from aurora.services.intake import RequestIntake
from tests.unit.api.fakes import FakeAurora, real_intake
from tests.unit.api.served import served


@pytest.fixture(scope="session")
def intake() -> RequestIntake:
    return real_intake()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Nothing is printed: unconfigured, structlog draws a whole picture of each traceback."""
    with capture_logs():
        yield


@pytest.fixture
def aurora(intake: RequestIntake) -> FakeAurora:
    return FakeAurora(intake)


@pytest.fixture
async def client(aurora: FakeAurora) -> AsyncIterator[aiohttp.ClientSession]:
    async with served(create_app(aurora)) as found:
        yield found
