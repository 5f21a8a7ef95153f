"""A stand-in for Aurora, and the command pointed at it."""

from collections.abc import Iterator
from functools import partial

import pytest

from tests.unit.cli.cli_standin import Aurora, StandIn, run, serving


@pytest.fixture
def standin() -> StandIn:
    return StandIn()


@pytest.fixture
def aurora(standin: StandIn) -> Iterator[Aurora]:
    """`aurora("offers", "--json")` runs the command against the stand-in."""
    with serving(standin) as url:
        yield partial(run, url)
