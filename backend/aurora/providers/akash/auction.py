"""From an order to a lease: deployment, bids, our choice, manifest. Each move begins with a look at the market.

Nothing needs to be kept between the moves: the manifest is computed again from the spec, what was agreed is on the
chain, and `POST /v1/leases` takes no second lease where there is one, it only sends the manifest again (Console's code
[seen]). On a trial key a create closes the account's other deployments that have no lease yet: two pending creates
must not overlap there [seen].
"""

from dataclasses import replace

from aurora.domain.errors import InstanceNotFound, NoCapacity, OutcomeUnknown
from aurora.domain.instance import Created, Instance, InstanceState, LaunchSpec
from aurora.domain.operation import Operation
from aurora.providers.akash import bids, sightings
from aurora.providers.akash.bids import Bid
from aurora.providers.akash.deployments import Deployment, Lease
from aurora.providers.akash.errors import BidRefused
from aurora.providers.akash.limits import BIDS, LEASE
from aurora.providers.akash.memory import Known
from aurora.providers.akash.offer_id import OfferId
from aurora.providers.akash.own import OwnDeployments
from aurora.providers.akash.parts import Parts
from aurora.providers.akash.pricing import first_deposit
from aurora.providers.akash.sdl import Terms, order_for, terms_for

FIRST_RUNWAY_S = 3600.0
"""Time at the ceiling that the first deposit lasts. It is given back at close, and topped up before it ends."""


class Auction:
    """Creates of one account."""

    def __init__(self, parts: Parts, own: OwnDeployments) -> None:
        self._parts = parts
        self._own = own

    async def create(self, spec: LaunchSpec) -> Created:
        """Put an order on the chain. See `Provider.create`; which provider it will be is not known yet."""
        order = order_for(self._parts.name, spec)
        deposit = first_deposit(spec.ceiling_usd_per_hour, seconds=FIRST_RUNWAY_S)
        answer = await self._parts.call(
            Operation.CREATE,
            lambda: self._parts.client.create(
                sdl=order.sdl, name=spec.name, deposit_usd=deposit, hide=order.secrets
            ),
        )
        self._parts.memory.created(answer.dseq, name=spec.name, now=self._parts.clock.monotonic())
        if not answer.accepted:
            raise OutcomeUnknown(self._parts.name, f"deployment {answer.dseq} may not be on the chain")
        return Created(answer.dseq)

    async def advance(self, dseq: str, spec: LaunchSpec) -> Instance:
        """Our next move. See `SupportsSteps.advance`."""
        terms, wanted = (
            terms_for(self._parts.name, spec),
            OfferId.parse(self._parts.name, spec.offer_external_id),
        )
        known = self._parts.known(dseq)
        known.name = spec.name
        try:
            found = await self._own.look(dseq)
        except InstanceNotFound:
            raise NoCapacity(
                self._parts.name, f"deployment {dseq} was closed before it got a lease"
            ) from None
        if found is None:
            return sightings.lagging(dseq, spec.name, provider=self._parts.name)
        seen = await self._own.instance(found)
        if seen.state is not InstanceState.PREPARING:
            return seen
        if found.open_leases:
            return await self._deliver(found, known, found.open_leases[0], terms)
        return await self._take_a_bid(found, known, spec, terms=terms, wanted=wanted)

    async def _take_a_bid(
        self, found: Deployment, known: Known, spec: LaunchSpec, *, terms: Terms, wanted: OfferId
    ) -> Instance:
        rows = await self._parts.call(
            Operation.STATUS, lambda: self._parts.client.bids(found.dseq), endpoint=BIDS
        )
        choice = bids.choose(
            bids.bids(rows, dseq=found.dseq),
            wanted=wanted,
            ceiling=spec.ceiling_usd_per_hour,
            refused=known.refused,
            age_s=self._age_s(found, known),
        )
        if choice.bid is not None:
            return await self._accept(found, known, choice.bid, terms)
        if choice.hopeless:
            raise NoCapacity(self._parts.name, choice.reason)
        return await self._waiting(found, choice.reason)

    async def _accept(self, found: Deployment, known: Known, bid: Bid, terms: Terms) -> Instance:
        """A bid that is not to be had any more is left out from now on; the next look may find a lease or others."""
        try:
            seen = await self._send(found, bid.key, terms)
        except BidRefused as refused:
            known.refused.add(bid.provider)
            return await self._waiting(found, f"the bid of {bid.provider} is gone: {refused.detail}")
        return replace(seen, quoted_usd_per_hour=seen.quoted_usd_per_hour or bid.usd_per_hour)

    async def _deliver(self, found: Deployment, known: Known, lease: Lease, terms: Terms) -> Instance:
        """The lease is there, and its provider may not have the manifest: send it (again)."""
        key = {"dseq": lease.dseq, "gseq": lease.gseq, "oseq": lease.oseq, "provider": lease.provider}
        try:
            return await self._send(found, key, terms)
        except BidRefused as refused:
            known.refused.add(lease.provider)
            return await self._waiting(found, refused.detail)

    async def _send(self, found: Deployment, key: dict[str, object], terms: Terms) -> Instance:
        """Lease and manifest. A manifest that is not the one on the chain would be refused: era B has its own copy."""
        manifest = terms.manifest if found.hash in {None, terms.hash} else None
        told = await self._parts.call(
            Operation.CREATE,
            lambda: self._parts.client.lease(key, manifest=manifest, hide=(*terms.secrets, terms.manifest)),
            endpoint=LEASE,
        )
        known = self._parts.known(found.dseq)
        known.delivered = True
        return await self._own.instance(self._own.read(told, dseq=found.dseq))

    async def _waiting(self, found: Deployment, reason: str) -> Instance:
        seen = await self._own.instance(found)
        return replace(seen, message=reason)

    def _age_s(self, found: Deployment, known: Known) -> float:
        """Seconds since the creation. Our own clock where we made it; the server's may be another."""
        here = self._parts.clock.monotonic() - known.first_seen
        if known.created:
            return here
        age = self._parts.since(found.made_at)
        return here if age is None else max(here, age.total_seconds())
