"""Keys from their making to their end, over HTTP on both databases."""

import hashlib
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from aurora.db.access_tables import api_keys
from aurora.db.repositories import api_keys as rows
from aurora.db.repositories import tenants
from tests.integration.access.house import house


async def test_a_secret_is_shown_once_and_stored_as_its_digest_only(url):
    async with house(url) as place:
        await place.tenant("research")
        made = await place.key("research", "route", "operate")
        secret = made["secret"]

        assert re.fullmatch(r"aur_[A-Za-z0-9_-]{43}", secret)
        assert made["key"]["hint"] == f"aur_...{secret[-4:]}"
        listed = await place.ask("GET /api/v1/tenants/research/keys")
        assert [each["id"] for each in listed.json["keys"]] == [made["key"]["id"]]
        for shown in (
            listed,
            await place.ask("GET /api/v1/audit"),
            await place.ask("GET /api/v1/me", key=secret),
        ):
            assert shown.status == 200
            assert secret not in shown.text
            assert hashlib.sha256(secret.encode()).hexdigest() not in shown.text
        async with place.aurora.database.read() as connection:
            stored = (await connection.execute(select(api_keys))).all()
        assert secret not in repr(stored)
        assert stored[0].digest == hashlib.sha256(secret.encode()).hexdigest()


async def test_the_answer_with_a_secret_is_not_to_be_kept_by_anybody(url):
    async with house(url) as place:
        await place.tenant("research")
        made = await place.ask("POST /api/v1/tenants/research/keys", {"name": "k"})
        turned = await place.ask(f"POST /api/v1/keys/{made.json['key']['id']}/rotate")

        assert made.headers["Cache-Control"] == turned.headers["Cache-Control"] == "no-store"


async def test_a_key_is_who_it_says_and_ends_at_once_when_it_is_revoked(url):
    async with house(url) as place:
        await place.tenant("research")
        made = await place.key("research")
        me = (await place.ask("GET /api/v1/me", key=made["secret"])).json
        assert (me["tenant"], me["actor"], me["scopes"]) == ("research", made["key"]["id"], ["route"])

        revoked = await place.ask(f"DELETE /api/v1/keys/{made['key']['id']}")
        again = await place.ask(f"DELETE /api/v1/keys/{made['key']['id']}")
        refused = await place.ask("GET /api/v1/me", key=made["secret"])

        assert (revoked.status, revoked.json["state"]) == (200, "revoked")
        assert again.json["revoked_at"] == revoked.json["revoked_at"]
        assert (refused.status, refused.json["detail"]) == (401, "the presented key is revoked")


async def test_another_replica_notices_a_revocation_and_a_disabled_tenant_at_its_next_look(databases):
    async with databases.postgres_url() as url, house(url) as one, house(url) as other:
        await one.tenant("research")
        made = await one.key("research")
        assert (await other.ask("GET /api/v1/me", key=made["secret"])).status == 200

        await one.ask(f"DELETE /api/v1/keys/{made['key']['id']}")
        await one.ask("DELETE /api/v1/tenants/research")
        await other.aurora.entrance.refresh()

        assert (await other.ask("GET /api/v1/me", key=made["secret"])).status == 401
        assert other.aurora.entrance.book.peek("research").disabled_at is not None


async def test_a_key_expires_without_anybody_looking_at_the_database(url):
    async with house(url) as place:
        await place.tenant("research")
        made = await place.key("research", expires_in_days=1)
        assert (await place.ask("GET /api/v1/me", key=made["secret"])).status == 200

        place.aurora.clock.advance(24 * 3600)

        refused = await place.ask("GET /api/v1/me", key=made["secret"])
        assert (refused.status, refused.json["detail"]) == (401, "the presented key is expired")


async def test_a_rotated_key_works_beside_the_new_one_until_the_overlap_ends(url):
    async with house(url) as place:
        await place.tenant("research")
        old = await place.key("research", "route", "operate", expires_in_days=30)
        turned = await place.ask(f"POST /api/v1/keys/{old['key']['id']}/rotate", {"overlap_seconds": 3600})
        new = turned.json

        assert turned.status == 201
        assert (new["replaces"], new["key"]["rotated_from"]) == (old["key"]["id"], old["key"]["id"])
        assert (new["key"]["scopes"], new["key"]["tenant"]) == (["operate", "route"], "research")
        assert new["key"]["expires_at"] == old["key"]["expires_at"]
        both = [(await place.ask("GET /api/v1/me", key=each["secret"])).status for each in (old, new)]
        place.aurora.clock.advance(3600)
        later = [(await place.ask("GET /api/v1/me", key=each["secret"])).status for each in (old, new)]
        assert (both, later) == ([200, 200], [401, 200])


async def test_an_ended_key_cannot_be_rotated_and_an_overlap_never_lengthens_a_life(url):
    async with house(url) as place:
        await place.tenant("research")
        short = await place.key("research", expires_in_days=0.01)
        await place.ask(f"POST /api/v1/keys/{short['key']['id']}/rotate", {"overlap_seconds": 86400})
        [_, old] = (await place.ask("GET /api/v1/tenants/research/keys")).json["keys"]
        assert old["expires_at"] == short["key"]["expires_at"]

        await place.ask(f"DELETE /api/v1/keys/{short['key']['id']}")
        refused = await place.ask(f"POST /api/v1/keys/{short['key']['id']}/rotate")

        assert (refused.status, refused.json["code"]) == (409, "key_ended")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "k", "scopes": []}, "scopes"),
        ({"name": "k", "scopes": ["root"]}, "scopes.0"),
        ({"name": "k", "expires_in_days": 0}, "expires_in_days"),
        ({"name": "k", "expires_in_days": True}, "expires_in_days"),
        ({"name": "k", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "k", "expires_at": "2027-01-01T00:00:00"}, "expires_at"),
        ({"name": "k", "expires_at": "0001-01-01T00:00:00+14:00"}, "expires_at"),
        ({"name": "k", "expires_at": "2027-01-01T00:00:00Z", "expires_in_days": 1}, "expires_in_days"),
        ({"name": "k", "secret": "mine"}, "secret"),
    ],
)
async def test_a_wrong_field_of_a_key_is_named(databases, tmp_path, body, field):
    async with house(await databases.sqlite_url(tmp_path / "a.db")) as place:
        refused = await place.ask("POST /api/v1/tenants/default/keys", body)

    assert refused.status == 422, refused.text
    assert refused.json["errors"][0]["field"] == field


async def test_unknown_ids_are_404(url):
    async with house(url) as place:
        for call in (
            "GET /api/v1/tenants/nobody",
            "GET /api/v1/tenants/nobody/keys",
            "DELETE /api/v1/tenants/nobody",
            "DELETE /api/v1/keys/key-nobody",
            "POST /api/v1/keys/key-nobody/rotate",
            "GET /deployments?tenant=nobody",
            "GET /api/v1/me?tenant=nobody",
        ):
            assert (await place.ask(call)).status == 404, call
        assert (await place.ask("PATCH /api/v1/tenants/nobody", {"name": "n"})).status == 404
        assert (await place.ask("POST /api/v1/tenants/nobody/keys", {"name": "n"})).status == 404


async def test_use_is_kept_to_the_newest_moment(url):
    async with house(url) as place:
        await place.tenant("research")
        made = await place.key("research")
        await place.ask("GET /api/v1/me", key=made["secret"])
        await place.aurora.entrance.key_book.flush()
        before = (await place.aurora.entrance.keys.get(made["key"]["id"])).last_used_at

        async with place.aurora.database.write() as connection:
            await rows.used(connection, {made["key"]["id"]: before - timedelta(hours=1)})
        kept = (await place.aurora.entrance.keys.get(made["key"]["id"])).last_used_at
        assert kept == before == place.aurora.clock.now()


async def test_counting_for_a_quota_does_not_stop_what_refers_to_the_tenant(databases):
    async with databases.postgres_url() as url, house(url) as place:
        await place.tenant("research")
        async with place.aurora.database.write() as connection:
            assert await tenants.lock(connection, "research") is not None
            assert (await place.key("research"))["secret"]
