"""The short way to add a market: two methods give a provider that sells nothing but shows its offers."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from decimal import Decimal

from aurora.domain.billing import BillingRule
from aurora.domain.clock import Clock, SystemClock
from aurora.domain.errors import MalformedAnswer, NotSupported, OfferGone, ProviderError
from aurora.domain.gpu import GpuModel
from aurora.domain.instance import Created, Instance, LaunchSpec, LogLine, Quote
from aurora.domain.money import usd
from aurora.domain.offer import Offer, PriceKind
from aurora.domain.operation import Operation
from aurora.providers.base import CallGuard, Capabilities, Cursor, HealthReport, OffersPage, Rejection
from aurora.providers.metrics import DirectGuard, MeteredGuard, ProviderMetrics

READ_ONLY = Capabilities(
    deploy=False,
    logs=False,
    follow_logs=False,
    requote=False,
    charged_price=False,
    list_own=False,
    command=False,
    ports=False,
    udp_ports=False,
    disk=False,
    private_registry=False,
    price_kind=PriceKind.ESTIMATE,
)


class OfferProvider(ABC):
    """Subclass it, set `name`, write `fetch_gpus` and `normalize_gpu_data`, register the class.

    ```python
    class MyMarket(OfferProvider):
        name = "mymarket"

        async def fetch_gpus(self):
            return [{"id": "1", "gpu": "a100", "usd": 1.2}]

        def normalize_gpu_data(self, raw):
            return self.offer(raw["id"], gpu=GpuModel(raw["gpu"]), usd_per_hour=raw["usd"])


    registry.register("mymarket", MyMarket)
    ```
    """

    name: str = "unnamed"
    capabilities: Capabilities = READ_ONLY
    billing: BillingRule = BillingRule()

    def __init__(self, guard: CallGuard | None = None, *, clock: Clock | None = None) -> None:
        self._guard = MeteredGuard(guard if guard is not None else DirectGuard())
        self._clock = clock if clock is not None else SystemClock()
        self._read_at: datetime | None = None

    @abstractmethod
    async def fetch_gpus(self) -> Sequence[object]:
        """Ask the market: one raw item per offer. Any exception counts as a failed read."""

    @abstractmethod
    def normalize_gpu_data(self, raw: object) -> Offer:
        """One raw item as an offer (`self.offer(...)` fills in the rest); an exception rejects the item only."""

    def offer(
        self,
        external_id: object,
        *,
        gpu: GpuModel,
        usd_per_hour: Decimal | float | str,
        gpu_count: int = 1,
        **more: object,
    ) -> Offer:
        """An offer of this market, read now. `more` are further fields of `Offer`."""
        price = usd(usd_per_hour)
        if price <= 0 or gpu_count < 1:
            raise ValueError("price and GPU count must be positive")
        return Offer(
            provider=self.name,
            external_id=str(external_id),
            gpu=gpu,
            gpu_count=gpu_count,
            price_per_hour=price,
            price_kind=self.capabilities.price_kind,
            seen_at=self._read_at or self._clock.now(),
            **more,  # type: ignore[arg-type]  # the subclass's own keywords, checked by Offer itself
        )

    def get_metrics(self) -> ProviderMetrics:
        """Outcomes of this provider's calls."""
        return self._guard.metrics

    async def catalogue_slices(self) -> Sequence[str]:
        """One read gives everything."""
        return ("all",)

    async def offers_page(self, cursor: Cursor) -> OffersPage:
        """All offers; items that `normalize_gpu_data` refuses are counted by reason."""
        return await self._guard.call(
            Operation.OFFERS, lambda: self._read(cursor), cache_key=cursor.slice_key
        )

    async def quote(self, offer_external_id: str, *, gpu_count: int, disk_gb: float) -> Quote:
        """The price of a fresh read. Raises OfferGone when the offer is no longer in it, or of another size."""
        page = await self._guard.call(Operation.QUOTE, lambda: self._read(Cursor("all")))
        for found in page.offers:
            if found.external_id == offer_external_id and found.gpu_count == gpu_count:
                firm = found.price_kind is PriceKind.FIRM
                return Quote(found.id, found.price_with_disk(disk_gb), firm=firm, read_at=self._clock.now())
        raise OfferGone(self.name, f"offer {offer_external_id} is not listed any more")

    async def create(self, spec: LaunchSpec) -> Created:
        raise self._not_supported(f"rent {spec.offer_external_id}")

    async def status(self, external_id: str) -> Instance:
        raise self._not_supported(f"know instance {external_id}")

    async def list_own(self) -> Sequence[Instance]:
        raise self._not_supported("list instances")

    def logs(self, external_id: str, *, tail: int = 1000, follow: bool = False) -> AsyncIterator[LogLine]:
        raise self._not_supported(f"give logs of {external_id} ({tail=}, {follow=})")

    async def terminate(self, external_id: str) -> None:
        raise self._not_supported(f"terminate {external_id}")

    async def health(self) -> HealthReport:
        """One read of the offers."""
        started = self._clock.monotonic()
        page = await self._guard.call(Operation.HEALTH, lambda: self._read(Cursor("all")))
        elapsed_ms = (self._clock.monotonic() - started) * 1000
        return HealthReport(ok=True, response_ms=elapsed_ms, detail=f"{len(page.offers)} offers")

    async def aclose(self) -> None:  # noqa: B027 - a hook that most subclasses leave empty
        """Nothing is held; override it when `fetch_gpus` keeps a session."""

    async def _read(self, cursor: Cursor) -> OffersPage:
        self._read_at = read_at = self._clock.now()
        try:
            rows = await self.fetch_gpus()
        except ProviderError:
            raise
        except Exception as exc:  # the extension's code is not ours: whatever it raises is a failed read
            raise MalformedAnswer(self.name, f"fetch_gpus failed with {type(exc).__name__}") from exc
        offers: list[Offer] = []
        rejected: Counter[str] = Counter()
        for row in rows:
            try:
                offers.append(self.normalize_gpu_data(row))
            except Exception as exc:  # noqa: BLE001 - same; one odd item must not lose the others
                rejected[type(exc).__name__] += 1
        return OffersPage(
            cursor,
            tuple(offers),
            rejected=tuple(Rejection(reason, count) for reason, count in sorted(rejected.items())),
            read_at=read_at,
        )

    def _not_supported(self, what: str) -> NotSupported:
        return NotSupported(self.name, f"{self.name} can only show offers, not {what}")
