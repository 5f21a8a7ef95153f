"""One limit moved just far enough for one offer."""

from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, Decimal
from math import ceil, floor
from types import MappingProxyType
from typing import Any, NamedTuple

from aurora.domain.gpu import GpuQuery
from aurora.domain.health import ProviderStatus
from aurora.routing.candidate import Candidate
from aurora.routing.decision import Change
from aurora.routing.filters import Reason, total_cost, vram_gb
from aurora.routing.fit import MAX_AGE, Asked, Fit
from aurora.routing.scoring import BALANCED


class Step(NamedTuple):
    """One limit moved just far enough for one offer."""

    limit: str
    changes: tuple[Change, ...]
    fields: Mapping[str, Any] | None
    """Of the request, with what they would be; `filters.MAX_AGE` is the age that offers may have. None: no request can
    move this limit.
    """
    distance: float


class NearMiss:
    """An offer that one or two limits keep out."""

    __slots__ = ("_asked", "_fit", "candidate", "index", "reasons")

    def __init__(
        self, candidate: Candidate, reasons: tuple[Reason, ...], index: int, *, asked: Asked
    ) -> None:
        """`index` among its like (`near.Near`)."""
        self.candidate = candidate
        self.reasons = reasons
        self.index = index
        self._asked = asked
        self._fit: Fit | None = None

    @property
    def fit(self) -> Fit:
        """Under the request as it is."""
        if self._fit is None:
            self._fit = self._asked.fit(self.candidate)
        return self._fit


def step_for(reason: Reason, *, miss: NearMiss, asked: Asked) -> Step | None:
    """The step that makes this limit let the offer in; None where it cannot."""
    return _STEPS[reason](miss, asked)


def _step(limit: str, asked: str, instead: str, *, distance: float, **fields: Any) -> Step:
    return Step(limit, (Change(limit, asked, instead),), fields, distance)


def _region(miss: NearMiss, asked: Asked) -> Step | None:
    """To the nearest macro region in which the offer may be."""
    places = miss.candidate.offer.regions
    rtt, nearest = min((asked.rtt_to[frozenset({place})], place) for place in places)
    return _step("region", asked.request.region, nearest, distance=rtt / 100.0, region=nearest)


def _gpu(miss: NearMiss, asked: Asked) -> Step | None:
    """Another form or memory size of the same family."""
    query = asked.request.gpu
    keeps_size = query.vram_gb == miss.candidate.offer.gpu.vram_gb
    wider = GpuQuery(query.family, vram_gb=query.vram_gb if keeps_size else None)
    return _step("gpu_type", query.name, wider.name, distance=0.2 if keeps_size else 0.6, gpu=wider)


def _count(miss: NearMiss, asked: Asked) -> Step | None:
    wanted, has = asked.request.gpu_count, miss.candidate.offer.gpu_count
    if has > wanted:
        return _step("allow_larger", "false", "true", distance=has / wanted - 1.0, allow_larger=True)
    return _step("gpu_count", str(wanted), str(has), distance=wanted / has - 1.0, gpu_count=has)


def _vram(miss: NearMiss, asked: Asked) -> Step | None:
    has, least = vram_gb(asked.fit(miss.candidate)), asked.request.min_vram_gb
    if has is None or least is None:
        return None
    distance = least / has - 1.0 if has else 1.0
    return _step("min_vram_gb", f"{least:g}", f"{has:g}", distance=distance, min_vram_gb=has)


def _latency(miss: NearMiss, asked: Asked) -> Step | None:
    needed, limit = float(ceil(asked.fit(miss.candidate).latency_ms)), asked.request.max_latency_ms
    distance = _ratio(needed, limit) - 1.0
    return _step("max_latency_ms", f"{limit:g}", f"{needed:g}", distance=distance, max_latency_ms=needed)


def _reputation(miss: NearMiss, asked: Asked) -> Step | None:
    has, least = float(floor(miss.candidate.reputation)), asked.request.min_reputation
    distance = (least - has) / 100.0
    return _step("min_reputation", f"{least:g}", f"{has:g}", distance=distance, min_reputation=has)


def _price(miss: NearMiss, asked: Asked) -> Step | None:
    """To the next cent; `max_total_cost` too where it is what refuses, or would."""
    request, fit = asked.request, asked.fit(miss.candidate)
    changes: list[Change] = []
    fields: dict[str, Decimal] = {}
    distance = 0.0
    cost = total_cost(fit, asked)
    for limit, most, price in (
        ("max_price", request.max_price, fit.effective_usd),
        ("max_total_cost", request.max_total_cost, cost),
    ):
        if most is not None and price > most:
            needed = fields[limit] = _next_cent(price)
            changes.append(Change(limit, _dollars(most), _dollars(needed)))
            distance += _ratio(float(needed), float(most)) - 1.0
    return Step(changes[0].limit, tuple(changes), fields, distance) if changes else None


def _spot(_miss: NearMiss, _asked: Asked) -> Step | None:
    return _step("spot", "false", "true", distance=0.5, spot=True)


def _provider(miss: NearMiss, asked: Asked) -> Step | None:
    """The tenant's own lists can change, and the policy that refuses; a state can only be waited for."""
    request, name = asked.request, miss.candidate.offer.provider
    without, only = request.exclude_providers, request.providers
    if name in without:
        left = without - {name}
        return _step(
            "exclude_providers", _listed(without), _listed(left), distance=0.5, exclude_providers=left
        )
    if only and name not in only:
        wider = only | {name}
        return _step("providers", _listed(only), _listed(wider), distance=0.5, providers=wider)
    if asked.rejection(asked.state(miss.candidate.provider)) is not None:
        return _step("policy", request.policy, BALANCED.name, distance=1.0, policy=BALANCED.name)
    return Step(name, (Change(name, *_state_change(miss, asked)),), None, distance=2.0)


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
    needed, most = float(ceil((asked.now - miss.candidate.offer.seen_at).total_seconds())), asked.max_age_s
    distance = 1.0 + needed / most if most > 0 else needed
    return _step("offer_max_age", f"{most:g} s", f"{needed:g} s", distance=distance, **{MAX_AGE: needed})


def _g_score(miss: NearMiss, asked: Asked) -> Step | None:
    has, least = miss.candidate.g_score, asked.request.min_g_score
    if has is None or least is None:
        return None
    instead, distance = float(floor(has)), (least - has) / 100.0
    return _step("min_g_score", f"{least:g}", f"{instead:g}", distance=distance, min_g_score=instead)


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
