from decimal import Decimal
from statistics import median

import pytest

from tests.emulators.akash.conftest import order

AUDITOR = "akash1365yvmc4s7awdyj3n2sav7xfx76adc6dnmlx63"


async def chain(akash, dseq):
    query = f"?id.owner={await akash.owner()}&id.dseq={dseq}"
    return (await akash.api("GET", f"/rest/akash/deployment/v1beta4/deployments/info{query}", key=None)).body


async def test_a_deployment_is_numbered_by_the_clock_and_accepted(akash):
    created = (await akash.create()).data
    again = (await akash.create()).data

    assert created["dseq"] == str(int(akash.clock.now().timestamp() * 1000))
    assert int(again["dseq"]) == int(created["dseq"]) + 1
    assert created["signTx"]["code"] == 0


async def test_bids_come_within_half_a_minute_and_not_at_once(akash):
    dseq = await akash.deploy("rtx4090", amount=100_000)

    at_once = await akash.bids(dseq)
    akash.clock.step(12)
    some = await akash.bids(dseq)
    akash.clock.step(19)
    all_ = await akash.bids(dseq)
    akash.clock.step(60)

    assert at_once == []
    assert 0 < len(some) < len(all_) <= 20
    assert len(await akash.bids(dseq)) == len(all_)


async def test_the_speed_of_states_shortens_the_auction(start):
    akash = await start(state_speed=100)
    dseq = await akash.deploy("rtx4090")

    akash.clock.step(0.31)

    assert await akash.bids(dseq)


async def test_no_bid_is_above_what_was_offered(akash):
    dear = [Decimal(bid["price"]["amount"]) for bid in await akash.open_bids(await akash.deploy("rtx3090"))]
    ceiling = int(median(dear))

    low = [
        Decimal(bid["price"]["amount"])
        for bid in await akash.open_bids(await akash.deploy("rtx3090", amount=ceiling))
    ]

    assert sorted(low) == sorted(amount for amount in dear if amount <= ceiling)
    assert 0 < len(low) < len(dear)


async def test_a_bid_names_the_model_it_is_for(akash):
    dseq = await akash.deploy(["rtx4090", "l40s"])

    offers = [bid["resources_offer"][0]["resources"]["gpu"] for bid in await akash.open_bids(dseq)]

    named = {attribute["key"] for offer in offers for attribute in offer["attributes"]}
    assert named == {"vendor/nvidia/model/rtx4090", "vendor/nvidia/model/l40s"}


async def test_a_bid_costs_the_card_and_what_goes_with_it(akash):
    dseq = await akash.deploy("t4")
    prices = (await akash.api("GET", "/v1/gpu-prices?debug=true", key=None)).body["models"]
    bare = next(row for row in prices if row["model"] == "t4")["providersWithBestBid"]
    by_owner = {one["provider"]["owner"]: one["bestBid"] for one in bare}

    for bid in await akash.open_bids(dseq):
        alone = Decimal(by_owner[bid["id"]["provider"]]["data"]["price"]["amount"])
        assert alone < Decimal(bid["price"]["amount"]) < alone + 200


async def test_nobody_bids_on_what_nobody_has(akash):
    dseq = await akash.deploy("gtx960")

    assert await akash.open_bids(dseq) == []
    assert await akash.bids("12345") == []


async def test_at_most_twenty_bids_stand_on_an_order(akash):
    dseq = await akash.deploy(None)

    assert len(await akash.open_bids(dseq)) == 20


async def test_bids_are_closed_when_their_time_is_over(akash):
    dseq = await akash.deploy("t4")
    bids = await akash.open_bids(dseq)
    akash.clock.step(300)

    late = await akash.bids(dseq)
    taken = await akash.take(bids[0])

    assert {bid["state"] for bid in late} == {"closed"}
    assert (taken.status, "no longer open" in taken.body["message"]) == (400, True)


async def test_the_console_rewrites_denom_and_auditors_but_not_the_manifest(akash):
    text = order("t4").replace('"uact"', '"uakt"')
    created = (await akash.api("POST", "/v1/deployments", json={"data": {"sdl": text, "deposit": 1}})).data
    same = (await akash.create("t4")).data

    spec = (await chain(akash, created["dseq"]))["groups"][0]["group_spec"]

    assert spec["resources"][0]["price"] == {"denom": "uact", "amount": "10000.000000000000000000"}
    assert spec["requirements"]["signed_by"]["any_of"] == [AUDITOR]
    assert created["manifest"] == same["manifest"]


async def test_only_audited_providers_bid(akash):
    dseq = await akash.deploy("rtx4090", amount=100_000)
    rows = (await akash.api("GET", "/v1/providers", key=None)).body
    audited = {row["owner"] for row in rows if row["isAudited"] and row["isOnline"]}

    assert {bid["id"]["provider"] for bid in await akash.open_bids(dseq)} <= audited


async def test_a_deployment_nobody_leases_is_cleaned_up_and_its_deposit_comes_back(akash):
    before = await akash.balance()
    dseq = await akash.deploy("t4")
    during = await akash.balance()
    akash.clock.step(601)

    shown = await akash.show(dseq)

    assert during == before - 500_000
    assert shown["deployment"]["state"] == "closed"
    assert await akash.balance() == before


async def test_the_old_console_wants_a_deposit(old):
    missing = await old.create(deposit=None)
    small = await old.create(deposit=0.4)
    fine = await old.create(deposit=0.75)

    assert (missing.status, missing.body["message"]) == (400, "deposit is required")
    assert (small.status, small.body["message"]) == (400, "Failed to create deployment: Deposit too low")
    assert await old.funds(fine.data["dseq"]) == 750_000


async def test_the_new_console_ignores_deposits(akash):
    dseq = await akash.deploy(deposit=7)

    assert await akash.funds(dseq) == 500_000


@pytest.mark.parametrize("era", ["a", "b"])
async def test_without_money_nothing_is_created(start, era):
    akash = await start(credit_usd=Decimal("0.6"), era=era)
    await akash.deploy(deposit=0.5)

    refused = await akash.create(deposit=0.5)

    assert refused.status == 402
    assert refused.body["message"].startswith("Not enough balance to cover the deployment deposit.")
    assert refused.body["code"] == ("insufficient_balance" if era == "b" else "unknown_error")
    if era == "b":
        assert refused.body["data"] == {"requiredAmountUsd": 0.5, "availableAmountUsd": 0.1}


async def test_an_invalid_sdl_is_refused_with_the_validators_words(akash, fixture):
    for case in fixture("sdl-invalid"):
        answer = await akash.api("POST", "/v1/deployments", json={"data": {"sdl": case["sdl_yaml"]}})

        assert answer.status == 400
        assert answer.body["message"] == f"Invalid SDL: {', '.join(case['validation_messages'])}"
    assert await akash.listed() == []


async def test_a_trial_account_gets_small_cards_and_one_auction_at_a_time(akash):
    await akash.adjust(trial=True)
    refused = await akash.create("h100")
    first = await akash.deploy("t4")
    second = await akash.deploy("t4")

    assert refused.status == 400
    assert refused.body["message"] == (
        "Invalid SDL: h100 not available on free trial: Add funds to unlock GPU access"
    )
    assert (await akash.show(first))["deployment"]["state"] == "closed"
    assert (await akash.show(second))["deployment"]["state"] == "active"


async def test_bids_can_be_made_to_stay_away(akash):
    await akash.event("no_bids")
    lonely, next_one = await akash.deploy("t4"), await akash.deploy("t4")

    assert await akash.open_bids(lonely) == []
    assert await akash.bids(next_one)


async def test_bids_can_be_made_to_disappear(akash):
    dseq = await akash.deploy("t4")
    bids = await akash.open_bids(dseq)
    await akash.event("no_bids", dseq)

    assert {bid["state"] for bid in await akash.bids(dseq)} == {"closed"}
    assert (await akash.take(bids[0])).status == 400


async def test_bids_can_be_made_to_stand_above_the_ceiling(akash):
    await akash.event("bids_above_ceiling", count=None)
    dseq = await akash.deploy("t4", amount=1000)

    amounts = [Decimal(bid["price"]["amount"]) for bid in await akash.open_bids(dseq)]
    await akash.event("bids_above_ceiling", count=0)
    later = await akash.open_bids(await akash.deploy("t4", amount=1000))

    assert amounts
    assert min(amounts) > 1000
    assert all(Decimal(bid["price"]["amount"]) <= 1000 for bid in later)
