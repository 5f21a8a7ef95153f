"""What the control API can make happen to deployments, providers and tokens: the bad cases on demand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aurora.emulators.akash.deployment import Deployment
from aurora.emulators.akash.estate import Estate
from aurora.emulators.akash.lease import Lot, Reason
from aurora.emulators.akash.script import AHEAD
from aurora.emulators.akash.tenancy import DEFAULT_NOTICE_S
from aurora.emulators.akash.tokens import Tokens
from aurora.emulators.faults import BadFault
from aurora.emulators.marketplace import UnknownEvent

_REASONS = {str(reason).removeprefix("lease_closed_reason_"): reason for reason in Reason}
_NO_ID = frozenset({"None", ""})


@dataclass(frozen=True)
class Blow:
    """What befalls one group of a deployment; `details` is the request as it came."""

    deployment: Deployment
    lot: Lot
    details: Mapping[str, Any]
    now: datetime


Deed = Callable[[Blow], None]


class Happening:
    def __init__(self, estate: Estate, tokens: Tokens) -> None:
        self._estate = estate
        self._tokens = tokens
        self._deeds: Mapping[str, Deed] = {
            "evict": self._evict,
            "reclaim": self._reclaim,
            "bid_gone": self._bid_gone,
            "no_bids": self._no_bids,
            "bids_above_ceiling": self._dear_bids,
            "manifest_refused": self._refuse_manifest,
            "drain_escrow": self._drain,
            "unreachable": self._unreachable,
            "reachable": self._reachable,
            "crash": self._crash,
        }

    def happen(self, event: str, details: Mapping[str, Any], *, deployment_id: str, now: datetime) -> None:
        """Raises UnknownEvent, or KeyError if there is no such deployment.

        Without an id, the bad cases of auctions and manifests wait for the next deployments.
        """
        if event == "expire_tokens":
            self._tokens.expire()
            return
        if event not in self._deeds:
            raise UnknownEvent(f"must be one of {', '.join([*self._deeds, 'expire_tokens'])}")
        if deployment_id in _NO_ID and event in AHEAD:
            self._estate.script.arm(event, details)
            return
        deployment = self._estate.find(deployment_id)
        if deployment is None:
            raise KeyError(deployment_id)
        if not deployment.active:
            raise UnknownEvent("cannot befall a deployment that is closed")
        try:
            for lot in deployment.lots:
                self._deeds[event](Blow(deployment, lot, details, now))
        except ValueError as exc:
            if isinstance(exc, BadFault):
                raise
            raise UnknownEvent(f"cannot befall a deployment that {exc}") from None

    def _evict(self, blow: Blow) -> None:
        """`reason`: unstable (unless told), decommission, unspecified, manifest_timeout."""
        reason = _REASONS.get(str(blow.details.get("reason", "unstable")))
        if reason is None:
            raise BadFault("reason", f"must be one of {', '.join(_REASONS)}")
        self._estate.tenancy.evict(blow.deployment, blow.lot, at=blow.now, reason=reason)

    def _reclaim(self, blow: Blow) -> None:
        """`seconds` of notice, on the wall."""
        seconds = blow.details.get("seconds", DEFAULT_NOTICE_S)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
            raise BadFault("seconds", "must be seconds, 0 or more")
        self._estate.tenancy.give_notice(blow.deployment, blow.lot, at=blow.now, seconds=seconds)

    def _bid_gone(self, blow: Blow) -> None:
        """The bid of `provider` closes now; without one, whichever is chosen turns out to be gone."""
        if "provider" not in blow.details:
            blow.deployment.fate.bid_gone = True
            return
        bid = blow.lot.bid_of(str(blow.details["provider"]))
        if bid is None or bid.state != "open":
            raise BadFault("provider", "has no open bid")
        bid.state = "closed"

    def _no_bids(self, blow: Blow) -> None:
        """All bids disappear, and none will come."""
        if blow.lot.order != "open":
            raise ValueError("has no open order")
        for bid in blow.lot.bids:
            bid.state = "closed"
        blow.deployment.fate.no_bids = True

    def _dear_bids(self, blow: Blow) -> None:
        """Bids that are still to come stand above what was asked; the real chain would refuse them."""
        if blow.lot.order != "open":
            raise ValueError("has no open order")
        blow.deployment.fate.above_ceiling = True

    def _refuse_manifest(self, blow: Blow) -> None:
        blow.deployment.fate.refuses_manifest = True

    def _drain(self, blow: Blow) -> None:
        """The escrow runs dry now, for all groups; what was in it goes back to the wallet, so that money is paid for blocks only."""
        if blow.lot is not blow.deployment.lots[0]:
            return
        if not blow.deployment.living_leases:
            raise ValueError("has no living lease")
        escrow = blow.deployment.escrow
        escrow.settle(self._estate.network.height(blow.now))
        self._estate.funding.refund(escrow.funds)
        escrow.funds -= escrow.funds
        self._estate.tenancy.run_out(blow.deployment, blow.now)

    def _unreachable(self, blow: Blow) -> None:
        """The gateways of the deployment's providers do not answer any more."""
        self._estate.network.unreachable.update(_owners(blow.lot))

    def _reachable(self, blow: Blow) -> None:
        self._estate.network.unreachable.difference_update(_owners(blow.lot))

    def _crash(self, blow: Blow) -> None:
        if blow.lot.lease is None or not blow.lot.lease.living:
            raise ValueError("has no living lease")
        self._estate.tenancy.crash(blow.lot.lease, blow.now)


def _owners(lot: Lot) -> list[str]:
    """The provider of the lease; before there is one, all that bid."""
    owners = [lot.lease.provider.owner] if lot.lease else [bid.provider.owner for bid in lot.bids]
    if not owners:
        raise ValueError("has neither lease nor bids")
    return owners
