"""Markets that say what they charged, and that show what has ended for days."""

from dataclasses import replace
from decimal import Decimal

from aurora.domain.deployment import AttemptState
from aurora.domain.errors import InstanceNotFound
from aurora.domain.instance import InstanceState
from aurora.providers.fake import FakeProvider
from aurora.providers.metrics import DirectGuard
from tests.unit.lifecycle.world import CALLER, offer, setting


class Bookkeeper(FakeProvider):
    """Says what it charged; `ended` stays on show, as over."""

    charged = Decimal("0.5")
    final = Decimal("1.0")
    ended = False

    def _told(self, seen):
        if self.ended:
            return replace(seen, state=InstanceState.EXITED, charged_usd=self.final, over=True)
        return replace(seen, charged_usd=self.charged)

    async def status(self, external_id):
        try:
            return self._told(await super().status(external_id))
        except InstanceNotFound as gone:
            gone.charged_usd = self.final
            raise

    async def list_own(self):
        return tuple(self._told(each) for each in await super().list_own())

    async def terminate(self, external_id):
        if not self.ended:
            await super().terminate(external_id)


def staged(database):
    return setting(database, offers=[offer("1")])


def bookkeeper(stage):
    """The market of the stage, with the habits of a bookkeeper."""
    stage.providers["fake"] = Bookkeeper(clock=stage.clock, guard=DirectGuard(), offers=[offer("1")])
    return stage.providers["fake"]


async def test_what_the_market_says_it_charged_goes_before_our_count(database):
    async with staged(database) as stage:
        bookkeeper(stage)
        world = await stage.boot()
        deployment = await world.deploy()
        await world.until(deployment, "running")
        for _ in range(20):
            await world.step(1)

        assert (await world.view(deployment)).deployment.cost_usd == Decimal("0.5")


async def test_the_final_bill_of_what_is_gone_is_kept(database):
    async with staged(database) as stage:
        bookkeeper(stage)
        world = await stage.boot()
        deployment = await world.deploy()
        await world.until(deployment, "running")

        await world.desk.terminate(deployment, caller=CALLER)
        ended = await world.until(deployment, "terminated")

        assert ended.deployment.cost_usd == Decimal("1.0")
        assert ended.attempts[0].cost_usd == Decimal("1.0")


async def test_what_is_over_counts_as_gone_though_the_market_still_shows_it(database):
    async with staged(database) as stage:
        fake = bookkeeper(stage)
        world = await stage.boot()
        deployment = await world.deploy()
        await world.until(deployment, "running")
        fake.ended = True

        ended = await world.until(deployment, "terminated")

        assert (ended.deployment.end_reason, ended.deployment.cost_usd) == ("completed", Decimal("1.0"))
        assert ended.attempts[0].state is AttemptState.ENDED
        assert await fake.list_own()

        await world.sweep.run([fake])
        assert world.seen.reopened_attempts == []
        assert world.seen.orphans == []


async def test_what_is_over_is_no_orphan_but_is_found_by_its_name(database):
    async with staged(database) as stage:
        fake = bookkeeper(stage)
        world = await stage.boot()
        deployment = await world.deploy()
        running = await world.until(deployment, "running")
        fake.ended = True

        found = await world.context.sightings.find_named(fake, running.current.name)

        assert found is not None
        assert found.over
