import json

import aiohttp
import pytest


async def received(line, count=1):
    frames = [await line.receive_json(timeout=5) for _ in range(count)]
    return frames if count > 1 else frames[0]


def texts(frames):
    return [json.loads(frame["message"])["message"] for frame in frames]


@pytest.fixture
async def running(akash):
    """A running deployment."""
    return await akash.run("t4", env=["MODEL=x", "SECRET=y"])


async def test_the_last_lines_are_read_to_the_end(akash, running):
    token = await akash.token()

    async with akash.talk(running, "logs?follow=false&tail=3", token=token) as line:
        frames = await received(line, 4)

    steps = [text.partition("step=")[2].partition(" ")[0] for text in texts(frames[:3])]
    assert [int(step) - int(steps[0]) for step in steps] == [0, 1, 2]
    assert frames[3] == {"type": "websocket", "message": "", "closed": True, "code": 1000, "reason": ""}


async def test_lines_are_the_same_at_every_reading_and_tell_what_runs(akash, running):
    token = await akash.token()

    async def read():
        async with akash.talk(running, "logs?tail=-1", token=token) as line:
            return await received(line, 5)

    first = await read()

    assert first == await read()
    assert json.loads(first[0]["message"])["name"].startswith("web-")
    assert "image=ghcr.io/example/worker:1.4.2" in texts(first)[0]
    assert texts(first)[2] == "[emulated] env=MODEL,SECRET"  # names, never values


async def test_new_lines_follow_as_time_passes(akash, running):
    token = await akash.token()

    async with akash.talk(running, "logs?follow=true&tail=1", token=token) as line:
        last = await received(line)
        akash.clock.step(4)
        new = await received(line, 2)

    step = [int(text.partition("step=")[2].partition(" ")[0]) for text in texts([last, *new])]
    assert step == [step[0], step[0] + 1, step[0] + 2]


async def test_a_token_that_runs_out_ends_the_stream_and_a_new_one_opens_another(akash, running):
    token, provider = await akash.token(ttl=30), await akash.provider_of(running)

    async with akash.talk(running, "logs?follow=true&tail=1", token=token) as line:
        await received(line)
        akash.clock.step(30)
        frames = [await received(line)]
        while "error" not in frames[-1]:
            frames.append(await received(line))
        url = f"{provider['hostUri']}/lease/{running}/1/1/logs?follow=true&tail=1"
        order = {"type": "websocket", "url": url, "providerAddress": provider["owner"]}
        await line.send_json({**order, "auth": {"type": "jwt", "token": await akash.token()}})
        again = await received(line)

    assert frames[-1] == {"type": "websocket", "error": "tokenExpired"}
    assert "message" in again


async def test_tokens_can_be_made_to_expire(akash, running):
    token = await akash.token()

    async with akash.talk(running, "logs?follow=true&tail=1", token=token) as line:
        await received(line)
        assert (await akash.event("expire_tokens")).status == 204

        assert (await received(line))["error"] == "tokenExpired"
    fresh = await akash.token()
    assert (await akash.at_provider(running, f"/lease/{running}/1/1/status", token=fresh)).status == 200


async def test_the_proxy_answers_pings_and_complaints(akash, running):
    async with akash.session.ws_connect(f"{akash.url}/akash/provider-proxy/ws") as line:
        await line.send_json({"type": "ping"})
        pong = await received(line)
        await line.send_str("not json")
        await line.send_json({"type": "other"})
        complaints = await received(line, 2)

    assert pong == {"type": "pong"}
    assert {complaint["error"] for complaint in complaints} == {"Invalid message format"}


async def test_the_proxy_checks_who_it_talks_to(akash, running):
    provider, token = await akash.provider_of(running), await akash.token()
    order = {
        "type": "websocket",
        "url": f"{provider['hostUri']}/lease/{running}/1/1/logs",
        "providerAddress": "akash1somebodyelse",
        "auth": {"type": "jwt", "token": token},
    }

    async with akash.session.ws_connect(f"{akash.url}/akash/provider-proxy/ws") as line:
        await line.send_json(order)
        message = await line.receive(timeout=5)

    assert message.type is aiohttp.WSMsgType.CLOSE
    assert (message.data, message.extra) == (1008, "invalidCertificate.unknownCertificate")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://{host}/status", "Invalid url"),
        ("https://10.0.0.1:8443/status", "Invalid url"),
        ("https://box.local/status", "Invalid url"),
    ],
)
async def test_the_proxy_calls_no_strange_places(akash, running, url, text):
    provider = await akash.provider_of(running)
    order = {"method": "GET", "url": url.format(host="a.example"), "providerAddress": provider["owner"]}

    answer = await akash.api("POST", "/provider-proxy", json=order, key=None)

    assert (answer.status, answer.body["error"]["issues"][0]["message"]) == (400, text)


async def test_the_proxy_forwards_calls_to_gateways(akash, running):
    token = await akash.token()

    status = await akash.at_provider(running, f"/lease/{running}/1/1/status", token=token)
    about = await akash.at_provider(running, "/status", token=None)
    wrong = await akash.at_provider(running, "/status", token=None, providerAddress="akash1x")
    gone = await akash.at_provider(running, "/nowhere", token=token)
    unknown = await akash.at_provider(running, "/x", token=None, url="https://nobody.example:8443/x")

    assert status.body["services"] == (await akash.lease(running))["status"]["services"]
    assert about.body["address"] == (await akash.provider_of(running))["owner"]
    assert (wrong.status, wrong.body[:25]) == (495, "Invalid certificate error")
    assert (gone.status, unknown.status) == (404, 503)


@pytest.mark.parametrize(
    ("leases", "status"),
    [
        ({"access": "full"}, 200),
        ({"access": "scoped", "scope": ["status"]}, 200),
        ({"access": "scoped", "scope": ["logs"]}, 401),
        ({"access": "granular", "permissions": [{"provider": "PROVIDER", "access": "full"}]}, 200),
        ({"access": "granular", "permissions": [{"provider": "other", "access": "full"}]}, 401),
        ({"access": "granular", "permissions": [{"provider": "PROVIDER", "access": "granular", "deployments": [
            {"dseq": 1, "scope": ["status"]}]}]}, 401),
    ],
)  # fmt: skip
async def test_a_token_opens_what_it_says(akash, running, leases, status):
    provider = (await akash.provider_of(running))["owner"]
    token = await akash.token(leases=json.loads(json.dumps(leases).replace("PROVIDER", provider)))

    answer = await akash.at_provider(running, f"/lease/{running}/1/1/status", token=token)

    assert answer.status == status


@pytest.mark.parametrize(
    "data",
    [
        {"ttl": 0, "leases": {"access": "full"}},
        {"ttl": 60},
        {"ttl": 60, "leases": {"access": "full", "scope": []}},
        {"ttl": 60, "leases": {"access": "scoped", "scope": ["dance"]}},
        {"ttl": 60, "leases": {"access": "most"}},
    ],
)
async def test_tokens_that_make_no_sense_are_not_made(akash, data):
    assert (await akash.api("POST", "/v1/create-jwt-token", json={"data": data})).status == 400


async def test_gateways_refuse_bad_tokens(akash, running):
    path = f"/lease/{running}/1/1/status"
    short = await akash.token(ttl=5)
    head, body, signature = short.split(".")

    missing = await akash.at_provider(running, path, token=None)
    forged = await akash.at_provider(running, path, token=f"{head}.{body[:-2]}x.{signature}")
    akash.clock.step(5)
    late = await akash.at_provider(running, path, token=short)

    assert (missing.status, missing.body["message"]) == (400, "JWT is missing")
    assert (forged.status, forged.body["message"]) == (401, "JWT is invalid")
    assert (late.status, late.body["message"]) == (401, "JWT is expired")


async def test_gateways_can_be_reached_directly(akash, running):
    owner = (await akash.provider_of(running))["owner"]
    token = await akash.token(leases={"access": "full"})
    bearer = {"Authorization": f"Bearer {token}"}
    here = f"/gateway/{owner}"

    about = await akash.api("GET", f"{here}/version", key=None)
    manifest = await akash.api("GET", f"{here}/lease/{running}/1/1/manifest", key=None, headers=bearer)
    service = await akash.api(
        "GET", f"{here}/lease/{running}/1/1/service/web/status", key=None, headers=bearer
    )
    sent = await akash.api(
        "PUT",
        f"{here}/deployment/{running}/manifest",
        key=None,
        headers=bearer,
        data=json.dumps(manifest.body),
    )
    nobody = await akash.api("GET", "/gateway/akash1nobody/status", key=None)
    basic = await akash.api(
        "GET", f"{here}/lease/{running}/1/1/status", key=None, headers={"Authorization": "Basic x"}
    )

    assert about.status == 200
    assert manifest.body[0]["services"][0]["name"] == "web"
    assert service.body["name"] == "web"
    assert (sent.status, sent.body) == (422, "manifest version validation failed")  # blanks change the hash
    assert (nobody.status, basic.status) == (404, 400)


async def test_a_manifest_can_be_sent_straight_to_the_gateway(akash):
    await akash.event("manifest_refused")
    created = (await akash.create("t4")).data
    dseq = created["dseq"]
    bid = (await akash.open_bids(dseq))[0]
    await akash.take(bid)
    token = await akash.token(leases={"access": "full"})
    other = await akash.deploy("t4")

    refused = await akash.at_provider(
        dseq, f"/deployment/{dseq}/manifest", token=token, method="PUT", body=created["manifest"]
    )
    none = await akash.at_provider(
        dseq, f"/deployment/{other}/manifest", token=token, method="PUT", body="[]"
    )

    assert (refused.status, refused.body) == (422, "manifest cross-validation error")
    assert (none.status, none.body) == (404, "no lease for deployment")


async def test_a_direct_line_speaks_bare_frames_and_closes_with_a_code(akash, running):
    owner = (await akash.provider_of(running))["owner"]
    bearer = {"Authorization": f"Bearer {await akash.token()}"}
    here = f"{akash.url}/akash/gateway/{owner}/lease"

    async with akash.session.ws_connect(f"{here}/{running}/1/1/logs?tail=1", headers=bearer) as line:
        frame, end = await line.receive_json(timeout=5), await line.receive(timeout=5)
    async with akash.session.ws_connect(f"{here}/999/1/1/logs", headers=bearer) as line:
        unknown = await line.receive(timeout=5)
    with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
        await akash.session.ws_connect(f"{here}/{running}/1/1/logs", headers={"Authorization": "Bearer x"})

    assert frame.keys() == {"name", "message"}
    assert (end.type, end.data) == (aiohttp.WSMsgType.CLOSE, 1000)
    assert (unknown.data, unknown.extra) == (4001, "lease not found")


async def test_there_are_no_logs_before_the_start_and_none_after_the_end(akash):
    dseq = await akash.rent("t4")
    token = await akash.token()

    async with akash.talk(dseq, "logs", token=token) as line:
        early = await received(line)
    akash.clock.step(91)
    async with akash.talk(dseq, "logs?follow=true&tail=1", token=token) as line:
        await received(line)
        await akash.event("evict", dseq)
        end = await received(line)
    async with akash.talk(dseq, "logs", token=token) as line:
        after = await received(line)

    assert (early["code"], early["reason"]) == (4000, "no running pods")
    assert (end["closed"], end["code"]) == (True, 1000)
    assert after["code"] == 4001


async def test_an_unreachable_provider_has_no_logs(akash, running):
    await akash.event("unreachable", running)

    async with akash.talk(running, "logs", token=await akash.token()) as line:
        assert (await received(line))["code"] == 4002


async def test_only_the_services_asked_for_are_read(akash, running):
    token = await akash.token()

    async with akash.talk(running, "logs?tail=1&service=web", token=token) as line:
        one = await received(line)
    async with akash.talk(running, "logs?tail=1&service=db", token=token) as line:
        none = await received(line)

    assert json.loads(one["message"])["name"].startswith("web-")
    assert none["code"] == 4000


async def test_events_tell_how_a_start_goes(akash):
    good, bad = await akash.rent("t4"), await akash.rent("t4", image="acme/does-not-exist")
    akash.clock.step(91)
    token = await akash.token()

    async def reasons(dseq, count):
        async with akash.talk(dseq, "kubeevents?follow=false", token=token) as line:
            return [json.loads(frame["message"])["reason"] for frame in await received(line, count)]

    assert await reasons(good, 4) == ["Scheduled", "Pulling", "Pulled", "Started"]
    assert await reasons(bad, 3) == ["Scheduled", "Pulling", "Failed"]


async def test_faults_hit_lines_too(akash, running):
    token = await akash.token()
    await akash.fault("status", "logs", code=503, body="down", count=1)
    with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
        await akash.session.ws_connect(f"{akash.url}/akash/provider-proxy/ws")

    await akash.fault("truncate", "logs", count=1)
    async with akash.talk(running, "logs?follow=true&tail=1", token=token) as line:
        first, then = await line.receive(timeout=5), await line.receive(timeout=5)

    assert first.type is aiohttp.WSMsgType.TEXT
    assert then.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSE}
    assert (await akash.calls())["logs"] == 2


async def test_a_plain_call_to_the_line_is_answered(akash):
    assert (await akash.api("GET", "/provider-proxy/ws", key=None)).status == 200
    assert (await akash.api("GET", "/provider-proxy/status", key=None)).status == 200
