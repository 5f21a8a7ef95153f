import asyncio
from dataclasses import replace

import pytest
from starlette.datastructures import Headers

from aurora.api.access import AccessPolicy, AccessRefused, is_loopback
from aurora.api.admission import Admission
from aurora.api.app import create_app
from aurora.domain.api_key import ApiKey
from aurora.domain.errors import DatabaseUnavailable, InboundLimit
from aurora.services.ports import Caller
from tests.fakes.clock import START, FakeClock
from tests.unit.api.fakes import ADMIN_KEY, FakeAurora, FakeDoors
from tests.unit.api.served import served
from tests.unit.api.test_route import BODY

EXPOSED = AccessPolicy(live=True, host="0.0.0.0", admin_key=ADMIN_KEY)
LOCAL = AccessPolicy(live=False, host="127.0.0.1", admin_key=ADMIN_KEY)

PUBLIC = [
    "/health",
    "/ready",
    "/metrics",
    "/providers",
    "/openapi.json",
    "/api/v1/provider-health/health",
    "/api/v1/provider-health/circuit-breakers",
]
GUARDED = [
    ("GET", "/deployments"),
    ("GET", "/offers"),
    ("GET", "/decisions/dec-1"),
    ("POST", "/route"),
    ("GET", "/api/v1/providers/sync"),
    ("POST", "/api/v1/providers/sync"),
    ("POST", "/api/v1/provider-health/cache/invalidate"),
    ("POST", "/api/v1/provider-health/circuit-breakers/vastai/reset"),
    ("POST", "/api/v1/provider-health/providers/vastai/health-check"),
    ("DELETE", "/health"),
    ("GET", "/nowhere"),
]


KEY = ApiKey("key-1", "research", "cluster", "aur_...abcd", frozenset({"route"}), START, "admin")


def admitted(
    policy: AccessPolicy,
    method: str = "POST",
    path: str = "/route",
    *,
    doors: FakeDoors | None = None,
    **headers: str,
) -> Caller:
    admission = Admission(policy, doors or FakeDoors(), clock=FakeClock())
    given = Headers({"host": "localhost:8080", **headers})
    return asyncio.run(admission.admit(method, path, given, address="198.51.100.7"))


def refusal(
    policy: AccessPolicy, method: str = "POST", path: str = "/route", **headers: str
) -> tuple[int, str]:
    with pytest.raises(AccessRefused) as caught:
        admitted(policy, method, path, **headers)
    return caught.value.status, caught.value.code


def test_without_a_key_a_local_call_acts_as_the_default_tenant():
    assert admitted(LOCAL) == Caller("default", "local", frozenset({"route", "operate", "admin"}))


def test_live_on_loopback_needs_no_key():
    assert admitted(AccessPolicy(live=True, host="localhost", admin_key=ADMIN_KEY)).actor == "local"


def test_the_admin_key_opens_everything():
    assert admitted(EXPOSED, authorization=f"Bearer {ADMIN_KEY}").actor == "admin"
    assert admitted(EXPOSED, authorization=f"bearer  {ADMIN_KEY} ").actor == "admin"


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_live_on_an_open_address_needs_a_key(method, path):
    assert refusal(EXPOSED, method, path) == (401, "unauthenticated")


@pytest.mark.parametrize("path", PUBLIC)
def test_health_needs_no_key_under_any_name(path):
    caller = admitted(EXPOSED, "GET", path, host="10.1.2.3:8080", origin="https://grafana.example")

    assert caller.scopes == frozenset()


@pytest.mark.parametrize("policy", [EXPOSED, LOCAL, AccessPolicy(live=False, host="127.0.0.1")])
@pytest.mark.parametrize(
    "presented", ["Bearer wrong", "Bearer ", "Bearer \xe9", f"Basic {ADMIN_KEY}", "", ADMIN_KEY]
)
def test_a_wrong_key_is_refused_even_where_none_is_needed(policy, presented):
    assert refusal(policy, authorization=presented) == (401, "unauthenticated")
    assert refusal(policy, "GET", "/health", authorization=presented) == (401, "unauthenticated")


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST.", "127.0.0.1:8080", "[::1]:8080", "[::1]"]
)
def test_our_own_names_are_accepted(host):
    assert admitted(LOCAL, host=host, origin="http://localhost:3000").tenant == "default"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
        "testserver",
        "[::2]",
    ],
)
def test_a_foreign_host_is_refused(host):
    assert refusal(LOCAL, host=host) == (403, "foreign_host")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example", "http://[", "", "file://"]
)
def test_a_foreign_origin_is_refused(origin):
    assert refusal(LOCAL, origin=origin) == (403, "foreign_origin")


def test_with_a_key_any_name_will_do():
    key = f"Bearer {ADMIN_KEY}"

    assert admitted(LOCAL, host="gpu.example", origin="https://x.example", authorization=key).actor == "admin"


def test_configured_names_are_ours():
    policy = AccessPolicy(live=False, host="aurora.internal", allowed_hosts=frozenset({"router"}))

    assert admitted(policy, host="aurora.internal:8080").actor == "local"
    assert admitted(policy, host="router").actor == "local"


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback_is_this_machine_only(host, expected):
    assert is_loopback(host) is expected


def test_the_policy_never_shows_its_key():
    assert ADMIN_KEY not in repr(EXPOSED)


def test_a_key_of_a_tenant_acts_for_it_with_its_scopes():
    doors = FakeDoors({"aur_good": KEY, "aur_all": replace(KEY, scopes=frozenset({"admin"}))})

    caller = admitted(EXPOSED, doors=doors, authorization="Bearer aur_good")
    admin = admitted(EXPOSED, doors=doors, authorization="Bearer aur_all")

    assert (caller.tenant, caller.actor, caller.scopes) == ("research", "key-1", frozenset({"route"}))
    assert admin.scopes == {"route", "operate", "admin"}
    assert doors.passed == ["research", "research"]


@pytest.mark.parametrize(
    ("change", "said"), [({"revoked_at": START}, "revoked"), ({"expires_at": START}, "expired")]
)
def test_an_ended_key_is_told_why_and_known_to_the_audit_log(change, said):
    doors = FakeDoors({"aur_old": replace(KEY, **change)})

    with pytest.raises(AccessRefused, match=said) as caught:
        admitted(LOCAL, doors=doors, authorization="Bearer aur_old")

    assert caught.value.status == 401
    assert caught.value.caller == Caller("research", "key-1", frozenset())


def test_without_the_database_an_unknown_key_is_not_called_wrong():
    doors = FakeDoors(error=DatabaseUnavailable("away"))

    with pytest.raises(DatabaseUnavailable):
        admitted(EXPOSED, doors=doors, authorization="Bearer aur_new")
    assert admitted(EXPOSED, "GET", "/health", doors=doors, authorization="Bearer aur_new").scopes == set()
    assert admitted(EXPOSED, doors=doors, authorization=f"Bearer {ADMIN_KEY}").actor == "admin"


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
def test_probes_and_scrapes_are_not_metered(path):
    doors = FakeDoors()

    admitted(EXPOSED, "GET", path, doors=doors)
    admitted(EXPOSED, "GET", "/providers", doors=doors)

    assert doors.passed == ["address 198.51.100.7"]


async def test_too_many_requests_are_told_when_to_come_again(intake):
    aurora = FakeAurora(intake)
    aurora.entrance.doors.error = InboundLimit("too many wrong keys came from this address", retry_after=2.3)
    async with (
        served(create_app(aurora)) as client,
        client.get("/offers", headers={"Authorization": "Bearer x"}) as reply,
    ):
        problem = await reply.json()

    assert (reply.status, problem["code"]) == (429, "rate_limited")
    assert reply.headers["Retry-After"] == "3"
    assert aurora.entrance.doors.refusals == ["rate_limited"]


async def test_a_foreign_page_cannot_spend(client, aurora):
    async with client.post("/route", json=BODY, headers={"Origin": "https://evil.example"}) as reply:
        problem = await reply.json(content_type="application/problem+json")

    assert (reply.status, problem["code"]) == (403, "foreign_origin")
    assert aurora.routing.asked == []


async def test_a_name_bound_to_our_address_cannot_spend(client, aurora):
    async with client.post("/route", json=BODY, headers={"Host": "rebound.example"}) as reply:
        problem = await reply.json()

    assert (reply.status, problem["code"]) == (403, "foreign_host")
    assert aurora.routing.asked == []


async def test_an_open_address_answers_401_and_then_serves_the_key(intake):
    aurora = FakeAurora(intake, access=EXPOSED, emulated=False, mode="live")
    async with served(create_app(aurora)) as client:
        async with client.post("/route", json=BODY) as reply:
            problem = await reply.json()
        key = {"Authorization": f"Bearer {ADMIN_KEY}", "Host": "gpu.example"}
        async with client.post("/route", json=BODY, headers=key) as served_reply:
            assert served_reply.status == 200
        async with client.get("/health", headers={"Host": "10.0.0.9"}) as health:
            assert (await health.json())["emulated"] is False

    assert (reply.status, problem["code"]) == (401, "unauthenticated")
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert [caller.actor for _, caller, _ in aurora.routing.asked] == ["admin"]


async def test_a_wrong_key_is_not_echoed(client):
    async with client.get("/offers", headers={"Authorization": "Bearer s3cr3t-guess"}) as reply:
        text = await reply.text()

    assert reply.status == 401
    assert "s3cr3t" not in text
