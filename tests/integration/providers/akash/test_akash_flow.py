"""The adapter against a small Console of recorded shapes on loopback: the whole auction, the lists, the money."""

import traceback
from dataclasses import replace
from decimal import Decimal

import pytest

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    MalformedAnswer,
    NoCapacity,
    NotSupported,
    OfferGone,
    OutcomeUnknown,
    PaymentRequired,
    RateLimited,
    Unavailable,
)
from aurora.domain.instance import InstanceState
from aurora.domain.operation import Operation
from aurora.providers.akash.manifest import manifest_hash
from aurora.providers.akash.sdl import order_for
from aurora.providers.base import Cursor, SupportsPrepay, SupportsSteps
from tests.unit.providers.akash.booth import (
    FAR,
    KEY,
    NAME,
    NEAR,
    OFFER,
    Booth,
    akash_at,
    bid,
    refusal,
    services,
    spec,
)
from tests.unit.providers.akash.samples import sample
from tests.unit.providers.loopback import Loopback, Raw, RecordingGuard, Reply, SkippingClock

S = InstanceState


class Market:
    """The adapter, the booth behind it, and what passed between them."""

    def __init__(self, server, booth, clock, guard, **more):
        self.server, self.booth, self.clock, self.guard = server, booth, clock, guard
        self.provider = akash_at(server, clock=clock, guard=guard, **more)
        self.restarted = []

    def again(self, **more):
        """A restart: nothing is remembered."""
        self.restarted.append(akash_at(self.server, clock=self.clock, guard=RecordingGuard(), **more))
        return self.restarted[-1]

    async def aclose(self):
        for provider in (self.provider, *self.restarted):
            await provider.aclose()

    async def created(self, **changes):
        return (await self.provider.create(spec(**changes))).external_id

    async def running(self):
        dseq = await self.created()
        self.booth.bids[dseq] = [bid(dseq, NEAR)]
        await self.provider.advance(dseq, spec())
        self.booth.status[dseq] = services(1)
        return dseq


@pytest.fixture(params=[False, True], ids=["era A", "era B"])
async def market(request):
    clock = SkippingClock()
    booth = Booth(clock, era_b=request.param)
    async with Loopback(booth) as server:
        found = Market(server, booth, clock, RecordingGuard())
        yield found
        await found.aclose()


# Create


async def test_the_whole_way_from_order_to_gone(market):
    provider, booth = market.provider, market.booth

    dseq = await market.created()
    assert (await provider.status(dseq)).state is S.PREPARING
    assert (await provider.advance(dseq, spec())).state is S.PREPARING
    booth.bids[dseq] = [bid(dseq, FAR, usd=2.0), bid(dseq, NEAR, usd=2.5)]
    taken = await provider.advance(dseq, spec())
    booth.status[dseq] = services(1)
    seen = await provider.status(dseq)
    await provider.terminate(dseq)

    assert (taken.state, taken.quoted_usd_per_hour) == (S.STARTING, Decimal("2.5"))
    assert (seen.state, seen.name, seen.usd_per_hour) == (S.RUNNING, NAME, Decimal("2.5"))
    assert seen.attributes["provider"] == NEAR
    with pytest.raises(InstanceNotFound):
        await provider.status(dseq)
    assert await provider.list_own() == ()


async def test_create_sends_the_sdl_the_name_and_a_deposit_of_an_hour_at_the_ceiling(market):
    await market.created(ceiling_usd_per_hour=Decimal("3.1"))

    sent = market.server.asked[-1]
    assert sent.body["data"]["sdl"] == order_for("akash", spec(ceiling_usd_per_hour=Decimal("3.1"))).sdl
    assert (sent.body["data"]["name"], sent.body["data"]["deposit"]) == (NAME, 3.1)
    assert sent.headers["x-api-key"] == KEY
    assert "authorization" not in sent.headers


@pytest.mark.parametrize(
    "answer",
    [
        Reply(
            {"data": {"dseq": "1", "signTx": {"code": 11, "transactionHash": "A", "rawLog": "out of gas"}}},
            201,
        ),
        Reply({"data": {"dseq": "1", "signTx": {"code": 0}}}, 201),
        Reply({"data": {"dseq": "1"}}, 201),
        Reply({"data": {}}, 201),
        Reply({}, 201),
        Reply("accepted", 201),
        refusal(500, "Internal server error", "internal_server_error"),
        refusal(503, "Service temporarily unavailable", "service_unavailable"),
        refusal(400, "Failed to create deployment: Deployment with provided dseq and owner already exists"),
        Reply("<html>Just a moment...</html>", 403),
    ],
)
async def test_an_answer_that_is_not_certain_leaves_the_outcome_open(market, answer):
    market.booth.override["POST", "/v1/deployments"] = [answer]

    with pytest.raises((OutcomeUnknown, Unavailable, MalformedAnswer)) as caught:
        await market.created()

    assert caught.value.outcome_known is False
    assert market.server.count("POST", "/v1/deployments") == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(402, "Not enough balance to cover the deployment deposit."), PaymentRequired),
        (refusal(402, "", "insufficient_balance"), PaymentRequired),
        (refusal(400, "Invalid SDL: nonsense"), InvalidProviderRequest),
        (refusal(409, "Wallet is still being provisioned", "wallet_provisioning"), RateLimited),
        (refusal(401, "Invalid API key", "unauthorized"), CredentialRefused),
    ],
)
async def test_a_refused_create_certainly_did_nothing(market, answer, kind):
    market.booth.override["POST", "/v1/deployments"] = [answer]

    with pytest.raises(kind) as caught:
        await market.created()

    assert caught.value.outcome_known


async def test_a_create_whose_answer_was_lost_is_found_by_name(market):
    market.server.handler = lambda asked: (market.booth(asked), Raw(then="close"))[1]
    with pytest.raises(Unavailable):
        await market.created()
    market.server.handler = market.booth

    found = await market.again().list_own()

    assert [each.name for each in found] == [NAME]
    assert market.server.count("POST", "/v1/deployments") == 1


# The auction


async def test_a_restart_in_every_step_goes_on_where_it_stood(market):
    dseq = await market.created()
    market.booth.bids[dseq] = [bid(dseq, NEAR)]

    taken = await market.again().advance(dseq, spec())
    market.booth.status[dseq] = None  # the manifest got lost, and so did we
    again = market.again()
    waiting = await again.status(dseq)
    delivered = await again.advance(dseq, spec())

    assert (taken.state, waiting.state, delivered.state) == (S.STARTING, S.PREPARING, S.STARTING)
    sent = [each.body for each in market.server.asked if each.path == "/v1/leases"]
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert sent[0]["leases"] == [{"dseq": dseq, "gseq": 1, "oseq": 1, "provider": NEAR}]
    assert manifest_hash(sent[0]["manifest"]) == order_for("akash", spec()).hash


async def test_nothing_is_moved_when_it_is_not_our_turn(market):
    dseq = await market.running()
    before = market.server.count("POST", "/v1/leases")

    assert (await market.again().advance(dseq, spec())).state is S.RUNNING
    assert market.server.count("POST", "/v1/leases") == before


async def test_a_bid_that_is_gone_is_left_out_and_the_next_one_taken(market):
    dseq = await market.created()
    market.booth.bids[dseq] = [bid(dseq, NEAR, usd=2.0), bid(dseq, FAR, usd=2.5)]
    gone = "Cannot create lease: The selected bid is no longer open. Please refresh"
    market.booth.override["POST", "/v1/leases"] = [refusal(400, gone)]

    first = await market.provider.advance(dseq, spec())
    second = await market.provider.advance(dseq, spec())

    assert (first.state, second.state) == (S.PREPARING, S.STARTING)
    assert second.attributes["provider"] == FAR


@pytest.mark.parametrize(
    "answer",
    [refusal(502, "", "provider_unreachable"), refusal(403, "Provider not authorized.", "forbidden")],
)
async def test_without_another_bid_a_refused_one_ends_the_attempt(market, answer):
    dseq = await market.created()
    market.booth.bids[dseq] = [bid(dseq, NEAR)]
    market.booth.override["POST", "/v1/leases"] = [answer]
    await market.provider.advance(dseq, spec())
    market.clock.elapsed += 40

    with pytest.raises(NoCapacity):
        await market.provider.advance(dseq, spec())


async def test_an_undelivered_manifest_is_sent_again(market):
    dseq = await market.created()
    market.booth.bids[dseq] = [bid(dseq, NEAR)]
    market.booth.override["POST", "/v1/leases"] = [refusal(502, "", "manifest_not_delivered")]
    market.booth.lease(dseq, NEAR)  # the lease exists

    with pytest.raises(OutcomeUnknown) as caught:
        await market.provider.advance(dseq, spec())
    delivered = await market.provider.advance(dseq, spec())

    assert caught.value.counts_against_provider is False
    assert delivered.state is S.STARTING


async def test_a_lease_whose_answer_was_lost_is_found_and_not_taken_twice(market):
    dseq = await market.created()
    market.booth.bids[dseq] = [bid(dseq, NEAR), bid(dseq, FAR, usd=1.0)]
    lost = iter([True])
    plain = market.booth

    def losing(asked):
        answer = plain(asked)
        return Raw(then="close") if asked.path == "/v1/leases" and next(lost, False) else answer

    market.server.handler = losing
    with pytest.raises(Unavailable) as caught:
        await market.provider.advance(dseq, spec())
    plain.bids[dseq] = []

    seen = await market.provider.advance(dseq, spec())

    assert caught.value.outcome_known is False
    assert seen.attributes["provider"] == NEAR
    assert seen.quoted_usd_per_hour == Decimal("2.5")


@pytest.mark.parametrize(
    ("rows", "wait_s", "reason"),
    [
        ([], 121, "no bids after 121 s"),
        ([{"usd": 9.0}], 31, "cheapest $9/h"),
        ([{"state": "closed"}], 31, "none of 1 bids"),
    ],
)
async def test_an_auction_that_comes_to_nothing_says_why(market, rows, wait_s, reason):
    dseq = await market.created()
    market.booth.bids[dseq] = [bid(dseq, NEAR, **row) for row in rows]
    assert (await market.provider.advance(dseq, spec())).state is S.PREPARING
    market.clock.elapsed += wait_s

    with pytest.raises(NoCapacity) as caught:
        await market.provider.advance(dseq, spec())

    assert reason in caught.value.detail


async def test_an_order_that_the_console_closed_is_no_capacity(market):
    dseq = await market.created()
    market.booth.deployments[dseq]["deployment"]["state"] = "closed"

    with pytest.raises(NoCapacity):
        await market.provider.advance(dseq, spec())


async def test_a_manifest_that_is_not_the_chains_is_left_to_the_console(market):
    dseq = await market.created()
    market.booth.bids[dseq] = [bid(dseq, NEAR)]
    market.booth.deployments[dseq]["deployment"]["hash"] = "another"

    await market.provider.advance(dseq, spec())

    assert "manifest" not in market.server.asked[-1].body


# Sightings


async def test_a_deployment_that_is_too_young_to_be_shown_is_not_absent(market):
    dseq = await market.created()
    hidden = market.booth.deployments.pop(dseq)

    young = await market.provider.status(dseq)
    after_restart = await market.again().status(dseq)
    await market.provider.terminate(dseq)
    still = await market.provider.status(dseq)
    market.booth.deployments[dseq] = hidden
    await market.provider.terminate(dseq)

    assert {young.state, after_restart.state, still.state} == {S.PREPARING}
    with pytest.raises(InstanceNotFound):
        await market.provider.status(dseq)


async def test_later_it_is_absent(market):
    dseq = await market.created()
    del market.booth.deployments[dseq]
    market.clock.elapsed += 61

    with pytest.raises(InstanceNotFound):
        await market.provider.status(dseq)


async def test_a_silent_provider_of_a_running_lease_is_unreachable(market):
    dseq = await market.running()
    await market.provider.status(dseq)
    market.booth.status[dseq] = None

    assert (await market.provider.status(dseq)).state is S.UNREACHABLE


async def test_out_of_funds_is_said_until_it_is_closed_by_us(market):
    dseq = await market.running()
    row = market.booth.deployments[dseq]
    row["deployment"]["state"] = "closed"
    row["leases"][0]["state"] = "insufficient_funds"
    market.clock.elapsed += 120

    assert (await market.provider.status(dseq)).state is S.STOPPED
    await market.again().status(dseq)
    again = market.again()
    row["leases"][0]["state"] = "insufficient_funds"
    await again.terminate(dseq)
    row["leases"][0]["state"] = "insufficient_funds"

    with pytest.raises(InstanceNotFound):
        await again.status(dseq)


async def test_an_answer_about_another_deployment_is_not_believed(market):
    dseq = await market.created()
    market.booth.deployments[dseq]["deployment"]["id"]["dseq"] = "42"

    with pytest.raises(MalformedAnswer):
        await market.provider.status(dseq)


# The list


async def test_a_list_with_mixed_up_leases_is_put_right(market):
    names = [f"aurora-abc123-0123456789ab-{number}" for number in (1, 2, 3)]
    dseqs = [await market.created(name=name) for name in names]
    for dseq, provider in zip(dseqs, (NEAR, FAR, NEAR), strict=True):
        market.booth.lease(dseq, provider)
        market.booth.status[dseq] = services(1)
    market.booth.shuffled = True

    found = await market.again().list_own()

    assert [(each.external_id, each.name, each.state) for each in found] == [
        (dseq, name, S.RUNNING) for dseq, name in zip(dseqs, names, strict=True)
    ]
    assert [each.attributes["provider"] for each in found] == [NEAR, FAR, NEAR]


async def test_all_pages_are_read(market):
    for number in range(1, 251):
        await market.created(name=f"aurora-abc123-0123456789ab-{number}")

    found = await market.provider.list_own()

    assert len({each.name for each in found}) == 250
    assert market.server.count("GET", "/v1/deployments") == 3


async def test_a_list_that_moves_between_pages_is_an_error(market):
    dseqs = [await market.created(name=f"aurora-abc123-0123456789ab-{number}") for number in range(1, 121)]
    plain = market.booth

    def moving(asked):
        if asked.path == "/v1/deployments" and asked.query.get("skip") != "0":
            plain.deployments.pop(dseqs[0], None)
        return plain(asked)

    market.server.handler = moving

    with pytest.raises(Unavailable):
        await market.provider.list_own()


@pytest.mark.parametrize(
    "pagination", [{"total": 5, "hasMore": False}, {"hasMore": True}, {"total": None, "hasMore": True}]
)
async def test_a_short_list_is_an_error(market, pagination):
    market.booth.override["GET", "/v1/deployments"] = [
        Reply({"data": {"deployments": [], "pagination": pagination}}) for _ in range(3)
    ]

    with pytest.raises(MalformedAnswer):
        await market.provider.list_own()


@pytest.mark.parametrize("row", ["text", {}, {"deployment": {"id": {"dseq": None}}}])
async def test_an_odd_row_is_an_error_and_not_a_hole(market, row):
    market.booth.override["GET", "/v1/deployments"] = [
        Reply({"data": {"deployments": [row], "pagination": {"total": 1, "hasMore": False}}})
    ]

    with pytest.raises(MalformedAnswer):
        await market.provider.list_own()


async def test_a_live_status_in_the_list_is_asked_for_once_in_a_while(market):
    dseq = await market.running()
    await market.provider.status(dseq)
    before = market.server.count("GET", f"/v1/deployments/{dseq}")

    fresh = await market.provider.list_own()
    market.clock.elapsed += 25
    await market.provider.list_own()

    assert fresh[0].state is S.RUNNING
    assert market.server.count("GET", f"/v1/deployments/{dseq}") == before + 1


async def test_foreign_deployments_are_listed_with_their_own_names():
    clock = SkippingClock()
    booth = Booth(clock)
    async with Loopback(booth) as server:
        provider = akash_at(server, clock=clock)
        dseq = (await provider.create(spec())).external_id
        booth.names[dseq] = "dcloud"
        other = akash_at(server, clock=clock)

        assert [each.name for each in await other.list_own()] == ["dcloud"]
        await other.list_own()
        assert (
            server.count(
                "GET", f"/v1/deployment/{booth.deployments[dseq]['deployment']['id']['owner']}/{dseq}"
            )
            == 1
        )
        await other.aclose()
        await provider.aclose()


async def test_a_young_deployment_without_a_name_forbids_to_conclude_absence():
    clock = SkippingClock()
    booth = Booth(clock)
    async with Loopback(booth) as server:
        provider = akash_at(server, clock=clock)
        dseq = (await provider.create(spec())).external_id
        await provider.aclose()
        booth.indexed = False
        other = akash_at(server, clock=clock)

        with pytest.raises(Unavailable):
            await other.list_own()
        clock.elapsed += 3700
        old = await other.list_own()
        booth.indexed = True
        known = await other.list_own()

        assert [(each.external_id, each.name) for each in old] == [(dseq, None)]
        assert [each.name for each in known] == [NAME]
        await other.aclose()


async def test_an_unknown_value_is_no_name():
    clock = SkippingClock()
    booth = Booth(clock)
    async with Loopback(booth) as server:
        provider = akash_at(server, clock=clock)
        dseq = (await provider.create(spec())).external_id
        await provider.aclose()
        booth.names[dseq] = "unknown_value"
        other = akash_at(server, clock=clock)

        with pytest.raises(Unavailable):
            await other.list_own()
        await other.aclose()


async def test_the_chain_knows_names_that_the_console_has_not_indexed():
    clock = SkippingClock()
    booth = Booth(clock)
    booth.indexed = False
    chain = {"groups": [{"group_spec": {"name": NAME}}]}
    async with Loopback(booth) as server, Loopback(Reply(chain)) as lcd:
        provider = akash_at(server, clock=clock)
        await provider.create(spec())
        await provider.aclose()
        other = akash_at(server, clock=clock, lcd_url=lcd.url)

        assert [each.name for each in await other.list_own()] == [NAME]
        assert "x-api-key" not in lcd.asked[-1].headers
        await other.aclose()


# Money


async def test_extend_pays_by_the_second_and_paid_until_moves(market):
    dseq = await market.running()
    before = (await market.provider.status(dseq)).paid_until

    await market.provider.extend(dseq, seconds=3600)

    after = (await market.provider.status(dseq)).paid_until
    assert market.booth.deposits == [2.55]
    assert (after - before).total_seconds() >= 3600


async def test_nothing_is_paid_where_the_console_pays(market):
    dseq = await market.running()
    funds = market.booth.deployments[dseq]["escrow_account"]["state"]["funds"]
    funds[0]["amount"] = "120000000.0"

    await market.provider.extend(dseq, seconds=3600)

    assert market.booth.deposits == []


async def test_a_deposit_route_that_is_gone_is_as_good_as_paid(market):
    dseq = await market.running()
    market.booth.override["POST", "/v1/deposit-deployment"] = [Reply("404 Not Found", status=404)]

    await market.provider.extend(dseq, seconds=3600)


async def test_a_deposit_is_never_sent_twice(market):
    dseq = await market.running()
    market.booth.override["POST", "/v1/deposit-deployment"] = [refusal(500, "Internal server error")]

    with pytest.raises(Unavailable):
        await market.provider.extend(dseq, seconds=3600)

    assert market.server.count("POST", "/v1/deposit-deployment") == 1
    assert market.guard.passed[-1][0] is Operation.CREATE


async def test_an_order_without_a_lease_needs_no_money_but_is_closed_like_any_other(market):
    dseq = await market.created()

    with pytest.raises(InvalidProviderRequest):
        await market.provider.extend(dseq, seconds=60)
    await market.provider.terminate(dseq)

    assert market.booth.deployments[dseq]["deployment"]["state"] == "closed"


@pytest.mark.parametrize("times", [1, 2])
async def test_terminating_what_is_gone_is_success(market, times):
    for _ in range(times):
        await market.provider.terminate("123")


async def test_a_wrong_address_is_no_proof_of_absence(market):
    market.booth.override["DELETE", "/v1/deployments/123"] = [Reply("404 Not Found", status=404)]

    with pytest.raises(Exception, match="404"):
        await market.provider.terminate("123")


# Market data


def with_market(booth):
    gpu = {"vendor": "nvidia", "model": "h100", "ram": "80Gi", "interface": "SXM5"}
    row = {"isOnline": True, "isAudited": True, "gpuModels": [gpu], "ipCountryCode": "NL"}
    booth.providers = [
        {**row, "owner": NEAR},
        {**row, "owner": FAR},
        {**row, "owner": FAR, "isOnline": False},
    ]
    debug = sample("gpu-prices.debug.h100.2026-09-28.json")
    booth.prices = _floats(debug)


def _floats(value):
    if isinstance(value, dict):
        return {key: _floats(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_floats(each) for each in value]
    return float(value) if isinstance(value, Decimal) else value


async def test_offers_need_no_key_and_none_is_sent(market):
    with_market(market.booth)
    provider = market.again(key=None)

    page = await provider.offers_page(Cursor("all"))

    assert {offer.host for offer in page.offers} == {NEAR, FAR}
    assert (page.complete, page.next, [each.reason for each in page.rejected]) == (True, None, ["offline"])
    assert all("x-api-key" not in asked.headers for asked in market.server.asked)
    assert provider.capabilities.deploy is False


async def test_offers_go_on_with_a_key_that_is_refused(market):
    with_market(market.booth)
    wrong = market.again(key="ac.sk.production.wrong")

    assert (await wrong.offers_page(Cursor("all"))).offers
    with pytest.raises(CredentialRefused):
        await wrong.health()


async def test_both_reads_pass_the_guard_with_keys_of_their_own(market):
    with_market(market.booth)

    await market.provider.offers_page(Cursor("all"))

    assert market.guard.passed == [
        (Operation.OFFERS, "providers", "providers"),
        (Operation.OFFERS, "gpu_prices", "gpu_prices"),
    ]


async def test_a_quote_is_an_estimate_with_disk(market):
    with_market(market.booth)
    offer = next(
        each for each in (await market.provider.offers_page(Cursor("all"))).offers if each.host == FAR
    )

    quote = await market.provider.quote(offer.external_id, gpu_count=1, disk_gb=100)

    assert (quote.firm, quote.usd_per_hour) == (False, offer.price_with_disk(100))
    with pytest.raises(OfferGone):
        await market.provider.quote(offer.external_id, gpu_count=2, disk_gb=0)
    with pytest.raises(OfferGone):
        await market.provider.quote(OFFER.replace("h100", "t4"), gpu_count=1, disk_gb=0)


async def test_the_chain_is_asked_when_the_console_is_down():
    clock = SkippingClock()
    key = "capabilities/gpu/vendor/nvidia/model/h100/ram/80Gi/interface/sxm"
    listed = {"providers": [{"owner": NEAR, "attributes": [{"key": key, "value": "true"}]}], "pagination": {}}
    captured = _floats(sample("gpu-prices.debug.h100.2026-09-28.json"))["models"][0]["providersWithBestBid"]
    taken = {"bids": [{"bid": each["bestBid"]["data"]} for each in captured]}

    def chain(asked):
        return Reply(listed if "provider" in asked.path else taken)

    async with Loopback(Reply("down", status=503)) as server, Loopback(chain) as lcd:
        provider = akash_at(server, clock=clock, lcd_url=lcd.url)

        page = await provider.offers_page(Cursor("all"))

        assert [offer.external_id for offer in page.offers] == [OFFER]
        assert page.complete is False
        assert "from the chain" in page.rejected[0].reason
        assert server.count("GET", "/v1/providers") == 1
        await provider.aclose()


async def test_a_node_without_a_market_is_helped_out_by_the_consoles_last_prices():
    clock = SkippingClock()
    booth = Booth(clock)
    with_market(booth)
    key = "capabilities/gpu/vendor/nvidia/model/h100/ram/80Gi/interface/sxm"
    listed = {"providers": [{"owner": NEAR, "attributes": [{"key": key, "value": "true"}]}], "pagination": {}}

    def chain(asked):
        return Reply(listed) if "provider" in asked.path else Reply({"code": 12}, status=501)

    async with Loopback(booth) as server, Loopback(chain) as lcd:
        provider = akash_at(server, clock=clock, lcd_url=lcd.url)
        known = await provider.offers_page(Cursor("all"))
        clock.elapsed += 300
        server.handler = Reply("down", status=503)

        page = await provider.offers_page(Cursor("all"))

        (offer,) = page.offers
        before = next(each for each in known.offers if each.host == NEAR)
        assert (offer.price_per_hour, offer.available) == (before.price_per_hour, None)
        assert (page.read_at, page.complete) == (known.read_at, False)
        await provider.aclose()


@pytest.mark.parametrize("prices", [{"models": []}, {"models": [1, "x"]}, {"models": [{"price": None}]}])
async def test_a_price_list_without_prices_is_not_believed_to_be_complete(market, prices):
    with_market(market.booth)
    market.booth.prices = prices

    page = await market.provider.offers_page(Cursor("all"))

    assert (page.offers, page.complete) == ((), False)
    assert page.rejected[0].reason == "the price list names no price at all"


async def test_without_the_chain_either_the_consoles_failure_is_the_answer():
    clock = SkippingClock()
    async with Loopback(Reply("down", status=503)) as server, Loopback(Reply("no", status=501)) as lcd:
        provider = akash_at(server, clock=clock, lcd_url=lcd.url)

        with pytest.raises(Unavailable) as caught:
            await provider.offers_page(Cursor("all"))

        assert caught.value.status == 503
        await provider.aclose()


async def test_the_chains_newest_block_dates_the_end_of_the_money():
    clock = SkippingClock()
    booth = Booth(clock)

    def chain(_):
        return Reply(
            {"block": {"header": {"height": str(booth.height()), "time": "2026-06-03T08:00:00.123456789Z"}}}
        )

    async with Loopback(booth) as server, Loopback(chain) as lcd:
        provider = akash_at(server, clock=clock, lcd_url=lcd.url)
        dseq = (await provider.create(spec())).external_id
        booth.lease(dseq, NEAR)

        first = await provider.status(dseq)
        await provider.status(dseq)

        assert first.paid_until is not None
        assert len(lcd.asked) == 1
        await provider.aclose()


# The rest


@pytest.mark.parametrize(
    ("balance", "credit"), [(42170000, 42.17), (42.17, 42.17), ("42170000", 42.17), (None, None), ("x", None)]
)
async def test_health_says_the_credit_in_both_spellings(market, balance, credit):
    market.booth.override["GET", "/v1/balances"] = [Reply({"data": {"balance": balance}})]

    report = await market.provider.health()

    assert (report.ok, report.credit_usd) == (True, credit)


async def test_health_without_a_key_asks_if_the_api_is_ready(market):
    report = await market.again(key=None).health()

    assert (report.ok, report.credit_usd) == (True, None)
    assert market.server.asked[-1].path == "/v1/healthz/readiness"


async def test_health_does_not_suffer_from_an_unreadable_balance(market):
    market.booth.override["GET", "/v1/balances"] = [refusal(500, "Internal server error")]

    assert (await market.provider.health()).ok


async def test_without_a_key_nothing_but_offers(market):
    provider = market.again(key=None)

    for attempt in (
        provider.create(spec()),
        provider.advance("1", spec()),
        provider.status("1"),
        provider.list_own(),
        provider.terminate("1"),
        provider.extend("1", seconds=1),
    ):
        with pytest.raises(NotSupported):
            await attempt
    with pytest.raises(NotSupported):
        provider.logs("1")
    assert market.server.asked == []


@pytest.mark.parametrize("wrong", ["../v1/user/me", "abc", "", "1" * 30])
async def test_an_id_of_another_market_is_never_sent(market, wrong):
    for attempt in (
        market.provider.status(wrong),
        market.provider.terminate(wrong),
        market.provider.advance(wrong, spec()),
    ):
        with pytest.raises(InvalidProviderRequest):
            await attempt
    assert market.server.asked == []


async def test_no_secret_is_in_any_error(market):
    secret = "hunter2-hunter2"
    launch = spec(env={"TOKEN_X": secret}, registry_login=f"joe:{secret}@ghcr.io")
    market.server.handler = lambda asked: Reply(
        {"error": "E", "message": f"no: {asked.body} {asked.headers.get('x-api-key')}"}, status=400
    )

    for attempt in (
        market.provider.create(launch),
        market.provider.advance("1785245500842", launch),
        market.provider.health(),
    ):
        with pytest.raises(InvalidProviderRequest) as caught:
            await attempt
        told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
        assert secret not in told
        assert KEY not in told
    assert KEY not in repr(market.provider)


async def test_every_request_passes_the_guard_once(market):
    with_market(market.booth)
    dseq = await market.running()
    await market.provider.offers_page(Cursor("all"))
    await market.provider.status(dseq)
    await market.provider.list_own()
    await market.provider.extend(dseq, seconds=3600)
    await market.provider.health()
    await market.provider.terminate(dseq)

    assert len(market.guard.passed) == len(market.server.asked)


async def test_the_adapter_fits_the_contracts_protocols(market):
    assert isinstance(market.provider, SupportsSteps)
    assert isinstance(market.provider, SupportsPrepay)
    assert await market.provider.catalogue_slices() == ("all",)
    assert (await market.provider.offers_page(Cursor("other"))).offers == ()
    assert replace(market.provider.capabilities) == market.provider.capabilities
