"""Every fault on every operation comes out as the table says; whatever happens, no instance is orphaned or paid twice."""

from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from aurora.domain.operation import Operation
from aurora.emulators.faults import KINDS
from tests.faults.kinds import FAULTS
from tests.faults.scenes import SCENES, Scene, Seen, finish
from tests.faults.stack import Ground, Stack, patiently, quickly
from tests.faults.table import TABLE, Cell

SLACK_S = 40.0
"""Time of running that may go unnoticed between two looks: polls, and what our calls take in quick time."""
UNSEEN_S = 300.0
"""Longest time from the end of a fault to the confirmed end of an instance: circuit, credential and poll."""

BUYING = (Operation.QUOTE, Operation.CREATE, Operation.LIST)
KEEPING = (Operation.OFFERS, Operation.HEALTH, Operation.STATUS, Operation.LOGS, Operation.TERMINATE)
"""In the order in which they are tried."""
ENDING = (Operation.LOGS, Operation.TERMINATE)
"""After these nothing runs any more."""

POSSIBLE = [cell for cell in TABLE if not cell.impossible]
BOUGHT = [cell for cell in POSSIBLE if cell.operation in BUYING]
KEPT = sorted(
    (cell for cell in POSSIBLE if cell.operation in KEEPING), key=lambda cell: KEEPING.index(cell.operation)
)
IMPOSSIBLE = [cell for cell in TABLE if cell.impossible]


def _name(cell: Cell) -> str:
    return f"{cell.operation.value}-{cell.fault.replace(' ', '_')}"


def test_the_table_has_every_fault_on_every_operation_once():
    counted = Counter((cell.operation, cell.fault) for cell in TABLE)

    assert counted == Counter({(operation, fault): 1 for operation in Operation for fault in FAULTS})


def test_every_kind_of_fault_that_an_emulator_knows_is_in_the_tables():
    assert {fault["kind"] for fault in FAULTS.values()} == KINDS.keys()


def test_every_cell_says_why():
    assert all(cell.why.endswith(".") and len(cell.why) > 15 for cell in TABLE)


@pytest.mark.parametrize("cell", BOUGHT, ids=_name)
def test_a_fault_while_buying_comes_out_as_the_table_says(cell: Cell, ground: Ground):
    async def play(stack: Stack) -> None:
        scene = Scene(stack, cell.operation, cell.fault)
        await SCENES[cell.operation](scene)
        await _end(cell, scene, scene.seen.fault_s)
        _compare(cell, scene)

    patiently(ground, play)


@pytest.mark.parametrize("fault", sorted({cell.fault for cell in KEPT}))
def test_a_fault_while_something_runs_comes_out_as_the_table_says(fault: str, ground: Ground):
    """All operations on one stack, one after the other: what each leaves behind must not change the next."""

    async def play(stack: Stack) -> None:
        deployment, fault_s = None, 0.0
        for cell in (cell for cell in KEPT if cell.fault == fault):
            scene = Scene(stack, cell.operation, fault, Seen(deployment=deployment))
            await SCENES[cell.operation](scene)
            _compare(cell, scene)
            await scene.recovered()
            deployment, fault_s = scene.seen.deployment, fault_s + scene.seen.fault_s
            if cell.operation in ENDING and deployment is not None:
                await _end(cell, scene, fault_s)
                deployment, fault_s = None, 0.0

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
    assert seen.provider.value in cell.provider or seen.provider is scene.before


async def _end(cell: Cell, scene: Scene, fault_s: float) -> None:
    """It is told to end, and the ledger of the market is the truth about it."""
    assert scene.seen.deployment is not None
    view = await finish(scene.stack, scene.seen.deployment)
    names = {one.name for one in view.attempts}
    every = await scene.stack.emulator.ledger()
    rows = [row for row in every if row["label"] in names]
    assert all(count == 1 for count in Counter(row["label"] for row in every).values()), (
        "two instances of one attempt"
    )
    assert all(row["state"] == "destroyed" for row in every)
    ended_at = view.deployment.ended_at
    assert ended_at is not None
    assert cell.lies or all(datetime.fromisoformat(row["stopped_at"]) <= ended_at for row in rows), (
        "ended before it was"
    )
    _the_cost_is_what_the_market_billed(float(view.deployment.cost_usd), rows, fault_s)


def _the_cost_is_what_the_market_billed(cost: float, rows: list[dict[str, Any]], fault_s: float) -> None:
    billed = sum(row["usd_billed"] for row in rows)
    second = sum(row["usd_per_hour"] for row in rows) / 3600
    assert cost >= billed - second * SLACK_S, "the market billed what we did not count"
    assert cost <= billed + second * (fault_s + UNSEEN_S), "we counted what the market did not bill"
