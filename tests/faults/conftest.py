"""One reading of the market for all the tests of a worker; each test gets its own market and database."""

import gc
from collections.abc import Iterator

import pytest

from tests.faults.akash_stack import AkashGround
from tests.faults.stack import Ground, quickly


@pytest.fixture(scope="session", autouse=True)
def _young_garbage_only() -> Iterator[None]:
    """What was imported is not looked through again and again: that was a fifth of these tests' time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


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
