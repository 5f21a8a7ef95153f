"""Who holds what is taken off the offers of one GPU family at one provider."""

from collections.abc import Iterable, Iterator, Sequence

from aurora.db.repositories.holds import Hold
from aurora.domain.gpu import GpuModel, GpuQuery


class Takers:
    """Each hold once, although one that is on a machine is on all offers of that machine."""

    def __init__(self) -> None:
        self._of: dict[str, Sequence[Hold]] = {}
        """By offer id."""
        self._known: dict[int, tuple[Hold, GpuModel, int]] = {}
        """By identity: the hold, the GPU of what it is on, and on how many offers it is."""

    def put(self, offer_id: str, gpu: GpuModel, holds: Sequence[Hold]) -> None:
        """These are what is taken off the offer from now on."""
        self.drop((offer_id,))
        self._of[offer_id] = holds
        for hold in holds:
            _, _, times = self._known.get(id(hold), (hold, gpu, 0))
            self._known[id(hold)] = (hold, gpu, times + 1)

    def drop(self, offer_ids: Iterable[str]) -> None:
        """Nothing is taken off these."""
        if not self._of:
            return
        for offer_id in offer_ids:
            for hold in self._of.pop(offer_id, ()):
                known, gpu, times = self._known.pop(id(hold))
                if times > 1:
                    self._known[id(hold)] = (known, gpu, times - 1)

    def of(self, query: GpuQuery) -> Iterator[Hold]:
        """Those on the GPUs asked for."""
        return (hold for hold, gpu, _ in self._known.values() if query.matches(gpu))
