"""`JsonClient` against real sockets that misbehave. Time-outs are 50 ms at most."""

import asyncio
import gzip
import json
import time
import traceback
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from pydantic import SecretStr

from aurora.domain.errors import (
    CredentialRefused,
    InvalidProviderRequest,
    MalformedAnswer,
    Misconfigured,
    NotSent,
    OfferGone,
    ProviderError,
    ProviderTimeout,
    RateLimited,
    Unavailable,
)
from aurora.providers.failures import ForbiddenTarget
from aurora.providers.http import JsonClient
from aurora.providers.request import Credential, Request, Transport
from aurora.providers.sockets import PublicResolver
from tests.unit.providers.loopback import KEY, Loopback, Raw, Reply, SkippingClock

QUICK = Transport(attempt_s=0.05, connect_s=0.05)
PATIENT = Transport(attempt_s=5)


@asynccontextmanager
async def client_of(url, transport=PATIENT, **options):
    credentials = (Credential("Authorization", SecretStr(KEY), prefix="Bearer "),)
    options = {"credentials": credentials, "transport": transport, "clock": SkippingClock(), **options}
    client = JsonClient("vastai", url, **options)
    try:
        yield client
    finally:
        await client.aclose()


@asynccontextmanager
async def served(handler, transport=PATIENT, **options):
    async with Loopback(handler) as server, client_of(server.url, transport, **options) as client:
        yield server, client


GET = Request("GET", "/x")
BROKEN_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"


async def test_an_answer_is_parsed_with_exact_decimals_and_the_request_is_as_asked():
    async with served(Reply({"price": 0.1})) as (server, client):
        answer = await client.call(Request("PUT", "/a/", query={"q": '{"a": 1}'}, body={"n": 1}))

        assert answer == {"price": Decimal("0.1")}
        asked = server.asked[0]
        assert (asked.method, asked.path, asked.query, asked.body) == (
            "PUT",
            "/a/",
            {"q": '{"a": 1}'},
            {"n": 1},
        )
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        assert asked.headers["content-type"] == "application/json"


async def test_connections_are_reused():
    async with served(Reply({})) as (server, client):
        for _ in range(3):
            await client.call(GET)

        assert server.connections == 1


async def test_cookies_are_never_kept():
    async with served(Reply({}, headers={"Set-Cookie": "session=1"})) as (server, client):
        await client.call(GET)
        await client.call(GET)

        assert "cookie" not in server.asked[1].headers


async def test_the_request_id_travels_as_a_header_unless_it_is_no_header_value():
    ids = iter(["req-1", None, "bad\r\nX-Evil: 1", "x" * 500])
    async with served(Reply({}), request_id=lambda: next(ids)) as (server, client):
        for _ in range(4):
            await client.call(GET)

        assert [asked.headers.get("x-request-id") for asked in server.asked] == ["req-1", None, None, None]


async def test_an_anonymous_request_carries_no_credential():
    async with served(Reply({})) as (server, client):
        await client.call(Request("GET", "/x", anonymous=True))

        assert "authorization" not in server.asked[0].headers


async def test_proxies_of_the_environment_are_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with served(Reply({})) as (_, client):
        assert await client.call(GET) == {}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "GET", "POST"])
@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "reused"])
async def test_a_request_whose_connection_is_cut_reaches_the_server_exactly_once(method, then, fresh):
    def handler(asked):
        return Reply({}) if asked.path == "/warm" else Raw(then=then)

    async with served(handler) as (server, client):
        if not fresh:
            await client.call(Request("GET", "/warm"))

        with pytest.raises(Unavailable) as caught:
            await client.call(Request(method, "/cut", body={}))

        assert not isinstance(caught.value, NotSent)
        assert caught.value.outcome_known is False
        assert server.count(method, "/cut") == 1
        assert server.connections == 1


async def test_a_refused_connection_is_known_not_to_have_been_sent():
    async with Loopback(Reply({})) as server:
        url = server.url
    async with client_of(url) as client:
        with pytest.raises(NotSent) as caught:
            await client.call(GET)

    assert caught.value.outcome_known is True


async def test_a_name_that_does_not_resolve_is_known_not_to_have_been_sent():
    async with client_of("http://no-such-host.invalid") as client:
        with pytest.raises(NotSent):
            await client.call(GET)


async def test_a_tls_handshake_with_a_server_that_speaks_none_is_known_not_to_have_been_sent():
    async def answer_in_clear(reader, writer):
        writer.write(b"HTTP/1.1 400 no\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer_in_clear, "127.0.0.1", 0)
    async with server, client_of(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}") as client:
        with pytest.raises(NotSent):
            await client.call(GET)


async def test_a_truncated_answer_is_the_providers_failure():
    async with served(Raw(BROKEN_HEAD)) as (_, client):
        with pytest.raises(Unavailable) as caught:
            await client.call(GET)

    assert not isinstance(caught.value, NotSent | ProviderTimeout)


async def test_a_truncated_error_answer_says_nothing_certain():
    async with served(Raw(BROKEN_HEAD.replace(b"200 OK", b"400 Bad"))) as (_, client):
        with pytest.raises(Unavailable) as caught:
            await client.call(GET)

    assert caught.value.outcome_known is False


@pytest.mark.parametrize(
    "reply", [Raw(then="hang"), Raw(BROKEN_HEAD, then="hang"), Raw(BROKEN_HEAD, then="drip")]
)
async def test_silence_and_a_slow_drip_end_at_the_time_out(reply):
    async with served(reply, QUICK) as (_, client):
        started = time.monotonic()
        with pytest.raises(ProviderTimeout):
            await client.call(GET)

        assert time.monotonic() - started < 1


async def test_an_answer_that_announces_too_much_is_not_read():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n"
    async with served(Raw(head, then="hang")) as (_, client):
        with pytest.raises(MalformedAnswer, match="larger than"):
            await client.call(GET)


async def test_an_answer_without_an_announcement_is_cut_at_its_cap():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    async with served(Raw(head + b'"' + b"x" * 200_000, then="hang")) as (_, client):
        with pytest.raises(MalformedAnswer, match="larger than 100000 bytes"):
            await client.call(Request("GET", "/x", cap=100_000))


async def test_a_gzip_bomb_is_stopped_after_decompression():
    bomb = gzip.compress(b'"' + b"x" * 20_000_000 + b'"')
    async with served(Reply(bomb, headers={"Content-Encoding": "gzip"})) as (_, client):
        with pytest.raises((MalformedAnswer, Unavailable)):
            await client.call(GET)


async def test_a_compressed_answer_is_read():
    body = gzip.compress(json.dumps({"a": 1}).encode())
    async with served(Reply(body, headers={"Content-Encoding": "gzip"})) as (_, client):
        assert await client.call(GET) == {"a": 1}


async def test_broken_compression_is_the_providers_failure():
    async with served(Reply(b"not gzip", headers={"Content-Encoding": "gzip"})) as (_, client):
        with pytest.raises(Unavailable):
            await client.call(GET)


@pytest.mark.parametrize("body", ["<html>busy</html>", "", '{"a": NaN}', b"\xff\xff"])
async def test_a_good_status_with_rubbish_is_malformed(body):
    async with served(Reply(body)) as (_, client):
        with pytest.raises(MalformedAnswer) as caught:
            await client.call(GET)

    assert caught.value.outcome_known is False


async def test_what_is_no_http_is_malformed():
    async with served(Raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")) as (_, client):
        with pytest.raises(MalformedAnswer):
            await client.call(GET)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(status):
    async with Loopback(Reply({})) as other:
        async with served(Reply({}, status=status, headers={"Location": other.url})) as (_, client):
            with pytest.raises(Misconfigured):
                await client.call(GET)

        assert other.asked == []


@pytest.mark.parametrize(
    ("reply", "retry_after"),
    [
        (Reply({"detail": "slow down"}, status=429), None),
        (Reply("API requests too frequent", status=429, headers={"Retry-After": "3"}), 3.0),
        (Reply("", status=429, headers={"Retry-After": "soon"}), None),
        (Reply({}, status=429, headers={"Retry-After": "0.4"}), 1.0),
    ],
)
async def test_a_429_carries_what_the_provider_asks_for(reply, retry_after):
    async with served(reply) as (_, client):
        with pytest.raises(RateLimited) as caught:
            await client.call(GET)

    assert caught.value.retry_after == retry_after


async def test_of_a_long_error_page_only_the_beginning_is_read_and_less_is_quoted():
    head = b"HTTP/1.1 502 Bad\r\nContent-Type: text/html\r\n\r\n<html>"
    async with served(Raw(head + b"x" * 200_000, then="hang")) as (_, client):
        with pytest.raises(Unavailable) as caught:
            await client.call(GET)

    assert caught.value.status == 502
    assert len(str(caught.value)) < 400


async def test_a_markets_own_words_win_over_the_status():
    def explain(refusal):
        return OfferGone(refusal.provider, refusal.body["msg"], status=refusal.status)

    async with served(Reply({"msg": "taken"}, status=400)) as (_, client):
        with pytest.raises(OfferGone, match="taken"):
            await client.call(Request("GET", "/x", explain=explain))


async def test_a_200_can_be_a_refusal():
    request = Request("GET", "/x", refuses=lambda answer: answer["success"] is False)
    async with served(Reply({"success": False, "msg": "no"})) as (_, client):
        with pytest.raises(InvalidProviderRequest, match="no"):
            await client.call(request)


async def test_neither_key_nor_hidden_values_are_in_an_error_or_its_traceback():
    word = "hush" * 2
    echo = {"error": "bad", "msg": f"you sent Bearer {KEY} and {word}"}
    async with served(Reply(echo, status=401)) as (_, client):
        with pytest.raises(CredentialRefused) as caught:
            await client.call(Request("PUT", "/x", body={"p": word}, hide=[word]))

    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert KEY not in shown
    assert word not in shown


async def test_the_cause_of_a_transport_failure_is_cut_off():
    async with served(Raw()) as (_, client):
        with pytest.raises(Unavailable) as caught:
            await client.call(GET)

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ is True


async def test_a_client_shows_its_address_but_not_its_key():
    async with client_of("http://127.0.0.1:9/") as client:
        assert repr(client) == "JsonClient('vastai', 'http://127.0.0.1:9')"
        assert KEY not in repr(Credential("Authorization", SecretStr(KEY)))


@pytest.mark.parametrize("key", ["", "two\r\nlines", "ключ", " spaced "])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key):
    with pytest.raises(Misconfigured) as caught:
        JsonClient(
            "vastai",
            "http://127.0.0.1:9",
            clock=SkippingClock(),
            credentials=(Credential("X-API-Key", SecretStr(key)),),
        )

    assert not key.strip() or key not in str(caught.value)


@pytest.mark.parametrize("url", ["", "console.vast.ai", "ftp://x", "http://user:password@host", "http://"])
def test_a_base_url_that_is_none_is_refused(url):
    with pytest.raises(Misconfigured):
        JsonClient("vastai", url, clock=SkippingClock())


async def test_a_closed_client_asks_nothing():
    async with Loopback(Reply({})) as server:
        async with client_of(server.url) as client:
            await client.call(GET)
        with pytest.raises(ProviderError, match="closed"):
            await client.call(GET)

        assert len(server.asked) == 1


async def test_closing_with_a_request_under_way_ends_it_as_unavailable():
    async with served(Raw(then="hang")) as (server, client):
        task = asyncio.create_task(client.call(GET))
        while not server.asked:
            await asyncio.sleep(0.001)

        await client.aclose()

        with pytest.raises(Unavailable):
            await task


async def test_a_cancelled_request_is_cancelled_and_its_connection_not_reused():
    def handler(asked):
        return Raw(then="hang") if asked.path == "/hang" else Reply({})

    async with served(handler) as (server, client):
        task = asyncio.create_task(client.call(Request("GET", "/hang")))
        while not server.asked:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await client.call(GET) == {}
        assert server.connections == 2


class TestTextOfAnUrlInAnAnswer:
    async def test_it_is_read_without_credentials(self):
        async with served(Reply("one\ntwo")) as (server, client):
            assert await client.read_text(f"{server.url}/logs/1") == "one\ntwo"
            assert "authorization" not in server.asked[0].headers

    @pytest.mark.parametrize("status", [403, 404, 500])
    async def test_any_error_means_not_there_yet(self, status):
        async with served(Reply("<Error/>", status=status)) as (server, client):
            assert await client.read_text(f"{server.url}/logs/1") is None

    async def test_a_redirect_is_not_followed(self):
        async with Loopback(Reply("secret")) as other:
            async with served(Reply("", status=302, headers={"Location": other.url})) as (server, client):
                with pytest.raises(Misconfigured):
                    await client.read_text(f"{server.url}/logs/1")

            assert other.asked == []

    async def test_it_is_capped(self):
        async with served(Reply("x" * 2000)) as (server, client):
            with pytest.raises(MalformedAnswer):
                await client.read_text(f"{server.url}/logs/1", cap=1000)

    async def test_bytes_that_are_no_utf8_are_replaced(self):
        async with served(Reply(b"a\xffb")) as (server, client):
            assert await client.read_text(f"{server.url}/logs/1") == "a�b"

    async def test_another_port_of_the_same_machine_is_never_called(self):
        async with Loopback(Reply("secret")) as other, served(Reply({})) as (_, client):
            for url in (other.url, other.url.replace("http://127.0.0.1", "https://localhost")):
                with pytest.raises(Misconfigured):
                    await client.read_text(f"{url}/x")

            assert other.asked == []

    async def test_names_lead_only_to_public_addresses(self):
        resolver = PublicResolver()

        assert [found["host"] for found in await resolver.resolve("8.8.8.8", 443)] == ["8.8.8.8"]
        with pytest.raises(ForbiddenTarget):
            await resolver.resolve("localhost", 443)
        await resolver.close()

    async def test_an_address_that_is_not_fetched_is_not_quoted_either(self):
        async with served(Reply({})) as (_, client):
            with pytest.raises(Misconfigured) as caught:
                await client.read_text("http://10.0.0.1/hush-hush-token")

        assert "hush" not in str(caught.value)
