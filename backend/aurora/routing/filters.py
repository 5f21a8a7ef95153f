"""The hard limits. A filter says why, or stays silent; the first that speaks eliminates.

Their order is fixed: region, gpu, count, vram, latency, reputation, price, capacity, capability, spot, provider,
stale, g_score.
"""

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from aurora.domain.gpu import GpuModel
from aurora.domain.health import ProviderStatus
from aurora.domain.region import GLOBAL
from aurora.routing.candidate import Candidate, ProviderState
from aurora.routing.fit import MAX_AGE, Asked, Fit


class Reason(StrEnum):
    """Why an offer cannot be chosen, in the order in which the filters are asked."""

    REGION = "region"
    GPU = "gpu"
    COUNT = "count"
    VRAM = "vram"
    LATENCY = "latency"
    REPUTATION = "reputation"
    PRICE = "price"
    CAPACITY = "capacity"
    CAPABILITY = "capability"
    SPOT = "spot"
    PROVIDER = "provider"
    STALE = "stale"
    G_SCORE = "g_score"


class Elimination(NamedTuple):
    """An offer, the first filter that refused it, and the sentence. (A tuple: there are thousands per decision.)"""

    offer_id: str
    reason: Reason
    detail: str


def region(places: frozenset[str], asked: Asked) -> str | None:
    """An unknown place fits every region."""
    if not is_elsewhere(places, asked):
        return None
    return f"in {' or '.join(sorted(places))}, not in {asked.request.region}"


def is_elsewhere(places: frozenset[str], asked: Asked) -> bool:
    """Known to be in other regions than the one asked for."""
    return elsewhere((places,), asked)[0]


def elsewhere(each: Collection[frozenset[str]], asked: Asked) -> list[bool]:
    """`is_elsewhere` of many at once."""
    wanted = asked.request.region
    if wanted == GLOBAL:
        return [False] * len(each)
    return [bool(places) and wanted not in places for places in each]


def gpu(model: GpuModel, asked: Asked) -> str | None:
    query = asked.request.gpu
    return None if query.matches(model) else f"{model.name} is not {query.name}"


def count(fit: Fit, asked: Asked) -> str | None:
    """Exactly the GPUs asked for, or a size the provider can cut to; more only with `allow_larger`."""
    wanted = asked.request.gpu_count
    if fit.gpus == wanted or (fit.gpus > wanted and asked.request.allow_larger):
        return None
    hint = " and allow_larger is off" if fit.gpus > wanted else ""
    return f"{fit.gpus} GPUs where {wanted} are asked for{hint}"


def vram(fit: Fit, asked: Asked) -> str | None:
    least = asked.request.min_vram_gb
    if least is None:
        return None
    has = vram_gb(fit)
    if has is None:
        return f"memory per GPU is not stated, {least:g} GB are asked for"
    return None if has >= least else f"{has:g} GB per GPU, {least:g} GB are asked for"


def latency(fit: Fit, asked: Asked) -> str | None:
    limit = asked.request.max_latency_ms
    if fit.latency_ms <= limit:
        return None
    return f"{fit.latency_ms:.1f} ms from {asked.request.latency_origin}, limit {limit:g} ms"


def reputation(fit: Fit, asked: Asked) -> str | None:
    least = asked.request.min_reputation
    has = fit.candidate.reputation
    return None if has >= least else f"reputation {has:.1f}, at least {least:g} is asked for"


def price(fit: Fit, asked: Asked) -> str | None:
    """The all-in price per GPU-hour, and the whole run where `max_total_cost` is set."""
    request = asked.request
    if fit.effective_usd > request.max_price:
        detail = f"${fit.effective_usd:.4f} per GPU-hour all in, limit ${request.max_price:f}"
        surcharge = asked.surcharge(fit.candidate.provider, fit.offer.min_rental_minutes)
        return (
            detail
            if surcharge == 1
            else f"{detail} (the shortest rental is {surcharge:.2f} x the time asked for)"
        )
    if request.max_total_cost is not None and total_cost(fit, asked) > request.max_total_cost:
        return f"${total_cost(fit, asked):.4f} for the whole run, limit ${request.max_total_cost:f}"
    return None


def capacity(fit: Fit, asked: Asked) -> str | None:
    held = fit.candidate.held_until
    if held is not None and held > asked.now:
        return f"refused a launch for want of capacity, not tried again before {held:%H:%M:%S} UTC"
    free = fit.candidate.free
    if free is None or free >= fit.capacity_needed:
        return None
    return "nothing is free" if free <= 0 else f"{free:g} free where {fit.capacity_needed:g} is needed"


def capability(fit: Fit, asked: Asked) -> str | None:
    """What the workload needs and the provider, or this machine, cannot do."""
    able, workload = asked.state(fit.candidate.provider).abilities, asked.request.workload
    name = fit.offer.provider
    if not able.deploy:
        return f"{name} can be read but not rented from through an API"
    if workload.command and not able.command:
        return f"{name} cannot override the image's command"
    if workload.registry_login is not None and not able.private_registry:
        return f"{name} cannot pull from a private registry"
    return _ports(fit, asked) or _disk(fit, asked) or _duration(fit, asked)


def spot(fit: Fit, asked: Asked) -> str | None:
    return "may be taken away, and spot is excluded" if fit.offer.spot and not asked.request.spot else None


def provider(fit: Fit, asked: Asked) -> str | None:
    """The tenant's lists, the policy's hard limits, then what keeps a provider from creating anything now."""
    return unwanted(asked.state(fit.candidate.provider), asked)


def unwanted(state: ProviderState, asked: Asked) -> str | None:
    """`provider`, of all its offers at once."""
    name, request = state.name, asked.request
    if name in request.exclude_providers:
        return f"{name} is excluded by the request"
    if request.providers and name not in request.providers:
        return f"{name} is not among the providers asked for"
    rejected = asked.rejection(state)
    return _unusable(state, asked) if rejected is None else rejected


def _unusable(state: ProviderState, asked: Asked) -> str | None:
    name = state.name
    if state.status is ProviderStatus.DISABLED:
        return f"{name} is disabled{': ' if state.reason else ''}{state.reason}"
    if state.credential_refused:
        return f"{name} refuses our credential"
    if state.quota_until is not None and state.quota_until > asked.now:
        return f"{name}'s quota is reached until {state.quota_until:%Y-%m-%d %H:%M:%S} UTC"
    return f"{name}'s circuit breaker for creates is open" if state.create_breaker_open else None


def stale(fit: Fit, asked: Asked) -> str | None:
    age = (asked.now - fit.offer.seen_at).total_seconds()
    return None if age <= asked.max_age_s else f"seen {age:.0f} s ago, limit {asked.max_age_s:g} s"


def g_score(fit: Fit, asked: Asked) -> str | None:
    least, has = asked.request.min_g_score, fit.candidate.g_score
    if least is None or (has is not None and has >= least):
        return None
    known = "not known" if has is None else f"{has:.1f}"
    return f"G-Score is {known}, at least {least:g} is asked for"


Filter = Callable[[Fit, Asked], str | None]

OFFER_FILTERS: tuple[tuple[Reason, Filter], ...] = (
    (Reason.COUNT, count),
    (Reason.VRAM, vram),
    (Reason.LATENCY, latency),
    (Reason.REPUTATION, reputation),
    (Reason.PRICE, price),
    (Reason.CAPACITY, capacity),
    (Reason.CAPABILITY, capability),
    (Reason.SPOT, spot),
    (Reason.PROVIDER, provider),
    (Reason.STALE, stale),
    (Reason.G_SCORE, g_score),
)
"""After `region` and `gpu`, which look at the place and the model alone."""
_BY_REASON = dict(OFFER_FILTERS)

LOOKED_AT_BY: Mapping[str, frozenset[Reason]] = MappingProxyType(
    {
        "region": frozenset({Reason.REGION, Reason.LATENCY}),
        "gpu": frozenset({Reason.GPU}),
        "allow_larger": frozenset({Reason.COUNT}),
        "min_vram_gb": frozenset({Reason.VRAM}),
        "max_latency_ms": frozenset({Reason.LATENCY}),
        "min_reputation": frozenset({Reason.REPUTATION}),
        "max_price": frozenset({Reason.PRICE}),
        "max_total_cost": frozenset({Reason.PRICE}),
        "spot": frozenset({Reason.SPOT}),
        "providers": frozenset({Reason.PROVIDER}),
        "exclude_providers": frozenset({Reason.PROVIDER}),
        "policy": frozenset({Reason.PROVIDER}),
        "min_g_score": frozenset({Reason.G_SCORE}),
        MAX_AGE: frozenset({Reason.STALE}),
    }
)
"""For fields of a request, and for the age of its offers, the filters whose verdict they can change (`gpu` within its
family). What is not named here, such as the number of GPUs, can change every one.
"""


def told(reason: Reason, candidate: Candidate, asked: Asked) -> str | None:
    """What this one filter says."""
    if reason is Reason.REGION:
        return region(candidate.offer.regions, asked)
    if reason is Reason.GPU:
        return gpu(candidate.offer.gpu, asked)
    return _BY_REASON[reason](asked.fit(candidate), asked)


def vram_gb(fit: Fit) -> float | None:
    """Memory per GPU as the offer states it, else as the model is sold."""
    return fit.offer.vram_gb if fit.offer.vram_gb is not None else fit.offer.gpu.vram_gb


def total_cost(fit: Fit, asked: Asked) -> Decimal:
    """USD for the whole run as asked for."""
    return fit.effective_usd * asked.gpu_hours


def _ports(fit: Fit, asked: Asked) -> str | None:
    ports, able = asked.request.workload.ports, asked.state(fit.candidate.provider).abilities
    if not ports:
        return None
    udp = sum(port.endswith("/udp") for port in ports)
    if udp < len(ports) and not able.ports:
        return f"{fit.offer.provider} cannot open ports"
    if udp and not able.udp_ports:
        return f"{fit.offer.provider} cannot open UDP ports"
    most = fit.offer.max_ports
    return f"{most} ports, {len(ports)} are asked for" if most is not None and most < len(ports) else None


def _disk(fit: Fit, asked: Asked) -> str | None:
    wanted, offer = asked.request.workload.disk_gb, fit.offer
    if offer.disk_max_gb is not None and wanted > offer.disk_max_gb:
        return f"{offer.disk_max_gb:g} GB of disk, {wanted:g} GB are asked for"
    if (
        wanted > offer.disk_included_gb
        and not asked.state(fit.candidate.provider).abilities.disk
        and offer.disk_max_gb is None
    ):
        return f"{offer.provider} cannot add disk: {offer.disk_included_gb:g} GB, {wanted:g} GB are asked for"
    return None


def _duration(fit: Fit, asked: Asked) -> str | None:
    longest = fit.offer.max_duration_s
    if longest is None or longest >= asked.seconds:
        return None
    return f"ends in {longest / 3600:.1f} h, {asked.seconds / 3600:.1f} h are asked for"
