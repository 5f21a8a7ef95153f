from decimal import Decimal

import pytest

from aurora.emulators.server import EmulatorOptions


async def test_real_limits_show_64_rows_and_a_sample_when_no_order_is_given(start):
    vast = await start(limits="real", offers=600)

    ordered = await vast.search(order=[["dph_total", "asc"]], limit=10_000)
    samples = [{o["id"] for o in await vast.search()} for _ in range(3)]

    assert len(ordered) == 64
    assert [len(sample) for sample in samples] == [64] * 3
    assert len(set.union(*samples)) > 100  # other rows each time: not a prefix


async def test_relaxed_limits_show_everything_as_often_as_one_likes(start):
    vast = await start(offers=600)

    counts = {len(await vast.search(rentable={"in": [True, False]})) for _ in range(15)}

    assert counts == {600}


async def test_real_limits_allow_ten_searches_a_minute(start):
    vast = await start(limits="real")
    for _ in range(10):
        await vast.search(limit=1)

    late = await vast.api("POST", "/v0/bundles/", json={}, key="another-key")
    vast.clock.step(60)

    assert (late.status, late.body, late.headers["Content-Type"]) == (
        429,
        "API requests too frequent",
        "text/plain",
    )
    assert await vast.search(limit=1)


async def test_a_daily_quota_of_rows_resets_at_midnight_utc(start):
    vast = await start(limits="real", daily_rows=100)
    await vast.search()
    await vast.search()

    answer = await vast.api("POST", "/v0/bundles/", json={})
    reset = int(answer.headers["X-RateLimit-Reset"])
    vast.clock.step(reset - vast.clock.now().timestamp())

    assert (answer.status, answer.body["error"]) == (429, "search_quota_exceeded")
    assert reset % 86_400 == 0
    assert await vast.search(limit=1)


async def test_calls_keep_the_documented_interval_for_each_endpoint_and_key(start):
    vast = await start(limits="real")
    path = "/v0/instances/5/"

    first, second = await vast.api("GET", path), await vast.api("GET", path)
    other_key, other_endpoint = await vast.api("GET", path, key="b"), await vast.api("GET", "/v1/instances/")
    vast.clock.step(2.0)

    assert first.status == 200
    assert (second.status, second.body) == (
        429,
        {"detail": "API requests too frequent endpoint threshold=2.0"},
    )
    assert (other_key.status, other_endpoint.status) == (200, 200)
    assert (await vast.api("GET", path)).status == 200


async def test_creating_too_often_is_punished_and_destroying_too_often_has_its_own_words(start):
    vast = await start(limits="real")
    statuses = [(await vast.create({"id": 1})).status]
    for wait in (1, 5, 5, 2):
        vast.clock.step(wait)
        statuses.append((await vast.create({"id": 1})).status)
    await vast.destroy(5)

    late = await vast.destroy(5)

    assert statuses == [404, 429, 429, 429, 404]
    assert (late.status, late.body["error"]) == (429, "rate_limit_exceeded")


@pytest.mark.parametrize("wrong", [{"state_speed": 0}, {"limits": "none"}, {"offers": -1}, {"providers": ()}])
def test_options_that_cannot_be_served_are_refused(wrong):
    with pytest.raises(ValueError, match=r".+"):
        EmulatorOptions(**wrong)


def test_the_address_follows_the_host():
    assert EmulatorOptions(host="::1").url_at(9) == "http://[::1]:9"
    assert EmulatorOptions(host="localhost", credit_usd=Decimal(1)).url_at(9) == "http://localhost:9"
