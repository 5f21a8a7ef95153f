import asyncio

from aurora.emulators.vastai.order import parse_order


async def test_two_parallel_creates_of_one_offer_have_one_winner(vast):
    offer = await vast.an_offer()

    answers = await asyncio.gather(*(vast.create(offer) for _ in range(2)))

    assert sorted(a.status for a in answers) == [200, 410]
    loser = next(a for a in answers if a.status == 410)
    assert loser.body["error"] == "no_such_ask"
    assert loser.body["ask_id"] == offer["id"]
    assert len(await vast.ledger()) == 1


async def test_renting_takes_the_overlapping_offers_off_the_market_until_the_end(start):
    vast = await start(offers=800)
    whole = next(o for o in await vast.search(num_gpus={"gte": 4}) if o["gpu_frac"] == 1)
    same_machine = {"machine_id": {"eq": whole["machine_id"]}}
    before = {o["id"] for o in await vast.search(**same_machine)}
    single = next(o for o in await vast.search(**same_machine) if o["num_gpus"] == 1)

    instance = await vast.rent(single)
    during = await vast.search(**same_machine)
    gone = await vast.create(whole)
    ours = await vast.search(**same_machine, rented={"eq": True})
    await vast.destroy(instance)

    assert all(set(o["gpu_ids"]).isdisjoint(single["gpu_ids"]) for o in during)
    assert whole["id"] not in {o["id"] for o in during}
    assert len(during) == len(before) - len([o for o in ours if o["rented"]])
    assert gone.status == 410
    assert {o["id"] for o in await vast.search(**same_machine)} == before


async def test_an_offer_that_never_was_is_404(vast):
    answer = await vast.create({"id": 1})

    assert answer.status == 404
    assert "no_such_ask" in answer.body["msg"]


async def test_both_forms_of_env_mean_the_same(vast):
    as_object = parse_order(
        {"image": "a", "env": {"A": "x y", "-p 8080:80": "1", "-p 53:53/udp": "1", "-h name": "1"}}
    )
    as_text = parse_order({"image": "a", "env": "-e A='x y' -p 8080:80 -p 53:53/udp -h name"})
    instance = await vast.rent(env="-e A=B -p 8080:8080")

    assert as_object.env == as_text.env
    assert as_text.ports == [(22, "tcp"), (80, "tcp"), (53, "udp")]
    assert (await vast.show(instance))["extra_env"] == [["A", "B"], ["-p 8080:8080", "1"]]


async def test_orders_that_break_a_rule_are_400_and_rent_nothing(vast):
    offer = await vast.an_offer()
    broken = [
        {"disk": 7},
        {"disk": "much"},
        {"disk": 10_000_000},
        {"image": None},
        {"image": "x" * 1025},
        {"label": "x" * 257},
        {"env": {"A": "x" * 257}},
        {"env": {f"-p {port}:{port}": "1" for port in range(1, 66)}},
        {"env": 5},
        {"args": ["x" * 4097]},
        {"price": 200},
        {"price": "cheap"},
        {"target_state": "flying"},
    ]
    for body in broken:
        answer = await vast.create(offer, **body)

        assert (answer.status, answer.body["success"]) == (400, False), body
        assert answer.body["error"] in {"invalid_args", "invalid_price"}
    assert await vast.ledger() == {}


async def test_a_bid_below_the_minimum_leaves_a_stopped_instance_and_an_error_that_names_it(vast):
    offer = await vast.an_offer()

    answer = await vast.create(offer, price=offer["min_bid"] / 2, cancel_unavail=False)

    assert answer.status == 400
    assert answer.body["error"]
    assert await vast.status(answer.body["new_contract"]) == "stopped"
    assert [o["id"] for o in await vast.search(ask_contract_id={"eq": offer["id"]})] == [offer["id"]]


async def test_a_bid_below_the_minimum_with_cancel_unavail_leaves_nothing(vast):
    offer = await vast.an_offer()

    answer = await vast.create(offer, price=offer["min_bid"] / 2, cancel_unavail=True)

    assert answer.status == 410
    assert await vast.ledger() == {}


async def test_create_needs_a_key(vast):
    offer = await vast.an_offer()
    for key in (None, "invalid"):
        answer = await vast.api("PUT", f"/v0/asks/{offer['id']}/", json={"image": "a"}, key=key)

        assert answer.status == 401
        assert answer.body == {"success": False, "error": "auth_error", "msg": "Invalid user key"}


async def test_the_key_may_come_in_the_query(vast):
    assert (await vast.api("GET", "/v0/users/current/?api_key=abc", key=None)).status == 200
    assert (await vast.api("GET", "/v0/users/current?api_key=invalid", key=None)).status == 401
    assert (await vast.api("GET", "/v0/users/current?api_key=invalid", key="good")).status == 200


async def test_the_reply_names_the_instance_and_its_own_key(vast):
    answer = await vast.create(await vast.an_offer(), label="job-1")

    assert answer.body["success"] is True
    assert len(answer.body["instance_api_key"]) == 64
    assert (await vast.show(answer.body["new_contract"]))["label"] == "job-1"


async def test_several_offers_are_rented_in_one_call(vast):
    offers = await vast.search(num_gpus={"eq": 1}, rentable={"eq": True}, gpu_frac={"eq": 1}, limit=2)

    answer = await vast.api("POST", "/v0/asks/bulk/", json={"ids": [o["id"] for o in offers], "image": "a"})

    assert answer.body["success"] is True
    assert len(await vast.ledger()) == 2
