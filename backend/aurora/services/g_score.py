"""The G-Scores of all offers on sale, each made when it is asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from operator import attrgetter
from typing import Protocol

from aurora.domain.offer import Offer
from aurora.routing.g_score import Evidence, GScore, g_score

_ROOM = 1000
"""Scores that are kept without a look at which offers are still on sale."""


class Offers(Protocol):
    """The catalogue, as much of it as scores need."""

    def by_provider(self) -> Mapping[str, Mapping[str, Offer]]:
        """Offers on sale by id, by provider."""
        ...

    def reference_prices(self) -> Mapping[str, Decimal]: ...


class Launches(Protocol):
    """What came of our launches."""

    def record(self, provider: str, host: str | None) -> tuple[int, int]:
        """Good and bad ones."""
        ...


_SAID = attrgetter("price_per_hour", "gpu_count", "reliability", "inet_down_mbps", "inet_up_mbps")
"""What the market says that goes into a score. An offer that is read again is another object and says the same."""


@dataclass(frozen=True, slots=True)
class _Scored:
    """A score, and what it was made of."""

    made_of: tuple[object, ...]
    score: GScore | None


class GScores:
    """Scores of offers. No I/O; each is made when it is asked for, and anew when something in it has changed."""

    def __init__(self, catalogue: Offers, launches: Launches) -> None:
        self._catalogue = catalogue
        self._launches = launches
        self._known: dict[str, _Scored] = {}
        self._room = _ROOM

    def of(self, offer_id: str) -> GScore | None:
        """None for an offer of which nothing is known, or that is not on sale."""
        offer = self._catalogue.by_provider().get(offer_id.partition(":")[0], {}).get(offer_id)
        return None if offer is None else self._score(offer_id, offer, self._catalogue.reference_prices())

    def score(self, offer: Offer) -> GScore | None:
        """Of an offer in hand."""
        return self._score(offer.id, offer, self._catalogue.reference_prices())

    @property
    def remembered(self) -> int:
        """Scores in memory, those of offers that are gone included."""
        return len(self._known)

    def values(self) -> Iterable[float]:
        """Of every offer on sale that has one."""
        usual, on_sale = self._catalogue.reference_prices(), self._on_sale()
        scores = (self._score(offer_id, offer, usual) for offer_id, offer in on_sale.items())
        return [score.value for score in scores if score is not None]

    def _score(self, offer_id: str, offer: Offer, usual: Mapping[str, Decimal]) -> GScore | None:
        price = usual.get(offer.gpu.name) or usual.get(offer.gpu.family)
        launches = self._launches.record(offer.provider, offer.host)
        made_of = (price, launches, _SAID(offer))
        known = self._known.get(offer_id)
        if known is None or known.made_of != made_of:
            known = _Scored(made_of, _made(offer, price, launches))
            self._known[offer_id] = known
            self._forget_the_gone()
        return known.score

    def _on_sale(self) -> Mapping[str, Offer]:
        listed = self._catalogue.by_provider().values()
        return dict(chain.from_iterable(offers.items() for offers in listed))

    def _forget_the_gone(self) -> None:
        """Offers come and go: look after the memory each time it has grown by half."""
        if len(self._known) > self._room:
            for offer_id in self._known.keys() - self._on_sale().keys():
                del self._known[offer_id]
            self._room = max(_ROOM, len(self._known) * 3 // 2)


def _made(offer: Offer, usual: Decimal | None, launches: tuple[int, int]) -> GScore | None:
    good, bad = launches
    return g_score(
        Evidence(
            usd_per_gpu_hour=float(offer.price_per_hour) / offer.gpu_count,
            usual_usd=None if usual is None else float(usual),
            reliability=offer.reliability,
            down_mbps=offer.inet_down_mbps,
            up_mbps=offer.inet_up_mbps,
            launches_good=good,
            launches_bad=bad,
        )
    )
