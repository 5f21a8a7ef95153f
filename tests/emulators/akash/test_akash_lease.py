from decimal import Decimal

import aiohttp
import pytest


async def first_bid(akash, gpu="t4", **more):
    created = (await akash.create(gpu, **more)).data
    return created["dseq"], (await akash.open_bids(created["dseq"])), created["manifest"]


async def test_a_lease_matches_the_order_and_the_others_lose(akash):
    dseq, bids, manifest = await first_bid(akash)

    taken = await akash.take(bids[1], manifest)

    states = {bid["id"]["provider"]: bid["state"] for bid in await akash.bids(dseq)}
    assert taken.status == 200
    assert states.pop(bids[1]["id"]["provider"]) == "active"
    assert set(states.values()) == {"lost"}
    lease = taken.data["leases"][0]
    assert (lease["state"], lease["price"], lease["closed_on"]) == ("active", bids[1]["price"], "0")
    assert lease["reason"] == "lease_closed_invalid"


async def test_containers_come_up_after_the_image_is_pulled(akash):
    dseq = await akash.rent("t4")

    starting = (await akash.lease(dseq))["status"]
    akash.clock.step(91)
    running = (await akash.lease(dseq))["status"]

    assert starting["services"]["web"]["available"] == 0
    assert running["services"]["web"]["available"] == running["services"]["web"]["total"] == 1
    assert running["services"]["web"]["uris"][0].endswith(".example")
    assert running["forwarded_ports"]["web"][0]["port"] == 22
    assert 30_000 <= running["forwarded_ports"]["web"][0]["externalPort"] < 32_767


async def test_leasing_again_changes_nothing(akash):
    dseq, bids, manifest = await first_bid(akash)
    await akash.take(bids[0], manifest)

    other = await akash.take(bids[1], manifest)

    assert other.status == 200
    assert [lease["id"]["provider"] for lease in other.data["leases"]] == [bids[0]["id"]["provider"]]
    assert (await akash.ledger())[dseq]["usd_per_hour"] == pytest.approx(usd_per_hour(bids[0]), abs=1e-8)


def usd_per_hour(bid):
    return float(Decimal(bid["price"]["amount"]) * 600 / 1_000_000)


async def test_a_lost_answer_leaves_a_lease_that_is_found_by_its_hash(akash):
    dseq, bids, manifest = await first_bid(akash)
    await akash.fault("lost_response", "lease", count=1)

    with pytest.raises(aiohttp.ClientError):
        await akash.take(bids[0], manifest)

    found = [row for row in await akash.listed() if row["deployment"]["id"]["dseq"] == dseq]
    assert found[0]["leases"][0]["state"] == "active"
    assert (await akash.take(bids[0], manifest)).status == 200


@pytest.mark.parametrize("ahead", [True, False])
async def test_the_chosen_bid_may_be_gone(akash, ahead):
    if ahead:
        await akash.event("bid_gone")
    dseq, bids, manifest = await first_bid(akash)
    if not ahead:
        await akash.event("bid_gone", dseq)

    gone = await akash.take(bids[0], manifest)
    other = await akash.take(bids[1], manifest)

    assert gone.status == 400
    assert gone.body["message"].startswith(
        "Failed to create lease: Cannot create lease: The selected bid is no longer"
    )
    assert other.status == 200


async def test_a_certain_bid_can_be_closed(akash):
    dseq, bids, _ = await first_bid(akash)
    await akash.event("bid_gone", dseq, provider=bids[0]["id"]["provider"])

    again = {bid["id"]["provider"]: bid["state"] for bid in await akash.bids(dseq)}

    assert again[bids[0]["id"]["provider"]] == "closed"
    assert again[bids[1]["id"]["provider"]] == "open"


async def test_an_order_is_matched_once(akash):
    dseq, bids, manifest = await first_bid(akash)
    await akash.take(bids[0], manifest)
    await akash.event("evict", dseq)

    again = await akash.take(bids[1], manifest)

    assert (again.status, "already been matched or closed" in again.body["message"]) == (400, True)


@pytest.mark.parametrize("era", ["a", "b"])
async def test_a_refused_manifest_leaves_a_lease_that_costs_money(start, era):
    akash = await start(era=era)
    await akash.event("manifest_refused")
    dseq, bids, manifest = await first_bid(akash)

    refused = await akash.take(bids[0], manifest)
    lease = await akash.lease(dseq)
    akash.clock.step(60)

    assert (refused.status, refused.body["message"]) == (422, "manifest cross-validation error")
    assert (lease["state"], lease["status"]) == ("active", None)
    assert (await akash.ledger())[dseq]["usd_billed"] > 0


async def test_another_manifest_is_not_the_one_that_was_hashed(akash):
    _, bids, manifest = await first_bid(akash)

    assert (await akash.take(bids[0], manifest + " ")).body["message"] == "manifest version validation failed"
    assert (await akash.take(bids[0])).status == 200  # the Console has its own copy


async def test_the_old_console_needs_the_manifest(old):
    _, bids, manifest = await first_bid(old)

    missing = await old.take(bids[0])

    assert (missing.status, missing.body["data"][0]["path"]) == (400, ["manifest"])
    assert (await old.take(bids[0], manifest)).status == 200


async def test_an_unreachable_provider_gets_no_lease_in_the_new_console(akash):
    dseq, bids, manifest = await first_bid(akash)
    await akash.event("unreachable", dseq)

    refused = await akash.take(bids[0], manifest)

    assert (refused.status, refused.body["code"]) == (502, "provider_unreachable")
    assert (await akash.show(dseq))["leases"] == []


async def test_an_unreachable_provider_gets_a_lease_without_manifest_in_the_old_console(old):
    dseq, bids, manifest = await first_bid(old)
    await old.event("unreachable", dseq)

    refused = await old.take(bids[0], manifest)
    await old.event("reachable", dseq)
    sent = await old.take(bids[0], manifest)

    assert (refused.status, refused.body["code"]) == (503, "service_unavailable")
    assert sent.data["leases"][0]["status"] is not None


async def test_a_provider_without_manifest_loses_patience(akash):
    await akash.event("manifest_refused")
    dseq, bids, manifest = await first_bid(akash)
    await akash.take(bids[0], manifest)
    akash.clock.step(301)

    shown = await akash.show(dseq)

    assert shown["deployment"]["state"] == "active"
    assert shown["leases"][0]["state"] == "closed"
    assert shown["leases"][0]["reason"] == "lease_closed_reason_manifest_timeout"


async def test_an_evicted_deployment_stays_active_and_keeps_its_deposit_until_it_is_closed(akash):
    before = await akash.balance()
    dseq = await akash.run("t4")
    await akash.event("evict", dseq, reason="decommission")
    akash.clock.step(3600)

    shown, row = await akash.show(dseq), (await akash.ledger())[dseq]
    assert shown["deployment"]["state"] == "active"
    assert (shown["leases"][0]["state"], shown["leases"][0]["status"]) == ("closed", None)
    assert shown["leases"][0]["reason"] == "lease_closed_reason_decommission"
    assert int(shown["leases"][0]["closed_on"]) > int(shown["leases"][0]["created_at"])
    assert (row["state"], row["deposit_locked_usd"] > 0) == ("evicted", True)

    await akash.close(dseq)

    spent = (before - await akash.balance()) / 1e6
    assert spent == pytest.approx(row["usd_billed"], abs=2e-6)
    assert (await akash.ledger())[dseq]["deposit_locked_usd"] == 0


async def test_notice_is_given_before_a_machine_is_taken_back(akash):
    dseq = await akash.run("t4")
    await akash.event("reclaim", dseq, seconds=600)

    during = await akash.lease(dseq)
    akash.clock.step(601)
    after = await akash.lease(dseq)

    assert during["state"] == "reclaiming"
    assert during["reclamation"]["deadline"] == int(akash.clock.now().timestamp()) - 1
    assert during["status"]["services"]["web"]["available"] == 1
    assert after["state"] == "closed"


async def test_money_is_spent_per_block_from_the_lease_on(akash):
    dseq, bids, manifest = await first_bid(akash)
    await akash.take(bids[0], manifest)
    started = int((await akash.lease(dseq))["created_at"])
    rate = Decimal(bids[0]["price"]["amount"])

    akash.clock.step(3600)
    row = (await akash.ledger())[dseq]
    await akash.close(dseq)
    akash.clock.step(3600)
    final, lease = (await akash.ledger())[dseq], await akash.lease(dseq)

    assert row["usd_billed"] == pytest.approx(float(rate * 600 / 1_000_000), abs=1e-9)
    assert final["usd_billed"] == row["usd_billed"]
    assert int(lease["closed_on"]) - started == 600
    assert (final["state"], final["stopped_at"] is not None) == ("closed", True)


async def test_speed_changes_waiting_and_not_money(start):
    akash = await start(state_speed=60)
    dseq = await akash.deploy("t4")
    akash.clock.step(0.6)
    bid = (await akash.bids(dseq))[0]
    await akash.take(bid)

    akash.clock.step(6 * 100)

    assert (await akash.ledger())[dseq]["usd_billed"] == pytest.approx(usd_per_hour(bid) / 6, rel=0.011)


async def test_the_escrow_runs_dry_and_everything_is_lost(old):
    dseq = await old.run("h100", deposit=0.5)
    rate = (await old.ledger())[dseq]["usd_per_hour"]

    old.clock.step(3600)
    shown, row = await old.show(dseq), (await old.ledger())[dseq]

    assert shown["deployment"]["state"] == "closed"
    assert shown["leases"][0]["state"] == "insufficient_funds"
    assert shown["leases"][0]["reason"] == "lease_closed_reason_insufficient_funds"
    assert shown["escrow_account"]["state"]["state"] == "overdrawn"
    assert row["usd_billed"] == pytest.approx(0.5)
    assert rate > 0.5
    assert await old.balance() == 10_000_000_000 - 500_000


async def test_a_top_up_in_time_keeps_it_alive(old):
    dseq = await old.run("h100", deposit=0.5)
    body = {"data": {"dseq": dseq, "deposit": 5.5}}

    topped = await old.api("POST", "/v1/deposit-deployment", json=body)
    old.clock.step(3600)

    deposits = topped.data["escrow_account"]["state"]["deposits"]
    assert [deposit["balance"]["amount"].partition(".")[0] for deposit in deposits] == ["500000", "5500000"]
    assert (await old.show(dseq))["deployment"]["state"] == "active"


async def test_the_new_console_keeps_two_days_in_escrow(akash):
    dseq = await akash.run("t4")
    rate = (await akash.ledger())[dseq]["usd_per_hour"]
    locked = (await akash.ledger())[dseq]["deposit_locked_usd"]

    akash.clock.step(5 * 86_400)

    assert locked == pytest.approx(48 * rate, rel=0.01)
    row = (await akash.ledger())[dseq]
    assert row["state"] == "running"
    assert 23 * rate < row["deposit_locked_usd"] < 49 * rate
    assert row["usd_billed"] == pytest.approx(120 * rate, rel=0.01)


async def test_a_drained_escrow_ends_a_deployment(akash):
    dseq = await akash.run("t4")

    await akash.event("drain_escrow", dseq)

    assert (await akash.lease(dseq))["state"] == "insufficient_funds"
    assert (await akash.ledger())[dseq]["state"] == "insufficient_funds"
    assert (await akash.event("evict", dseq)).status == 422


async def test_closing_is_idempotent_and_unknown_is_404(akash):
    dseq = await akash.run("t4")

    assert (await akash.close(dseq)).body["data"] == {"success": True}
    assert (await akash.close(dseq)).status == 200
    assert (await akash.close("123")).status == 404
    assert (await akash.api("GET", "/v1/deployments/123")).body["message"] == "Deployment not found"
    assert (await akash.lease(dseq))["reason"] == "lease_closed_owner"


async def test_an_unreachable_provider_leaves_no_status(akash):
    dseq = await akash.run("t4")
    await akash.event("unreachable", dseq)

    lease = await akash.lease(dseq)
    await akash.event("reachable", dseq)

    assert (lease["state"], lease["status"]) == ("active", None)
    assert (await akash.lease(dseq))["status"]["services"]["web"]["available"] == 1


@pytest.mark.parametrize(
    "more",
    [{"image": "ghcr.io/acme/does-not-exist:1"}, {"command": ["true"]}, {"args": ["sh", "-c", "exit 1"]}],
)
async def test_containers_that_cannot_stay_up_are_never_available_for_long(akash, more):
    dseq = await akash.rent("t4", **more)
    akash.clock.step(120)

    assert (await akash.lease(dseq))["status"]["services"]["web"]["available"] == 0
    assert (await akash.ledger())[dseq]["state"] == "starting"


@pytest.mark.parametrize("kind", ["never_starts", "start_failure"])
async def test_faults_keep_containers_from_starting(akash, kind):
    await akash.fault(kind, "create", count=1)
    dseq = await akash.rent("t4")
    akash.clock.step(600)

    assert (await akash.lease(dseq))["status"]["services"]["web"]["ready_replicas"] == 0


async def test_a_crash_can_be_ordered(akash):
    dseq = await akash.run("t4")

    assert (await akash.event("crash", dseq)).status == 204
    assert (await akash.lease(dseq))["status"]["services"]["web"]["available"] == 0
    assert (await akash.event("crash", dseq)).status == 422


async def test_more_than_was_agreed_may_be_charged(akash):
    await akash.fault("charge_factor", "create", k=3)
    dseq, bids, manifest = await first_bid(akash)
    await akash.take(bids[0], manifest)

    row = (await akash.ledger())[dseq]

    assert row["usd_per_hour"] == pytest.approx(3 * usd_per_hour(bids[0]))


async def test_cards_are_not_leased_twice(akash):
    leased = []
    while True:
        dseq = await akash.deploy("b200", amount=100_000)
        bids = await akash.open_bids(dseq)
        if not bids:
            break
        leased.append((await akash.take(bids[0])).status)
    prices = (await akash.api("GET", "/v1/gpu-prices", key=None)).body["models"]

    assert set(leased) == {200}
    b200 = next(row for row in prices if row["model"] == "b200")
    assert b200["availability"]["available"] <= b200["availability"]["total"] - len(leased)
