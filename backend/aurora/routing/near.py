"""Offers that one or two limits keep out, all of them such as can give: where a change of the request would help."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import pairwise
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
_ONE_STEP_MAY_DO = (BIT[Reason.REGION] | BIT[Reason.LATENCY], BIT[Reason.COUNT] | BIT[Reason.PRICE])
"""Two limits of which the first's change may make the second's needless: from elsewhere the latency is another, and for
another number of GPUs the price.
"""
_ALONE: Array = _NEAR & ((HOW_MANY == 1) | np.isin(_MASKS, _ONE_STEP_MAY_DO))
_MASK_BITS = len(BIT) + 1
_WIDTH = 16
"""Bits for the number of a place, a model or a provider."""


class Near:
    """A family's near misses under one request, in columns. Lives for one decision."""

    def __init__(self, judged: Judged) -> None:
        """`judged`: the near misses and nothing else; see `of`."""
        self.judged = judged

    @classmethod
    def of(cls, judged: Judged, *, below: float | None = None, alone: bool = False) -> "Near":
        """Of a family. `below`: only those that cost less per GPU and hour asked for; `alone`: only those that the
        change of one limit may let in.
        """
        found = (_ALONE if alone else _NEAR).take(judged.refused)
        if below is not None:
            found &= judged.price < below * (1.0 - _CLOSE)
        return cls(judged.only(found.nonzero()[0]))

    def only(self, kept: Array) -> "Near":
        """Those for which it is true."""
        return Near(self.judged.only(np.flatnonzero(kept)))

    def __len__(self) -> int:
        return len(self.judged.rack)

    def __iter__(self) -> Iterator[NearMiss]:
        return map(self.miss, range(len(self)))

    def miss(self, index: int) -> NearMiss:
        """One of them."""
        return NearMiss(
            self.judged.rack.candidate(index), self.judged.reasons(index), index, asked=self.judged.asked
        )

    def within(self, reasons: Iterable[Reason]) -> Array:
        """Which of them nothing but these limits keeps out."""
        others = ~np.uint16(sum(BIT[reason] for reason in reasons))
        found: Array = self.judged.refused & others == 0
        return found

    def alike(self) -> Iterator[Indices]:
        """Offers that the same limits keep out in the same manner, nearest first; ties by provider and id. One change
        for one of them fits the nearer ones.
        """
        if not len(self):
            return
        far, manner = self._far, self._manner
        order = manner.argsort(kind="stable") if far is None else np.lexsort((far, manner))
        manners = manner.take(order)
        starts = (manners[1:] != manners[:-1]).nonzero()[0] + 1
        for start, end in pairwise([0, *starts.tolist(), len(order)]):
            yield order[start:end]

    @cached_property
    def _concerned(self) -> int:
        """The limits that keep out any of them."""
        return int(np.bitwise_or.reduce(self.judged.refused))

    @cached_property
    def _manner(self) -> Array:
        """What decides which change would let an offer in: the limits, and what of its own they are about."""
        mask = self.judged.refused.astype(np.int64)
        manner: Array = mask << 1
        if self._concerned & BIT[Reason.COUNT]:
            more = self.judged.gpus > self.judged.asked.request.gpu_count
            manner |= more & (mask & BIT[Reason.COUNT] != 0)
        for place, (reason, number) in enumerate(_OF_ITS_OWN.items()):
            bit = BIT[reason]
            if self._concerned & bit:
                own = number(self.judged).astype(np.int64) + 1
                manner |= np.where(mask & bit, own, 0) << _MASK_BITS + place * _WIDTH
        return manner

    @cached_property
    def _far(self) -> Array | None:
        """Grows with what each limit would have to give: of like offers the smallest is the nearest. None: of like
        offers none is nearer.
        """
        far: Array | None = None
        for reason, measure in _FARNESS.items():
            bit = BIT[reason]
            if self._concerned & bit:
                one = np.where(self.judged.refused & bit, measure(self.judged), 0.0)
                far = one if far is None else far + one
        return far


def _sellers(judged: Judged) -> Array:
    """A number for each provider."""
    names: dict[str, int] = {}
    return judged.of_providers(lambda name: names.setdefault(name, len(names)))


def _latency(judged: Judged) -> Array:
    limit = judged.asked.request.max_latency_ms
    return judged.latency_ms / limit if limit > 0 else judged.latency_ms


def _price(judged: Judged) -> Array:
    most = float(judged.asked.request.max_price)
    return judged.price / most if most > 0 else judged.price


def _count(judged: Judged) -> Array:
    wanted = judged.asked.request.gpu_count
    return np.maximum(judged.gpus / wanted, wanted / judged.gpus)


_OF_ITS_OWN: Mapping[Reason, Callable[[Judged], Array]] = MappingProxyType(
    {
        Reason.REGION: lambda judged: judged.rack.rows["place"],
        Reason.GPU: lambda judged: judged.rack.rows["model"],
        Reason.PROVIDER: _sellers,
    }
)
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
