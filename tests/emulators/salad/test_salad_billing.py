"""What everything cost: by the second, while an instance runs (contract, section 10)."""

from datetime import datetime

import pytest

from tests.emulators.salad.conftest import EIGHT_L40S


def seconds(row):
    return (
        datetime.fromisoformat(row["stopped_at"]) - datetime.fromisoformat(row["running_at"])
    ).total_seconds()


async def row_of(salad, name="job-1"):
    return (await salad.ledger())[name]


@pytest.mark.parametrize(
    ("priority", "price"), [("high", 0.3), ("medium", 0.253), ("low", 0.207), ("batch", 0.16)]
)
async def test_running_seconds_times_the_price_of_the_priority(salad, priority, price):
    await salad.adjust(stop_lag_s=0)
    await salad.run(priority=priority)
    salad.clock.step(5000)
    await salad.do("stop")
    salad.clock.step(5)

    row = await row_of(salad)
    assert row["usd_per_hour"] == price
    assert row["usd_billed"] == pytest.approx(price * seconds(row) / 3600, abs=1e-6)
    assert 5000 < seconds(row) < 5110


async def test_nothing_is_billed_before_it_runs_or_when_it_fails(salad):
    await salad.create()
    salad.clock.step(130)
    assert await salad.counts() != {"running": 1}
    assert (await row_of(salad))["usd_billed"] == 0
    await salad.create("job-2", image="acme/does-not-exist:1")
    salad.clock.step(10_000)
    assert (await row_of(salad, "job-2"))["usd_billed"] == 0
    assert (await row_of(salad, "job-2"))["state"] == "failed"


async def test_without_a_priority_the_dearest_is_billed(salad):
    await salad.run(priority=None)

    assert (await row_of(salad))["usd_per_hour"] == 0.3


async def test_a_class_of_eight_is_billed_whole(salad):
    class_id = (await salad.classes())[EIGHT_L40S]["id"]
    await salad.create(classes=[class_id], priority="high")
    salad.clock.step(241)

    assert (await row_of(salad))["usd_per_hour"] == 6.48


async def test_a_stopped_container_bills_until_it_is_gone(salad):
    await salad.adjust(stop_lag_s=80)
    await salad.run()
    before = (await row_of(salad))["usd_billed"]
    await salad.do("stop")
    salad.clock.step(1000)

    assert (await row_of(salad))["usd_billed"] == pytest.approx(before + 0.16 * 80 / 3600, abs=1e-6)


async def test_a_deleted_group_bills_until_it_is_gone_and_never_more(salad):
    await salad.run()
    before = (await row_of(salad))["usd_billed"]
    await salad.delete()
    salad.clock.step(10_000)

    row = await row_of(salad)
    assert row["usd_billed"] == pytest.approx(before + 0.16 * 5 / 3600, abs=1e-6)
    assert row["stopped_at"]


async def test_restarts_and_lost_nodes_are_not_billed(salad):
    await salad.run()
    before = (await row_of(salad))["usd_billed"]
    await salad.event("node_lost")
    salad.clock.step(110)

    assert (await row_of(salad))["usd_billed"] == before


async def test_replicas_are_billed_each(salad):
    await salad.run(replicas=3)
    salad.clock.step(60)
    before = (await row_of(salad))["usd_billed"]
    salad.clock.step(3600)

    row = await row_of(salad)
    assert row["usd_per_hour"] == pytest.approx(0.48)
    assert row["usd_billed"] - before == pytest.approx(0.48)


async def test_a_group_without_gpus_is_billed_by_cpu_and_memory(salad):
    await salad.run(classes=None)

    assert (await row_of(salad))["usd_per_hour"] == pytest.approx(2 * 0.004 + 4 * 0.001)


async def test_a_charge_factor_bills_more(salad):
    await salad.fault("charge_factor", k=3, count=1)
    await salad.run()

    assert (await row_of(salad))["usd_per_hour"] == pytest.approx(0.48)


async def test_everything_stops_when_the_credit_ends(start):
    poor = await start(credit_usd=1)
    await poor.adjust(interruptions=False)
    await poor.run(priority="high")
    poor.clock.step(4 * 3600)

    assert await poor.status() == "stopped"
    assert (await row_of(poor))["usd_billed"] == pytest.approx(1, abs=1e-3)
    assert (await poor.do("start")).body["type"] == "no_credits_available"


async def test_all_groups_together_use_up_the_credit_and_no_more(start):
    poor = await start(credit_usd=2)
    await poor.adjust(interruptions=False)
    for number in range(4):
        await poor.create(f"job-{number}", priority="high", replicas=number + 1)
        poor.clock.step(900)
    await poor.patch({"replicas": 5}, "job-0")
    poor.clock.step(3 * 3600)

    rows = await poor.ledger()
    assert {row["state"] for row in rows.values()} == {"stopped"}
    assert sum(row["usd_billed"] for row in rows.values()) == pytest.approx(2, abs=1e-6)
