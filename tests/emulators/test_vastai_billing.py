import json
from datetime import datetime, timedelta
from decimal import Decimal

import pytest


async def charges(vast, **query):
    now = vast.clock.now().timestamp()
    day = {"gte": now - 86_400, "lte": now + 86_400}
    params = {"select_filters": json.dumps({"day": day, "type": {"in": ["instance"]}}), **query}
    answer = await vast.api("GET", "/v0/charges/", params=params)
    assert answer.status == 200, answer
    return answer.body


async def test_the_gpu_is_billed_by_the_second_while_running_and_the_disk_while_the_instance_exists(vast):
    offer = await vast.an_offer(disk_space={"gt": 100})
    instance = await vast.rent(offer, disk=100)
    created = vast.clock.now()
    await vast.until_running(instance)
    vast.clock.step(3560)

    row = (await vast.ledger())[instance]
    bill = (await charges(vast))["results"][0]

    gpu = Decimal(str(offer["dph_base"]))
    disk = Decimal(str(offer["storage_cost"])) * 100 / 720
    ran = 3600 - (await started_after(vast, instance, created))
    amounts = {item["type"]: item["amount"] for item in bill["items"]}
    assert row["usd_per_hour"] == pytest.approx(float(gpu + disk))
    assert amounts["gpu"] == pytest.approx(float(gpu) * ran / 3600)
    assert float(disk) * ran / 3600 <= amounts["disk"] < float(disk)
    assert row["usd_billed"] == pytest.approx(bill["amount"], abs=1e-9)


async def started_after(vast, instance, created):
    row = (await vast.ledger())[instance]
    return (datetime.fromisoformat(row["running_at"]) - created) / timedelta(seconds=1)


async def test_a_stopped_instance_pays_for_its_disk_only_and_a_destroyed_one_nothing(vast):
    instance = await vast.rent(disk=50)
    await vast.until_running(instance)
    await vast.api("PUT", f"/v0/instances/{instance}/", json={"state": "stopped"})
    stopped = (await vast.ledger())[instance]
    vast.clock.step(3600)
    later = (await vast.ledger())[instance]
    shown = await vast.show(instance)
    await vast.destroy(instance)
    vast.clock.step(3600)
    final = (await vast.ledger())[instance]

    assert stopped["stopped_at"] is not None
    assert later["usd_billed"] - stopped["usd_billed"] == pytest.approx(shown["storage_total_cost"], abs=1e-8)
    assert (final["state"], final["usd_billed"]) == ("destroyed", later["usd_billed"])


async def test_nothing_is_billed_while_the_host_is_offline(vast):
    instance = await vast.rent()
    await vast.until_running(instance)
    await vast.event("offline", instance)
    before = (await vast.ledger())[instance]["usd_billed"]

    vast.clock.step(7200)

    assert (await vast.ledger())[instance]["usd_billed"] == before


async def test_an_interruptible_instance_pays_its_bid(vast):
    offer = await vast.an_offer()
    instance = await vast.rent(offer, price=offer["min_bid"] * 2)

    shown = await vast.show(instance)

    assert shown["dph_base"] == pytest.approx(offer["min_bid"] * 2)
    assert shown["search"]["totalHour"] == pytest.approx(shown["dph_total"])


async def test_credit_falls_and_at_zero_everything_stops_at_that_second(start):
    vast = await start(credit_usd=Decimal("0.5"))
    offer = await vast.an_offer(dph_total={"gt": 0.5, "lt": 5})
    instance = await vast.rent(offer)
    await vast.until_running(instance)
    before = (await vast.api("GET", "/v0/users/current")).body["credit"]

    vast.clock.step(24 * 3600)
    shown = await vast.show(instance)
    account = (await vast.api("GET", "/v0/users/current/")).body
    gpu = next(i for i in (await charges(vast))["results"][0]["items"] if i["type"] == "gpu")

    assert 0 < before < 0.5
    assert (shown["actual_status"], shown["status_msg"]) == ("stopped", "stopped: out of credit")
    assert gpu["amount"] == pytest.approx(0.5, abs=0.01)
    assert account["credit"] < 0  # the disk goes on costing
    assert (account["balance"], account["emulated"]) == (0, True)
    refused = [
        await vast.create(await vast.an_offer()),
        await vast.api("PUT", f"/v0/instances/{instance}/", json={"state": "running"}),
    ]
    assert [(a.status, a.body["error"]) for a in refused] == [(400, "insufficient_credit")] * 2


async def test_charges_need_a_range_of_days_and_a_key(vast):
    missing = await vast.api("GET", "/v0/charges/", params={"select_filters": '{"day": {"gte": 1}}'})
    token = await vast.api(
        "GET", "/v0/charges/", params={"select_filters": '{"day": {"gte": 1, "lte": 2}}', "after_token": "?"}
    )

    assert (missing.status, missing.body["msg"]) == (
        400,
        "Must provide both 'day' gte and lte filters for instance charges",
    )
    assert (token.status, token.body["error"]) == (400, "invalid_token")
    assert (await vast.api("GET", "/v0/charges/", key=None)).status == 401
    assert (await vast.api("GET", "/v0/charges/", key="invalid")).status == 404


async def test_charges_come_in_pages_and_only_for_the_window(vast):
    for offer in await vast.search(gpu_frac={"eq": 1}, limit=5):
        await vast.rent(offer)
    vast.clock.step(3600)

    first = await charges(vast, limit=3)
    rest = await charges(vast, limit=3, after_token=first["next_token"], latest_first="true")
    past = await vast.api("GET", "/v0/charges/", params={"select_filters": '{"day": {"gte": 1, "lte": 2}}'})

    assert (first["count"], first["total"]) == (3, 5)
    assert rest["next_token"] is None
    assert len({row["source"] for row in first["results"] + rest["results"]}) == 5
    assert past.body["results"] == []


async def test_a_charge_factor_bills_more_than_the_offer_says(vast):
    offer = await vast.an_offer()
    await vast.fault("charge_factor", k=3, count=1)

    dear = await vast.show(await vast.rent(offer, disk=8))

    assert dear["dph_total"] == pytest.approx(3 * (offer["dph_base"] + offer["storage_cost"] * 8 / 720))
    assert (await vast.ledger())[dear["id"]]["usd_per_hour"] == pytest.approx(dear["dph_total"])
