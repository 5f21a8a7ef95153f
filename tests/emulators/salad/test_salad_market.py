"""The door, classes, availability, quotas (contract, sections 2, 4 and 9; points 1, 3 and 6 of the checklist)."""

import pytest

from tests.emulators.salad.conftest import EIGHT_L40S, ORGANIZATION, RTX_3090, RTX_4090, prototype, sample

CAPTURED = sample("gpu-classes_2025-09-22")["items"]
PRIORITIES = ("high", "medium", "low", "batch")
PROBLEM = {"type": str, "title": str, "status": int, "detail": str}


def types(body):
    return {name: type(value) for name, value in body.items()}


def shape(body):
    """Keys and types, all the way down."""
    if isinstance(body, dict):
        return {name: shape(value) for name, value in body.items() if name != "emulated"}
    if isinstance(body, list):
        return [shape(body[0])] if body else []
    return type(body)


async def test_every_route_wants_the_key_in_its_own_header(salad):
    missing = await salad.api("GET", "/quotas", key=None)
    bearer = await salad.api("GET", "/quotas", key=None, headers={"Authorization": "Bearer test-key"})
    wrong = await salad.api("GET", "/quotas", key="invalid")

    assert (missing.status, bearer.status, wrong.status) == (401, 401, 401)
    assert types(wrong.body) == PROBLEM
    assert wrong.body["title"] == "Unauthorized"
    assert wrong.headers["Content-Type"] == "application/json"
    await salad.adjust(bad_key_status=403)
    assert (await salad.api("GET", "/quotas", key="invalid")).status == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("unknown/quotas", 404),
        ("unknown/projects/default/containers", 404),
        ("acme/projects/unknown/containers", 404),
        ("acme/projects/default/containers/nothing", 404),
        ("Acme/quotas", 400),
        ("a/quotas", 400),
        ("acme/projects/-x/containers", 400),
        ("acme/projects/default/containers/Job", 400),
        ("acme/nothing", 404),
    ],
)
async def test_strange_names_are_refused(salad, path, status):
    answer = await salad.ask("GET", f"/salad/api/public/organizations/{path}")

    assert answer.status == answer.body["status"] == status


async def test_the_cdn_refuses_the_default_agent_of_urllib(salad):
    answer = await salad.api("GET", "/quotas", headers={"User-Agent": "Python-urllib/3.11"})

    assert (answer.status, answer.headers["Content-Type"]) == (403, "text/html")
    assert "1010" in answer.body


async def test_the_captured_classes_are_served_in_any_order(salad):
    first, second = [(await salad.api("GET", "/gpu-classes")).ok["items"] for _ in range(2)]

    assert sorted(first, key=lambda row: row["id"]) == sorted(CAPTURED, key=lambda row: row["id"])
    assert [row["id"] for row in first] != [row["id"] for row in second]
    assert " RTX 5080 (16 GB)" in {row["name"] for row in first}


async def test_the_number_of_offers_can_be_cut(start):
    assert len(await (await start(offers=10)).classes()) == 3
    assert await (await start(offers=0)).classes() == {}


async def test_availability_has_the_documented_shape_and_grows_with_priority(salad):
    assert shape(await salad.available()) == shape(sample("availability_spec_example"))
    for row in CAPTURED:
        numbers = await salad.available(row["id"])
        ladder = [numbers[f"available_gpu_{priority}"] for priority in PRIORITIES]
        assert ladder == sorted(ladder, reverse=True)


async def test_some_classes_are_scarce_and_seeds_differ(start):
    one, same, other = await start(), await start(), await start(seed=1)
    numbers = [[await market.available(row["id"]) for row in CAPTURED] for market in (one, same, other)]

    assert numbers[0] == numbers[1] != numbers[2]
    batch = [row["available_gpu_batch"] for row in numbers[0]]
    assert 0 in batch
    assert max(batch) > 100


async def test_availability_depends_on_the_shape_asked_for(salad):
    anywhere = (await salad.available())["available_gpu_high"]

    here = (await salad.available(country_codes=["us"]))["available_gpu_high"]
    both = (await salad.available(country_codes=["us", "ca"]))["available_gpu_high"]
    assert 0 < here < both < anywhere
    assert (await salad.available(cpu=16))["available_gpu_high"] < anywhere
    assert (await salad.available(cpu=17))["available_gpu_high"] == 0
    assert (await salad.available(memory=61_441))["available_gpu_high"] == 0
    assert (await salad.available(storage_amount=(250 << 30) + 1))["available_gpu_high"] == 0
    assert (await salad.available(RTX_4090, RTX_3090))["available_gpu_high"] > anywhere


@pytest.mark.parametrize(
    "body",
    [{}, {"gpu_classes": []}, {"gpu_classes": ["x"]}, {"gpu_classes": [RTX_4090], "country_codes": ["US"]}],
)
async def test_wrong_questions_about_availability_are_refused(salad, body):
    answer = await salad.api("POST", "/availability/sce-gpu-availability", json=body)

    assert answer.status == 400
    assert answer.body["detail"].startswith(("gpu_classes", "country_codes"))


async def test_an_unknown_class_is_refused(salad):
    strange = "00000000-0000-4000-8000-000000000000"

    assert (await salad.create(classes=[strange])).status == 400
    body = {"gpu_classes": [strange]}
    assert (await salad.api("POST", "/availability/sce-gpu-availability", json=body)).status == 400


async def test_machines_without_gpus_can_be_counted(salad):
    answer = (await salad.api("POST", "/availability/sce-cpu-availability", json={"cpu": 4})).ok

    assert answer["available_cpu_batch"] > answer["on_call_cpu"] > 0


async def test_nodes_are_fewer_while_instances_hold_them(salad):
    before = await salad.available()
    await salad.run()

    assert await salad.available() != before
    assert (await salad.available())["available_gpu_batch"] == before["available_gpu_batch"] - 1
    await salad.delete()
    salad.clock.step(10)
    assert await salad.available() == before


async def test_quotas_have_the_captured_shape_and_count_created_groups(start):
    real = await start(limits="real")
    empty = (await real.api("GET", "/quotas")).ok
    await real.create("job-1", autostart_policy=False, replicas=4)
    await real.create("job-2", autostart_policy=False, replicas=3)
    quotas = (await real.api("GET", "/quotas")).ok["container_groups_quotas"]

    captured = sample("quotas_2026-07-16")
    assert shape(empty) == shape(captured)
    limits = captured["container_groups_quotas"]
    assert empty["container_groups_quotas"] == {**limits, "container_replicas_used": 0}
    assert quotas["container_replicas_used"] == 7
    other = (await real.ask("GET", "/salad/api/public/organizations/other/quotas")).ok
    assert other["container_groups_quotas"]["container_replicas_used"] == 0


async def test_the_quota_is_kept(start):
    real = await start(limits="real")
    await real.create("job-1", autostart_policy=False, replicas=8)

    assert (await real.create("job-2", replicas=3)).status == 403
    assert (await real.create("job-2", replicas=2, autostart_policy=False)).status == 201
    assert (await real.patch({"replicas": 9})).status == 403
    assert (await real.patch({"replicas": 7})).status == 200
    await real.adjust(quota_status=400, replicas_quota=9)
    assert (await real.create("job-3")).status == 400


async def test_prices_are_texts_and_ladders(salad):
    for row in (await salad.classes()).values():
        prices = {one["priority"]: one["price"] for one in row["prices"]}
        assert list(prices) == list(PRIORITIES)
        assert all(isinstance(price, str) for price in prices.values())
    assert (await salad.classes())[EIGHT_L40S]["gpu_count"] == 8


async def test_two_hundred_and_forty_requests_a_minute(start):
    real = await start(limits="real")
    answers = [await real.api("GET", "/quotas") for _ in range(241)]

    assert {answer.status for answer in answers[:240]} == {200}
    assert answers[240].status == answers[240].body["status"] == 429
    assert types(answers[240].body) == PROBLEM
    assert "Retry-After" not in answers[240].headers
    await real.adjust(retry_after=True)
    assert (await real.api("GET", "/quotas")).headers["Retry-After"] == "60"
    assert (await real.api("GET", "/quotas", key="another")).status == 200
    real.clock.step(60)
    assert (await real.api("GET", "/quotas")).status == 200


async def test_capacity_runs_out_and_comes_back(salad):
    await salad.event("sold_out", RTX_4090)
    assert (await salad.available())["available_gpu_high"] == 0
    await salad.create(priority="high")
    salad.clock.step(600)

    assert (await salad.status(), await salad.counts(), await salad.instances()) == (
        "deploying",
        {"allocating": 1},
        [],
    )
    await salad.event("restocked", RTX_4090)
    salad.clock.step(160)
    assert await salad.counts() == {"running": 1}
    assert (await salad.event("sold_out", "nothing")).status == 422


async def test_the_first_class_with_a_node_is_taken(salad):
    await salad.event("sold_out", RTX_4090)
    await salad.run(classes=[RTX_4090, RTX_3090])

    assert (await salad.ledger())["job-1"]["usd_per_hour"] == 0.09


async def test_unknown_paths_have_a_problem_of_their_own(salad):
    answer = await salad.ask("GET", "/salad/api/public/nothing")

    assert (answer.status, answer.body["title"]) == (404, "Not Found")
    assert (await salad.ask("GET", ORGANIZATION)).status == 404
    assert (
        await salad.ask("POST", f"{ORGANIZATION}/projects/default/containers/", json=prototype())
    ).status == 201
