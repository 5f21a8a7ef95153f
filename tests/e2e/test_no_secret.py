"""A whole life with distinctive secrets, faults and all: none of them is in any log, answer, metric or file."""

import base64
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.databases import Databases
from tests.e2e.stack import Stack, stack, start

SETTINGS = {
    "VASTAI_API_KEY": "vastKEY-6f1c0e+5b/9d==",
    "AKASH_API_KEY": "akashKEY-77aa3d0c51",
    "AURORA_ADMIN_KEY": "adminKEY-d41d8cd98f00b204",
    "SECRET_KEY": "sealKEY-9e107d9d372bb682",
    "SECRET_KEY_PREVIOUS": "oldsealKEY-e4d909c290d0fb1c",
    "ALERT_WEBHOOK_SECRET": "hookKEY-a3cca2b2aa1e3b5b",
    "ALERT_WEBHOOK_URL": "http://127.0.0.1:9/hook?token=hookURL-7215ee9c7d9dc229",
}
WORKLOAD = {
    "HF_TOKEN": "envVALUE-1f3870be274f6c49 with blanks & more",
    "PLAIN": 'envVALUE-"quoted"-c33367701511b4f6',
}
REGISTRY = {"server": "ghcr.io", "user": "someone", "password": "registryPW-2b00042f7481c7b0"}
_URL_TOKEN = "hookURL-7215ee9c7d9dc229"
SECRETS = (
    *(value for name, value in SETTINGS.items() if name != "ALERT_WEBHOOK_URL"),
    _URL_TOKEN,
    *WORKLOAD.values(),
    REGISTRY["password"],
)
ROUTE = {
    "workload_type": "general",
    "gpu_type": "rtx4090",
    "gpu_hours": 2.0,
    "max_price": 50,
    "min_reputation": 0,
    "max_latency_ms": 2000,
    "env": WORKLOAD,
}


def spellings(secret: str) -> Iterator[bytes]:
    """As it may come out of a log, a URL, a header or a dump."""
    yield secret.encode()
    yield json.dumps(secret)[1:-1].encode()
    yield repr(secret)[1:-1].encode()
    yield quote(secret, safe="").encode()
    yield base64.b64encode(secret.encode()).rstrip(b"=")[:-1]


@dataclass
class Heap:
    """Everything that came out, by where it came from."""

    pieces: dict[str, bytes] = field(default_factory=dict)

    def add(self, name: str, piece: bytes | str) -> None:
        raw = piece.encode() if isinstance(piece, str) else piece
        self.pieces[name] = self.pieces.get(name, b"") + b"\n" + raw

    def found(self, *secrets: str) -> list[str]:
        return [
            f"{secret} in {name}: ...{_around(raw, each)}..."
            for secret in secrets
            for each in set(spellings(secret))
            for name, raw in self.pieces.items()
            if each in raw
        ]


def _around(raw: bytes, what: bytes) -> str:
    at = raw.index(what)
    return raw[max(0, at - 80) : at + len(what) + 40].decode("utf-8", "replace")


@dataclass
class Spy:
    """A client that keeps every answer."""

    made: Stack
    heap: Heap

    async def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = SETTINGS["AURORA_ADMIN_KEY"]
    ) -> Any:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        async with self.made.session.request(
            method, self.made.url + path, data=data, headers=headers
        ) as answer:
            text = await answer.text()
            self.heap.add(f"{method} {path}", f"{answer.status} {dict(answer.headers)}\n{text}")
            return json.loads(text) if text.startswith("{") else text

    async def read_all(self, known: Mapping[str, str]) -> int:
        """Every GET of the document; how many were answered with 200."""
        before = len(self.heap.pieces)
        document = await self.ask("GET", "/openapi.json")
        for path, methods in document["paths"].items():
            if "get" in methods:
                with suppress(KeyError):
                    await self.ask("GET", path.format(**known))
        fresh = list(self.heap.pieces.values())[before:]
        return sum(piece.startswith(b"\n200") for piece in fresh)


@pytest.fixture
async def spy(databases: Databases, tmp_path: Path) -> AsyncIterator[Spy]:
    url = await databases.sqlite_url(tmp_path / "aurora.db")
    async with stack(tmp_path, offers=600, database_url=url, LOG_LEVEL="DEBUG", **SETTINGS) as made:
        await made.boot()
        yield Spy(made, Heap())


async def trouble(spy: Spy, deployment: str) -> None:
    """Whatever makes errors: wrong keys, wrong bodies, and markets that fail in every way."""
    for key in ("wrong", SETTINGS["VASTAI_API_KEY"], SETTINGS["SECRET_KEY"]):
        await spy.ask("GET", "/deployments", key=key)
    for body in (
        {**ROUTE, "env": {"A": [WORKLOAD["HF_TOKEN"]]}},
        {**ROUTE, "image": REGISTRY["password"] * 30},
        {**ROUTE, "env": {WORKLOAD["HF_TOKEN"]: "x"}, "ports": [WORKLOAD["PLAIN"]]},
        json.dumps({**ROUTE, "env": WORKLOAD}).encode()[:-3],
    ):
        await spy.ask("POST", "/route", body)
    for provider in ("vastai", "akash"):
        for fault in (
            {"kind": "status", "code": 500},
            {"kind": "status", "code": 401},
            {"kind": "malformed"},
            {"kind": "disconnect"},
        ):
            async with spy.made.session.post(
                f"{spy.made.emulator_url}/_emulator/{provider}/faults", json=fault
            ) as answer:
                await answer.read()
            await spy.ask("POST", f"/api/v1/provider-health/providers/{provider}/health-check?force=true")
            await spy.ask("POST", "/route", {**ROUTE, "providers": [provider], "wait": 0.2})
            await spy.ask("GET", f"/deployments/{deployment}/logs")
            await spy.made.heal(provider)


@pytest.mark.parametrize("secret", SECRETS)
def test_the_search_finds_what_it_looks_for(secret):
    for written in (secret, json.dumps({"a": secret}), repr([secret]), quote(secret, safe="")):
        heap = Heap()
        heap.add("log", f"first line\n{written}\nlast line")
        assert len(heap.found(*SECRETS)) >= 1


async def test_no_secret_leaves_by_any_door(spy):
    first = await spy.ask("POST", "/route", {**ROUTE, "providers": ["vastai"], "wait": 30})
    deployment = first["deployment_id"]
    assert first["status"] == "running", first
    await spy.ask("POST", "/route", {**ROUTE, "providers": ["akash"], "wait": 5})
    await spy.ask("POST", "/route/whatif", ROUTE)
    await spy.ask("POST", "/api/v1/tenants", {"id": "team", "name": "Team"})
    key = await spy.made.session.post(
        f"{spy.made.url}/api/v1/tenants/team/keys",
        json={"name": "ci", "scopes": ["route"]},
        headers={"Authorization": f"Bearer {SETTINGS['AURORA_ADMIN_KEY']}"},
    )
    made = await key.json()
    assert key.status == 201, made
    shown_once = made["secret"]
    await spy.ask("GET", "/deployments", key=shown_once)
    await trouble(spy, deployment)
    known = {
        "deployment_id": deployment,
        "decision_id": first["decision_id"],
        "name": "vastai",
        "tenant_id": "team",
    }
    assert await spy.read_all(known) > 20
    await spy.ask("DELETE", f"/deployments/{deployment}")
    await spy.ask("GET", f"/deployments/{deployment}")
    for file in spy.made.folder.glob("aurora.db*"):
        spy.heap.add(file.name, file.read_bytes())
    assert spy.made.aurora is not None
    await spy.made.aurora.stop()
    spy.heap.add("log", spy.made.aurora.text)
    for file in spy.made.folder.glob("aurora.db*"):
        spy.heap.add(file.name, file.read_bytes())

    assert len(spy.heap.pieces["log"]) > 5000
    assert b"aurora-" in spy.heap.pieces["aurora.db"]
    assert spy.heap.found(*SECRETS, shown_once) == []


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"DATABASE_URL": "postgresql://aurora:dbPW-5f4dcc3b5aa765d6@127.0.0.1:1/aurora"}, 1),
        ({"DATABASE_URL": "nonsense://aurora:dbPW-5f4dcc3b5aa765d6@[oops"}, 1),
        ({"VASTAI_API_KEY": "dbPW-5f4dcc3b5aa765d6\nX: y"}, 2),
        ({"AURORA_MODE": "dbPW-5f4dcc3b5aa765d6"}, 2),
    ],
)
async def test_a_start_that_fails_tells_no_secret(settings, code):
    for command in ("serve", "migrate"):
        part = await start(
            command,
            "--env-file",
            "",
            env={"PORT": "0", "COMPAT_PORT": "off", "EMULATOR_URL": "http://127.0.0.1:9", **settings},
        )
        await part.ended()

        assert "dbPW-5f4dcc3b5aa765d6" not in part.text or settings.keys() == {"AURORA_MODE"}
        assert "Traceback" not in part.text
