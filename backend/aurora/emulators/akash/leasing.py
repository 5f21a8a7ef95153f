"""Bids, and the lease that is made of one: the transaction, then the manifest for the provider (contract, sections 5.2, 5.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aurora.emulators.akash import asked, guard, view
from aurora.emulators.akash.deployment import Deployment
from aurora.emulators.akash.estate import Estate
from aurora.emulators.akash.lease import Bid, Lot
from aurora.emulators.akash.manifest import manifest_hash
from aurora.emulators.akash.reading import Reading
from aurora.emulators.akash.replies import Refused
from aurora.emulators.exchange import Call, Reply

_GONE = "Failed to create lease: Cannot create lease: The selected bid is no longer open. Please refresh and select another bid."
_MATCHED = (
    "Failed to create lease: Cannot create lease: The associated order has already been matched or closed."
)


@dataclass(frozen=True)
class Wish:
    """One lease asked for."""

    dseq: str
    gseq: int
    provider: str


class Leasing:
    def __init__(self, estate: Estate, reading: Reading) -> None:
        self._estate = estate
        self._reading = reading

    def bids(self, call: Call) -> Reply:
        """All bids on a deployment's orders, whatever their state; those of audited providers only. None is no error."""
        self._estate.advance(call.now)
        dseq = asked.dseq(call.params.get("dseq") or call.query.get("dseq"), ["dseq"])
        deployment = self._estate.find(dseq)
        rows = [
            view.bid(deployment, lot, bid)
            for lot in (deployment.lots if deployment else ())
            for bid in lot.bids
            if deployment and bid.provider.audited
        ]
        return Reply({"data": rows})

    def lease(self, call: Call) -> Reply:
        """Idempotent: where a lease is not closed, only the manifest is sent again."""
        self._estate.advance(call.now)
        body = guard.document(call)
        manifest = self._manifest(body)
        wishes = _wishes(body)
        deployment = self._reading.find(wishes[0].dseq)
        if not deployment.active:
            raise Refused(400, "Deployment closed")
        if not deployment.living_leases:
            self._make(deployment, wishes, call)
        self._send(deployment, manifest or deployment.manifest, call)
        return self._reading.shown(deployment, call)

    @property
    def _modern(self) -> bool:
        return self._estate.network.knobs.modern

    def _manifest(self, body: dict[str, Any]) -> str | None:
        """Era B keeps its own copy."""
        if self._modern and body.get("manifest") is None:
            return None
        return asked.text(body.get("manifest"), ["manifest"])

    def _make(self, deployment: Deployment, wishes: Sequence[Wish], call: Call) -> None:
        bids = [self._acceptable(deployment, wish) for wish in wishes]
        for _, bid in bids:
            if self._modern and not self._estate.network.reachable(bid.provider.owner):
                raise Refused(502, "Provider is unreachable, no lease was created", "provider_unreachable")
        self._estate.record(deployment, call.now, "MsgCreateLease")
        self._estate.tenancy.make(deployment, bids, call.now)

    def _acceptable(self, deployment: Deployment, wish: Wish) -> tuple[Lot, Bid]:
        """The bid asked for, if it can still be had. Raises Refused."""
        lot = deployment.lot(wish.gseq)
        bid = lot.bid_of(wish.provider) if lot else None
        if lot is None or bid is None:
            raise Refused(400, _GONE)
        if not bid.provider.audited:
            raise Refused(403, "Provider not authorized.")
        if lot.order != "open":
            raise Refused(400, _MATCHED)
        fits = self._estate.network.stock.fit(bid.provider, lot.spec) is not None
        if deployment.fate.bid_gone or not fits:
            bid.state = "closed"
            deployment.fate.bid_gone = False
        if bid.state != "open":
            raise Refused(400, _GONE)
        return lot, bid

    def _send(self, deployment: Deployment, manifest: str, call: Call) -> None:
        """The lease exists, whatever becomes of the manifest."""
        for lot in deployment.lots:
            lease = lot.lease
            if lease is None or not lease.living:
                continue
            if not self._estate.network.reachable(lease.provider.owner):
                raise (
                    Refused(502, "The lease exists, its manifest was not delivered", "manifest_not_delivered")
                    if self._modern
                    else Refused(503, "Provider service is temporarily unavailable")
                )
            if manifest_hash(manifest) != deployment.hash:
                raise Refused(422, "manifest version validation failed")
            if deployment.fate.refuses_manifest:
                raise Refused(422, "manifest cross-validation error")
            if lease.containers is None:
                self._estate.tenancy.start(deployment, lot, call.now)


def _wishes(body: dict[str, Any]) -> list[Wish]:
    rows = asked.rows(body.get("leases"), ["leases"])
    wishes = [_wish(asked.record(row, ["leases", number]), number) for number, row in enumerate(rows)]
    if not wishes:
        raise Refused(400, "At least one lease is required")
    return wishes


def _wish(row: Any, number: int) -> Wish:
    asked.whole(row.get("oseq"), ["leases", number, "oseq"])
    return Wish(
        dseq=asked.dseq(row.get("dseq"), ["leases", number, "dseq"]),
        gseq=asked.whole(row.get("gseq"), ["leases", number, "gseq"]),
        provider=asked.text(row.get("provider"), ["leases", number, "provider"]),
    )
