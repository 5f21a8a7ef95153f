"""Markets whose creates take several steps, and markets that are paid in advance."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from aurora.domain.errors import NoCapacity, ProviderTimeout, Unavailable
from aurora.domain.instance import Instance, InstanceState, LaunchSpec
from aurora.domain.operation import Operation
from aurora.providers.fake import FakeProvider
from aurora.providers.metrics import DirectGuard
from tests.unit.lifecycle.world import CALLER, offer, setting


class AuctionProvider(FakeProvider):
    """A create opens an auction; `advance` takes the bid. Money is held for ten minutes at a time."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.leased: dict[str, float] = {}
        self.paid_s: dict[str, float] = {}
        self.bid = Decimal("1.25")
        self.moves: list[str] = []
        self.errors: list[Exception] = []
        self.lose_answer = False

    async def advance(self, external_id: str, spec: LaunchSpec) -> Instance:
        self.moves.append(external_id)
        if self.errors:
            raise self.errors.pop(0)
        if self.bid > spec.ceiling_usd_per_hour:
            raise NoCapacity(self.name, f"bids only above the ceiling: cheapest ${self.bid}/h")
        machine = self.market.machine(external_id)
        if external_id not in self.leased:
            self.leased[external_id] = self._clock.monotonic()
            self.paid_s[external_id] = 600.0
            machine.usd_per_hour = self.bid
            machine.running_at = self._clock.now() + timedelta(seconds=20)
        if self.lose_answer:
            self.lose_answer = False
            raise ProviderTimeout(self.name, "no answer to the lease")
        return replace(await self.status(external_id), quoted_usd_per_hour=self.bid)

    async def status(self, external_id: str) -> Instance:
        seen = await super().status(external_id)
        if external_id not in self.leased:
            return replace(seen, state=InstanceState.PREPARING, raw_state="no lease", usd_per_hour=None)
        paid_until = self._clock.now() + timedelta(
            seconds=self.leased[external_id] + self.paid_s[external_id] - self._clock.monotonic()
        )
        return replace(seen, paid_until=paid_until)

    async def extend(self, external_id: str, *, seconds: float) -> None:
        self.paid_s[external_id] += seconds


@pytest.fixture
def auction_stage(database):
    def opened(*offers):
        return _opened(database, offers)

    return opened


def _opened(database, offers):
    stage = setting(database, offers=[*offers, offer("spare", provider="spare", usd="2.00")])
    original = stage.__aenter__

    class Stage:
        async def __aenter__(self):
            made = await original()
            made.providers["fake"] = AuctionProvider(
                "fake", clock=made.clock, guard=DirectGuard(), offers=offers, pace=made.providers["fake"].pace
            )
            return made

        async def __aexit__(self, *exc):
            return await stage.__aexit__(*exc)

    return Stage()


async def test_an_auction_is_advanced_until_it_runs_and_all_three_prices_are_kept(auction_stage):
    async with auction_stage(offer("1")) as stage:
        world = await stage.boot()
        deployment = await world.deploy()

        running = await world.until(deployment, "running")

        attempt = running.current
        assert attempt.provider == "fake"
        assert attempt.decided_usd_per_hour == Decimal("1.00")
        assert attempt.quoted_usd_per_hour == attempt.charged_usd_per_hour == Decimal("1.25")
        assert "price_agreed" in await world.kinds(deployment)


async def test_bids_above_the_ceiling_are_never_taken_and_the_auction_is_closed(auction_stage):
    async with auction_stage(offer("1")) as stage:
        world = await stage.boot()
        auction = stage.providers["fake"]
        auction.bid = Decimal("3.50")
        deployment = await world.deploy()

        running = await world.until(deployment, "running")
        for _ in range(5):
            await world.step()

        assert running.current.provider == "spare"
        assert auction.leased == {}
        assert auction.market.live() == ()


async def test_a_lost_answer_to_the_lease_is_settled_by_the_next_look(auction_stage):
    async with auction_stage(offer("1")) as stage:
        world = await stage.boot()
        auction = stage.providers["fake"]
        auction.lose_answer = True
        deployment = await world.deploy()

        running = await world.until(deployment, "running")

        assert len(running.attempts) == 1
        assert len(auction.moves) == 1


async def test_a_transient_error_in_a_step_is_tried_again(auction_stage):
    async with auction_stage(offer("1")) as stage:
        world = await stage.boot()
        stage.providers["fake"].errors = [Unavailable("fake", "502"), Unavailable("fake", "502")]
        deployment = await world.deploy()

        running = await world.until(deployment, "running")

        assert len(running.attempts) == 1
        assert len(stage.providers["fake"].moves) == 3


async def test_a_restart_between_the_steps_goes_on_where_it_was(auction_stage):
    async with auction_stage(offer("1")) as stage:
        world = await stage.boot()
        deployment = await world.deploy()
        await world.step()
        assert (await world.view(deployment)).current.external_id is not None

        reborn = await stage.boot()
        running = await reborn.until(deployment, "running")

        assert len(running.attempts) == 1
        assert stage.providers["fake"].count(Operation.CREATE) == 1


async def test_delete_in_the_middle_of_an_auction_closes_it(auction_stage):
    async with auction_stage(offer("1")) as stage:
        world = await stage.boot()
        auction = stage.providers["fake"]
        auction.errors = [Unavailable("fake", "502")] * 50
        deployment = await world.deploy()
        for _ in range(5):
            await world.step()
        await world.desk.terminate(deployment, caller=CALLER)

        await world.until(deployment, "terminated")

        assert auction.market.live() == ()
        assert auction.leased == {}


async def test_prepaid_time_is_extended_before_it_ends_and_not_beyond_what_was_asked_for(auction_stage):
    async with auction_stage(offer("1")) as stage:
        world = await stage.boot()
        auction = stage.providers["fake"]
        deployment = await world.deploy(gpu_hours=Decimal(3))
        running = await world.until(deployment, "running")
        external_id = running.current.external_id
        lowest = 1e9
        while (await world.view(deployment)).deployment.status == "running":
            seen = await auction.status(external_id)
            lowest = min(lowest, (seen.paid_until - stage.clock.now()).total_seconds())
            await world.step(10)

        assert lowest > 0
        assert auction.paid_s[external_id] <= 3 * 3600 + 60
        assert "paid" in await world.kinds(deployment)
