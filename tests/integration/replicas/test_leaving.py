"""A replica that stops leaves its duties to the others at once."""

from tests.integration.replicas.pair import replica
from tests.settings.room import emulator


async def test_a_duty_need_not_run_out_when_its_holder_stops(databases):
    async with (
        databases.postgres_url() as url,
        emulator() as market,
        replica(url, market=market, follow=False) as other,
    ):
        async with replica(url, market=market, follow=False) as leader:
            assert await leader.replicas.may_sync("vastai")
            assert not await other.replicas.may_sync("vastai")

        assert await other.replicas.may_sync("vastai")
