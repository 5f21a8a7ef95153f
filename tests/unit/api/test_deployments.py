from datetime import timedelta
from decimal import Decimal

import pytest

from aurora.api.schemas.deployments import DeploymentDetailOut, DeploymentListOut, EventListOut
from aurora.domain.deployment import AttemptState, DeploymentStatus
from aurora.domain.offer import PriceKind
from aurora.domain.tenant import Tenant
from tests.fakes.clock import START
from tests.unit.api.fakes import KNOWN_ID, attempt, view

SQL = "dep-1'%20OR%20'1'='1"


async def test_a_deployment_is_shown_with_all_its_attempts(client):
    async with client.get(f"/deployments/{KNOWN_ID}") as reply:
        shown = await reply.json()

    assert reply.status == 200
    DeploymentDetailOut.model_validate(shown)
    assert (shown["id"], shown["status"], shown["provider"], shown["attempt"]) == (
        KNOWN_ID,
        "running",
        "vastai",
        1,
    )
    assert shown["endpoints"] == [{"port": "8000", "host": "203.0.113.9", "url_port": 41022}]
    assert shown["cost_usd"] == 0.1
    assert shown["created_at"] == "2026-01-15T11:59:00.000Z"
    assert shown["running_at"] is None
    assert shown["emulated"] is True


async def test_nothing_sealed_is_shown(client):
    async with client.get(f"/deployments/{KNOWN_ID}") as reply:
        assert "sealed" not in await reply.text()


async def test_every_price_has_its_kind_and_age(client):
    async with client.get(f"/deployments/{KNOWN_ID}") as reply:
        prices = (await reply.json())["prices"]

    assert prices["usd_per_hour"] == 1.0
    assert prices["usd_per_gpu_hour"] == 0.333333333
    assert (prices["price_kind"], prices["age_seconds"]) == ("estimate", 60.0)


async def test_a_charged_price_is_firm(client, aurora):
    charged = attempt(
        charged_usd_per_hour=Decimal("1.2"),
        price_kind=PriceKind.CEILING,
        launched_at=START - timedelta(seconds=50),
    )
    aurora.deployments.known = {KNOWN_ID: view(charged)}

    async with client.get(f"/deployments/{KNOWN_ID}") as reply:
        prices = (await reply.json())["prices"]

    assert (prices["usd_per_hour"], prices["price_kind"], prices["age_seconds"]) == (1.2, "firm", 50.0)


async def test_an_end_has_its_reason_as_a_word_and_as_a_sentence(client, aurora):
    ended = view(
        attempt(state=AttemptState.ENDED),
        status=DeploymentStatus.FAILED,
        end_reason="vanished",
        reason="the market no longer lists it",
    )
    aurora.deployments.known = {KNOWN_ID: ended}

    async with client.get(f"/deployments/{KNOWN_ID}") as reply:
        shown = await reply.json()

    assert (shown["reason"], shown["detail"]) == ("vanished", "the market no longer lists it")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/deployments/dep-unknown"),
        ("GET", f"/deployments/{SQL}"),
        ("GET", "/deployments/dep-%00"),
        ("DELETE", "/deployments/%ff%fe"),
        ("GET", f"/deployments/{'d' * 5000}"),
        ("GET", "/decisions/dec-%00"),
        ("DELETE", "/deployments/dep-unknown"),
        ("POST", "/deployments/dep-unknown/extend"),
        ("GET", "/deployments/dep-unknown/events"),
        ("GET", "/deployments/dep-unknown/logs"),
        ("GET", "/deployments/dep-unknown/logs?follow=true"),
        ("GET", "/decisions/dec-unknown"),
    ],
)
async def test_an_unknown_id_is_a_404_problem(client, method, path):
    async with client.request(method, path, data='{"gpu_hours": 1}') as reply:
        problem = await reply.json(content_type="application/problem+json")

    assert (reply.status, problem["status"], problem["code"]) == (404, 404, "not_found")


@pytest.mark.parametrize("written", ["dep-%00", SQL, "d" * 65, "dep%20x"])
async def test_what_cannot_be_an_id_is_not_even_looked_up(client, aurora, written):
    async with client.get(f"/deployments/{written}") as reply:
        assert reply.status == 404

    assert aurora.deployments.looked_up == []


async def test_another_tenants_deployment_looks_unknown(client, aurora):
    aurora.deployments.known = {KNOWN_ID: view(tenant="acme")}

    async with client.get(f"/deployments/{KNOWN_ID}") as reply:
        assert reply.status == 404


async def test_the_list_says_how_complete_our_picture_is(client, aurora):
    async with client.get(
        "/deployments", params={"status": "running", "provider": "Vast.ai", "limit": 5}
    ) as reply:
        listed = await reply.json()

    assert reply.status == 200
    DeploymentListOut.model_validate(listed)
    assert listed["next_cursor"] == "next"
    assert listed["providers"]["vastai"]["completeness"] == 0.97
    assert listed["providers"]["vastai"]["age_seconds"] == 41.2
    assert listed["providers"]["akash"]["last_error"] == "never answered"
    assert aurora.deployments.asked == [
        {"tenant": "default", "status": "running", "provider": "vastai", "limit": 5}
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=sleeping", "status"),
        ("provider=amazon", "provider"),
        ("cursor=broken", "cursor"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("tenant=%00", "tenant"),
    ],
)
async def test_a_wrong_filter_is_refused_by_name(client, query, field):
    async with client.get(f"/deployments?{query}") as reply:
        problem = await reply.json()

    assert reply.status == 422
    assert [each["field"] for each in problem["errors"]] == [field]


async def test_a_caller_with_all_scopes_may_look_at_another_tenants_list(client, aurora):
    aurora.entrance.book.known["acme"] = Tenant("acme")
    async with client.get("/deployments?tenant=acme") as reply:
        assert reply.status == 200

    assert aurora.deployments.asked[0]["tenant"] == "acme"


async def test_unknown_query_parameters_are_ignored(client):
    async with client.get("/deployments?verbose=1") as reply:
        assert reply.status == 200


async def test_an_end_is_accepted(client):
    async with client.delete(f"/deployments/{KNOWN_ID}") as reply:
        DeploymentDetailOut.model_validate(await reply.json())

    assert reply.status == 202


async def test_more_time_reaches_the_service_exactly(client, aurora):
    async with client.post(f"/deployments/{KNOWN_ID}/extend", data='{"gpu_hours": 0.1}') as reply:
        DeploymentDetailOut.model_validate(await reply.json())

    assert reply.status == 200
    assert aurora.deployments.asked == [{"gpu_hours": Decimal("0.1")}]


@pytest.mark.parametrize("hours", ["-1", "0", "NaN", "Infinity", "1e99", '"x"', "true"])
async def test_more_time_must_be_a_sensible_number(client, hours):
    async with client.post(f"/deployments/{KNOWN_ID}/extend", data=f'{{"gpu_hours": {hours}}}') as reply:
        problem = await reply.json()

    assert reply.status == 422
    assert [each["field"] for each in problem["errors"]] == ["gpu_hours"]


async def test_events_are_listed(client):
    async with client.get(f"/deployments/{KNOWN_ID}/events") as reply:
        listed = await reply.json()

    EventListOut.model_validate(listed)
    assert listed["events"][0]["at"] == "2026-01-15T12:00:00.000Z"
    assert listed["events"][0]["kind"] == "running"


async def test_a_decision_is_shown_as_it_was_stored(client):
    async with client.get("/decisions/dec-1") as reply:
        shown = await reply.json()

    assert shown == {
        "emulated": True,
        "id": "dec-1",
        "counts": {"price": 3},
        "at": "2026-01-15T12:00:00.000Z",
        "tenant": "default",
    }
