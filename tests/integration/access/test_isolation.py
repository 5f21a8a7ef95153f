"""Whatever tenant B asks, it learns nothing of tenant A: every endpoint of the document, with A's own ids."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from aurora.api.app import create_app
from tests.databases import Databases
from tests.integration.access.house import House, house
from tests.settings.room import emulator
from tests.unit.api.fakes import FakeAurora, real_intake

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPERATIONS = sorted(
    f"{method.upper()} {path}"
    for path, methods in create_app(FakeAurora(real_intake())).openapi()["paths"].items()
    for method in methods
)
BODIES: dict[str, Any] = {
    "POST /route": {"gpu_type": "a100", "dry_run": True},
    "POST /route/whatif": {"gpu_type": "a100"},
    "POST /deployments/{deployment_id}/extend": {"gpu_hours": 1},
    "POST /api/v1/tenants": {"id": "another"},
    "PATCH /api/v1/tenants/{tenant_id}": {"name": "taken over"},
    "POST /api/v1/tenants/{tenant_id}/keys": {"name": "taken over"},
}
OF_ADMINS = ("/api/v1/tenants", "/api/v1/keys", "/api/v1/audit")
OF_OPERATORS = ("POST /api/v1/providers/sync", "/reset", "/cache/invalidate")
ENV = "a-secret-of-tenant-a"


@dataclass
class Street:
    """Two tenants of one house. `own` holds all words that only A and the admin may read."""

    place: House
    a: str
    b: str
    ids: dict[str, str]
    own: tuple[str, ...]

    def call(self, operation: str) -> str:
        """With A's ids in it."""
        return operation.format(**self.ids)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    url = await databases.sqlite_url(tmp_path_factory.mktemp("isolation") / "aurora.db")
    async with emulator() as market, house(url, market) as place:
        for name in ("tenant-a", "tenant-b"):
            await place.tenant(name)
        made = await place.key("tenant-a")
        b = (await place.key("tenant-b"))["secret"]
        body = place.wish(env={"TOKEN": ENV}, image="registry.example/only-a:1")
        headers = {"Idempotency-Key": "same-key", "X-Request-Id": "request-of-a"}
        answer = (await place.ask("POST /route", body, key=made["secret"], **headers)).json
        ids = {
            "deployment_id": answer["deployment_id"],
            "decision_id": answer["decision_id"],
            "tenant_id": "tenant-a",
            "key_id": made["key"]["id"],
            "name": "vastai",
        }
        own = (
            ids["deployment_id"],
            ids["decision_id"],
            ids["key_id"],
            "tenant-a",
            ENV,
            "only-a",
            "request-of-a",
        )
        yield Street(place, made["secret"], b, ids, own)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_nothing_of_a_is_in_any_answer_to_b(street, operation):
    said = await street.place.ask(street.call(operation), BODIES.get(operation), key=street.b)

    hidden = said.text
    for given in street.ids.values():
        hidden = hidden.replace(f"no deployment {given}", "").replace(f"no decision {given}", "")
    assert [word for word in street.own if word in hidden] == []
    if any(operation.split()[1].startswith(prefix) for prefix in OF_ADMINS) or any(
        part in operation for part in OF_OPERATORS
    ):
        assert said.status == 403, said.text
    elif "{deployment_id}" in operation or "{decision_id}" in operation:
        assert (said.status, said.json["code"]) == (404, "not_found")
    else:
        assert said.status in {200, 422}, said.text


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_b_cannot_act_for_a_by_asking_to(street, operation):
    said = await street.place.ask(
        street.call(operation) + "?tenant=tenant-a", BODIES.get(operation), key=street.b
    )

    if said.status == 200:
        assert [word for word in street.own if word in said.text] == []
    else:
        assert said.status in {403, 404}, said.text


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if "{de" in one and one.startswith("GET")])
async def test_a_and_the_admin_see_what_b_does_not(street, operation):
    own = await street.place.ask(street.call(operation), key=street.a)
    admin = await street.place.ask(street.call(operation) + "?tenant=tenant-a")
    other = await street.place.ask(street.call(operation))

    assert own.status == admin.status
    assert own.status in {200, 409}, own.text  # nothing has started: there is no log yet
    assert other.status == 404


async def test_lists_hold_only_ones_own(street):
    mine = (await street.place.ask("GET /deployments", key=street.a)).json["deployments"]
    others = (await street.place.ask("GET /deployments", key=street.b)).json["deployments"]
    admins = (await street.place.ask("GET /deployments?tenant=tenant-a")).json["deployments"]

    assert [each["id"] for each in mine] == [each["id"] for each in admins] == [street.ids["deployment_id"]]
    assert others == []


async def test_an_idempotency_key_of_a_is_free_for_b(street):
    body = {**street.place.wish(), "gpu_hours": 2}

    said = await street.place.ask("POST /route", body, key=street.b, **{"Idempotency-Key": "same-key"})

    assert said.status == 200, said.text
    assert said.json["deployment_id"] != street.ids["deployment_id"]
    await street.place.ask(f"DELETE /deployments/{said.json['deployment_id']}", key=street.b)


async def test_a_cursor_of_a_shows_b_nothing(street):
    for _ in range(2):
        await street.place.ask("POST /route", street.place.wish(), key=street.a)
    cursor = (await street.place.ask("GET /deployments?limit=1", key=street.a)).json["next_cursor"]

    said = await street.place.ask(f"GET /deployments?cursor={cursor}", key=street.b)

    assert said.status == 200
    assert street.ids["deployment_id"] not in said.text


async def test_the_admin_routes_for_a_tenant_and_within_its_limits(street):
    await street.place.tenant("tenant-c", quotas={"max_deployments": 1})

    first = await street.place.ask("POST /route?tenant=tenant-c", street.place.wish())
    second = await street.place.ask("POST /route?tenant=tenant-c", street.place.wish())

    assert (first.status, second.status) == (200, 429)
    shown = await street.place.ask(f"GET /deployments/{first.json['deployment_id']}?tenant=tenant-c")
    assert (shown.status, shown.json["tenant"]) == (200, "tenant-c")


async def test_the_metrics_name_no_tenant(street):
    page = await street.place.ask("GET /metrics", key=None)

    assert [word for word in (*street.own, "tenant-b") if word in page.text] == []


SCOPES = {
    "GET /api/v1/tenants": {"admin"},
    "POST /api/v1/tenants": {"admin"},
    "GET /api/v1/tenants/{tenant_id}": {"admin"},
    "PATCH /api/v1/tenants/{tenant_id}": {"admin"},
    "DELETE /api/v1/tenants/{tenant_id}": {"admin"},
    "GET /api/v1/tenants/{tenant_id}/keys": {"admin"},
    "POST /api/v1/tenants/{tenant_id}/keys": {"admin"},
    "DELETE /api/v1/keys/{key_id}": {"admin"},
    "POST /api/v1/keys/{key_id}/rotate": {"admin"},
    "GET /api/v1/audit": {"admin"},
    "POST /api/v1/providers/sync": {"operate", "admin"},
    "POST /api/v1/provider-health/circuit-breakers/{name}/reset": {"operate", "admin"},
    "POST /api/v1/provider-health/cache/invalidate": {"operate", "admin"},
    "POST /route": {"route", "admin"},
    "POST /route/whatif": {"route", "admin"},
    "DELETE /deployments/{deployment_id}": {"route", "admin"},
    "POST /deployments/{deployment_id}/extend": {"route", "admin"},
    "POST /api/v1/provider-health/providers/{name}/health-check": {"route", "operate", "admin"},
}
"""Which scopes suffice; whatever is not listed needs a key of any scope."""


@pytest.mark.parametrize("scope", ["route", "operate", "admin"])
async def test_every_endpoint_asks_for_its_scope_and_no_other(street, scope):
    await street.place.tenant(f"tenant-{scope}")
    key = (await street.place.key(f"tenant-{scope}", scope))["secret"]
    ids = {
        **street.ids,
        "tenant_id": "no-such-tenant",
        "key_id": "key-none",
        "deployment_id": "dep-none",
        "decision_id": "dec-none",
    }
    wrong = []
    for operation in OPERATIONS:
        body = {"id": "x" * 65} if operation == "POST /api/v1/tenants" else BODIES.get(operation)
        said = await street.place.ask(operation.format(**ids), body, key=key)
        may = scope in SCOPES.get(operation, {"route", "operate", "admin"})
        if (said.status != 403) != may:
            wrong.append((operation, said.status, json.loads(said.text).get("code")))

    assert wrong == []


async def test_forcing_a_check_is_for_operators(street):
    call = "POST /api/v1/provider-health/providers/vastai/health-check?force=true"

    refused = await street.place.ask(call, key=street.a)
    await street.place.tenant("watch")
    done = await street.place.ask(call, key=(await street.place.key("watch", "operate"))["secret"])

    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert done.status == 200
