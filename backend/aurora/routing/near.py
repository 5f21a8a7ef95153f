"""Offers that one or two limits keep out, all of them such as can give: where a change of the request would help."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType

import numpy as np

from aurora.routing.columns import Array, Indices
from aurora.routing.filters import Reason
from aurora.routing.judged import BIT, HOW_MANY, Judged
from aurora.routing.rack import microseconds
from aurora.routing.step import YIELDING, NearMiss

_CLOSE = 1e-12
"""A price that is relatively nearer is the same."""
_FIRM = sum(bit for reason, bit in BIT.items() if reason not in YIELDING)
_MASKS = np.arange(1 << len(BIT))
_NEAR: Array = (HOW_MANY >= 1) & (HOW_MANY <= 2) & (_MASKS & _FIRM == 0)
_MASK_BITS = len(BIT) + 1
_WIDTH = 16
"""Bits for the number of a place, a model or a provider."""


class Near:
    """A family's near misses under one request, in columns. Lives for one decision."""

    def __init__(self, judged: Judged) -> None:
        """`judged`: the near misses and nothing else; see `of`."""
        self.judged = judged
        self._within: dict[int, tuple[Indices, Judged]] = {}

    @classmethod
    def of(cls, judged: Judged, *, below: float | None = None) -> "Near":
        """Of a family. `below`: only those that cost less per GPU and hour asked for."""
        found = _NEAR[judged.refused]
        if below is not None:
            found &= judged.price < below * (1.0 - _CLOSE)
        return cls(judged.only(np.flatnonzero(found)))

    def only(self, kept: Array) -> "Near":
        """Those for which it is true."""
        return Near(self.judged.only(np.flatnonzero(kept)))

    def __len__(self) -> int:
        return len(self.judged.rack)

    def __iter__(self) -> Iterator[NearMiss]:
        return map(self.miss, range(len(self)))

    def miss(self, index: int) -> NearMiss:
        """One of them."""
        return NearMiss(self.judged.fit(index), self.judged.reasons(index), index)

    def kept_out_within(self, reasons: tuple[Reason, ...]) -> tuple[Indices, Judged]:
        """Those that nothing but these limits keeps out."""
        mask = sum(BIT[reason] for reason in reasons)
        if mask not in self._within:
            found = np.flatnonzero(self.judged.refused & ~np.uint16(mask) == 0)
            self._within[mask] = found, self.judged.only(found)
        return self._within[mask]

    def alike(self, wanted: Callable[[int], bool] = lambda _mask: True) -> Iterator[Indices]:
        """Offers that the same limits keep out in the same manner, for masks that are `wanted`: one change for one of
        them fits the nearer ones.
        """
        manners, which = np.unique(self._manner, return_inverse=True)
        order = np.argsort(which, kind="stable")
        for members in np.split(order, np.cumsum(np.bincount(which, minlength=len(manners)))[:-1]):
            if len(members) and wanted(int(self.judged.refused[members[0]])):
                yield members

    @cached_property
    def _manner(self) -> Array:
        """What decides which change would let an offer in: the limits, and what of its own they are about."""
        rows, mask = self.judged.rack.rows, self.judged.refused.astype(np.int64)

        more = self.judged.gpus > self.judged.asked.request.gpu_count
        manner: Array = mask << 1 | (more & (mask & BIT[Reason.COUNT] != 0))
        for place, (reason, number) in enumerate(
            (
                (Reason.REGION, rows["place"]),
                (Reason.GPU, rows["model"]),
                (Reason.PROVIDER, self._sellers[rows["terms"]]),
            )
        ):
            concerned = mask & BIT[reason] != 0
            if concerned.any():
                manner |= np.where(concerned, number.astype(np.int64) + 1, 0) << _MASK_BITS + place * _WIDTH
        return manner

    @cached_property
    def _sellers(self) -> Array:
        """A number for each provider, by terms."""
        names: dict[str, int] = {}
        return np.array(
            [names.setdefault(one.provider.name, len(names)) for one in self.judged.rack.terms],
            dtype=np.int64,
        )

    def farness(self, members: Indices) -> Array:
        """Of like offers: grows with what each limit would have to give."""
        far = np.zeros(len(members))
        for reason in self.judged.reasons(int(members[0])):
            measure = _FARNESS.get(reason)
            if measure is not None:
                far += measure(self.judged)[members]
        return far

    def nearest(self, members: Indices, most: int) -> Indices:
        """The nearest of like offers; ties by provider and id."""
        if len(members) <= 1:
            return members
        return members[np.argsort(self.farness(members), kind="stable")[:most]]


def _latency(judged: Judged) -> Array:
    limit = judged.asked.request.max_latency_ms
    return judged.latency_ms / limit if limit > 0 else judged.latency_ms


def _price(judged: Judged) -> Array:
    most = float(judged.asked.request.max_price)
    return judged.price / most if most > 0 else judged.price


def _count(judged: Judged) -> Array:
    wanted = judged.asked.request.gpu_count
    return np.maximum(judged.gpus / wanted, wanted / judged.gpus)


_FARNESS: Mapping[Reason, Callable[[Judged], Array]] = MappingProxyType(
    {
        Reason.COUNT: _count,
        Reason.VRAM: lambda judged: (
            -np.nan_to_num(judged.rack.rows["vram"]) / (judged.asked.request.min_vram_gb or 1.0)
        ),
        Reason.LATENCY: _latency,
        Reason.REPUTATION: lambda judged: -judged.rack.rows["reputation"] / 100.0,
        Reason.PRICE: _price,
        Reason.STALE: lambda judged: (microseconds(judged.asked.now) - judged.rack.rows["seen_at"]) / 3.6e9,
        Reason.G_SCORE: lambda judged: -np.nan_to_num(judged.rack.rows["g_score"]) / 100.0,
    }
)
