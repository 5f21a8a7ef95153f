"""Akash as a `Provider`, through the Console's managed wallet. Facts and marks: docs in the modules beside; what is
covered: QUALITY.md.

Without a key offers can be read and nothing else.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from pydantic import SecretStr

from aurora.domain.clock import Clock
from aurora.domain.errors import InvalidProviderRequest, NotSupported, ProviderError
from aurora.domain.instance import Created, Instance, LaunchSpec, LogLine, Quote
from aurora.domain.offer import PriceKind
from aurora.domain.operation import Operation
from aurora.providers.account import client_of
from aurora.providers.adapter import READ_ONLY
from aurora.providers.akash.auction import Auction
from aurora.providers.akash.base_url import BASE_URL, PROXY_URL
from aurora.providers.akash.client import ConsoleClient, credit_usd
from aurora.providers.akash.errors import TopUpNotNeeded
from aurora.providers.akash.lcd import LcdClient
from aurora.providers.akash.limits import DEPOSIT
from aurora.providers.akash.logs import SILENCE_S, AkashLogs
from aurora.providers.akash.market import SLICE, AkashMarket
from aurora.providers.akash.offer_id import OfferId, dseq
from aurora.providers.akash.own import OwnDeployments
from aurora.providers.akash.parse import OfferReader
from aurora.providers.akash.parts import Parts
from aurora.providers.akash.pricing import BILLING, deposit_for
from aurora.providers.base import CallGuard, Capabilities, Cursor, HealthReport, OffersPage
from aurora.providers.http import JsonClient
from aurora.providers.identity import MarketIdentity
from aurora.providers.metrics import DirectGuard, MeteredGuard
from aurora.providers.reading import GpuNames, Places
from aurora.providers.request import Credential, Transport

CAPABILITIES = Capabilities(
    requote=False,  # nobody knows the price before there are bids; the SDL carries the ceiling, bids are checked
    custom_sizes=True,
    reports_capacity=True,
    list_settles_within_s=60.0,  # two blocks and a lagging node; a guess on the safe side
    price_kind=PriceKind.ESTIMATE,
)
WITHOUT_KEY = replace(READ_ONLY, custom_sizes=True, reports_capacity=True)

AUTO_FUNDED_S = 12 * 3600.0
"""More than this left in escrow: the Console funds it by itself (it keeps 24 to 48 h [seen])."""
_BLOCK_DRIFT_S = 3660.0
"""Seconds of price that are paid for an hour: blocks may be shorter than 6 s."""


@dataclass(frozen=True, slots=True)
class AkashAccount:
    """Whose deployments, and where everything is. URLs as `normalise_base_url` and its neighbours leave them."""

    api_key: SecretStr | None = None
    """The Console's key; None shows offers only."""
    base_url: str = BASE_URL
    proxy_url: str = PROXY_URL
    """Logs go through it."""
    lcd_url: str | None = None
    """The chain's REST interface: second source of market reads and of names."""
    name: str = "akash"
    emulated: bool = False
    transport: Transport | None = None
    request_id: Callable[[], str | None] = lambda: None
    log_silence_s: float = SILENCE_S


class AkashProvider(MarketIdentity):
    """One Console account. Every request to the Console passes the guard once."""

    def __init__(
        self, parts: Parts, *, metered: MeteredGuard, market: AkashMarket, logs: AkashLogs, deploys: bool
    ) -> None:
        super().__init__(
            parts.name,
            capabilities=CAPABILITIES if deploys else WITHOUT_KEY,
            billing=BILLING,
            guard=metered,
        )
        self._parts = parts
        self._market = market
        self._logs = logs
        self._deploys = deploys
        self._own = OwnDeployments(parts)
        self._auction = Auction(parts, self._own)

    @classmethod
    def connect(
        cls,
        account: AkashAccount,
        *,
        guard: CallGuard,
        clock: Clock,
        gpus: GpuNames,
        places: Places,
        lcd_guard: CallGuard | None = None,
    ) -> "AkashProvider":
        """The provider of one account; no request is sent yet. Raises Misconfigured.

        `lcd_guard` limits the chain's node, another server than the Console; it is asked only when the Console fails.
        """

        def server(url: str, *credentials: Credential) -> JsonClient:
            return client_of(account, JsonClient, *credentials, clock=clock, url=url)

        key = () if account.api_key is None else (Credential("x-api-key", account.api_key),)
        lcd = None
        if account.lcd_url is not None:
            lcd = LcdClient(server(account.lcd_url), guard=lcd_guard or DirectGuard())
        metered = MeteredGuard(guard)
        parts = Parts(account.name, ConsoleClient(server(account.base_url, *key)), metered, clock, lcd)
        reader = OfferReader(account.name, gpus=gpus, places=places, emulated=account.emulated)
        logs = AkashLogs(
            parts, OwnDeployments(parts), proxy=server(account.proxy_url), silence_s=account.log_silence_s
        )
        return cls(
            parts,
            metered=metered,
            market=AkashMarket(parts, reader),
            logs=logs,
            deploys=account.api_key is not None,
        )

    def __repr__(self) -> str:
        return f"AkashProvider({self._parts.client!r})"

    # Catalogue

    async def catalogue_slices(self) -> Sequence[str]:
        """One read gives everything."""
        return (SLICE,)

    async def offers_page(self, cursor: Cursor) -> OffersPage:
        """All indicative offers. See `parse` for what is left out and `prices` for what they cost."""
        return await self._market.page(cursor)

    async def quote(self, offer_external_id: str, *, gpu_count: int, disk_gb: float) -> Quote:
        """A fresh estimate, not firm. Raises OfferGone."""
        offer = OfferId.parse(self.name, offer_external_id)
        return await self._market.quote(offer, gpu_count=gpu_count, disk_gb=disk_gb)

    # Instances

    async def create(self, spec: LaunchSpec) -> Created:
        """An order on the chain, not yet a lease: `advance` goes on. See `Provider.create`."""
        self._needs_key("rent")
        return await self._auction.create(spec)

    async def advance(self, external_id: str, spec: LaunchSpec) -> Instance:
        """The next move of an auction. See `SupportsSteps.advance`."""
        self._needs_key("rent")
        return await self._auction.advance(dseq(self.name, external_id), spec)

    async def status(self, external_id: str) -> Instance:
        """One sighting. Raises InstanceNotFound, also for a closed deployment."""
        self._needs_key("know instances")
        return await self._own.sighting(dseq(self.name, external_id))

    async def list_own(self) -> Sequence[Instance]:
        """Every active deployment of the account. Raises Unavailable while a young one's name is not known."""
        self._needs_key("list instances")
        return await self._own.all()

    async def extend(self, external_id: str, *, seconds: float) -> None:
        """Top the escrow up, unless the Console does that by itself. See `SupportsPrepay.extend`."""
        self._needs_key("pay")
        number = dseq(self.name, external_id)
        seen = await self._own.sighting(number)
        if seen.usd_per_hour is None:
            raise InvalidProviderRequest(self.name, f"deployment {number} has no lease to pay for")
        left = None if seen.paid_until is None else seen.paid_until - self._parts.clock.now()
        if left is not None and left.total_seconds() >= AUTO_FUNDED_S:
            return
        amount = deposit_for(seen.usd_per_hour, seconds=seconds * _BLOCK_DRIFT_S / 3600)
        try:
            await self._parts.call(
                Operation.CREATE, lambda: self._parts.client.deposit(number, usd=amount), endpoint=DEPOSIT
            )
        except TopUpNotNeeded:
            return

    def logs(self, external_id: str, *, tail: int = 1000, follow: bool = False) -> AsyncIterator[LogLine]:
        """Lines, oldest first; with `follow` until the instance is gone. See `logs` for what can get lost."""
        self._needs_key("read logs")
        number = dseq(self.name, external_id)
        return self._logs.follow(number, tail=tail) if follow else self._logs.read(number, tail=tail)

    async def terminate(self, external_id: str) -> None:
        """Close it, with or without a lease: what is left of the deposit comes back. Unknown or closed is success,
        except for one so young that it may only not be shown yet: `status` says so until it is certain.
        """
        self._needs_key("terminate")
        number = dseq(self.name, external_id)
        existed = await self._parts.call(Operation.TERMINATE, lambda: self._parts.client.close(number))
        if existed or not self._own.may_lag(number):
            self._parts.known(number).ended = True

    async def health(self) -> HealthReport:
        """With a key: who are we, and is there credit? Without one: is the API ready?"""
        started = self._parts.clock.monotonic()
        client = self._parts.client
        await self._parts.call(Operation.HEALTH, client.me if self._deploys else client.readiness)
        elapsed_ms = (self._parts.clock.monotonic() - started) * 1000
        credit = await self._credit() if self._deploys else None
        return HealthReport.with_credit(credit, response_ms=elapsed_ms)

    async def _credit(self) -> Decimal | None:
        """Worth knowing, no reason to be unwell when it cannot be read."""
        try:
            return credit_usd(await self._parts.call(Operation.HEALTH, self._parts.client.balances))
        except ProviderError:
            return None

    async def aclose(self) -> None:
        """Close the sessions."""
        await self._logs.aclose()
        if self._parts.lcd is not None:
            await self._parts.lcd.aclose()
        await self._parts.client.aclose()

    def _needs_key(self, what: str) -> None:
        if not self._deploys:
            raise NotSupported(
                self.name, f"without AKASH_API_KEY {self.name} can only show offers, not {what}"
            )
