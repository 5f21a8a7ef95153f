"""The last known health of providers, on both databases."""

from datetime import timedelta

from aurora.db.repositories import health
from aurora.db.repositories.health import Observation
from aurora.domain.health import BreakerState, ProviderStatus
from tests.fakes.clock import START

SEEN = Observation(
    "vastai",
    ProviderStatus.DEGRADED,
    BreakerState.HALF_OPEN,
    trips=3,
    observed_at=START,
    reason="circuit half-open",
    success_rate=0.8125,
    avg_response_ms=245.5,
)


async def test_an_observation_comes_back_as_it_was_saved(database):
    async with database.write() as connection:
        await health.save(connection, SEEN)

    async with database.read() as connection:
        assert await health.last(connection) == {"vastai": SEEN}


async def test_a_later_observation_replaces_the_one_before(database):
    later = Observation(
        "vastai",
        ProviderStatus.HEALTHY,
        BreakerState.CLOSED,
        trips=4,
        observed_at=START + timedelta(seconds=9),
    )

    async with database.write() as connection:
        await health.save(connection, SEEN)
        await health.save(connection, later)

    async with database.read() as connection:
        assert await health.last(connection) == {"vastai": later}
