"""A tenant's defaults, bounds and quotas on the way to a deployment; exact when many ask at once."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from aurora.db.repositories import tenants
from tests.integration.access.house import House, house


async def route(place: House, key: str, **more) -> tuple[int, dict]:
    said = await place.ask("POST /route", place.wish(**more), key=key)
    return said.status, said.json


@pytest.mark.parametrize(("quota", "limit"), [("max_deployments", 3), ("max_gpus", None)])
async def test_a_quota_is_exact_when_many_ask_at_once(url, market, quota, limit):
    async with house(url, market) as place:
        count = place.wish()["gpu_count"]
        allowed = limit or 3 * count + count - 1
        await place.tenant("research", quotas={quota: allowed})
        secret = (await place.key("research"))["secret"]

        answers = await asyncio.gather(*(route(place, secret) for _ in range(12)))

        statuses = Counter(status for status, _ in answers)
        assert statuses == {200: 3, 429: 9}
        refused = next(body for status, body in answers if status == 429)
        assert (refused["code"], refused["quota"], refused["limit"]) == ("quota_exceeded", quota, allowed)
        listed = await place.ask("GET /deployments?tenant=research")
        assert len(listed.json["deployments"]) == 3
        seen = (await place.ask("GET /api/v1/tenants/research")).json["usage"]
        assert seen == {"deployments": 3, "gpus": 3 * count}


async def test_two_replicas_count_together(databases, market):
    async with databases.postgres_url() as url, house(url, market) as one, house(url, market) as other:
        await one.tenant("research", quotas={"max_deployments": 4})
        secret = (await one.key("research"))["secret"]

        answers = await asyncio.gather(*(route(place, secret) for place in (one, other) * 6))

        assert Counter(status for status, _ in answers) == {200: 4, 429: 8}


async def test_a_refused_request_holds_no_capacity_and_ending_makes_room(url, market):
    async with house(url, market) as place:
        await place.tenant("research", quotas={"max_deployments": 1})
        secret = (await place.key("research"))["secret"]
        _, first = await route(place, secret)
        held = len(place.aurora.market.holds())

        assert (await route(place, secret))[0] == 429
        assert len(place.aurora.market.holds()) == held
        await place.ask(f"DELETE /deployments/{first['deployment_id']}", key=secret)
        for _ in range(20):
            await place.aurora.reconciler.run_once()
            place.aurora.clock.advance(5)
        assert (await route(place, secret))[0] == 200


async def test_what_runs_is_not_touched_by_a_smaller_quota(url, market):
    async with house(url, market) as place:
        await place.tenant("research")
        secret = (await place.key("research"))["secret"]
        assert [(await route(place, secret))[0] for _ in range(2)] == [200, 200]

        smaller = {"limits": {"quotas": {"max_deployments": 1}}}
        await place.ask("PATCH /api/v1/tenants/research", smaller)

        assert (await route(place, secret))[0] == 429
        listed = await place.ask("GET /deployments", key=secret)
        assert {each["status"] for each in listed.json["deployments"]} <= {"pending", "provisioning"}


async def test_absent_limits_come_from_the_tenant_and_then_from_the_file(url, market):
    async with house(url, market) as place:
        await place.tenant(
            "research",
            max_price=2.5,
            max_latency_ms=123,
            min_reputation=81,
            weights={"price": 1},
            policy="seed-v1",
        )
        await place.ask("PATCH /api/v1/tenants/research", {"home_region": "eu-central"})
        secret = (await place.key("research"))["secret"]
        plain = {"gpu_type": "a100"}

        decided = []
        for key in (secret, None):
            answer = (await place.ask("POST /route", plain, key=key)).json
            decided.append(
                (await place.ask(f"GET /decisions/{answer['decision_id']}", key=key)).json["request"]
            )

        own, common = decided
        assert [own[name] for name in ("max_price", "max_latency_ms", "min_reputation", "policy")] == [
            "2.5", 123, 81, "seed-v1",
        ]  # fmt: skip
        assert (own["weights"]["price"], own["weights"]["latency"]) == (1, 0)
        assert (own["home_region"], common["home_region"]) == ("eu-central", "us-east")
        assert (common["max_price"], common["min_reputation"]) == ("5", 70)


async def test_bounds_hold_for_routes_and_what_ifs_and_say_so(url, market):
    async with house(url, market) as place:
        await place.tenant("careful", reputation_floor=75)
        await place.tenant("elsewhere", exclude_providers=["vastai"])
        careful, elsewhere = [(await place.key(name))["secret"] for name in ("careful", "elsewhere")]

        for path in ("/route", "/route/whatif"):
            low = await place.ask(f"POST {path}", {"gpu_type": "a100", "min_reputation": 50}, key=careful)
            named = await place.ask(
                f"POST {path}", {"gpu_type": "a100", "providers": ["vastai"]}, key=elsewhere
            )
            assert (low.status, low.json["errors"][0]) == (
                422,
                {"field": "min_reputation", "message": "must be at least 75, the tenant's floor"},
            )
            assert (named.status, named.json["errors"][0]["field"]) == (422, "providers")
            assert "may not use vastai" in named.json["detail"]
        status, nothing = await route(place, elsewhere)
        assert (status, nothing["status"]) == (200, "no_capacity")
        raised = await place.ask("POST /route", {"gpu_type": "a100", "dry_run": True}, key=careful)
        assert raised.status == 200


async def test_a_disabled_tenant_may_look_and_end_but_not_buy(url, market):
    async with house(url, market) as place:
        await place.tenant("research")
        secret = (await place.key("research"))["secret"]
        _, answer = await route(place, secret)
        name = answer["deployment_id"]

        off = await place.ask("DELETE /api/v1/tenants/research")

        assert off.json["disabled"] is True
        status, refused = await route(place, secret)
        assert (status, refused["code"]) == (403, "tenant_disabled")
        longer = await place.ask(f"POST /deployments/{name}/extend", {"gpu_hours": 1}, key=secret)
        assert (longer.status, longer.json["code"]) == (403, "tenant_disabled")
        assert (await place.ask(f"GET /deployments/{name}", key=secret)).status == 200
        assert (await route(place, secret, dry_run=True))[0] == 200
        assert (await place.ask(f"DELETE /deployments/{name}", key=secret)).status == 202
        await place.ask("PATCH /api/v1/tenants/research", {"disabled": False})
        assert (await route(place, secret))[0] == 200


async def test_limits_that_cannot_be_read_stop_buying_and_nothing_else(url, market):
    async with house(url, market) as place:
        await place.tenant("research")
        secret = (await place.key("research"))["secret"]
        await place.ask("GET /deployments", key=secret)
        stored = await place.aurora.entrance.tenants.get("research")
        async with place.aurora.database.write() as connection:
            broken = replace(stored, limits={"quotas": {"max_gpus": "many"}, "from_a_newer_release": 1})
            await tenants.save(connection, broken)
        await place.aurora.entrance.refresh()

        status, refused = await route(place, secret)

        assert (status, refused["code"]) == (409, "tenant_limits_invalid")
        assert "quotas.max_gpus" in refused["detail"]
        assert (await place.ask("GET /deployments", key=secret)).status == 200
        mended = await place.ask("PATCH /api/v1/tenants/research", {"limits": {"quotas": {"max_gpus": 99}}})
        assert mended.status == 200
        assert (await route(place, secret))[0] == 200


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"max_price": 0}, "limits.max_price"),
        ({"max_price": 1e9}, "limits.max_price"),
        ({"max_price": True}, "limits.max_price"),
        ({"max_latency_ms": 1e9}, "limits.max_latency_ms"),
        ({"min_reputation": 101}, "limits.min_reputation"),
        ({"reputation_floor": -1}, "limits.reputation_floor"),
        ({"weights": {"price": 0}}, "limits.weights"),
        ({"weights": {"price": -1}}, "limits.weights.price"),
        ({"weights": {"speed": 1}}, "limits.weights.speed"),
        ({"policy": "best"}, "limits.policy"),
        ({"providers": ["ebay"]}, "limits.providers"),
        ({"exclude_providers": "vastai"}, "limits.exclude_providers"),
        ({"quotas": {"max_gpus": -1}}, "limits.quotas.max_gpus"),
        ({"quotas": {"max_gpus": 1.5}}, "limits.quotas.max_gpus"),
        ({"quotas": {"requests_per_minute": 0}}, "limits.quotas.requests_per_minute"),
        ({"quotas": {"max_cats": 1}}, "limits.quotas.max_cats"),
        ({"budget": 1}, "limits.budget"),
    ],
)
async def test_a_wrong_limit_is_named(databases, tmp_path, limits, field):
    async with house(await databases.sqlite_url(tmp_path / "a.db")) as place:
        refused = await place.ask("POST /api/v1/tenants", {"id": "x", "limits": limits})
        changed = await place.ask("PATCH /api/v1/tenants/default", {"limits": limits})

    for said in (refused, changed):
        assert said.status == 422, said.text
        assert said.json["errors"][0]["field"] == field


async def test_a_change_replaces_what_it_says_removes_null_and_leaves_the_rest(url):
    async with house(url) as place:
        await place.tenant(
            "research", max_price=3, min_reputation=80, quotas={"max_gpus": 8, "max_deployments": 5}
        )

        change = {"limits": {"max_price": None, "providers": ["Vast.ai"], "quotas": {"max_gpus": 16}}}
        changed = (await place.ask("PATCH /api/v1/tenants/research", change)).json

        assert changed["limits"] == {
            "min_reputation": 80,
            "providers": ["vastai"],
            "quotas": {"max_gpus": 16, "max_deployments": 5},
        }
        emptied = (await place.ask("PATCH /api/v1/tenants/research", {"limits": None})).json
        assert (emptied["limits"], emptied["name"]) == ({}, None)
        renamed = (await place.ask("PATCH /api/v1/tenants/research", {"name": " Research "})).json
        assert renamed["name"] == "Research"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"id": "default"}, 409, None),
        ({"id": "Upper"}, 422, "id"),
        ({"id": "-x"}, 422, "id"),
        ({"id": "x" * 65}, 422, "id"),
        ({"id": "x", "home_region": "mars"}, 422, "home_region"),
        ({"id": "x", "home_region": "global"}, 422, "home_region"),
        ({"id": "x", "name": ""}, 422, "name"),
        ({"id": "x", "disabled": True}, 422, "disabled"),
        ({}, 422, "id"),
    ],
)
async def test_a_tenant_is_made_of_valid_fields_once(databases, tmp_path, body, status, field):
    async with house(await databases.sqlite_url(tmp_path / "a.db")) as place:
        said = await place.ask("POST /api/v1/tenants", body)

    assert said.status == status, said.text
    assert [each["field"] for each in said.json["errors"]] == ([] if field is None else [field])


async def test_tenants_are_listed_a_page_at_a_time(url):
    async with house(url) as place:
        for name in ("a", "b", "c"):
            await place.tenant(name)

        first = (await place.ask("GET /api/v1/tenants?limit=2")).json
        rest = (await place.ask(f"GET /api/v1/tenants?limit=2&cursor={first['next_cursor']}")).json

        assert [each["id"] for each in first["tenants"] + rest["tenants"]] == ["a", "b", "c", "default"]
        assert rest["next_cursor"] is None
