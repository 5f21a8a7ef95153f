"""Which offers of a group each filter refuses, as one integer per filter: bit n stands for the n-th candidate.

Requests differ in a few limits, and most limits are asked for again and again. So a group remembers, per filter and
limit, whom it refuses; a decision puts the integers together and looks at single offers only where somebody reads of
them. A hold changes what is free and nothing else: all but that is shared with the group as the market lists it.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isinf
from typing import NamedTuple, TypeVar

from aurora.domain.request import Workload
from aurora.routing.bits import mark
from aurora.routing.filters import Reason, provider
from aurora.routing.fit import Asked
from aurora.routing.snapshot import Candidate, OfferGroup, ProviderAbilities

T = TypeVar("T")

_REMEMBERED = 512
"""Filters with limits that a group keeps marks for; an integer each."""

_BY_THE_MOMENT = frozenset({Reason.PROVIDER, Reason.STALE, Reason.G_SCORE})
"""Filters that come last, and whose answer changes while offers do not."""

_NEVER = datetime.min.replace(tzinfo=UTC)
_Mark = Callable[[OfferGroup], int]


class Marks:
    """The filters after region and GPU under one request. Lives for one decision."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._able: dict[str, tuple[bool, bool]] = {}
        self._able_keys: dict[tuple[str, ...], Hashable] = {}
        self._refused: dict[str, bool] = {}
        self._limits_text: dict[bool, str] = {}
        self._oldest = _NEVER if isinf(asked.max_age_s) else asked.now - timedelta(seconds=asked.max_age_s)
        request = asked.request
        self._checks: Sequence[tuple[Reason, _Mark | None]] = (
            (Reason.COUNT, self._count),
            (Reason.VRAM, None if request.min_vram_gb is None else self._vram),
            (Reason.LATENCY, self._latency),
            (Reason.REPUTATION, self._reputation),
            (Reason.PRICE, self._price),
            (Reason.CAPACITY, self._capacity),
            (Reason.CAPABILITY, self._capability),
            (Reason.SPOT, None if request.spot else self._spot),
            (Reason.PROVIDER, self._provider),
            (Reason.STALE, None if isinf(asked.max_age_s) else self._stale),
            (Reason.G_SCORE, None if request.min_g_score is None else self._g_score),
        )

    def first(self, group: OfferGroup) -> tuple[Sequence[tuple[Reason, int]], int]:
        """Of each filter those that it refuses and none before it did; and those that none refuses."""
        facts = _facts(group)
        if facts.held_back:
            return _one_after_the_other(self.of(group), everyone(group))
        able = self._able_as(group, facts)
        settled, left = _kept(group, (self._limits(group), able), self._settled)
        if not left or not self._matters_now(group, facts):
            return settled, left
        later, left = _one_after_the_other(self._now(group), left)
        return (*settled, *later), left

    def _settled(self, group: OfferGroup) -> tuple[Sequence[tuple[Reason, int]], int]:
        """The same for the filters whose answer stands as long as the group does."""
        checks = [(reason, check) for reason, check in self._checks if reason not in _BY_THE_MOMENT]
        refused = ((reason, check(group)) for reason, check in checks if check is not None)
        return _one_after_the_other(refused, everyone(group))

    def _matters_now(self, group: OfferGroup, facts: "_Facts") -> bool:
        """Do the filters that look at the moment refuse anybody?"""
        if facts.first_seen < self._oldest or self._asked.request.min_g_score is not None:
            return True
        return any(self._refuses(name, group, place) for name, place in facts.providers.items())

    def _now(self, group: OfferGroup) -> Iterator[tuple[Reason, int]]:
        for reason, check in self._checks:
            if check is not None and reason in _BY_THE_MOMENT:
                yield reason, check(group)

    def _limits(self, group: OfferGroup) -> str:
        """All that the settled filters ask for. (A text keeps its hash.)"""
        known = self._limits_text.get(group.timed)
        if known is None:
            request, workload = self._asked.request, self._asked.request.workload
            limits = (
                request.gpu_count, request.allow_larger, request.min_vram_gb, request.latency_origin,
                request.max_latency_ms, request.min_reputation, request.max_price, request.max_total_cost,
                request.spot, self._asked.gpu_hours, self._asked.seconds, workload.disk_gb, len(workload.ports),
            )  # fmt: skip
            known = self._limits_text[group.timed] = repr(limits)
        return known

    def _able_as(self, group: OfferGroup, facts: "_Facts") -> Hashable:
        """What the providers of the group are able to do, as far as it is asked for."""
        names = facts.names
        known = self._able_keys.get(names)
        if known is None:
            known = tuple((name, self._abilities(group, name)) for name in names)
            self._able_keys[names] = known
        return known

    def of(self, group: OfferGroup) -> Iterator[tuple[Reason, int]]:
        """Whom each filter refuses, whoever else does, in the order of the filters."""
        for reason, check in self._checks:
            if check is not None:
                yield reason, check(group)

    def _count(self, group: OfferGroup) -> int:
        wanted, larger = self._asked.request.gpu_count, self._asked.request.allow_larger

        def found(root: OfferGroup) -> int:
            gpus = (cost.gpus for cost in self._asked.costs(root))
            return mark([has != wanted and not (larger and has > wanted) for has in gpus])

        return _kept(_listed(group), (Reason.COUNT, larger, self._asked.size(group)), found)

    def _vram(self, group: OfferGroup) -> int:
        least = self._asked.request.min_vram_gb
        if least is None:
            return 0
        limit = least

        def refuses(one: Candidate) -> bool:
            offer = one.offer
            has = offer.gpu.vram_gb if offer.vram_gb is None else offer.vram_gb
            return has is None or has < limit

        return _of_each(group, (Reason.VRAM, limit), refuses)

    def _latency(self, group: OfferGroup) -> int:
        request, rtt = self._asked.request, self._asked.rtt_to(group.regions)
        limit = request.max_latency_ms

        def refuses(one: Candidate) -> bool:
            own = one.latency_ms
            return not (rtt + one.extra_latency_ms if own is None else own) <= limit

        return _of_each(group, (Reason.LATENCY, request.latency_origin, limit), refuses)

    def _reputation(self, group: OfferGroup) -> int:
        least = self._asked.request.min_reputation
        return _of_each(group, (Reason.REPUTATION, least), lambda one: not one.reputation >= least)

    def _price(self, group: OfferGroup) -> int:
        request, hours = self._asked.request, self._asked.gpu_hours
        most, in_all = request.max_price, request.max_total_cost

        def found(root: OfferGroup) -> int:
            prices = [cost.effective_usd for cost in self._asked.costs(root)]
            if in_all is None:
                return mark([usd > most for usd in prices])
            return mark([usd > most or usd * hours > in_all for usd in prices])

        limits = (most, None if in_all is None else (in_all, hours))
        return _kept(_listed(group), (Reason.PRICE, limits, self._asked.size(group)), found)

    def _capacity(self, group: OfferGroup) -> int:
        marks = self._full(group)
        now = self._asked.now
        for place in _facts(group).held_back:
            until = group.candidates[place].held_until
            if until is not None and until > now:
                marks |= 1 << place
        return marks

    def _full(self, group: OfferGroup) -> int:
        """Without room for what is asked for."""
        costs = self._asked.costs(group)

        def lacks(place: int) -> bool:
            free = group.candidates[place].free
            return free is not None and free < costs[place].capacity_needed

        def found(own: OfferGroup) -> int:
            if own.like is None:
                return mark(map(lacks, range(len(own.candidates))))
            marks = self._full(own.like)
            for place in own.changed:
                marks = marks | 1 << place if lacks(place) else marks & ~(1 << place)
            return marks

        return _kept(group, (Reason.CAPACITY, self._asked.size(group)), found)

    def _capability(self, group: OfferGroup) -> int:
        workload, seconds = self._asked.request.workload, self._asked.seconds
        wanted, ports = workload.disk_gb, len(workload.ports)
        able = {name: self._abilities(group, name) for name in _facts(group).names}

        def refuses(one: Candidate) -> bool:
            offer = one.offer
            unable, more_disk = able[offer.provider]
            longest, most, opened = offer.max_duration_s, offer.disk_max_gb, offer.max_ports
            if unable or (longest is not None and longest < seconds):
                return True
            if ports and opened is not None and opened < ports:
                return True
            return wanted > most if most is not None else wanted > offer.disk_included_gb and not more_disk

        key = (Reason.CAPABILITY, wanted, ports, seconds, *able.items())
        return _of_each(group, key, refuses)

    def _abilities(self, group: OfferGroup, name: str) -> tuple[bool, bool]:
        """Can this provider not run the workload at all, and can it add disk?"""
        known = self._able.get(name)
        if known is None:
            member = group.candidates[_facts(group).providers[name]]
            abilities = self._asked.state(member).abilities
            known = (not serves(abilities, self._asked.request.workload), abilities.disk)
            self._able[name] = known
        return known

    def _spot(self, group: OfferGroup) -> int:
        return _of_each(group, (Reason.SPOT,), lambda one: one.offer.spot)

    def _provider(self, group: OfferGroup) -> int:
        refused = {
            name for name, place in _facts(group).providers.items() if self._refuses(name, group, place)
        }
        if not refused:
            return 0
        if len(refused) == len(_facts(group).providers):
            return everyone(group)
        return mark([one.offer.provider in refused for one in group.candidates])

    def _refuses(self, name: str, group: OfferGroup, place: int) -> bool:
        known = self._refused.get(name)
        if known is None:
            fit = self._asked.fit(group.candidates[place])
            known = self._refused[name] = provider(fit, self._asked) is not None
        return known

    def _stale(self, group: OfferGroup) -> int:
        facts, oldest = _facts(group), self._oldest
        if facts.first_seen >= oldest:
            return 0
        if facts.last_seen < oldest:
            return everyone(group)
        return mark([one.offer.seen_at < oldest for one in group.candidates])

    def _g_score(self, group: OfferGroup) -> int:
        least = self._asked.request.min_g_score
        if least is None:
            return 0
        limit = least
        return _of_each(
            group, (Reason.G_SCORE, limit), lambda one: one.g_score is None or not one.g_score >= limit
        )


def _one_after_the_other(
    refused: Iterable[tuple[Reason, int]], left: int
) -> tuple[Sequence[tuple[Reason, int]], int]:
    """Each filter sees only those that the ones before it let pass."""
    found = []
    for reason, marks in refused:
        first = marks & left
        if first:
            left ^= first
            found.append((reason, first))
            if not left:
                break
    return found, left


def everyone(group: OfferGroup) -> int:
    """All bits of the group."""
    return (1 << len(group.candidates)) - 1


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


def _listed(group: OfferGroup) -> OfferGroup:
    """The group as the market lists it, nothing taken off."""
    while group.like is not None:
        group = group.like
    return group


def _of_each(group: OfferGroup, key: Hashable, refuses: Callable[[Candidate], bool]) -> int:
    """Marks that do not depend on what is free."""
    return _kept(_listed(group), key, lambda root: mark(map(refuses, root.candidates)))


def _kept(group: OfferGroup, key: Hashable, found: Callable[[OfferGroup], T]) -> T:
    known: T | None = group.marks.get(key)
    if known is None:
        if len(group.marks) >= _REMEMBERED:
            group.marks.clear()
        known = group.marks[key] = found(group)
    return known


class _Facts(NamedTuple):
    """Of a group, whatever is asked for."""

    providers: Mapping[str, int]
    """Whose offers these are, each with the place of one of them. (Nearly always there is one.)"""
    names: tuple[str, ...]
    first_seen: datetime
    last_seen: datetime
    held_back: Sequence[int]
    """Places at which a launch was refused; whether their time is over is asked when it matters."""


def _facts(group: OfferGroup) -> _Facts:
    known: _Facts | None = group.marks.get("facts")
    if known is None:
        known = group.marks["facts"] = _facts_of(group)
    return known


def _facts_of(group: OfferGroup) -> _Facts:
    if group.like is None:
        members = group.candidates
        providers = {one.offer.provider: place for place, one in enumerate(members)}
        times = [one.offer.seen_at for one in members]
        held_back = [place for place, one in enumerate(members) if one.held_until is not None]
        return _Facts(providers, tuple(providers), min(times), max(times), held_back)
    before, changed = _facts(group.like), set(group.changed)
    kept = [place for place in before.held_back if place not in changed]
    new = [place for place in group.changed if group.candidates[place].held_until is not None]
    return before._replace(held_back=kept + new)
