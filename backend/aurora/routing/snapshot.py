"""What the router looks at: every offer with what must be known about its provider and host, at one moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from aurora.domain.region import RegionTable
from aurora.routing.candidate import Candidate, ProviderState
from aurora.routing.performance import Telemetry
from aurora.routing.rack import Rack


@dataclass(frozen=True, slots=True)
class Aisle:
    """One provider's racks, by the GPU's family: a request looks at one family and only counts the others."""

    racks: Mapping[str, Rack]
    placed: Mapping[frozenset[str], int]
    """How many offers there are in each place, of all families."""

    @classmethod
    def of(cls, racks: Iterable[Rack]) -> "Aisle":
        found = {rack.family: rack for rack in racks}
        return cls(found, _added_up(rack.counted() for rack in found.values()))


def _added_up(parts: Iterable[Mapping[frozenset[str], int]]) -> Mapping[frozenset[str], int]:
    found: dict[frozenset[str], int] = {}
    for part in parts:
        for places, number in part.items():
            found[places] = found.get(places, 0) + number
    return found


class Joiner:
    """Remembers the racks of a family as one rack, as long as their offers are the same, and how many offers there are
    in each place. It changes no answer.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[Rack, ...], Rack]] = {}
        self._placed: tuple[tuple[Mapping[frozenset[str], int], ...], Mapping[frozenset[str], int]] = ((), {})

    def of(self, family: str, racks: tuple[Rack, ...]) -> Rack:
        """One rack with the offers of all."""
        if not racks:
            return Rack.of(family, ())
        if len(racks) == 1:
            return racks[0]
        before, joined = self._known.get(family, ((), None))
        if joined is None or not _same_rows(before, racks):
            joined = Rack.joined(racks)
        elif any(one.room is not other.room for one, other in zip(before, racks, strict=True)):
            joined = joined.with_room_of(racks)
        self._known[family] = (racks, joined)
        return joined

    def placed(self, aisles: tuple[Aisle, ...]) -> Mapping[frozenset[str], int]:
        """How many offers there are in each place, in all aisles."""
        parts, found = self._placed
        if len(parts) != len(aisles) or any(
            part is not aisle.placed for part, aisle in zip(parts, aisles, strict=True)
        ):
            parts, found = (
                tuple(aisle.placed for aisle in aisles),
                _added_up(aisle.placed for aisle in aisles),
            )
            self._placed = parts, found
        return found


def _same_rows(before: tuple[Rack, ...], racks: tuple[Rack, ...]) -> bool:
    return len(before) == len(racks) and all(
        one.rows is other.rows for one, other in zip(before, racks, strict=True)
    )


@dataclass(frozen=True, slots=True)
class MarketSnapshot:
    """All candidates at one moment. Make it with `of`; it never changes, so requests share it."""

    aisles: tuple[Aisle, ...]
    reference_prices: Mapping[str, Decimal]
    """Trailing 7-day median list price in USD per GPU and hour, by `GpuModel.name` or family."""
    version: str
    taken_at: datetime
    regions: RegionTable
    total: int
    providers: tuple[str, ...] = ()
    """In the order in which their first candidates came."""
    states: Mapping[str, ProviderState] = field(default_factory=dict)
    """By name, where they are newer than what the candidates were made with."""
    telemetry: Telemetry = field(default_factory=Telemetry)
    joiner: Joiner = field(default_factory=Joiner, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        candidates: Iterable[Candidate],
        *,
        regions: RegionTable,
        taken_at: datetime,
        version: str = "",
        reference_prices: Mapping[str, Decimal] | None = None,
        telemetry: Telemetry | None = None,
    ) -> "MarketSnapshot":
        """Of the candidates' own order only that of the providers is kept, for a policy that asks for it."""
        given = list(candidates)
        families: dict[str, list[Candidate]] = {}
        for candidate in given:
            families.setdefault(candidate.offer.gpu.family, []).append(candidate)
        return cls(
            aisles=(Aisle.of(Rack.of(name, members) for name, members in families.items()),),
            reference_prices=MappingProxyType(dict(reference_prices or {})),
            version=version,
            taken_at=taken_at,
            regions=regions,
            total=len(given),
            providers=tuple(dict.fromkeys(candidate.offer.provider for candidate in given)),
            telemetry=telemetry or Telemetry(),
        )

    def state(self, candidate: Candidate) -> ProviderState:
        """The candidate's provider as it is now."""
        return self.states.get(candidate.offer.provider, candidate.provider)

    def family(self, name: str) -> Rack:
        """The offers of one GPU family, in the order of provider and id."""
        racks = (aisle.racks.get(name) for aisle in self.aisles)
        return self.joiner.of(name, tuple(rack for rack in racks if rack is not None))

    @property
    def placed(self) -> Mapping[frozenset[str], int]:
        """How many offers there are in each place, of all families."""
        return self.joiner.placed(self.aisles)

    def besides(self, name: str) -> Iterable[Rack]:
        """The racks of all other families."""
        return (rack for aisle in self.aisles for family, rack in aisle.racks.items() if family != name)

    @property
    def candidates(self) -> Iterable[Candidate]:
        """Every candidate, rack by rack, as it is shown."""
        racks = (rack for aisle in self.aisles for rack in aisle.racks.values())
        return (rack.candidate(index) for rack in racks for index in range(len(rack)))
