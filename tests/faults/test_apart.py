"""One market's fault never moves the other's figures: a day with each fault in turn, against the same day without any."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import pytest

from aurora.domain.errors import AuroraError
from aurora.domain.operation import Operation
from tests.faults.akash_stack import AKASH, AkashEmulator, AkashGround
from tests.faults.cells import ONLY
from tests.faults.kinds import FAULTS, SPOKEN
from tests.faults.stack import CALLER, REQUEST, VAST, Emulator, Stack, quickly

HOUR_S = 30.0
"""Of a fault."""
EVERY_S = 45.0
"""From the beginning of one to that of the next."""
PER_MINUTE = 60
"""Calls that each market allows: so few that each one shows."""
TOKENS = 0.1
"""Of a call: time goes on, and the bucket with it, between the last call and the look."""
EMULATORS: Mapping[str, type[Emulator]] = {VAST: Emulator, AKASH: AkashEmulator}

Figures = dict[str, Any]


class BothGround(AkashGround):
    """Both markets are known and traded on."""

    markets = (VAST, AKASH)
    changes: Mapping[str, Any] = {
        **AkashGround.changes,
        "vastai_rate_limit": PER_MINUTE,
        "akash_rate_limit": PER_MINUTE,
    }


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> BothGround:
    found = BothGround(tmp_path_factory.mktemp("both"))
    quickly(found.prepare())
    return found


@pytest.mark.parametrize(("at_fault", "beside"), [(VAST, AKASH), (AKASH, VAST)])
def test_the_figures_of_one_market_are_the_same_whatever_the_other_does(
    at_fault: str, beside: str, both: BothGround
):
    days: list[list[Figures]] = []

    async def live(*, faulty: bool) -> None:
        async with both.stack() as stack:
            days.append(await Day(stack, at_fault, beside, faulty=faulty).live())

    quickly(live(faulty=False))
    quickly(live(faulty=True))

    quiet, loud = days
    assert len(quiet) == len(loud) == len(FAULTS)
    for fault, wanted, found in zip(FAULTS, quiet, loud, strict=True):
        assert found.pop("tokens") == pytest.approx(wanted.pop("tokens"), abs=TOKENS), fault
        moved = {name: (value, found[name]) for name, value in wanted.items() if found[name] != value}
        assert not moved, f"{fault} at {at_fault} moved {beside}"


class Day:
    """The same work at both markets, hour by hour."""

    def __init__(self, stack: Stack, at_fault: str, beside: str, *, faulty: bool) -> None:
        self._stack = stack
        self._aurora = stack.aurora
        self._ours, self._theirs = beside, at_fault
        self._market = stack.emulator.at(EMULATORS[at_fault])
        self._other = stack.emulator.at(EMULATORS[beside])
        self._faulty = faulty
        self._hurt = 0

    async def live(self) -> list[Figures]:
        running = await self._deploy(self._ours)
        await self._stack.until(running, "running")
        began = self._stack.clock.monotonic()
        figures = []
        for number, fault in enumerate(FAULTS):
            await self._stack.clock.sleep(began + number * EVERY_S - self._stack.clock.monotonic())
            figures.append(await self._hour(fault, running))
        assert bool(self._hurt) is self._faulty, "the faults did not show at their own market"
        return figures

    async def _hour(self, fault: str, running: str) -> Figures:
        ends = self._stack.clock.monotonic() + HOUR_S
        if self._faulty:
            assert await self._market.post(_everywhere(fault)) == 201
        troubled = asyncio.create_task(self._troubled(buying=fault in _BOUGHT_UNDER))
        report = await self._aurora.sync.run(self._ours)
        checked = await self._aurora.desk.check(self._ours)
        tokens = self._aurora.desk.limiters()[self._ours]["available_tokens"]
        decided = await self._aurora.routing.route(_asked(self._ours), caller=CALLER, dry_run=True)
        await self._stack.clock.sleep(ends - self._stack.clock.monotonic())
        found = await self._figures(running)
        await self._market.lift()
        await troubled
        self._hurt += self._aurora.desk.status(self._theirs).value != "HEALTHY"
        await self._aurora.desk.reset(self._theirs, actor="ada")
        told = asdict(report)
        return {
            **found,
            "tokens": tokens,
            "sync": {name: told[name] for name in told if name not in {"started_at", "seconds"}},
            "check": (checked["ok"], checked["error"]),
            "decision": (decided.status, decided.offer_id, decided.price_usd_per_hour, decided.candidates),
        }

    async def _troubled(self, *, buying: bool) -> None:
        """The same at the market at fault, and perhaps something bought there and given back."""
        await self._aurora.sync.run(self._theirs)
        await self._aurora.desk.check(self._theirs)
        with suppress(AuroraError):
            if not buying:
                return
            bought = await self._aurora.routing.route(_asked(self._theirs), caller=CALLER)
            if bought.deployment_id is not None:
                await self._stack.clock.sleep(HOUR_S / 4)
                await self._aurora.deployments.terminate(bought.deployment_id, caller=CALLER)

    async def _figures(self, running: str) -> Figures:
        desk, limiter = self._aurora.desk, self._aurora.desk.limiters()[self._ours]
        shown = desk.provider_health(self._ours)
        view = await self._stack.view(running)
        offers = list(self._aurora.catalogue.offers(provider=self._ours))
        return {
            **{name: shown[name] for name in _SHOWN},
            "limiter": {name: limiter[name] for name in _LIMITER},
            "known": {(one.id, one.price_per_hour) for one in offers},
            "running": (
                view.deployment.status,
                [(one.state, one.charged_usd_per_hour) for one in view.attempts],
            ),
            "calls": await self._other.calls(),
            "living": len(await self._other.living()),
        }

    async def _deploy(self, market: str) -> str:
        return await self._stack.deploy(_asked(market))


_SHOWN = (
    *(
        "status",
        "reason",
        "success_rate",
        "circuit_breaker",
        "breaker",
        "window",
        "errors",
        "last_call_error",
    ),
    *("pauses", "credential", "bulkhead", "retries", "offers", "unknown_gpus", "completeness", "last_error"),
)
_BOUGHT_UNDER = frozenset(ONLY) | frozenset(list(FAULTS)[::4])
_LIMITER = ("rate", "capacity", "requests_blocked", "requests_delayed", "requests_rejected", "waiting")


def _asked(market: str) -> Any:
    return replace(REQUEST, providers=frozenset({market}))


def _everywhere(fault: str) -> dict[str, Any]:
    """The fault on all operations, or on the one that has it."""
    only = ONLY.get(fault)
    spoken = {"body": SPOKEN[Operation.STATUS]} if fault == "404 spoken" else {}
    return {**FAULTS[fault], **spoken, "operation": "*" if only is None else only.value}
