"""Every fault on every operation comes out as the table says; whatever happens, no instance is orphaned or paid twice."""

from collections import Counter
from datetime import datetime

import pytest

from aurora.domain.operation import Operation
from tests.faults.kinds import FAULTS
from tests.faults.scenes import SCENES, Scene, finish
from tests.faults.stack import Ground, Stack, patiently, quickly
from tests.faults.table import TABLE, Cell

SLACK_S = 40.0
"""Time of running that may go unnoticed between two looks: polls, and what our calls take in quick time."""
UNSEEN_S = 300.0
"""Longest time from the end of a fault to the confirmed end of an instance: circuit, credential and poll."""

POSSIBLE = [cell for cell in TABLE if not cell.impossible]
IMPOSSIBLE = [cell for cell in TABLE if cell.impossible]


def _name(cell: Cell) -> str:
    return f"{cell.operation.value}-{cell.fault.replace(' ', '_')}"


def test_the_table_has_every_fault_on_every_operation_once():
    counted = Counter((cell.operation, cell.fault) for cell in TABLE)

    assert counted == Counter({(operation, fault): 1 for operation in Operation for fault in FAULTS})


def test_every_cell_says_why():
    assert all(cell.why.endswith(".") and len(cell.why) > 15 for cell in TABLE)


@pytest.mark.parametrize("cell", POSSIBLE, ids=_name)
def test_a_fault_comes_out_as_the_table_says(cell: Cell, ground: Ground):
    async def play(stack: Stack) -> None:
        scene = Scene(stack, cell.operation, cell.fault)
        await SCENES[cell.operation](scene)
        if scene.seen.deployment is not None:
            view = await finish(stack, scene.seen.deployment)
            await _nothing_is_orphaned_or_hidden(cell, scene, view.deployment.ended_at, stack)
        _compare(cell, scene)

    patiently(ground, play)


def test_a_fault_that_exists_on_one_operation_only_is_refused_on_the_others(ground: Ground):
    async def refused() -> None:
        async with ground.emulated() as (emulator, _):
            for cell in IMPOSSIBLE:
                assert await emulator.post_fault(cell.fault, cell.operation) == 422, cell

    quickly(refused())


def _compare(cell: Cell, scene: Scene) -> None:
    seen = scene.seen
    found = {
        "after": seen.after,
        "attempts": seen.attempts,
        "living": seen.living,
        "offers_kept": seen.offers_kept,
        "verdict": seen.verdict,
    }
    wanted = {
        "after": cell.after,
        "attempts": cell.attempts,
        "living": cell.living,
        "offers_kept": True,
        "verdict": cell.reading.verdict,
    }
    assert seen.under in ((cell.under,) if isinstance(cell.under, str) else cell.under), cell.why
    assert found == wanted, cell.why
    assert seen.creates <= cell.creates, cell.why
    assert seen.code in cell.reading.codes
    assert seen.provider.value in cell.provider


async def _nothing_is_orphaned_or_hidden(
    cell: Cell, scene: Scene, ended_at: datetime | None, stack: Stack
) -> None:
    """The ledger of the market is the truth."""
    rows = await stack.emulator.ledger()
    labels = Counter(row["label"] for row in rows)
    assert all(count == 1 for count in labels.values()), "two instances of one attempt"
    assert all(row["state"] == "destroyed" for row in rows)
    assert ended_at is not None
    if not cell.lies:
        assert all(datetime.fromisoformat(row["stopped_at"]) <= ended_at for row in rows), (
            "ended before it was"
        )
    await _the_cost_is_what_the_market_billed(scene, stack)


async def _the_cost_is_what_the_market_billed(scene: Scene, stack: Stack) -> None:
    assert scene.seen.deployment is not None
    rows = await stack.emulator.ledger()
    billed = sum(row["usd_billed"] for row in rows)
    cost = float((await stack.view(scene.seen.deployment)).deployment.cost_usd)
    second = sum(row["usd_per_hour"] for row in rows) / 3600
    assert cost >= billed - second * SLACK_S, "the market billed what we did not count"
    assert cost <= billed + second * (scene.seen.fault_s + UNSEEN_S), (
        "we counted what the market did not bill"
    )
