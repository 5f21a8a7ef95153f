"""Logs through a provider-proxy on loopback: a real WebSocket that breaks, expires and repeats itself on purpose."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from aurora.domain.errors import InstanceNotFound, Misconfigured, ProviderError, Unavailable
from aurora.providers.log_overlap import GAP
from tests.unit.providers.akash.booth import NEAR, TOKEN, Booth, akash_at, services, spec
from tests.unit.providers.loopback import Loopback, Reply, SkippingClock


def frame(line, pod="app-7c9d"):
    return {"type": "websocket", "message": json.dumps({"name": pod, "message": line})}


END = {"type": "websocket", "message": "", "closed": True, "code": 1000, "reason": ""}
EXPIRED = {"type": "websocket", "error": "tokenExpired"}


class Proxy:
    """Each connection plays the next script: frames, then `hang`, or the end of the connection."""

    def __init__(self, *scripts):
        self.scripts = list(scripts)
        self.asked = []
        self.ended = lambda: None

    async def serve(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        message = await socket.receive()
        if message.type is WSMsgType.TEXT:
            self.asked.append(json.loads(message.data))
        script = self.scripts.pop(0) if self.scripts else [END]
        for each in script:
            if each == "hang":
                await socket.receive()
            elif each == "vanish":
                self.ended()
            else:
                await socket.send_str(each if isinstance(each, str) else json.dumps(each))
        await socket.close()
        return socket


@asynccontextmanager
async def logging_market(*scripts):
    """A running lease whose log plays the scripts; (provider, its number, proxy, booth)."""
    clock = SkippingClock()
    booth, proxy = Booth(clock), Proxy(*scripts)
    app = web.Application()
    app.router.add_get("/ws", proxy.serve)
    served = TestServer(app)
    await served.start_server()
    async with Loopback(booth) as server:
        provider = akash_at(server, clock=clock, proxy_url=str(served.make_url("/")).rstrip("/"))
        dseq = (await provider.create(spec())).external_id
        booth.lease(dseq, NEAR)
        booth.status[dseq] = services(1)
        proxy.ended = lambda: booth.deployments[dseq]["deployment"].update(state="closed")
        try:
            yield provider, dseq, proxy, server
        finally:
            await provider.aclose()
            await served.close()


async def collect(lines):
    return [line.text async for line in lines]


async def test_the_last_lines_are_read_to_the_end():
    async with logging_market([frame("one"), frame("two\n"), END]) as (provider, dseq, proxy, server):
        assert await collect(provider.logs(dseq, tail=50)) == ["one", "two"]

    (asked,) = proxy.asked
    gateway = f"https://{NEAR[-6:]}.example.net:8443"
    assert asked == {
        "type": "websocket",
        "url": f"{gateway}/lease/{dseq}/1/1/logs?follow=false&tail=50",
        "auth": {"type": "jwt", "token": TOKEN},
        "providerAddress": NEAR,
    }
    token = next(each for each in server.asked if each.path == "/v1/create-jwt-token").body["data"]
    assert token == {"ttl": 3600, "leases": {"access": "scoped", "scope": ["status", "logs", "events"]}}


async def test_one_token_serves_many_reads():
    async with logging_market([END], [END], [END]) as (provider, dseq, _, server):
        for _ in range(3):
            await collect(provider.logs(dseq))

        assert server.count("POST", "/v1/create-jwt-token") == 1
        assert server.count("GET", f"/v1/providers/{NEAR}") == 1


async def test_a_token_that_expired_is_made_anew():
    async with logging_market([EXPIRED], [frame("one"), END]) as (provider, dseq, _, server):
        assert await collect(provider.logs(dseq)) == ["one"]
        assert server.count("POST", "/v1/create-jwt-token") == 2


async def test_a_follower_goes_on_after_a_break_without_gap_or_double():
    scripts = (
        [frame("one"), frame("two"), frame("three")],
        [frame("two"), frame("three"), frame("four")],
        [frame("three"), frame("four"), frame("five"), "vanish"],
    )
    async with logging_market(*scripts) as (provider, dseq, proxy, _):
        assert await collect(provider.logs(dseq, tail=10, follow=True)) == [
            "one",
            "two",
            "three",
            "four",
            "five",
        ]

    assert [each["url"].partition("?")[2] for each in proxy.asked] == [
        "follow=true&tail=10",
        "follow=true&tail=500",
        "follow=true&tail=500",
    ]


async def test_a_token_that_expires_in_the_middle_is_no_end():
    scripts = ([frame("one"), EXPIRED], [frame("one"), frame("two"), "vanish"])
    async with logging_market(*scripts) as (provider, dseq, _, server):
        assert await collect(provider.logs(dseq, follow=True)) == ["one", "two"]
        assert server.count("POST", "/v1/create-jwt-token") == 2


async def test_lines_that_may_be_missing_are_said():
    scripts = ([frame("one")], [frame("seven"), frame("eight"), "vanish"])
    async with logging_market(*scripts) as (provider, dseq, _, _):
        assert await collect(provider.logs(dseq, follow=True)) == ["one", GAP.text, "seven", "eight"]


async def test_a_replay_that_pauses_is_over_and_the_stream_goes_on():
    scripts = ([frame("one")], [frame("one"), frame("two"), "hang"])
    async with logging_market(*scripts) as (provider, dseq, _, _):
        lines = provider.logs(dseq, follow=True)
        found = [(await anext(lines)).text for _ in range(2)]
        await lines.aclose()

    assert found == ["one", "two"]


async def test_the_end_of_the_instance_is_the_end_of_the_log():
    async with logging_market([frame("one"), "vanish"]) as (provider, dseq, _, _):
        assert await collect(provider.logs(dseq, follow=True)) == ["one"]


async def test_a_lease_that_the_provider_does_not_know_ends_it_too():
    gone = {"type": "websocket", "message": "", "closed": True, "code": 4001, "reason": "lease not found"}
    async with logging_market([gone], [gone]) as (provider, dseq, _, _):
        assert await collect(provider.logs(dseq, follow=True)) == []
        with pytest.raises(InstanceNotFound):
            await collect(provider.logs(dseq))


async def test_a_container_that_is_not_up_has_an_empty_log():
    down = {"type": "websocket", "message": "", "closed": True, "code": 4000, "reason": "no running pods"}
    async with logging_market([down]) as (provider, dseq, _, _):
        assert await collect(provider.logs(dseq)) == []


async def test_a_log_that_breaks_again_and_again_is_given_up():
    refused = {
        "message": "Message doesn't match expected schema",
        "error": "Invalid message format",
        "errors": [],
    }
    async with logging_market(*[[refused] for _ in range(9)]) as (provider, dseq, proxy, _):
        with pytest.raises(Unavailable) as caught:
            await collect(provider.logs(dseq, follow=True))

    assert len(proxy.asked) == 5
    assert TOKEN not in str(caught.value)
    assert caught.value.counts_against_provider is False


async def test_rubbish_between_the_lines_is_skipped():
    script = ["not json", "[]", {"type": "ping"}, {"type": "websocket", "message": "text"}, frame("one"), END]
    async with logging_market(script) as (provider, dseq, _, _):
        assert await collect(provider.logs(dseq)) == ["one"]


async def test_without_a_lease_there_is_nothing_to_read():
    async with logging_market() as (provider, _, _, _):
        other = (await provider.create(spec(name="aurora-abc123-0123456789ab-2"))).external_id

        assert await collect(provider.logs(other)) == []


async def test_a_closed_deployment_has_no_log():
    async with logging_market() as (provider, dseq, _, _):
        await provider.terminate(dseq)

        with pytest.raises(InstanceNotFound):
            await collect(provider.logs(dseq))
        assert await collect(provider.logs(dseq, follow=True)) == []


async def test_a_proxy_that_redirects_gets_no_token():
    seen = []

    async def elsewhere(request):
        seen.append(request.path)
        raise web.HTTPFound("/other")

    app = web.Application()
    app.router.add_get("/ws", elsewhere)
    app.router.add_get("/other", elsewhere)
    served = TestServer(app)
    await served.start_server()
    clock = SkippingClock()
    booth = Booth(clock)
    async with Loopback(booth) as server:
        provider = akash_at(server, clock=clock, proxy_url=str(served.make_url("/")).rstrip("/"))
        dseq = (await provider.create(spec())).external_id
        booth.lease(dseq, NEAR)

        with pytest.raises(Misconfigured):
            await collect(provider.logs(dseq))
        assert seen == ["/ws"]
        await provider.aclose()
    await served.close()


async def test_a_proxy_that_is_not_there_is_not_the_consoles_fault():
    clock = SkippingClock()
    booth = Booth(clock)
    async with Loopback(booth) as server:
        provider = akash_at(server, clock=clock)
        dseq = (await provider.create(spec())).external_id
        booth.lease(dseq, NEAR)

        with pytest.raises(ProviderError):
            await collect(provider.logs(dseq))
        assert provider.get_metrics().failures == 0
        await provider.aclose()


async def test_a_follower_that_is_left_leaves_nothing_open():
    async with logging_market([frame("one"), "hang"]) as (provider, dseq, _, _):
        lines = provider.logs(dseq, follow=True)
        assert (await anext(lines)).text == "one"

        async with asyncio.timeout(2):
            await lines.aclose()


@pytest.mark.parametrize(
    "address",
    [
        "http://provider.example.net:8443",
        "https://127.0.0.1:8443",
        "https://169.254.169.254",
        "https://localhost:8443",
        "https://vault.internal",
        "https://user:key@provider.example.net:8443",
        "https://provider.example.net:8443/admin?x=",
    ],
)
async def test_the_proxy_is_sent_to_no_address_inside_a_network(address):
    """A provider writes its own address into the chain; the proxy, which may be ours, would connect to it."""
    async with logging_market([frame("secret"), END]) as (provider, dseq, proxy, server):
        hostile = Reply({"owner": NEAR, "hostUri": address})
        server.handler.override["GET", f"/v1/providers/{NEAR}"] = [hostile]

        with pytest.raises(Unavailable, match="no public address"):
            await collect(provider.logs(dseq, tail=50))

        assert proxy.asked == []
