"""The emulated Akash as a client sees it."""

import gzip
import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from aurora.emulators.server import EmulatorOptions, running

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "akash" / "emulator"
WORKER = "ghcr.io/example/worker:1.4.2"


def fixture_file(name):
    return json.loads(gzip.decompress((FIXTURES / f"{name}.json.gz").read_bytes()))


@pytest.fixture
def fixture():
    """Read a fixture file."""
    return fixture_file


def order(gpu="h100", *, name="aurora-abc123-dep1-1", amount=10_000, image=WORKER, **more):
    """SDL of one service on one card; `more` are further keys of the service."""
    resources = {"cpu": {"units": 4}, "memory": {"size": "16Gi"}, "storage": [{"size": "50Gi"}]}
    if gpu:
        models = [{"model": model} for model in ([gpu] if isinstance(gpu, str) else gpu)]
        resources["gpu"] = {"units": more.pop("gpus", 1), "attributes": {"vendor": {"nvidia": models}}}
    exposes = [{"port": 8080, "as": 80, "to": [{"global": True}]}, {"port": 22, "to": [{"global": True}]}]
    placement = {"pricing": {"web": {"denom": "uact", "amount": amount}}, **more.pop("placement", {})}
    return json.dumps(
        {
            "version": "2.0",
            "services": {"web": {"image": image, "expose": exposes, **more}},
            "profiles": {"compute": {"web": {"resources": resources}}, "placement": {name: placement}},
            "deployment": {"web": {name: {"profile": "web", "count": 1}}},
        }
    )


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Any

    @property
    def data(self):
        assert self.status < 300, self
        return self.body["data"]


@dataclass(frozen=True)
class Akash:
    url: str
    session: aiohttp.ClientSession
    clock: Any

    async def ask(self, method, path, *, key="test-key", **options) -> Answer:
        headers = {**({"x-api-key": key} if key else {}), **options.pop("headers", {})}
        async with self.session.request(method, self.url + path, headers=headers, **options) as response:
            text = await response.text()
            is_json = response.content_type == "application/json" and text
            return Answer(response.status, json.loads(text) if is_json else text, response.headers)

    async def api(self, method, path, **options) -> Answer:
        return await self.ask(method, f"/akash{path}", **options)

    async def create(self, gpu="h100", *, deposit=0.5, terms=None, **more) -> Answer:
        data = {"sdl": order(gpu, **more), "deposit": deposit, **(terms or {})}
        return await self.api("POST", "/v1/deployments", json={"data": data})

    async def deploy(self, gpu="h100", **more) -> str:
        answer = await self.create(gpu, **more)
        assert answer.status == 201, answer
        return answer.data["dseq"]

    async def bids(self, dseq) -> list[dict[str, Any]]:
        return [row["bid"] for row in (await self.api("GET", f"/v1/bids?dseq={dseq}")).data]

    async def open_bids(self, dseq):
        self.clock.step(31)
        return [bid for bid in await self.bids(dseq) if bid["state"] == "open"]

    async def take(self, bid, manifest=None) -> Answer:
        lease = {name: bid["id"][name] for name in ("dseq", "gseq", "oseq", "provider")}
        body = {"leases": [lease], **({"manifest": manifest} if manifest else {})}
        return await self.api("POST", "/v1/leases", json=body)

    async def rent(self, gpu="h100", **more) -> str:
        """A deployment with a lease, its manifest sent."""
        created = await self.create(gpu, **more)
        bids = await self.open_bids(created.data["dseq"])
        taken = await self.take(bids[0], created.data["manifest"])
        assert taken.status == 200, taken
        return created.data["dseq"]

    async def run(self, gpu="h100", **more) -> str:
        dseq = await self.rent(gpu, **more)
        self.clock.step(91)
        return dseq

    async def show(self, dseq):
        return (await self.api("GET", f"/v1/deployments/{dseq}")).data

    async def lease(self, dseq):
        return (await self.show(dseq))["leases"][0]

    async def close(self, dseq) -> Answer:
        return await self.api("DELETE", f"/v1/deployments/{dseq}")

    async def listed(self, query="") -> list[dict[str, Any]]:
        return (await self.api("GET", f"/v1/deployments{query}")).data["deployments"]

    async def funds(self, dseq) -> int:
        amount = (await self.show(dseq))["escrow_account"]["state"]["funds"][0]["amount"]
        return int(amount.partition(".")[0])

    async def balance(self) -> int:
        return (await self.api("GET", "/v1/balances")).data["balance"]

    async def ledger(self):
        answer = await self.ask("GET", "/_emulator/akash/ledger")
        return {row["id"]: row for row in answer.body["instances"]}

    async def event(self, event, dseq=None, **more) -> Answer:
        body = {"event": event, **({"id": dseq} if dseq else {}), **more}
        return await self.ask("POST", "/_emulator/akash/events", json=body)

    async def fault(self, kind, operation="*", **more) -> Answer:
        body = {"kind": kind, "operation": operation, **more}
        return await self.ask("POST", "/_emulator/akash/faults", json=body)

    async def adjust(self, **settings) -> Answer:
        return await self.ask("POST", "/_emulator/akash/settings", json=settings)

    async def calls(self):
        return (await self.ask("GET", "/_emulator/akash/calls")).body

    async def owner(self):
        me = (await self.api("GET", "/v1/user/me")).data
        return (await self.api("GET", f"/v1/wallets?userId={me['id']}")).data[0]["address"]

    async def token(self, *, ttl=3600, leases=None) -> str:
        leases = leases or {"access": "scoped", "scope": ["logs", "events", "status"]}
        body = {"data": {"ttl": ttl, "leases": leases}}
        return (await self.api("POST", "/v1/create-jwt-token", json=body)).data["token"]

    async def provider_of(self, dseq):
        owner = (await self.lease(dseq))["id"]["provider"]
        return (await self.api("GET", f"/v1/providers/{owner}", key=None)).body

    async def at_provider(self, dseq, path, *, token, method="GET", **more) -> Answer:
        """A call at the provider's gateway through the proxy."""
        provider = await self.provider_of(dseq)
        order = {
            "method": method,
            "url": provider["hostUri"] + path,
            "providerAddress": provider["owner"],
            "auth": {"type": "jwt", "token": token},
            **more,
        }
        return await self.api("POST", "/provider-proxy/", json=order, key=None)

    @asynccontextmanager
    async def talk(self, dseq, what, *, token):
        """The proxy's WebSocket with one stream asked for."""
        provider = await self.provider_of(dseq)
        order = {
            "type": "websocket",
            "url": f"{provider['hostUri']}/lease/{dseq}/1/1/{what}",
            "providerAddress": provider["owner"],
            "auth": {"type": "jwt", "token": token},
        }
        async with self.session.ws_connect(f"{self.url}/akash/provider-proxy/ws") as line:
            await line.send_json(order)
            yield line


@pytest.fixture
async def start(clock):
    async with AsyncExitStack() as stack:

        async def started(**options) -> Akash:
            chosen = EmulatorOptions(**{"providers": ("akash",), **options})
            url = await stack.enter_async_context(running(chosen, clock))
            timeout = aiohttp.ClientTimeout(total=10)
            session = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
            session._retry_connection = False  # aiohttp would silently repeat a PUT that was cut off
            return Akash(url, session, clock)

        yield started


@pytest.fixture
async def akash(start):
    return await start()


@pytest.fixture
async def old(start):
    """Era A of the Console."""
    return await start(era="a")
