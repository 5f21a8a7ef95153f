import json


async def test_an_offer_has_the_fields_and_the_bare_content_type_of_the_real_service(vast):
    answer = await vast.api("POST", "/v0/bundles/", json={"limit": 5})

    assert answer.headers["Content-Type"] == "application/json"
    for offer in answer.body["offers"]:
        assert offer["id"] == offer["ask_contract_id"]
        assert offer["gpu_total_ram"] == offer["gpu_ram"] * offer["num_gpus"]
        assert len(offer["gpu_ids"]) == offer["num_gpus"]
        assert offer["search"]["totalHour"] == offer["dph_total"]
        assert offer["instance"]["totalHour"] == offer["storage_total_cost"]
        assert abs(offer["end_date"] - vast.clock.now().timestamp() - offer["duration"]) < 1e-3


async def test_numbers_in_filters_may_be_texts(vast):
    texts = await vast.search(num_gpus={"eq": "2"}, dph_total={"lt": "2.5"}, reliability={"gt": "0.9"})
    numbers = await vast.search(num_gpus={"eq": 2}, dph_total={"lt": 2.5}, reliability={"gt": 0.9})

    assert texts == numbers
    assert texts
    assert all(o["num_gpus"] == 2 and o["dph_total"] < 2.5 and o["reliability2"] > 0.9 for o in texts)


async def test_every_operator_filters(vast):
    everything = {o["id"] for o in await vast.search()}
    wanted = {o["id"] for o in await vast.search(gpu_name={"in": ["RTX 4090", "H100 SXM"]})}
    rest = {o["id"] for o in await vast.search(gpu_name={"notin": ["RTX 4090", "H100 SXM"]})}
    one = {o["id"] for o in await vast.search(gpu_name={"eq": "RTX 4090"})}
    others = {o["id"] for o in await vast.search(gpu_name={"neq": "RTX 4090"})}
    band = await vast.search(gpu_ram={"gte": 24000.0, "lte": 25000.0})

    assert wanted
    assert wanted | rest == everything
    assert one < wanted
    assert one | others == everything
    assert {o["gpu_ram"] for o in band} <= {24564, 24576}


async def test_geolocation_matches_the_country_at_the_end_of_the_text(vast):
    offers = await vast.search(geolocation={"in": ["US", "DE"]})

    assert {o["geolocation"][-2:] for o in offers} == {"US", "DE"}
    assert all(
        o["geolocation"] is None or o["geolocation"][-2:] != "US"
        for o in await vast.search(geolocation={"neq": "US"})
    )


async def test_filters_that_are_no_fields_work(start):
    vast = await start(offers=1500)

    assert {o["verification"] for o in await vast.search(verified={"eq": False})} == {
        "unverified",
        "deverified",
    }
    assert {o["hosting_type"] for o in await vast.search(datacenter={"eq": True})} == {1}
    assert await vast.search(external={"eq": "true"}) == []
    assert await vast.search(rentable={"eq": False})


async def test_a_filter_on_id_matches_nothing_and_one_on_ask_contract_id_one_offer(vast):
    offer = await vast.an_offer()

    assert await vast.search(id={"eq": offer["id"]}) == []
    assert [o["id"] for o in await vast.search(ask_contract_id={"eq": offer["id"]})] == [offer["id"]]
    assert (await vast.calls())["quote"] == 2


async def test_storage_is_priced_by_the_month_of_30_days(vast):
    offer = await vast.an_offer(allocated_storage=100.0)

    assert offer["storage_total_cost"] == offer["storage_cost"] * 100 / 720
    assert offer["dph_total"] == offer["dph_base"] + offer["storage_total_cost"]


async def test_a_bid_search_is_priced_by_the_lowest_bid(vast):
    offer = await vast.an_offer()
    bid = (await vast.search(type="bid", ask_contract_id={"eq": offer["id"]}))[0]

    assert bid["is_bid"]
    assert bid["dph_base"] == offer["min_bid"]
    assert not offer["is_bid"]
    assert await vast.search(type="ondemand") == await vast.search(type="on-demand")


async def test_order_limit_and_default_order(vast):
    cheapest = await vast.search(order=[["dph_total", "asc"]], limit=20)
    best = await vast.search()

    assert [o["dph_total"] for o in cheapest] == sorted(o["dph_total"] for o in cheapest)
    assert len(cheapest) == 20
    assert [o["score"] for o in best] == sorted((o["score"] for o in best), reverse=True)


async def test_the_three_forms_of_search_agree(vast):
    query = {"num_gpus": {"eq": "1"}, "order": [["dph_total", "asc"]], "limit": 7}
    posted = await vast.api("POST", "/v0/bundles", json=query)
    put = await vast.api("PUT", "/v0/search/asks/", json={"select_cols": ["*"], "q": query})
    got = await vast.api("GET", "/v0/bundles/", params={"q": json.dumps(query)})

    assert posted.body == put.body == got.body
    assert len(posted.body["offers"]) == 7


async def test_search_needs_no_key_but_refuses_a_wrong_one(vast):
    assert (await vast.api("POST", "/v0/bundles/", json={"limit": 1}, key=None)).status == 200
    wrong = await vast.api("POST", "/v0/bundles/", json={}, key="invalid")

    assert (wrong.status, wrong.body) == (404, {"error": None, "msg": "Invalid user key"})


async def test_a_body_that_cannot_be_understood_is_400(vast):
    bad = [
        {"data": b"{not json"},
        {"json": [1]},
        {"json": {"no_such_field": {"eq": 1}}},
        {"json": {"num_gpus": {"like": 1}}},
    ]
    bad += [
        {"json": {"order": "dph"}},
        {"json": {"limit": "many"}},
        {"json": {"type": "gift"}},
        {"json": {"gpu_name": {"in": "x"}}},
    ]
    for body in bad:
        answer = await vast.api("POST", "/v0/bundles/", **body)

        assert (answer.status, answer.body["error"]) == (400, "invalid_request"), body
