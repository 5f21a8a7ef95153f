"""Every fault on every operation of Akash comes out as its table says; nothing is orphaned, locked or paid twice."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.faults.akash_auctions import AUCTIONS, AuctionCase
from tests.faults.akash_cells import Cell
from tests.faults.akash_scenes import SCENES
from tests.faults.akash_stack import (
    CREATE,
    HEALTH,
    LEASE_OF,
    LIST,
    LOGS,
    OFFERS,
    OPERATIONS,
    QUOTE,
    STATUS,
    TERMINATE,
    AkashEmulator,
    AkashGround,
    AkashScene,
)
from tests.faults.akash_table import TABLE
from tests.faults.kinds import FAULTS
from tests.faults.scenes import Seen, finish
from tests.faults.stack import CALLER, REQUEST, VAST, Emulator, Stack, patiently, quickly

BUYING = (QUOTE, CREATE, LEASE_OF, LIST)
KEEPING = (OFFERS, HEALTH, STATUS, LOGS, TERMINATE)
"""In the order in which they are tried."""
ENDING = (LOGS, TERMINATE)
"""After these nothing runs any more."""

RENEWED_WITHIN_S = 30.0
"""From the end of a token to the next line of a container that writes one every second."""
NEVER_UP = ("start_failure", "never_starts")

POSSIBLE = [cell for cell in TABLE if not cell.impossible]
BOUGHT = [cell for cell in POSSIBLE if cell.operation in BUYING]
KEPT = sorted(
    (cell for cell in POSSIBLE if cell.operation in KEEPING), key=lambda cell: KEEPING.index(cell.operation)
)
IMPOSSIBLE = [cell for cell in TABLE if cell.impossible]


def _name(cell: Cell) -> str:
    return f"{cell.operation}-{cell.fault.replace(' ', '_')}"


def test_the_table_of_akash_has_every_fault_on_every_operation_once():
    counted = Counter((cell.operation, cell.fault) for cell in TABLE)
    wanted = {(operation, fault) for operation in OPERATIONS for fault in FAULTS}

    assert counted == Counter(dict.fromkeys(wanted, 1))
    assert all(cell.why.endswith(".") and len(cell.why) > 15 for cell in TABLE)


@pytest.mark.parametrize("cell", BOUGHT, ids=_name)
def test_a_fault_in_an_auction_comes_out_as_its_table_says(cell: Cell, akash: AkashGround):
    async def play(stack: Stack) -> None:
        scene = AkashScene(stack, cell.operation, cell.fault)
        await SCENES[cell.operation](scene)
        _compare(cell, scene)
        await _end(cell, scene)

    changes = {"start_timeout": 40} if cell.fault in NEVER_UP else {}
    patiently(akash, play, **changes)


@pytest.mark.parametrize("fault", sorted({cell.fault for cell in KEPT}))
def test_a_fault_while_a_lease_runs_comes_out_as_its_table_says(fault: str, akash: AkashGround):
    """All operations on one stack, one after the other: what each leaves behind must not change the next."""

    async def play(stack: Stack) -> None:
        deployment = None
        for cell in (cell for cell in KEPT if cell.fault == fault):
            scene = AkashScene(stack, cell.operation, fault, Seen(deployment=deployment))
            await SCENES[cell.operation](scene)
            _compare(cell, scene)
            await scene.recovered()
            deployment = scene.seen.deployment
            if cell.operation in ENDING or cell.after == "failed":
                await _end(cell, scene)
                deployment = None

    patiently(akash, play)


def test_a_fault_that_akash_has_on_one_operation_only_is_refused_on_the_others(akash: AkashGround):
    async def refused() -> None:
        async with akash.emulated() as (emulator, _):
            for cell in IMPOSSIBLE:
                assert await emulator.post_fault(cell.fault, cell.operation) == 422, cell

    quickly(refused())


@pytest.mark.parametrize("case", AUCTIONS, ids=lambda case: case.name)
def test_an_auction_that_goes_wrong_ends_as_stated(case: AuctionCase, akash: AkashGround):
    async def play(stack: Stack) -> None:
        if case.fault:
            assert await stack.emulator.post_fault(case.fault, "lease", count=case.count) == 201
        else:
            await _emulator(stack).happen(case.event, count=case.count)

        deployment = await stack.deploy()
        view = await stack.until(deployment, "running", "failed")

        assert view.deployment.status.value == case.status, await stack.story(deployment)
        assert tuple(one.end_reason for one in view.attempts) == case.ends
        view = await finish(stack, deployment)
        assert case.reason in (view.deployment.reason or "")
        rows = await stack.emulator.ledger()
        assert sum(row["usd_per_hour"] > 0 for row in rows) == case.leases
        await _nothing_is_left(stack, deployment)

    patiently(akash, play)


def test_a_deployment_that_its_provider_closes_is_replaced_and_its_deposit_comes_back(akash: AkashGround):
    async def play(stack: Stack) -> None:
        deployment = await stack.deploy()
        await stack.until(deployment, "running")
        (first,) = await stack.emulator.living()
        await _emulator(stack).happen("evict", id=first["id"])

        async def replaced() -> bool:
            view = await stack.view(deployment)
            return len(view.attempts) == 2 and view.deployment.status.value == "running"

        await stack.eventually(replaced)
        view = await finish(stack, deployment)
        assert [one.end_reason for one in view.attempts] == ["interrupted", "user"]
        await _nothing_is_left(stack, deployment)

    patiently(akash, play)


def test_a_token_that_expires_in_mid_stream_is_renewed_and_no_line_is_lost(akash: AkashGround):
    async def play(stack: Stack) -> None:
        deployment = await stack.deploy()
        await stack.until(deployment, "running")
        before = (await stack.emulator.calls()).get("token", 0)
        lines: list[str] = []
        expired_at = renewed_at = 0.0

        async for line in stack.aurora.deployments.logs(deployment, caller=CALLER, follow=True):
            lines.append(line.text)
            if len(lines) == 5:
                await _emulator(stack).happen("expire_tokens")
                expired_at = stack.clock.monotonic()
            if (await stack.emulator.calls())["token"] == before + 2:
                renewed_at = renewed_at or stack.clock.monotonic()
            if renewed_at and stack.clock.monotonic() > renewed_at + 10:
                break

        assert renewed_at - expired_at < RENEWED_WITHIN_S
        whole = [line.text async for line in stack.aurora.deployments.logs(deployment, caller=CALLER)]
        assert lines == whole[: len(lines)]
        assert len(lines) > 5
        assert await stack.status(deployment) == "running"
        await finish(stack, deployment)
        await _nothing_is_left(stack, deployment)

    patiently(akash, play)


@pytest.mark.parametrize("fault", ["401", "429 retry-after", "500", "hang"])
def test_what_runs_at_vastai_runs_on_while_the_whole_of_akash_is_at_fault(fault: str, akash: AkashGround):
    async def play(stack: Stack) -> None:
        assert (await stack.aurora.sync.run(VAST)).outcome == "ok"
        beside = await stack.deploy(replace(REQUEST, providers=frozenset({VAST})))
        deployment = await stack.deploy()
        await stack.until(beside, "running")
        await stack.until(deployment, "running")
        assert await stack.emulator.post({**FAULTS[fault], "operation": "*"}) == 201

        await stack.until(deployment, "lost")

        assert await stack.status(beside) == "running"
        assert stack.aurora.desk.status(VAST).value == "HEALTHY"
        (there,) = await stack.emulator.at(Emulator).ledger()
        assert (there["state"], there["stopped_at"]) == ("running", None)
        await stack.emulator.lift()
        await stack.until(deployment, "running")
        await finish(stack, deployment)
        await _nothing_is_left(stack, deployment)
        assert len((await stack.view(beside)).attempts) == 1
        assert await stack.status(beside) == "running"

    patiently(akash, play)


def _emulator(stack: Stack) -> AkashEmulator:
    assert isinstance(stack.emulator, AkashEmulator)
    return stack.emulator


def _compare(cell: Cell, scene: AkashScene) -> None:
    seen = scene.seen
    found = (seen.after, seen.attempts, seen.living, seen.offers_kept)
    assert seen.under in ((cell.under,) if isinstance(cell.under, str) else cell.under), cell.why
    assert found == (cell.after, cell.attempts, cell.living, True), cell.why
    assert seen.creates <= cell.creates, cell.why
    assert seen.code in cell.error_codes
    assert seen.provider.value in cell.provider or seen.provider is scene.before


async def _end(cell: Cell, scene: AkashScene) -> None:
    """It is told to end; people read why it did, and nothing is left of it."""
    deployment = scene.seen.deployment
    assert deployment is not None
    view = await finish(scene.stack, deployment)
    assert cell.reason in (view.deployment.reason or ""), await scene.stack.story(deployment)
    await _nothing_is_left(scene.stack, deployment, seen_charge=not cell.unseen_charge)


async def _nothing_is_left(stack: Stack, deployment: str, *, seen_charge: bool = True) -> None:
    """The ledger of the market is the truth."""
    rows = await stack.emulator.ledger()
    view = await stack.view(deployment)
    ceilings = {one.name: float(one.ceiling_usd_per_hour) for one in view.attempts}
    assert view.deployment.status.value in {"terminated", "failed"}
    assert max(Counter(row["label"] for row in rows).values(), default=0) <= 1, "two leases of one attempt"
    assert not seen_charge or all(
        row["usd_per_hour"] <= ceilings[row["label"]] for row in rows if row["label"] in ceilings
    ), "charged above the ceiling"
    assert all(row["state"] in AkashEmulator.over for row in rows)
    assert all(row["deposit_locked_usd"] == 0 for row in rows), "a deposit is still locked"
