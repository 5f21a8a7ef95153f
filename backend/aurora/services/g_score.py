"""The G-Scores of all offers on sale: computed once per version of the catalogue, asked without cost."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Protocol

from aurora.domain.offer import Offer
from aurora.routing.g_score import Evidence, GScore, g_score


class Offers(Protocol):
    """The catalogue, as much of it as scores need."""

    @property
    def version(self) -> str: ...

    def offers(self) -> Iterable[Offer]: ...

    def reference_prices(self) -> Mapping[str, Decimal]: ...


class Launches(Protocol):
    """What came of our launches."""

    @property
    def version(self) -> int: ...

    def record(self, provider: str, host: str | None) -> tuple[int, int]:
        """Good and bad ones."""
        ...


class GScores:
    """Scores by offer id. No I/O; a new version is scored when it is first asked for."""

    def __init__(self, catalogue: Offers, launches: Launches) -> None:
        self._catalogue = catalogue
        self._launches = launches
        self._scored_for: tuple[str, int] | None = None
        self._scores: Mapping[str, GScore | None] = {}

    def of(self, offer_id: str) -> GScore | None:
        """None for an offer of which nothing is known, or that is not on sale."""
        return self._present().get(offer_id)

    def values(self) -> Iterable[float]:
        """Of every offer that has one."""
        return [score.value for score in self._present().values() if score is not None]

    def _present(self) -> Mapping[str, GScore | None]:
        version = (self._catalogue.version, self._launches.version)
        if version != self._scored_for:
            usual = self._catalogue.reference_prices()
            self._scores = {offer.id: self._score(offer, usual) for offer in self._catalogue.offers()}
            self._scored_for = version
        return self._scores

    def _score(self, offer: Offer, usual: Mapping[str, Decimal]) -> GScore | None:
        price = usual.get(offer.gpu.name) or usual.get(offer.gpu.family)
        good, bad = self._launches.record(offer.provider, offer.host)
        return g_score(
            Evidence(
                usd_per_gpu_hour=float(offer.price_per_hour) / offer.gpu_count,
                usual_usd=None if price is None else float(price),
                reliability=offer.reliability,
                down_mbps=offer.inet_down_mbps,
                up_mbps=offer.inet_up_mbps,
                launches_good=good,
                launches_bad=bad,
            )
        )
