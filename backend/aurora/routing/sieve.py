"""Parting the market: which offers meet every limit, and what refused the others, without writing a sentence.

A decision looks at tens of thousands of offers and prints a handful of sentences. So the filters' verdicts are taken
here in one pass, in the same order; their sentences (`filters`) are only asked for when somebody reads them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain, islice
from math import isinf
from typing import overload

from aurora.domain.region import GLOBAL
from aurora.domain.request import Workload
from aurora.routing.filters import (
    Elimination,
    Reason,
    g_score,
    group_reason,
    offer_reason,
    provider,
    vram_gb,
)
from aurora.routing.fit import Asked, Fit
from aurora.routing.snapshot import MarketSnapshot, OfferGroup, ProviderAbilities

_LOOKED_AT = 64
"""Refused offers, or groups of them, among which examples are picked."""

_Part = tuple[OfferGroup | Fit, Reason]


class Eliminations(Sequence[Elimination]):
    """All refused offers, each with the first filter that refused it; sentences are written when read."""

    def __init__(self, parts: Sequence[_Part], asked: Asked, *, counts: Mapping[Reason, int]) -> None:
        self._parts = parts
        self._asked = asked
        self._all: tuple[Elimination, ...] | None = None
        self.counts = {reason: number for reason, number in counts.items() if number}
        """By reason, in the order of the filters; without those that refused nothing."""

    def __len__(self) -> int:
        return sum(self.counts.values())

    def __iter__(self) -> Iterator[Elimination]:
        return self._written(self._parts) if self._all is None else iter(self._all)

    @overload
    def __getitem__(self, index: int) -> Elimination: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Elimination]: ...
    def __getitem__(self, index: int | slice) -> Elimination | Sequence[Elimination]:
        if self._all is None:
            self._all = tuple(self)
        return self._all[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def by(self, reason: Reason) -> Iterator[Elimination]:
        """Those that this filter refused."""
        return self._written(part for part in self._parts if part[1] is reason)

    def _written(self, parts: Iterable[_Part]) -> Iterator[Elimination]:
        for refused, reason in parts:
            if isinstance(refused, OfferGroup):
                found = group_reason(refused, self._asked)
                detail = found[1] if found else ""
                yield from (Elimination(offer_id, reason, detail) for offer_id in refused.ids)
            else:
                told = offer_reason(refused, self._asked)
                yield Elimination(refused.candidate.id, reason, told[1] if told else "")

    def examples(self, reason: Reason, most: int, *, repeat: bool = True) -> list[Elimination]:
        """One per sentence; then, with `repeat`, further offers of which the same is said.

        Only the first offers that a filter refused are looked at: their sentences are for people.
        """
        different: dict[str, Elimination] = {}
        more: list[Elimination] = []
        parts = islice((part for part in self._parts if part[1] is reason), _LOOKED_AT)
        for entry in chain.from_iterable(islice(self._written([part]), most) for part in parts):
            if entry.detail not in different:
                different[entry.detail] = entry
                if len(different) == most:
                    break
            elif repeat and len(more) < most:
                more.append(entry)
        return list(islice([*different.values(), *more], most))


def sift(snapshot: MarketSnapshot, asked: Asked) -> tuple[list[Fit], Eliminations]:
    """Part the candidates into those that meet every limit and those that do not, each with its first reason."""
    fits: list[Fit] = []
    parts: list[_Part] = []
    counts: dict[Reason, int] = dict.fromkeys(Reason, 0)
    refusal, query = verdicts(asked), asked.request.gpu
    anywhere, region, family = asked.request.region == GLOBAL, asked.request.region, query.family
    for group in snapshot.groups:
        if not anywhere and group.regions and region not in group.regions:
            counts[Reason.REGION] += len(group.ids)
            parts.append((group, Reason.REGION))
        elif group.gpu.family != family or not query.matches(group.gpu):
            counts[Reason.GPU] += len(group.ids)
            parts.append((group, Reason.GPU))
        else:
            for fit in asked.fits(group):
                reason = refusal(fit)
                if reason is None:
                    fits.append(fit)
                else:
                    counts[reason] += 1
                    parts.append((fit, reason))
    return fits, Eliminations(parts, asked, counts=counts)


def verdicts(asked: Asked) -> Callable[[Fit], Reason | None]:
    """The first filter that refuses an offer whose group passed; the same as `filters.offer_reason` says.

    Only the filters that can refuse anything under this request are asked at all.
    """
    checks = [(reason, refuses) for reason, refuses in predicates(asked) if refuses is not None]

    def refusal(fit: Fit) -> Reason | None:
        for reason, refuses in checks:
            if refuses(fit):
                return reason
        return None

    return refusal


def predicates(asked: Asked) -> Sequence[tuple[Reason, Callable[[Fit], bool] | None]]:
    """Each filter after region and GPU as a plain yes or no, in their order; None: refuses nothing now."""
    request = asked.request
    return (
        (Reason.COUNT, _count(request.gpu_count, larger=request.allow_larger)),
        (Reason.VRAM, _vram(request.min_vram_gb)),
        (Reason.LATENCY, lambda fit: not fit.latency_ms <= request.max_latency_ms),
        (Reason.REPUTATION, lambda fit: not fit.candidate.reputation >= request.min_reputation),
        (Reason.PRICE, _price(asked)),
        (Reason.CAPACITY, _capacity(asked)),
        (Reason.CAPABILITY, _capability(asked)),
        (Reason.SPOT, None if request.spot else lambda fit: fit.candidate.offer.spot),
        (Reason.PROVIDER, _provider(asked)),
        (Reason.STALE, _stale(asked)),
        (
            Reason.G_SCORE,
            None if request.min_g_score is None else lambda fit: g_score(fit, asked) is not None,
        ),
    )


def _count(wanted: int, *, larger: bool) -> Callable[[Fit], bool]:
    return lambda fit: fit.gpus != wanted and not (larger and fit.gpus > wanted)


def _vram(least: float | None) -> Callable[[Fit], bool] | None:
    if least is None:
        return None
    return lambda fit: (has := vram_gb(fit)) is None or has < least


def _price(asked: Asked) -> Callable[[Fit], bool]:
    most, hours, most_in_all = asked.request.max_price, asked.gpu_hours, asked.request.max_total_cost
    if most_in_all is None:
        return lambda fit: fit.effective_usd > most
    return lambda fit: fit.effective_usd > most or fit.effective_usd * hours > most_in_all


def _capacity(asked: Asked) -> Callable[[Fit], bool]:
    now = asked.now

    def refuses(fit: Fit) -> bool:
        candidate = fit.candidate
        free, held = candidate.free, candidate.held_until
        return (free is not None and free < fit.capacity_needed) or (held is not None and held > now)

    return refuses


def _capability(asked: Asked) -> Callable[[Fit], bool]:
    """What a provider cannot do at all is asked once; of each offer only its own bounds are compared."""
    workload, seconds = asked.request.workload, asked.seconds
    wanted, ports = workload.disk_gb, len(workload.ports)
    known: dict[str, tuple[bool, bool]] = {}

    def refuses(fit: Fit) -> bool:
        offer = fit.candidate.offer
        able = known.get(offer.provider)
        if able is None:
            abilities = asked.state(fit.candidate).abilities
            able = known[offer.provider] = (not _serves(abilities, workload), abilities.disk)
        unable, more_disk = able
        longest, most, opened = offer.max_duration_s, offer.disk_max_gb, offer.max_ports
        if unable or (longest is not None and longest < seconds):
            return True
        if ports and opened is not None and opened < ports:
            return True
        return wanted > most if most is not None else wanted > offer.disk_included_gb and not more_disk

    return refuses


def _serves(able: ProviderAbilities, workload: Workload) -> bool:
    """Can the provider run such a workload on any of its offers?"""
    udp = sum(port.endswith("/udp") for port in workload.ports)
    return (
        able.deploy
        and (able.command or not workload.command)
        and (able.private_registry or workload.registry_login is None)
        and (able.ports or udp == len(workload.ports))
        and (able.udp_ports or not udp)
    )


def _provider(asked: Asked) -> Callable[[Fit], bool]:
    known: dict[str, bool] = {}

    def refuses(fit: Fit) -> bool:
        name = fit.candidate.offer.provider
        found = known.get(name)
        if found is None:
            found = known[name] = provider(fit, asked) is not None
        return found

    return refuses


def _stale(asked: Asked) -> Callable[[Fit], bool] | None:
    if isinf(asked.max_age_s):
        return None
    oldest = asked.now - timedelta(seconds=asked.max_age_s)
    return lambda fit: fit.candidate.offer.seen_at < oldest
