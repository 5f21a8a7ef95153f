"""The gateway of a provider: status, manifests, logs and events of its leases (contract, section 10.2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aurora.emulators.akash import view
from aurora.emulators.akash.deployment import Deployment
from aurora.emulators.akash.estate import Estate
from aurora.emulators.akash.feed import EventFeed, LogFeed, Run, Silence, Stream, opened
from aurora.emulators.akash.guard import marked
from aurora.emulators.akash.lease import Lease, Lot
from aurora.emulators.akash.manifest import manifest_hash
from aurora.emulators.akash.provider import Provider
from aurora.emulators.akash.tokens import Errand, TokenRefused, Tokens
from aurora.emulators.exchange import Conversation, Reply

_LEASE = re.compile(r"^/lease/(?P<dseq>\d+)/(?P<gseq>\d+)/(?P<oseq>\d+)/(?P<what>.+)$")
_MANIFEST = re.compile(r"^/deployment/(?P<dseq>\d+)/manifest$")
_SERVICE = re.compile(r"^service/(?P<service>[^/]+)/status$")
_NO_LEASE, _UNAVAILABLE = 4001, 4002
_STREAMS = {"logs": "logs", "kubeevents": "events"}  # path -> scope


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A call at a provider's gateway, straight or through the proxy."""

    provider: Provider
    method: str
    path: str
    now: datetime
    token: str | None
    query: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


class Gate:
    def __init__(self, estate: Estate, tokens: Tokens) -> None:
        self._estate = estate
        self._tokens = tokens

    def answer(self, asked: Asked) -> Reply:
        """The reply of the gateway; 503 while it is not reachable."""
        self._estate.advance(asked.now)
        if not self._estate.network.reachable(asked.provider.owner):
            return _plain(503, "cluster unreachable")
        try:
            return marked(self._answer(asked))
        except TokenRefused as refused:
            return Reply({"message": refused.message}, refused.status)

    def stream(self, asked: Asked) -> Conversation:
        """Logs or events as they come. Raises TokenRefused before anything is opened."""
        self._estate.advance(asked.now)
        found = _LEASE.match(asked.path)
        scope = _STREAMS.get(found["what"]) if found else None
        if found is None or scope is None:
            return Silence(_NO_LEASE, "not found")
        if not self._estate.network.reachable(asked.provider.owner):
            return Silence(_UNAVAILABLE, "service unavailable")
        self._check(asked, scope, found)
        held = self._lease(asked, found)
        if held is None:
            return Silence(_NO_LEASE, "lease not found")
        return self._opened(asked, held, events=scope == "events")

    def check_again(self, asked: Asked) -> None:
        """Whether the token of an open stream still holds. Raises TokenRefused."""
        found = _LEASE.match(asked.path)
        if found:
            self._check(asked, _STREAMS.get(found["what"], ""), found)

    def _answer(self, asked: Asked) -> Reply:
        if asked.method == "GET" and asked.path in {"/status", "/version", "/address"}:
            return Reply(self._about(asked.provider, asked.path))
        manifest = _MANIFEST.match(asked.path)
        if manifest and asked.method == "PUT":
            self._check(asked, "send-manifest", manifest)
            return self._take_manifest(asked, manifest["dseq"])
        lease = _LEASE.match(asked.path)
        if lease is None or asked.method != "GET":
            return _plain(404, "404 page not found")
        scope = "get-manifest" if lease["what"] == "manifest" else "status"
        self._check(asked, scope, lease)
        return self._lease_reply(asked, lease)

    def _check(self, asked: Asked, scope: str, found: re.Match[str]) -> None:
        gseq = int(found.groupdict().get("gseq") or 1)
        errand = Errand(asked.provider.owner, scope, found["dseq"], gseq)
        self._tokens.check(asked.token or "", errand, asked.now)

    def _lease(self, asked: Asked, found: re.Match[str]) -> tuple[Deployment, Lot, Lease] | None:
        """The living lease that the path names, if this provider has it."""
        deployment = self._estate.find(found["dseq"])
        lot = deployment.lot(int(found["gseq"])) if deployment else None
        lease = lot.lease if lot and int(found["oseq"]) == 1 else None
        if not deployment or not lot or not lease or not lease.living:
            return None
        return (deployment, lot, lease) if lease.provider.owner == asked.provider.owner else None

    def _lease_reply(self, asked: Asked, found: re.Match[str]) -> Reply:
        held = self._lease(asked, found)
        status = view.status(self._estate.network, held[0], held[1], now=asked.now) if held else None
        if held is None or status is None:
            return _plain(404, "")
        if found["what"] == "status":
            return Reply(status)
        if found["what"] == "manifest":
            return Reply(held[0].manifest.encode())
        service = _SERVICE.match(found["what"])
        row = status["services"].get(service["service"]) if service else None
        return Reply(row) if row else _plain(404, "404 page not found")

    def _take_manifest(self, asked: Asked, dseq: str) -> Reply:
        deployment = self._estate.find(dseq)
        lots = [
            lot
            for lot in (deployment.lots if deployment else ())
            if lot.lease and lot.lease.living and lot.lease.provider.owner == asked.provider.owner
        ]
        if deployment is None or not lots:
            return _plain(404, "no lease for deployment")
        if manifest_hash(asked.body) != deployment.hash:
            return _plain(422, "manifest version validation failed")
        if deployment.fate.refuses_manifest:
            return _plain(422, "manifest cross-validation error")
        for lot in lots:
            self._estate.tenancy.start(deployment, lot, asked.now)
        return _plain(200, "")

    def _opened(self, asked: Asked, held: tuple[Deployment, Lot, Lease], *, events: bool) -> Stream | Silence:
        deployment, lot, lease = held
        if lease.containers is None:
            return Silence(_NO_LEASE, "lease not found")
        wanted = {name for name in asked.query.get("service", "").split(",") if name}
        names = [run.service for run in deployment.sdl.runs if run.placement == lot.spec.name]
        services = [name for name in names if not wanted or name in wanted]
        if not services:
            return Silence(4000, "no running pods")
        run = Run(deployment, lease, lease.containers, services, self._estate.network.speed)
        return opened(
            EventFeed(run) if events else LogFeed(run),
            follow=asked.query.get("follow") == "true",
            tail=_tail(asked.query.get("tail")),
            now=asked.now,
        )

    def _about(self, provider: Provider, path: str) -> dict[str, object]:
        if path == "/address":
            return {"address": provider.owner}
        if path == "/version":
            return {"akash": {"version": "v2.0.1", "cosmosSdkVersion": "v0.53.4"}, "kube": {"major": "1"}}
        leases = provider.leases + self._estate.network.stock.leases_of(provider.owner)
        nodes = {"nodes": [self._node(provider)], "storage": []}
        return {
            "cluster": {
                "leases": leases,
                "inventory": {"active": [], "pending": [], "available": nodes},
            },
            "bidengine": {"orders": 0},
            "manifest": {"deployments": leases},
            "cluster_public_hostname": provider.host,
            "address": provider.owner,
        }

    def _node(self, provider: Provider) -> dict[str, object]:
        """All the provider has, as if it were one machine."""
        stock, whole, busy = self._estate.network.stock, provider.capacity, provider.busy
        held = stock.held(provider)
        return {
            "name": "node1",
            "allocatable": {
                "cpu": whole.cpu,
                "gpu": sum(rig.cards for rig in provider.rigs),
                "memory": whole.memory,
                "storage_ephemeral": whole.ephemeral,
            },
            "available": {
                "cpu": whole.cpu - busy.cpu - held.cpu,
                "gpu": sum(stock.free_cards(provider, rig) for rig in provider.rigs),
                "memory": whole.memory - busy.memory - held.memory,
                "storage_ephemeral": whole.ephemeral - busy.ephemeral - held.ephemeral,
            },
        }


def _tail(text: str | None) -> int:
    return int(text) if text and text.removeprefix("-").isdecimal() else -1


def _plain(status: int, text: str) -> Reply:
    return Reply(text, status, content_type="text/plain")
