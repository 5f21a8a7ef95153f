"""SaladCloud as a `Provider`. Facts and marks: docs in the modules beside; what is covered: QUALITY.md."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from pydantic import SecretStr

from aurora.domain.billing import BillingRule
from aurora.domain.clock import Clock
from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    MalformedAnswer,
    OfferGone,
    OutcomeUnknown,
)
from aurora.domain.instance import Created, Instance, LaunchSpec, LogLine, Quote
from aurora.domain.operation import Operation
from aurora.providers.account import client_of
from aurora.providers.base import CallGuard, Capabilities, Cursor, HealthReport, OffersPage
from aurora.providers.container import secrets_of
from aurora.providers.fields import Fields, Odd
from aurora.providers.http import JsonClient
from aurora.providers.identity import MarketIdentity
from aurora.providers.metrics import MeteredGuard
from aurora.providers.reading import GpuNames
from aurora.providers.request import Credential, Transport
from aurora.providers.salad import groups
from aurora.providers.salad.base_url import BASE_URL
from aurora.providers.salad.classes import OfferMaker, PriceOf
from aurora.providers.salad.client import SaladClient
from aurora.providers.salad.errors import NameTaken, quota_reached
from aurora.providers.salad.exits import Exits
from aurora.providers.salad.launch import create_body
from aurora.providers.salad.limits import endpoint_of
from aurora.providers.salad.logs import SaladLogs
from aurora.providers.salad.market import SaladMarket
from aurora.providers.salad.names import OfferId, Place, group_name

T = TypeVar("T")

CAPABILITIES = Capabilities(
    charged_price=False,
    udp_ports=False,
    spot=True,
    reports_capacity=True,
    list_settles_within_s=30.0,  # not documented; a guess on the safe side
)
BILLING = BillingRule()
"""Per second, only while an instance runs; no price for disk or traffic (docs billing-pricing [seen])."""


@dataclass(frozen=True, slots=True)
class SaladAccount:
    """Whose groups, and where the API is. `base_url` as `normalise_base_url` leaves it."""

    api_key: SecretStr
    place: Place
    base_url: str = BASE_URL
    name: str = "salad"
    emulated: bool = False
    price_of: PriceOf = PriceOf.CLASS
    transport: Transport | None = None
    request_id: Callable[[], str | None] = lambda: None


class SaladProvider(MarketIdentity):
    """One project of one organization. Every request passes the guard once."""

    def __init__(
        self, client: SaladClient, account: SaladAccount, *, guard: CallGuard, clock: Clock, gpus: GpuNames
    ) -> None:
        self._guard = MeteredGuard(guard)
        super().__init__(account.name, capabilities=CAPABILITIES, billing=BILLING, guard=self._guard)
        self._client = client
        self._clock = clock
        maker = OfferMaker(account.name, gpus, account.emulated)
        self._market = SaladMarket(client, maker, guard=self._guard, clock=clock, price_of=account.price_of)
        self._exits = Exits(client, guard=self._guard, clock=clock)
        self._logs = SaladLogs(client, account.place, guard=self._guard, clock=clock, provider=account.name)

    @classmethod
    def connect(
        cls, account: SaladAccount, *, guard: CallGuard, clock: Clock, gpus: GpuNames
    ) -> "SaladProvider":
        """The provider of one project; no request is sent yet. Raises Misconfigured."""
        http = client_of(account, JsonClient, Credential("Salad-Api-Key", account.api_key), clock=clock)
        return cls(SaladClient(http, account.place), account, guard=guard, clock=clock, gpus=gpus)

    def __repr__(self) -> str:
        return f"SaladProvider({self._client!r})"

    async def catalogue_slices(self) -> Sequence[str]:
        """One slice per GPU class: how many nodes there are is asked class by class."""
        return await self._market.slices()

    async def offers_page(self, cursor: Cursor) -> OffersPage:
        """One class at all of its priorities."""
        return await self._market.page(cursor)

    async def quote(self, offer_external_id: str, *, gpu_count: int, disk_gb: float) -> Quote:
        """The present price, disk included. Raises OfferGone."""
        wanted = OfferId.parse(self._name, offer_external_id)
        return await self._market.quote(wanted, gpu_count=gpu_count, disk_gb=disk_gb)

    # Instances

    async def create(self, spec: LaunchSpec) -> Created:
        """A container group of one replica under `spec.name`. A name that is taken is an earlier create of ours."""
        wanted = OfferId.parse(self._name, spec.offer_external_id)
        gpu_class = await self._market.gpu_class(wanted)
        if wanted.priority not in gpu_class.prices:
            raise OfferGone(self._name, f"offer {wanted} is not sold any more")
        body = create_body(self._name, spec, gpu_class, wanted)

        async def send() -> Fields | NameTaken | CredentialRefused:
            try:
                return await self._client.create(body, hide=secrets_of(spec))
            except NameTaken as taken:
                return taken
            except CredentialRefused as refused:
                if refused.status != HTTPStatus.FORBIDDEN:
                    raise
                return refused

        answer = await self._call(Operation.CREATE, send)
        if isinstance(answer, CredentialRefused):
            await self._forbidden(answer)
        if isinstance(answer, NameTaken):
            return await self._adopted(spec.name)
        if isinstance(answer, Fields) and answer.text("name") == spec.name:
            return Created(spec.name)
        raise OutcomeUnknown(self._name, "the create was accepted for another name")

    async def _forbidden(self, refused: CredentialRefused) -> None:
        """A 403 may be a full quota [guess]: the quota itself says so. Raises in every case."""

        async def look() -> None:
            found = (await self._client.quotas(Operation.CREATE)).object("container_groups_quotas")
            most, used = found.integer("container_replicas_quota"), found.integer("container_replicas_used")
            if most is not None and used is not None and used >= most:
                raise quota_reached(self._name, now=self._clock.now(), status=refused.status)
            raise refused

        await self._call(Operation.CREATE, look)

    async def _adopted(self, name: str) -> Created:
        """Raises OutcomeUnknown while the group behind a taken name is not shown."""
        try:
            await self._call(Operation.STATUS, lambda: self._client.group(name))
        except InstanceNotFound:
            raise OutcomeUnknown(self._name, f"the name {name} is taken, and no group has it (yet)") from None
        return Created(name)

    async def status(self, external_id: str) -> Instance:
        """One sighting. Raises InstanceNotFound."""
        name = group_name(self._name, external_id)

        async def look() -> Instance:
            return self._instance(await self._client.group(name))

        try:
            seen = await self._call(Operation.STATUS, look)
        except InstanceNotFound:
            await self._prove()
            raise
        if seen.external_id != name:
            raise MalformedAnswer(self._name, f"asked for group {name}, told about another")
        return await self._exits.told(seen)

    async def list_own(self) -> Sequence[Instance]:
        """Every group of the project: they come in one answer."""

        async def read() -> list[Instance]:
            rows = await self._client.groups()
            return [self._instance(Fields(row if isinstance(row, dict) else {})) for row in rows]

        return tuple(await self._exits.told_all(await self._call(Operation.LIST, read)))

    def _instance(self, fields: Fields) -> Instance:
        try:
            return groups.instance(fields, provider=self._name)
        except Odd as odd:
            raise MalformedAnswer(self._name, f"a group: {odd.reason}") from None
        except InvalidProviderRequest:
            raise MalformedAnswer(self._name, "a group: a name that is none") from None

    async def _prove(self) -> None:
        """A 404 may also mean organization or project: it speaks about the group only where those have worked."""
        if not self._client.proved:
            await self._call(Operation.LIST, self._client.groups)

    def logs(self, external_id: str, *, tail: int = 1000, follow: bool = False) -> AsyncIterator[LogLine]:
        """Lines, oldest first; with `follow` until the group is gone."""
        name = group_name(self._name, external_id)
        return self._logs.follow(name, tail=tail) if follow else self._logs.read(name, tail=tail)

    async def terminate(self, external_id: str) -> None:
        """Delete the group, the only end there is; unknown or already gone is success."""
        name = group_name(self._name, external_id)
        existed = await self._call(Operation.TERMINATE, lambda: self._client.delete(name))
        if not existed:
            await self._prove()

    async def health(self) -> HealthReport:
        """The quota: the cheapest authenticated read. Credit cannot be read."""

        async def send() -> HealthReport:
            started = self._clock.monotonic()
            answer = await self._client.quotas(Operation.HEALTH)
            elapsed_ms = (self._clock.monotonic() - started) * 1000
            found = answer.object("container_groups_quotas")
            used, most = found.integer("container_replicas_used"), found.integer("container_replicas_quota")
            detail = "" if used is None or most is None else f"{used} of {most} container replicas in use"
            return HealthReport(ok=True, response_ms=elapsed_ms, detail=detail)

        return await self._call(Operation.HEALTH, send)

    async def aclose(self) -> None:
        """Close the session."""
        await self._client.aclose()

    async def _call(self, operation: Operation, send: Callable[[], Awaitable[T]]) -> T:
        return await self._guard.call(operation, send, endpoint=endpoint_of(operation))
