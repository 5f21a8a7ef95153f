"""The adapter against a small gateway on loopback: pages, quotes, jobs, logs, and answers that are not to be trusted."""

import traceback
from datetime import timedelta
from decimal import Decimal

import pytest

from aurora.domain.errors import (
    InstanceNotFound,
    InvalidProviderRequest,
    MalformedAnswer,
    NoCapacity,
    OfferGone,
    Unavailable,
)
from aurora.domain.instance import InstanceState
from aurora.domain.operation import Operation
from aurora.domain.records import BEYOND_CAP
from aurora.providers.base import Cursor
from tests.unit.providers.gateway.gateway_booth import (
    KEY,
    NAME,
    OFFER,
    Booth,
    gateway_at,
    job,
    refusal,
    row,
    spec,
)
from tests.unit.providers.loopback import START, Loopback, Raw, RecordingGuard, Reply, SkippingClock


class Market:
    """The adapter, the booth behind it, and what passed between them."""

    def __init__(self, server, booth, **more):
        self.server, self.booth = server, booth
        self.clock, self.guard = SkippingClock(), RecordingGuard()
        self.provider = gateway_at(server, clock=self.clock, guard=self.guard, **more)


@pytest.fixture
async def market():
    booth = Booth(page=2)
    async with Loopback(booth) as server:
        found = Market(server, booth)
        yield found
        await found.provider.aclose()


async def walk(provider):
    pages, cursor = [], Cursor("all")
    while cursor is not None:
        pages.append(await provider.offers_page(cursor))
        cursor = pages[-1].next
    return pages


# Offers


async def test_the_list_is_read_to_its_end_with_the_key_and_the_largest_page(market):
    pages = await walk(market.provider)

    assert [len(page.offers) for page in pages] == [2, 2, 2]
    assert [page.complete for page in pages] == [True, True, True]
    assert {asked.path for asked in market.server.asked} == {"/v1/gpus"}
    assert all(asked.headers["authorization"] == f"Bearer {KEY}" for asked in market.server.asked)
    assert all(asked.query["limit"] == "200" for asked in market.server.asked)
    assert len({key for _, _, key in market.guard.passed}) == 3


async def test_a_list_beyond_the_cap_is_not_read_further_and_nothing_of_it_is_believed_gone():
    async with Loopback(Booth(page=2)) as server:
        provider = gateway_at(server, clock=SkippingClock(), most_rows=4)

        pages = await walk(provider)
        await provider.aclose()

    assert [page.complete for page in pages] == [True, False]
    assert pages[-1].rejected[-1].reason == BEYOND_CAP


async def test_a_position_that_the_gateway_forgot_ends_the_walk_and_proves_nothing(market):
    first = await market.provider.offers_page(Cursor("all"))
    market.booth.override["GET", "/v1/gpus"] = [refusal(400, "invalid_cursor")]

    page = await market.provider.offers_page(first.next)

    assert (page.offers, page.next, page.complete) == ((), None, False)
    market.booth.override["GET", "/v1/gpus"] = [refusal(400, "invalid_cursor")]
    with pytest.raises(InvalidProviderRequest):
        await market.provider.offers_page(Cursor("all"))


@pytest.mark.parametrize("position", ["", "x", "[]", '{"cursor": 7}', '{"rows": "x"}'])
async def test_a_position_that_is_none_of_ours_begins_anew(market, position):
    page = await market.provider.offers_page(Cursor("all", position))

    assert "cursor" not in market.server.asked[-1].query
    assert page.offers


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"data": {}, "next_cursor": None},
        {"data": [row()]},
        {"data": [row()], "next_cursor": 7},
        {"data": [row()], "next_cursor": "x" * 5000},
    ],
)
async def test_a_page_that_is_none_is_the_markets_failure(market, body):
    market.booth.override["GET", "/v1/gpus"] = [Reply(body)]

    with pytest.raises(MalformedAnswer):
        await market.provider.offers_page(Cursor("all"))


async def test_pages_that_lead_in_a_circle_or_hold_nothing_come_to_an_end(market):
    first = await market.provider.offers_page(Cursor("all"))
    token = market.server.asked[-1]
    market.server.handler = lambda asked: Reply({"data": [row()], "next_cursor": asked.query["cursor"]})
    with pytest.raises(MalformedAnswer, match="same page"):
        await market.provider.offers_page(first.next)

    market.server.handler = Reply({"data": [], "next_cursor": "more"})
    page = await market.provider.offers_page(first.next)
    assert (page.next, page.complete) == (None, False)
    assert token.query["available"] == "true"


# Quotes


async def test_a_quote_is_the_gateways_own_sum_with_the_disk_in_whole_gb(market):
    quote = await market.provider.quote(OFFER, gpu_count=1, disk_gb=39.2)

    assert (quote.usd_per_hour, quote.firm) == (Decimal("0.354"), True)
    assert market.server.asked[-1].query == {"disk_gb": "40"}


async def test_a_gateway_that_cannot_add_does_not_make_it_cheaper(market):
    market.booth.override["GET", f"/v1/gpus/{OFFER}"] = [
        Reply({**row(), "quote": {"price_per_hour": "0.01"}}),
        Reply({**row(), "quote": {"price_per_hour": "0.5"}}),
    ]

    assert (await market.provider.quote(OFFER, gpu_count=1, disk_gb=40)).usd_per_hour == Decimal("0.354")
    assert (await market.provider.quote(OFFER, gpu_count=1, disk_gb=40)).usd_per_hour == Decimal("0.5")


async def test_without_the_route_of_1_1_the_offer_is_looked_for_in_the_whole_list(market):
    market.booth.quotes = False
    market.booth.offers[OFFER]["available"] = 0
    market.booth.offers["z"] = row("z")

    quote = await market.provider.quote("z", gpu_count=1, disk_gb=40)

    assert quote.usd_per_hour == Decimal("0.354")
    assert {operation for operation, _, _ in market.guard.passed} == {Operation.QUOTE}
    assert market.server.asked[-1].query["available"] == "false"
    with pytest.raises(OfferGone, match="not listed"):
        await market.provider.quote("no-such-offer", gpu_count=1, disk_gb=40)
    with pytest.raises(OfferGone, match="nothing of offer"):
        await market.provider.quote(OFFER, gpu_count=1, disk_gb=40)


async def test_once_the_route_was_seen_a_404_of_it_is_final(market):
    await market.provider.quote(OFFER, gpu_count=1, disk_gb=40)
    asked = len(market.server.asked)

    with pytest.raises(OfferGone):
        await market.provider.quote("no-such-offer", gpu_count=1, disk_gb=40)
    assert len(market.server.asked) == asked + 1


async def test_an_offer_that_does_not_fit_is_not_quoted(market):
    market.booth.offers["big"] = row("big", gpu_count=8)
    market.booth.offers["taken"] = row("taken", available=0)
    market.booth.override["GET", "/v1/gpus/other"] = [Reply(row(OFFER))]
    market.booth.override["GET", "/v1/gpus/odd"] = [Reply(row("odd", price_per_hour=None))]

    for offer, error in [
        ("big", OfferGone),
        ("taken", OfferGone),
        ("other", MalformedAnswer),
        ("odd", MalformedAnswer),
    ]:
        with pytest.raises(error):
            await market.provider.quote(offer, gpu_count=1, disk_gb=20)
    with pytest.raises(NoCapacity):
        await market.provider.quote(OFFER, gpu_count=1, disk_gb=501)


# Jobs


async def test_the_name_is_the_idempotency_key_and_no_price_is_charged_before_a_node_is_found(market):
    created = await market.provider.create(spec())

    sent = market.server.asked[-1]
    assert (sent.method, sent.path, sent.headers["idempotency-key"]) == ("POST", "/v1/jobs", NAME)
    assert sent.body["name"] == NAME
    assert created.usd_per_hour is None


async def test_a_replayed_create_is_the_same_job(market):
    market.booth.override["POST", "/v1/jobs"] = [Reply(job("job_7"), headers={"Idempotent-Replayed": "true"})]

    assert (await market.provider.create(spec())).external_id == "job_7"


@pytest.mark.parametrize(
    "answer",
    [
        Reply({}, status=201),
        Reply([], status=201),
        Reply("", status=201),
        Reply({"id": "../1", "name": NAME}, status=201),
        Reply(job("1", name="somebody-elses-job"), status=201),
        Reply("<html>created</html>", status=201),
        refusal(500, "internal"),
        refusal(503, "unavailable"),
        refusal(409, "idempotency_in_progress"),
        refusal(409, "idempotency_mismatch"),
        Raw(),
        Raw(b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{"),
    ],
)
async def test_an_answer_that_is_not_certain_leaves_the_outcome_open(market, answer):
    market.server.handler = answer

    with pytest.raises((Unavailable, MalformedAnswer)) as caught:
        await market.provider.create(spec())

    assert caught.value.outcome_known is False
    assert market.server.count("POST", "/v1/jobs") == 1


async def test_status_of_another_job_is_not_believed(market):
    market.booth.override["GET", "/v1/jobs/1"] = [Reply(job("2")), Reply({**job(), "id": None})]

    for _ in range(2):
        with pytest.raises(MalformedAnswer):
            await market.provider.status("1")


async def test_what_we_cancelled_is_gone_with_its_final_bill_and_what_ended_by_itself_is_over(market):
    one = (await market.provider.create(spec())).external_id
    await market.provider.terminate(one)
    with pytest.raises(InstanceNotFound) as caught:
        await market.provider.status(one)
    assert caught.value.charged_usd == Decimal("0.354")

    market.booth.jobs["2"] = job("2", status="succeeded", exit_code=0, cost_total="0.354")
    seen = await market.provider.status("2")
    assert (seen.state, seen.over, seen.charged_usd) == (InstanceState.EXITED, True, Decimal("0.354"))


async def test_the_list_has_all_that_lives_and_the_young_that_ended_by_themselves(market):
    old = (START - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for number, changes in enumerate(
        [
            {"status": "running", "created_at": old},
            {"status": "queued"},
            {"status": "stopping"},
            {"status": "succeeded"},
            {"status": "succeeded", "created_at": old},
            {"status": "cancelled"},
            {"status": "hibernating"},
            {"status": "provisioning", "created_at": old},
        ]
    ):
        market.booth.jobs[str(number)] = job(str(number), **changes)

    found = await market.provider.list_own()

    assert {each.external_id for each in found} == {"0", "1", "2", "3", "6", "7"}
    assert {each.external_id for each in found if each.over} == {"3"}
    assert all(asked.query["label"] == "owner:aurora" for asked in market.server.asked)
    assert len(market.server.asked) == len(market.guard.passed) == 5


@pytest.mark.parametrize(
    "body",
    [
        {"data": [job(), {"name": "no id"}], "next_cursor": None},
        {"data": [job()]},
        {"data": [7], "next_cursor": None},
        {},
    ],
)
async def test_a_list_that_cannot_be_read_whole_is_no_list(market, body):
    market.server.handler = Reply(body)

    with pytest.raises(MalformedAnswer):
        await market.provider.list_own()


async def test_a_list_without_an_end_is_given_up(market):
    tokens = iter(range(10_000))
    market.server.handler = lambda _: Reply({"data": [], "next_cursor": str(next(tokens))})

    with pytest.raises(MalformedAnswer, match="end"):
        await market.provider.list_own()
    assert len(market.server.asked) == 100


@pytest.mark.parametrize("wrong", ["../account", "", ".", "a" * 129, "a b", "1?x=y"])
async def test_an_id_of_another_market_is_never_sent(market, wrong):
    for attempt in (market.provider.status(wrong), market.provider.terminate(wrong)):
        with pytest.raises(InvalidProviderRequest):
            await attempt
    with pytest.raises(InvalidProviderRequest):
        market.provider.logs(wrong)
    with pytest.raises(InvalidProviderRequest):
        await market.provider.quote(wrong, gpu_count=1, disk_gb=1)
    assert market.server.asked == []


# Logs


async def test_a_followed_log_ends_when_the_job_has_ended_and_all_is_read(market):
    one = (await market.provider.create(spec())).external_id
    market.booth.log[one] = ["one", "one"]
    found = []

    async for line in market.provider.logs(one, follow=True):
        found.append(line)
        if len(found) == 2:
            market.booth.log[one] += ["one", "two"]
            market.booth.jobs[one]["status"] = "succeeded"

    assert [line.text for line in found] == ["one", "one", "one", "two"]
    assert (found[0].stream, found[0].at.isoformat()) == ("stdout", "2026-06-03T08:00:03.120000+00:00")


async def test_a_follower_bears_a_few_failures_and_gives_up_then(market):
    one = (await market.provider.create(spec())).external_id
    market.booth.log[one] = ["a"]
    path = ("GET", f"/v1/jobs/{one}/logs")
    lines = market.provider.logs(one, follow=True)
    assert (await anext(lines)).text == "a"

    market.booth.override[path] = [refusal(503, "unavailable", retryable=True) for _ in range(4)]
    market.booth.log[one] += ["b"]
    assert (await anext(lines)).text == "b"

    market.booth.override[path] = [refusal(503, "unavailable", retryable=True) for _ in range(9)]
    with pytest.raises(Unavailable):
        await anext(lines)


async def test_odd_log_lines_are_left_out_and_long_ones_cut(market):
    rows = [7, {"line": 7}, {"line": "x" * 10_000}, {"line": "ok", "ts": "never", "stream": None}]
    market.server.handler = Reply({"data": rows, "next_cursor": "1", "complete": True})

    found = [line async for line in market.provider.logs("1", follow=True)]

    assert [len(line.text) for line in found] == [8192, 2]
    assert found[-1].at is None


# The rest


async def test_an_operator_that_sends_invoices_tells_no_balance(market):
    account = {"id": "a", "currency": "USD", "hourly_burn": "0.7"}
    market.booth.override["GET", "/v1/account"] = [
        Reply({**account, "balance": None}),
        Reply({**account, "balance": "0.000000"}),
    ]

    assert (await market.provider.health()).credit_usd is None
    assert (await market.provider.health()).detail == "no credit left"


async def test_no_secret_is_in_any_error(market):
    secret = "hunter2-hunter2"
    launch = spec(env={"TOKEN_X": secret}, registry_login=f"joe:{secret}@ghcr.io")
    market.server.handler = lambda asked: refusal(
        422, "invalid_request", f"no: {asked.body} {asked.headers['authorization']}"
    )

    with pytest.raises(InvalidProviderRequest) as caught:
        await market.provider.create(launch)

    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(market.provider)
    assert secret not in told
    assert KEY not in told


async def test_a_redirect_is_not_followed(market):
    async with Loopback(Booth()) as elsewhere:
        market.server.handler = Reply("", status=307, headers={"Location": f"{elsewhere.url}/v1/account"})
        with pytest.raises(Exception, match="redirect"):
            await market.provider.health()
        assert elsewhere.asked == []
