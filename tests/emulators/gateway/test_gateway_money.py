"""Bills to the cent, worked out here from what the contract says and compared with what the gateway and its ledger say."""

from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

import pytest

MICRO = Decimal("0.000001")


def due(job, *, minimum_minutes, until=None):
    """The rule of docs/gateway.md, section Money."""
    if job["billing_started_at"] is None:
        return Decimal(0)
    begun = datetime.fromisoformat(job["billing_started_at"])
    end = until or datetime.fromisoformat(job["finished_at"])
    seconds = Decimal(str((end - begun).total_seconds())).to_integral_value(ROUND_CEILING)
    if job["finished_at"]:
        seconds = max(seconds, Decimal(minimum_minutes * 60))
    return (Decimal(job["price_per_hour"]) * seconds / 3600).quantize(MICRO, ROUND_HALF_UP)


async def test_a_running_job_has_run_up_what_has_run(each):
    job_id = await each.running()
    for _ in range(5):
        each.clock.step(611.5)
        job = await each.job(job_id)

        assert Decimal(job["cost_total"]) == due(job, minimum_minutes=60, until=each.clock.now())
        assert job["finished_at"] is None


@pytest.mark.parametrize("minutes", [5, 59, 61, 600])
async def test_the_minimum_is_added_at_the_end(each, minutes):
    offer = await each.an_offer()
    job_id = await each.running(offer, disk_gb=100)
    each.clock.step(minutes * 60)
    await each.delete(job_id)
    each.clock.step(3600)

    job, row = await each.job(job_id), (await each.ledger())[job_id]

    hourly = Decimal(offer["price_per_hour"]) + 100 * Decimal(offer["disk_price_per_gb_hour"])
    assert Decimal(job["price_per_hour"]) == hourly
    assert Decimal(job["cost_total"]) == due(job, minimum_minutes=60)
    assert row["usd_billed"] == pytest.approx(float(job["cost_total"]), abs=1e-6)
    assert row["usd_per_hour"] == pytest.approx(float(hourly))
    assert (Decimal(job["cost_total"]) == hourly) is (minutes < 50)


@pytest.mark.parametrize("minimum", [60, 1440, 43_200])
async def test_aethirs_terms_are_charged_in_full(start, minimum):
    aethir = await start("aethir")
    offer = next(row for row in await aethir.offers() if row["min_billing_minutes"] == minimum)
    job_id = await aethir.running(offer)
    await aethir.delete(job_id)
    aethir.clock.step(60)

    job = await aethir.job(job_id)

    assert Decimal(job["cost_total"]) == due(job, minimum_minutes=minimum)
    assert Decimal(job["cost_total"]) == (Decimal(offer["price_per_hour"]) * minimum / 60).quantize(MICRO)


async def test_the_bill_begins_when_a_node_is_assigned(gateway):
    job_id = await gateway.rent()
    seen = []
    for _ in range(120):
        job = await gateway.job(job_id)
        seen.append((job["status"], job["billing_started_at"] is not None))
        gateway.clock.step(0.5)

    assert set(seen) <= {("queued", False), ("provisioning", True), ("running", True)}
    assert ("provisioning", True) in seen


async def test_time_back_in_the_queue_is_not_charged(gateway):
    job_id = await gateway.running(restart_policy="on_failure")
    gateway.clock.step(4 * 3600)
    before = await gateway.job(job_id)
    await gateway.event("offline", job_id)
    queued = await gateway.job(job_id)
    gateway.clock.step(1)
    still = await gateway.job(job_id)

    assert still["status"] == "queued"
    assert before["cost_total"] == queued["cost_total"] == still["cost_total"]
    assert still["billing_started_at"] == before["billing_started_at"]


async def test_what_ends_a_job_does_not_change_its_minimum(gateway):
    ids = [await gateway.running() for _ in range(3)]
    ids.append(await gateway.rent(image="a/does-not-exist:1"))
    gateway.clock.step(30)
    for event, job_id in zip(("offline", "crashed", "exited"), ids, strict=False):
        await gateway.event(event, job_id)

    jobs = [await gateway.job(job_id) for job_id in ids]

    assert [job["status"] for job in jobs] == ["failed", "failed", "succeeded", "failed"]
    assert all(job["cost_total"] == job["price_per_hour"] for job in jobs)


async def test_the_account_falls_by_what_the_jobs_cost(gateway):
    before = await gateway.get("/account")
    ids = [await gateway.running(offer) for offer in (await gateway.offers(spot="false"))[:3]]
    running = await gateway.get("/account")
    gateway.clock.step(1800)
    await gateway.delete(ids[0])
    gateway.clock.step(600)

    after = await gateway.get("/account")
    jobs = [await gateway.job(job_id) for job_id in ids]

    assert Decimal(before["balance"]) == 10_000
    assert Decimal(running["hourly_burn"]) == sum(Decimal(job["price_per_hour"]) for job in jobs)
    spent = sum(Decimal(job["cost_total"]) for job in jobs)
    assert Decimal(before["balance"]) - Decimal(after["balance"]) == pytest.approx(
        spent, abs=Decimal("0.00001")
    )


async def test_an_empty_account_ends_its_jobs_at_that_second_and_takes_no_more(start):
    gateway = await start(credit_usd=Decimal(2))
    offer = next(row for row in await gateway.offers(spot="false") if Decimal(row["price_per_hour"]) > 1)
    job_id = await gateway.running(offer)
    gateway.clock.step(86_400)

    job, account = await gateway.job(job_id), await gateway.get("/account")
    late = await gateway.create(offer)

    assert (job["status"], job["status_reason"]["code"]) == ("failed", "insufficient_funds")
    assert Decimal(job["cost_total"]) == pytest.approx(Decimal(2), abs=Decimal("0.01"))
    assert Decimal(account["balance"]) <= Decimal("0.01")
    assert (late.status, late.code) == (402, "insufficient_funds")


async def test_who_gets_invoices_has_no_balance_and_is_never_empty(start):
    aethir = await start("aethir", credit_usd=Decimal(1))
    job_id = await aethir.running()
    aethir.clock.step(86_400)

    assert (await aethir.get("/account"))["balance"] is None
    assert (await aethir.job(job_id))["status"] == "running"


async def test_a_charge_factor_bills_more_than_the_offer_says(gateway):
    offer = await gateway.an_offer()
    await gateway.fault("charge_factor", k=3, count=1)

    job = await gateway.job(await gateway.rent(offer))

    assert Decimal(job["price_per_hour"]) == 3 * Decimal(offer["price_per_hour"])
