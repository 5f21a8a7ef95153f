"""`aurora offers`, `providers`, `sync`, `breakers`, `health`, `alerts` and `policies`."""

import pytest

from tests.unit.cli.cli_answers import (
    alert,
    alerts,
    alive,
    breaker,
    offer,
    offers,
    policies,
    provider,
    sync_report,
    system_health,
)
from tests.unit.cli.cli_standin import Reply, problem

HEALTH = "/api/v1/provider-health"
READY = {"status": "ready", "ready": True, "checks": {"database": True, "schema": True, "snapshot": True}}


def test_offers_are_filtered_and_say_how_complete_they_are(aurora, standin):
    standin.on("GET /offers", offers())
    options = "--gpu a100 --region us-west --provider vastai --provider akash --count 2 --max-price 1.5 --min-vram 40"

    done = aurora("offers", *options.split(), "--no-spot", "--free", "--sort", "-g_score", "--limit", "5")

    assert standin.asked[0].query == {
        "gpu_type": "a100",
        "region": "us-west",
        "provider": "vastai,akash",
        "gpu_count": "2",
        "max_price": "1.5",
        "min_vram_gb": "40",
        "spot": "false",
        "available": "true",
        "sort": "-g_score",
        "limit": "5",
    }
    assert "2 of 294 offers that match" in done.out
    assert "vastai: 97 % of the catalogue read 41 s ago" in done.out
    assert "last error: 503: Service Unavailable" in done.out


def test_a_price_is_never_shown_without_its_kind(aurora, standin):
    standin.on("GET /offers", offers())

    for width in (80, 100, 200):
        assert "firm" in aurora("offers", width=width).out


def test_no_offers_say_what_to_try(aurora, standin):
    standin.on("GET /offers", {**offers(), "offers": [], "total": 0})

    done = aurora("offers")

    assert done.code == 0
    assert "0 of 0 offers" in done.out
    assert "aurora sync" in done.out


def test_a_pipe_without_a_width_gets_every_column_uncut(aurora, standin):
    standin.on("GET /offers", offers())

    done = aurora("offers", COLUMNS="")

    assert offers()["offers"][1]["id"] in done.out
    assert "us-central,us-east,us-west" in done.out


def test_providers_show_why_one_is_not_used(aurora, standin):
    off = provider(
        name="akash", status="DISABLED", reason="no key: set AKASH_API_KEY", age_seconds=None, offers=0
    )
    old = provider(name="salad", age_seconds=5000.0)
    standin.on("GET /providers", {"providers": [provider(), off, old], "emulated": True})

    done = aurora("providers")

    assert "akash: no key: set AKASH_API_KEY" in done.out
    assert "1 h 23 min ago" in done.out
    assert "never" in done.out


def test_a_sync_that_fails_somewhere_has_its_own_code(aurora, standin):
    failed = sync_report(outcome="failed", error="503: Service Unavailable", completeness=None)
    standin.on(
        "POST /api/v1/providers/sync",
        {"providers": {"vastai": sync_report()}, "emulated": True},
        {"providers": {"vastai": sync_report(), "akash": failed}, "emulated": True},
    )

    assert aurora("sync").code == 0
    done = aurora("sync")

    assert done.code == 9
    assert "akash: 503: Service Unavailable" in done.out
    assert "vastai: 2 x no price" in done.out


def test_a_market_that_lists_more_than_is_read_is_said_to_be_truncated(aurora, standin):
    cut = sync_report(outcome="partial", truncated=True, rejected={"beyond the row cap": 0})
    standin.on(
        "POST /api/v1/providers/sync",
        {"providers": {"vastai": sync_report(), "akash": cut}, "emulated": True},
    )

    done = aurora("sync")

    assert "akash: truncated, it lists more than PROVIDER_MAX_ROWS" in done.out
    assert "akash: beyond the row cap" in done.out
    assert "vastai: truncated" not in done.out


def test_breakers_are_shown_by_class_and_an_open_one_says_how_to_close_it(aurora, standin):
    standin.on(f"GET {HEALTH}/circuit-breakers", {"vastai": breaker("OPEN")})

    done = aurora("breakers")

    assert "create" in done.out
    assert "in 42 s" in done.out
    assert "aurora breakers reset NAME" in done.out


def test_a_breaker_is_closed_as_a_whole_or_one_class_of_it(aurora, standin):
    reset = {"provider": "vastai", **breaker(), "reset": {"classes": ["create"], "by": "admin"}}
    standin.on(f"POST {HEALTH}/circuit-breakers/vastai/reset", reset)

    done = aurora("breakers", "reset", "vastai", "--class", "create")

    assert standin.asked[0].query == {"class": "create"}
    assert "vastai: breaker CLOSED (reset: create; by admin)" in done.out
    assert aurora("breakers", "reset", "unknown").code == 5


@pytest.mark.parametrize(
    ("ready", "system", "code"),
    [
        (Reply(READY), "healthy", 0),
        (Reply(READY), "unhealthy", 9),
        (problem(503, "not_ready", "not yet"), "healthy", 3),
    ],
)
def test_health_tells_alive_ready_and_the_markets_in_its_code(aurora, standin, ready, system, code):
    if ready.status == 503:
        ready.body |= {"ready": False, "checks": {"database": True, "schema": True, "snapshot": False}}
    standin.on("GET /health", alive()).on("GET /ready", ready).on(
        f"GET {HEALTH}/health", system_health(system)
    )

    done = aurora("health")

    assert done.code == code
    assert "0.1.0, emulated mode, up 3 h" in done.out
    assert ("snapshot missing" in done.out) == (code == 3)
    assert ("circuit open" in done.out) == (code == 9)


def test_an_aurora_that_is_broken_behind_ready_is_not_reported_as_not_ready(aurora, standin):
    standin.on("GET /health", alive()).on("GET /ready", problem(500, "internal", "a fault"))

    assert aurora("health").code == 1


def test_policies_are_listed_with_their_weights(aurora, standin):
    standin.on("GET /policies", policies())

    done = aurora("policies")

    assert "balanced (default)" in done.out
    assert "price 0.35, latency 0.3; --weight replaces them" in done.out
    assert "Weights: none" in done.out


def test_alerts_say_what_holds_for_how_long_and_where_to_read_on(aurora, standin):
    standin.on("GET /api/v1/alerts", alerts(alert(), alert(name="orphan_found", provider="akash")), alerts())

    done = aurora("alerts")

    assert done.code == 9
    assert "breaker_open  vastai" in done.out
    assert "5 min" in done.out
    assert "See docs/operations.md#breaker_open" in " ".join(done.out.split())
    quiet = aurora("alerts")
    assert (quiet.code, quiet.out.strip()) == (0, "No alert holds.")


ANSWERS = {
    "alerts": ("GET /api/v1/alerts", alerts(alert())),
    "offers": ("GET /offers", offers()),
    "providers": ("GET /providers", {"providers": [provider()], "emulated": True}),
    "sync": ("POST /api/v1/providers/sync", {"providers": {"vastai": sync_report()}, "emulated": True}),
    "breakers": (f"GET {HEALTH}/circuit-breakers", {"vastai": breaker()}),
    "policies": ("GET /policies", policies()),
}


@pytest.mark.parametrize("command", list(ANSWERS))
def test_json_is_the_servers_own_answer(aurora, standin, command):
    standin.on(*ANSWERS[command])

    assert aurora(command, "--json").json == ANSWERS[command][1]


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("command", list(ANSWERS))
def test_no_line_is_longer_than_the_screen(aurora, standin, command, width):
    standin.on(*ANSWERS[command])

    assert aurora(command, width=width).longest() <= width


def test_a_name_from_a_market_cannot_colour_or_clear_the_terminal(aurora, standin):
    standin.on("GET /offers", offers(offer(region="[red]x[/red]\x1b[2J")))

    done = aurora("offers", width=200)

    assert "[red]x[/red]" in done.out
    assert "\x1b" not in done.out
