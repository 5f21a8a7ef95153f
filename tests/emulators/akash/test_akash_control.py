import aiohttp
import pytest

from aurora.emulators.server import EmulatorOptions


async def test_the_ledger_names_deployments_by_their_placement(akash):
    dseq = await akash.run("t4", name="aurora-i1-d1-1")

    row = (await akash.ledger())[dseq]

    assert (row["id"], row["label"], row["state"]) == (dseq, "aurora-i1-d1-1", "running")
    assert row["running_at"] > row["started_at"]
    assert (row["stopped_at"], row["deposit_locked_usd"] > 0) == (None, True)


async def test_the_ledger_follows_a_deployment_through_its_states(akash):
    await akash.event("manifest_refused")
    dseq = await akash.deploy("t4")
    states = [(await akash.ledger())[dseq]["state"]]
    await akash.take((await akash.open_bids(dseq))[0])
    states.append((await akash.ledger())[dseq]["state"])
    await akash.close(dseq)
    states.append((await akash.ledger())[dseq]["state"])
    other = await akash.rent("t4")
    states.append((await akash.ledger())[other]["state"])
    await akash.event("reclaim", other)
    states.append((await akash.ledger())[other]["state"])

    assert states == ["bidding", "leased", "closed", "starting", "reclaiming"]
    assert (await akash.ledger())[dseq]["running_at"] is None


async def test_calls_are_counted_by_operation(akash):
    dseq = await akash.run("t4")
    await akash.api("GET", "/v1/gpu-prices")
    await akash.listed()
    await akash.show(dseq)
    await akash.api("GET", "/v1/user/me")
    await akash.token()
    await akash.api("POST", "/v1/deposit-deployment", json={"data": {"dseq": dseq, "deposit": 1}})
    await akash.api("GET", "/nowhere")
    await akash.close(dseq)

    assert await akash.calls() == {
        "create": 1,
        "deposit": 1,
        "health": 1,
        "lease": 1,
        "list": 1,
        "offers": 1,
        "quote": 1,
        "status": 1,
        "terminate": 1,
        "token": 1,
        "unknown": 1,
    }


async def test_requests_are_kept_without_keys(akash):
    await akash.api("GET", "/v1/user/me", key="very-secret")

    kept = (await akash.ask("GET", "/_emulator/akash/requests?operation=health")).body["requests"]

    assert kept[0]["path"] == "/akash/v1/user/me"
    assert "very-secret" not in str(kept)


@pytest.mark.parametrize("operation", ["bids", "quote"])
async def test_a_fault_on_bids_is_one_on_quotes(akash, operation):
    dseq = await akash.deploy("t4")
    installed = await akash.fault("status", operation, code=503, body={"error": "x"}, count=1)

    assert installed.body["operation"] == operation
    assert (await akash.api("GET", f"/v1/bids?dseq={dseq}")).status == 503
    assert (await akash.api("GET", f"/v1/bids?dseq={dseq}")).status == 200


@pytest.mark.parametrize("operation", ["create", "lease", "token", "terminate"])
async def test_answers_can_be_lost_after_the_deed_was_done(akash, operation):
    dseq = await akash.deploy("t4")
    bid = (await akash.open_bids(dseq))[0]
    await akash.fault("lost_response", operation, count=1)
    deeds = {
        "create": lambda: akash.create("t4"),
        "lease": lambda: akash.take(bid),
        "token": akash.token,
        "terminate": lambda: akash.close(dseq),
    }

    with pytest.raises(aiohttp.ClientError):
        await deeds[operation]()

    states = [row["state"] for row in (await akash.ledger()).values()]
    assert states == {
        "create": ["bidding", "bidding"],
        "lease": ["starting"],
        "token": ["bidding"],
        "terminate": ["closed"],
    }[operation]  # fmt: skip


async def test_lists_may_lag_and_closes_be_ignored(akash):
    await akash.fault("list_lag", "list", seconds=10, count=1)
    await akash.fault("delete_ignored", "terminate", count=1)
    dseq = await akash.deploy("t4")

    assert await akash.listed() == []
    assert len(await akash.listed()) == 1
    assert (await akash.close(dseq)).status == 200
    assert (await akash.show(dseq))["deployment"]["state"] == "active"
    await akash.close(dseq)
    assert (await akash.show(dseq))["deployment"]["state"] == "closed"


async def test_answers_can_be_empty_or_of_the_wrong_type(akash):
    await akash.fault("empty_list", "offers", count=1)
    empty = (await akash.api("GET", "/v1/gpu-prices")).body
    await akash.fault("empty_list", "*", count=1)
    nobody = (await akash.api("GET", "/v1/providers")).body
    await akash.fault("garbage_type", "*", level="items", count=1)
    garbled = (await akash.api("GET", "/v1/providers")).body
    await akash.fault("missing_field", "create", count=1)
    headless = (await akash.create("t4")).data

    assert empty["models"] == nobody == []
    assert garbled[0] != (await akash.api("GET", "/v1/providers")).body[0]
    assert "dseq" not in headless


async def test_events_say_what_they_cannot_do(akash):
    dseq = await akash.deploy("t4")

    unknown = await akash.event("dance", dseq)
    nobody = await akash.event("evict", "123")
    early = await akash.event("evict", dseq)
    odd = await akash.event("no_bids", count="many")
    wrong = await akash.event("evict", await akash.run("t4"), reason="boredom")

    assert {answer.status for answer in (unknown, nobody, early, odd, wrong)} == {422}
    assert "must be one of evict" in unknown.body["detail"]
    assert nobody.body["field"] == "id"
    assert "no living lease" in early.body["detail"]
    assert (odd.body["field"], wrong.body["field"]) == ("count", "reason")


async def test_a_market_without_settings_says_so(start):
    akash = await start(providers=("vastai", "akash"))

    answer = await akash.ask("GET", "/_emulator/vastai/settings")

    assert answer.status == 404
    assert (await akash.ask("GET", "/_emulator")).body["providers"] == ["vastai", "akash"]


@pytest.mark.parametrize("body", [[], "x", {"era": "z"}, {"trial": 1}])
async def test_settings_are_checked(akash, body):
    answer = await akash.ask("POST", "/_emulator/akash/settings", json=body)

    assert answer.status == 422


def test_there_are_two_eras():
    with pytest.raises(ValueError, match="era"):
        EmulatorOptions(era="c")


async def test_open_lines_do_not_keep_the_server_from_stopping(start):
    akash = await start()
    line = await akash.session.ws_connect(f"{akash.url}/akash/provider-proxy/ws")
    await line.send_json({"type": "ping"})

    assert (await line.receive_json(timeout=5)) == {"type": "pong"}
