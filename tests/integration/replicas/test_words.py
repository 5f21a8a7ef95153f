"""A word reaches the other replica at once: who works there, and who waits there, need not look first."""

import asyncio
import time

from aurora.services.ports import Caller
from tests.integration.replicas.pair import pair, replica, until
from tests.settings.room import anything_on_sale, emulator

CALLER = Caller()
LONG = 600.0


async def test_what_is_asked_at_one_is_done_at_the_other_and_told_back_at_once(databases):
    async with pair(databases, reconcile_interval=LONG) as made:
        api, worker = made.both
        await until(lambda: api.replicas.figures().connected and worker.replicas.figures().connected)
        await worker.replicas.sync.run("vastai")
        await until(lambda: len(list(api.catalogue.offers())) > 0)
        reconciling = asyncio.create_task(worker.reconciler.run())
        await asyncio.sleep(0.05)

        began = time.monotonic()
        answer = await api.routing.route(anything_on_sale(api), caller=CALLER, wait_s=20)

        assert answer.status == "running"
        assert time.monotonic() - began < 10
        assert len(await made.market.alive()) == 1

        deployment = answer.deployment_id
        await api.deployments.terminate(deployment, caller=CALLER)

        async def ended() -> bool:
            return (await api.deployments.get(deployment, caller=CALLER)).deployment.status.ended

        async with asyncio.timeout(15):
            while not await ended():
                await asyncio.sleep(0.05)
        reconciling.cancel()
        await asyncio.gather(reconciling, return_exceptions=True)


async def test_the_holds_of_one_are_on_the_others_board(databases):
    async with pair(databases) as made:
        await made.one.replicas.sync.run("vastai")
        await until(lambda: len(list(made.other.catalogue.offers())) > 0)

        await made.one.routing.route(anything_on_sale(made.one), caller=CALLER)

        await until(lambda: len(made.other.market.holds()) == 1)
        assert made.other.market.holds()[0].offer_id == made.one.market.holds()[0].offer_id


async def test_without_any_word_the_other_sees_it_by_looking(databases):
    async with (
        databases.postgres_url() as url,
        emulator() as market,
        replica(url, market=market, follow=False) as one,
        replica(url, market=market, follow=False) as other,
    ):
        await one.replicas.sync.run("vastai")
        await one.routing.route(anything_on_sale(one), caller=CALLER)

        await other.replicas.join()

        assert len(list(other.catalogue.offers())) == len(list(one.catalogue.offers()))
        assert len(other.market.holds()) == 1
        assert not other.replicas.figures().connected
