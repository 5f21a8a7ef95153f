import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from aurora.api.schemas.route import RouteBody, RouteOut
from aurora.domain.errors import Conflict, DatabaseUnavailable, SpendingStopped
from aurora.domain.request import Weights, WorkloadType
from tests.unit.api.fakes import KNOWN_ID, NO_CAPACITY

BODY = {
    "workload_type": "llm_inference",
    "gpu_type": "a100",
    "region": "us-west",
    "gpu_hours": 2.0,
    "max_price": 3.0,
    "max_latency_ms": 300,
    "min_reputation": 80,
    "weights": {"price": 0.4, "latency": 0.3, "reputation": 0.2, "availability": 0.1},
}


async def test_a_route_is_answered_with_the_documented_fields(client):
    async with client.post("/route", json=BODY) as reply:
        answer = await reply.json()

    assert reply.status == 200
    RouteOut.model_validate(answer)
    assert answer["provider"] == "akash"
    assert answer["price_usd_per_hour"] == 2.5
    assert answer["price_usd_per_gpu_hour"] == 2.5
    assert answer["price_kind"] == "estimate"
    assert answer["estimated_latency_ms"] == 120
    assert answer["deployment_id"] == KNOWN_ID
    assert answer["status"] == "provisioning"
    assert answer["decision_id"] == "dec-2b8c5n0r6t4w"
    assert answer["rationale"] == "akash: best of 2"
    assert answer["price_age_seconds"] == 12.3
    assert answer["emulated"] is True


async def test_a_parameter_that_says_nothing_new_changes_nothing(client, aurora):
    """Requests with nothing beside their body are read by a way of their own."""
    headers = {"Idempotency-Key": "k", "X-Request-ID": "r-1"}
    answers = []
    for path in ("/route", "/route?tenant=default", "/route?unknown=1"):
        async with client.post(path, json=BODY, headers=headers) as reply:
            answers.append((reply.status, await reply.json()))

    assert answers[0][0] == 200
    assert answers == [answers[0]] * 3
    asked = aurora.routing.asked
    assert len(asked) == 3
    assert asked == [asked[0]] * 3


async def test_the_body_reaches_the_router_as_a_complete_request(client, aurora):
    async with client.post("/route", json={**BODY, "dry_run": True, "wait": 1.5}):
        pass

    [(request, caller, how)] = aurora.routing.asked
    assert request.workload_type is WorkloadType.LLM_INFERENCE
    assert request.gpu.name == "a100"
    assert request.gpu_hours == Decimal(2)
    assert request.max_price == Decimal(3)
    assert request.max_total_cost == Decimal("7.2")
    assert request.weights == Weights(0.4, 0.3, 0.2, 0.1, 0.0)
    assert request.tenant == caller.tenant == "default"
    assert (how["dry_run"], how["wait_s"], how["idempotency"]) == (True, 1.5, None)


async def test_no_capacity_says_why_and_what_would_help(client, aurora):
    aurora.routing.answer = NO_CAPACITY

    async with client.post("/route", json=BODY) as reply:
        answer = await reply.json()

    assert reply.status == 200
    assert (answer["status"], answer["provider"], answer["deployment_id"]) == ("no_capacity", None, None)
    assert answer["reason"].startswith("No viable providers")
    assert answer["relaxations"] == ["max_price 2.10 instead of 1.50 would give 3 offers"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"gpu_type": "zx9000"}, "gpu_type"),
        ({"gpu_type": "a100'; DROP TABLE offers;--"}, "gpu_type"),
        ({"gpu_type": None}, "gpu_type"),
        ({"region": "us-west' OR 1=1"}, "region"),
        ({"workload_type": "x'; DELETE FROM deployments"}, "workload_type"),
        ({"policy": "'; DROP TABLE x"}, "policy"),
        ({"providers": ["vastai", "x'; DROP TABLE y"]}, "providers"),
        ({"gpu_hours": -1}, "gpu_hours"),
        ({"gpu_hours": 0}, "gpu_hours"),
        ({"gpu_hours": 1e300}, "gpu_hours"),
        ({"gpu_hours": True}, "gpu_hours"),
        ({"gpu_count": 0}, "gpu_count"),
        ({"gpu_count": 1.5}, "gpu_count"),
        ({"gpu_count": 10**400}, "gpu_count"),
        ({"max_price": float("nan")}, "max_price"),
        ({"max_price": float("inf")}, "max_price"),
        ({"max_price": "cheap"}, "max_price"),
        ({"max_price": 0}, "max_price"),
        ({"max_latency_ms": float("nan")}, "max_latency_ms"),
        ({"min_reputation": 101}, "min_reputation"),
        ({"weights": {"price": 0, "latency": 0}}, "weights"),
        ({"weights": {"price": -1, "latency": 2}}, "weights"),
        ({"weights": {"price": float("nan")}}, "weights"),
        ({"weights": {}}, "weights"),
        ({"weights": {"prise": 1}}, "weights.prise"),
        ({"wait": 601}, "wait"),
        ({"max_attempts": 11}, "max_attempts"),
        ({"ports": ["99999"]}, "ports"),
        ({"env": {"BAD-NAME": "x"}}, "env"),
        ({"image": "not an image"}, "image"),
        ({"disk_gb": 0}, "disk_gb"),
        ({"max_prise": 3}, "max_prise"),
    ],
)
async def test_a_wrong_field_is_refused_by_name(client, aurora, changes, field):
    async with client.post("/route", data=json.dumps({**BODY, **changes})) as reply:
        problem = await reply.json(content_type="application/problem+json")

    assert reply.status == 422
    assert problem["code"] == "invalid_request"
    assert [each["field"] for each in problem["errors"]] == [field]
    assert problem["request_id"] == reply.headers["x-request-id"]
    assert aurora.routing.asked == []


async def test_all_fields_of_the_wrong_type_are_named_at_once(client):
    async with client.post("/route", json={**BODY, "max_price": "x", "gpu_count": "y"}) as reply:
        problem = await reply.json()

    assert {each["field"] for each in problem["errors"]} == {"max_price", "gpu_count"}


async def test_no_error_repeats_the_value_of_a_secret(client):
    secret = "hunter2"
    async with client.post(
        "/route", json={**BODY, "env": {"TOKEN": [secret]}, "image": secret * 99}
    ) as reply:
        text = await reply.text()

    assert reply.status == 422
    assert secret not in text


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "nonsense", None]
)
async def test_the_content_type_does_not_matter(client, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    skipped = () if content_type else ("Content-Type",)

    async with client.post(
        "/route", data=json.dumps(BODY).encode(), headers=headers, skip_auto_headers=skipped
    ) as reply:
        assert reply.status == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "body"),
        (b"", "body"),
        (b"[1]", "body"),
        (b"\xff\xfe{", "body"),
        (b"[" * 100_000, "body"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "body"),
        (b'{"gpu_hours": ' + b"9" * 5000 + b"}", "body"),
        (b'{"max_price": 1, "gpu_type": "a100", "max_price": 9}', "max_price"),
        (b'{"weights": {"price": 1, "price": 0}}', "price"),
        (b'{"image": "nginx\\u0000"}', "body"),
        (b'{"env": {"A": "\\ud800"}}', "body"),
    ],
)
async def test_what_is_no_json_object_or_means_two_things_is_refused(client, aurora, body, field):
    async with client.post("/route", data=body) as reply:
        problem = await reply.json()

    assert (reply.status, problem["code"]) == (422, "invalid_request")
    assert [each["field"] for each in problem["errors"]] == [field]
    assert aurora.routing.asked == []


async def test_whole_characters_may_be_escaped_and_a_backslash_is_no_nul(client):
    text = '{"env": {"A": "\\ud83d\\ude00 \\\\u0000"}, ' + json.dumps(BODY)[1:]

    async with client.post("/route", data=text) as reply:
        assert reply.status == 200, await reply.text()


async def test_an_endpoint_without_a_body_does_not_mind_one(client):
    async with client.delete("/deployments/dep-1", data=b"what=ever") as reply:
        assert reply.status in {202, 404}


async def test_an_idempotency_key_carries_a_digest_of_what_is_asked(client, aurora):
    variants = [json.dumps(BODY), json.dumps({**BODY, "gpu_hours": 2, "gpu_count": None}, indent=1)]
    for text in [*variants, json.dumps({**BODY, "gpu_hours": 3})]:
        async with client.post("/route", data=text, headers={"Idempotency-Key": "k-1"}) as reply:
            assert reply.status == 200

    same, spelt_otherwise, different = [how["idempotency"] for _, _, how in aurora.routing.asked]
    assert same.key == "k-1"
    assert same == spelt_otherwise
    assert same.body_hash != different.body_hash


async def test_an_unusable_idempotency_key_is_refused(client):
    async with client.post("/route", json=BODY, headers={"Idempotency-Key": "k" * 256}) as reply:
        problem = await reply.json()

    assert reply.status == 422
    assert problem["errors"][0]["field"] == "Idempotency-Key"


@pytest.mark.parametrize(
    ("error", "status", "code", "retry_after"),
    [
        (
            Conflict("in flight", code="idempotency_in_flight", retry_after=1),
            409,
            "idempotency_in_flight",
            "1",
        ),
        (Conflict("another body", code="idempotency_conflict"), 409, "idempotency_conflict", None),
        (SpendingStopped("stopped by an operator"), 503, "spending_stopped", None),
        (DatabaseUnavailable("no connection"), 503, "database_unavailable", None),
    ],
)
async def test_refusals_of_the_service_become_problems(client, aurora, error, status, code, retry_after):
    aurora.routing.error = error

    async with client.post("/route", json=BODY) as reply:
        problem = await reply.json(content_type="application/problem+json")

    assert (reply.status, problem["code"], problem["detail"]) == (status, code, error.detail)
    assert reply.headers.get("Retry-After") == retry_after


async def test_a_bug_is_a_500_without_its_inside(client, aurora):
    aurora.routing.error = RuntimeError("password=hunter2 at /srv/app.py")

    async with client.post("/route", json=BODY) as reply:
        text = await reply.text()

    assert reply.status == 500
    problem = json.loads(text)
    assert (problem["code"], problem["status"]) == ("internal", 500)
    assert problem["request_id"] == reply.headers["x-request-id"]
    assert "hunter2" not in text
    assert "app.py" not in text


async def test_the_request_id_reaches_the_service(client, aurora):
    async with client.post("/route", json=BODY, headers={"X-Request-Id": "mine-1"}) as reply:
        assert reply.headers["x-request-id"] == "mine-1"

    [(_, _, how)] = aurora.routing.asked
    assert how["request_id"] == "mine-1"


async def test_requests_at_the_same_time_keep_their_own_ids(client, aurora):
    async def ask(name: str) -> str:
        async with client.post("/route", json=BODY, headers={"X-Request-Id": name}) as reply:
            return reply.headers["x-request-id"]

    names = [f"r-{number}" for number in range(8)]
    assert await asyncio.gather(*map(ask, names)) == names
    assert sorted(how["request_id"] for _, _, how in aurora.routing.asked) == names


def test_the_digest_ignores_stated_defaults():
    def digest(**fields: Any) -> str:
        return RouteBody(**fields).digest()

    assert digest(gpu_type="a100") == digest(gpu_type="a100", dry_run=False, weights=None)
    assert digest(gpu_hours="2.0") == digest(gpu_hours=2)
    assert digest(gpu_hours=20) != digest(gpu_hours=2)
