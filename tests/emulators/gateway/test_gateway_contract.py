"""The published document itself, and what the emulators answer held against it."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.emulators.gateway import contract

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "gateway.md").read_text(encoding="utf-8")
SCHEMAS = contract.DOCUMENT["components"]["schemas"]
OPERATIONS = {
    operation["operationId"]: operation
    for path in contract.DOCUMENT["paths"].values()
    for operation in path.values()
}


def examples():
    """Every JSON example of the document with its schema."""
    for name, operation in OPERATIONS.items():
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for place in [*bodies, *map(contract.resolved, operation["responses"].values())]:
            media = place.get("content", {}).get("application/json", {})
            shown = [media["example"]] if "example" in media else []
            shown += [one["value"] for one in media.get("examples", {}).values()]
            yield from ((name, media["schema"], one) for one in shown)


def test_the_schemas_are_schemas_and_the_examples_fit_them():
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)

    found = list(examples())

    assert len(found) > 20
    assert [fault for _, schema, example in found for fault in contract.faults(schema, example)] == []


def test_each_operation_has_an_example_of_success():
    shown = {name for name, _, _ in examples()}

    assert shown == set(OPERATIONS)


def test_page_and_document_name_the_same_codes_and_words():
    codes = set(SCHEMAS["Failure"]["properties"]["error"]["properties"]["code"]["enum"])
    rows = re.findall(r"^\| ([\d, ]+) \| ([^|]+) \|", PAGE.partition("## Errors")[2], re.MULTILINE)
    told = {code: statuses for statuses, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    told.pop("details", None)
    told = {code: statuses for code, statuses in told.items() if code in contract.CODES}
    ends = re.findall(r"^\| `(\w+)` \|.*\| yes \|$", PAGE, re.MULTILINE)

    assert codes == set(contract.CODES) == set(told)
    assert all(str(contract.CODES[code]) in statuses for code, statuses in told.items())
    assert ends == SCHEMAS["EndEvent"]["properties"]["status"]["enum"]
    for word in [*SCHEMAS["Status"]["enum"], *SCHEMAS["Reason"]["properties"]["code"]["enum"]]:
        assert f"`{word}`" in PAGE
    for name in [*SCHEMAS["JobOrder"]["properties"], *SCHEMAS["Offer"]["required"], "price_kind", "billing"]:
        assert f"`{name}`" in PAGE or f'"{name}"' in PAGE, name


def test_the_judge_sees_what_is_wrong():
    headers = {
        "Content-Type": "application/json",
        "X-Request-Id": "a",
        "X-RateLimit-Limit": "1",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "1",
    }
    account = {"id": "a", "currency": "USD", "balance": None, "hourly_burn": "0.1"}

    def judged(body, **more):
        return contract.answer_faults("GET", "/account", status=200, headers={**headers, **more}, body=body)

    assert judged(account) == []
    assert judged({**account, "balance": 1.5}) != []
    assert judged({**account, "secret": "x"}) != []
    assert judged({"id": "a"}) != []
    assert judged(account, **{"X-RateLimit-Reset": "soon"}) != []


async def test_every_operation_of_every_brand_answers_as_the_document_says(each):
    """The client of these tests judges each answer; here each operation is met, in success and in refusal."""
    offer = await each.an_offer()
    job_id = await each.running(offer, ports=[{"container_port": 80, "protocol": "http"}])
    each.clock.step(60)
    here = f"/jobs/{job_id}"

    successes = [
        await each.ask("GET", "/health", key=None),
        await each.ask("GET", "/account"),
        await each.ask("GET", "/gpus?available=false&limit=200"),
        await each.ask("GET", f"/gpus/{offer['id']}"),
        await each.ask("GET", "/jobs"),
        await each.ask("GET", here),
        await each.ask("GET", f"{here}/logs"),
        await each.delete(job_id),
    ]
    each.clock.step(60)
    successes.append(await each.delete(job_id))
    refusals = [
        await each.ask("GET", "/account", key=None),
        await each.ask("GET", "/gpus?cursor=x"),
        await each.ask("GET", "/gpus?limit=0"),
        await each.ask("GET", "/gpus/none"),
        await each.ask("GET", "/jobs/none"),
        await each.ask("GET", "/jobs/none/logs"),
        await each.delete("none"),
        await each.ask("POST", "/jobs", json={}),
        await each.ask("POST", "/jobs", data="{", headers={"Idempotency-Key": "k" * 8}),
        await each.ask("PATCH", "/elsewhere"),
    ]

    assert [answer.status for answer in successes] == [200] * 7 + [202, 200]
    assert [answer.status for answer in refusals] == [401, 400, 422, 404, 404, 404, 404, 400, 400, 404]


async def test_health_is_what_the_gateway_says_of_itself(gateway):
    await gateway.control("POST", "settings", json={"health": "degraded"})
    degraded = await gateway.ask("GET", "/health", key=None)
    await gateway.control("POST", "settings", json={"health": "down"})
    down = await gateway.ask("GET", "/health", key=None)

    assert (degraded.status, degraded.body["status"]) == (200, "degraded")
    assert (down.status, down.body["status"]) == (503, "down")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "A"},
        {"name": ""},
        {"image": "nginx"},
        {"image": 5},
        {"disk_gb": 0},
        {"disk_gb": "20"},
        {"ports": [{"container_port": 0, "protocol": "http"}]},
        {"ports": [{"container_port": 80, "protocol": "udp"}]},
        {"ports": [{"container_port": port, "protocol": "tcp"} for port in range(1, 12)]},
        {"gpu": {}},
        {"gpu": {"gpu_model": "4090"}},
        {"gpu": {"offer_id": "a", "gpu_count": 1}},
        {"env": {"A": 1}},
        {"labels": {"k": "v" * 256}},
        {"labels": {f"k{place}": "" for place in range(17)}},
        {"restart_policy": "always"},
        {"max_duration_minutes": 0},
        {"max_price_per_hour": "much"},
        {"registry_auth": {"server": "ghcr.io"}},
        {"command": "nginx"},
        {"surprise": 1},
    ],
)
async def test_what_the_document_refuses_the_emulator_refuses_with_the_fields_name(gateway, body):
    answer = await gateway.create(**body)
    order = {"name": "a", "image": "nginx:1", "gpu": {"offer_id": "a"}, **body}

    assert (answer.status, answer.code) == (422, "invalid_request")
    assert next(iter(body)) in {path.split(".")[0] for path in answer.fields}
    if body != {"image": "nginx"}:  # that a tag is needed is said in words only
        assert contract.named("JobOrder", order) != []


async def test_what_the_document_shows_the_emulator_takes(gateway):
    example = OPERATIONS["createJob"]["requestBody"]["content"]["application/json"]["example"]
    offer = await gateway.an_offer(gpu_model="4090", gpu_count=1)
    order = {**example, "gpu": {"offer_id": offer["id"]}, "max_price_per_hour": "0.5"}

    answer = await gateway.ask("POST", "/jobs", json=order, headers={"Idempotency-Key": "aurora-7f3a9c1e-1"})

    assert answer.status == 201
    assert answer.headers["Location"] == f"/jobs/{answer.body['id']}"
    assert answer.body["labels"] == example["labels"]


async def test_no_secret_comes_back(gateway):
    secrets = {
        "env": {"TOKEN": "hush-env"},
        "registry_auth": {"server": "a", "username": "u", "password": "hush-pw"},
    }
    job_id = await gateway.running(**secrets)
    wrong = await gateway.create(**secrets, disk_gb="hush-disk")
    gateway.clock.step(60)

    seen = [
        await gateway.job(job_id),
        await gateway.get("/jobs"),
        await gateway.get(f"/jobs/{job_id}/logs"),
        wrong.body,
        await gateway.control("GET", "requests"),
        await gateway.control("GET", "ledger"),
    ]

    assert "hush" not in json.dumps(seen)
    assert "test-key" not in json.dumps(seen)


async def test_request_ids_are_echoed_or_made(gateway):
    given = await gateway.ask("GET", "/account", headers={"X-Request-Id": "trace-1"})
    made = [(await gateway.ask("GET", "/account")).headers["X-Request-Id"] for _ in range(2)]

    assert given.headers["X-Request-Id"] == "trace-1"
    assert len({*made, ""}) == 3
