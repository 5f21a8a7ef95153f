"""The account's own deployments: one look, and the whole list with names."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from aurora.domain.errors import InstanceNotFound, MalformedAnswer, ProviderError, Unavailable
from aurora.domain.instance import Instance
from aurora.domain.naming import InstanceName
from aurora.domain.operation import Operation
from aurora.providers.akash import deployments, sightings
from aurora.providers.akash.deployments import Deployment, Listing, made_at
from aurora.providers.akash.limits import GROUP_NAME
from aurora.providers.akash.memory import Known
from aurora.providers.akash.parts import Parts
from aurora.providers.fields import Fields, Odd

LAG = timedelta(seconds=60)
"""A deployment that was just made may be "not found" for about 30 s, while a node lags [guess]; doubled."""
SEEN_LAG = timedelta(seconds=20)
"""The same once a node has shown it: the next may be behind."""
NAME_LAG = timedelta(hours=1)
"""A deployment of this age whose name is not known may be the one that is looked for."""
FRESH_S = 20.0
"""How old the live status in a list may be: the list itself has none, and each costs a request."""
MOST_PAGES = 100


class OwnDeployments:
    """Reads them. Raises only ProviderError."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def look(
        self, dseq: str, operation: Operation = Operation.STATUS, *, endpoint: str | None = None
    ) -> Deployment | None:
        """As the Console shows it; None while it may be too young to be shown. Raises InstanceNotFound, also when it
        is closed.
        """
        known = self._parts.known(dseq)
        try:
            told = await self._parts.call(
                operation, lambda: self._parts.client.deployment(dseq, operation), endpoint=endpoint
            )
        except InstanceNotFound:
            if self.may_lag(dseq):
                return None
            self._parts.memory.forget(dseq)
            raise
        known.seen = True
        found = self.read(told, dseq=dseq)
        if sightings.gone(found, known):
            raise InstanceNotFound(self._parts.name, f"deployment {dseq} is closed")
        return found

    def may_lag(self, dseq: str) -> bool:
        """Was it made so lately that its absence proves nothing?"""
        known = self._parts.known(dseq)
        lag = SEEN_LAG if known.seen else LAG
        if known.ended:
            return False
        if known.created:
            return self._parts.clock.monotonic() - known.first_seen < lag.total_seconds()
        age = self._parts.since(made_at(dseq))
        return age is not None and abs(age) < lag

    async def sighting(
        self, dseq: str, operation: Operation = Operation.STATUS, *, endpoint: str | None = None
    ) -> Instance:
        """One sighting. Raises InstanceNotFound."""
        found = await self.look(dseq, operation, endpoint=endpoint)
        known = self._parts.known(dseq)
        if found is None:
            return sightings.lagging(dseq, known.name, provider=self._parts.name)
        return await self.instance(found)

    async def instance(self, found: Deployment) -> Instance:
        """A deployment as an instance; remembered for the list."""
        known = self._parts.known(found.dseq)
        latest = await self._parts.latest_block() if found.open_leases else None
        seen = sightings.instance(
            found, known, provider=self._parts.name, now=self._parts.clock.now(), latest=latest
        )
        known.sighting, known.sighted = seen, self._parts.clock.monotonic()
        return seen

    async def all(self) -> Sequence[Instance]:
        """Every active deployment of the account.

        Raises MalformedAnswer when a page is short or odd, Unavailable when a young one has no name yet: it may be
        the very one that is looked for.
        """
        listing = await self._listing()
        found: list[Instance] = []
        nameless: list[str] = []
        for dseq, row in listing.rows.items():
            one = replace(row, leases=listing.leases_of(dseq))
            known = self._parts.known(dseq)
            known.seen = True
            if sightings.gone(one, known):
                continue
            if known.name is None:
                known.name = one.name or await self._learn_name(one)
            if known.name is None and self._is_young(dseq):
                nameless.append(dseq)
            try:
                found.append(await self._listed(one, known))
            except InstanceNotFound:
                continue  # it ended while we were reading
        if nameless:
            detail = f"the name of {len(nameless)} young deployments is not known yet, such as {nameless[0]}"
            raise Unavailable(self._parts.name, detail, retry_after=6.0)
        return tuple(found)

    async def _listed(self, one: Deployment, known: Known) -> Instance:
        """The list tells no live status: that of our own running ones is asked for, unless it was a moment ago."""
        ours = InstanceName.parse(known.name) is not None
        if not (ours and one.open_leases):
            return sightings.instance(
                one, known, provider=self._parts.name, now=self._parts.clock.now(), latest=None
            )
        if known.sighting is not None and self._parts.clock.monotonic() - known.sighted <= FRESH_S:
            return known.sighting
        return await self.sighting(one.dseq, Operation.LIST)

    async def _listing(self) -> Listing:
        """All pages. Each begins with the last deployment of the page before: a list that moved meanwhile shows."""
        listing, last, skip = Listing(), "", 0
        for _ in range(MOST_PAGES):
            page = await self._parts.call(
                Operation.LIST,
                lambda skip=skip: self._parts.client.deployments(skip=skip),  # type: ignore[misc]  # binds the loop's number
            )
            before = len(listing.rows)
            try:
                listing.add(page.rows)
            except Odd as odd:
                raise self._malformed(f"the list: {odd.reason}") from None
            dseqs = [self._dseq_of(row) for row in page.rows]
            if last and last not in dseqs[:1]:
                raise Unavailable(self._parts.name, "the list moved while it was read", retry_after=1.0)
            if not page.more:
                return self._whole(listing, page.total)
            if len(listing.rows) == before:
                break
            last, skip = dseqs[-1], skip + len(dseqs) - 1
        raise self._malformed("the list of deployments does not come to an end")

    def _whole(self, listing: Listing, total: int | None) -> Listing:
        if total is not None and len(listing.rows) < total:
            raise self._malformed(f"{total} deployments announced, {len(listing.rows)} listed")
        return listing

    def _dseq_of(self, row: object) -> str:
        told = Fields(row if isinstance(row, dict) else {})
        return told.object("deployment").object("id").text("dseq", limit=20) or ""

    async def _learn_name(self, one: Deployment) -> str | None:
        """Its group's name, which era A's list does not have: from the Console's index, else from the chain."""
        if one.owner is None or not one.owner.isalnum():
            return None
        owner = one.owner
        try:
            told = await self._parts.call(
                Operation.LIST,
                lambda: self._parts.client.chain_deployment(owner, one.dseq),
                endpoint=GROUP_NAME,
            )
        except ProviderError:
            return await self._name_on_chain(owner, one.dseq)
        found = deployments.group_name(Fields(told if isinstance(told, dict) else {}).object("other"))
        return found or await self._name_on_chain(owner, one.dseq)

    async def _name_on_chain(self, owner: str, dseq: str) -> str | None:
        if self._parts.lcd is None:
            return None
        try:
            return deployments.group_name(await self._parts.lcd.deployment(owner, dseq))
        except ProviderError:
            return None

    def _is_young(self, dseq: str) -> bool:
        """A number that is no time was not given by the Console: that deployment is not ours."""
        age = self._parts.since(made_at(dseq))
        return age is not None and abs(age) < NAME_LAG

    def read(self, told: Fields, *, dseq: str) -> Deployment:
        """What the Console told of this deployment. Raises MalformedAnswer."""
        try:
            found = deployments.deployment(told)
        except Odd as odd:
            raise self._malformed(odd.reason) from None
        if found.dseq != dseq:
            raise self._malformed(f"asked for deployment {dseq}, told about another")
        return found

    def _malformed(self, detail: str) -> MalformedAnswer:
        return MalformedAnswer(self._parts.name, detail)
