"""The catalogue: walked to its end, and judged offer by offer."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from aurora.conformance.report import Finding, broken, kept, left_open
from aurora.domain.offer import Offer, PriceKind
from aurora.providers.base import Cursor, OffersPage, Provider

KNOWN_SHARE = 0.98
LOWEST_USD = Decimal("0.005")
"""Per GPU and hour. The cheapest of all captured offers is 0.015 (SaladCloud, GTX 1050 Ti, 2025-09-22)."""
HIGHEST_USD = Decimal(60)
"""Per GPU and hour. The dearest of all captured offers is below 10 (B300)."""
_MOST_PAGES = 10_000
_SHOWN = 10
_PROMISE = {PriceKind.FIRM: 2, PriceKind.CEILING: 1, PriceKind.ESTIMATE: 0}


@dataclass(slots=True)
class Walked:
    """What was read. `slices`: how many of the catalogue's parts, of how many."""

    pages: list[OffersPage] = field(default_factory=list)
    slices: int = 0
    all_slices: int = 0

    @property
    def offers(self) -> list[Offer]:
        return [offer for page in self.pages for offer in page.offers]


async def walk(provider: Provider, *, slices: int | None) -> Walked:
    """Read the first `slices` parts of the catalogue (None: all), each to its last page."""
    keys = await provider.catalogue_slices()
    chosen = keys[:slices]
    found = Walked(slices=len(chosen), all_slices=len(keys))
    for key in chosen:
        cursor: Cursor | None = Cursor(key)
        while cursor is not None and len(found.pages) < _MOST_PAGES:
            found.pages.append(await provider.offers_page(cursor))
            cursor = found.pages[-1].next
    return found


def judged(walked: Walked, provider: Provider, *, invented: Collection[str] = ()) -> list[Finding]:
    """The four promises about a catalogue. `invented`: GPUs that an emulator sells in order to be unknown."""
    return [
        _pages(walked),
        _rows(walked, provider),
        _vocabulary([offer for offer in walked.offers if offer.gpu_raw not in invented]),
        _prices([offer for offer in walked.offers if offer.gpu_count > 0], provider),
    ]


def _pages(walked: Walked) -> Finding:
    parts = f"{walked.slices} of {walked.all_slices} slices" if walked.all_slices > 1 else "one slice"
    seen = f"{len(walked.offers)} offers on {len(walked.pages)} pages, {parts}"
    if not walked.pages:
        return left_open("catalogue", "there is nothing to walk: no slices")
    ends = {page.cursor.slice_key: page for page in walked.pages}
    endless = [key for key, page in ends.items() if page.next is not None]
    if endless:
        return broken("catalogue", f"{seen}; no end was found: {len(endless)}", *endless[:_SHOWN])
    astray = [
        offer.external_id
        for page in walked.pages
        for offer in page.offers
        if offer.slice_key != page.cursor.slice_key
    ]
    if astray:
        return broken("catalogue", f"{seen}; {len(astray)} in another slice", *astray[:_SHOWN])
    twice = [key for key, times in Counter(offer.id for offer in walked.offers).items() if times > 1]
    if twice:
        return broken("catalogue", f"{seen}; {len(twice)} listed more than once", *twice[:_SHOWN])
    cut = [key for key, page in ends.items() if not page.complete]
    if cut:
        why = "the market shows no more, or PROVIDER_MAX_ROWS is reached"
        return left_open("catalogue", f"{seen}; {len(cut)} are cut: {why}", *cut[:_SHOWN])
    return kept("catalogue", f"{seen}, each to its end")


def _rows(walked: Walked, provider: Provider) -> Finding:
    reasons: Counter[str] = Counter()
    for page in walked.pages:
        for each in page.rejected:
            reasons[each.reason] += each.count
    counted = tuple(f"{reason}: {count}" for reason, count in reasons.most_common())
    offers, left_out = walked.offers, sum(reasons.values())
    seen = f"{len(offers)} offers, {left_out} rows left out"
    odd = [f"{offer.external_id}: {fault}" for offer in offers for fault in _odd(offer, provider.name)]
    if odd:
        return broken("rows", f"{seen}; {len(odd)} offers are not what they should be", *odd[:_SHOWN])
    if left_out and not offers:
        return broken("rows", f"{seen}: none could be understood", *counted)
    return kept("rows", seen, *counted) if offers else left_open("rows", "nothing is on sale")


def _odd(offer: Offer, provider: str) -> Iterable[str]:
    if offer.provider != provider:
        yield f"it says provider {offer.provider}"
    if not offer.external_id:
        yield "no id"
    if offer.gpu_count < 1:
        yield f"{offer.gpu_count} GPUs"
    if offer.vram_gb is not None and not 0 < offer.vram_gb < 1024:
        yield f"{offer.vram_gb} GB of memory per GPU"
    if offer.available is not None and offer.available < 0:
        yield f"{offer.available} available"
    if offer.seen_at.tzinfo is None:
        yield "a time without a zone"


def _vocabulary(offers: Sequence[Offer]) -> Finding:
    if not offers:
        return left_open("vocabulary", "nothing is on sale")
    gpus = Counter(offer.gpu_raw or offer.gpu.name for offer in offers if not offer.gpu.known)
    places = Counter(
        offer.region_raw or "" for offer in offers if offer.region_raw is not None and not offer.regions
    )
    silent = sum(offer.region_raw is None and not offer.regions for offer in offers)
    seen = (
        f"GPUs known {_share(len(offers) - gpus.total(), len(offers))}, "
        f"places known {_share(len(offers) - places.total(), len(offers))}"
        + (f" ({silent} offers name no place)" if silent else "")
    )
    names = tuple(
        f"{what} {name!r}: {count}"
        for what, found in (("GPU", gpus), ("place", places))
        for name, count in found.most_common(_SHOWN)
    )
    least = KNOWN_SHARE * len(offers)
    good = min(len(offers) - gpus.total(), len(offers) - places.total()) >= least
    return kept("vocabulary", seen, *names) if good else broken("vocabulary", seen, *names)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def _prices(offers: Sequence[Offer], provider: Provider) -> Finding:
    if not offers:
        return left_open("prices", "nothing is on sale")
    kinds = Counter(offer.price_kind for offer in offers)
    per_gpu = sorted(offer.price_per_gpu_hour() for offer in offers)
    seen = (
        ", ".join(f"{count} {kind.value}" for kind, count in kinds.most_common())
        + f"; {per_gpu[0]:.4f} to {per_gpu[-1]:.4f} USD per GPU and hour, median {per_gpu[len(per_gpu) // 2]:.4f}"
    )
    most = _PROMISE[provider.capabilities.price_kind]
    bold = [offer.external_id for offer in offers if _PROMISE[offer.price_kind] > most]
    if bold:
        return broken("prices", f"{seen}; {len(bold)} promise more than the market does", *bold[:_SHOWN])
    odd = [
        f"{offer.external_id}: {offer.price_per_gpu_hour():.6f}"
        for offer in offers
        if not LOWEST_USD <= offer.price_per_gpu_hour() <= HIGHEST_USD
    ]
    if odd:
        limits = f"below {LOWEST_USD} or above {HIGHEST_USD}"
        return broken("prices", f"{seen}; {len(odd)} are {limits}", *odd[:_SHOWN])
    return kept("prices", seen)
