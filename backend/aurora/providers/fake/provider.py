"""The provider contract over `FakeMarket`: every call passes its guard, is recorded, and may be scripted to fail."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from aurora.domain.billing import BillingRule
from aurora.domain.clock import Clock
from aurora.domain.errors import InstanceNotFound, NotSupported, OfferGone
from aurora.domain.instance import Created, Instance, LaunchSpec, LogLine, Quote
from aurora.domain.offer import Offer, PriceKind
from aurora.domain.operation import Operation
from aurora.providers.base import CallGuard, Capabilities, Cursor, HealthReport, OffersPage
from aurora.providers.fake.market import FakeMarket, Pace
from aurora.providers.fake.script import Script
from aurora.providers.metrics import MeteredGuard, ProviderMetrics

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One request that reached the fake market. `subject` is the offer, instance or slice asked about."""

    operation: Operation
    subject: str
    at: datetime


class FakeProvider:
    """A market in memory. `market` is its world, `script` its faults, `calls` what reached it."""

    def __init__(
        self,
        name: str = "fake",
        *,
        clock: Clock,
        guard: CallGuard,
        offers: Iterable[Offer] = (),
        capabilities: Capabilities | None = None,
        billing: BillingRule | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._name = name
        self._clock = clock
        self._guard = MeteredGuard(guard)
        self.pace = pace if pace is not None else Pace()
        self._capabilities = capabilities or Capabilities(list_settles_within_s=self.pace.list_lag_s)
        self._billing = billing or BillingRule()
        self.market = FakeMarket(name, clock=clock, billing=self._billing, pace=self.pace)
        self.script = Script(name)
        self.calls: list[Call] = []
        self.closed = False
        for offer in offers:
            self.market.put_offer(offer)

    @property
    def name(self) -> str:
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def billing(self) -> BillingRule:
        return self._billing

    def get_metrics(self) -> ProviderMetrics:
        """Outcomes of this provider's calls."""
        return self._guard.metrics

    def count(self, operation: Operation) -> int:
        """How many requests of this kind reached the market."""
        return sum(call.operation is operation for call in self.calls)

    async def catalogue_slices(self) -> Sequence[str]:
        """The slices of the offers put in, `all` without any."""
        return tuple(dict.fromkeys(offer.slice_key for offer in self.market.offers())) or ("all",)

    async def offers_page(self, cursor: Cursor) -> OffersPage:
        """`pace.page_size` offers of one slice."""

        async def send() -> OffersPage:
            started = self._clock.now()
            return await self._answer(
                Operation.OFFERS, cursor.slice_key, lambda: self._page(cursor, read_at=started)
            )

        cache_key = f"{cursor.slice_key}|{cursor.position or ''}"
        return await self._guard.call(Operation.OFFERS, send, cache_key=cache_key)

    async def quote(self, offer_external_id: str, *, gpu_count: int, disk_gb: float) -> Quote:
        """The present price. Raises OfferGone, also when the offer is of another size."""

        def effect() -> Quote:
            found = self.market.offer(offer_external_id)
            if found.gpu_count != gpu_count and not self._capabilities.custom_sizes:
                raise OfferGone(self._name, f"offer {offer_external_id} has {found.gpu_count} GPUs now")
            return Quote(
                offer_id=found.id,
                usd_per_hour=found.price_with_disk(disk_gb),
                firm=found.price_kind is PriceKind.FIRM,
                read_at=self._clock.now(),
            )

        return await self._ask(Operation.QUOTE, offer_external_id, effect)

    async def create(self, spec: LaunchSpec) -> Created:
        """Rent a machine under `spec.name`. Raises OfferGone when the offer is taken."""

        def effect() -> Created:
            machine = self.market.rent(spec)
            return Created(external_id=machine.external_id, usd_per_hour=machine.usd_per_hour)

        return await self._ask(Operation.CREATE, spec.offer_external_id, effect)

    async def status(self, external_id: str) -> Instance:
        """One sighting. Raises InstanceNotFound."""
        return await self._ask(
            Operation.STATUS, external_id, lambda: self.market.sighting(self.market.machine(external_id))
        )

    async def list_own(self) -> Sequence[Instance]:
        """Every machine that the list shows already."""
        return await self._ask(Operation.LIST, "all", self.market.listed)

    async def logs(
        self, external_id: str, *, tail: int = 1000, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        """The lines written to `market.write_log`. Raises NotSupported where the capabilities say so."""
        if not self._capabilities.logs or (follow and not self._capabilities.follow_logs):
            raise NotSupported(self._name, "this market has no logs")
        lines = await self._ask(
            Operation.LOGS, external_id, lambda: tuple(self.market.machine(external_id).log)
        )
        for line in lines[-tail:]:
            yield line
        shown = len(lines)
        while follow:
            await self._clock.sleep(self.pace.follow_every_s)
            try:
                lines = await self._ask(
                    Operation.LOGS, external_id, lambda: tuple(self.market.machine(external_id).log)
                )
            except InstanceNotFound:
                return
            for line in lines[shown:]:
                yield line
            shown = len(lines)

    async def terminate(self, external_id: str) -> None:
        """Destroy it; unknown or already gone is success."""
        await self._ask(Operation.TERMINATE, external_id, lambda: self.market.end(external_id))

    async def health(self) -> HealthReport:
        """Credit of the fake account."""
        started = self._clock.monotonic()
        credit = await self._ask(Operation.HEALTH, "account", lambda: self.market.credit_usd)
        return HealthReport(
            ok=True, response_ms=(self._clock.monotonic() - started) * 1000, credit_usd=float(credit)
        )

    async def aclose(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def _page(self, cursor: Cursor, *, read_at: datetime) -> OffersPage:
        offers = [offer for offer in self.market.offers() if offer.slice_key == cursor.slice_key]
        start = int(cursor.position or 0)
        end = start + self.pace.page_size
        following = Cursor(cursor.slice_key, str(end)) if end < len(offers) else None
        return OffersPage(cursor, tuple(offers[start:end]), next=following, read_at=read_at)

    async def _ask(self, operation: Operation, subject: str, effect: Callable[[], T]) -> T:
        return await self._guard.call(operation, lambda: self._answer(operation, subject, effect))

    async def _answer(self, operation: Operation, subject: str, effect: Callable[[], T]) -> T:
        self.calls.append(Call(operation, subject, self._clock.now()))
        if self.pace.latency_s > 0:
            await self._clock.sleep(self.pace.latency_s)
        fault = self.script.take(operation)
        if fault is not None and not fault.after_effect:
            raise fault.error
        answer = effect()
        if fault is not None:
            raise fault.error
        return answer
