"""What an operator wants to see of a market (`config/providers.yaml`)."""

from dataclasses import dataclass, replace

from aurora.domain.offer import Offer
from aurora.providers.base import OffersPage, Rejection

NOT_WANTED = "gpu_not_in_config"


@dataclass(frozen=True, slots=True)
class OfferRule:
    """`families`: the GPUs to read, empty means all. `region`: for offers whose place the market does not say."""

    families: frozenset[str] = frozenset()
    region: str | None = None

    def apply(self, page: OffersPage) -> OffersPage:
        """The page as the operator wants it; what is left out is counted with its reason."""
        wanted = tuple(
            offer for offer in page.offers if not self.families or offer.gpu.family in self.families
        )
        left_out = len(page.offers) - len(wanted)
        rejected = page.rejected
        if left_out:
            rejected = (*rejected, Rejection(NOT_WANTED, left_out))
        return replace(page, offers=tuple(self._placed(offer) for offer in wanted), rejected=rejected)

    def _placed(self, offer: Offer) -> Offer:
        if self.region is None or offer.regions:
            return offer
        return replace(offer, regions=frozenset({self.region}))
