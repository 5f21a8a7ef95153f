"""`aurora tenants`, `aurora keys` and `aurora audit`."""

import pytest

from tests.unit.cli.cli_standin import problem

TENANT = {
    "id": "research",
    "name": "Research",
    "home_region": "eu-central",
    "limits": {
        "max_price": 3.0,
        "reputation_floor": 75.0,
        "providers": ["vastai"],
        "weights": {"price": 1.0, "latency": 0.0},
        "quotas": {"max_deployments": 5, "max_gpus": 8, "requests_per_minute": 600},
    },
    "disabled": False,
    "disabled_at": None,
    "created_at": "2026-01-15T12:00:00.000Z",
    "updated_at": "2026-01-15T12:00:00.000Z",
    "emulated": True,
}
PLAIN = {**TENANT, "id": "default", "name": None, "home_region": None, "limits": {}}
KEY = {
    "id": "key-4k7q1n8s2v5y",
    "tenant": "research",
    "name": "cluster",
    "hint": "aur_...x9Qk",
    "scopes": ["operate", "route"],
    "state": "active",
    "created_at": "2026-01-15T12:00:00.000Z",
    "created_by": "admin",
    "expires_at": None,
    "revoked_at": None,
    "rotated_from": None,
    "last_used_at": "2026-01-15T12:03:10.000Z",
}
SECRET = "aur_" + "s" * 43
NEW = {"key": KEY, "secret": SECRET, "replaces": None, "replaced_until": None, "emulated": True}
ENTRY = {
    "id": 4711,
    "at": "2026-01-15T12:00:00.000Z",
    "tenant": "research",
    "actor": "key-4k7q1n8s2v5y",
    "action": "route.create",
    "target": "dep-7f3k2m9q4x1z",
    "status": 200,
    "request_id": "req-5f0c2a9b7d3e4c11",
    "data": {},
}


@pytest.mark.parametrize("command", [("tenants",), ("tenants", "list")])
def test_tenants_are_listed_over_all_pages(aurora, standin, command):
    first = {"tenants": [PLAIN], "next_cursor": "default", "emulated": True}
    standin.on("GET /api/v1/tenants", first, {**first, "tenants": [TENANT], "next_cursor": None})

    done = aurora(*command, width=140)

    assert done.code == 0, done.err
    assert standin.asked[1].query == {"limit": "200", "cursor": "default"}
    for word in ("default", "research", "active", "eu-central", "$3", "75", "600", "vastai"):
        assert word in done.out


def test_one_tenant_is_shown_with_what_is_in_use(aurora, standin):
    standin.on("GET /api/v1/tenants/research", {**TENANT, "usage": {"deployments": 2, "gpus": 3}})

    done = aurora("tenants", "show", "research")

    for words in (
        "research (Research)",
        "2 of 5 in use",
        "3 of 8 in use",
        "price 1, latency 0",
        "$3 per GPU",
    ):
        assert words in done.out
    assert aurora("tenants", "show", "research", "--json").json["usage"] == {"deployments": 2, "gpus": 3}


def test_a_tenant_is_made_with_all_that_was_said_and_nothing_else(aurora, standin):
    standin.on("POST /api/v1/tenants", TENANT)
    options = (
        "--name Research --home-region eu-central --max-price 3 --max-latency 300 --min-reputation 80 "
        "--weight price=1 --policy balanced --reputation-floor 75 --provider vastai --exclude akash "
        "--max-deployments 5 --max-gpus 8 --requests-per-minute 600"
    )

    assert aurora("tenants", "create", "research", *options.split()).code == 0
    assert aurora("tenants", "create", "plain").code == 0

    assert [one.body for one in standin.asked] == [
        {
            "id": "research",
            "name": "Research",
            "home_region": "eu-central",
            "limits": {
                "max_price": 3,
                "max_latency_ms": 300,
                "min_reputation": 80,
                "weights": {"price": 1},
                "policy": "balanced",
                "reputation_floor": 75,
                "providers": ["vastai"],
                "exclude_providers": ["akash"],
                "quotas": {"max_deployments": 5, "max_gpus": 8, "requests_per_minute": 600},
            },
        },
        {"id": "plain"},
    ]


def test_a_change_says_only_what_changes_and_null_for_what_goes(aurora, standin):
    standin.on("PATCH /api/v1/tenants/research", TENANT)

    aurora(
        "tenants", "set", "research", "--max-gpus", "16", "--clear", "max-price", "--clear", "max_deployments"
    )
    aurora("tenants", "set", "research", "--clear", "name")
    nothing = aurora("tenants", "set", "research")
    unknown = aurora("tenants", "set", "research", "--clear", "budget")

    assert [one.body for one in standin.calls("PATCH")] == [
        {"limits": {"max_price": None, "quotas": {"max_gpus": 16, "max_deployments": None}}},
        {"name": None},
    ]
    assert (nothing.code, unknown.code) == (2, 2)
    assert "max_gpus" in unknown.err


def test_a_tenant_is_disabled_and_enabled(aurora, standin):
    standin.on("DELETE /api/v1/tenants/research", {**TENANT, "disabled": True})
    standin.on("PATCH /api/v1/tenants/research", TENANT)

    assert "disabled" in aurora("tenants", "disable", "research").out
    assert "active" in aurora("tenants", "enable", "research").out
    assert standin.asked[-1].body == {"disabled": False}


def test_a_new_secret_is_shown_once_with_what_to_do(aurora, standin):
    standin.on("POST /api/v1/tenants/research/keys", NEW)

    done = aurora(
        *("keys", "create", "research", "--name", "cluster"),
        *("--scope", "route", "--scope", "operate", "--expires", "90d"),
    )

    assert standin.asked[0].body == {
        "name": "cluster", "scopes": ["route", "operate"], "expires_in_days": 90,
    }  # fmt: skip
    assert SECRET in done.out
    assert "shown this once" in done.out
    assert aurora("keys", "create", "research", "--name", "x", "--json").json["secret"] == SECRET
    assert standin.asked[1].body == {"name": "x", "scopes": ["route"]}


def test_a_rotation_says_how_long_the_old_key_works(aurora, standin):
    turned = {**NEW, "replaces": "key-old", "replaced_until": "2026-01-16T12:00:00.000Z"}
    standin.on("POST /api/v1/keys/key-old/rotate", turned)

    done = aurora("keys", "rotate", "key-old", "--overlap", "1h30m")
    aurora("keys", "rotate", "key-old", "--overlap", "0")
    aurora("keys", "rotate", "key-old")

    assert [one.body["overlap_seconds"] for one in standin.asked] == [5400, 0, 86400]
    assert "key-old goes on working until 2026-01-16 12:00:00 UTC" in done.out
    assert aurora("keys", "rotate", "key-old", "--overlap", "soon").code == 2


def test_keys_are_listed_by_hint_and_without_a_name_for_ones_own_tenant(aurora, standin):
    standin.on("GET /api/v1/me", {"tenant": "research"})
    revoked = {**KEY, "id": "key-gone", "state": "revoked", "last_used_at": None}
    standin.on("GET /api/v1/tenants/research/keys", {"keys": [KEY, revoked], "emulated": True})
    standin.on("GET /api/v1/tenants/empty/keys", {"keys": [], "emulated": True})

    done = aurora("keys", width=160)

    for word in ("key-4k7q1n8s2v5y", "aur_...x9Qk", "operate, route", "never", "revoked"):
        assert word in done.out
    assert aurora("keys", "list", "research").code == 0
    assert "aurora keys create empty" in aurora("keys", "list", "empty").out


def test_a_key_is_revoked(aurora, standin):
    standin.on("DELETE /api/v1/keys/key-1", {**KEY, "state": "revoked"})

    assert "revoked" in aurora("keys", "revoke", "key-1").out


def test_the_audit_log_is_filtered_and_says_when_there_is_more(aurora, standin):
    refused = {
        **ENTRY,
        "status": 403,
        "tenant": "-",
        "actor": "anonymous",
        "target": None,
        "request_id": None,
    }
    standin.on("GET /api/v1/audit", {"entries": [ENTRY, refused], "next_cursor": "4711", "emulated": True})

    done = aurora(
        *("audit", "--tenant", "research", "--actor", "admin", "--action", "route.create"),
        *("--target", "dep-1", "--since", "2026-01-01T00:00:00Z", "--limit", "2"),
        width=140,
    )

    assert standin.asked[0].query == {
        "tenant": "research", "actor": "admin", "action": "route.create", "target": "dep-1",
        "since": "2026-01-01T00:00:00Z", "limit": "2",
    }  # fmt: skip
    for word in ("route.create", "dep-7f3k2m9q4x1z", "403", "anonymous", "--limit shows older ones"):
        assert word in done.out


def test_an_empty_log_is_said(aurora, standin):
    standin.on("GET /api/v1/audit", {"entries": [], "next_cursor": None, "emulated": True})

    assert "Nothing of the kind" in aurora("audit").out


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_longer_than_the_screen(aurora, standin, width):
    standin.on("GET /api/v1/tenants", {"tenants": [TENANT, PLAIN], "next_cursor": None, "emulated": True})
    standin.on("GET /api/v1/tenants/research/keys", {"keys": [KEY], "emulated": True})
    standin.on("GET /api/v1/audit", {"entries": [ENTRY], "next_cursor": None, "emulated": True})
    standin.on("POST /api/v1/tenants/research/keys", NEW)

    for command in ("tenants", "keys list research", "audit", "keys create research --name n"):
        done = aurora(*command.split(), width=width)
        assert max(len(line) for line in done.out.splitlines()) <= width, done.out


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (problem(429, "quota_exceeded", "max_gpus: 8 of 8 in use, 1 more asked for"), 8, "max_gpus: 8 of 8"),
        (problem(403, "tenant_disabled", "the tenant is disabled"), 4, "aurora tenants enable"),
        (problem(401, "unauthenticated", "the presented key is revoked"), 4, "AURORA_API_KEY"),
    ],
)
def test_refusals_say_what_to_do(aurora, standin, answer, code, words):
    standin.on("POST /route", answer)

    done = aurora("route", "--gpu", "a100")

    assert done.code == code
    assert words in done.err


def test_a_wrong_limit_names_its_option(aurora, standin):
    wrong = ("limits.quotas.max_gpus", "must be less")
    standin.on("PATCH /api/v1/tenants/a", problem(422, "invalid_request", "no", wrong))

    done = aurora("tenants", "set", "a", "--max-gpus", "5")

    assert done.code == 2
    assert "--max-gpus" in done.err
