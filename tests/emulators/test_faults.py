"""Each kind of fault over real sockets."""

import asyncio
import gzip
import json

import aiohttp
import pytest

HEALTH = "/v0/users/current/"


async def raw(vast, method, path, **options):
    """Body bytes as they were on the wire."""
    headers = {"Authorization": "Bearer k"}
    async with vast.session.request(
        method, f"{vast.url}/vastai/api{path}", headers=headers, **options
    ) as response:
        return response, await response.read()


async def test_status_answers_with_the_code_body_and_headers_asked_for_and_nothing_happens(vast):
    offer = await vast.an_offer()
    await vast.fault(
        "status", "create", code=429, body="API requests too frequent", headers={"Retry-After": "7"}, count=1
    )
    await vast.fault("status", "create", code=429, body={"detail": "too frequent threshold=4.5"}, count=1)

    text, data, third = [await vast.create(offer) for _ in range(3)]

    assert (text.status, text.body, text.headers["Retry-After"]) == (429, "API requests too frequent", "7")
    assert text.headers["Content-Type"] == "text/plain"
    assert (data.status, data.body) == (429, {"detail": "too frequent threshold=4.5"})
    assert third.status == 200
    assert len(await vast.ledger()) == 1
    assert (await vast.calls())["create"] == 3


async def test_a_status_with_effect_creates_and_then_lies(vast):
    await vast.fault(
        "status",
        "create",
        code=502,
        body="<html>bad gateway</html>",
        effect=True,
        headers={"Content-Type": "text/html"},
    )

    answer = await vast.create(await vast.an_offer())

    assert (answer.status, answer.headers["Content-Type"]) == (502, "text/html")
    assert len(await vast.ledger()) == 1


async def test_reset_cuts_the_connection_before_any_effect(vast):
    offer = await vast.an_offer()
    await vast.fault("reset", "create", count=1)

    with pytest.raises(aiohttp.ClientConnectionError):
        await vast.create(offer)

    assert await vast.ledger() == {}
    assert (await vast.calls())["create"] == 1


async def test_lost_response_cuts_the_connection_after_the_effect(vast):
    offer = await vast.an_offer()
    await vast.fault("lost_response", "create", count=1)

    with pytest.raises(aiohttp.ClientConnectionError):
        await vast.create(offer, label="lost")

    assert [row["label"] for row in (await vast.ledger()).values()] == ["lost"]
    assert (await vast.create(offer)).status == 410


async def test_a_reset_is_a_reset_on_the_socket(vast):
    await vast.fault("reset", "health")
    host, port = vast.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /vastai/api/v0/users/current HTTP/1.1\r\nHost: x\r\n\r\n")

    with pytest.raises(ConnectionResetError):
        await reader.read()

    writer.close()


async def test_latency_delays_the_answer_but_not_the_effect(vast):
    offer = await vast.an_offer()
    await vast.fault("latency", "create", ms=60_000)
    call = asyncio.create_task(vast.create(offer))
    while not await vast.ledger():
        await asyncio.sleep(0.01)

    assert not call.done()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_latency_adds_up(vast):
    await vast.fault("latency", "health", ms=20)
    await vast.fault("latency", "health", ms=20)
    begun = asyncio.get_running_loop().time()

    await vast.api("GET", HEALTH)

    assert asyncio.get_running_loop().time() - begun >= 0.04


@pytest.mark.parametrize("count", [None, 1])
async def test_hang_answers_only_when_the_fault_is_deleted(vast, count):
    fault = (await vast.fault("hang", "health", count=count)).body["id"]
    call = asyncio.create_task(vast.api("GET", HEALTH))
    while (await vast.calls()).get("health") != 1:
        await asyncio.sleep(0.01)

    assert not call.done()
    assert (await vast.ask("DELETE", f"/_emulator/vastai/faults/{fault}")).status == 204
    assert (await call).status == 200


async def test_hang_ends_when_the_client_goes_away(vast):
    await vast.fault("hang", "create", effect=True)
    offer = await vast.an_offer()

    with pytest.raises(TimeoutError):
        await vast.api(
            "PUT", f"/v0/asks/{offer['id']}/", json={"image": "a"}, timeout=aiohttp.ClientTimeout(total=0.05)
        )

    assert len(await vast.ledger()) == 1


async def test_truncate_promises_more_than_it_sends(vast):
    await vast.fault("truncate", "offers", count=1)

    with pytest.raises(aiohttp.ClientPayloadError):
        await vast.search()

    assert await vast.search()


async def test_html_is_a_page_with_status_200(vast):
    await vast.fault("html", "offers", count=1)

    response, body = await raw(vast, "POST", "/v0/bundles/", json={})

    assert (response.status, response.content_type) == (200, "text/html")
    assert body.startswith(b"<!DOCTYPE html>")


async def test_garbage_without_a_level_takes_both_in_turn(vast):
    await vast.fault("garbage_type", "offers")

    first, second = [
        (await vast.api("POST", "/v0/bundles/", json={"limit": 3})).body["offers"] for _ in range(2)
    ]

    assert first == 3
    assert len(second) == 3


@pytest.mark.parametrize("level", ["envelope", "items"])
async def test_garbage_type_keeps_the_keys_and_changes_the_types(vast, level):
    true = (await vast.api("POST", "/v0/bundles/", json={"limit": 3})).body
    await vast.fault("garbage_type", "offers", level=level, count=1)

    body = (await vast.api("POST", "/v0/bundles/", json={"limit": 3})).body

    assert body.keys() == true.keys()
    if level == "envelope":
        assert body["offers"] == 3
    else:
        assert len(body["offers"]) == 3
        assert body["offers"][0].keys() == true["offers"][0].keys()
        assert all(not isinstance(offer["dph_total"], float) for offer in body["offers"])


async def test_garbage_in_a_single_instance(vast):
    instance = await vast.rent()
    await vast.fault("garbage_type", "status", level="items", count=1)
    await vast.fault("garbage_type", "health", count=1)

    assert not isinstance((await vast.show(instance))["dph_total"], float)
    assert not isinstance((await vast.api("GET", HEALTH)).body["credit"], float)


async def test_missing_field_drops_what_a_client_needs(vast):
    instance = await vast.rent()
    await vast.fault("missing_field", "offers", count=1)
    await vast.fault("missing_field", "create", count=1)
    await vast.fault("missing_field", "status", field="actual_status", count=1)
    await vast.fault("missing_field", "offers", field="dph_total", count=1)

    first = (await vast.api("POST", "/v0/bundles/", json={"limit": 1})).body
    created = await vast.create(await vast.an_offer())
    shown = await vast.show(instance)

    assert first.keys() == set()
    assert created.body["success"] is True
    assert "new_contract" not in created.body
    assert "actual_status" not in shown


async def test_missing_field_reaches_into_rows(vast):
    await vast.fault("missing_field", "offers", field="dph_total")

    assert all("dph_total" not in offer and "dph_base" in offer for offer in await vast.search(limit=5))


async def test_oversize_streams_more_than_it_says(vast):
    await vast.fault("oversize", "list", bytes=3_000_000, count=1)

    response, body = await raw(vast, "GET", "/v1/instances/")

    assert response.content_length is None
    assert len(body) > 3_000_000
    assert json.loads(body).keys() == {"padding"}


async def test_a_gzip_bomb_is_small_on_the_wire_and_valid(start):
    vast = await start()
    await vast.fault("gzip_bomb", "list", bytes=20_000_000, count=1)
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.get(f"{vast.url}/vastai/api/v1/instances/") as response,
    ):
        wire = await response.read()

    assert response.headers["Content-Encoding"] == "gzip"
    assert len(wire) < 60_000
    assert len(gzip.decompress(wire)) >= 20_000_000


async def test_slow_drip_sends_one_byte_at_a_time(vast):
    await vast.fault("slow_drip", "terminate", ms=1, count=1)
    chunks = []
    async with vast.session.delete(
        f"{vast.url}/vastai/api/v0/instances/5/", headers={"Authorization": "Bearer k"}
    ) as response:
        async for chunk, _ in response.content.iter_chunks():
            chunks.append(chunk)

    assert json.loads(b"".join(chunks))["error"] == "not_found"
    assert len(chunks) > 10


async def test_redirect_leads_to_another_origin(vast):
    await vast.fault("redirect", "offers", count=1)
    await vast.fault("redirect", "offers", code=307, location="http://127.0.0.2:1/x", count=1)

    first, _ = await raw(vast, "POST", "/v0/bundles/", json={}, allow_redirects=False)
    second, _ = await raw(vast, "POST", "/v0/bundles/", json={}, allow_redirects=False)

    assert (first.status, first.headers["Location"]) == (302, "http://elsewhere.invalid/")
    assert (second.status, second.headers["Location"]) == (307, "http://127.0.0.2:1/x")


async def test_an_ignored_delete_answers_success_and_the_instance_lives_on(vast):
    instance = await vast.rent()
    await vast.fault("delete_ignored", count=1)

    first = await vast.destroy(instance)
    still = await vast.show(instance)
    await vast.destroy(instance)

    assert first.body["success"] is True
    assert still is not None
    assert await vast.show(instance) is None


async def test_start_failure_and_never_starts(vast):
    await vast.fault("start_failure", count=1)
    failed = await vast.rent()
    await vast.fault("never_starts", "create", count=1)
    stuck = await vast.rent()

    vast.clock.step(3600)

    assert await vast.status(failed) == "created"
    assert "OCI runtime create failed" in (await vast.show(failed))["status_msg"]
    assert await vast.status(stuck) == "loading"


async def test_empty_list_is_well_formed_and_empty(vast):
    instance = await vast.rent()
    await vast.fault("empty_list", count=4)

    assert await vast.search() == []
    listed = await vast.listed()
    assert (listed["instances"], listed["total_instances"], listed["next_token"]) == ([], 0, None)
    assert await vast.show(instance) is None


async def test_several_faults_act_on_one_call(vast):
    await vast.fault("latency", "health", ms=10)
    await vast.fault("status", "health", code=503, body="busy")
    await vast.fault("status", "health", code=500, body="second in line")
    begun = asyncio.get_running_loop().time()

    answer = await vast.api("GET", HEALTH)

    assert (answer.status, answer.body) == (503, "busy")
    assert asyncio.get_running_loop().time() - begun >= 0.01
    hits = [fault["hits"] for fault in (await vast.ask("GET", "/_emulator/vastai/faults")).body["faults"]]
    assert hits == [1, 1, 0]


async def test_counts_run_down_and_faults_vanish(vast):
    await vast.fault("status", "health", code=500, count=2)
    other = (await vast.fault("status", "list", code=500)).body

    await vast.api("GET", HEALTH)
    left = (await vast.ask("GET", "/_emulator/vastai/faults")).body["faults"]
    statuses = [(await vast.api("GET", HEALTH)).status for _ in range(2)]

    assert [(f["count"], f["hits"]) for f in left] == [(1, 1), (None, 0)]
    assert statuses == [500, 200]
    remaining = (await vast.ask("GET", "/_emulator/vastai/faults")).body["faults"]
    assert [fault["id"] for fault in remaining] == [other["id"]]
    assert (await vast.ask("DELETE", "/_emulator/vastai/faults")).status == 204
    assert (await vast.ask("GET", "/_emulator/vastai/faults")).body == {"faults": []}
    assert (await vast.ask("DELETE", "/_emulator/vastai/faults/77")).status == 404


async def test_probability_is_drawn_from_the_seed(start):
    async def pattern(seed):
        vast = await start(seed=seed, offers=20)
        await vast.fault("status", "health", code=500, probability=0.5)
        return [(await vast.api("GET", HEALTH)).status for _ in range(30)]

    first, again, other = [await pattern(seed) for seed in (1, 1, 2)]

    assert first == again
    assert first != other
    assert 5 < first.count(500) < 25


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ({}, "kind"),
        ({"kind": "fire"}, "kind"),
        ({"kind": ["reset"]}, "kind"),
        ({"kind": "reset", "operation": "dance"}, "operation"),
        ({"kind": "list_lag", "operation": "create", "seconds": 1}, "operation"),
        ({"kind": "reset", "count": 0}, "count"),
        ({"kind": "reset", "count": True}, "count"),
        ({"kind": "reset", "probability": 1.5}, "probability"),
        ({"kind": "reset", "probability": "often"}, "probability"),
        ({"kind": "status"}, "code"),
        ({"kind": "status", "code": 99}, "code"),
        ({"kind": "status", "code": 500, "headers": {"a": 1}}, "headers"),
        ({"kind": "latency", "ms": -1}, "ms"),
        ({"kind": "latency"}, "ms"),
        ({"kind": "list_lag"}, "seconds"),
        ({"kind": "charge_factor", "k": "2"}, "k"),
        ({"kind": "oversize", "bytes": 0}, "bytes"),
        ({"kind": "redirect", "code": 200}, "code"),
        ({"kind": "garbage_type", "level": "deep"}, "level"),
        ({"kind": "reset", "colour": "red"}, "colour"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_422_with_the_field(vast, fault, field):
    answer = await vast.ask("POST", "/_emulator/vastai/faults", json=fault)

    assert (answer.status, answer.body["field"]) == (422, field)


@pytest.mark.parametrize("body", [b"{", b"[]"])
async def test_a_fault_that_is_no_object_is_422(vast, body):
    answer = await vast.ask("POST", "/_emulator/vastai/faults", data=body)

    assert (answer.status, answer.body["field"]) == (422, "body")
