"""The life of a lease: made, given its manifest, booting, running, given notice, closed (contract, section 6)."""

import math
import random
from datetime import datetime, timedelta

from aurora.emulators.akash.auction import Auction
from aurora.emulators.akash.deployment import Deployment
from aurora.emulators.akash.funding import Funding
from aurora.emulators.akash.lease import Bid, Containers, Lease, Lot, Reason
from aurora.emulators.akash.manifest import host_ports
from aurora.emulators.akash.network import Network
from aurora.emulators.workload import Workload

_MANIFEST_WAIT_S = 300.0
_BOOT_MEDIAN_S, _BOOT_SIGMA, _LONGEST_BOOT_S = 12.0, 0.5, 90.0
_SHORTEST_RUN_S = 1.0
_PORTS = (30_000, 32_767)  # node ports of kubernetes
DEFAULT_NOTICE_S = 3600


class Tenancy:
    def __init__(self, network: Network, *, auction: Auction, funding: Funding) -> None:
        self._network = network
        self._auction = auction
        self._funding = funding

    def make(self, deployment: Deployment, bids: list[tuple[Lot, Bid]], at: datetime) -> None:
        """Match orders with bids: billing starts now, before any image is pulled."""
        height = self._network.height(at)
        for lot, bid in bids:
            rate = bid.amount * deployment.fate.charge_factor
            lot.lease = Lease(bid, at, height, deployment.escrow.open_payment(rate, height))
            self._auction.close(lot, won=bid)
            self._network.stock.take(bid.provider.owner, (deployment.dseq, lot.gseq), bid.choices)
            self._expect_manifest(deployment, lot, at)
        self._funding.keep_filled(deployment, at)
        self._funding.watch(deployment, self.run_out)

    def start(self, deployment: Deployment, lot: Lot, at: datetime) -> None:
        """The provider has got the manifest and pulls the images; sent again, it starts the containers anew."""
        if lot.lease is None or not lot.lease.living:
            return
        deployment.restarts += 1
        chance = self._network.chance(deployment.dseq, lot.gseq, "boot", deployment.restarts)
        error, seconds = _workload(deployment, lot)
        boot = min(chance.lognormvariate(math.log(_BOOT_MEDIAN_S), _BOOT_SIGMA), _LONGEST_BOOT_S)
        ready = at + self._network.delay(boot)
        fate = deployment.fate
        trouble = "Failed" if error else "BackOff" if fate.start_failure else None
        comes_up = not (trouble or fate.never_starts)
        ends = ready + self._network.delay(max(seconds, _SHORTEST_RUN_S)) if seconds is not None else None
        lot.lease.containers = Containers(
            started_at=at,
            ready_at=ready if comes_up else None,
            ends_at=ends if comes_up else None,
            trouble=trouble,
            hosts=_random_ports(deployment, lot, self._network.chance(deployment.dseq, "ports")),
        )

    def crash(self, lease: Lease, at: datetime) -> None:
        """The containers die and are not restarted any more (a crash loop)."""
        if lease.containers is None or not lease.containers.up(at):
            raise ValueError("does not run")
        lease.containers.ends_at = at
        lease.containers.trouble = "BackOff"

    def give_notice(self, deployment: Deployment, lot: Lot, *, at: datetime, seconds: float) -> None:
        """The provider wants its machine back; the lease runs on until the deadline."""
        lease = lot.lease
        if lease is None or lease.state != "active":
            raise ValueError("has no active lease")
        lease.state = "reclaiming"
        lease.reclaim_deadline = at + timedelta(seconds=seconds)

        def leave(now: datetime) -> None:
            if lease.living:
                self.evict(deployment, lot, at=now, reason=Reason.DECOMMISSION)

        self._network.agenda.add(lease.reclaim_deadline, leave)

    def evict(self, deployment: Deployment, lot: Lot, *, at: datetime, reason: Reason) -> None:
        """The provider closes the lease: the group is paused, the deployment stays and keeps its deposit."""
        if lot.lease is None or not lot.lease.living:
            raise ValueError("has no living lease")
        self._end(deployment, lot, at=at, reason=reason)
        lot.lease.bid.state = lot.order = "closed"
        lot.state = "paused"

    def run_out(self, deployment: Deployment, at: datetime) -> None:
        """The escrow is empty: everything ends, nothing comes back."""
        deployment.escrow.close(self._network.height(at), state="overdrawn")
        for lot in deployment.lots:
            if lot.lease and lot.lease.living:
                self._end(deployment, lot, at=at, reason=Reason.INSUFFICIENT_FUNDS)
                lot.lease.state = "insufficient_funds"
            self._auction.close(lot)
            lot.state = "insufficient_funds"
        deployment.state, deployment.closed_at = "closed", at

    def close(self, deployment: Deployment, at: datetime) -> None:
        """The owner ends everything; what is left of the deposit goes back."""
        for lot in deployment.lots:
            if lot.lease and lot.lease.living:
                self._end(deployment, lot, at=at, reason=Reason.OWNER)
                lot.lease.bid.state = "closed"
            self._auction.close(lot)
            lot.state = "closed"
        self._funding.refund(deployment.escrow.close(self._network.height(at)))
        deployment.state, deployment.closed_at = "closed", at

    def _end(self, deployment: Deployment, lot: Lot, *, at: datetime, reason: Reason) -> None:
        lease, height = lot.lease, self._network.height(at)
        if lease is None:
            return
        deployment.escrow.close_payment(lease.payment, height)
        self._network.stock.give_back(lease.provider.owner, (deployment.dseq, lot.gseq))
        lease.state, lease.reason = "closed", reason
        lease.closed_at, lease.closed_height = at, height

    def _expect_manifest(self, deployment: Deployment, lot: Lot, at: datetime) -> None:
        lease = lot.lease

        def lose_patience(now: datetime) -> None:
            if lease is lot.lease and lease and lease.living and lease.containers is None:
                self.evict(deployment, lot, at=now, reason=Reason.MANIFEST_TIMEOUT)

        self._network.agenda.add(at + self._network.delay(_MANIFEST_WAIT_S), lose_patience)


def _workload(deployment: Deployment, lot: Lot) -> tuple[str | None, float | None]:
    """The first service that cannot be pulled, and the shortest run; a deployment is as good as its weakest part."""
    runs = [run for run in deployment.sdl.runs if run.placement == lot.spec.name]
    services = [deployment.sdl.services[run.service] for run in runs]
    loads = [Workload(s["image"], [*(s.get("command") or []), *(s.get("args") or [])]) for s in services]
    error = next((load.start_error for load in loads if load.start_error), None)
    ends = [load.seconds for load in loads if load.seconds is not None]
    return error, min(ends) if ends else None


def _random_ports(deployment: Deployment, lot: Lot, chance: random.Random) -> dict[str, list[int]]:
    """A port of the host for each global one that is not served by the ingress."""
    services = [run.service for run in deployment.sdl.runs if run.placement == lot.spec.name]
    return {s: chance.sample(range(*_PORTS), len(host_ports(deployment.sdl, s))) for s in services}
