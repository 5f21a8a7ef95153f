"""The Vast.ai adapter behind the real guard, over real sockets: what is repeated, what never is, what is held back."""

import random
from contextlib import asynccontextmanager

import pytest

from aurora.domain.errors import (
    CredentialRefused,
    InvalidProviderRequest,
    OutcomeUnknown,
    RateLimited,
    RateLimitExceeded,
    Unavailable,
)
from aurora.domain.instance import InstanceState
from aurora.providers.base import Cursor
from aurora.providers.vastai.limits import REAL, RELAXED
from aurora.resilience.guard import Guard
from aurora.resilience.policy import GuardPolicy, LimiterPolicy, RetryPolicy
from tests.unit.providers.loopback import Loopback, Raw, Reply, SkippingClock, fixture, make_spec
from tests.unit.providers.vast_booth import Booth, vast_at

ROW = fixture("bundles_a100_2026-06-03.json")["offers"][0]
QUOTA = {"error": "search_quota_exceeded", "msg": "Daily search quota exceeded."}
CREATE = ("PUT", "/api/v0/asks/39235233/")


@asynccontextmanager
async def guarded(handler, limits=RELAXED, attempt_s=5.0):
    clock = SkippingClock()
    policy = GuardPolicy(
        limiter=LimiterPolicy(rate_per_min=6000, endpoints=limits.endpoints),
        retry=RetryPolicy(jitter_s=0),
        attempt_timeout_s=attempt_s,
    )
    guard = Guard("vastai", policy, clock=clock, rng=random.Random(7))
    async with Loopback(handler) as server:
        if isinstance(handler, Booth):
            handler.base = server.url
        provider = vast_at(server, clock=clock, guard=guard, attempt_s=attempt_s)
        try:
            yield server, provider, clock
        finally:
            await provider.aclose()
            await guard.aclose()


@pytest.mark.parametrize(
    "answer",
    [
        Raw(),
        Raw(then="reset"),
        Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
        Reply("", status=500),
        Reply("<html>", status=502),
        Reply("", status=503),
        Reply("", status=408),
        Reply(""),
        Reply("<html>ok</html>"),
        Reply({"success": True}),
    ],
)
async def test_a_create_without_a_trustworthy_answer_is_sent_once_and_its_outcome_is_unknown(answer):
    async with guarded(answer) as (server, provider, _):
        with pytest.raises(OutcomeUnknown):
            await provider.create(make_spec("39235233"))

        assert server.count(*CREATE) == 1


async def test_a_create_that_gets_no_answer_in_time_is_sent_once_and_its_outcome_is_unknown():
    async with guarded(Raw(then="hang"), attempt_s=0.05) as (server, provider, _):
        with pytest.raises(OutcomeUnknown):
            await provider.create(make_spec("39235233"))

        assert server.count(*CREATE) == 1


async def test_a_create_that_came_too_early_is_repeated_after_the_documented_penalty():
    replies = [
        Reply({"detail": "API requests too frequent endpoint threshold=4.5"}, status=429),
        Reply({"success": True, "new_contract": 5}),
    ]
    async with guarded(replies) as (server, provider, clock):
        created = await provider.create(make_spec("39235233"))

        assert created.external_id == "5"
        assert server.count(*CREATE) == 2
        assert clock.elapsed >= 12


async def test_what_a_refused_create_left_behind_is_destroyed_with_repeats():
    replies = [
        Reply({"success": False, "error": "invalid_price", "new_contract": 77}, status=400),
        Reply("", status=502),
        Reply({"success": True}),
    ]
    async with guarded(replies) as (server, provider, _):
        with pytest.raises(InvalidProviderRequest):
            await provider.create(make_spec("39235233"))

        assert server.count("DELETE", "/api/v0/instances/77/") == 2


async def test_what_cannot_be_destroyed_leaves_the_outcome_unknown():
    def handler(asked):
        left = {"success": False, "error": "invalid_price", "new_contract": 77}
        return Reply(left, status=400) if asked.method == "PUT" else Reply("", status=502)

    async with guarded(handler) as (_, provider, _clock):
        with pytest.raises(OutcomeUnknown):
            await provider.create(make_spec("39235233"))


async def test_a_terminate_is_repeated_and_not_found_on_the_repeat_is_success():
    replies = [Raw(), Reply({"error": "not_found", "msg": "Instance not found"}, status=404)]
    async with guarded(replies) as (server, provider, _):
        await provider.terminate("5")

        assert server.count("DELETE", "/api/v0/instances/5/") == 2


async def test_a_read_is_repeated_by_the_guard_alone():
    async with guarded(Reply("", status=502)) as (server, provider, _):
        with pytest.raises(Unavailable):
            await provider.status("5")

        assert len(server.asked) == 4


async def test_a_used_up_search_quota_holds_searches_back_until_its_reset_and_nothing_else():
    booth = Booth()
    async with guarded(booth) as (server, provider, clock):
        created = await provider.create(make_spec("39235233"))
        reset = str(int(clock.now().timestamp()) + 3600)
        booth.override[("POST", "/api/v0/bundles/")] = [
            Reply(QUOTA, status=429, headers={"X-RateLimit-Reset": reset})
        ]
        with pytest.raises(RateLimited) as caught:
            await provider.offers_page(Cursor("A100 SXM4"))
        with pytest.raises(RateLimitExceeded):
            await provider.offers_page(Cursor("A100 SXM4"))
        with pytest.raises(RateLimitExceeded):
            await provider.quote("39209551", gpu_count=1, disk_gb=10)

        assert caught.value.until.timestamp() == int(reset)
        assert server.count("POST", "/api/v0/bundles/") == 1
        assert (await provider.status(created.external_id)).state is InstanceState.RUNNING
        await provider.terminate(created.external_id)

        clock.elapsed += 3601
        assert (await provider.offers_page(Cursor("A100 SXM4"))).offers


async def test_rows_that_were_returned_beyond_the_quota_are_waited_for():
    async with guarded(Reply({"offers": [None] * 30_000}), limits=REAL) as (_, provider, clock):
        await provider.offers_page(Cursor("A100 SXM4"))
        assert clock.elapsed == 0

        with pytest.raises(RateLimitExceeded) as caught:
            await provider.offers_page(Cursor("RTX 4090"))

    assert caught.value.retry_after > 3600


async def test_searches_keep_the_documented_distance():
    async with guarded(Reply({"offers": []}), limits=REAL) as (_, provider, clock):
        for n in range(4):
            await provider.offers_page(Cursor(f"GPU {n}"))

    assert clock.elapsed >= 3 * 6


async def test_a_page_is_cached_and_keeps_the_time_of_its_reading():
    async with guarded(Reply({"offers": [ROW]})) as (server, provider, clock):
        first = await provider.offers_page(Cursor("A100 SXM4"))
        clock.elapsed += 5
        second = await provider.offers_page(Cursor("A100 SXM4"))

        assert len(server.asked) == 1
        assert second.read_at == first.read_at


async def test_a_refused_key_is_not_hammered():
    async with guarded(Reply({"error": "auth_error", "msg": "Invalid user key"}, status=401)) as (
        server,
        provider,
        _,
    ):
        for _ in range(5):
            with pytest.raises(CredentialRefused):
                await provider.health()

        assert len(server.asked) == 1


async def test_the_whole_life_of_an_instance_passes_the_guard_under_real_limits():
    booth = Booth()
    async with guarded(booth, limits=REAL) as (_, provider, _clock):
        created = await provider.create(make_spec("39235233"))
        booth.logs[int(created.external_id)] = ["one", "two"]

        assert (await provider.status(created.external_id)).name == make_spec().name
        assert [each.external_id for each in await provider.list_own()] == [created.external_id]
        assert [line.text async for line in provider.logs(created.external_id)] == ["one", "two"]
        assert (await provider.health()).credit_usd == 12.5
        await provider.terminate(created.external_id)
        assert await provider.list_own() == ()


async def test_a_log_file_that_does_not_appear_opens_no_breaker():
    booth = Booth()
    booth.log_waits = 10**6
    async with guarded(booth) as (_, provider, _clock):
        created = await provider.create(make_spec("39235233"))
        with pytest.raises(Unavailable):
            async for _ in provider.logs(created.external_id):
                pass

        assert (await provider.health()).ok
