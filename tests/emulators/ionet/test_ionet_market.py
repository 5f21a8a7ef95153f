"""Hardware, supply and price (contract, sections 3.1 to 3.4, and points 1 and 2 of its checklist)."""

import pytest

from tests.emulators.ionet.conftest import A100, RTX_4090, SKU, US, sample

CAPTURED = sample("mcp_caas_get_hardware_ids_a")["result"]["data"]["data"]


async def test_every_route_wants_the_key_in_its_own_header(ionet):
    missing = await ionet.api("GET", "/deployments", key=None)
    bearer = await ionet.api("GET", "/deployments", key=None, headers={"Authorization": "Bearer test-key"})
    wrong = await ionet.api("GET", "/deployments", key="invalid")
    loud = await ionet.api("GET", "/deployments", key=None, headers={"X-API-KEY": "test-key"})

    assert (missing.status, missing.body) == (401, {"detail": "Unauthorized"})
    assert bearer.status == 401
    assert (wrong.status, wrong.body) == (401, {"detail": "Invalid API key"})
    assert loud.status == 200
    await ionet.adjust(bad_key_status=403)
    assert (await ionet.api("GET", "/deployments", key="invalid")).status == 403


async def test_captured_rows_are_served_word_for_word(ionet):
    rows = list((await ionet.hardware()).values())

    assert rows == CAPTURED
    assert {type(row["hardware_id"]) for row in rows} == {int, str}
    assert all((row["location"] is None) == isinstance(row["hardware_id"], int) for row in rows)


async def test_the_market_is_wide_seeded_and_says_what_is_synthetic(start):
    wide, same, other = await start(offers=2400), await start(offers=2400), await start(offers=2400, seed=1)

    rows = await wide.hardware()
    assert len(rows) == 100
    assert rows == await same.hardware() != await other.hardware()
    invented = {name for name, row in rows.items() if row.get("synthetic")}
    assert invented == rows.keys() - {row["hardware_id"] for row in CAPTURED}
    noisy = [row["price"] for row in rows.values() if len(str(row["price"])) > 15]
    assert noisy, "prices carry the noise of binary fractions"
    places = [
        sum(1 for count in (await wide.replicas(one)).values() if count)
        for one in rows
        if isinstance(one, int)
    ]
    assert sum(places) + sum(isinstance(one, str) for one in rows) > 300


async def test_no_offers_means_no_hardware(start):
    assert await (await start(offers=0)).hardware() == {}


async def test_the_nested_shape_has_the_older_rows_and_larger_containers(ionet):
    await ionet.adjust(hardware_shape="nested")

    data = (await ionet.api("GET", "/hardware/max-gpus-per-container")).data

    assert set(data["hardware"][0]) == {
        "hardware_id", "hardware_name", "brand_name", "max_gpus_per_container", "available",
    }  # fmt: skip
    assert data["total"] == sum(row["available"] for row in data["hardware"])
    card = next(row for row in data["hardware"] if row["hardware_id"] == RTX_4090)
    assert (card["max_gpus_per_container"], card["available"]) == (8, 792)
    assert (await ionet.price(gpus_per_container="8")).data["total_cost_usdc"] == pytest.approx(2.4)


async def test_a_private_pool_is_empty(ionet):
    pool = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
    answer = await ionet.api("GET", f"/hardware/max-gpus-per-container?node_pool_id={pool}")

    assert answer.data == []


async def test_replicas_have_the_documented_shape_and_count_whole_containers(ionet):
    rows = (await ionet.api("GET", "/available-replicas?hardware_id=12&hardware_qty=1")).data
    example = sample("caas_available_replicas_doc_example")["data"][0]

    assert {name: type(value) for name, value in rows[0].items()} == {
        name: type(value) for name, value in example.items()
    }
    assert sum(row["available_replicas"] for row in rows) == 792
    assert sum((await ionet.replicas(A100)).values()) == 8
    assert 0 in (await ionet.replicas(A100)).values()
    await ionet.adjust(list_empty_locations=False)
    assert 0 not in (await ionet.replicas(A100)).values()
    assert len(await ionet.replicas(SKU, 8)) == 1


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("hardware_id=12", "missing"),
        ("hardware_id=12&hardware_qty=0", "greater_than_equal"),
        ("hardware_id=12&hardware_qty=x", "int_parsing"),
        ("hardware_id=12&hardware_qty=2", "less_than_equal"),
        ("hardware_id=99999&hardware_qty=1", "hardware_id is invalid"),
        (
            "hardware_id=gpu_8x_a100_SXM4&hardware_qty=1",
            "hardware_qty must be 8 for hardware gpu_8x_a100_SXM4",
        ),
    ],
)
async def test_wrong_questions_about_supply_are_named(ionet, query, error):
    assert (await ionet.api("GET", f"/available-replicas?{query}")).error == (422, error)


async def test_a_price_is_for_all_replicas_and_hours(ionet):
    data = (await ionet.price(duration_hours="24", replica_count="2", location_ids="[3,17]")).data
    example = sample("caas_price_doc_example")["data"]

    assert set(data) == set(example)
    assert data["total_cost_usdc"] == 14.4
    assert len(data["available_replica_count"]) == 2
    assert {type(value) for name, value in data.items() if name.endswith("percent")} <= {int, float}


async def test_a_partner_sku_is_priced_whole(ionet):
    asked = {"hardware_id": SKU, "gpus_per_container": "8"}

    assert (await ionet.price(**asked, location_ids='["US"]')).data["total_cost_usdc"] == 10.5
    assert (await ionet.price(**asked, location_ids=f"[{US}]")).data["total_cost_usdc"] == 10.5
    assert (await ionet.price(**asked, location_ids='["DE"]')).error == (422, "location_ids is invalid")
    assert (await ionet.price(hardware_id=SKU, location_ids='["US"]')).status == 422
    await ionet.adjust(fixed_sku_size=False)
    assert (await ionet.price(hardware_id=SKU, location_ids='["US"]')).status == 200


@pytest.mark.parametrize("text", ["3", "US", "[]", "{}", '"US"', "[3", ""])
async def test_locations_must_be_a_json_array(ionet, text):
    answer = await ionet.price(location_ids=text)

    assert answer.status == 422
    assert answer.body["detail"][0]["loc"] == ["query", "location_ids"]


async def test_settings_of_the_price(ionet):
    await ionet.adjust(numeric_price_refused=True, plain_locations=True, fee_percent=10)

    numeric = await ionet.price()
    partner = await ionet.price(hardware_id=SKU, gpus_per_container="8", location_ids="US")

    assert numeric.status == 400
    assert partner.data["total_cost_usdc"] == pytest.approx(11.55)
    assert (partner.data["ionet_fee"], partner.data["ionet_fee_percent"]) == (pytest.approx(1.05), 10)


async def test_string_ids_can_be_refused(ionet):
    await ionet.adjust(string_hardware=False)

    assert (await ionet.price(hardware_id=SKU, location_ids='["US"]')).error == (422, "int_type")
    assert (await ionet.api("GET", f"/available-replicas?hardware_id={SKU}&hardware_qty=8")).error[0] == 422


async def test_the_consoles_catalogue_needs_no_key(ionet):
    caas = await ionet.ask("GET", "/ionet/v1/io-cloud/caas/hardware", key=None)
    vmaas = await ionet.ask("GET", "/ionet/v1/io-cloud/vmaas/hardware", key=None)

    fields = {
        "id", "deploy_id", "name", "num_cards", "vram_per_card", "interconnect", "nvlink", "vcpu", "memory", "storage",
        "location", "sold_out", "price", "available_replicas", "brand_name",
    }  # fmt: skip
    row = next(row for row in caas.data["hardware"] if row["deploy_id"] == SKU)
    assert set(row) == fields
    assert (row["id"], row["num_cards"], row["vram_per_card"]) == (f"{SKU}__US", 8, 80)
    assert set(vmaas.data["hardware"][0]) == fields - {"available_replicas", "brand_name"}


async def test_unknown_paths_answer_as_the_framework_does(ionet):
    answer = await ionet.api("GET", "/deployments/1/logs")

    assert (answer.status, answer.body) == (404, {"detail": "Not Found"})


async def test_stock_falls_with_what_is_deployed_and_can_be_sold_out(ionet):
    before = await ionet.replicas(RTX_4090)
    one = await ionet.deploy()

    assert (await ionet.replicas(RTX_4090))[US] == before[US] - 1
    assert (await ionet.hardware())[RTX_4090]["available"] == 791
    await ionet.destroy(one)
    ionet.clock.step(60)
    assert await ionet.replicas(RTX_4090) == before
    assert (await ionet.event("sold_out", "12")).status == 204
    assert set((await ionet.replicas(RTX_4090)).values()) == {0}
    assert (await ionet.hardware())[RTX_4090]["available"] == 0
    await ionet.event("restocked", "12")
    assert await ionet.replicas(RTX_4090) == before
    assert (await ionet.event("sold_out", "nothing")).status == 422
