"""The offers in memory: what decisions are made on. Reading it does no I/O."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from types import MappingProxyType

from aurora.db.database import Database
from aurora.db.repositories import offers as offer_rows
from aurora.db.repositories import sync_runs as run_rows
from aurora.db.repositories.offers import SliceState, seen_later
from aurora.db.repositories.sync_runs import SyncedProvider
from aurora.domain.clock import Clock
from aurora.domain.event_loop import give_way
from aurora.domain.offer import Offer
from aurora.domain.records import ProviderCatalogueState
from aurora.services.reference_prices import WINDOW, ReferencePrices

OFFER_MAX_AGE_S = 900.0


PORTION = 250
"""Offers handled between two turns of the event loop: some milliseconds of work."""


def portions(offers: Sequence[Offer], *, size: int = PORTION) -> Iterator[Sequence[Offer]]:
    """The offers in runs of at most `size`."""
    return (offers[start : start + size] for start in range(0, len(offers), size))


@dataclass(frozen=True, slots=True)
class ProviderOffers:
    """One provider's part of the catalogue at one moment. Never changes; a sync puts another in its place."""

    offers: MappingProxyType[str, Offer] = field(default_factory=lambda: MappingProxyType({}))
    """By id; `seen_at` is when the market last showed the offer."""
    written: MappingProxyType[str, Offer] = field(default_factory=lambda: MappingProxyType({}))
    """The same ids as the database has them: figures that move by themselves may be a little older."""
    slices: MappingProxyType[str, SliceState] = field(default_factory=lambda: MappingProxyType({}))
    unknown_gpus: int = 0


@dataclass(frozen=True, slots=True)
class CatalogueSnapshot:
    """All of it at one moment. Keeping one costs little: snapshots share what did not change between them."""

    version: str
    taken_at: datetime
    providers: Mapping[str, ProviderOffers]
    reference_prices: Mapping[str, Decimal]
    """Trailing 7-day median USD per GPU and hour, by GPU family and by model name."""

    def offers(self, *, provider: str | None = None) -> Iterator[Offer]:
        """Every offer on sale, of one provider or of all."""
        parts = self.providers.values() if provider is None else [self.part(provider)]
        return chain.from_iterable(part.offers.values() for part in parts)

    def get(self, offer_id: str) -> Offer | None:
        """One offer by our id (`vastai:123`)."""
        return self.part(offer_id.partition(":")[0]).offers.get(offer_id)

    def part(self, provider: str) -> ProviderOffers:
        return self.providers.get(provider) or ProviderOffers()


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueChange:
    """What a reading changed at one provider, after the database has it."""

    written: Iterable[Offer] = ()
    """New or changed, as they were written."""
    unchanged: Iterable[Offer] = ()
    """As they were seen now; the database keeps what it has."""
    gone: Collection[str] = ()
    slices: Iterable[SliceState] = ()
    dropped_slices: Collection[str] = ()


class Catalogue:
    """The present snapshot, swapped whole with every change. One event loop, no locks.

    `max_age_s` is OFFER_MAX_AGE: how old a slice's last complete read may be for the slice to count as known.
    """

    def __init__(self, *, clock: Clock, max_age_s: float = OFFER_MAX_AGE_S) -> None:
        self._clock = clock
        self._max_age = timedelta(seconds=max_age_s)
        self._lines: dict[str, SyncedProvider] = {}
        self._runs: dict[str, int] = {}
        self._prices = ReferencePrices()
        # a version must not come again after a restart: decisions name it
        self._origin = f"{int(clock.now().timestamp() * 1000):x}"
        self._changes = 0
        self._unknown: tuple[str, frozenset[str]] = ("", frozenset())
        self._snapshot = CatalogueSnapshot(f"{self._origin}-0", clock.now(), {}, MappingProxyType({}))

    @property
    def snapshot(self) -> CatalogueSnapshot:
        """The present state, immutable."""
        return self._snapshot

    @property
    def version(self) -> str:
        """Another one whenever an offer is added, changed, seen again or gone."""
        return self._snapshot.version

    @property
    def taken_at(self) -> datetime:
        """When the present version was made."""
        return self._snapshot.taken_at

    def offers(self, *, provider: str | None = None) -> Iterator[Offer]:
        """Every offer on sale, of one provider or of all."""
        return self._snapshot.offers(provider=provider)

    def by_provider(self) -> Mapping[str, Mapping[str, Offer]]:
        """Offers on sale by id, by provider; the same object as long as a provider's offers are the same."""
        return {name: part.offers for name, part in self._snapshot.providers.items()}

    def unknown_families(self) -> frozenset[str]:
        """GPUs on sale that our table does not have: they can be asked for by the market's own name."""
        version, found = self._unknown
        if version != self.version:
            found = frozenset(offer.gpu.family for offer in self.offers() if not offer.gpu.known)
            self._unknown = (self.version, found)
        return found

    def get(self, offer_id: str) -> Offer | None:
        """One offer by our id (`vastai:123`)."""
        return self._snapshot.get(offer_id)

    def reference_prices(self) -> Mapping[str, Decimal]:
        """Trailing 7-day median USD per GPU and hour, by GPU family and by model name."""
        return self._snapshot.reference_prices

    def part(self, provider: str) -> ProviderOffers:
        """One provider's offers and slices."""
        return self._snapshot.part(provider)

    def read_began_at(self, provider: str, slice_key: str) -> datetime | None:
        """When the last complete read of this slice began; None before the first."""
        state = self.part(provider).slices.get(slice_key)
        return state.read_at if state is not None and state.complete else None

    def state(self, provider: str) -> ProviderCatalogueState:
        """How far one provider's offers can be trusted now; `data_age_s` is the age of its newest finished read."""
        part = self.part(provider)
        line = self._lines.get(provider)
        newest = max(
            (each.read_at for each in part.slices.values() if each.read_at is not None), default=None
        )
        return ProviderCatalogueState(
            provider=provider,
            offers=len(part.offers),
            unknown_gpus=part.unknown_gpus,
            completeness=self.completeness(provider),
            last_sync_at=line.last_sync_at if line is not None else None,
            last_success_at=line.last_success_at if line is not None else None,
            data_age_s=None if newest is None else (self._clock.now() - newest).total_seconds(),
            last_error=line.last_error if line is not None else None,
        )

    def completeness(self, provider: str) -> float | None:
        """Share of the catalogue, 0..1, whose last complete read is younger than OFFER_MAX_AGE; None before any.

        These are the slices whose offers a decision may use. Slices are weighted by their offers, those never
        read by the mean of the others.
        """
        states = self.part(provider).slices.values()
        known = [max(1, state.offers) for state in states if state.read_at is not None]
        if not known:
            return None
        usual = sum(known) / len(known)
        oldest = self._clock.now() - self._max_age
        fresh = [
            max(1, state.offers)
            for state in states
            if state.complete and state.read_at is not None and state.read_at >= oldest
        ]
        return sum(fresh) / (sum(known) + usual * (len(states) - len(known)))

    def last_run(self, provider: str) -> int | None:
        """The sync run after which this catalogue is up to date with the database."""
        return self._runs.get(provider)

    def last_line(self, provider: str) -> SyncedProvider | None:
        """When the provider was last read, when with success, and the last error."""
        return self._lines.get(provider)

    def note_run(self, provider: str, run_id: int) -> None:
        """This process writes the run: the catalogue follows it."""
        self._runs[provider] = run_id

    def note_line(self, line: SyncedProvider) -> None:
        """A run has ended."""
        self._lines[line.name] = line

    def apply(self, provider: str, change: CatalogueChange) -> None:
        """Make the change visible, all of it at once."""
        old = self.part(provider)
        # `copy` of the proxy copies the dictionary behind it; `dict(proxy)` would go item by item
        offers, written, slices = old.offers.copy(), old.written.copy(), old.slices.copy()
        unknown = old.unknown_gpus
        fresh = list(change.written)
        for offer in fresh:
            before = offers.get(offer.id)
            unknown += (not offer.gpu.known) - (before is not None and not before.gpu.known)
            offers[offer.id] = written[offer.id] = offer
        for offer in change.unchanged:
            offers[offer.id] = offer
        for offer_id in change.gone:
            before = offers.pop(offer_id, None)
            written.pop(offer_id, None)
            unknown -= before is not None and not before.gpu.known
        for key in change.dropped_slices:
            slices.pop(key, None)
        slices.update((state.key, state) for state in change.slices)
        self._prices.offered(fresh)
        self._prices.withdrawn(change.gone)
        self._swap(provider, _part(offers, written, slices, unknown_gpus=unknown))

    async def load(self, database: Database) -> None:
        """Replace everything by what the database has. Raises DatabaseUnavailable; then nothing has changed.

        An offer was last seen at its last write or, unchanged, when the last complete read of its slice began: never
        later than it really was. Figures that move by themselves are as they were written (see `offer_diff`).
        """
        written: dict[str, dict[str, Offer]] = {}
        prices = ReferencePrices()
        async with database.read(bulk=True) as connection:
            slices = await offer_rows.slices(connection)
            async for batch in offer_rows.present(connection):
                for offer in batch:
                    written.setdefault(offer.provider, {})[offer.id] = offer
            async for points in offer_rows.prices_since(connection, self._clock.now() - WINDOW):
                prices.recall(points)
            lines = await run_rows.providers(connection)
            runs = await run_rows.last_ids(connection)
        prices.keep_present(chain.from_iterable(written.values()))
        parts = {}
        for provider in written.keys() | slices.keys():
            offers = written.get(provider, {})
            parts[provider] = await _loaded(offers, slices.get(provider, {}), prices=prices)
        self._prices, self._lines, self._runs = prices, lines, runs
        self._replace(MappingProxyType(parts))

    async def reload(self, database: Database, provider: str) -> None:
        """As `load`, for one provider, when another process has synced it meanwhile."""
        written: dict[str, Offer] = {}
        async with database.read(bulk=True) as connection:
            slices = await offer_rows.slices(connection, provider)
            async for batch in offer_rows.present(connection, provider):
                written.update((offer.id, offer) for offer in batch)
            lines = await run_rows.providers(connection, provider)
        self._prices.withdrawn(self.part(provider).offers.keys() - written.keys())
        part = await _loaded(written, slices.get(provider, {}), prices=self._prices)
        self._lines.update(lines)
        self._swap(provider, part)

    def _swap(self, provider: str, part: ProviderOffers) -> None:
        self._replace(MappingProxyType({**self._snapshot.providers, provider: part}))

    def _replace(self, providers: Mapping[str, ProviderOffers]) -> None:
        self._changes += 1
        now = self._clock.now()
        self._snapshot = CatalogueSnapshot(
            f"{self._origin}-{self._changes}", now, providers, self._prices.medians(now)
        )


async def _loaded(
    written: dict[str, Offer], slices: dict[str, SliceState], *, prices: ReferencePrices
) -> ProviderOffers:
    offers = {}
    for portion in portions(list(written.values())):
        prices.offered(portion)
        for offer in portion:
            state = slices.get(offer.slice_key)
            read_at = state.read_at if state is not None and state.complete else None
            offers[offer.id] = seen_later(offer, read_at)
        await give_way()
    unknown = sum(not offer.gpu.known for offer in offers.values())
    return _part(offers, written, slices, unknown_gpus=unknown)


def _part(
    offers: dict[str, Offer],
    written: dict[str, Offer],
    slices: dict[str, SliceState],
    *,
    unknown_gpus: int,
) -> ProviderOffers:
    return ProviderOffers(
        MappingProxyType(offers), MappingProxyType(written), MappingProxyType(slices), unknown_gpus
    )
