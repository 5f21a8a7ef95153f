"""The account's deployments: one sighting, all of them, their end, more hours."""

from collections.abc import Sequence
from dataclasses import replace

from aurora.domain.errors import (
    InstanceNotFound,
    InvalidProviderRequest,
    MalformedAnswer,
    ProviderError,
)
from aurora.domain.instance import Instance, InstanceState
from aurora.domain.operation import Operation
from aurora.providers.fields import Fields, Odd
from aurora.providers.ionet import deployments, money
from aurora.providers.ionet.client import DeploymentsPage
from aurora.providers.ionet.limits import CONTAINERS, EXTEND
from aurora.providers.ionet.parts import Known, Parts

SETTLES_S = 60.0
"""The list may lag so long behind a create (another client's note, VMaaS [2nd])."""
LOOK_AGAIN_S = 60.0
"""Between two looks at the containers of a deployment whose address is known."""
_MOST_PAGES = 1000


class OwnDeployments:
    """What of ours is at io.net."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def sighting(self, deployment: str) -> Instance:
        """Raises InstanceNotFound, also for a destroyed deployment: with what it cost."""
        known = self._parts.known(deployment)
        try:
            fields = await self._parts.call(
                Operation.STATUS, lambda: self._parts.client.deployment(deployment)
            )
        except InstanceNotFound:
            await self._prove()
            return self._not_shown(deployment, known)
        known.shown = True
        seen = self._instance(fields)
        if seen.external_id != deployment:
            raise MalformedAnswer(self._parts.name, f"asked for deployment {deployment}, told about another")
        if seen.raw_state == deployments.DESTROYED:
            gone = InstanceNotFound(self._parts.name, f"deployment {deployment} is destroyed")
            gone.charged_usd = seen.charged_usd
            raise gone
        seen = replace(seen, name=seen.name or known.name)
        if seen.state is not InstanceState.RUNNING:
            return seen
        return await self._reached(seen, fields, known)

    def _not_shown(self, deployment: str, known: Known) -> Instance:
        """A deployment of a moment ago may not be shown yet; any other is gone."""
        young = (
            known.created_at is not None
            and self._parts.clock.monotonic() - known.created_at < SETTLES_S
            and not (known.shown or known.ended)
        )
        if not young:
            raise InstanceNotFound(self._parts.name, f"no deployment {deployment}")
        return Instance(
            provider=self._parts.name,
            external_id=deployment,
            name=known.name,
            state=InstanceState.STARTING,
            message="accepted, not shown yet",
        )

    async def _reached(self, seen: Instance, fields: Fields, known: Known) -> Instance:
        """With the address of its container. It runs and is billed whether that can be read or not."""
        now = self._parts.clock.monotonic()
        if known.endpoints and now - known.looked_at < LOOK_AGAIN_S:
            return replace(seen, endpoints=known.endpoints)
        try:
            rows = await self._parts.call(
                Operation.STATUS,
                lambda: self._parts.client.containers(seen.external_id),
                endpoint=CONTAINERS,
            )
        except ProviderError:
            return replace(seen, endpoints=known.endpoints)
        known.looked_at = now
        port = deployments.traffic_port(fields)
        seen = deployments.with_workers(seen, deployments.workers(rows), port=port)
        known.endpoints = seen.endpoints
        return seen

    async def all(self) -> Sequence[Instance]:
        """Every deployment that is not destroyed. Raises MalformedAnswer where pages or rows do not add up."""
        rows: dict[str, Instance] = {}
        total, page = 0, 0
        while page < _MOST_PAGES:
            found, sightings = await self._first(page) if page == 0 else await self._page(page)
            if page == 0 and found is None:
                page, found, sightings = 1, *await self._page(1)
            fresh = [each for each in sightings if each.external_id not in rows]
            rows.update((each.external_id, each) for each in fresh)
            total = max(total, (found.total or 0) if found is not None else 0)
            if not fresh or (found is not None and found.total is not None and len(rows) >= found.total):
                break
            page += 1
        if len(rows) < total:
            raise MalformedAnswer(self._parts.name, f"{total} deployments announced, {len(rows)} listed")
        return tuple(self._named(each) for each in rows.values() if each.raw_state != deployments.DESTROYED)

    async def _first(self, page: int) -> tuple[DeploymentsPage | None, list[Instance]]:
        """Pages begin at 0 [seen]; where they begin at 1 [2nd] page 0 is refused."""
        try:
            return await self._page(page)
        except InvalidProviderRequest:
            return None, []

    async def _page(self, page: int) -> tuple[DeploymentsPage, list[Instance]]:
        """One page, read within the call: rows that cannot be read are the market's failure."""

        async def send() -> tuple[DeploymentsPage, list[Instance]]:
            found = await self._parts.client.deployments(page)
            return found, [self._instance(Fields(row if isinstance(row, dict) else {})) for row in found.rows]

        return await self._parts.call(Operation.LIST, send)

    def _named(self, seen: Instance) -> Instance:
        """The list is where names are; what it says is kept for the details, which have none."""
        known = self._parts.known(seen.external_id)
        known.shown, known.name = True, seen.name or known.name
        return replace(seen, endpoints=known.endpoints)

    def _instance(self, fields: Fields) -> Instance:
        try:
            return deployments.instance(
                fields,
                provider=self._parts.name,
                now=self._parts.clock.now(),
                refund=self._parts.refund,
            )
        except Odd as odd:
            raise MalformedAnswer(self._parts.name, f"a deployment: {odd.reason}") from None
        except InvalidProviderRequest:
            raise MalformedAnswer(self._parts.name, "a deployment: an id that is none") from None

    async def _prove(self) -> None:
        """A 404 says that a deployment is gone only where address and key have worked. Raises what says otherwise."""
        if not self._parts.client.proved:
            await self._parts.call(Operation.LIST, lambda: self._parts.client.deployments(0, size=1))

    async def end(self, deployment: str) -> None:
        """Destroy it; unknown or already past is success."""
        client, known = self._parts.client, self._parts.known(deployment)
        try:
            existed = await self._parts.call(Operation.TERMINATE, lambda: client.destroy(deployment))
        except InvalidProviderRequest:
            fields = await self._parts.call(Operation.STATUS, lambda: client.deployment(deployment))
            if (fields.text("status") or "").lower() not in {*deployments.PAST, deployments.ENDING}:
                raise
            existed = True
        if not existed:
            await self._prove()
        young = known.created_at is not None and not known.shown and not existed
        if not young:
            known.ended = True

    async def extend(self, deployment: str, *, seconds: float) -> None:
        """Pay for whole hours. Sent as a create: a lost answer may have cost money, and is never sent again."""
        hours = money.hours_for(seconds)
        await self._parts.call(
            Operation.CREATE,
            lambda: self._parts.client.extend(deployment, hours=hours),
            endpoint=EXTEND,
        )
