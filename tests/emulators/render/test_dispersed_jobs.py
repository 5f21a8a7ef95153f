from datetime import datetime
from decimal import Decimal

import pytest

from tests.emulators.render.conftest import RTX_5090, SAMPLE

STATUSES = [
    *("PENDING", "ASSIGNED", "PREPARING", "RUNNING", "COMPLETED"),
    *("FAILING", "FAILED", "CANCELLING", "CANCELLED"),
]


async def watched(dispersed, job, *, seconds, step=1):
    seen = []
    for _ in range(int(seconds / step)):
        status = await dispersed.status(job)
        if not seen or seen[-1] != status:
            seen.append(status)
        dispersed.clock.step(step)
    return seen


async def test_the_registry_has_a_row_for_each_model(dispersed):
    rows = await dispersed.rows("/v1/gpu-registry", limit=50)
    free = await dispersed.rows("/v1/gpu-registry", limit=50, **{"filter[only_available]": "true"})
    large = await dispersed.rows("/v1/gpu-registry", limit=50, **{"filter[min_vram_gb]": "80"})
    by_uuid = {row["uuid"]: row for row in rows}

    assert len(rows) == len(by_uuid) == 18
    assert by_uuid[RTX_5090]["name"] == "NVIDIA RTX 5090"
    assert {row["name"]: row["price_per_hour"] for row in rows}["NVIDIA RTX 4090"] == 0.35
    assert all(row["available"] > 0 for row in free)
    assert {row["name"] for row in large} < {row["name"] for row in rows}
    assert all(row["vram_gb"] >= 80 for row in large)
    assert len(await dispersed.rows("/v1/gpu-registry", limit=3)) == 3


async def test_the_recorded_request_is_answered_with_a_job(dispersed):
    answer = await dispersed.create()

    job = answer.body
    assert answer.status == 201
    assert (job["title"], job["task"], job["status"]) == (SAMPLE["title"], "PERSISTENT", "PENDING")
    assert "LLAMA" not in str(job)
    assert "ssh-ed25519" not in str(job)


async def test_a_job_goes_over_assigned_and_preparing_to_running(dispersed):
    job = await dispersed.rent()

    assert await watched(dispersed, job, seconds=300) == STATUSES[:4]


async def test_where_it_is_reached_stands_in_the_run_not_in_the_job(dispersed):
    job = await dispersed.running()
    early = await dispersed.runs(job)
    dispersed.clock.step(10)
    run = (await dispersed.runs(job, **{"filter[status]": "RUNNING", "limit": 50, "sort": "-created_at"}))[0]

    assert early[0]["node_urls"] == []
    assert (run["job_uuid"], run["job_snapshot"], run["status"]) == (job, {"uuid": job}, "RUNNING")
    assert {url["description"] for url in run["node_urls"]} == {"ssh", "5000"}
    assert all(url["tls"] is False and url["hostname"].endswith(".example") for url in run["node_urls"])
    assert len({url["port"] for url in run["node_urls"]}) == 2
    assert run["container_access_tokens"][0]["token"]  # of the recorded image, which asks for one


async def test_without_port_22_no_urls_are_reported(dispersed):
    inner = {**SAMPLE["parameters"]["parameters"], "ports": [5000], "image": "nginx"}
    job = await dispersed.running(parameters={"type": "docker", "parameters": inner})
    dispersed.clock.step(60)
    hidden = (await dispersed.runs(job))[0]
    await dispersed.control("POST", "settings", json={"needs_ssh_port": False})
    shown = (await dispersed.runs(job))[0]

    assert hidden["node_urls"] == []
    assert [url["description"] for url in shown["node_urls"]] == ["5000"]
    assert shown["container_access_tokens"] == []


async def test_cancelling_takes_a_moment_and_may_be_repeated(dispersed):
    job = await dispersed.running()

    first = await dispersed.cancel(job)
    second = await dispersed.cancel(job)
    dispersed.clock.step(10)
    third = await dispersed.cancel(job)

    assert [a.status for a in (first, second, third)] == [200] * 3
    assert [a.body["status"] for a in (first, second, third)] == ["CANCELLING", "CANCELLING", "CANCELLED"]
    assert (await dispersed.cancel("none")).status == 404


async def test_a_batch_job_completes_and_needs_a_longest_time(dispersed):
    refused = await dispersed.create(task="BATCH")
    job = await dispersed.rent(task="BATCH", max_timeout_run_ms=3_600_000)
    short = await dispersed.rent(task="BATCH", max_timeout_run_ms=5_000)
    dispersed.clock.step(900)

    assert (refused.status, refused.code) == (400, "validation_error")
    assert await dispersed.status(job) == "COMPLETED"
    assert await dispersed.status(short) == "CANCELLED"


async def test_an_image_that_cannot_be_had_fails_with_notice(dispersed):
    inner = {**SAMPLE["parameters"]["parameters"], "image": "acme/does-not-exist"}
    parameters = {"type": "docker", "parameters": inner}
    job = await dispersed.rent(parameters=parameters, max_retry_count=0)
    often = await dispersed.rent(parameters=parameters, max_retry_count=2)

    assert await watched(dispersed, job, seconds=150) == [
        "PENDING",
        "ASSIGNED",
        "PREPARING",
        "FAILING",
        "FAILED",
    ]
    dispersed.clock.step(600)
    assert [run["status"] for run in await dispersed.runs(often)] == ["FAILED"] * 3


async def test_a_lost_node_is_retried_as_a_new_run(dispersed):
    job = await dispersed.running()
    await dispersed.event("offline", job)
    pending = await dispersed.status(job)
    dispersed.clock.step(400)

    assert pending == "PENDING"
    assert [run["status"] for run in await dispersed.runs(job)] == ["RUNNING", "FAILED"]


async def test_a_job_waits_for_a_node_until_its_limit(dispersed):
    row = next(r for r in await dispersed.rows("/v1/gpu-registry") if 0 < r["available"] <= 3)
    wanted = {"gpu_registry_uuid": row["uuid"], "min_vram_gb": 0, "max_retry_count": 0}
    held = [await dispersed.rent(**wanted) for _ in range(row["available"])]
    waiting = await dispersed.rent(**wanted)
    impatient = await dispersed.rent(**wanted, max_timeout_assign_ms=30_000)
    dispersed.clock.step(40)
    before = await dispersed.status(waiting), await dispersed.status(impatient)
    await dispersed.cancel(held[0])
    dispersed.clock.step(400)

    assert before == ("PENDING", "FAILED")
    assert await dispersed.status(waiting) == "RUNNING"
    assert (await dispersed.ledger())[impatient]["usd_billed"] == 0
    free = await dispersed.rows("/v1/gpu-registry", **{"filter[only_available]": "true"})
    assert row["uuid"] not in {r["uuid"] for r in free}


async def test_a_job_that_never_starts_fails_at_its_limit(dispersed):
    await dispersed.fault("never_starts", count=1)
    job = await dispersed.rent(max_timeout_start_ms=600_000, max_retry_count=0)
    dispersed.clock.step(500)
    before = await dispersed.status(job)
    dispersed.clock.step(200)

    assert (before, await dispersed.status(job)) == ("PREPARING", "FAILED")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"gpu_registry_uuid": None, "gpu_name": "RTX 4090"}, "NVIDIA RTX 4090"),
        ({"gpu_registry_uuid": None, "gpu_name": "NVIDIA RTX 5090"}, "NVIDIA RTX 5090"),
        ({"gpu_registry_uuid": None, "min_vram_gb": 100}, "NVIDIA H200 SXM"),
    ],
)
async def test_the_gpu_is_chosen_by_name_or_by_what_is_needed(dispersed, changes, name):
    assert (await dispersed.create(**changes)).body["gpu_name"] == name


@pytest.mark.parametrize(
    "changes",
    [
        {"task": "SOMETIMES"},
        {"title": ""},
        {"gpu_registry_uuid": "none"},
        {"gpu_count": 7},
        {"gpu_count": "1"},
        {"min_vram_gb": 999},
        {"command": ["true"]},
        {"parameters": {"type": "vm", "parameters": {"image": "a"}}},
        {"parameters": {"type": "docker", "parameters": {"image": "a", "command": ["true"]}}},
    ],
)
async def test_a_wrong_order_is_refused_and_makes_nothing(dispersed, changes):
    answer = await dispersed.create(**changes)

    assert (answer.status, answer.code) == (400, "validation_error")
    assert await dispersed.ledger() == {}


async def test_bodies_and_parameters_that_cannot_be_read_are_refused(dispersed):
    job = await dispersed.rent()
    answers = [
        await dispersed.ask("PUT", f"/v1/jobs/{job}/cancel", json=[1]),
        await dispersed.ask("PUT", f"/v1/jobs/{job}/cancel", json={"reason": 1}),
        await dispersed.ask("POST", "/v1/jobs", json=[]),
        await dispersed.ask("GET", "/v1/gpu-registry", parameters={"filter[min_vram_gb]": "large"}),
    ]
    empty = [await dispersed.ask("POST", "/v1/jobs"), await dispersed.ask("GET", "/v1/jobs/none")]

    assert {(answer.status, answer.code) for answer in answers} == {(400, "validation_error")}
    assert [(answer.status, answer.code) for answer in empty] == [(400, "bad_json"), (404, "not_found")]
    assert (await dispersed.ask("PUT", f"/v1/jobs/{job}/cancel")).status == 200


async def test_no_secret_comes_back_in_a_refusal(dispersed):
    inner = {
        "image": "a",
        "env": {"A": "hush"},
        "host": "ghcr.io",
        "user": "hush",
        "secret": "hush",
        "ports": "hush",
    }

    answer = await dispersed.create(parameters={"type": "docker", "parameters": inner})

    assert answer.status == 400
    assert "hush" not in str(answer.body)


async def test_lists_filter_sort_and_stop_at_the_limit(dispersed):
    ids = [await dispersed.rent(title=f"aurora-{place}") for place in range(4)]
    await dispersed.cancel(ids[0])
    dispersed.clock.step(10)
    active = {"filter[status]": "PENDING,ASSIGNED,PREPARING,RUNNING"}

    assert [job["uuid"] for job in await dispersed.rows("/v1/jobs")] == ids[::-1]
    assert [job["uuid"] for job in await dispersed.rows("/v1/jobs", sort="created_at")] == ids
    assert [job["uuid"] for job in await dispersed.rows("/v1/jobs", limit=2, sort="-created_at")] == ids[
        :1:-1
    ]
    assert [job["uuid"] for job in await dispersed.rows("/v1/jobs", **active)] == ids[:0:-1]
    assert await dispersed.rows("/v1/jobs", **{"filter[task]": "BATCH"}) == []
    assert await dispersed.rows("/v1/jobs", **{"filter[recipe_uuid]": "x"}) == []


@pytest.mark.parametrize(
    "parameters", [{"filter[title]": "a"}, {"cursor": "x"}, {"limit": "0"}, {"sort": "title"}]
)
async def test_parameters_that_nobody_saw_work_are_refused(dispersed, parameters):
    answer = await dispersed.ask("GET", "/v1/jobs", parameters=parameters)

    assert (answer.status, answer.code) == (400, "validation_error")


async def test_real_limits_cut_lists_at_fifty(start):
    relaxed, real = await start(), await start(limits="real")
    counts = []
    for dispersed in (relaxed, real):
        for _ in range(52):
            await dispersed.rent(gpu_registry_uuid=None, gpu_name=None)
        counts.append(len(await dispersed.rows("/v1/jobs", limit=100)))

    assert counts == [52, 50]


class TestMoney:
    async def test_the_bill_runs_from_creation_to_the_end_and_not_beyond(self, dispersed):
        job = await dispersed.rent(gpu_count=2)
        created = dispersed.clock.now()
        for _ in range(40):
            dispersed.clock.step(100)
        await dispersed.cancel(job)
        dispersed.clock.step(3600)

        row = (await dispersed.ledger())[job]
        seconds = (datetime.fromisoformat(row["stopped_at"]) - created).total_seconds()
        transaction = (await dispersed.rows("/v1/compute/ledger/transactions", limit=10, sort="-created_at"))[
            0
        ]

        assert row["usd_per_hour"] == pytest.approx(1.38)
        assert row["usd_billed"] == pytest.approx(1.38 * seconds / 3600, abs=0.0005)
        assert -Decimal(transaction["amount"]) == pytest.approx(
            Decimal(str(row["usd_billed"])), abs=Decimal("1e-6")
        )
        assert transaction["job_uuid"] == job

    async def test_a_job_may_be_billed_as_the_whole_node(self, dispersed):
        await dispersed.control("POST", "settings", json={"whole_nodes": True})
        job = await dispersed.running()

        assert (await dispersed.ledger())[job]["usd_per_hour"] == pytest.approx(4.14)

    async def test_without_credits_jobs_end_and_none_begins(self, start):
        dispersed = await start(credit_usd=Decimal("0.5"))
        job = await dispersed.running()
        dispersed.clock.step(7200)

        assert await dispersed.status(job) == "FAILED"
        assert (await dispersed.ledger())[job]["usd_billed"] == pytest.approx(0.5, abs=0.01)
        assert (await dispersed.create()).status == 402


class TestFaults:
    async def test_a_lagging_list_does_not_show_the_youngest(self, dispersed):
        job = await dispersed.rent()
        await dispersed.fault("list_lag", seconds=20, count=1)

        assert await dispersed.rows("/v1/jobs") == []
        assert [row["uuid"] for row in await dispersed.rows("/v1/jobs")] == [job]

    async def test_an_ignored_cancel_says_so_and_the_job_lives_on(self, dispersed):
        job = await dispersed.running()
        await dispersed.fault("delete_ignored", count=1)
        said = await dispersed.cancel(job)
        dispersed.clock.step(60)

        assert said.body["status"] == "CANCELLING"
        assert await dispersed.status(job) == "RUNNING"

    async def test_start_failure_and_charge_factor(self, dispersed):
        await dispersed.fault("start_failure", count=1)
        await dispersed.fault("charge_factor", k=2, count=1)
        job = await dispersed.rent(max_retry_count=0)
        dispersed.clock.step(300)

        assert await dispersed.status(job) == "FAILED"
        assert (await dispersed.ledger())[job]["usd_per_hour"] == pytest.approx(1.38)

    @pytest.mark.parametrize(
        ("operation", "method", "path"),
        [
            ("offers", "GET", "/v1/gpu-registry"),
            ("list", "GET", "/v1/jobs"),
            ("status", "GET", "/v1/jobs/none"),
            ("status", "GET", "/v1/job-runs"),
            ("create", "POST", "/v1/jobs"),
            ("terminate", "PUT", "/v1/jobs/none/cancel"),
            ("health", "GET", "/v1/compute/ledger/transactions"),
        ],
    )
    async def test_each_operation_can_be_hit_and_is_counted(self, dispersed, operation, method, path):
        body = SAMPLE if method == "POST" else None
        await dispersed.fault("status", operation, code=503, body={"error": {"code": "later"}}, count=1)

        hit = await dispersed.ask(method, path, json=body)

        assert (hit.status, hit.code) == (503, "later")
        assert (await dispersed.ask(method, path, json=body)).status in {200, 201, 404}
        assert (await dispersed.control("GET", "calls")) == {operation: 2}

    async def test_a_status_that_no_document_knows_can_be_shown(self, dispersed):
        job = await dispersed.running()
        await dispersed.event("unknown", job, status="HIBERNATING")

        assert await dispersed.status(job) == "HIBERNATING"


async def test_signed_and_keyed_calls_share_paths_and_nothing_else(dispersed):
    signed = await dispersed.rent()
    bearer = {"Authorization": "Bearer k"}
    order = {"name": "a", "image": "nginx:1", "gpu": {"gpu_model": "4090", "gpu_count": 1}}
    here = f"{dispersed.url}/render/v1"
    headers = {**bearer, "Idempotency-Key": "a-key-of-mine"}
    async with dispersed.session.post(f"{here}/jobs", json=order, headers=headers) as response:
        keyed = (await response.json())["id"]
    async with dispersed.session.get(f"{here}/jobs", headers=bearer) as response:
        listed = [job["id"] for job in (await response.json())["data"]]
    async with dispersed.session.get(f"{here}/jobs") as response:
        nobody = response.status, (await response.json())["error"]["code"]

    assert listed == [keyed]
    assert [job["uuid"] for job in await dispersed.rows("/v1/jobs")] == [signed]
    assert set(await dispersed.ledger()) == {keyed, signed}
    assert nobody == (401, "unauthenticated")
    strange = await dispersed.ask("GET", "/v1/logs")
    assert (strange.status, strange.code) == (404, "not_found")


async def test_settings_of_both_are_changed_together_or_not_at_all(dispersed):
    url = f"{dispersed.url}/_emulator/render/settings"
    async with dispersed.session.post(url, json={"whole_nodes": True, "health": "fine"}) as response:
        refused = response.status, (await response.json())["field"]
    before = (await dispersed.control("GET", "settings"))["settings"]
    await dispersed.control("POST", "settings", json={"whole_nodes": True, "health": "degraded"})
    after = (await dispersed.control("GET", "settings"))["settings"]

    assert refused == (422, "health")
    assert (before["whole_nodes"], before["health"]) == (False, "ok")
    assert (after["whole_nodes"], after["health"]) == (True, "degraded")
