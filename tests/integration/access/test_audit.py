"""Every change leaves one row, with the change where it is one of the database; refusals do too, bounded in number."""

from datetime import timedelta

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import delete, func, select

from aurora.api.app import create_app
from aurora.api.audited import AUDITED
from aurora.db.access_tables import audit_log
from aurora.db.tables import decisions, deployments
from aurora.domain.audit import AuditAction
from aurora.services.audit import REFUSALS_PER_MINUTE
from tests.databases import Unreachable
from tests.integration.access.house import ADMIN, house
from tests.unit.api.fakes import FakeAurora, real_intake


def changing() -> set[tuple[str, str]]:
    """Method and path of every endpoint that is no GET."""
    found = create_app(FakeAurora(real_intake())).openapi()["paths"]
    return {
        (method.upper(), path) for path, methods in found.items() for method in methods if method != "get"
    }


def test_every_endpoint_that_may_change_something_has_its_action():
    assert changing() == set(AUDITED)


def test_no_endpoint_is_hidden_from_the_document():
    app = create_app(FakeAurora(real_intake()))
    listed = set(app.openapi()["paths"])

    assert {route.path for route in app.routes if isinstance(route, APIRoute)} <= listed


def test_every_action_is_somebodys():
    assert {each.action for each in AUDITED.values()} == set(AuditAction)


async def test_every_change_leaves_exactly_one_row_and_reading_none(url, market):
    async with house(url, market) as place:
        await place.tenant("research")
        made = await place.key("research")
        secret, key_id = made["secret"], made["key"]["id"]
        body = place.wish()
        named = {"X-Request-Id": "trace-1", "Idempotency-Key": "once"}
        name = (await place.ask("POST /route", body, key=secret, **named)).json["deployment_id"]
        health = "/api/v1/provider-health"
        for call, given, key in (
            ("POST /route", body, secret),  # the repeated request
            ("POST /route", {**body, "dry_run": True}, secret),
            ("POST /route/whatif", body, secret),
            (f"POST {health}/providers/vastai/health-check", None, ADMIN),
            ("GET /deployments", None, secret),
            ("POST /route", {"gpu_type": "no-such"}, secret),
            ("DELETE /deployments/dep-unknown", None, secret),
        ):
            headers = {"Idempotency-Key": "once"} if given is body else {}
            await place.ask(call, given, key=key, **headers)
        for call, given, key in (
            ("POST /route", {"gpu_type": "a100", "max_price": 0.000001}, secret),
            (f"POST /deployments/{name}/extend", {"gpu_hours": 1}, secret),
            (f"DELETE /deployments/{name}", None, secret),
            (f"DELETE /deployments/{name}", None, secret),
            ("POST /api/v1/providers/sync", None, ADMIN),
            (f"POST {health}/providers/vastai/health-check?force=true", None, ADMIN),
            (f"POST {health}/circuit-breakers/vastai/reset", None, ADMIN),
            (f"POST {health}/cache/invalidate?provider=vastai", None, ADMIN),
            ("PATCH /api/v1/tenants/research", {"limits": {"max_price": 2}}, ADMIN),
            (f"POST /api/v1/keys/{key_id}/rotate", None, ADMIN),
            (f"DELETE /api/v1/keys/{key_id}", None, ADMIN),
            ("DELETE /api/v1/tenants/research", None, ADMIN),
        ):
            said = await place.ask(call, given, key=key)
            assert said.status < 300, said.text

        rows = list(reversed(await place.audit()))
        seen = [(row["action"], row["target"], row["tenant"], row["actor"], row["status"]) for row in rows]
        new = next(row["target"] for row in rows if row["action"] == "key.rotate")
        assert seen == [
            ("tenant.create", "research", "research", "admin", 201),
            ("key.create", key_id, "research", "admin", 201),
            ("route.create", name, "research", key_id, 200),
            ("route.create", None, "research", key_id, 200),
            ("deployment.extend", name, "research", key_id, 200),
            ("deployment.terminate", name, "research", key_id, 202),
            ("providers.sync", None, "default", "admin", 200),
            ("provider.check", "vastai", "default", "admin", 200),
            ("breaker.reset", "vastai", "default", "admin", 200),
            ("cache.invalidate", "vastai", "default", "admin", 200),
            ("tenant.change", "research", "research", "admin", 200),
            ("key.rotate", new, "research", "admin", 201),
            ("key.revoke", key_id, "research", "admin", 200),
            ("tenant.disable", "research", "research", "admin", 200),
        ]
        assert rows[2]["request_id"] == "trace-1"
        assert all(row["request_id"] for row in rows)
        assert rows[10]["data"] == {"limits": {"max_price": "2"}}
        assert secret not in repr(rows)


async def test_refusals_are_written_with_whoever_it_was(url):
    async with house(url) as place:
        await place.tenant("research")
        made = await place.key("research")
        await place.ask("DELETE /api/v1/tenants/research", key=made["secret"])
        await place.ask("POST /api/v1/providers/sync", key="aur_" + "x" * 43)
        await place.ask("POST /route", {"gpu_type": "a100"}, key=None, Origin="https://evil.example")
        await place.ask(f"DELETE /api/v1/keys/{made['key']['id']}")
        await place.ask("POST /route", {"gpu_type": "a100"}, key=made["secret"])
        await place.ask("GET /api/v1/audit", key=made["secret"])

        seen = [(row["action"], row["tenant"], row["actor"], row["status"]) for row in await place.audit()]

        assert seen[:5] == [
            ("route.create", "research", made["key"]["id"], 401),
            ("key.revoke", "research", "admin", 200),
            ("route.create", "-", "anonymous", 403),
            ("providers.sync", "-", "anonymous", 401),
            ("tenant.disable", "research", made["key"]["id"], 403),
        ]


async def test_a_flood_of_refusals_is_counted_and_not_written(databases, tmp_path):
    async with house(await databases.sqlite_url(tmp_path / "a.db")) as place:
        for _ in range(int(REFUSALS_PER_MINUTE) + 7):
            await place.ask("POST /route", {}, key=None, Origin="https://evil.example")

        assert len(await place.audit("?limit=500")) == REFUSALS_PER_MINUTE
        page = (await place.ask("GET /metrics")).text
        assert 'aurora_audit_unwritten_total{reason="bound"} 7.0' in page
        assert 'aurora_inbound_refused_total{code="foreign_origin"} 67.0' in page


async def test_a_row_that_cannot_be_written_is_counted_and_does_not_stop_the_operator(url):
    async with house(url) as place:
        database = place.aurora.database
        there = database._engine
        database._engine = Unreachable(there)
        try:
            done = await place.ask("POST /api/v1/provider-health/circuit-breakers/vastai/reset")
        finally:
            database._engine = there

        assert done.status == 200
        assert 'aurora_audit_unwritten_total{reason="database"} 1.0' in (await place.ask("GET /metrics")).text
        assert await place.audit("?action=breaker.reset") == []


async def test_a_row_is_committed_with_its_change_or_not_at_all(url, market):
    """The row cannot be written (its table is gone): then nothing is bought either."""
    async with house(url, market) as place:
        async with place.aurora.database.write() as connection:
            await connection.run_sync(audit_log.drop)

        said = await place.ask("POST /route", place.wish(), key=None)

        assert said.status >= 500
        async with place.aurora.database.read() as connection:
            for table in (deployments, decisions):
                assert (await connection.execute(select(func.count()).select_from(table))).scalar_one() == 0


async def test_the_log_is_read_by_filter_and_page(url):
    async with house(url) as place:
        for name in ("a", "b", "c"):
            await place.tenant(name)
        await place.key("b")
        moment = place.aurora.clock.now()
        place.aurora.clock.advance(60)
        await place.ask("PATCH /api/v1/tenants/a", {"name": "A"})
        since, later = (
            each.isoformat().replace("+00:00", "Z") for each in (moment, moment + timedelta(seconds=1))
        )

        assert [row["tenant"] for row in await place.audit("?tenant=b")] == ["b", "b"]
        assert [row["target"] for row in await place.audit("?action=tenant.create")] == ["c", "b", "a"]
        assert [row["action"] for row in await place.audit("?target=a")] == ["tenant.change", "tenant.create"]
        assert len(await place.audit("?actor=admin")) == 5
        assert await place.audit("?actor=nobody") == []
        assert len(await place.audit(f"?since={since}&until={since}")) == 0
        assert [row["target"] for row in await place.audit(f"?since={later}&limit=5")] == ["a"]
        first = (await place.ask("GET /api/v1/audit?limit=2")).json
        rest = (await place.ask(f"GET /api/v1/audit?cursor={first['next_cursor']}")).json
        assert len(first["entries"]) == 2
        assert len(rest["entries"]) == 3
        assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("cursor=x", "cursor"),
        ("cursor=99999999999999999999", "cursor"),
        ("action=steal", "action"),
        ("since=2026-01-01T00:00:00", "since"),
        ("until=0001-01-01T00:00:00%2B14:00", "until"),
        ("tenant=%00", "tenant"),
        ("limit=0", "limit"),
    ],
)
async def test_a_wrong_filter_is_named(databases, tmp_path, query, field):
    async with house(await databases.sqlite_url(tmp_path / "a.db")) as place:
        said = await place.ask(f"GET /api/v1/audit?{query}")

    assert said.status == 422, said.text
    assert said.json["errors"][0]["field"] == field


async def test_rows_of_another_release_are_shown(url):
    async with house(url) as place:
        await place.tenant("a")
        async with place.aurora.database.write() as connection:
            await connection.execute(delete(audit_log))
            await connection.execute(
                audit_log.insert().values(
                    at=place.aurora.clock.now(),
                    tenant="a", actor="admin", action="budget.raise", status=200, data={},
                )
            )  # fmt: skip

        [row] = await place.audit()

        assert (row["action"], row["target"], row["request_id"]) == ("budget.raise", None, None)
