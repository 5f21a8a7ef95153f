"""What needs a market that lives: every adapter against its emulator, on a clock that the test moves."""

from datetime import datetime
from decimal import Decimal
from itertools import pairwise

import pytest

from aurora.conformance.examine import Subject, examine
from aurora.conformance.rules import LIVE
from aurora.conformance.watch import Watch
from aurora.domain.errors import InstanceNotFound
from aurora.domain.instance import InstanceState as S
from aurora.emulators.invented import GPUS
from aurora.emulators.server import PROVIDERS
from aurora.providers.base import SupportsPrepay, SupportsSteps
from aurora.providers.metrics import DirectGuard
from tests.conformance.description import NAME, missing
from tests.conformance.kit import promise
from tests.integration.providers.emulated import emulated
from tests.unit.providers.loopback import make_spec

CENT = Decimal("0.01")
DISK_GB = 20.0
LATER = {
    S.PREPARING: {S.STARTING, S.RUNNING, S.ENDING},
    S.STARTING: {S.RUNNING, S.ENDING},
    S.RUNNING: {S.ENDING},
    S.ENDING: set(),
}
"""The legal order of a life that nothing disturbs: an end is always possible, and nothing goes back."""


class Life:
    """One instance at an emulator, and every state in which it was seen."""

    def __init__(self, market, described):
        self.market, self.described = market, described
        self.provider, self.clock = market.provider, market.clock
        self.states = []
        self.metered_from = None
        """When our meter begins where it begins before the container runs: with the first rate that is told."""

    async def created(self, number=1):
        offers, _ = await self.market.offers()
        offer = min(
            (each for each in offers if _fits(each)),
            key=lambda each: (
                each.min_rental_minutes,
                each.gpu_count,
                each.price_with_disk(DISK_GB),
                each.id,
            ),
        )
        self.spec = make_spec(
            offer.external_id,
            name=NAME.format(number),
            ports=("8080",),
            disk_gb=DISK_GB,
            command=(),
            gpu_count=offer.gpu_count,
            image="ghcr.io/acme/app:1.2.3",
            ceiling_usd_per_hour=Decimal(50),
        )
        quote = await self.provider.quote(offer.external_id, gpu_count=offer.gpu_count, disk_gb=DISK_GB)
        self.rate = quote.usd_per_hour
        self.id = (await self.provider.create(self.spec)).external_id

    async def look(self):
        """One sighting, and our next move where it is ours."""
        seen = await self.provider.status(self.id)
        if seen.state is S.PREPARING and isinstance(self.provider, SupportsSteps):
            seen = await self.provider.advance(self.id, self.spec)
        if not self.states or self.states[-1] is not seen.state:
            self.states.append(seen.state)
        self.rate = seen.usd_per_hour or seen.quoted_usd_per_hour or self.rate
        if seen.usd_per_hour is not None:
            self.metered_from = self.metered_from or self.clock.now()
        return seen

    async def until_running(self):
        for _ in range(1000):
            seen = await self.look()
            if seen.state is S.RUNNING:
                return seen
            self.clock.elapsed += 1 if self.metered_from is None else 5
        raise AssertionError(f"never running, but {self.states}")

    async def run_for(self, seconds):
        """Time passes; where it is paid in advance, it is paid."""
        for _ in range(int(seconds // 300)):
            self.clock.elapsed += 300
            seen = await self.look()
            if isinstance(self.provider, SupportsPrepay) and seen.paid_until is not None:
                left = (seen.paid_until - self.clock.now()).total_seconds()
                if left < 900:
                    await self.provider.extend(self.id, seconds=600)
        self.clock.elapsed += seconds % 300

    async def ended(self):
        await self.provider.terminate(self.id)
        for _ in range(200):
            try:
                await self.look()
            except InstanceNotFound as gone:
                return gone
            self.clock.elapsed += 5
        raise AssertionError(f"never gone, but {self.states}")


def _fits(offer):
    free = offer.available is None or offer.available > 0
    return offer.gpu.known and not offer.spot and free


@pytest.fixture
async def life(described):
    if described.emulator not in PROVIDERS:
        missing("backend/aurora/emulators/server.py", f"PROVIDERS[{described.emulator!r}]")

    def connect(url, clock):
        return described.emulated(url, clock, DirectGuard())

    async with emulated(described.emulator, connect) as market:
        if described.settings:
            await market.set(**described.settings)
        yield Life(market, described)


def legal(states):
    return all(after in LATER.get(before, ()) for before, after in pairwise(states))


@promise("billing", "states", emulated=True)
async def test_the_billing_rule_reproduces_the_emulators_ledger_to_the_cent(life):
    await life.created()
    await life.until_running()
    await life.run_for(5420)
    gone = await life.ended()

    row = await life.market.row(NAME.format(1))
    rule, taken = life.provider.billing, Decimal(str(row["usd_billed"]))
    created, running, stopped = (
        datetime.fromisoformat(row[at]) for at in ("started_at", "running_at", "stopped_at")
    )
    began = (life.metered_from or created) if rule.from_creation else running
    billed_s = (stopped - began).total_seconds()
    assert taken > 0
    assert abs(rule.cost(life.rate, billed_s) - taken) < CENT, (life.rate, billed_s, row)
    if gone.charged_usd is not None:  # the market's own word goes before our count
        assert abs(gone.charged_usd - taken) < CENT
    assert legal(life.states), life.states
    assert S.RUNNING in life.states


@promise("list-lag", "found-by-name", emulated=True)
async def test_an_instance_that_the_list_does_not_show_yet_is_not_taken_for_absent(life):
    lag = life.provider.capabilities.list_settles_within_s * 0.9
    await life.market.fault(kind="list_lag", operation="list", seconds=lag)
    await life.created()

    assert (await life.look()).state in {S.PREPARING, S.STARTING, S.RUNNING}
    life.clock.elapsed += life.provider.capabilities.list_settles_within_s
    assert [each.name for each in await life.provider.list_own()] == [NAME.format(1)]


@promise(*(rule for rule in LIVE if rule != "credit"), emulated=True)
async def test_the_read_only_examination_finds_no_promise_broken_at_the_emulator(described):
    watch = {}

    def connect(url, clock):
        watch["watch"] = Watch(clock)
        return described.emulated(url, clock, watch["watch"].guard(DirectGuard()))

    async with emulated(described.emulator, connect) as market:
        subject = Subject(
            market.provider, watch["watch"], absent_id=described.absent_id, slices=3, invented=GPUS
        )
        report = await examine(subject)
        async with market.session.get(f"{market.url}/_emulator/{market.name}/calls") as answer:
            sent = await answer.json()

    assert [(each.rule, each.seen, each.examples) for each in report.broken] == []
    assert report.offers >= 3
    assert {"create", "terminate"} & set(sent) == set()
