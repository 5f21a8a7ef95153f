"""io.net's catalogue rows, both shapes, and the console's. Pure; an odd row is counted with its reason.

Shapes and meanings: new-api `pkg/ionet` and the capture of 2026-10-08 (both [2nd]), see tests/fixtures/ionet/README.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from aurora.domain.records import BEYOND_CAP
from aurora.providers.base import MOST_ROWS, Rejection
from aurora.providers.fields import Fields, Odd, integer, number
from aurora.providers.ionet.money import HIGHEST_USD_PER_HOUR
from aurora.providers.ionet.offer_id import is_hardware_id
from aurora.providers.reading import Rejections

MOST_GPUS = 128
_ALPHA2 = 2


@dataclass(frozen=True, slots=True)
class Hardware:
    """One kind. An int id is network hardware (a location is chosen apart), a string id a partner's SKU in one country."""

    id: int | str
    name: str
    most_gpus: int
    """In one container; for a SKU its size [guess from ids such as gpu_8x_a100]."""
    least_gpus: int
    available: int | None
    """As the market counts; all SKUs of the capture say 4."""
    country: str | None
    price: Decimal | None
    """USD per hour: of the whole SKU, of one GPU of network hardware; None where the row has none (older shape)."""

    @property
    def is_sku(self) -> bool:
        return isinstance(self.id, str)

    @property
    def slice_key(self) -> str:
        """Network hardware is read kind by kind; the id comes first."""
        return f"{self.id} {self.name}"

    @property
    def sizes(self) -> tuple[int, ...]:
        """GPUs per container that are offered: powers of two and the largest."""
        if self.is_sku:
            return (self.most_gpus,)
        powers = (1 << exponent for exponent in range(MOST_GPUS.bit_length()))
        found = [size for size in powers if self.least_gpus <= size < self.most_gpus]
        return (*found, self.most_gpus)


@dataclass(frozen=True, slots=True)
class HardwareList:
    """One read of the catalogue."""

    rows: tuple[Hardware, ...]
    rejected: tuple[Rejection, ...]
    complete: bool = True
    """False: there were more rows than are read."""

    def network(self, slice_key: str) -> Hardware | None:
        """The kind that a slice holds."""
        return next((row for row in self.rows if not row.is_sku and row.slice_key == slice_key), None)


@dataclass(frozen=True, slots=True)
class Replicas:
    """Containers of one size that can be started in one location."""

    location: int
    country: str | None
    free: int


@dataclass(frozen=True, slots=True)
class ConsoleRow:
    """What the console says more: memory per GPU, the machine around it, the price of the whole row."""

    gpus: int
    price: Decimal | None
    vram_gb: float | None
    interconnect: str | None
    vcpus: float | None
    memory_gb: float | None
    storage_gb: float | None


def hardware_list(rows: Sequence[object], *, most: int = MOST_ROWS) -> HardwareList:
    """Every row that can be read, of the first `most`."""
    found: dict[tuple[int | str, str | None], Hardware] = {}
    rejected = Rejections()
    for row in rows[:most]:
        try:
            one = _hardware(row)
        except Odd as odd:
            rejected.add(odd.reason, _example(row))
        else:
            found[one.id, one.country] = one
    beyond = len(rows) - most
    cut = (Rejection(BEYOND_CAP, beyond),) if beyond > 0 else ()
    return HardwareList(tuple(found.values()), (*rejected.all(), *cut), complete=not cut)


def _hardware(row: object) -> Hardware:
    if not isinstance(row, dict):
        raise Odd("the row is not an object")
    fields = Fields(row)
    identity = _identity(fields.raw("hardware_id"))
    most = fields.need_integer("max_gpus_per_container", low=1, high=MOST_GPUS)
    country = fields.text("location", limit=40)
    if isinstance(identity, str) and (country is None or len(country) != _ALPHA2):
        raise Odd("a partner's hardware without a country")
    free = fields.integer("available")
    return Hardware(
        id=identity,
        name=fields.need_text("hardware_name"),
        most_gpus=most,
        least_gpus=min(most, max(1, fields.integer("min_gpus_per_container") or 1)),
        available=None if free is None or free < 0 else free,
        country=country.upper() if isinstance(identity, str) and country else None,
        price=_price(fields, "price"),
    )


def _identity(value: object) -> int | str:
    """An int, or a text that is none. Raises Odd."""
    if isinstance(value, str) and value.strip() and not value.strip().isdecimal():
        if not is_hardware_id(value):
            raise Odd("hardware_id is not usable")
        return value
    found = integer(value)
    if found is None or not 0 <= found < 10**9:
        raise Odd("hardware_id is missing or odd")
    return found


def _price(fields: Fields, name: str) -> Decimal | None:
    """Raises Odd for a price that is there and is none. Zero is read as not said."""
    if name not in fields:
        return None
    found = fields.need_number(name, low=Decimal(0), high=HIGHEST_USD_PER_HOUR)
    return found if found > 0 else None


def replicas(rows: Iterable[object]) -> tuple[tuple[Replicas, ...], tuple[Rejection, ...]]:
    """The locations of one size, and what of the answer could not be read."""
    found: dict[int, Replicas] = {}
    rejected = Rejections()
    for row in rows:
        fields = Fields(row if isinstance(row, dict) else {})
        location, free = fields.integer("id"), fields.integer("available_replicas")
        if location is None or not 0 <= location < 10**9 or free is None or free < 0:
            rejected.add("a location without id or number of replicas", _example(row))
            continue
        place = fields.text("iso2", limit=40) or fields.text("name", limit=80)
        found[location] = Replicas(location, place, free)
    return tuple(found.values()), rejected.all()


def console_rows(rows: Iterable[object]) -> dict[str, ConsoleRow]:
    """By hardware id as text; what cannot be read is left out: nothing depends on it."""
    found: dict[str, ConsoleRow] = {}
    for row in rows:
        fields = Fields(row if isinstance(row, dict) else {})
        key, gpus = fields.raw("deploy_id"), fields.integer("num_cards")
        if not isinstance(key, int | str) or isinstance(key, bool) or not gpus or not 0 < gpus <= MOST_GPUS:
            continue
        price = number(fields.raw("price"))
        found[str(key)] = ConsoleRow(
            gpus=gpus,
            price=price if price is not None and 0 < price <= HIGHEST_USD_PER_HOUR else None,
            vram_gb=fields.within("vram_per_card", 1, 10_000),
            interconnect=fields.text("interconnect", limit=40),
            vcpus=fields.within("vcpu", 1, 10**5),
            memory_gb=fields.within("memory", 1, 10**6),
            storage_gb=fields.within("storage", 1, 10**6),
        )
    return found


def _example(row: object) -> str:
    """The row's id, for whoever looks for it."""
    value = row.get("hardware_id", row.get("id")) if isinstance(row, dict) else row
    return f"id {value}"[:120] if isinstance(value, int | str) else type(row).__name__
