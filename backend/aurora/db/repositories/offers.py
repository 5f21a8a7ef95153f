"""Offers as last seen, what they cost when, and how far each slice of a catalogue has been read."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from operator import attrgetter
from typing import Any

from sqlalchemy import Row, Select, Table, bindparam, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db import tables
from aurora.db.bulk import BulkInsert
from aurora.domain.event_loop import give_way
from aurora.domain.gpu import GpuModel
from aurora.domain.money import usd
from aurora.domain.offer import Offer, PriceKind

CHUNK = 500
"""Rows written under one statement of a transaction; the commit comes after the last."""
WIDE = 250
"""Offers made into rows of 39 columns between two turns of the event loop."""
_READ = 100
"""As WIDE for reading, where each row becomes an object."""
_REMEMBERED = 4096
"""Sets of places and GPU models that are not made anew: a market has a few hundred for its thousands of rows."""

_OWN = {"gpu", "price_kind", "seen_at", "regions", "resources"}
_COLUMNS = tuple(field.name for field in fields(Offer) if field.init and field.name not in _OWN)
"""Columns that are fields of `Offer` under the same name."""
_ELSEWHERE = {
    "gpu_family": "gpu.family",
    "gpu_form": "gpu.form",
    "gpu_vram_gb": "gpu.vram_gb",
    "gpu_known": "gpu.known",
}
"""Columns whose value has another name in an `Offer`."""
_ABOUT = ("content_hash", "first_seen_at", "last_seen_at", "gone_at", "last_sync_id")
"""Columns about the offer, at the table's end."""
_OF_OFFER = tuple(column.name for column in tables.offers.c if column.name not in _ABOUT)
_REGIONS, _RESOURCES = _OF_OFFER.index("regions"), _OF_OFFER.index("resources")
_PRICE_KIND = _OF_OFFER.index("price_kind")
_id = attrgetter("id")
_values = attrgetter(*(_ELSEWHERE.get(name, name) for name in _OF_OFFER))
_NO_HASH = ""
"""Offers are compared with each other, see `services.offer_diff`: nobody reads the column."""
_KEPT = {"id", "first_seen_at"}
_OFFERS = BulkInsert(
    tables.offers,
    (*_OF_OFFER, *_ABOUT),
    tuple(name for name in (*_OF_OFFER, *_ABOUT) if name not in _KEPT),
    exact=True,
)
_PRICES = BulkInsert(
    tables.offer_prices,
    ("offer_id", "at", "gpu_family", "price_per_hour", "price_per_gpu_hour", "price_kind"),
    exact=True,
)
_FIELDS = tuple(field.name for field in fields(Offer) if field.init)
_SEEN_AT, _MAX_DURATION = _FIELDS.index("seen_at"), _FIELDS.index("max_duration_s")
_every_field = attrgetter(*_FIELDS)


@dataclass(frozen=True, slots=True)
class SliceState:
    """How far one part of a provider's catalogue has been read."""

    key: str
    read_at: datetime | None = None
    """When the last finished read began: nothing in it was observed earlier. None: never read."""
    complete: bool = False
    """The last finished read reached the end of the slice (absence from it meant gone)."""
    offers: int = 0
    error: str | None = None
    """Why the newest read did not finish; None when it did."""


@dataclass(frozen=True, slots=True)
class PricePoint:
    """A price that an offer took on at `at`, in USD per GPU and hour."""

    offer_id: str
    model: GpuModel
    spot: bool
    at: datetime
    usd_per_gpu_hour: Decimal


async def present(connection: AsyncConnection, provider: str | None = None) -> AsyncIterator[list[Offer]]:
    """All offers not gone, in batches; `seen_at` is the time of the last write."""
    query = select(tables.offers).where(tables.offers.c.gone_at.is_(None))
    if provider is not None:
        query = query.where(tables.offers.c.provider == provider)
    async for batch in _batches(connection, query.order_by(tables.offers.c.id)):
        yield [_offer(row) for row in batch]


@dataclass(frozen=True, slots=True)
class ChangedOffers:
    """What runs of one provider have written: offers on sale, and ids of those that are not sold any more."""

    written: list[Offer]
    gone: list[str]


async def changed(
    connection: AsyncConnection, provider: str, *, since_run: int, seen_after: datetime | None = None
) -> AsyncIterator[ChangedOffers]:
    """What runs from `since_run` on have written, in batches; with `seen_after` only what is younger."""
    table = tables.offers
    query = select(table).where(table.c.provider == provider, table.c.last_sync_id >= since_run)
    if seen_after is not None:
        query = query.where(or_(table.c.last_seen_at >= seen_after, table.c.gone_at >= seen_after))
    async for batch in _batches(connection, query.order_by(table.c.id)):
        yield ChangedOffers(
            [_offer(row) for row in batch if row.gone_at is None],
            [row.id for row in batch if row.gone_at is not None],
        )


async def save(
    connection: AsyncConnection, offers: Iterable[Offer], *, sync_id: int, all_new: bool = False
) -> None:
    """Insert or overwrite, and bring back what was gone. `first_seen_at` keeps its first value.

    Money at the kept scale, as `slice_walk` leaves it. `all_new`: nobody has ever written one of these.
    """
    # one order for all writers: two that touch the same rows in opposite order would deadlock
    ordered = sorted(offers, key=_id)
    for batch in _chunks(ordered, CHUNK):
        rows: list[tuple[Any, ...]] = []
        for portion in _chunks(batch, WIDE):
            rows += [_row(offer, sync_id) for offer in portion]
            await give_way()
        await _OFFERS.write(connection, rows, all_new=all_new)
        await give_way()


async def save_prices(connection: AsyncConnection, offers: Iterable[Offer]) -> None:
    """One line of price history per offer, at its `seen_at`."""
    ordered = sorted(offers, key=_id)
    for batch in _chunks(ordered, CHUNK):
        await _PRICES.write(connection, [_price_row(offer) for offer in batch])
        await give_way()


async def touch(connection: AsyncConnection, seen: Mapping[str, datetime]) -> None:
    """Only the time at which unchanged offers were last seen (ids -> time)."""
    table = tables.offers
    statement = update(table).where(table.c.id == bindparam("touched")).values(last_seen_at=bindparam("at"))
    for batch in _chunks(sorted(seen), CHUNK):
        await connection.execute(statement, [{"touched": key, "at": seen[key]} for key in batch])
        await give_way()


async def mark_gone(connection: AsyncConnection, ids: Iterable[str], *, at: datetime, sync_id: int) -> None:
    """These are not sold any more. They come back by `save`."""
    table = tables.offers
    statement = (
        update(table)
        .where(table.c.id == bindparam("vanished"))
        .values(gone_at=bindparam("at"), last_sync_id=bindparam("sync"))
    )
    for batch in _chunks(sorted(ids), CHUNK):
        rows = [{"vanished": key, "at": at, "sync": sync_id} for key in batch]
        await connection.execute(statement, rows)
        await give_way()


async def prices_since(connection: AsyncConnection, since: datetime) -> AsyncIterator[list[PricePoint]]:
    """Price history from `since`, oldest first, in batches."""
    prices, offers = tables.offer_prices, tables.offers
    query = (
        select(
            prices.c.offer_id,
            prices.c.at,
            prices.c.price_per_gpu_hour,
            *(offers.c[name] for name in ("gpu_family", "gpu_form", "gpu_vram_gb", "gpu_known", "spot")),
        )
        .join(offers, offers.c.id == prices.c.offer_id)
        .where(prices.c.at >= since)
        .order_by(prices.c.at, prices.c.id)
    )
    async for batch in _batches(connection, query):
        yield [
            PricePoint(row.offer_id, _model(row), row.spot, row.at, row.price_per_gpu_hour) for row in batch
        ]


async def slices(
    connection: AsyncConnection, provider: str | None = None
) -> dict[str, dict[str, SliceState]]:
    """Slice states by provider and key."""
    query = select(tables.catalogue_slices)
    if provider is not None:
        query = query.where(tables.catalogue_slices.c.provider == provider)
    found: dict[str, dict[str, SliceState]] = {}
    for row in await connection.execute(query):
        state = SliceState(row.slice_key, row.read_at, row.complete, row.offers, row.error)
        found.setdefault(row.provider, {})[state.key] = state
    return found


async def save_slices(connection: AsyncConnection, provider: str, states: Iterable[SliceState]) -> None:
    rows = [_slice_row(provider, state) for state in sorted(states, key=lambda state: state.key)]
    if rows:
        changing = ("read_at", "complete", "offers", "error")
        statement = _upsert(connection.dialect.name, tables.catalogue_slices, update=changing)
        await connection.execute(statement, rows)


async def drop_slices(connection: AsyncConnection, provider: str, keys: Iterable[str]) -> None:
    """Forget slices that the market does not list any more."""
    table = tables.catalogue_slices
    statement = delete(table).where(table.c.provider == provider, table.c.slice_key == bindparam("dropped"))
    rows = [{"dropped": key} for key in sorted(keys)]
    if rows:
        await connection.execute(statement, rows)


def seen_later(offer: Offer, at: datetime | None) -> Offer:
    """The offer as it stands when it was seen, unchanged, at `at` too: what it may be kept for has shrunk."""
    if at is None or at <= offer.seen_at:
        return offer
    left = offer.max_duration_s
    if left is not None:
        left = max(0.0, left - (at - offer.seen_at).total_seconds())
    # `replace` goes field by field through two dictionaries, for every offer of a catalogue that was read again
    values = list(_every_field(offer))
    values[_SEEN_AT], values[_MAX_DURATION] = at, left
    return Offer(*values)


async def _batches(connection: AsyncConnection, query: Select[Any]) -> AsyncIterator[Sequence[Row[Any]]]:
    result = await connection.stream(query, execution_options={"max_row_buffer": _READ})
    async for batch in result.partitions(_READ):
        yield batch
        await give_way()


@lru_cache
def _upsert(dialect: str, table: Table, *, update: tuple[str, ...]) -> Any:
    """INSERT .. ON CONFLICT DO UPDATE of the named columns, in the connection's dialect."""
    statement = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: statement.excluded[name] for name in update},
    )


def _chunks(items: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _row(offer: Offer, sync_id: int) -> tuple[Any, ...]:
    """The values of _OFFERS."""
    values = list(_values(offer))
    values[_PRICE_KIND] = str(values[_PRICE_KIND])
    values[_REGIONS] = _listed(values[_REGIONS])
    values[_RESOURCES] = _document(values[_RESOURCES])
    seen_at = offer.seen_at
    values += (_NO_HASH, seen_at, seen_at, None, sync_id)
    return tuple(values)


@lru_cache(maxsize=_REMEMBERED)
def _listed(regions: frozenset[str]) -> str:
    return ",".join(sorted(regions))


def _document(resources: frozenset[str]) -> str:
    """As JSON: a list of texts is put together in a third of the time that an encoder takes to be set up."""
    return f"[{', '.join(map(encode_basestring_ascii, sorted(resources)))}]"


@lru_cache(maxsize=_REMEMBERED)
def _regions(listed: str) -> frozenset[str]:
    return frozenset(listed.split(",")) if listed else frozenset()


def _offer(row: Row[Any]) -> Offer:
    values = row._mapping  # noqa: SLF001 - the documented name of a Row's mapping
    return Offer(
        gpu=_model(row),
        price_kind=PriceKind(row.price_kind),
        seen_at=row.last_seen_at,
        regions=_regions(row.regions),
        resources=frozenset(row.resources),
        **{name: values[name] for name in _COLUMNS},
    )


def _model(row: Row[Any]) -> GpuModel:
    return _same_model(row.gpu_family, row.gpu_form, row.gpu_vram_gb, row.gpu_known)


@lru_cache(maxsize=_REMEMBERED)
def _same_model(family: str, form: str | None, vram_gb: int | None, known: bool) -> GpuModel:  # noqa: FBT001 - as its columns
    return GpuModel(family, form, vram_gb, known)


def _price_row(offer: Offer) -> tuple[Any, ...]:
    """The values of _PRICES."""
    per_gpu = usd(offer.price_per_gpu_hour())
    return (offer.id, offer.seen_at, offer.gpu.family, offer.price_per_hour, per_gpu, str(offer.price_kind))


def _slice_row(provider: str, state: SliceState) -> dict[str, Any]:
    return {
        "provider": provider,
        "slice_key": state.key,
        "read_at": state.read_at,
        "complete": state.complete,
        "offers": state.offers,
        "error": state.error,
    }
