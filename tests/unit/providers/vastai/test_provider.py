"""The Vast.ai adapter against recorded and odd replies, served on loopback."""

import traceback
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from pydantic import SecretStr

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    MalformedAnswer,
    Misconfigured,
    NoCapacity,
    OfferGone,
    OutcomeUnknown,
    Unavailable,
)
from aurora.domain.instance import LogLine
from aurora.providers.base import Cursor
from aurora.providers.vastai import VastAccount
from aurora.providers.vastai.limits import SEARCH
from aurora.providers.vastai.log_tail import GAP
from aurora.providers.vastai.names import KNOWN_GPU_NAMES
from tests.unit.providers.loopback import (
    KEY,
    Loopback,
    Raw,
    RecordingGuard,
    Reply,
    SkippingClock,
    fixture,
    make_spec,
)
from tests.unit.providers.vast_booth import INSTANCE_KEY, vast_at

ROW = fixture("bundles_a100_2026-06-03.json")["offers"][0]
DOC = fixture("docs_show_instances_v1.json")["instances"][0]


@asynccontextmanager
async def vast(handler):
    clock, guard = SkippingClock(), RecordingGuard()
    async with Loopback(handler) as server:
        provider = vast_at(server, clock=clock, guard=guard)
        try:
            yield server, provider, guard, clock
        finally:
            await provider.aclose()


def page(*rows, found=None, total=None, token=None):
    return Reply(
        {
            "success": True,
            "instances_found": len(rows) if found is None else found,
            "total_instances": len(rows) if total is None else total,
            "next_token": token,
            "instances": list(rows),
        }
    )


def instance(number, **changes):
    return {**DOC, "id": number, **changes}


async def collect(lines):
    return [line async for line in lines]


class TestCatalogue:
    async def test_a_search_asks_for_one_gpu_in_the_order_of_its_price(self):
        async with vast(Reply({"offers": [ROW]})) as (server, provider, _, _):
            await provider.offers_page(Cursor("A100 SXM4"))

            assert (server.asked[0].method, server.asked[0].path) == ("POST", "/api/v0/bundles/")
            assert server.asked[0].body == {
                "type": "on-demand",
                "verified": {"eq": True},
                "external": {"eq": False},
                "rentable": {"eq": True},
                "gpu_name": {"eq": "A100 SXM4"},
                "order": [["dph_total", "asc"]],
                "limit": 512,
                "allocated_storage": 8.0,
            }

    async def test_a_full_answer_goes_on_at_its_last_price_without_repeating_offers(self):
        rows = [
            {**ROW, "id": 1 + n, "dph_base": 1 + n / 8, "dph_total": 1 + n / 8 + 0.003} for n in range(64)
        ]
        replies = [Reply({"offers": rows}), Reply({"offers": [rows[-1], {**rows[-1], "id": 900}]})]
        async with vast(replies) as (server, provider, _, _):
            first = await provider.offers_page(Cursor("A100 SXM4"))
            second = await provider.offers_page(first.next)

            assert (len(first.offers), [offer.external_id for offer in second.offers]) == (64, ["900"])
            assert server.asked[1].body["dph_total"] == {"gte": rows[-1]["dph_total"]}
            assert (second.next, second.complete) == (None, True)

    async def test_a_market_that_cannot_be_walked_says_why(self):
        rows = [{**ROW, "id": 1 + n, "dph_total": 64.5 - n} for n in range(64)]
        async with vast(Reply({"offers": rows})) as (_, provider, _, _):
            found = await provider.offers_page(Cursor("A100 SXM4"))

        assert (found.next, found.complete) == (None, False)
        assert "not ordered" in found.rejected[-1].reason

    async def test_odd_rows_are_counted_beside_the_good_ones(self):
        async with vast(Reply({"offers": [ROW, {**ROW, "id": None}, "x"]})) as (_, provider, _, _):
            found = await provider.offers_page(Cursor("A100 SXM4"))

        assert len(found.offers) == 1
        assert {each.reason: each.count for each in found.rejected} == {
            "id is missing": 1,
            "the row is not an object": 1,
        }

    async def test_returned_rows_are_charged_to_the_quota_of_searches(self):
        async with vast(Reply({"offers": [ROW] * 30})) as (_, provider, guard, _):
            await provider.offers_page(Cursor("A100 SXM4"))

        assert guard.charged == [(SEARCH, 29)]
        assert guard.passed[0][1] == SEARCH

    async def test_each_page_has_its_own_cache_key(self):
        async with vast(Reply({"offers": []})) as (_, provider, guard, _):
            for cursor in (Cursor("A10"), Cursor("A10", '{"floor": "1"}'), Cursor("L4")):
                await provider.offers_page(cursor)

        assert len({key for _, _, key in guard.passed}) == 3

    @pytest.mark.parametrize("answer", [[], {}, {"offers": {}}, {"offers": None}, "x", 5])
    async def test_a_search_answer_without_a_list_is_malformed(self, answer):
        async with vast(Reply(answer if answer != "x" else '"x"')) as (_, provider, _, _):
            with pytest.raises(MalformedAnswer):
                await provider.offers_page(Cursor("A100 SXM4"))

    async def test_slices_are_the_markets_names_most_asked_for_first_and_asked_for_without_the_key(self):
        names = ["Zeta 9", "RTX 4090", "A100 SXM4", "Alpha 1"]
        async with vast(Reply({"gpu_names": names})) as (server, provider, _, _):
            assert await provider.catalogue_slices() == ("A100 SXM4", "RTX 4090", "Alpha 1", "Zeta 9")
            assert "authorization" not in server.asked[0].headers

    @pytest.mark.parametrize(
        "reply", [Reply({"gpu_names": []}), Reply("", status=500), Reply("<html>"), Raw()]
    )
    async def test_without_names_a_built_in_list_is_read(self, reply):
        async with vast(reply) as (_, provider, _, _):
            assert await provider.catalogue_slices() == KNOWN_GPU_NAMES

    async def test_names_are_kept_for_hours_and_survive_a_failure(self):
        replies = [Reply({"gpu_names": ["L4"]}), Reply("", status=500)]
        async with vast(replies) as (server, provider, _, clock):
            await provider.catalogue_slices()
            await provider.catalogue_slices()
            assert len(server.asked) == 1

            clock.elapsed += 7 * 3600
            assert await provider.catalogue_slices() == ("L4",)
            assert len(server.asked) == 2


class TestQuote:
    async def test_a_quote_searches_for_the_ask_and_pays_for_its_rows(self):
        row = {**ROW, "dph_total": ROW["dph_base"] + ROW["storage_cost"] * 8 / 720}
        async with vast(Reply({"offers": [row]})) as (server, provider, guard, _):
            quote = await provider.quote("39185351", gpu_count=1, disk_gb=100)

            assert server.asked[0].body["ask_contract_id"] == {"eq": 39185351}
            assert quote.usd_per_hour == Decimal("0.730370370")
            assert guard.charged == [(SEARCH, 0)]

    @pytest.mark.parametrize(
        ("rows", "error"),
        [
            ([], OfferGone),
            ([{**ROW, "rentable": False}], OfferGone),
            ([{**ROW, "rented": True}], OfferGone),
            ([{**ROW, "num_gpus": 2}], OfferGone),
            ([{**ROW, "disk_space": 50}], NoCapacity),
            ([{**ROW, "id": 5}], MalformedAnswer),
            ([{**ROW, "dph_base": None}], MalformedAnswer),
            (["x"], MalformedAnswer),
        ],
    )
    async def test_what_is_not_to_be_had_is_said_by_kind(self, rows, error):
        async with vast(Reply({"offers": rows})) as (_, provider, _, _):
            with pytest.raises(error):
                await provider.quote("39185351", gpu_count=1, disk_gb=100)


class TestCreate:
    async def test_the_body_has_only_keys_that_the_official_client_sends_too(self):
        recorded = fixture("cli_vastai_1.9.1_requests.json")
        official = next(
            request["json_body"]
            for run in recorded
            for request in run["requests"]
            if request["path"].startswith("/api/v0/asks/") and "args" in request["json_body"]
        )
        async with vast(Reply({"success": True, "new_contract": 5})) as (server, provider, _, _):
            await provider.create(make_spec("7654321"))

            sent = server.asked[0]
            assert (sent.method, sent.path) == ("PUT", "/api/v0/asks/7654321/")
            assert set(sent.body) <= set(official)
            same = ("client_id", "image", "price", "disk", "runtype", "args", "image_login")
            assert [sent.body[key] for key in same] == [official[key] for key in same]

    async def test_the_captured_rent_reply_gives_the_instance_id_and_nothing_else(self):
        reply = fixture("capture_rent_response_and_instance_partial.json")["rent_response"]
        async with vast(Reply({**reply, "instance_api_key": INSTANCE_KEY})) as (_, provider, _, _):
            created = await provider.create(make_spec())

        assert created.external_id == "33402296"
        assert INSTANCE_KEY not in repr(created)

    @pytest.mark.parametrize(
        "reply",
        [
            Reply({"success": True}),
            Reply({"success": True, "new_contract": None}),
            Reply({"success": True, "new_contract": 0}),
            Reply({"success": True, "new_contract": "soon"}),
            Reply([]),
            Reply(""),
            Reply("<html>ok</html>"),
        ],
    )
    async def test_an_accepted_create_without_an_id_has_an_unknown_outcome(self, reply):
        async with vast(reply) as (_, provider, _, _):
            with pytest.raises(MalformedAnswer) as caught:
                await provider.create(make_spec())

        assert caught.value.outcome_known is False

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (400, {"success": False, "error": "invalid_price", "msg": "bid too low", "new_contract": 77}),
            (200, {"success": False, "msg": "no_such_ask", "new_contract": 77}),
        ],
    )
    async def test_an_instance_that_a_refused_create_left_behind_is_destroyed_at_once(self, status, body):
        replies = [Reply(body, status=status), Reply({"success": True})]
        async with vast(replies) as (server, provider, _, _):
            with pytest.raises((InvalidProviderRequest, OfferGone)):
                await provider.create(make_spec())

            assert (server.asked[1].method, server.asked[1].path) == ("DELETE", "/api/v0/instances/77/")

    @pytest.mark.parametrize(
        "destroyed",
        [
            Reply({"error": "not_found", "msg": "Instance not found"}, status=404),
            Reply("", status=500),
            Reply({"success": False, "msg": "no"}),
            Raw(),
        ],
    )
    async def test_when_it_was_not_surely_destroyed_the_name_must_be_looked_for(self, destroyed):
        left = Reply({"success": False, "error": "invalid_price", "new_contract": 77}, status=400)
        async with vast([left, destroyed]) as (_, provider, _, _):
            with pytest.raises(OutcomeUnknown) as caught:
                await provider.create(make_spec())

        assert "77" in str(caught.value)

    async def test_nothing_is_sent_for_a_launch_over_the_limits(self):
        async with vast(Reply({})) as (server, provider, _, _):
            for spec in (make_spec(image=""), make_spec("../users"), make_spec(env={"-v": "x"})):
                with pytest.raises(InvalidProviderRequest):
                    await provider.create(spec)

            assert server.asked == []

    async def test_values_of_the_workload_are_in_no_error(self):
        spec = make_spec(env={"PASS": "hunter2-hunter2"}, registry_login="joe:swordfish@registry.example")
        text = "invalid env {'PASS': 'hunter2-hunter2'} or login -u joe -p swordfish registry.example or swordfish"
        async with vast(Reply({"error": "invalid_args", "msg": text}, status=400)) as (_, provider, _, _):
            with pytest.raises(InvalidProviderRequest) as caught:
                await provider.create(spec)

        shown = "".join(traceback.format_exception(caught.value))
        assert "hunter2-hunter2" not in str(caught.value)
        assert "swordfish" not in str(caught.value)
        assert KEY not in shown


class TestInstances:
    @pytest.mark.parametrize(
        "reply",
        [
            Reply({"instances": None}),
            Reply({"error": "no_such_instance", "msg": "Instance 5 not found"}, status=404),
            Reply({"success": False, "error": "no_such_instance", "msg": ""}),
        ],
    )
    async def test_null_and_vasts_own_404_are_absence(self, reply):
        async with vast(reply) as (server, provider, _, _):
            with pytest.raises(InstanceNotFound):
                await provider.status("5")

            assert server.asked[0].query == {"owner": "me"}

    @pytest.mark.parametrize(
        ("reply", "error"),
        [
            (Reply("<html>Not Found</html>", status=404), Misconfigured),
            (Reply({"detail": "Not Found"}, status=404), Misconfigured),
            (Reply({"error": None, "msg": "Invalid user key"}, status=404), CredentialRefused),
            (Reply({}), MalformedAnswer),
            (Reply({"instances": []}), MalformedAnswer),
            (Reply({"instances": {}}), MalformedAnswer),
            (Reply({"instances": {"id": 6}}), MalformedAnswer),
        ],
    )
    async def test_nothing_else_is_taken_for_absence(self, reply, error):
        async with vast(reply) as (_, provider, _, _):
            with pytest.raises(error):
                await provider.status("5")

    @pytest.mark.parametrize(
        "reply", [Reply("<html>", status=404), Reply({"detail": "Not Found"}, status=404)]
    )
    async def test_a_404_of_a_proxy_does_not_confirm_a_terminate(self, reply):
        async with vast(reply) as (_, provider, _, _):
            with pytest.raises(Misconfigured):
                await provider.terminate("5")

    @pytest.mark.parametrize(
        "reply", [Reply({"error": "gone", "msg": ""}, status=410), Reply({"success": True})]
    )
    async def test_gone_already_is_success(self, reply):
        async with vast(reply) as (_, provider, _, _):
            await provider.terminate("5")

    async def test_a_refused_destroy_is_not_success(self):
        async with vast(Reply({"success": False, "msg": "try later"})) as (_, provider, _, _):
            with pytest.raises(InvalidProviderRequest):
                await provider.terminate("5")

    @pytest.mark.parametrize("external_id", ["", "5/../6", "abc"])
    async def test_an_id_of_another_kind_is_never_put_into_a_path(self, external_id):
        async with vast(Reply({})) as (server, provider, _, _):
            for call in (provider.status, provider.terminate):
                with pytest.raises(InvalidProviderRequest):
                    await call(external_id)
            with pytest.raises(InvalidProviderRequest):
                await collect(provider.logs(external_id))

            assert server.asked == []


class TestListOwn:
    async def test_pages_are_read_to_the_last_each_through_the_guard(self):
        replies = [
            page(*(instance(n) for n in range(1, 26)), total=27, token="t1"),
            page(instance(26), total=27, token="t2"),
            page(instance(27), total=27),
        ]
        async with vast(replies) as (server, provider, guard, _):
            found = await provider.list_own()

            assert [each.external_id for each in found] == [str(n) for n in range(1, 28)]
            assert [asked.query.get("after_token") for asked in server.asked] == [None, "t1", "t2"]
            assert server.asked[0].query["limit"] == "25"
            assert len(guard.passed) == 3

    async def test_an_account_without_instances_has_an_empty_list(self):
        async with vast(page()) as (_, provider, _, _):
            assert await provider.list_own() == ()

    @pytest.mark.parametrize(
        "replies",
        [
            [page(instance(1), found=2)],
            [page(instance(1), total=2)],
            [page(instance(1), token="t1"), page(token=None, total=2)],
            [page(instance(1), token="t1"), page(instance(2), token="t1")],
            [page(token="t1")],
            [page({**DOC, "id": None})],
            [page("x")],
            [Reply({"success": True, "instances": None})],
            [Reply({"success": True})],
            [Reply({"instances": [], "next_token": 5})],
            [page(instance(1), token="t1", total=2), Reply("<html>")],
            [Reply(fixture("docs_show_instances_v1.json"))],
        ],
    )
    async def test_a_short_odd_or_endless_list_is_an_error_and_never_a_short_list(self, replies):
        async with vast(replies) as (_, provider, _, _):
            with pytest.raises(MalformedAnswer):
                await provider.list_own()

    async def test_a_failing_page_fails_the_list(self):
        async with vast([page(instance(1), token="t1", total=2), Reply("", status=502)]) as (
            _,
            provider,
            _,
            _,
        ):
            with pytest.raises(Unavailable):
                await provider.list_own()


class Log:
    """A log server: each request for logs shows the next text; the file takes `waits` looks to appear."""

    def __init__(self, *texts, waits=0, gone_after=None):
        self.texts = list(texts)
        self.waits = waits
        self.base = ""
        self.looks = 0
        self.tails = []

    def __call__(self, asked):
        if asked.path == "/log":
            self.looks += 1
            return Reply("<Error/>", status=403) if self.looks <= self.waits else Reply(self.texts[0])
        self.tails.append(asked.body["tail"])
        if self.looks:
            self.texts.pop(0)
        self.looks = 0
        if not self.texts:
            return Reply({"error": "invalid_id", "msg": "Invalid instance id."}, status=404)
        if isinstance(self.texts[0], Reply):
            self.looks = 1
            return self.texts[0]
        return Reply({"success": True, "result_url": self.base + "/log", "msg": ""})


@asynccontextmanager
async def logging(log):
    async with vast(log) as (server, provider, _, clock):
        log.base = server.url
        yield provider, clock


class TestLogs:
    async def test_the_file_is_waited_for(self):
        log = Log("one\ntwo\n", waits=3)
        async with logging(log) as (provider, clock):
            assert await collect(provider.logs("5", tail=50)) == [LogLine("one"), LogLine("two")]

        assert log.tails == ["50"]
        assert clock.elapsed == 2.0

    async def test_a_file_that_never_appears_is_the_providers_failure_in_bounded_time(self):
        async with logging(Log("x", waits=10**6)) as (provider, clock):
            with pytest.raises(Unavailable):
                await collect(provider.logs("5"))

        assert clock.elapsed == 15.0

    async def test_without_a_container_there_are_no_lines(self):
        async with logging(Log("Error response from daemon: No such container: C.5\n")) as (provider, _):
            assert await collect(provider.logs("5")) == []

    async def test_an_address_inside_our_network_is_not_called(self):
        reply = Reply({"success": True, "result_url": "http://169.254.169.254/latest/meta-data"})
        async with vast(reply) as (_, provider, _, _):
            with pytest.raises(Misconfigured):
                await collect(provider.logs("5"))

    async def test_an_answer_without_an_address_is_malformed(self):
        async with vast(Reply({"success": True, "msg": "x"})) as (_, provider, _, _):
            with pytest.raises(MalformedAnswer):
                await collect(provider.logs("5"))

    async def test_following_gives_each_line_once_until_the_instance_is_gone(self):
        log = Log("a\nb\n", "a\nb\n", "b\nb\nc\n", "b\nc\nd\n")
        async with logging(log) as (provider, _):
            lines = [line.text for line in await collect(provider.logs("5", follow=True))]

        assert lines == ["a", "b", "b", "c", "d"]

    async def test_a_gap_is_said(self):
        async with logging(Log("a\nb\n", "x\ny\n")) as (provider, _):
            lines = await collect(provider.logs("5", follow=True))

        assert lines == [LogLine("a"), LogLine("b"), GAP, LogLine("x"), LogLine("y")]

    async def test_a_line_that_still_grows_is_shown_whole(self):
        async with logging(Log("a\nhal", "a\nhalf a line\n", "a\nhalf a line\nend")) as (provider, _):
            lines = [line.text for line in await collect(provider.logs("5", follow=True))]

        assert lines == ["a", "half a line", "end"]

    async def test_a_follower_bears_a_few_failures(self):
        log = Log("a\n", Reply("", status=502), Reply("", status=502), "a\nb\n")
        async with logging(log) as (provider, _):
            lines = [line.text for line in await collect(provider.logs("5", follow=True))]

        assert lines == ["a", "b"]

    async def test_a_follower_does_not_bear_failures_without_end(self):
        log = Log("a\n", *[Reply("", status=502)] * 20)
        async with logging(log) as (provider, _):
            with pytest.raises(Unavailable):
                await collect(provider.logs("5", follow=True))


class TestHealth:
    async def test_the_credit_is_read_and_the_rest_is_not_kept(self):
        async with vast(Reply({"id": 1, "credit": 12.5, "balance": 3, "api_key": KEY})) as (
            server,
            provider,
            _,
            _,
        ):
            report = await provider.health()

            assert (report.ok, report.credit_usd, report.detail) == (True, 12.5, "")
            assert KEY not in repr(report)
            assert server.asked[0].path == "/api/v0/users/current"

    async def test_an_empty_account_is_said(self):
        async with vast(Reply({"credit": 0})) as (_, provider, _, _):
            assert (await provider.health()).detail == "no credit left"

    async def test_an_answer_without_credit_is_still_an_answer(self):
        async with vast(Reply({"id": 1})) as (_, provider, _, _):
            assert (await provider.health()).credit_usd is None


def test_neither_account_nor_provider_show_the_key():
    assert KEY not in repr(VastAccount(SecretStr(KEY)))
