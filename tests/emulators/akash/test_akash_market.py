import base64

import pytest

WANTED = {"us-west": "na-us-west", "us-east": "na-us-east", "eu-central": "eu-central"}


async def prices(akash, query=""):
    answer = await akash.api("GET", f"/v1/gpu-prices{query}", key=None)
    assert answer.status == 200, answer
    return answer.body


async def providers(akash, query=""):
    return (await akash.api("GET", f"/v1/providers{query}", key=None)).body


def screening(key, **more):
    resource = {
        "id": 1,
        "cpu": {"units": {"val": "8000"}},
        "memory": {"quantity": {"val": "34359738368"}},
        "gpu": {"units": {"val": "1"}, "attributes": [{"key": key, "value": "true"}]},
        "storage": [{"name": "default", "quantity": {"val": "107374182400"}}],
    }
    row = {"resource": resource, "count": 1, "price": {"denom": "uact", "amount": "10000"}}
    return {"resources": [row], "timezone": "UTC", **more}


async def test_prices_are_statistics_per_card_and_hour(akash):
    found = await prices(akash)

    models = {row["model"] for row in found["models"]}
    assert {"h100", "a100", "rtx4090", "t4", "l40s", "rtxa6000", "v100", "b200"} <= models
    assert 40 <= len(found["models"]) <= 60
    for row in found["models"]:
        assert 0 <= row["availability"]["available"] <= row["availability"]["total"]
        assert row["providerAvailability"]["available"] <= row["providerAvailability"]["total"]
        price = row["price"]
        if price:
            assert price["currency"] == "USD"
            assert price["min"] <= price["med"] <= price["max"]
            assert price["min"] <= price["weightedAverage"] <= price["max"]
    assert found["availability"]["total"] == sum(row["availability"]["total"] for row in found["models"])


async def test_captured_bids_are_part_of_the_h100_prices(akash, fixture):
    captured = fixture("gpu-prices.debug.h100.2026-09-28")["models"][0]
    rows = (await prices(akash, "?debug=true"))["models"]

    h100 = next(row for row in rows if (row["model"], row["interface"]) == ("h100", "SXM5"))
    bids = {one["provider"]["owner"]: one["bestBid"] for one in h100["providersWithBestBid"]}

    for one in captured["providersWithBestBid"]:
        assert bids[one["provider"]["owner"]]["data"] == one["bestBid"]["data"]
        assert bids[one["provider"]["owner"]]["hourlyPrice"] == one["bestBid"]["hourlyPrice"]
    assert h100["price"]["min"] <= captured["price"]["min"]


async def test_detail_that_was_made_has_the_shape_of_the_captured(akash, fixture):
    captured = fixture("gpu-prices.debug.h100.2026-09-28")["models"][0]["providersWithBestBid"][0]
    rows = (await prices(akash, "?debug=true"))["models"]

    made = next(row for row in rows if row["model"] == "rtx4090")["providersWithBestBid"][0]

    assert made["bestBid"].keys() == captured["bestBid"].keys()
    assert made["bestBid"]["data"].keys() == captured["bestBid"]["data"].keys()
    assert made["bestBid"]["deployment"].keys() == captured["bestBid"]["deployment"].keys()


async def test_a_model_nobody_bid_for_has_no_price(akash):
    rows = (await prices(akash))["models"]

    unseen = [row for row in rows if row["price"] is None]

    assert [row["vendor"] for row in unseen] == ["amd"]
    assert unseen[0]["priceUakt"] is None


async def test_a_lease_takes_its_card_out_of_the_numbers(akash):
    def free(found):
        return sum(row["availability"]["available"] for row in found["models"])

    before = free(await prices(akash))
    dseq = await akash.rent("t4")
    during = free(await prices(akash))
    await akash.close(dseq)

    assert during == before - 1
    assert free(await prices(akash)) == before


async def test_with_real_limits_prices_are_remembered_for_a_quarter_of_an_hour(start):
    akash = await start(limits="real")
    before = await prices(akash)
    await akash.rent("t4")

    assert await prices(akash) == before

    akash.clock.step(900)
    assert await prices(akash) != before


async def test_providers_are_marked_and_have_every_field(akash):
    rows = await providers(akash)

    assert 60 <= len(rows) <= 80
    assert all(row["synthetic"] is True and row["emulated"] is True for row in rows)
    assert len({row["owner"] for row in rows}) == len(rows)
    assert {row["isOnline"] for row in rows} == {row["isAudited"] for row in rows} == {True, False}
    assert {"US", "DE", "CA", "JP", "SG"} <= {row["ipCountryCode"] for row in rows}
    assert {"na-us-west", "na-us-central", "na-us-east"} <= {row["locationRegion"] for row in rows}
    assert all(row["hostUri"].endswith(".example:8443") for row in rows)


@pytest.mark.parametrize("model", ["a100", "h100", "rtx4090", "t4"])
@pytest.mark.parametrize("region", WANTED)
async def test_what_is_asked_for_by_name_is_to_be_had_in_every_wanted_region(akash, model, region):
    answer = await akash.create(model, amount=5000, placement={"attributes": {"region": region}})
    bids = await akash.open_bids(answer.data["dseq"])
    rows = {row["owner"]: row for row in await providers(akash)}

    assert bids
    assert {rows[bid["id"]["provider"]]["locationRegion"] for bid in bids} == {WANTED[region]}


async def test_one_provider_comes_with_its_record(akash):
    rows = await providers(akash)
    some = f"?addresses={rows[0]['owner']},{rows[5]['owner']}"

    one = await akash.api("GET", f"/v1/providers/{rows[5]['owner']}", key=None)

    assert [row["owner"] for row in await providers(akash, some)] == [rows[0]["owner"], rows[5]["owner"]]
    assert one.body["uptime"][0].keys() == {"id", "isOnline", "checkDate"}
    assert (await akash.api("GET", "/v1/providers/akash1nobody", key=None)).status == 404
    assert all(row["isAudited"] for row in await providers(akash, "?scope=trial"))


async def test_cards_can_be_asked_for_by_provider_and_model(akash):
    debug = (await prices(akash, "?debug=true"))["models"]
    row = next(row for row in debug if row["model"] == "l40s")
    one = row["providerAvailability"]["providers"][0]

    everything = (await akash.api("GET", "/v1/gpu", key=None)).body["gpus"]
    model = (await akash.api("GET", "/v1/gpu?vendor=nvidia&model=l40s&memory_size=48Gi", key=None)).body
    owned = (await akash.api("GET", f"/v1/gpu?provider={one['hostUri']}&model=l40s", key=None)).body
    wrong = await akash.api("GET", "/v1/gpu?provider=somebody", key=None)

    assert everything["total"]["allocatable"] == sum(row["availability"]["total"] for row in debug)
    assert model["gpus"]["total"]["allocatable"] == row["availability"]["total"]
    assert owned["gpus"]["total"]["allocated"] == one["allocated"]
    assert (wrong.status, wrong.body["error"][:32]) == (400, "Invalid provider parameter, shou")


async def test_models_have_the_names_that_an_sdl_may_use(akash):
    vendors = (await akash.api("GET", "/v1/gpu-models", key=None)).body

    nvidia = next(row for row in vendors if row["name"] == "nvidia")
    rows = {row["name"]: row for row in nvidia["models"]}
    assert rows["rtx4090"]["displayName"] == "RTX 4090"
    assert rows["a100"]["memory"] == ["40Gi", "64Gi", "80Gi"]
    assert {
        row["model"] for row in (await prices(akash))["models"] if row["vendor"] == "nvidia"
    } <= rows.keys()


async def test_screening_names_who_would_bid(akash):
    key = "vendor/nvidia/model/h100"
    all_of_them = (await akash.api("POST", "/v1/bid-screening", json=screening(key), key=None)).body
    strict = screening(key, requirements={"attributes": [{"key": "region", "value": "us-west"}]})
    western = (await akash.api("POST", "/v1/bid-screening", json=strict, key=None)).body["providers"]
    nobody = screening("vendor/nvidia/model/rtx9090")
    dseq = await akash.deploy("h100", amount=100_000)

    bidders = {bid["id"]["provider"] for bid in await akash.open_bids(dseq)}
    found = {row["owner"] for row in all_of_them["providers"] if row["isAudited"]}

    assert bidders <= found
    assert {row["location"] for row in western} == {"na-us-west"}
    assert (await akash.api("POST", "/v1/bid-screening", json=nobody, key=None)).body["providers"] == []


async def test_screening_takes_amounts_in_base64_and_refuses_what_is_incomplete(akash):
    body = screening("vendor/nvidia/model/t4")
    body["resources"][0]["resource"]["cpu"]["units"]["val"] = base64.b64encode(b"8000").decode()
    broken = screening("vendor/nvidia/model/t4")
    del broken["resources"][0]["resource"]["memory"]

    fine = await akash.api("POST", "/v1/bid-screening", json=body, key=None)
    wrong = await akash.api("POST", "/v1/bid-screening", json=broken, key=None)
    placeless = await akash.api("POST", "/v1/bid-screening", json={"resources": []}, key=None)
    huge = await akash.api("POST", "/v1/bid-screening", json={**body, "pad": "x" * 70_000}, key=None)

    assert (fine.status, wrong.status, placeless.status, huge.status) == (200, 400, 400, 413)
    assert wrong.body["code"] == "validation_error"
    assert placeless.body["data"][0]["path"] == ["timezone"]


async def test_totals_of_the_network_add_up(akash):
    online = [row for row in await providers(akash) if row["isOnline"]]

    capacity = (await akash.api("GET", "/v1/network-capacity", key=None)).body

    assert capacity["activeProviderCount"] == len(online)
    assert capacity["resources"]["gpu"]["total"] == sum(row["stats"]["gpu"]["total"] for row in online)
    assert (await akash.api("GET", "/v1/market-data/akt", key=None)).body["price"] == 0.5434716


async def test_the_same_seed_makes_the_same_market(start):
    first, second, other = await start(seed=5), await start(seed=5), await start(seed=6)

    assert await prices(first) == await prices(second)
    assert await prices(first) != await prices(other)


@pytest.mark.parametrize(
    "path", ["/v1/healthz/readiness", "/v1/healthz/liveness", "/status", "/v1/blockchain-status"]
)
async def test_health_needs_no_key(akash, path):
    answer = await akash.api("GET", path, key=None)

    assert (answer.status, answer.body["emulated"]) == (200, True)
