"""The adapter against a small Dispersed on loopback that checks signatures."""

import traceback
from decimal import Decimal

import pytest

from aurora.domain.errors import (
    InstanceNotFound,
    InvalidProviderRequest,
    MalformedAnswer,
    NotSupported,
    OfferGone,
    Unavailable,
)
from aurora.domain.instance import InstanceState as S
from aurora.domain.operation import Operation
from aurora.providers.base import Cursor
from tests.unit.providers.loopback import Loopback, Raw, RecordingGuard, Reply, SkippingClock
from tests.unit.providers.render.dispersed_booth import (
    NAME,
    PUBLIC,
    RTX5090,
    SECRET,
    Booth,
    dispersed_at,
    job,
    refusal,
    run,
    spec,
    uuid,
)


class Market:
    """The adapter, the booth behind it, and what passed between them."""

    def __init__(self, server, booth):
        self.server, self.booth = server, booth
        self.clock, self.guard = SkippingClock(), RecordingGuard()
        self.provider = dispersed_at(server, clock=self.clock, guard=self.guard)


@pytest.fixture
async def market():
    booth = Booth()
    async with Loopback(booth) as server:
        found = Market(server, booth)
        yield found
        assert booth.forged == []
        await found.provider.aclose()


async def test_the_whole_way_from_offer_to_gone(market):
    provider = market.provider
    page = await provider.offers_page(Cursor("all"))
    quote = await provider.quote(RTX5090, gpu_count=1, disk_gb=100)
    created = await provider.create(spec())
    seen = await provider.status(created.external_id)
    listed = await provider.list_own()
    await provider.terminate(created.external_id)
    await provider.terminate(created.external_id)

    assert [(offer.external_id, page.complete) for offer in page.offers] == [(RTX5090, True)]
    assert (quote.usd_per_hour, quote.firm) == (Decimal("0.69"), False)
    assert created.usd_per_hour == Decimal("0.69")
    assert (seen.state, seen.name, len(seen.endpoints)) == (S.RUNNING, NAME, 2)
    assert listed == (seen,)
    with pytest.raises(InstanceNotFound):
        await provider.status(created.external_id)
    assert await provider.list_own() == ()
    assert len(market.server.asked) == len(market.guard.passed)
    assert len(market.booth.nonces) == len(market.server.asked)


async def test_a_job_that_runs_but_cannot_be_reached_is_still_starting(market):
    market.booth.jobs[uuid(1)] = job()

    assert (await market.provider.status(uuid(1))).state is S.STARTING
    market.booth.runs = [run()]
    assert (await market.provider.status(uuid(1))).state is S.RUNNING


async def test_a_registry_that_may_be_cut_is_asked_for_more_and_then_not_believed_to_be_whole(market):
    row = market.booth.registry[0]
    market.booth.registry = [{**row, "uuid": uuid(n)} for n in range(60)]

    whole = await market.provider.offers_page(Cursor("all"))
    assert (len(whole.offers), whole.complete) == (60, True)

    market.booth.cap = 50
    cut = await market.provider.offers_page(Cursor("all"))
    assert (len(cut.offers), cut.complete) == (50, False)
    assert (await market.provider.offers_page(Cursor("other"))).offers == ()


async def test_a_quote_is_refused_for_what_is_not_free_or_of_another_size(market):
    with pytest.raises(OfferGone):
        await market.provider.quote(uuid(5), gpu_count=1, disk_gb=1)
    with pytest.raises(OfferGone):
        await market.provider.quote(RTX5090, gpu_count=2, disk_gb=1)
    market.booth.registry[0]["available"] = 0
    with pytest.raises(OfferGone):
        await market.provider.quote(RTX5090, gpu_count=1, disk_gb=1)
    assert {key for operation, _, key in market.guard.passed if operation is Operation.QUOTE} == {None}


async def test_the_list_joins_jobs_and_addresses_and_has_the_newest_that_ended(market):
    states = ["PENDING", "RUNNING", "CANCELLING", "COMPLETED", "FAILED", "CANCELLED"]
    market.booth.jobs = {uuid(n): job(n, status=state) for n, state in enumerate(states)}
    market.booth.runs = [run(1)]

    found = {each.external_id: each.state for each in await market.provider.list_own()}

    assert found == {
        uuid(0): S.STARTING,
        uuid(1): S.RUNNING,
        uuid(2): S.ENDING,
        uuid(3): S.EXITED,
        uuid(4): S.FAILED,
    }


async def test_a_job_whose_run_may_have_been_cut_off_is_asked_for_alone(market):
    market.booth.jobs = {uuid(n): job(n) for n in range(60)}
    market.booth.runs = [run(n) for n in range(60)]

    found = await market.provider.list_own()

    assert len(found) == 60
    assert {each.state for each in found} == {S.RUNNING}


async def test_a_list_that_may_be_cut_is_no_list(market):
    market.booth.jobs = {uuid(n): job(n) for n in range(60)}
    market.booth.cap = 50

    with pytest.raises(MalformedAnswer, match="may be cut"):
        await market.provider.list_own()


@pytest.mark.parametrize(
    "answer",
    [
        Reply({}, status=201),
        Reply({"uuid": "x"}, status=201),
        Reply("", status=201),
        Reply("<html>", status=201),
        refusal(500),
        refusal(503),
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


async def test_a_job_may_come_inside_data_and_rows_as_a_bare_list(market):
    market.booth.override["POST", "/v1/jobs"] = [Reply({"data": job(7)}, status=200)]
    market.booth.override["GET", "/v1/gpu-registry"] = [Reply(market.booth.registry)]

    assert (await market.provider.create(spec())).external_id == uuid(7)
    assert (await market.provider.offers_page(Cursor("all"))).offers


async def test_a_cancel_that_is_refused_is_success_only_for_what_has_ended(market):
    market.booth.jobs[uuid(1)] = job(status="COMPLETED")
    await market.provider.terminate(uuid(1))
    await market.provider.terminate(uuid(9))

    market.booth.jobs[uuid(2)] = job(2)
    market.booth.override["PUT", f"/v1/jobs/{uuid(2)}/cancel"] = [refusal(409)]
    with pytest.raises(InvalidProviderRequest):
        await market.provider.terminate(uuid(2))


async def test_status_of_another_job_is_not_believed(market):
    market.booth.override["GET", f"/v1/jobs/{uuid(1)}"] = [Reply(job(2, status="PENDING")), Reply({})]

    for _ in range(2):
        with pytest.raises(MalformedAnswer):
            await market.provider.status(uuid(1))


async def test_there_are_no_logs_and_it_is_said(market):
    assert market.provider.capabilities.logs is False
    with pytest.raises(NotSupported):
        market.provider.logs(uuid(1))


@pytest.mark.parametrize("wrong", ["../jobs", "", "1", uuid(1) + "/cancel"])
async def test_an_id_of_another_market_is_never_sent(market, wrong):
    for attempt in (
        market.provider.status(wrong),
        market.provider.terminate(wrong),
        market.provider.quote(wrong, gpu_count=1, disk_gb=1),
    ):
        with pytest.raises(InvalidProviderRequest):
            await attempt
    assert market.server.asked == []


async def test_no_secret_is_in_any_error_or_repr(market):
    secret = "hunter2-hunter2"
    market.server.handler = lambda asked: refusal(
        400, message=f"{asked.body} {asked.headers} {SECRET} {PUBLIC}"
    )

    with pytest.raises(InvalidProviderRequest) as caught:
        await market.provider.create(spec(env={"T": secret}, registry_login=f"joe:{secret}@ghcr.io"))

    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(market.provider)
    assert not [each for each in (secret, SECRET, PUBLIC) if each in told]


async def test_every_attempt_is_signed_anew(market):
    market.booth.override["GET", "/v1/compute/ledger/transactions"] = [refusal(500)]
    with pytest.raises(Unavailable):
        await market.provider.health()
    await market.provider.health()

    first, second = (asked.headers for asked in market.server.asked)
    assert first["x-nonce"] != second["x-nonce"]
    assert first["x-signature"] != second["x-signature"]
