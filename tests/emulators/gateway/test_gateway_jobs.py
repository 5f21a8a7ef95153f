from datetime import datetime

import pytest

ORDER_OF_LIFE = ["queued", "provisioning", "running"]


async def watched(gateway, job_id, *, seconds, step):
    """The statuses met, each once, in order."""
    seen = []
    for _ in range(int(seconds / step)):
        status = (await gateway.job(job_id))["status"]
        if not seen or seen[-1] != status:
            seen.append(status)
        gateway.clock.step(step)
    return seen


async def test_a_job_goes_from_the_queue_over_a_node_to_running(each):
    job_id = await each.rent()
    step = 1 if each.brand == "render" else 15

    assert await watched(each, job_id, seconds=160 * step, step=step) == ORDER_OF_LIFE


async def test_slow_markets_are_slow(start):
    waits = {}
    for brand in ("render", "aethir", "flux"):
        market = await start(brand)
        job = await market.job(await market.running())
        waits[brand] = (_at(job["started_at"]) - _at(job["created_at"])).total_seconds()

    assert waits["render"] < 200 < waits["aethir"]
    assert waits["flux"] > 200


def _at(text):

    return datetime.fromisoformat(text)


async def test_state_speed_shortens_every_wait(start):
    quick = await start("aethir", state_speed=60)
    job_id = await quick.rent()
    quick.clock.step(15)

    assert (await quick.job(job_id))["status"] == "running"


async def test_endpoints_come_when_the_ports_answer(start):
    render, aethir = await start("render"), await start("aethir")
    ports = [{"container_port": 8080, "protocol": "http"}, {"container_port": 22, "protocol": "tcp"}]
    shown = {}
    for market in (render, aethir):
        job_id = await market.rent(ports=ports)
        assert (await market.job(job_id))["endpoints"] == []
        market.clock.step(1200)
        shown[market.brand] = (await market.job(job_id))["endpoints"]

    plain, behind_tls = shown["render"][0], shown["aethir"][0]
    assert plain["url"] == f"http://{plain['host']}:{plain['port']}"
    assert (behind_tls["port"], behind_tls["url"]) == (443, f"https://{behind_tls['host']}")
    assert "url" not in shown["render"][1]
    assert shown["render"][1]["container_port"] == 22
    assert plain["port"] != shown["render"][1]["port"]


@pytest.mark.parametrize(
    ("body", "status", "code", "exit_code"),
    [
        ({"command": ["sh", "-c"], "args": ["sleep 30; exit 0"]}, "succeeded", None, 0),
        ({"command": ["sh", "-c"], "args": ["exit 3"]}, "failed", "exit_nonzero", 3),
        ({"command": ["false"]}, "failed", "exit_nonzero", 1),
        ({"args": ["sh", "-c", "exit 137"]}, "failed", "out_of_memory", 137),
        ({"image": "ghcr.io/acme/does-not-exist:1"}, "failed", "image_pull_failed", None),
        ({"max_duration_minutes": 5}, "cancelled", "max_duration", None),
    ],
)
async def test_how_jobs_end(gateway, body, status, code, exit_code):
    job_id = await gateway.rent(**body)
    gateway.clock.step(900)

    job = await gateway.job(job_id)

    assert (job["status"], job["exit_code"]) == (status, exit_code)
    assert (job["status_reason"] or {}).get("code") == code
    assert job["finished_at"] is not None


async def test_the_longest_time_counts_from_running_and_keeps_to_the_second(gateway):
    job_id = await gateway.rent(max_duration_minutes=5)
    gateway.clock.step(900)
    job = await gateway.job(job_id)

    lasted = (_at(job["finished_at"]) - _at(job["started_at"])).total_seconds()
    assert 300 <= lasted < 306


@pytest.mark.parametrize(
    ("event", "code"), [("offline", "node_lost"), ("crashed", "exit_nonzero"), ("oom", "out_of_memory")]
)
async def test_what_befalls_a_job_ends_it_or_starts_it_again(gateway, event, code):
    once, again = await gateway.running(), await gateway.running(restart_policy="on_failure")
    for job_id in (once, again):
        await gateway.event(event, job_id)

    first, second = await gateway.job(once), await gateway.job(again)
    statuses = await watched(gateway, again, seconds=200, step=1.5)

    assert (first["status"], first["status_reason"]["code"]) == ("failed", code)
    assert (second["status"], second["attempt"]) == ("queued", 2)
    assert statuses == ORDER_OF_LIFE


async def test_even_on_failure_gives_up(gateway):
    job_id = await gateway.rent(command=["false"], restart_policy="on_failure")
    gateway.clock.step(3600)

    job = await gateway.job(job_id)

    assert (job["status"], job["attempt"]) == ("failed", 6)


async def test_spot_offers_are_taken_away_in_the_end_and_others_are_not(gateway):
    spot = (await gateway.offers(spot="true"))[0]
    lost, kept = await gateway.running(spot), await gateway.running()
    gateway.clock.step(90 * 3600)

    first, second = await gateway.job(lost), await gateway.job(kept)

    assert (first["status"], first["status_reason"]["code"]) == ("failed", "node_lost")
    assert second["status"] == "running"


async def test_now_and_then_aethir_finds_no_node_after_all(start):
    aethir = await start("aethir", offers=2400)
    ids = [await aethir.rent(offer) for offer in (await aethir.offers())[:120]]
    aethir.clock.step(700)
    jobs = [await aethir.job(job_id) for job_id in ids]

    failed = [job for job in jobs if job["status"] == "failed"]
    assert 0 < len(failed) < 20
    assert {job["status_reason"]["code"] for job in failed} == {"no_capacity"}
    assert {job["billing_started_at"] for job in failed} == {None}
    assert {job["cost_total"] for job in failed} == {"0.000000"}


async def test_capacity_runs_out_and_comes_back(each):
    offer = await each.an_offer()
    held = [await each.rent(offer) for _ in range(offer["available"])]

    taken = await each.create(offer)
    sold_out = [row["id"] for row in await each.offers()]
    await each.delete(held[0])
    each.clock.step(10)

    assert (taken.status, taken.code, taken.body["error"]["retryable"]) == (409, "no_capacity", True)
    assert offer["id"] not in sold_out
    assert (await each.get(f"/gpus/{offer['id']}"))["available"] == 1
    assert (await each.create(offer)).status == 201


async def test_by_need_the_cheapest_that_fits_is_taken(gateway):
    need = {"gpu_model": "rtx 5090", "gpu_count": 1, "min_vram_gb": 32, "region": "us-west"}
    cheapest = (await gateway.offers(gpu_model="rtx 5090", gpu_count=1, region="us-west"))[0]

    answer = await gateway.create(gpu=need)
    nothing = await gateway.create(gpu={**need, "gpu_count": 64})

    assert answer.body["offer_id"] == cheapest["id"]
    assert (nothing.status, nothing.code) == (409, "no_capacity")


async def test_what_cannot_be_had_is_refused(gateway):
    offer = await gateway.an_offer()

    unknown = await gateway.create({"id": "none"})
    large = await gateway.create(offer, disk_gb=offer["max_disk_gb"] + 1)
    dear = await gateway.create(offer, max_price_per_hour="0.000001")

    assert (unknown.status, unknown.code) == (404, "not_found")
    assert (large.status, large.fields) == (422, ["disk_gb"])
    assert (dear.status, dear.code) == (409, "price_changed")
    assert await gateway.ledger() == {}


async def test_a_price_that_rose_meets_the_buyers_limit_and_leaves_old_jobs_alone(gateway):
    offer = await gateway.an_offer()
    old = await gateway.rent(offer, max_price_per_hour=offer["price_per_hour"])
    await gateway.control("POST", "settings", json={"price_factor": 1.25})

    late = await gateway.create(offer, max_price_per_hour=offer["price_per_hour"])

    assert (late.status, late.code) == (409, "price_changed")
    assert (await gateway.job(old))["price_per_hour"] == offer["price_per_hour"]
    assert (await gateway.an_offer())["price_per_hour"] != offer["price_per_hour"]


class TestIdempotency:
    async def test_the_same_request_makes_one_job(self, gateway):
        offer = await gateway.an_offer()
        first = await gateway.create(offer, idempotency_key="again-and-again")
        gateway.clock.step(30)

        second = await gateway.create(offer, idempotency_key="again-and-again")

        assert (first.status, second.status) == (201, 200)
        assert first.body["id"] == second.body["id"]
        assert second.headers["Idempotent-Replayed"] == "true"
        assert len(await gateway.ledger()) == 1

    async def test_another_body_is_a_mistake(self, gateway):
        offer = await gateway.an_offer()
        await gateway.create(offer, idempotency_key="one-key-only")

        answer = await gateway.create(offer, idempotency_key="one-key-only", disk_gb=21)

        assert (answer.status, answer.code) == (409, "idempotency_mismatch")

    async def test_a_request_that_failed_does_not_use_up_its_key(self, gateway):
        offer = await gateway.an_offer()
        await gateway.create(offer, idempotency_key="second-chance", disk_gb=0)

        assert (await gateway.create(offer, idempotency_key="second-chance")).status == 201

    async def test_keys_live_a_day(self, gateway):
        offer = await gateway.an_offer()
        first = await gateway.create(offer, idempotency_key="one-day-only")
        gateway.clock.step(24 * 3600)

        assert (await gateway.create(offer, idempotency_key="one-day-only")).body["id"] != first.body["id"]

    @pytest.mark.parametrize("key", ["", "short", "k" * 129])
    async def test_a_key_is_required(self, gateway, key):
        headers = {"Idempotency-Key": key} if key else {}
        order = {"name": "a", "image": "a:1", "gpu": {"offer_id": "a"}}

        answer = await gateway.ask("POST", "/jobs", json=order, headers=headers)

        assert (answer.status, answer.code) == (400, "missing_idempotency_key")

    async def test_an_answer_that_was_lost_can_be_asked_for_again(self, gateway):
        offer = await gateway.an_offer()
        await gateway.fault("status", "create", code=502, body="<html>", effect=True, count=1)
        order = {"name": "a", "image": "nginx:1", "gpu": {"offer_id": offer["id"]}}
        headers = {"Idempotency-Key": "lost-answer"}

        lost = await gateway.ask("POST", "/jobs", json=order, headers=headers, checked=False)
        found = await gateway.ask("POST", "/jobs", json=order, headers=headers)

        assert (lost.status, found.status) == (502, 200)
        assert len(await gateway.ledger()) == 1


class TestDelete:
    async def test_it_stops_within_two_minutes_and_frees_the_offer(self, each):
        job_id = await each.running()

        first = await each.delete(job_id)
        each.clock.step(120)
        second = await each.delete(job_id)

        assert (first.status, first.body["status"]) == (202, "stopping")
        assert (second.status, second.body["status"]) == (200, "cancelled")
        assert second.body["status_reason"]["code"] == "user_requested"

    async def test_before_it_had_a_node_it_costs_nothing(self, each):
        job_id = await each.rent()
        await each.delete(job_id)
        each.clock.step(3600)
        job = await each.job(job_id)

        assert (job["status"], job["cost_total"], job["billing_started_at"]) == (
            "cancelled",
            "0.000000",
            None,
        )

    async def test_twice_at_once_is_one_end(self, gateway):
        job_id = await gateway.running()
        ends = [(await gateway.delete(job_id)).body["status"] for _ in range(2)]
        gateway.clock.step(60)

        assert ends == ["stopping", "stopping"]
        assert (await gateway.job(job_id))["status"] == "cancelled"

    async def test_an_ended_job_stays_readable_for_a_week(self, gateway):
        job_id = await gateway.rent(command=["true"])
        gateway.clock.step(300)
        ended = await gateway.job(job_id)
        gateway.clock.step(7 * 86_400 - 400)
        still = await gateway.job(job_id)
        gateway.clock.step(800)

        assert ended["status"] == still["status"] == "succeeded"
        assert (await gateway.ask("GET", f"/jobs/{job_id}")).status == 404
        assert job_id in await gateway.ledger()


class TestList:
    async def test_pages_show_every_job_once_the_newest_first(self, gateway):
        offers = (await gateway.offers(spot="false"))[:12]
        ids = [await gateway.rent(offer) for offer in offers]
        seen, query = [], {"limit": 5}
        while True:
            body = await gateway.get("/jobs", **query)
            seen += [job["id"] for job in body["data"]]
            if body["next_cursor"] is None:
                break
            query["cursor"] = body["next_cursor"]

        assert seen == ids[::-1]

    async def test_a_job_is_listed_at_once(self, gateway):
        job_id = await gateway.rent()

        assert [job["id"] for job in (await gateway.get("/jobs"))["data"]] == [job_id]

    async def test_filters(self, gateway):
        offers = (await gateway.offers(spot="false"))[:4]
        names = ("aurora-x-1", "aurora-x-2", "aurora-y-1", "other")
        for offer, name in zip(offers, names, strict=True):
            await gateway.rent(offer, name=name, labels={"owner": name[:6], "n": name[-1]})
            gateway.clock.step(60)
        middle = (await gateway.get("/jobs", name="aurora-x-2"))["data"][0]["created_at"]

        async def found(query):
            body = (await gateway.ask("GET", f"/jobs?{query}")).body
            return sorted(job["name"] for job in body["data"])

        assert await found("name=aurora-x") == []
        assert await found("name_prefix=aurora-x-") == ["aurora-x-1", "aurora-x-2"]
        assert await found("label=owner:aurora") == list(names[:3])
        assert await found("label=owner:aurora&label=n:1") == ["aurora-x-1", "aurora-y-1"]
        assert await found("status=succeeded") == []
        assert await found("status=queued,provisioning,running") == sorted(names)
        assert await found(f"created_after={middle}") == ["aurora-y-1", "other"]

    @pytest.mark.parametrize(
        ("query", "status"),
        [("label=x", 422), ("created_after=soon", 422), ("cursor=x", 400), ("cursor=eyJuIjoieCJ9", 400)],
    )
    async def test_what_cannot_be_read_is_refused(self, gateway, query, status):
        assert (await gateway.ask("GET", f"/jobs?{query}")).status == status


async def test_a_status_that_no_document_knows_can_be_shown(gateway):
    job_id = await gateway.running()
    await gateway.event("unknown", job_id)
    strange = await gateway.ask("GET", f"/jobs/{job_id}", checked=False)
    await gateway.event("online", job_id)

    assert strange.body["status"] == "hibernating"
    assert (await gateway.job(job_id))["status"] == "running"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"event": "exited"}, "event"),
        ({"event": "offline"}, "event"),
        ({"event": "dance"}, "event"),
        ({"event": "crashed", "exit_code": 0}, "exit_code"),
        ({"event": "offline", "id": "job_none"}, "id"),
    ],
)
async def test_events_that_cannot_be_are_refused(gateway, body, field):
    job_id = await (gateway.running() if "exit_code" in body else gateway.rent())
    url = f"{gateway.url}/_emulator/render/events"

    async with gateway.session.post(url, json={"id": job_id, **body}) as response:
        assert (response.status, (await response.json())["field"]) == (422, field)


async def test_a_queued_job_may_be_told_that_there_is_no_node(gateway):
    job_id = await gateway.rent(restart_policy="on_failure")
    await gateway.event("no_capacity", job_id)

    job = await gateway.job(job_id)

    assert (job["status"], job["status_reason"]["code"], job["cost_total"]) == (
        "failed",
        "no_capacity",
        "0.000000",
    )


async def test_a_body_must_be_json_and_say_so(gateway):
    headers = {"Idempotency-Key": "not-json-at-all"}
    kinds = ({"Content-Type": "application/json"}, {"Content-Type": "text/plain"})

    answers = [await gateway.ask("POST", "/jobs", data=b"{", headers={**headers, **kind}) for kind in kinds]

    assert [(answer.status, answer.code) for answer in answers] == [(400, "bad_json")] * 2


async def test_the_base_url_may_be_with_or_without_v1(gateway):
    async with gateway.session.get(
        f"{gateway.url}/render/gpus/", headers={"Authorization": "Bearer k"}
    ) as response:
        plain = await response.json()

    assert plain == await gateway.get("/gpus")
