"""Both published signatures, and everything that makes a signed call be refused."""

import hashlib
import json
from datetime import UTC, datetime

import pytest

from aurora.emulators.render import signing
from tests.emulators.render.conftest import FIXTURES, compact, query_of

VECTORS = json.loads((FIXTURES / "signatures.json").read_text())
each_vector = pytest.mark.parametrize("vector", VECTORS, ids=["list", "create"])


@each_vector
def test_the_rule_gives_the_published_signatures(vector):
    body = signing.canonical_body(compact(vector["body"]))
    query = signing.canonical_query("&".join(f"{k}={v}" for k, v in reversed(vector["parameters"].items())))

    made = signing.signature(
        signing.secret_of(vector["public_key"]),
        public_key=vector["public_key"],
        time=vector["time"],
        nonce=vector["nonce"],
        method=vector["method"].lower(),
        path=vector["path"],
        query=query,
        body=body,
    )

    assert query == query_of(vector["parameters"]) == vector["query"]
    assert hashlib.sha256(body).hexdigest() == vector["body_sha256"]
    assert made == vector["signature"]


@each_vector
async def test_the_published_calls_are_let_in(start, clock, vector):
    sent = datetime.fromtimestamp(int(vector["time"]) / 1000, UTC)
    clock.step((sent - clock.now()).total_seconds())
    dispersed = await start()
    headers = {
        "X-API-Key": vector["public_key"],
        "X-Time": vector["time"],
        "X-Nonce": vector["nonce"],
        "X-Signature": vector["signature"],
        "Content-Type": "application/json",
    }

    answer = await dispersed.send(
        vector["method"],
        vector["path"],
        query=vector["query"],
        payload=compact(vector["body"]),
        headers=headers,
    )

    assert answer.status in {200, 201}, answer
    assert answer.body.get("title") == (vector["body"] or {}).get("title")


async def test_where_no_key_is_set_the_word_emulated_is_key_and_secret(dispersed):
    answer = await dispersed.ask("GET", "/v1/jobs", key="emulated", secret="emulated")

    assert answer.status == 200


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"key": "pk_invalid", "secret": "sk_invalid"}, "invalid_api_key"),
        ({"key": "someone"}, "invalid_api_key"),
        ({"secret": "sk_somebody_else"}, "invalid_signature"),
        ({"time": "soon"}, "invalid_timestamp"),
        ({"nonce": "00"}, "invalid_nonce"),
        ({"prefix": "/elsewhere"}, "invalid_signature"),
    ],
)
async def test_what_is_wrong_is_refused(dispersed, changed, code):
    answer = await dispersed.ask("GET", "/v1/jobs", parameters={"limit": 1}, **changed)

    assert (answer.status, answer.code) == (401, code)


@pytest.mark.parametrize(("off", "status"), [(-301, 401), (-299, 200), (299, 200), (301, 401)])
async def test_clocks_may_be_five_minutes_apart(dispersed, off, status):
    time = str(round((dispersed.clock.now().timestamp() + off) * 1000))

    answer = await dispersed.ask("GET", "/v1/jobs", time=time)

    assert answer.status == status
    assert status == 200 or answer.code == "timestamp_out_of_range"


async def test_a_nonce_works_once_in_a_day(dispersed):
    nonce = "ab" * 16
    statuses = [(await dispersed.ask("GET", "/v1/jobs", nonce=nonce)).status for _ in range(2)]
    another = await dispersed.ask("GET", "/v1/jobs", nonce=nonce, key="pk_other", secret="sk_other")
    late = await dispersed.ask("GET", "/v1/jobs", nonce=nonce)
    dispersed.clock.step(86_400)

    assert statuses == [200, 401]
    assert (another.status, late.code) == (200, "nonce_reused")
    assert (await dispersed.ask("GET", "/v1/jobs", nonce=nonce)).status == 200


async def test_a_refused_call_does_not_spend_its_nonce(dispersed):
    nonce = "cd" * 16
    await dispersed.ask("GET", "/v1/jobs", nonce=nonce, secret="sk_wrong")

    assert (await dispersed.ask("GET", "/v1/jobs", nonce=nonce)).status == 200


async def test_the_signature_covers_method_path_query_and_body(dispersed):
    body = compact({"reason": "a"})
    headers = dispersed.headers("PUT", "/render/v1/jobs/a/cancel", payload=body)
    changed = [
        {"method": "POST", "path": "/v1/jobs/a/cancel", "payload": body},
        {"method": "PUT", "path": "/v1/jobs/b/cancel", "payload": body},
        {"method": "PUT", "path": "/v1/jobs/a/cancel", "payload": body, "query": "limit=1"},
        {"method": "PUT", "path": "/v1/jobs/a/cancel", "payload": compact({"reason": "b"})},
    ]

    answers = [await dispersed.send(**one, headers=headers) for one in changed]

    assert {(answer.status, answer.code) for answer in answers} == {(401, "invalid_signature")}
    assert (await dispersed.send("PUT", "/v1/jobs/a/cancel", payload=body, headers=headers)).status == 404


@pytest.mark.parametrize("payload", [b'{"reason": "a"}', b'{"b":1,"a":2}', b'{"a":1.0}', b'{"a":"\\u00e9"}'])
async def test_a_body_that_is_not_canonical_matches_no_signature(dispersed, payload):
    headers = dispersed.headers("PUT", "/render/v1/jobs/a/cancel", payload=payload)

    answer = await dispersed.send("PUT", "/v1/jobs/a/cancel", payload=payload, headers=headers)

    assert (answer.status, answer.code) == (401, "invalid_signature")


async def test_a_signed_body_that_is_no_json_is_told_so(dispersed):
    headers = dispersed.headers("PUT", "/render/v1/jobs/a/cancel", payload=b"{")

    answer = await dispersed.send("PUT", "/v1/jobs/a/cancel", payload=b"{", headers=headers)

    assert (answer.status, answer.code) == (400, "bad_json")


async def test_signatures_and_keys_stay_out_of_the_journal(dispersed):
    await dispersed.ask("GET", "/v1/jobs")

    kept = (await dispersed.control("GET", "requests"))["requests"][0]["headers"]

    assert kept["X-API-Key"] == kept["X-Signature"] == "[redacted]"
