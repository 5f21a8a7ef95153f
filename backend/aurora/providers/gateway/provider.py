"""A gateway as a `Provider`. The contract: docs/gateway.md; what is covered: QUALITY.md."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from aurora.domain.billing import BillingRule
from aurora.domain.clock import Clock
from aurora.domain.errors import InstanceNotFound
from aurora.domain.instance import Created, Instance, LaunchSpec, LogLine, Quote
from aurora.domain.money import usd
from aurora.domain.operation import Operation
from aurora.providers.account import bearer, client_of
from aurora.providers.base import MOST_ROWS, CallGuard, Capabilities, Cursor, HealthReport, OffersPage
from aurora.providers.container import secrets_of
from aurora.providers.gateway.catalogue import SLICE, Catalogue
from aurora.providers.gateway.client import GatewayClient
from aurora.providers.gateway.logs import GatewayLogs
from aurora.providers.gateway.offers import OfferReader, is_id
from aurora.providers.gateway.order import offer_id, order
from aurora.providers.gateway.own import OwnJobs
from aurora.providers.http import JsonClient
from aurora.providers.identity import MarketIdentity
from aurora.providers.metrics import MeteredGuard
from aurora.providers.reading import GpuNames, Places
from aurora.providers.request import Transport

CAPABILITIES = Capabilities(
    udp_ports=False,
    spot=True,
    reports_capacity=True,
    list_settles_within_s=60.0,  # the contract says at once, and asks clients to bear a list that lags
)
BILLING = BillingRule(from_creation=True)
"""Per second, from the assignment of a node on: `status` tells a rate only from then on. Minimum terms are the offers'
own, and `cost_total`, which counts them in at the end, goes before our count (docs/gateway.md, "Money").
"""


@dataclass(frozen=True, slots=True)
class GatewayAccount:
    """Whose jobs, at which gateway, for which market. `base_url` with its path prefix."""

    name: str
    api_key: SecretStr
    base_url: str
    emulated: bool = False
    transport: Transport | None = None
    request_id: Callable[[], str | None] = lambda: None
    most_rows: int = MOST_ROWS


class GatewayProvider(MarketIdentity):
    """One account behind one gateway. Every request passes the guard once."""

    def __init__(
        self,
        client: GatewayClient,
        account: GatewayAccount,
        *,
        guard: MeteredGuard,
        clock: Clock,
        reader: OfferReader,
    ) -> None:
        super().__init__(account.name, capabilities=CAPABILITIES, billing=BILLING, guard=guard)
        self._client = client
        self._guard = guard
        self._clock = clock
        self._catalogue = Catalogue(
            account.name, client, guard=guard, clock=clock, reader=reader, most_rows=account.most_rows
        )
        self._own = OwnJobs(account.name, client, guard=guard, clock=clock)
        self._logs = GatewayLogs(client, guard=guard, clock=clock)

    @classmethod
    def connect(
        cls, account: GatewayAccount, *, guard: CallGuard, clock: Clock, gpus: GpuNames, places: Places
    ) -> "GatewayProvider":
        """The provider of one account; no request is sent yet. Raises Misconfigured."""
        http = client_of(account, JsonClient, bearer(account.api_key), clock=clock)
        reader = OfferReader(account.name, gpus=gpus, places=places, emulated=account.emulated)
        return cls(GatewayClient(http), account, guard=MeteredGuard(guard), clock=clock, reader=reader)

    def __repr__(self) -> str:
        return f"GatewayProvider({self._client!r})"

    async def catalogue_slices(self) -> Sequence[str]:
        """One list."""
        return (SLICE,)

    async def offers_page(self, cursor: Cursor) -> OffersPage:
        """One page of what can start now."""
        return await self._catalogue.page(cursor)

    async def quote(self, offer_external_id: str, *, gpu_count: int, disk_gb: float) -> Quote:
        """The present price with the disk. Raises OfferGone, NoCapacity (the disk does not fit)."""
        found = offer_id(self._name, offer_external_id)
        return await self._catalogue.quote(found, gpu_count=gpu_count, disk_gb=disk_gb)

    async def create(self, spec: LaunchSpec) -> Created:
        """One job under `spec.name`, which is its idempotency key too. See `Provider.create`."""
        body = order(self._name, spec)
        return await self._guard.call(Operation.CREATE, lambda: self._created(spec, body))

    async def _created(self, spec: LaunchSpec, body: Mapping[str, object]) -> Created:
        """Read within the call: an answer without a job is the market's failure, and leaves the outcome open."""
        job = await self._client.create(spec.name, body, hide=secrets_of(spec))
        job_id = job.text("id", limit=129)
        if job_id is None or not is_id(job_id):
            raise self._client.malformed("the create was accepted without naming a job")
        if job.text("name", limit=128) not in {None, spec.name}:
            raise self._client.malformed("the create was answered with somebody else's job")
        return Created(job_id)

    async def status(self, external_id: str) -> Instance:
        """One sighting. Raises InstanceNotFound, also for a job that its owner cancelled."""
        return await self._own.sighting(offer_id(self._name, external_id))

    async def list_own(self) -> Sequence[Instance]:
        """Every job that lives, and the young ones that ended by themselves."""
        return await self._own.all()

    def logs(self, external_id: str, *, tail: int = 1000, follow: bool = False) -> AsyncIterator[LogLine]:
        """Lines, oldest first; with `follow` until the job has ended and all is read."""
        job_id = offer_id(self._name, external_id)
        return self._logs.follow(job_id, tail=tail) if follow else self._logs.read(job_id, tail=tail)

    async def terminate(self, external_id: str) -> None:
        """Stop it and end its bill; unknown or already ended is success."""
        job_id = offer_id(self._name, external_id)
        try:
            await self._guard.call(Operation.TERMINATE, lambda: self._client.delete(job_id))
        except InstanceNotFound:
            return

    async def health(self) -> HealthReport:
        """Who are we, and is there money left? An operator that sends invoices tells no balance."""
        started = self._clock.monotonic()
        account = await self._guard.call(Operation.HEALTH, self._client.account)
        elapsed_ms = (self._clock.monotonic() - started) * 1000
        found = account.number("balance")
        return HealthReport.with_credit(None if found is None else usd(found), response_ms=elapsed_ms)

    async def aclose(self) -> None:
        """Close the session."""
        await self._client.aclose()
