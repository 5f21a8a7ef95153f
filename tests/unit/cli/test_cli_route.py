"""`aurora route` and `aurora whatif`."""

import pytest

from tests.unit.cli.cli_answers import DEPLOYMENT, deployment, failed_over, no_capacity, route, whatif
from tests.unit.cli.cli_standin import Reply, problem

ASK = ("route", "--workload", "llm_inference", "--gpu", "a100", "--region", "us-west", "--duration", "2h")


def test_the_answer_says_where_for_how_much_why_and_how_to_go_on(aurora, standin):
    standin.on("POST /route", route())

    done = aurora(*ASK)

    assert done.code == 0
    for said in (
        DEPLOYMENT,
        "vastai:8133742",
        "$2.4200/h ($1.2100 per GPU), firm, 12 s old",
        "the best of 41",
    ):
        assert said in done.out
    assert f"aurora status {DEPLOYMENT} --watch" in done.out
    assert f"aurora terminate {DEPLOYMENT}" in done.out


def test_only_what_was_said_is_asked_for_and_durations_become_gpu_hours(aurora, standin):
    standin.on("POST /route", route())

    aurora(*ASK, "--count", "4", "--max-price", "2.50")

    (asked,) = standin.calls("POST")
    assert asked.body == {
        "workload_type": "llm_inference",
        "gpu_type": "a100",
        "gpu_count": 4,
        "gpu_hours": 8,
        "region": "us-west",
        "max_price": 2.5,
    }
    assert asked.headers["idempotency-key"].startswith("cli-")


def test_every_option_arrives_in_its_field(aurora, standin):
    standin.on("POST /route", route())
    options = [
        "--gpu-hours",
        "1.5",
        "--max-total-cost",
        "9",
        "--max-latency",
        "300",
        "--min-reputation",
        "80",
        "--min-vram",
        "40",
        "--min-g-score",
        "50",
        "--image",
        "ghcr.io/me/x:1",
        "--env",
        "A=b=c",
        "--env",
        "FROM_HERE",
        "--port",
        "8080",
        "--port",
        "53/udp",
        "--disk",
        "20",
        "--provider",
        "vastai",
        "--exclude",
        "akash",
        "--no-spot",
        "--allow-larger",
        "--policy",
        "seed-v1",
        "--weight",
        "price=0.4",
        "--weight",
        "latency=1",
        "--max-attempts",
        "2",
        "--on-interruption",
        "fail",
        "--seed",
        "7",
    ]

    done = aurora("route", "--gpu", "a100", *options, "--command", "python serve.py", FROM_HERE="x")

    assert done.code == 0
    assert standin.calls("POST")[0].body == {
        "gpu_type": "a100",
        "gpu_hours": 1.5,
        "max_total_cost": 9,
        "max_latency_ms": 300,
        "min_reputation": 80,
        "min_vram_gb": 40,
        "min_g_score": 50,
        "image": "ghcr.io/me/x:1",
        "command": "python serve.py",
        "env": {"A": "b=c", "FROM_HERE": "x"},
        "ports": ["8080", "53/udp"],
        "disk_gb": 20,
        "providers": ["vastai"],
        "exclude_providers": ["akash"],
        "spot": False,
        "allow_larger": True,
        "policy": "seed-v1",
        "weights": {"price": 0.4, "latency": 1},
        "max_attempts": 2,
        "on_interruption": "fail",
        "seed": 7,
    }


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--duration", "2x"], "--duration"),
        (["--duration", "2h", "--gpu-hours", "2"], "--duration"),
        (["--max-price", "NaN"], "--max-price"),
        (["--env", "NOT_SET_ANYWHERE"], "--env"),
        (["--weight", "price"], "--weight"),
        (["--wait", "soon"], "--wait"),
    ],
)
def test_an_option_that_cannot_be_read_is_named_before_anything_is_asked(aurora, standin, options, named):
    done = aurora("route", "--gpu", "a100", *options)

    assert done.code == 2
    assert done.err.startswith(f"Error: {named}: ")
    assert standin.asked == []


def test_a_dry_run_deploys_nothing_and_needs_no_idempotency_key(aurora, standin):
    standin.on("POST /route", route(deployment_id=None, decision_id=None, status="dry_run"))

    done = aurora(*ASK, "--dry-run", "--wait", "60s")

    (asked,) = standin.asked
    assert asked.body["dry_run"] is True
    assert "idempotency-key" not in asked.headers
    assert done.code == 0
    assert "none: this only decided" in done.out


def test_json_is_the_servers_own_answer(aurora, standin):
    standin.on("POST /route", route())

    assert aurora(*ASK, "--json").json == route()


def test_no_capacity_has_its_own_code_and_says_what_would_help(aurora, standin):
    standin.on("POST /route", no_capacity())

    done = aurora(*ASK)

    assert done.code == 6
    assert "No viable providers" in done.out
    assert "max_price 0.66 instead of 0.10 would give 7 offers" in done.out
    assert "aurora why dec-" in done.out
    assert aurora(*ASK, "--json", "--wait", "5s").code == 6


@pytest.mark.parametrize(
    ("present", "code"),
    [
        (deployment(), 0),
        (deployment(status="failed", phase="failed", detail="3 attempts were made"), 7),
        (deployment(status="terminated", reason="completed"), 0),
        (deployment(status="terminated", reason="user"), 7),
    ],
)
def test_waiting_ends_with_the_outcome_and_its_code(aurora, standin, present, code):
    standin.on("POST /route", route()).on(f"GET /deployments/{DEPLOYMENT}", present)

    done = aurora(*ASK, "--wait", "60s", "--json")

    assert done.code == code
    assert done.json["status"] == present["status"]
    assert done.json["deployment"] == present


def test_a_wait_that_ends_too_early_says_so_with_its_own_code(aurora, standin):
    standin.on("POST /route", route())
    standin.on(f"GET /deployments/{DEPLOYMENT}", deployment(status="provisioning", phase="starting"))

    done = aurora(*ASK, "--wait", "0.01s")

    assert done.code == 10
    assert "provisioning" in done.out


def test_after_a_fail_over_the_offer_that_runs_is_shown(aurora, standin):
    standin.on("POST /route", route()).on(f"GET /deployments/{DEPLOYMENT}", failed_over())

    found = aurora(*ASK, "--wait", "60", "--json").json

    assert found["provider"] == "akash"
    assert found["offer_id"].startswith("akash:")
    assert found["price_usd_per_hour"] == 1.21


def test_a_lost_answer_names_the_key_under_which_it_can_be_repeated(aurora, standin):
    standin.on("POST /route", Reply("{", cut=True))

    done = aurora(*ASK)

    assert done.code == 3
    assert f"--idempotency-key {standin.asked[0].headers['idempotency-key']}" in done.err


def test_a_key_of_ones_own_is_used(aurora, standin):
    standin.on("POST /route", problem(409, "idempotency_conflict", "bound to another body"))

    done = aurora(*ASK, "--idempotency-key", "mine")

    assert standin.asked[0].headers["idempotency-key"] == "mine"
    assert done.code == 8


def test_whatif_shows_what_each_limit_costs_as_options(aurora, standin):
    standin.on("POST /route/whatif", whatif())

    done = aurora("whatif", "--gpu", "a100", "--region", "us-west", "--min-reputation", "80")

    assert standin.asked[0].body == {"gpu_type": "a100", "region": "us-west", "min_reputation": 80}
    assert "vastai:8133742: $1.2000 per hour, firm" in done.out
    assert "--min-reputation 76 (not 80)" in done.out
    assert "$0.3000" in done.out
    assert "and --max-total-cost 0.66 (not 0.60)" in done.out
    assert "-$0.1000" in done.out


def test_whatif_says_so_when_no_change_would_help(aurora, standin):
    nothing = whatif()
    nothing["changes"] = []
    nothing["baseline"] = {**dict.fromkeys(nothing["baseline"]), "candidates": 0, "rationale": "no offers"}
    standin.on("POST /route/whatif", nothing)

    done = aurora("whatif", "--gpu", "a100")

    assert done.code == 0
    assert "No change of one or two limits" in done.out
    assert aurora("whatif", "--gpu", "a100", "--json").json == nothing


@pytest.mark.parametrize("width", [80, 200])
def test_no_line_is_longer_than_the_screen(aurora, standin, width):
    standin.on("POST /route", route()).on("POST /route/whatif", whatif())

    assert aurora(*ASK, width=width).longest() <= width
    assert aurora("whatif", "--gpu", "a100", width=width).longest() <= width
    standin.on("POST /route", no_capacity())
    assert aurora(*ASK, width=width).longest() <= width
