"""One provider's offers as candidates, kept up to date offer by offer: what did not change is not made anew."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from aurora.db.repositories.holds import Hold
from aurora.domain.offer import Offer, seen_again
from aurora.routing.candidate import Candidate
from aurora.routing.rack import Rack
from aurora.routing.snapshot import Aisle
from aurora.services.takers import Takers

_PORTION = 100
_NOTHING: Mapping[str, Offer] = MappingProxyType({})


class Shelf:
    """Candidates by offer id, and in racks by GPU family as they are shown, with what is taken off."""

    def __init__(self, candidate: Callable[[Offer], Candidate]) -> None:
        """`candidate` makes one of an offer, without what is taken."""
        self._candidate = candidate
        self._listed: Mapping[str, Offer] = _NOTHING
        self._heading_for: Mapping[str, Offer] = _NOTHING
        self._waiting: deque[tuple[str, list[Offer]]] = deque()
        """What `_heading_for` has, new or otherwise, that has not been looked at: some of a family at a time."""
        self._candidates: dict[str, Candidate] = {}
        self._sharing: dict[str, dict[str, None]] = {}
        self._racks: dict[str, Rack] = {}
        self._takers: dict[str, Takers] = {}
        self._aisle = Aisle({}, {})
        self._stirred = False
        """Something is shown otherwise than in `_aisle`."""
        self._moved = False
        """Offers came, went or changed since `_aisle`."""

    @property
    def listed(self) -> Mapping[str, Offer]:
        """The offers that it was last brought up to date with."""
        return self._listed

    def __len__(self) -> int:
        return len(self._candidates)

    def aisle(self) -> Aisle:
        """All racks, with what is taken off. It never changes; the next one may be another."""
        if self._moved:
            self._aisle = Aisle.of(self._racks.values())
        elif self._stirred:
            self._aisle = Aisle(dict(self._racks), self._aisle.placed)
        self._stirred = self._moved = False
        return self._aisle

    def get(self, offer_id: str) -> Candidate | None:
        """As the market lists it, nothing taken off."""
        return self._candidates.get(offer_id)

    def sharing(self, resource: str) -> Iterable[str]:
        """Ids of the offers that use this physical thing."""
        return self._sharing.get(resource, ())

    def follow(self, listed: Mapping[str, Offer], *, most: int | None = None) -> Sequence[str]:
        """Bring it up to date; with `most`, so many new or changed offers nearer to it. Those are returned, and shown
        as if nothing were taken off them; `listed` is the given one when nothing is left to do.

        Offers are immutable: one that is the same object is unchanged. What is gone goes at once.
        """
        if listed is self._listed:
            return ()
        if listed is not self._heading_for:
            most = most if self._candidates else None
            self._head_for(listed)
        done: list[str] = []
        while self._waiting and (most is None or len(done) < most):
            family, offers = self._waiting.popleft()
            now = offers if most is None else offers[: most - len(done)]
            if len(now) < len(offers):
                self._waiting.appendleft((family, offers[len(now) :]))
            self._bring(family, now)
            done += [offer.id for offer in now]
        if not self._waiting:
            self._listed = listed
        return done

    def _head_for(self, listed: Mapping[str, Offer]) -> None:
        """Remember what has to be done, and let go of what is gone. What waits longest is done first: however often the
        market changes, each offer has its turn.
        """
        gone = (known.offer for offer_id, known in self._candidates.items() if offer_id not in listed)
        self._remove(list(gone))
        line: list[tuple[str, list[Offer]]] = []
        for _, offers in self._waiting:
            line += self._news(found for offer in offers if (found := listed.get(offer.id)))
        waited = {offer.id for _, offers in line for offer in offers}
        line += self._news(offer for offer_id, offer in listed.items() if offer_id not in waited)
        self._waiting = deque(line)
        self._heading_for = listed

    def _news(self, offers: Iterable[Offer]) -> Iterable[tuple[str, list[Offer]]]:
        """Those of them that are others than the candidates have, by family."""
        found: dict[str, list[Offer]] = {}
        for offer in offers:
            known = self._candidates.get(offer.id)
            if known is None or known.offer is not offer:
                found.setdefault(offer.gpu.family, []).append(offer)
        return found.items()

    def _bring(self, family: str, offers: Sequence[Offer]) -> None:
        """Offers of one family: new, changed, or the same as before and seen later, which nearly all of them are."""
        again: list[Candidate] = []
        others: list[Offer] = []
        for offer in offers:
            known = self._candidates.get(offer.id)
            if known is not None and seen_again(known.offer, offer):
                again.append(known.seen_again(offer))
            else:
                others.append(offer)
        if again:
            self._candidates.update((one.id, one) for one in again)
            self._racks[family] = self._racks[family].seen_again(again)
            self._stirred = True
            self._untake(family, (one.id for one in again))
        if others:
            self._put(family, others)

    def _put(self, family: str, offers: Sequence[Offer]) -> None:
        """New and changed offers of one family."""
        before = [(offer, known.offer) for offer in offers if (known := self._candidates.get(offer.id))]
        self._remove([old for new, old in before if _elsewhere(old, new)])
        fresh = [self._candidate(offer) for offer in offers]
        for one in fresh:
            self._candidates[one.id] = one
            for resource in one.offer.resources:
                self._sharing.setdefault(resource, {})[one.id] = None
        self._show(family, fresh)
        self._untake(family, (one.id for one in fresh))

    def _remove(self, offers: Sequence[Offer]) -> None:
        families: dict[str, list[str]] = {}
        for offer in offers:
            del self._candidates[offer.id]
            families.setdefault(offer.gpu.family, []).append(offer.external_id)
            for resource in offer.resources:
                users = self._sharing[resource]
                users.pop(offer.id, None)
                if not users:
                    del self._sharing[resource]
        for family, gone in families.items():
            self._show(family, gone=gone)
            self._untake(family, (offer.id for offer in offers))

    def _show(self, family: str, fresh: Sequence[Candidate] = (), *, gone: Sequence[str] = ()) -> None:
        """Put these on the rack, as if nothing were taken off them."""
        rack = self._racks.get(family)
        self._moved = True
        rack = Rack.of(family, fresh) if rack is None else rack.put(fresh, gone=gone)
        if len(rack):
            self._racks[family] = rack
        else:
            self._racks.pop(family, None)

    def renew(self, renewed: Callable[[Candidate], Candidate]) -> Iterator[Sequence[str]]:
        """Put what `renewed` makes of each candidate in its place, in portions of some milliseconds: it yields the ids
        that changed, shown as if nothing were taken off them. Between portions anything else may happen to the shelf.
        """
        listed = tuple(self._candidates)
        for start in range(0, len(listed), _PORTION):
            changed: dict[str, list[Candidate]] = {}
            for offer_id in listed[start : start + _PORTION]:
                known = self._candidates.get(offer_id)
                if known is not None and (fresh := renewed(known)) is not known:
                    self._candidates[offer_id] = fresh
                    changed.setdefault(fresh.offer.gpu.family, []).append(fresh)
            for family, members in changed.items():
                self._show(family, members)
                self._untake(family, (one.id for one in members))
            yield [one.id for members in changed.values() for one in members]

    def put_back(self) -> None:
        """Show every offer as the market lists it."""
        for family, rack in self._racks.items():
            self._racks[family] = rack.put_back()
        self._takers.clear()
        self._stirred = True

    def take(self, offer_id: str, candidate: Candidate | None, *, takers: Sequence[Hold] = ()) -> None:
        """Show the offer as `candidate` from now on; None: as the market lists it. Unknown offers are ignored."""
        own = self._candidates.get(offer_id)
        if own is None:
            return
        family = own.offer.gpu.family
        rack = self._racks[family]
        self._racks[family] = rack.take(rack.index[own.offer.external_id], candidate)
        if candidate is None:
            self._untake(family, (offer_id,))
        else:
            self._takers.setdefault(family, Takers()).put(offer_id, own.offer.gpu, takers)
        self._stirred = True

    def _untake(self, family: str, offer_ids: Iterable[str]) -> None:
        takers = self._takers.get(family)
        if takers is not None:
            takers.drop(offer_ids)

    def takers(self, family: str) -> Takers | None:
        """What is taken off the offers of these GPUs; None when nothing ever was."""
        return self._takers.get(family)


def _elsewhere(old: Offer, new: Offer) -> bool:
    """Found under other names: another family, or other machines."""
    return (old.gpu.family, old.resources) != (new.gpu.family, new.resources)
