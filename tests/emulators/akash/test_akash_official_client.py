"""What the official command line asserts of a Console in its end-to-end suite (contract, section 12), in its order."""

from tests.emulators.akash.conftest import order

WINDOW_S, POLL_S = 30, 2  # in which it waits for a lease


async def test_the_official_clients_journey(old):
    before = {row["deployment"]["hash"] for row in await old.listed()}
    sdl = order("t4", env=["DEPIN_ID=one"])

    created = (await old.api("POST", "/v1/deployments", json={"data": {"sdl": sdl, "deposit": 0.5}})).data
    dseq = created["dseq"]
    assert "code" in created["signTx"]
    assert created["signTx"]["code"] == 0
    assert created["signTx"]["transactionHash"]
    assert await old.funds(dseq) == 500_000

    shown = await old.show(dseq)
    assert shown["deployment"]["hash"] not in before
    assert [row["deployment"]["hash"] for row in await old.listed()] == [shown["deployment"]["hash"]]

    deposit = {"data": {"dseq": dseq, "deposit": 1.25}}
    assert (await old.api("POST", "/v1/deposit-deployment", json=deposit)).status == 200
    assert await old.funds(dseq) == 500_000 + 1_250_000

    bid = (await old.open_bids(dseq))[0]
    assert (await old.take(bid, created["manifest"])).status == 200
    assert await lease_is_confirmed(old, dseq, bid["id"])

    funds = await old.funds(dseq)
    assert (await old.api("POST", "/v1/deposit-deployment", json=deposit)).status == 200
    assert await old.funds(dseq) == funds + 1_250_000

    changed = {"data": {"sdl": order("t4", env=["DEPIN_ID=two"])}}
    assert (await old.api("PUT", f"/v1/deployments/{dseq}", json=changed)).status == 200
    assert (await old.show(dseq))["deployment"]["hash"] != shown["deployment"]["hash"]

    assert (await old.close(dseq)).data["success"] is True
    assert (await old.show(dseq))["deployment"]["state"] == "closed"


async def lease_is_confirmed(akash, dseq, wanted):
    """Read again until exactly this lease is active."""
    for _ in range(WINDOW_S // POLL_S):
        leases = (await akash.show(dseq))["leases"]
        if any(lease["id"] == wanted and lease["state"] == "active" for lease in leases):
            return True
        akash.clock.step(POLL_S)
    return False


async def test_a_lost_create_is_found_by_the_hash_that_was_computed_before(old):
    dseq_of_twin = await old.deploy("t4", deposit=0.5)
    manifest_hash = (await old.show(dseq_of_twin))["deployment"]["hash"]
    await old.close(dseq_of_twin)
    await old.fault("status", "create", code=502, effect=True, count=1)

    lost = await old.create("t4", deposit=0.5)

    found = [row for row in await old.listed() if row["deployment"]["hash"] == manifest_hash]
    assert lost.status == 502
    assert len(found) == 1
