"""What every reader of a catalogue needs: the tables it asks, and what it could not understand."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from aurora.domain.gpu import GpuModel
from aurora.domain.offer import Offer
from aurora.providers.base import Rejection
from aurora.providers.fields import Fields, Odd


class GpuNames(Protocol):
    """What reads GPU names (`aurora.domain.gpu_table.GpuTable` fits)."""

    def identify(
        self,
        raw_name: str,
        *,
        vram_mb: float | None = None,
        vram_gb: float | None = None,
        interface: str | None = None,
    ) -> GpuModel: ...


class PlaceLike(Protocol):
    """A place on the latency table (`aurora.domain.region.Place` fits)."""

    @property
    def country(self) -> str | None: ...

    @property
    def regions(self) -> frozenset[str]: ...


class Places(Protocol):
    """What reads place names (`aurora.domain.region.RegionTable` fits)."""

    def place(self, text: str | None) -> PlaceLike: ...


@dataclass(frozen=True, slots=True)
class ReadRows:
    """Offers of one answer, and what could not be understood of it."""

    offers: tuple[Offer, ...]
    rejected: tuple[Rejection, ...]


class Rejections:
    """Counts items by the reason for which they were left out, with the first example of each."""

    def __init__(self) -> None:
        self._found: dict[str, Rejection] = {}

    def add(self, reason: str, example: str) -> None:
        before = self._found.get(reason)
        count, example = (before.count, before.example) if before else (0, example)
        self._found[reason] = Rejection(reason, count + 1, example[:120])

    def all(self) -> tuple[Rejection, ...]:
        return tuple(self._found.values())


class RowReader:
    """Reads one market's rows: the tables that they are read against, and in whose name."""

    def __init__(self, provider: str, *, gpus: GpuNames, places: Places, emulated: bool) -> None:
        self._provider = provider
        self._gpus = gpus
        self._places = places
        self._emulated = emulated


def read_rows(
    rows: Iterable[object], offer_of: Callable[[Fields], Offer], *, example: Callable[[Fields], str]
) -> ReadRows:
    """Every row that can be read, the last of those with one id; the others counted by reason, with an `example`."""
    offers: dict[str, Offer] = {}
    rejected = Rejections()
    for row in rows:
        fields = Fields(row if isinstance(row, dict) else {})
        try:
            offer = offer_of(fields)
        except Odd as odd:
            rejected.add(odd.reason, example(fields))
        else:
            offers[offer.external_id] = offer
    return ReadRows(tuple(offers.values()), rejected.all())
