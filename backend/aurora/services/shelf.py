"""One provider's offers as candidates, kept up to date offer by offer: what did not change is not made anew."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from aurora.domain.gpu import GpuModel, GpuQuery
from aurora.domain.offer import Offer
from aurora.routing.snapshot import Aisle, Candidate, OfferGroup

Place = tuple[GpuModel, frozenset[str]]
"""What the offers of a group share: the GPU and where they are."""
_PORTION = 250
_NOTHING: Mapping[str, Offer] = MappingProxyType({})


class Shelf:
    """Candidates by offer id and in groups; beside them the groups as they are shown, with what is taken off."""

    def __init__(self, candidate: Callable[[Offer], Candidate]) -> None:
        """`candidate` makes one of an offer, without what is taken."""
        self._candidate = candidate
        self._listed: Mapping[str, Offer] = _NOTHING
        self._heading_for: Mapping[str, Offer] = _NOTHING
        self._waiting: dict[Place, list[Offer]] = {}
        """What `_heading_for` has, new or otherwise, that has not been looked at."""
        self._candidates: dict[str, Candidate] = {}
        self._members: dict[Place, dict[str, None]] = {}
        self._groups: dict[Place, OfferGroup] = {}
        self._places: dict[str, int] = {}
        self._sharing: dict[str, dict[str, None]] = {}
        self._taken: dict[Place, dict[str, Candidate]] = {}
        self._shown: dict[Place, OfferGroup] = {}
        self._kin: dict[str, dict[Place, None]] = {}
        self._aisle = Aisle({}, {})
        self._stirred: set[str] = set()
        """Families of which something is shown otherwise than in `_aisle`."""
        self._moved = False
        """Offers came or went since `_aisle`."""

    @property
    def listed(self) -> Mapping[str, Offer]:
        """The offers that it was last brought up to date with."""
        return self._listed

    def __len__(self) -> int:
        return len(self._candidates)

    def aisle(self) -> Aisle:
        """All groups, with what is taken off. It never changes; the next one may be another."""
        if self._stirred:
            families = dict(self._aisle.families)
            for name in self._stirred:
                families[name] = tuple(self._shown[place] for place in self._kin.get(name, ()))
            self._aisle = Aisle(families, self._counted() if self._moved else self._aisle.placed)
            self._stirred.clear()
            self._moved = False
        return self._aisle

    def _counted(self) -> Mapping[frozenset[str], int]:
        placed: dict[frozenset[str], int] = {}
        for (_, regions), members in self._members.items():
            placed[regions] = placed.get(regions, 0) + len(members)
        return placed

    def get(self, offer_id: str) -> Candidate | None:
        """As the market lists it, nothing taken off."""
        return self._candidates.get(offer_id)

    def sharing(self, resource: str) -> Iterable[str]:
        """Ids of the offers that use this physical thing."""
        return self._sharing.get(resource, ())

    def follow(self, listed: Mapping[str, Offer], *, most: int | None = None) -> Sequence[str]:
        """Bring it up to date; with `most`, about so many new or changed offers nearer to it. Those are returned, and
        shown as if nothing were taken off them; `listed` is the given one when nothing is left to do.

        Offers are immutable: one that is the same object is unchanged. What is gone goes at once; the rest group by
        group, since a group is made anew for one offer as for all.
        """
        if listed is self._listed:
            return ()
        touched: set[Place] = set()
        if listed is not self._heading_for:
            most = most if self._candidates else None
            touched.update(self._head_for(listed))
        done: list[str] = []
        while self._waiting and (most is None or len(done) < most):
            _, offers = self._waiting.popitem()
            for offer in offers:
                self._taken.get((offer.gpu, offer.regions), {}).pop(offer.id, None)
                touched.update(self._put(offer))
                done.append(offer.id)
        for place in touched:
            self._regroup(place)
        if not self._waiting:
            self._listed = listed
        return done

    def _head_for(self, listed: Mapping[str, Offer]) -> Iterable[Place]:
        """Remember what has to be done. The places from which something is gone."""
        before = self._candidates
        gone = [offer_id for offer_id in before if offer_id not in listed]
        self._waiting = {}
        for offer_id, offer in listed.items():
            known = before.get(offer_id)
            if known is None or known.offer is not offer:
                self._waiting.setdefault((offer.gpu, offer.regions), []).append(offer)
        self._heading_for = listed
        return [self._remove(offer_id) for offer_id in gone]

    def _put(self, offer: Offer) -> Iterable[Place]:
        """The places where something is another now."""
        known, fresh = self._candidates.get(offer.id), self._candidate(offer)
        if known is None:
            return (self._add(offer.id, fresh),)
        old = known.offer
        if (old.gpu, old.regions, old.resources) == (offer.gpu, offer.regions, offer.resources):
            self._candidates[offer.id] = fresh
            return (_place(fresh),)
        return (self._remove(offer.id), self._add(offer.id, fresh))

    def renew(self, renewed: Callable[[Candidate], Candidate]) -> Iterator[Sequence[str]]:
        """Put what `renewed` makes of each candidate in its place, in portions of some milliseconds: it yields the ids
        that changed, shown as if nothing were taken off them. Between portions anything else may happen to the shelf.
        """
        listed = tuple(self._candidates)
        for start in range(0, len(listed), _PORTION):
            changed: list[str] = []
            for offer_id in listed[start : start + _PORTION]:
                known = self._candidates.get(offer_id)
                if known is not None and (fresh := renewed(known)) is not known:
                    self._candidates[offer_id] = fresh
                    changed.append(offer_id)
            touched = {_place(self._candidates[offer_id]) for offer_id in changed}
            for offer_id in changed:
                self._taken.get(_place(self._candidates[offer_id]), {}).pop(offer_id, None)
            for place in touched:
                self._regroup(place)
            yield changed

    def put_back(self) -> None:
        """Show every offer as the market lists it."""
        self._taken.clear()
        self._shown = dict(self._groups)
        self._stirred.update(self._kin)

    def take(self, offer_id: str, candidate: Candidate | None) -> None:
        """Show the offer as `candidate` from now on; None: as the market lists it. Unknown offers are ignored."""
        own = self._candidates.get(offer_id)
        if own is None:
            return
        place = _place(own)
        taken = self._taken.setdefault(place, {})
        if candidate is None:
            taken.pop(offer_id, None)
        else:
            taken[offer_id] = candidate
        self._show(place)

    def taken(self, query: GpuQuery) -> Iterable[Candidate]:
        """Of the GPUs asked for: the offers that something is taken off, as they are shown."""
        for (gpu, _), candidates in self._taken.items():
            if query.matches(gpu):
                yield from candidates.values()

    def _add(self, offer_id: str, candidate: Candidate) -> Place:
        place = _place(candidate)
        self._candidates[offer_id] = candidate
        self._members.setdefault(place, {})[offer_id] = None
        for resource in candidate.offer.resources:
            self._sharing.setdefault(resource, {})[offer_id] = None
        return place

    def _remove(self, offer_id: str) -> Place:
        offer = self._candidates.pop(offer_id).offer
        place = (offer.gpu, offer.regions)
        del self._members[place][offer_id]
        for resource in offer.resources:
            users = self._sharing[resource]
            users.pop(offer_id, None)
            if not users:
                del self._sharing[resource]
        return place

    def _regroup(self, place: Place) -> None:
        members, kin = self._members[place], self._kin.setdefault(place[0].family, {})
        self._stirred.add(place[0].family)
        self._moved = True
        if not members:
            kin.pop(place, None)
            for known in (self._members, self._groups, self._shown, self._taken):
                known.pop(place, None)
            return
        kin[place] = None
        self._groups[place] = group = OfferGroup.of(*place, (self._candidates[one] for one in members))
        self._places.update((offer_id, index) for index, offer_id in enumerate(group.ids))
        taken = self._taken.get(place)
        if taken:
            self._taken[place] = {key: value for key, value in taken.items() if key in members}
        self._show(place)

    def _show(self, place: Place) -> None:
        group, taken = self._groups[place], self._taken.get(place)
        self._stirred.add(place[0].family)
        if not taken:
            self._taken.pop(place, None)
            self._shown[place] = group
            return
        self._shown[place] = group.with_candidates(
            {self._places[offer_id]: candidate for offer_id, candidate in taken.items()}
        )


def _place(candidate: Candidate) -> Place:
    return candidate.offer.gpu, candidate.offer.regions
