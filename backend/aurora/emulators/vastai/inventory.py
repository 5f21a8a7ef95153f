"""Who holds which GPU. Asks of one machine overlap, so holding GPUs takes every ask that touches them off the market."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from aurora.emulators.vastai.catalogue import Catalogue
from aurora.emulators.vastai.offer import Offer

_STRANGER = 0  # holder of GPUs that somebody else rents


class Inventory:
    def __init__(self, catalogue: Catalogue) -> None:
        self._offers = {offer.id: offer for offer in catalogue.offers}
        self._holder: dict[int, int] = dict.fromkeys(catalogue.strangers, _STRANGER)

    def offers(self) -> Iterator[Offer]:
        return iter(self._offers.values())

    def names(self) -> Sequence[str]:
        """The GPU names on the market, sorted."""
        return sorted({offer.fields["gpu_name"] for offer in self._offers.values()})

    def find(self, offer_id: int) -> Offer | None:
        return self._offers.get(offer_id)

    def is_free(self, offer: Offer, now: datetime) -> bool:
        """Nobody holds any of its GPUs, and the host still offers it."""
        return offer.ends_at > now.timestamp() and self._holder.keys().isdisjoint(offer.gpu_ids)

    def is_ours(self, offer: Offer) -> bool:
        """The caller rents some of its GPUs."""
        return any(self._holder.get(gpu, _STRANGER) != _STRANGER for gpu in offer.gpu_ids)

    def hold(self, offer: Offer, instance_id: int) -> None:
        self._holder.update(dict.fromkeys(offer.gpu_ids, instance_id))

    def release(self, instance_id: int) -> None:
        self._holder = {gpu: holder for gpu, holder in self._holder.items() if holder != instance_id}

    def holds(self, instance_id: int) -> bool:
        return instance_id in self._holder.values()
