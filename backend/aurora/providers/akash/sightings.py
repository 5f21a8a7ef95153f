"""A deployment as the contract's instance: which state it is in, and what that costs. Pure.

States of Akash: akash-network/node and chain-sdk [seen]. What they mean for us is our reading of them [guess].
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from aurora.domain.instance import Instance, InstanceState
from aurora.providers.akash.deployments import CLOSED, RECLAIMING, Deployment, Lease
from aurora.providers.akash.escrow import anchor, paid_until, time_of
from aurora.providers.akash.lcd import Block
from aurora.providers.akash.memory import Known

MANIFEST_WAIT_S = 300.0
"""A provider that has no manifest by then closes the lease [seen]."""
SILENT_S = 1800.0
"""A lease of this age has been up, or would have been ended by us: silence is then "unreachable" [guess, ours]."""
_MANIFEST_TIMEOUT = "lease_closed_reason_manifest_timeout"
_LIVE = frozenset({"active", RECLAIMING})
_S = InstanceState


@dataclass(frozen=True, slots=True)
class Reading:
    """State, and the words for it."""

    state: InstanceState
    raw: str
    message: str | None = None


def gone(deployment: Deployment, known: Known) -> bool:
    """Closed is gone: nothing of it costs anything any more, though it stays readable for ever. Only one that ran
    out of money is shown as that first, until we have closed it ourselves.
    """
    return deployment.state == CLOSED and (known.ended or not deployment.out_of_funds)


def read(deployment: Deployment, known: Known, *, age_s: float | None) -> Reading:
    """`age_s` is the lease's age, as far as it is known. Marks in `known` that it ran."""
    if deployment.out_of_funds:
        return Reading(_S.STOPPED, "insufficient_funds", "out of funds: the escrow is empty")
    if deployment.state != "active":
        return Reading(_S.UNKNOWN, f"deployment {deployment.state}")
    if not deployment.leases:
        return Reading(_S.PREPARING, "bidding", "waiting for bids")
    if not deployment.open_leases:
        return _closed(deployment.leases[-1], known)
    odd = next((lease.state for lease in deployment.open_leases if lease.state not in _LIVE), None)
    if odd is not None:
        return Reading(_S.UNKNOWN, f"lease {odd}")
    return _live(deployment.open_leases, known, age_s=age_s)


def _closed(lease: Lease, known: Known) -> Reading:
    """The provider closed it, the deployment goes on: the deposit stays locked until we close that."""
    why = lease.reason or "no reason given"
    if lease.reason == _MANIFEST_TIMEOUT and not known.ran:
        return Reading(_S.FAILED, f"lease closed: {why}", "the provider got no manifest in time")
    return Reading(_S.STOPPED, f"lease closed: {why}", f"evicted: the provider closed the lease ({why})")


def _live(open_leases: tuple[Lease, ...], known: Known, *, age_s: float | None) -> Reading:
    services = [service for lease in open_leases for service in lease.services or ()]
    if not services or any(lease.services is None for lease in open_leases):
        return _silent(known, age_s=age_s)
    known.delivered = True
    up = sum(service.up for service in services)
    if up < len(services):
        return Reading(_S.STARTING, f"lease active, {up} of {len(services)} services up")
    known.ran = True
    leaving = next((lease for lease in open_leases if lease.state == RECLAIMING), None)
    if leaving is None:
        return Reading(_S.RUNNING, "lease active")
    until = f" until {leaving.reclaim_at:%Y-%m-%d %H:%M} UTC" if leaving.reclaim_at else ""
    return Reading(_S.RUNNING, "lease reclaiming", f"the provider takes it back; it runs{until}")


def _silent(known: Known, *, age_s: float | None) -> Reading:
    """The provider says nothing. Before the manifest arrived that is normal, and the next move is ours."""
    if known.ran or (age_s is not None and age_s > SILENT_S):
        return Reading(_S.UNREACHABLE, "lease active, provider silent", "the provider does not answer")
    if not known.delivered and (age_s is None or age_s < MANIFEST_WAIT_S):
        return Reading(_S.PREPARING, "lease active, manifest not confirmed", "delivering the manifest")
    return Reading(_S.STARTING, "lease active, no status yet")


def instance(
    deployment: Deployment, known: Known, *, provider: str, now: datetime, latest: Block | None
) -> Instance:
    """One sighting."""
    near = anchor(deployment, latest)
    lease = next(iter(deployment.open_leases), None)
    started = None if lease is None else time_of(lease.created_at, near)
    age_s = None if started is None else max(0.0, (now - started) / timedelta(seconds=1))
    reading = read(deployment, known, age_s=age_s)
    price = deployment.usd_per_hour
    return Instance(
        provider=provider,
        external_id=deployment.dseq,
        name=known.name or deployment.name,
        state=reading.state,
        raw_state=reading.raw,
        message=reading.message,
        usd_per_hour=price,
        quoted_usd_per_hour=price,
        paid_until=paid_until(deployment, latest),
        endpoints=() if lease is None else lease.endpoints,
        started_at=started,
        attributes=_attributes(deployment, lease),
    )


def lagging(dseq: str, name: str | None, *, provider: str) -> Instance:
    """A deployment that was just made and is not shown yet."""
    return Instance(provider, dseq, name, _S.PREPARING, raw_state="not shown yet", message="just created")


def _attributes(deployment: Deployment, lease: Lease | None) -> dict[str, str]:
    found = {"hash": deployment.hash, "escrow": deployment.escrow.state}
    if lease is not None:
        found["provider"] = lease.provider
        found["reclaimed_at"] = lease.reclaim_at.isoformat() if lease.reclaim_at else None
    return {key: value for key, value in found.items() if value}
