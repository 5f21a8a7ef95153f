"""io.net's CaaS as a `Provider`. Facts and marks: docs in the modules beside; what is covered: QUALITY.md."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from pydantic import SecretStr

from aurora.domain.clock import Clock
from aurora.domain.errors import OfferGone
from aurora.domain.instance import Created, Instance, LaunchSpec, LogLine, Quote
from aurora.domain.operation import Operation
from aurora.providers.account import client_of
from aurora.providers.base import MOST_ROWS, CallGuard, Capabilities, Cursor, HealthReport, OffersPage
from aurora.providers.container import secrets_of
from aurora.providers.identity import MarketIdentity
from aurora.providers.ionet.base_url import BASE_URL, CAAS
from aurora.providers.ionet.client import IonetClient
from aurora.providers.ionet.launch import create_body
from aurora.providers.ionet.logs import IonetLogs, Patience
from aurora.providers.ionet.market import IonetMarket
from aurora.providers.ionet.money import BILLING, RefundRule
from aurora.providers.ionet.offer_id import OfferId, deployment_id
from aurora.providers.ionet.offers import OfferMaker
from aurora.providers.ionet.own import SETTLES_S, OwnDeployments
from aurora.providers.ionet.parts import Parts
from aurora.providers.metrics import MeteredGuard
from aurora.providers.reading import GpuNames, Places
from aurora.providers.request import Credential, Transport
from aurora.providers.streaming import StreamingClient

CAPABILITIES = Capabilities(
    udp_ports=False,
    disk=False,
    reports_capacity=True,
    list_settles_within_s=SETTLES_S,
)


@dataclass(frozen=True, slots=True)
class IonetAccount:
    """Whose containers, and where the API is. `base_url` as `normalise_base_url` leaves it.

    `refund` is what comes back of unused hours, `billing_model` ("duration", "payg") is sent with a create only where
    it is set; neither is documented for the REST API.
    """

    api_key: SecretStr
    base_url: str = BASE_URL
    name: str = "ionet"
    emulated: bool = False
    refund: RefundRule = RefundRule.FIRST_HOUR_KEPT
    billing_model: str | None = None
    most_rows: int = MOST_ROWS
    transport: Transport | None = None
    request_id: Callable[[], str | None] = lambda: None
    patience: Patience = field(default_factory=Patience)


class IonetProvider(MarketIdentity):
    """One io.net account. Every request passes the guard once."""

    def __init__(
        self, parts: Parts, *, account: IonetAccount, maker: OfferMaker, metered: MeteredGuard
    ) -> None:
        super().__init__(
            account.name, capabilities=CAPABILITIES, billing=BILLING[account.refund], guard=metered
        )
        self._parts = parts
        self._market = IonetMarket(parts, maker)
        self._own = OwnDeployments(parts)
        self._logs = IonetLogs(parts, patience=account.patience)
        self._billing_model = account.billing_model

    @classmethod
    def connect(
        cls, account: IonetAccount, *, guard: CallGuard, clock: Clock, gpus: GpuNames, places: Places
    ) -> "IonetProvider":
        """The provider of one account; no request is sent yet. Raises Misconfigured."""
        key = Credential("x-api-key", account.api_key)
        http = client_of(account, StreamingClient, key, clock=clock, url=account.base_url.removesuffix(CAAS))
        metered = MeteredGuard(guard)
        parts = Parts(account.name, IonetClient(http), metered, clock, account.refund, account.most_rows)
        maker = OfferMaker(account.name, gpus, places, account.emulated)
        return cls(parts, account=account, maker=maker, metered=metered)

    def __repr__(self) -> str:
        return f"IonetProvider({self._parts.client!r})"

    async def catalogue_slices(self) -> Sequence[str]:
        """The partners' machines, then each kind of network hardware."""
        return await self._market.slices()

    async def offers_page(self, cursor: Cursor) -> OffersPage:
        """One slice, or one size of container of one kind of network hardware."""
        return await self._market.page(cursor)

    async def quote(
        self,
        offer_external_id: str,
        *,
        gpu_count: int,
        disk_gb: float,  # noqa: ARG002 - disk is not sold
    ) -> Quote:
        """The present price. Raises OfferGone."""
        wanted = OfferId.parse(self.name, offer_external_id)
        if gpu_count != wanted.gpus:
            raise OfferGone(self.name, f"offer {wanted} has {wanted.gpus} GPUs, not {gpu_count}")
        return await self._market.quote(wanted)

    async def create(self, spec: LaunchSpec) -> Created:
        """Deploy one container under `spec.name` for the first hour. See `Provider.create`."""
        body = create_body(self.name, spec, billing_model=self._billing_model)
        found = await self._parts.call(
            Operation.CREATE, lambda: self._parts.client.deploy(body, hide=secrets_of(spec))
        )
        known = self._parts.known(deployment_id(self.name, found))
        known.name, known.created_at = spec.name, self._parts.clock.monotonic()
        return Created(found)

    async def status(self, external_id: str) -> Instance:
        """One sighting. Raises InstanceNotFound, also for a destroyed deployment."""
        return await self._own.sighting(deployment_id(self.name, external_id))

    async def list_own(self) -> Sequence[Instance]:
        """Every deployment that is not destroyed; past ones are `over`."""
        return await self._own.all()

    async def extend(self, external_id: str, *, seconds: float) -> None:
        """Pay for the whole hours that cover `seconds`. See `SupportsPrepay.extend`."""
        await self._own.extend(deployment_id(self.name, external_id), seconds=seconds)

    def logs(self, external_id: str, *, tail: int = 1000, follow: bool = False) -> AsyncIterator[LogLine]:
        """Lines, oldest first; with `follow` until the deployment is over. See `logs` for what can get lost."""
        deployment = deployment_id(self.name, external_id)
        return self._logs.follow(deployment, tail=tail) if follow else self._logs.read(deployment, tail=tail)

    async def terminate(self, external_id: str) -> None:
        """Destroy it; unknown or already past is success."""
        await self._own.end(deployment_id(self.name, external_id))

    async def health(self) -> HealthReport:
        """The cheapest authenticated read [guess]: one row of the list. The balance cannot be read with a key."""

        async def send() -> HealthReport:
            started = self._parts.clock.monotonic()
            found = await self._parts.client.deployments(0, size=1, operation=Operation.HEALTH)
            elapsed_ms = (self._parts.clock.monotonic() - started) * 1000
            detail = "" if found.total is None else f"{found.total} deployments, past ones included"
            return HealthReport(ok=True, response_ms=elapsed_ms, detail=detail)

        return await self._parts.call(Operation.HEALTH, send)

    async def aclose(self) -> None:
        """Close the session."""
        await self._parts.client.aclose()
