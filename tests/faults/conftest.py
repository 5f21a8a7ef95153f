"""One reading of the market for all the tests of a worker; each test gets its own market and database."""

import pytest

from tests.faults.akash_stack import AkashGround
from tests.faults.stack import Ground, quickly


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    found = Ground(tmp_path_factory.mktemp("faults"))
    quickly(found.prepare())
    return found


@pytest.fixture(scope="session")
def akash(tmp_path_factory: pytest.TempPathFactory) -> AkashGround:
    found = AkashGround(tmp_path_factory.mktemp("akash_faults"))
    quickly(found.prepare())
    return found
