"""The offers: a list in keyset pages, and one offer with the sum worked out."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from aurora.emulators.exchange import Call, Reply
from aurora.emulators.gateway_market import asked
from aurora.emulators.gateway_market.knobs import Knobs
from aurora.emulators.gateway_market.replies import Refused, moment, money, rounded
from aurora.emulators.jobs.estate import Estate
from aurora.emulators.jobs.stock import Sku

_DEFAULT_DISK_GB, _DEFAULT_MINUTES, _LONGEST = 20, 60, 527_040  # a year and a day
_MINUTES_PER_HOUR = 60

Test = Callable[[Sku], bool]


class Shelf:
    def __init__(self, estate: Estate, knobs: Callable[[], Knobs]) -> None:
        self._estate = estate
        self._knobs = knobs

    def listed(self, call: Call) -> Reply:
        """One page of what fits, the cheapest first."""
        self._estate.advance(call.now)
        tests, limit = self._tests(call), asked.limit(call)
        found = sorted(
            (sku for sku in self._estate.stock.every() if all(test(sku) for test in tests)), key=self._place
        )
        after = self._after(call)
        rows = [sku for sku in found if after is None or self._place(sku) > after]
        page = rows[:limit]
        more = asked.cursor_of(p=str(self.price(page[-1])), i=page[-1].id) if len(rows) > limit else None
        data = [self._row(sku, call.now) for sku in page]
        return Reply({"data": data, "next_cursor": more, "total": len(found)})

    def quoted(self, call: Call) -> Reply:
        """An offer as it is now, also when nothing of it is free."""
        self._estate.advance(call.now)
        sku = self.find(call.params["id"])
        disk = asked.whole(call, "disk_gb", least=1, most=sku.max_disk_gb, default=_DEFAULT_DISK_GB)
        minutes = asked.whole(call, "duration_minutes", least=1, most=_LONGEST, default=_DEFAULT_MINUTES)
        return Reply({**self._row(sku, call.now), "quote": self._quote(sku, disk or 0, minutes or 0)})

    def find(self, offer_id: str) -> Sku:
        """Raises Refused."""
        sku = self._estate.stock.find(offer_id)
        if sku is None:
            raise Refused("not_found", f"no offer {offer_id}")
        return sku

    def cheapest(self, tests: Sequence[Test]) -> Sku | None:
        """The cheapest offer with something free that passes."""
        free = self._estate.stock.free
        fits = [sku for sku in self._estate.stock.every() if free(sku) and all(test(sku) for test in tests)]
        return min(fits, key=self._place, default=None)

    def price(self, sku: Sku) -> Decimal:
        """USD per hour of the whole offer without disk, as it is asked now."""
        return rounded(sku.usd_per_hour * Decimal(str(self._knobs().price_factor)))

    def _place(self, sku: Sku) -> tuple[Decimal, str]:
        return self.price(sku), sku.id

    def _after(self, call: Call) -> tuple[Decimal, str] | None:
        read = asked.cursor(call, "p", "i")
        if read is None:
            return None
        try:
            return Decimal(read[0]), read[1]
        except InvalidOperation:
            raise Refused("invalid_cursor", "the cursor is not one of this list") from None

    def _tests(self, call: Call) -> Sequence[Test]:
        model, region, country = (asked.text(call, name) for name in ("gpu_model", "region", "country"))
        vram = asked.whole(call, "min_vram_gb", least=0)
        count = asked.whole(call, "gpu_count", least=1)
        most, spot = asked.usd(call, "max_price_per_hour"), asked.truth(call, "spot")
        free = asked.truth(call, "available")
        tests: Mapping[str, Test | None] = {
            "model": by_model(model) if model else None,
            "vram": (lambda sku: sku.vram_gb >= vram) if vram is not None else None,
            "count": (lambda sku: sku.gpu_count == count) if count is not None else None,
            "region": (lambda sku: sku.region == region) if region else None,
            "country": (lambda sku: sku.country == country.upper()) if country else None,
            "price": (lambda sku: self.price(sku) <= most) if most is not None else None,
            "spot": (lambda sku: sku.spot is spot) if spot is not None else None,
            "free": None if free is False else (lambda sku: self._estate.stock.free(sku) > 0),
        }
        return [test for test in tests.values() if test is not None]

    def _row(self, sku: Sku, now: datetime) -> dict[str, Any]:
        return {
            "id": sku.id,
            "gpu_model": sku.gpu_model,
            "gpu_count": sku.gpu_count,
            "vram_gb": sku.vram_gb,
            "cpu_cores": sku.cpu_cores,
            "memory_gb": sku.memory_gb,
            "max_disk_gb": sku.max_disk_gb,
            "region": sku.region,
            "country": sku.country,
            "available": self._estate.stock.free(sku),
            "price_per_hour": money(self.price(sku)),
            "disk_price_per_gb_hour": money(sku.disk_usd_per_gb_hour),
            "currency": "USD",
            "spot": sku.spot,
            "min_billing_minutes": sku.min_minutes,
            "updated_at": moment(now.replace(second=0, microsecond=0)),
            "price_kind": "firm",
            "billing": {"increment_seconds": 1, "min_minutes": sku.min_minutes, "starts": "assigned"},
            "emulated": True,
            "synthetic": True,
        }

    def _quote(self, sku: Sku, disk_gb: int, minutes: int) -> dict[str, Any]:
        hourly = self.price(sku) + sku.disk_usd_per_gb_hour * disk_gb
        billed = max(minutes, sku.min_minutes)
        return {
            "disk_gb": disk_gb,
            "duration_minutes": minutes,
            "billed_minutes": billed,
            "price_per_hour": money(hourly),
            "total": money(hourly * billed / _MINUTES_PER_HOUR),
        }


def by_model(part: str) -> Test:
    return lambda sku: part.lower() in sku.gpu_model.lower()
