"""Whether a reading of a catalogue can be believed. Pure.

A market that answers 200 with nothing, with a tenth of its offers or with prices in another unit would empty or
poison the catalogue. Such a sight must repeat, alike, in the next run before it is believed; until then the old
offers stay, with their age.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from operator import attrgetter
from statistics import median

from aurora.domain.gpu import GpuModel
from aurora.domain.offer import Offer

ENOUGH = 20
"""Known offers from which a vanishing share means something."""
COLLAPSE_SHARE = 0.8
PRICE_FACTOR = 10
MODEL_OFFERS = 3
"""Offers of a model, before and after, from which their median price means something."""

_ID_LIMIT = 200
"""Letters, here and below."""
_NAME_LIMIT = 120
_FAMILY_LIMIT = 64
_PLACE_LIMIT = 160
_HOST_LIMIT = 64
_COUNTRY_LIMIT = 2
_REGIONS_LIMIT = 160
"""All names together, with commas between."""
_REMEMBERED = 4096
"""Sets of regions that are not looked at anew: a market has a few hundred for its thousands of rows."""
_FLOATS = (
    "vram_gb",
    "disk_included_gb",
    "disk_max_gb",
    "reliability",
    "max_duration_s",
    "vcpus",
    "memory_gb",
    "inet_down_mbps",
    "inet_up_mbps",
)
_INTEGERS = ("gpu_count", "available", "total", "max_ports", "min_rental_minutes")
_INTEGER_LIMIT = 2**31
_PRICE_LIMIT = Decimal(10) ** 9
_texts = attrgetter("external_id", "slice_key", "gpu_raw", "region_raw", "host", "country", "gpu.family")
_floats = attrgetter(*_FLOATS)
_integers = attrgetter(*_INTEGERS)

ModelPrices = dict[GpuModel, list[float]]
"""USD per GPU and hour by model; only compared with each other, never charged."""


class Suspicion(StrEnum):
    """Why a reading is not believed at first sight."""

    EMPTY = "empty"
    COLLAPSE = "collapse"
    PRICES = "prices"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Sight:
    """Something suspicious. Two sights are alike when kind and evidence are."""

    kind: Suspicion
    sentence: str
    evidence: tuple[str, ...] = ()

    def like(self, other: "Sight | None") -> bool:
        return other is not None and (self.kind, self.evidence) == (other.kind, other.evidence)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`accepted`: the reading may replace what is known. `sight`: what was suspicious about it, if anything."""

    accepted: bool
    sentence: str
    sight: Sight | None = None


@dataclass(frozen=True, slots=True)
class ContentReading:
    """What was known of a slice and what a reading of it shows: counts, and prices before and after."""

    key: str
    known: int
    seen: int
    rejected: int
    before: ModelPrices = field(default_factory=dict)
    after: ModelPrices = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SliceReading:
    """Counts of one slice that was read to its end."""

    key: str
    known: int
    missing: int
    seen: int
    rejected: int = 0


def weigh(sight: Sight | None, *, before: Sight | None) -> Verdict:
    """A suspicious reading is believed when the run before saw the like."""
    if sight is None:
        return Verdict(accepted=True, sentence="nothing suspicious")
    if sight.like(before):
        return Verdict(accepted=True, sentence=f"believed at the second sight: {sight.sentence}", sight=sight)
    return Verdict(
        accepted=False, sentence=f"{sight.sentence}; it must repeat before it is believed", sight=sight
    )


def gather_prices(into: ModelPrices, offers: Iterable[Offer]) -> None:
    """Add the prices of these offers: in portions, because a large slice is more than the event loop bears."""
    for offer in offers:
        into.setdefault(offer.gpu, []).append(float(offer.price_per_hour) / offer.gpu_count)


def doubtful_content(reading: ContentReading) -> Sight | None:
    """What is odd about the items themselves: all of them rejected, or prices in another unit."""
    if reading.known and reading.rejected and not reading.seen:
        return Sight(
            Suspicion.REJECTED,
            f"{reading.key}: all {reading.rejected} items were rejected, {reading.known} offers are known",
        )
    shifted = _shifted_models(reading.before, reading.after)
    if not shifted:
        return None
    return Sight(
        Suspicion.PRICES,
        f"{reading.key}: median prices moved by more than {PRICE_FACTOR} times ({', '.join(shifted)})",
        evidence=shifted,
    )


def doubtful_absence(readings: Sequence[SliceReading]) -> Mapping[str, Sight]:
    """Slices whose known offers are missing in an unlikely number, by key.

    `readings` are all slices read to their end in one run. A slice of few offers that is empty while others of
    the same market have offers is daily life; an empty market is not.
    """
    market = _collapsed(sum(each.known for each in readings), sum(each.missing for each in readings))
    answered = any(each.seen for each in readings)
    found = {}
    for each in readings:
        if each.missing == 0:
            continue
        counts = f"{each.key}: {each.missing} of {each.known} known offers are missing"
        if each.seen + each.rejected == 0 and (each.known >= ENOUGH or not answered):
            found[each.key] = Sight(Suspicion.EMPTY, f"{counts}, the answer was empty")
        elif market or _collapsed(each.known, each.missing):
            found[each.key] = Sight(Suspicion.COLLAPSE, counts)
    return found


def unsound(offer: Offer, *, provider: str) -> str | None:
    """Why an offer cannot be kept at all, as a reason to count; None when it can."""
    if offer.provider != provider:
        return "another provider's offer"
    price, disk = offer.price_per_hour, offer.disk_price_gb_hour
    if not price.is_finite() or not 0 < price < _PRICE_LIMIT:
        return "price not positive"
    if not disk.is_finite() or not 0 <= disk < _PRICE_LIMIT:
        return "disk price negative"
    if offer.gpu_count < 1:
        return "no GPU"
    if offer.seen_at.tzinfo is None:
        return "time without zone"
    return _unsound_texts(offer) or _unsound_numbers(offer)


def _unsound_texts(offer: Offer) -> str | None:
    if not offer.external_id:
        return "no id"
    if _too_long(offer):
        return "text too long"
    if "\x00" in "".join((*filter(None, _texts(offer)), *offer.regions, *offer.resources)):
        return "unprintable text"
    return None if _can_be_listed(offer.regions) else "regions cannot be kept"


def _too_long(offer: Offer) -> bool:
    # spelt out, no loop: every offer of every reading passes
    return (
        len(offer.external_id) > _ID_LIMIT
        or len(offer.slice_key) > _NAME_LIMIT
        or len(offer.gpu_raw) > _NAME_LIMIT
        or len(offer.gpu.family) > _FAMILY_LIMIT
        or len(offer.region_raw or "") > _PLACE_LIMIT
        or len(offer.host or "") > _HOST_LIMIT
        or len(offer.country or "") > _COUNTRY_LIMIT
    )


@lru_cache(maxsize=_REMEMBERED)
def _can_be_listed(regions: frozenset[str]) -> bool:
    """Read back as they were from the one column that they share."""
    listed = ",".join(regions)
    return len(listed) <= _REGIONS_LIMIT and listed.count(",") <= max(0, len(regions) - 1)


def _unsound_numbers(offer: Offer) -> str | None:
    for size in _floats(offer):
        if size is not None and not math.isfinite(size):
            return "number not finite"
    for count in _integers(offer):
        if count is not None and not 0 <= count < _INTEGER_LIMIT:
            return "number out of range"
    return None


def _collapsed(known: int, missing: int) -> bool:
    return known >= ENOUGH and missing > COLLAPSE_SHARE * known


def _shifted_models(before: ModelPrices, after: ModelPrices) -> tuple[str, ...]:
    """Models whose median price per GPU moved too far, with `up` or `down`."""
    found = []
    for model in sorted(before.keys() & after.keys(), key=lambda model: model.name):
        if min(len(before[model]), len(after[model])) < MODEL_OFFERS:
            continue
        old, new = median(before[model]), median(after[model])
        if new > PRICE_FACTOR * old or old > PRICE_FACTOR * new:
            found.append(f"{model.name} {'up' if new > old else 'down'}")
    return tuple(found)
