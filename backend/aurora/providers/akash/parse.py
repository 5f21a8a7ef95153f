"""Akash's providers and price statistics into indicative offers. Pure; an odd item is counted and never raises.

One offer per (provider, model, memory, interface) with one GPU: providers cut any number, so a larger request is this
row several times. Left out, and counted: providers that are offline, and those that nobody has audited (the Console
shows no bids of theirs and refuses to lease from them [seen]).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from aurora.domain.offer import Offer, PriceKind
from aurora.providers.akash.offer_id import VENDOR, OfferId, is_owner
from aurora.providers.akash.prices import Cards, PriceBook, gpus_of, objects, whole
from aurora.providers.akash.pricing import disk_usd_gb_hour, shape_for
from aurora.providers.fields import Fields, Odd
from aurora.providers.reading import PlaceLike, ReadRows, Rejections, RowReader

_REGION_KEYS = ("location-region", "region")
_GB = 10**9
_MOST_DISK_GB = 10.0**9
_US_WEST_OF, _US_EAST_OF = -105.0, -88.0
"""Longitudes that part the United States' three macro regions, for hosts whose state is not known [guess]."""


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """One provider, as far as offers need it."""

    owner: str
    gpus: tuple[OfferId, ...]
    other_vendors: int = 0
    cards: Cards | None = None
    """Of all models together."""
    disk_max_gb: float | None = None
    uptime: float | None = None
    audited: bool | None = None
    places: tuple[str, ...] = ()
    """What it says about where it is, most precise first."""
    longitude: float | None = None


class OfferReader(RowReader):
    """Providers and prices into offers of one market."""

    def offers(
        self, rows: Sequence[object], book: PriceBook, *, slice_key: str, seen_at: datetime
    ) -> ReadRows:
        """Every GPU of every provider that can be rented; the others counted by reason."""
        offers: dict[str, Offer] = {}
        rejected = Rejections()
        for row in rows:
            try:
                found = provider_row(row)
            except Odd as odd:
                rejected.add(odd.reason, _example(row))
                continue
            for _ in range(found.other_vendors):
                rejected.add(f"a GPU that is not {VENDOR}'s cannot be asked for", found.owner)
            for gpu in _all_gpus(found, book):
                offer = self._offer(found, gpu, book, slice_key=slice_key, seen_at=seen_at)
                if offer is None:
                    rejected.add("nobody has said a price for this GPU lately", str(gpu))
                else:
                    offers[offer.external_id] = offer
        return ReadRows(tuple(offers.values()), rejected.all())

    def _offer(
        self, row: ProviderRow, gpu: OfferId, book: PriceBook, *, slice_key: str, seen_at: datetime
    ) -> Offer | None:
        price = book.price(gpu)
        if price is None:
            return None
        vram = gpu.vram_gib
        shape = shape_for(vram)
        model = self._gpus.identify(
            gpu.model, vram_gb=None if vram is None else float(vram), interface=gpu.interface
        )
        cards = book.cards.get(gpu) or (row.cards if len(row.gpus) == 1 else None)
        place = self._place(row)
        return Offer(
            provider=self._provider,
            external_id=str(gpu),
            gpu=model,
            gpu_count=1,
            price_per_hour=price.all_in(shape),
            price_kind=PriceKind.ESTIMATE,
            seen_at=seen_at,
            slice_key=slice_key,
            gpu_raw=" ".join(part for part in (gpu.model, gpu.ram, gpu.interface) if part),
            vram_gb=float(model.vram_gb) if model.vram_gb else None if vram is None else float(vram),
            disk_price_gb_hour=disk_usd_gb_hour(),
            disk_max_gb=row.disk_max_gb,
            country=place.country,
            regions=place.regions,
            region_raw=row.places[0] if row.places else None,
            available=None if cards is None else cards.free,
            total=None if cards is None else cards.total,
            reliability=row.uptime,
            host=row.owner,
            vcpus=float(shape.threads),
            memory_gb=float(shape.memory_gib),
            verified=row.audited,
            emulated=self._emulated,
        )

    def _place(self, row: ProviderRow) -> PlaceLike:
        """The first of its words that names one macro region, else the first that names a country."""
        found = [self._places.place(text) for text in row.places]
        for place in found:
            if len(place.regions) == 1:
                return place
        best = next((place for place in found if place.country is not None), None)
        if best is not None and best.country == "US" and row.longitude is not None:
            return self._places.place(_us_region(row.longitude))
        return best or next((place for place in found if place.regions), self._places.place(None))


def _us_region(longitude: float) -> str:
    if longitude < _US_WEST_OF:
        return "us-west"
    return "us-east" if longitude > _US_EAST_OF else "us-central"


def provider_row(row: object) -> ProviderRow:
    """One item of `GET /v1/providers`, or of the chain's list. Raises Odd with the reason for leaving it out."""
    if not isinstance(row, dict):
        raise Odd("the provider is not an object")
    fields = Fields(row)
    owner = fields.text("owner", limit=80)
    if owner is None or not is_owner(owner):
        raise Odd("the provider has no address")
    if fields.flag("isOnline") is False:
        raise Odd("offline")
    if fields.flag("isAudited") is False:
        raise Odd("not audited")
    models = list(objects(fields.raw("gpuModels")))
    listed = [_listed_gpu(each, owner) for each in models]
    gpus = [each for each in listed if each is not None] or gpus_of(fields.raw("attributes"), owner=owner)
    return ProviderRow(
        owner=owner,
        gpus=tuple(dict.fromkeys(gpus)),
        other_vendors=sum((each.text("vendor") or VENDOR).lower() != VENDOR for each in models),
        cards=_all_cards(fields.object("stats").object("gpu")),
        disk_max_gb=_disk_gb(fields.object("stats").object("storage").object("ephemeral")),
        uptime=_uptime(fields),
        audited=fields.flag("isAudited"),
        places=tuple(_places(fields)),
        longitude=fields.within("ipLon", -180, 180),
    )


def _listed_gpu(model: Fields, owner: str) -> OfferId | None:
    if (model.text("vendor") or "").lower() != VENDOR:
        return None
    return OfferId.of(
        owner, model.text("model", limit=40), model.text("ram", limit=20), model.text("interface", limit=20)
    )


def _all_gpus(row: ProviderRow, book: PriceBook) -> Iterable[OfferId]:
    """What the provider lists, and what the price list's detail says that it has."""
    return dict.fromkeys((*row.gpus, *(gpu for gpu in book.cards if gpu.owner == row.owner)))


def _all_cards(gpu: Fields) -> Cards | None:
    free, active, pending = (whole(gpu.raw(name)) for name in ("available", "active", "pending"))
    if free is None:
        return None
    total = whole(gpu.raw("total"))
    return Cards(free, total if total is not None else free + (active or 0) + (pending or 0))


def _disk_gb(storage: Fields) -> float | None:
    """What is free on the provider's whole cluster: a bound, not a promise."""
    free = storage.number("available")
    return None if free is None or free < 0 else min(float(free) / _GB, _MOST_DISK_GB)


def _uptime(fields: Fields) -> float | None:
    """The longest window that there is a figure for."""
    found = (fields.within(name, 0, 1) for name in ("uptime30d", "uptime7d", "uptime1d"))
    return next((each for each in found if each is not None), None)


def _places(fields: Fields) -> Iterator[str]:
    """Where its address is known to be, then what it says of itself, then the country alone."""
    country = fields.text("ipCountryCode", limit=8) or fields.text("ipCountry", limit=60)
    own_country = fields.text("country", limit=60)
    for part, whole_of in (
        (fields.text("ipRegion", limit=80), country),
        (fields.text("city", limit=80), own_country),
    ):
        if part and whole_of:
            yield f"{part}, {whole_of}"
    attributes = [each for each in objects(fields.raw("attributes")) if each.text("key") in _REGION_KEYS]
    for said in (
        fields.text("locationRegion", limit=60),
        *(each.text("value", limit=60) for each in attributes),
    ):
        if said:
            yield said.removeprefix("na-")
    yield from (name for name in (country, own_country) if name)


def _example(row: object) -> str:
    found = row.get("owner") if isinstance(row, dict) else None
    return found[:80] if isinstance(found, str) else type(row).__name__
