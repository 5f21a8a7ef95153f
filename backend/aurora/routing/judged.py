"""The filters over whole columns: which of them refuse each offer, as one bit per filter.

`filters` says the same of one offer at a time, with a sentence. Decimal prices are compared as floats here, and as
Decimals where a float could not tell.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from math import inf, isinf
from types import MappingProxyType

import numpy as np

from aurora.domain.request import Workload
from aurora.routing.candidate import ProviderAbilities, ProviderState
from aurora.routing.columns import Array, Indices
from aurora.routing.filters import Reason, is_elsewhere, unwanted
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
_COLUMNS = ("refused", "price", "latency_ms", "gpus", "needed")
_CLOSE = 1e-12
"""Relative distance from which on two floats surely stand for different prices."""


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
        for name in _COLUMNS:
            known = self.__dict__.get(name)
            if known is not None:
                part.__dict__[name] = known[indices]
        return part

    def fit(self, index: int) -> Fit:
        """What one candidate would give and cost, exactly."""
        return self.asked.fit(self.rack.candidate(index))

    def reasons(self, index: int) -> tuple[Reason, ...]:
        """All filters that refuse it, in their order."""
        mask = int(self.refused[index])
        return tuple(reason for reason, bit in BIT.items() if mask & bit)

    @cached_property
    def first(self) -> Array:
        """The place of the first filter that refuses it; the number of filters where none does."""
        found: Array = FIRST[self.refused]
        return found

    @cached_property
    def counts(self) -> Mapping[Reason, int]:
        """By the first filter that refuses."""
        numbers = np.bincount(self.first, minlength=len(_REASONS) + 1).tolist()
        return dict(zip(_REASONS, numbers, strict=False))

    def refused_first_by(self, reason: Reason) -> Indices:
        """Where they stand."""
        return np.flatnonzero(self.first == _REASONS.index(reason))

    @cached_property
    def passing(self) -> Indices:
        """Whom no filter refuses."""
        return np.flatnonzero(self.refused == 0)

    @cached_property
    def _cut(self) -> Array | None:
        """Where the provider would cut the GPUs to size; None: nowhere."""
        custom = self._by_terms(lambda state: state.abilities.custom_sizes, as_it_is_now=False)
        if not custom.any():
            return None
        cut: Array = custom[self.rack.rows["terms"]] & (self.rack.rows["gpus"] != self._wanted)
        return cut if cut.any() else None

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
        rows, asked = self.rack.rows, self.asked
        whole: Array = rows["hourly"]
        extra = np.maximum(0.0, asked.request.workload.disk_gb - rows["disk_included"])
        price: Array = whole + rows["disk_gb_hour"] * extra
        if self._cut is not None:
            price = np.where(self._cut, price + whole * (self._wanted - rows["gpus"]) / rows["gpus"], price)
        price = price / np.minimum(self._wanted, self.gpus)
        billed = [float(asked.surcharge(one.provider, one.min_rental_minutes)) for one in self.rack.terms]
        return price if set(billed) <= {1.0} else price * np.array(billed)[rows["terms"]]

    @cached_property
    def latency_ms(self) -> Array:
        """`Fit.latency_ms`."""
        rows, rack = self.rack.rows, self.rack
        rtt = np.array([self.asked.rtt_to(places) for places in rack.places], dtype=float)
        through = rtt[rows["place"]] + rows["extra_ms"] if len(rtt) else rows["extra_ms"]
        own: Array = rows["own_ms"]
        unknown = np.isnan(own)
        return through if unknown.all() else np.where(unknown, through, own)

    @cached_property
    def refused(self) -> Array:
        """A bit for each filter that refuses it, whoever else does."""
        mask = np.zeros(len(self.rack), dtype=np.uint16)
        for reason, refuses in self._filters():
            if refuses.any():
                mask |= refuses.astype(np.uint16) << BIT[reason].bit_length() - 1
        return mask

    def _filters(self) -> Iterator[tuple[Reason, Array]]:
        request, rows, rack = self.asked.request, self.rack.rows, self.rack
        elsewhere = [is_elsewhere(places, self.asked) for places in rack.places]
        if any(elsewhere):
            yield Reason.REGION, np.array(elsewhere)[rows["place"]]
        others = [not request.gpu.matches(model) for model in rack.models]
        if any(others):
            yield Reason.GPU, np.array(others)[rows["model"]]
        yield Reason.COUNT, self.gpus < self._wanted if request.allow_larger else self.gpus != self._wanted
        if request.min_vram_gb is not None:
            yield Reason.VRAM, ~(rows["vram"] >= request.min_vram_gb)
        yield Reason.LATENCY, ~(self.latency_ms <= request.max_latency_ms)
        yield Reason.REPUTATION, ~(rows["reputation"] >= request.min_reputation)
        yield Reason.PRICE, self._dear()
        yield Reason.CAPACITY, self._full()
        yield Reason.CAPABILITY, self._unable()
        if not request.spot:
            yield Reason.SPOT, rows["spot"]
        unusable = self._by_terms(lambda state: unwanted(state, self.asked) is not None)
        if unusable.any():
            yield Reason.PROVIDER, unusable[rows["terms"]]
        if not isinf(self.asked.max_age_s):
            oldest = microseconds(self.asked.now - timedelta(seconds=self.asked.max_age_s))
            yield Reason.STALE, rows["seen_at"] < oldest
        if request.min_g_score is not None:
            yield Reason.G_SCORE, ~(rows["g_score"] >= request.min_g_score)

    def _dear(self) -> Array:
        request, hours = self.asked.request, float(self.asked.gpu_hours)
        refuses, close = _above(self.price, float(request.max_price))
        if request.max_total_cost is not None:
            over, near = _above(self.price * hours, float(request.max_total_cost))
            refuses, close = refuses | over, close | near
        if close.any():
            self._ask_again(refuses, np.flatnonzero(close))
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
        return full | held if held.any() else full

    def _unable(self) -> Array:
        rows, workload = self.rack.rows, self.asked.request.workload
        unable = self._by_terms(lambda state: not serves(state.abilities, workload))
        refuses: Array = rows["longest_s"] < self.asked.seconds
        if unable.any():
            refuses = refuses | unable[rows["terms"]]
        if workload.ports:
            refuses |= rows["ports"] < len(workload.ports)
        more_disk = self._by_terms(lambda state: state.abilities.disk)
        refuses |= workload.disk_gb > rows["disk_max"]
        if not more_disk.all():
            fixed = np.isnan(rows["disk_max"]) & ~more_disk[rows["terms"]]
            refuses |= fixed & (workload.disk_gb > rows["disk_included"])
        return refuses

    def of_providers(self, figure: Callable[[str], float]) -> Array:
        """A figure of each offer's provider."""
        found = np.array([figure(one.provider.name) for one in self.rack.terms], dtype=float)
        column: Array = found[self.rack.rows["terms"]]
        return column

    def _by_terms(self, said: Callable[[ProviderState], bool], *, as_it_is_now: bool = True) -> Array:
        """Asked of each provider once."""
        known: dict[int, bool] = {}
        found = []
        for one in self.rack.terms:
            state = self.asked.state(one.provider) if as_it_is_now else one.provider
            if id(state) not in known:
                known[id(state)] = said(state)
            found.append(known[id(state)])
        return np.array(found, dtype=bool)


def _above(figures: Array, limit: float) -> tuple[Array, Array]:
    """Above the limit; and so close to it that a float cannot tell."""
    if limit == inf:
        return np.zeros(len(figures), dtype=bool), np.zeros(len(figures), dtype=bool)
    return figures > limit, np.abs(figures - limit) <= abs(limit) * _CLOSE


def serves(able: ProviderAbilities, workload: Workload) -> bool:
    """Can the provider run such a workload on any of its offers?"""
    udp = sum(port.endswith("/udp") for port in workload.ports)
    return (
        able.deploy
        and (able.command or not workload.command)
        and (able.private_registry or workload.registry_login is None)
        and (able.ports or udp == len(workload.ports))
        and (able.udp_ports or not udp)
    )
