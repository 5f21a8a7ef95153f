"""What everything cost: hours paid in advance, and what comes back (contract, section 7)."""

import pytest

from tests.emulators.ionet.conftest import SKU, order


async def cents(ionet, one):
    row = (await ionet.ledger())[one]
    return row["usd_billed"], row["prepaid_usd"], row["refunded_usd"]


async def test_an_hour_that_is_used_up_costs_an_hour(ionet):
    one = await ionet.run()

    assert await cents(ionet, one) == (0.3, 0.3, 0)
    ionet.clock.step(4000)
    assert await cents(ionet, one) == (0.3, 0.3, 0)
    assert (await ionet.show(one))["amount_paid"] == 0.3


async def test_the_ledger_has_the_dates_of_the_service(ionet):
    one = await ionet.run()
    ionet.clock.step(4000)

    row, shown = (await ionet.ledger())[one], await ionet.show(one)

    assert (row["label"], row["state"], row["usd_per_hour"]) == ("aurora-1", "completed", 0.3)
    assert row["started_at"].startswith(shown["created_at"].removesuffix("Z"))
    assert row["running_at"].startswith(shown["started_at"])
    assert row["stopped_at"].startswith(shown["finished_at"])


async def test_the_first_hour_does_not_come_back(ionet):
    one = await ionet.run(hours=1)
    await ionet.destroy(one)
    ionet.clock.step(20)

    assert await cents(ionet, one) == (0.3, 0.3, 0)


async def test_later_minutes_come_back(ionet):
    one = await ionet.run(hours=4)
    ionet.clock.step(5400)
    await ionet.destroy(one)
    ionet.clock.step(20)

    minutes = (await ionet.show(one))["compute_minutes_served"]
    assert 90 <= minutes <= 92
    assert await cents(ionet, one) == (
        pytest.approx(0.3 * minutes / 60),
        1.2,
        pytest.approx(0.3 * (240 - minutes) / 60),
    )


async def test_refunds_can_be_refused(ionet):
    await ionet.adjust(refund="none")
    one = await ionet.run(hours=4)
    ionet.clock.step(5400)
    await ionet.destroy(one)
    ionet.clock.step(20)

    assert await cents(ionet, one) == (1.2, 1.2, 0)


async def test_what_never_ran_comes_back_or_not(ionet):
    await ionet.fault("start_failure", count=1)
    failed = await ionet.deploy("a", hours=3)
    ionet.clock.step(30)
    assert await ionet.status(failed) == "failed"
    assert await cents(ionet, failed) == (0, pytest.approx(0.9), pytest.approx(0.9))

    await ionet.adjust(refund_unstarted=False)
    early = await ionet.deploy("b", hours=3)
    await ionet.destroy(early)
    ionet.clock.step(30)
    assert await cents(ionet, early) == (pytest.approx(0.9), pytest.approx(0.9), 0)


async def test_an_extension_is_paid_at_once(ionet):
    one = await ionet.run()
    await ionet.extend(one, 2)
    assert await cents(ionet, one) == (pytest.approx(0.9), pytest.approx(0.9), 0)

    early = await ionet.deploy("early")
    await ionet.extend(early, 1)
    ionet.clock.step(60)
    ionet.clock.step(7300)
    assert await ionet.status(early) == "completed"
    assert await cents(ionet, early) == (0.6, 0.6, 0)


async def test_a_partner_sku_costs_its_own_price(ionet):
    one = await ionet.deploy(hardware=SKU, locations=["US"], gpus=8)

    assert (await ionet.ledger())[one]["usd_per_hour"] == 10.5


async def test_noise_in_prices_is_rounded_away(ionet):
    one = await ionet.deploy(hardware="gpu_1x_h100", locations=["US"])

    assert (await cents(ionet, one))[0] == 2.604


async def test_a_charge_factor_and_fees_bill_more(ionet):
    await ionet.fault("charge_factor", k=3, count=1)
    assert (await cents(ionet, await ionet.deploy("a")))[0] == pytest.approx(0.9)
    await ionet.adjust(fee_percent=5)
    assert (await cents(ionet, await ionet.deploy("b")))[0] == pytest.approx(0.315)


async def test_pay_as_you_go_is_charged_by_the_minute_until_the_credit_ends(start):
    poor = await start(credit_usd=1)
    await poor.adjust(billing_model="accepted")
    one = (await poor.post({**order(), "billing_model": "payg"})).body["deployment_id"]
    poor.clock.step(60)

    poor.clock.step(3600)
    used = (await poor.show(one))["compute_minutes_served"]
    assert (await poor.ledger())[one]["usd_billed"] == pytest.approx(0.3 * used / 60)
    poor.clock.step(12_000)
    assert await poor.status(one) == "failed"
    assert (await poor.ledger())[one]["usd_billed"] == pytest.approx(1, abs=0.01)


async def test_money_follows_the_wall_and_not_the_speed(start):
    quick = await start(state_speed=1000)
    one = await quick.deploy()
    quick.clock.step(3500)
    assert await quick.status(one) == "running"
    quick.clock.step(101)
    assert await quick.status(one) == "completed"
