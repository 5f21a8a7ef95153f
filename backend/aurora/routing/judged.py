"""The filters over whole columns: which of them refuse each offer, as one bit per filter.

`filters` says the same of one offer at a time, with a sentence. Decimal prices are compared as floats here, and as
Decimals where a float could not tell.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property, lru_cache, reduce
from math import inf, isinf
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from aurora.domain.request import Workload
from aurora.routing.candidate import ProviderAbilities, ProviderState
from aurora.routing.columns import Array, Indices
from aurora.routing.filters import LOOKED_AT_BY, Reason, elsewhere, unwanted
from aurora.routing.filters import price as price_says
from aurora.routing.fit import Asked, Fit
from aurora.routing.rack import Rack, microseconds
from aurora.routing.snapshot import MarketSnapshot

BIT: Mapping[Reason, int] = MappingProxyType({reason: 1 << place for place, reason in enumerate(Reason)})
"""In the order of the filters: the lowest bit is the first that refuses."""
_REASONS = tuple(Reason)
_MASKS = np.arange(1 << len(_REASONS))
_LOWEST = (_MASKS & -_MASKS).astype(np.uint16)
FIRST: Array = np.where(_MASKS, np.log2(np.maximum(_LOWEST, 1)), len(_REASONS)).astype(np.uint8)
"""By mask: the place of the first reason among `Reason`; their number when there is none."""
HOW_MANY: Array = sum((_MASKS >> place & 1 for place in range(len(_REASONS))), np.zeros_like(_MASKS)).astype(
    np.uint8
)
_WHEREVER = ("price", "gpus", "needed")
"""Columns that are the same wherever the request measures its latency from."""
_COLUMNS = (*_WHEREVER, "latency_ms")
_AS_COLUMN = MappingProxyType({reason: np.uint16(bit) for reason, bit in BIT.items()})
_CLOSE = 1e-12
"""Relative distance from which on two floats surely stand for different prices."""


@lru_cache(maxsize=256)
def _reasons(mask: int) -> tuple[Reason, ...]:
    return tuple(reason for reason, bit in BIT.items() if mask & bit)


class Judged:
    """Every candidate of one rack under one request. Lives for one decision."""

    def __init__(self, rack: Rack, asked: Asked) -> None:
        self.rack = rack
        self.asked = asked

    @classmethod
    def of(cls, snapshot: MarketSnapshot, asked: Asked) -> "Judged":
        """The family that is asked for."""
        return cls(snapshot.family(asked.request.gpu.family), asked)

    def only(self, indices: Indices) -> "Judged":
        """Some of them. What was worked out for all is not worked out again."""
        part = Judged(self.rack.only(indices), self.asked)
        known = self.__dict__
        part.__dict__.update(
            (name, known[name].take(indices)) for name in ("refused", *_COLUMNS) if name in known
        )
        return part

    def fit(self, index: int) -> Fit:
        """What one candidate would give and cost, exactly."""
        return self.asked.fit(self.rack.candidate(index))

    def reasons(self, index: int) -> tuple[Reason, ...]:
        """All filters that refuse it, in their order."""
        return _reasons(self.refused.item(index))

    @cached_property
    def first(self) -> Array:
        """The place of the first filter that refuses it; the number of filters where none does."""
        return FIRST.take(self.refused)

    @cached_property
    def counts(self) -> Mapping[Reason, int]:
        """By the first filter that refuses."""
        numbers = np.bincount(self.first, minlength=len(_REASONS) + 1).tolist()
        return dict(zip(_REASONS, numbers, strict=False))

    def refused_first_by(self, reason: Reason) -> Indices:
        """Where they stand."""
        found: Indices = (self.first == BIT[reason].bit_length() - 1).nonzero()[0]
        return found

    @cached_property
    def passing(self) -> Indices:
        """Whom no filter refuses."""
        found: Indices = (self.refused == 0).nonzero()[0]
        return found

    @cached_property
    def _states(self) -> list[ProviderState]:
        """The providers as they are now, by terms."""
        return [self.asked.state(one.provider) for one in self.rack.terms]

    @cached_property
    def _cut(self) -> Array | None:
        """Where the provider would cut the GPUs to size; None: nowhere."""
        rows = self.rack.rows
        if not rows.most("custom") > 0.0:
            return None
        cut: Array = rows["custom"] & (rows["gpus"] != self._wanted)
        return cut if np.count_nonzero(cut) else None

    @cached_property
    def _wanted(self) -> float:
        return float(self.asked.request.gpu_count)

    @cached_property
    def gpus(self) -> Array:
        """GPUs that would be rented."""
        own: Array = self.rack.rows["gpus"]
        return own if self._cut is None else np.where(self._cut, self._wanted, own)

    @cached_property
    def needed(self) -> Array:
        """Capacity taken, in the units of `free`."""
        size: Array = self.rack.rows["launch_size"]
        if self._cut is None:
            return size
        return np.where(self._cut, size * self._wanted / self.rack.rows["gpus"], size)

    @cached_property
    def price(self) -> Array:
        """`Fit.price`: USD per GPU and hour asked for, all in."""
        rows, asked, wanted = self.rack.rows, self.asked, self._wanted
        whole: Array = rows["hourly"]
        extra = np.maximum(0.0, asked.request.workload.disk_gb - rows["disk_included"])
        price: Array = whole + rows["disk_gb_hour"] * extra
        if self._cut is not None:
            price = np.where(self._cut, price + whole * (wanted - rows["gpus"]) / rows["gpus"], price)
        if rows.least("gpus") < wanted:
            price /= np.minimum(wanted, self.gpus)
        elif wanted > 1.0:
            price /= wanted
        billed = [float(asked.surcharge(one.provider, one.min_rental_minutes)) for one in self.rack.terms]
        return price if set(billed) <= {1.0} else price * self._of_terms(billed)

    @cached_property
    def _rtt(self) -> list[float]:
        """By place."""
        return [self.asked.rtt_to[each] for each in self.rack.places]

    @cached_property
    def latency_ms(self) -> Array:
        """`Fit.latency_ms`."""
        rows = self.rack.rows
        through: Array = rows["extra_ms"]
        if self._rtt:
            there = np.array(self._rtt).take(rows["place"])
            through = there + through if rows.most("extra_ms") or rows.least("extra_ms") else there
        own: Array = rows["own_ms"]
        return np.where(np.isnan(own), through, own) if rows.stated("own_ms") else through

    @cached_property
    def refused(self) -> Array:
        """A bit for each filter that refuses it, whoever else does."""
        return self._refused_by(_REASONS)

    def _refused_by(self, reasons: Iterable[Reason]) -> Array:
        """Only these are asked."""
        mask = np.zeros(len(self.rack), dtype=np.uint16)
        for reason in reasons:
            refuses = self._FILTERS[reason](self)
            if refuses is not None:
                mask |= refuses * _AS_COLUMN[reason]
        return mask

    def again(self, asked: Asked, changed: Collection[str]) -> "Judged":
        """The same candidates under another request, in which nothing but these fields is changed (`MAX_AGE`: the age).

        Filters that do not look at them are not asked again.
        """
        then = Judged(self.rack, asked)
        if not all(name in LOOKED_AT_BY for name in changed):
            return then
        again = set[Reason]().union(*(LOOKED_AT_BY[name] for name in changed))
        kept = _COLUMNS if Reason.REGION not in again else _WHEREVER
        then.__dict__.update((name, self.__dict__[name]) for name in kept if name in self.__dict__)
        same = self.refused & ~np.uint16(sum(BIT[reason] for reason in again))
        then.__dict__["refused"] = same | then._refused_by(again)
        return then

    def _elsewhere(self) -> Array | None:
        found = elsewhere(self.rack.places, self.asked)
        return np.array(found).take(self.rack.rows["place"]) if True in found else None

    def _other_gpu(self) -> Array | None:
        found = [not self.asked.request.gpu.matches(model) for model in self.rack.models]
        return np.array(found).take(self.rack.rows["model"]) if True in found else None

    def _miscounted(self) -> Array:
        larger = self.asked.request.allow_larger
        refuses: Array = self.gpus < self._wanted if larger else self.gpus != self._wanted
        return refuses

    def _small(self) -> Array | None:
        least = self.asked.request.min_vram_gb
        return None if least is None else ~(self.rack.rows["vram"] >= least)

    def _far(self) -> Array | None:
        rows, limit = self.rack.rows, self.asked.request.max_latency_ms
        if max(self._rtt, default=0.0) + rows.most("extra_ms") <= limit and not rows.stated("own_ms"):
            return None
        return ~(self.latency_ms <= limit)

    def _disreputable(self) -> Array | None:
        rows, least = self.rack.rows, self.asked.request.min_reputation
        return None if rows.least("reputation") >= least else ~(rows["reputation"] >= least)

    def _dear(self) -> Array | None:
        """Of two limits only the tighter one is compared with: where floats are close, the exact prices are."""
        request, hours = self.asked.request, float(self.asked.gpu_hours)
        limit = float(request.max_price)
        if request.max_total_cost is not None and hours > 0:
            limit = min(limit, float(request.max_total_cost) / hours)
        if limit == inf:
            return None
        slack = abs(limit) * _CLOSE
        refuses: Array = self.price > limit + slack
        perhaps: Array = self.price >= limit - slack
        if np.count_nonzero(perhaps) > np.count_nonzero(refuses):
            self._ask_again(refuses, np.flatnonzero(perhaps & ~refuses))
        return refuses

    def _ask_again(self, refuses: Array, close: Indices) -> None:
        """By the exact price; once for all that cost the same."""
        asked, rows = self.asked, self.rack.rows.take(close)
        said: dict[tuple[float, ...], bool] = {}
        shared = zip(
            close.tolist(), rows["hourly"].tolist(), rows["gpus"].tolist(), rows["terms"].tolist(),
            rows["disk_included"].tolist(), rows["disk_gb_hour"].tolist(), strict=True,
        )  # fmt: skip
        for index, *what in shared:
            key = tuple(what)
            if key not in said:
                said[key] = price_says(self.fit(index), asked) is not None
            refuses[index] = said[key]

    def _full(self) -> Array:
        """Nothing free of the size asked for, or refused a launch a moment ago. Not said to be free counts as free."""
        room = self.rack.room
        full: Array = room["free"] < self.needed
        held: Array = room["held_until"] > microseconds(self.asked.now)
        return full | held if np.count_nonzero(held) else full

    def _unable(self) -> Array | None:
        rows, workload = self.rack.rows, self.asked.request.workload
        found: list[Array] = []
        unable = self._asked_of_each(lambda state: not serves(state.abilities, workload))
        if True in unable:
            found.append(self._of_terms(unable))
        if rows.least("longest_s") < self.asked.seconds:
            found.append(rows["longest_s"] < self.asked.seconds)
        if rows.least("ports") < len(workload.ports):
            found.append(rows["ports"] < len(workload.ports))
        if not rows.least("disk_max") >= workload.disk_gb:
            found.append(workload.disk_gb > rows["disk_max"])
            fixed = [not state.abilities.disk for state in self._states]
            little = self._of_terms(fixed) & (workload.disk_gb > rows["disk_included"])
            found.append(little & np.isnan(rows["disk_max"]))
        return reduce(np.logical_or, found) if found else None

    def _interruptible(self) -> Array | None:
        return None if self.asked.request.spot else self.rack.rows["spot"]

    def _unusable(self) -> Array | None:
        unusable = self._asked_of_each(lambda state: unwanted(state, self.asked) is not None)
        return self._of_terms(unusable) if True in unusable else None

    def _old(self) -> Array | None:
        if isinf(self.asked.max_age_s):
            return None
        oldest = microseconds(self.asked.now - timedelta(seconds=self.asked.max_age_s))
        rows = self.rack.rows
        return None if rows.least("seen_at") >= oldest else rows["seen_at"] < oldest

    def _low(self) -> Array | None:
        least = self.asked.request.min_g_score
        return None if least is None else ~(self.rack.rows["g_score"] >= least)

    def _of_terms(self, figures: Sequence[float]) -> Array:
        """A column of figures that are known by terms."""
        return np.array(figures).take(self.rack.rows["terms"])

    def of_providers(self, figure: Callable[[str], float]) -> Array:
        """A figure of each offer's provider."""
        return self._of_terms([figure(one.provider.name) for one in self.rack.terms])

    def _asked_of_each(self, said: Callable[[ProviderState], bool]) -> list[bool]:
        """By terms; asked of each provider once."""
        known: dict[int, bool] = {}
        for state in self._states:
            if id(state) not in known:
                known[id(state)] = said(state)
        return [known[id(state)] for state in self._states]

    _FILTERS: ClassVar[Mapping[Reason, Callable[["Judged"], Array | None]]] = MappingProxyType(
        {
            Reason.REGION: _elsewhere,
            Reason.GPU: _other_gpu,
            Reason.COUNT: _miscounted,
            Reason.VRAM: _small,
            Reason.LATENCY: _far,
            Reason.REPUTATION: _disreputable,
            Reason.PRICE: _dear,
            Reason.CAPACITY: _full,
            Reason.CAPABILITY: _unable,
            Reason.SPOT: _interruptible,
            Reason.PROVIDER: _unusable,
            Reason.STALE: _old,
            Reason.G_SCORE: _low,
        }
    )
    """None: refuses nobody."""


def serves(able: ProviderAbilities, workload: Workload) -> bool:
    """Can the provider run such a workload on any of its offers?"""
    udp = sum(port.endswith("/udp") for port in workload.ports) if workload.ports else 0
    return (
        able.deploy
        and (able.command or not workload.command)
        and (able.private_registry or workload.registry_login is None)
        and (able.ports or udp == len(workload.ports))
        and (able.udp_ports or not udp)
    )
