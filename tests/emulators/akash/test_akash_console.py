import json

import pytest

from tests.emulators.akash.conftest import order


async def test_the_new_list_has_names_groups_and_settings(akash):
    dseq = await akash.rent("t4", terms={"name": " my job ", "runtimeLimitHours": 2}, name="aurora-x-1")

    row = (await akash.listed())[0]

    assert (row["name"], row["groups"][0]["group_spec"]["name"]) == ("my job", "aurora-x-1")
    assert row["settings"]["runtimeLimitHours"] == 2
    assert row["settings"]["runtimeEndsAt"].endswith("Z")
    assert row["leases"][0]["id"]["dseq"] == row["deployment"]["id"]["dseq"] == dseq
    assert "status" not in row["leases"][0]


async def test_the_new_list_can_be_searched_paged_and_turned(akash):
    dseqs = [await akash.deploy("t4", terms={"name": f"job {number}"}) for number in range(5)]
    await akash.close(dseqs[0])

    page = (await akash.api("GET", "/v1/deployments?skip=1&limit=2")).data
    found = await akash.listed("?search=JOB%203")
    by_number = await akash.listed(f"?search={dseqs[4]}")
    backwards = await akash.listed("?reverse=true&limit=1")
    closed = await akash.listed("?state=closed")

    def numbers(rows):
        return [row["deployment"]["id"]["dseq"] for row in rows]

    assert numbers(page["deployments"]) == dseqs[2:4]
    assert page["pagination"] == {"total": 4, "skip": 1, "limit": 2, "hasMore": True}
    assert numbers(found) == [dseqs[3]]
    assert numbers(by_number) == numbers(backwards) == [dseqs[4]]
    assert numbers(closed) == [dseqs[0]]
    assert (await akash.api("GET", "/v1/deployments?limit=101")).status == 400
    assert (await akash.api("GET", "/v1/deployments?state=odd")).status == 400


async def test_a_search_that_finds_too_much_is_refused(akash):
    for _ in range(101):
        await akash.deploy("t4", terms={"name": "same"})

    assert (await akash.api("GET", "/v1/deployments?search=same")).status == 422


async def test_a_time_limit_closes_a_deployment(akash):
    dseq = await akash.run("t4", terms={"runtimeLimitHours": 1})

    akash.clock.step(3600)

    assert (await akash.show(dseq))["deployment"]["state"] == "closed"


@pytest.mark.parametrize(
    "terms", [{"name": "  "}, {"name": "x" * 257}, {"runtimeLimitHours": 49}, {"name": 5}]
)
async def test_terms_out_of_range_are_refused(akash, terms):
    assert (await akash.create("t4", terms=terms)).body["code"] == "validation_error"


async def test_names_of_deployments_can_be_asked_for(akash):
    dseq, other = await akash.deploy("t4", terms={"name": "a"}), await akash.deploy("t4")

    rows = (await akash.api("GET", f"/v1/deployment-names?dseq={dseq},{other}")).data

    assert rows == [{"dseq": dseq, "name": "a"}, {"dseq": other, "name": "web"}]


async def test_a_close_may_be_asynchronous(akash):
    dseq = await akash.run("t4")

    accepted = await akash.api("DELETE", f"/v1/deployments/{dseq}?async=true")
    activity = f"/v1/activities/{accepted.data['activityId']}"
    pending, still = (await akash.api("GET", activity)).data, await akash.show(dseq)
    akash.clock.step(5)
    done = (await akash.api("GET", activity)).data

    assert (accepted.status, pending["status"], done["status"]) == (202, "pending", "succeeded")
    assert still["deployment"]["state"] == "active"
    assert (await akash.show(dseq))["deployment"]["state"] == "closed"
    assert (await akash.api("GET", "/v1/activities/none")).status == 404


async def test_the_new_console_shows_its_copy_of_the_sdl_and_the_cards(akash):
    dseq = await akash.run("l40s")

    shown = await akash.show(dseq)

    assert shown["consoleSettings"] == {"sdl": order("l40s"), "manifestVersion": shown["deployment"]["hash"]}
    assert shown["offeredGpus"][0]["model"] == "l40s"
    assert shown["name"] == "web"


async def test_the_old_console_knows_none_of_this(old):
    dseq = await old.run("t4", deposit=5, terms={"name": "ignored"})

    shown = await old.show(dseq)

    assert shown.keys() == {"deployment", "leases", "escrow_account"}
    assert (await old.listed())[0].keys() == {"deployment", "leases", "escrow_account"}
    assert (await old.api("PATCH", f"/v1/deployments/{dseq}", json={"data": {}})).status == 404
    assert (await old.api("GET", "/v1/deployment-funding-config")).status == 404
    assert (await old.api("DELETE", f"/v1/deployments/{dseq}?async=true")).status == 200
    assert await old.listed() == []


async def test_the_old_list_hands_leases_to_the_wrong_deployments(old):
    dseqs = [await old.rent("t4", deposit=5) for _ in range(4)]

    rows = await old.listed()

    own = [row["deployment"]["id"]["dseq"] for row in rows]
    nested = [lease["id"]["dseq"] for row in rows for lease in row["leases"]]
    assert own == dseqs
    assert sorted(nested) == sorted(dseqs)
    assert nested != own


async def test_the_old_list_says_whether_there_is_more_only_when_both_ends_are_given(old):
    for _ in range(3):
        await old.deploy("t4", deposit=1)

    half = (await old.api("GET", "/v1/deployments?limit=2")).data["pagination"]
    both = (await old.api("GET", "/v1/deployments?skip=0&limit=2")).data["pagination"]

    assert half == {"total": 3, "skip": 0, "limit": 2, "hasMore": False}
    assert both["hasMore"] is True


async def test_the_era_can_be_changed_while_it_runs(akash):
    changed = await akash.adjust(era="a")
    refused = await akash.create("t4", deposit=None)
    unknown, odd = await akash.adjust(colour="red"), await akash.adjust(era="c")

    assert changed.body["settings"]["era"] == "a"
    assert refused.body["message"] == "deposit is required"
    assert (unknown.status, unknown.body["field"]) == (422, "colour")
    assert (odd.status, odd.body["field"]) == (422, "era")
    assert (await akash.ask("GET", "/_emulator/akash/settings")).body["settings"]["era"] == "a"


async def test_managed_deposits_need_none_in_the_old_console_either(old):
    await old.adjust(managed_deposits=True)

    assert (await old.create("t4", deposit=None)).status == 201


async def test_new_services_get_a_new_hash_and_restart(akash):
    dseq = await akash.run("t4")
    before = await akash.show(dseq)
    text = order("t4", image="ghcr.io/example/worker:2")

    changed = await akash.api("PUT", f"/v1/deployments/{dseq}", json={"data": {"sdl": text}})
    bigger = await akash.api("PUT", f"/v1/deployments/{dseq}", json={"data": {"sdl": order("t4", gpus=2)}})

    after = changed.data
    assert after["deployment"]["hash"] != before["deployment"]["hash"]
    assert after["leases"][0]["status"]["services"]["web"]["available"] == 0
    assert after["leases"][0]["status"]["services"]["web"]["observed_generation"] == 2
    assert (bigger.status, bigger.body["code"]) == (422, "deployment_resources_changed")


async def test_single_fields_can_be_patched_if_nobody_else_did(akash):
    dseq = await akash.run("t4")
    version = (await akash.show(dseq))["deployment"]["hash"]
    change = {"services": {"web": {"image": "other:1"}}, "name": "new", "ifManifestVersion": version}

    first = await akash.api("PATCH", f"/v1/deployments/{dseq}", json={"data": change})
    second = await akash.api("PATCH", f"/v1/deployments/{dseq}", json={"data": change})
    odd = await akash.api(
        "PATCH", f"/v1/deployments/{dseq}", json={"data": {"services": {"web": {"expose": []}}}}
    )

    assert (first.status, first.data["name"]) == (200, "new")
    assert json.loads(first.data["consoleSettings"]["sdl"])["services"]["web"]["image"] == "other:1"
    assert (second.status, second.body["code"]) == (409, "deployment_definition_changed")
    assert odd.status == 400


async def test_a_closed_deployment_cannot_be_changed_or_paid_into(akash):
    dseq = await akash.deploy("t4")
    await akash.close(dseq)
    deposit = {"data": {"dseq": dseq, "deposit": 1}}

    changed = await akash.api("PUT", f"/v1/deployments/{dseq}", json={"data": {"sdl": order("t4")}})
    paid = await akash.api("POST", "/v1/deposit-deployment", json=deposit)

    assert changed.body["message"] == paid.body["message"] == "Deployment closed"
    assert (await akash.take({"id": {"dseq": dseq, "gseq": 1, "oseq": 1, "provider": "x"}})).status == 400


async def test_money_moves_between_wallet_and_escrow(akash):
    before = (await akash.api("GET", "/v1/balances")).data
    dseq = await akash.run("t4")
    during = (await akash.api("GET", "/v1/balances")).data
    mine = (await akash.api("GET", f"/v1/balances?address={await akash.owner()}", key=None)).data
    strange = (await akash.api("GET", "/v1/balances?address=akash1x", key=None)).data

    assert before == {"balance": 10_000_000_000, "deployments": 0, "total": 10_000_000_000}
    assert during["deployments"] > 500_000
    assert mine == during
    assert strange["total"] == 0
    weekly = (await akash.api("GET", "/v1/weekly-cost")).data["weeklyCost"]
    assert weekly == pytest.approx((await akash.ledger())[dseq]["usd_per_hour"] * 168, abs=0.01)


async def test_the_wallet_is_that_of_the_user(akash):
    me = (await akash.api("GET", "/v1/user/me")).data

    wallet = (await akash.api("GET", f"/v1/wallets?userId={me['id']}")).data[0]

    assert (wallet["userId"], wallet["denom"], wallet["isTrialing"]) == (me["id"], "uact", False)
    assert (await akash.api("GET", "/v1/wallets?userId=other")).data == []
    assert (await akash.api("GET", "/v1/wallets")).status == 400


async def test_anyone_may_see_an_owners_deployments(akash):
    owner = await akash.owner()
    dseq, gone = await akash.run("t4", name="aurora-y-1"), await akash.deploy("t4")
    await akash.close(gone)
    path = f"/v1/addresses/{owner}/deployments/0/100"

    active = (await akash.api("GET", f"{path}?status=active", key=None)).body
    closed = (await akash.api("GET", f"{path}?status=closed&reverseSorting=true", key=None)).body
    one = (await akash.api("GET", f"/v1/deployment/{owner}/{dseq}", key=None)).body

    assert [(row["dseq"], row["gpuUnits"]) for row in active["results"]] == [(dseq, 1)]
    assert active["results"][0]["leases"][0]["provider"]["hostUri"].startswith("https://")
    assert [row["dseq"] for row in closed["results"]] == [gone]
    assert one["other"]["groups"][0]["group_spec"]["name"] == "aurora-y-1"
    assert [event["type"] for event in one["events"]] == ["MsgCreateDeployment", "MsgCreateLease"]
    assert (await akash.api("GET", path, key=None)).status == 400
    assert (await akash.api("GET", f"/v1/addresses/{owner}/deployments/0/101?status=active")).status == 400
    assert (await akash.api("GET", "/v1/addresses/bad/deployments/0/10?status=active")).status == 400


async def test_the_consoles_database_learns_of_a_deployment_a_little_later(akash):
    owner, dseq = await akash.owner(), await akash.deploy("t4")

    early = await akash.api("GET", f"/v1/deployment/{owner}/{dseq}", key=None)
    akash.clock.step(6)

    assert early.status == 404
    assert (await akash.api("GET", f"/v1/deployment/{owner}/{dseq}", key=None)).status == 200


async def test_topping_up_can_be_switched_on_for_one_deployment(old):
    dseq = await old.run("t4", deposit=0.5)
    path = f"/v2/deployment-settings/{dseq}"

    before = (await old.api("GET", path)).data
    after = (await old.api("PATCH", path, json={"data": {"autoTopUpEnabled": True}})).data
    wrong = await old.api("PATCH", path, json={"data": {"autoTopUpEnabled": "yes"}})

    assert (before["autoTopUpEnabled"], after["autoTopUpEnabled"], wrong.status) == (False, True, 400)
    rate = (await old.ledger())[dseq]["usd_per_hour"]
    assert (await old.ledger())[dseq]["deposit_locked_usd"] == pytest.approx(48 * rate, rel=0.01)
    assert after["estimatedTopUpAmount"] == pytest.approx(48 * rate, abs=0.01)


async def test_topping_up_leaves_some_money_in_the_wallet(start):
    akash = await start(credit_usd=7)
    dseq = await akash.run("h100")

    assert await akash.balance() == 5_000_000
    assert (await akash.ledger())[dseq]["deposit_locked_usd"] < 2


async def test_a_console_without_chain_knows_no_hashes_and_names(akash):
    dseq = await akash.deploy("t4")
    await akash.adjust(lcd_down=True)

    row = (await akash.listed())[0]

    assert row["deployment"]["hash"] == row["groups"][0]["group_spec"]["name"] == "unknown_value"
    assert (await akash.show(dseq))["deployment"]["hash"] == "unknown_value"
    down = await akash.api("GET", "/rest/akash/deployment/v1beta4/deployments/list", key=None)
    assert (down.status, down.body["code"]) == (503, 14)
