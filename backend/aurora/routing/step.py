"""One limit moved just far enough for one offer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from math import ceil, floor
from types import MappingProxyType

from aurora.domain.gpu import GpuQuery
from aurora.domain.health import ProviderStatus
from aurora.domain.request import ComputeRequest
from aurora.routing.candidate import Candidate
from aurora.routing.decision import Change
from aurora.routing.filters import Reason, total_cost, vram_gb
from aurora.routing.fit import Asked, Fit
from aurora.routing.scoring import BALANCED


@dataclass(frozen=True, slots=True)
class Step:
    """One limit moved just far enough for one offer. `request` None: no request can move it."""

    limit: str
    changes: tuple[Change, ...]
    request: ComputeRequest | None
    distance: float
    max_age_s: float


@dataclass(frozen=True, slots=True)
class NearMiss:
    """An offer that one or two limits keep out."""

    fit: Fit
    reasons: tuple[Reason, ...]
    index: int
    """Among its like (`near.Near`)."""

    @property
    def candidate(self) -> Candidate:
        return self.fit.candidate


def step_for(reason: Reason, *, miss: NearMiss, asked: Asked) -> Step | None:
    """The step that makes this limit let the offer in; None where it cannot."""
    return _STEPS[reason](miss, asked)


def _step(
    asked: Asked,
    *changes: Change,
    request: ComputeRequest | None,
    distance: float,
    max_age_s: float | None = None,
) -> Step:
    return Step(
        changes[0].limit, changes, request, distance, asked.max_age_s if max_age_s is None else max_age_s
    )


def _region(miss: NearMiss, asked: Asked) -> Step | None:
    """To the nearest macro region in which the offer may be."""
    origin = asked.request.latency_origin
    rtt, nearest = min(
        (asked.regions.latency_ms(origin, (place,)), place) for place in miss.fit.offer.regions
    )
    return _step(
        asked,
        Change("region", asked.request.region, nearest),
        request=replace(asked.request, region=nearest),
        distance=rtt / 100.0,
    )


def _gpu(miss: NearMiss, asked: Asked) -> Step | None:
    """Another form or memory size of the same family."""
    query = asked.request.gpu
    keeps_size = query.vram_gb == miss.fit.offer.gpu.vram_gb
    wider = GpuQuery(query.family, vram_gb=query.vram_gb if keeps_size else None)
    return _step(
        asked,
        Change("gpu_type", query.name, wider.name),
        request=replace(asked.request, gpu=wider),
        distance=0.2 if keeps_size else 0.6,
    )


def _count(miss: NearMiss, asked: Asked) -> Step | None:
    wanted, has = asked.request.gpu_count, miss.candidate.offer.gpu_count
    if has > wanted:
        return _step(
            asked,
            Change("allow_larger", "false", "true"),
            request=replace(asked.request, allow_larger=True),
            distance=has / wanted - 1.0,
        )
    return _step(
        asked,
        Change("gpu_count", str(wanted), str(has)),
        request=replace(asked.request, gpu_count=has),
        distance=wanted / has - 1.0,
    )


def _vram(miss: NearMiss, asked: Asked) -> Step | None:
    has, least = vram_gb(asked.fit(miss.candidate)), asked.request.min_vram_gb
    if has is None or least is None:
        return None
    return _step(
        asked,
        Change("min_vram_gb", f"{least:g}", f"{has:g}"),
        request=replace(asked.request, min_vram_gb=has),
        distance=least / has - 1.0 if has else 1.0,
    )


def _latency(miss: NearMiss, asked: Asked) -> Step | None:
    needed, limit = float(ceil(asked.fit(miss.candidate).latency_ms)), asked.request.max_latency_ms
    return _step(
        asked,
        Change("max_latency_ms", f"{limit:g}", f"{needed:g}"),
        request=replace(asked.request, max_latency_ms=needed),
        distance=_ratio(needed, limit) - 1.0,
    )


def _reputation(miss: NearMiss, asked: Asked) -> Step | None:
    has, least = float(floor(miss.candidate.reputation)), asked.request.min_reputation
    return _step(
        asked,
        Change("min_reputation", f"{least:g}", f"{has:g}"),
        request=replace(asked.request, min_reputation=has),
        distance=(least - has) / 100.0,
    )


def _price(miss: NearMiss, asked: Asked) -> Step | None:
    """To the next cent; `max_total_cost` too where it is what refuses, or would."""
    request, fit = asked.request, asked.fit(miss.candidate)
    changes: list[Change] = []
    distance = 0.0
    if fit.effective_usd > request.max_price:
        needed = _next_cent(fit.effective_usd)
        changes.append(Change("max_price", _dollars(request.max_price), _dollars(needed)))
        distance = _ratio(float(needed), float(request.max_price)) - 1.0
        request = replace(request, max_price=needed)
    cost = total_cost(fit, asked)
    if request.max_total_cost is not None and cost > request.max_total_cost:
        needed = _next_cent(cost)
        changes.append(Change("max_total_cost", _dollars(request.max_total_cost), _dollars(needed)))
        distance += _ratio(float(needed), float(request.max_total_cost)) - 1.0
        request = replace(request, max_total_cost=needed)
    return _step(asked, *changes, request=request, distance=distance) if changes else None


def _spot(_miss: NearMiss, asked: Asked) -> Step | None:
    return _step(
        asked, Change("spot", "false", "true"), request=replace(asked.request, spot=True), distance=0.5
    )


def _provider(miss: NearMiss, asked: Asked) -> Step | None:
    """The tenant's own lists can change, and the policy that refuses; a state can only be waited for."""
    request, name = asked.request, miss.candidate.offer.provider
    if name in request.exclude_providers:
        left = request.exclude_providers - {name}
        change = Change("exclude_providers", _listed(request.exclude_providers), _listed(left))
        return _step(asked, change, request=replace(request, exclude_providers=left), distance=0.5)
    if request.providers and name not in request.providers:
        wider = request.providers | {name}
        change = Change("providers", _listed(request.providers), _listed(wider))
        return _step(asked, change, request=replace(request, providers=wider), distance=0.5)
    if asked.rejection(asked.state(miss.candidate.provider)) is not None:
        change = Change("policy", request.policy, BALANCED.name)
        return _step(asked, change, request=replace(request, policy=BALANCED.name), distance=1.0)
    return _step(asked, Change(name, *_state_change(miss, asked)), request=None, distance=2.0)


def _state_change(miss: NearMiss, asked: Asked) -> tuple[str, str]:
    state = asked.state(miss.candidate.provider)
    if state.status is ProviderStatus.DISABLED:
        return "disabled", "enabled"
    if state.credential_refused:
        return "refusing the credential", "with a valid credential"
    if state.quota_until is not None and state.quota_until > asked.now:
        return "at its quota", f"after {state.quota_until:%Y-%m-%d %H:%M} UTC"
    return "with its circuit breaker open", "recovered"


def _stale(miss: NearMiss, asked: Asked) -> Step | None:
    needed = float(ceil((asked.now - miss.candidate.offer.seen_at).total_seconds()))
    return _step(
        asked,
        Change("offer_max_age", f"{asked.max_age_s:g} s", f"{needed:g} s"),
        request=asked.request,
        distance=1.0 + needed / asked.max_age_s if asked.max_age_s > 0 else needed,
        max_age_s=needed,
    )


def _g_score(miss: NearMiss, asked: Asked) -> Step | None:
    has, least = miss.candidate.g_score, asked.request.min_g_score
    if has is None or least is None:
        return None
    return _step(
        asked,
        Change("min_g_score", f"{least:g}", f"{floor(has):g}"),
        request=replace(asked.request, min_g_score=float(floor(has))),
        distance=(least - has) / 100.0,
    )


_STEPS: Mapping[Reason, Callable[[NearMiss, Asked], Step | None]] = MappingProxyType(
    {
        Reason.REGION: _region,
        Reason.GPU: _gpu,
        Reason.COUNT: _count,
        Reason.VRAM: _vram,
        Reason.LATENCY: _latency,
        Reason.REPUTATION: _reputation,
        Reason.PRICE: _price,
        Reason.SPOT: _spot,
        Reason.PROVIDER: _provider,
        Reason.STALE: _stale,
        Reason.G_SCORE: _g_score,
    }
)

YIELDING = frozenset(_STEPS)
"""Limits that can give. Capacity and capabilities cannot: no limit of the request makes room or skills."""


def _ratio(needed: float, limit: float) -> float:
    return needed / limit if limit > 0 else needed


def _next_cent(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), rounding=ROUND_CEILING)


def _dollars(amount: Decimal) -> str:
    """With cents, and with all digits where cents are not enough."""
    return f"{amount:.2f}" if amount == round(amount, 2) else f"{amount.normalize():f}"


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"
