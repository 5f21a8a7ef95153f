"""The provider health desk: what every provider's state is, and the few things that people may do about it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol

import structlog

from aurora.db.database import Database
from aurora.db.repositories import incidents
from aurora.db.repositories.health import Observation
from aurora.db.repositories.incidents import Incident, IncidentKind
from aurora.domain.clock import Clock
from aurora.domain.errors import DatabaseUnavailable, InvalidRequest
from aurora.domain.health import ProviderStatus
from aurora.domain.operation import OperationClass
from aurora.domain.records import ProviderCatalogueState
from aurora.providers.registry import Entry, ProviderRegistry
from aurora.resilience.guard import Guard
from aurora.resilience.view import GuardView
from aurora.services import provider_check, provider_report, uptime
from aurora.services.ports import Caller
from aurora.services.provider_report import Json
from aurora.services.provider_status import Condition, Evidence, judge, stale_after, system_status

OBSERVED_S = 90.0
"""What another replica saw longer ago says nothing any more."""
_ILLNESS = {ProviderStatus.HEALTHY: 0, ProviderStatus.DEGRADED: 1, ProviderStatus.UNAVAILABLE: 2}
BAND = 20
"""Width of a G-Score band."""


class ResetOthers(Protocol):
    """Closes breakers at the other replicas; False: they will be told later."""

    async def __call__(
        self, provider: str, operation_class: OperationClass | None, *, actor: str
    ) -> bool: ...


class Catalogue(Protocol):
    """What the desk asks of the offers' read model."""

    def state(self, provider: str) -> ProviderCatalogueState: ...


@dataclass(frozen=True, slots=True)
class DeskPolicy:
    """`sync_intervals` by provider and `max_ttl_s`, both in seconds, say when offers are too old."""

    max_ttl_s: float = 300.0
    sync_intervals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """One provider at one moment."""

    name: str
    condition: Condition
    view: GuardView | None
    """None: disabled, or registered without a guard."""
    state: ProviderCatalogueState


@dataclass(frozen=True, slots=True)
class _Refusal:
    reason: str
    successes: int
    """Successful calls before it: any further one says that it is over."""


class ProviderDesk:
    """Reads guards and catalogue, asks nobody unless told to. Unknown names raise NotFound."""

    def __init__(
        self,
        registry: ProviderRegistry,
        catalogue: Catalogue,
        database: Database,
        *,
        clock: Clock,
        started_at: datetime,
        policy: DeskPolicy | None = None,
        g_scores: Callable[[], Iterable[float]] | None = None,
    ) -> None:
        """`started_at`: since when this process observes. `g_scores`: those of all offers, once there are any."""
        self._registry = registry
        self._catalogue = catalogue
        self._database = database
        self._clock = clock
        self._started_at = started_at
        self._policy = policy or DeskPolicy()
        self._g_scores = g_scores
        self._refusals: dict[str, _Refusal] = {}
        self._failed_checks: dict[str, str] = {}
        self._incidents: tuple[Incident, ...] | None = None
        self._observed: Mapping[str, Observation] = {}
        self._reset_others: ResetOthers | None = None
        self._log = structlog.get_logger("aurora.provider_desk")

    def status(self, name: str) -> ProviderStatus:
        """The provider's present condition; fits `ProviderRegistry.register(status=...)`."""
        return self.seen(name).condition.status

    def seen(self, name: str) -> Seen:
        """Everything known of one provider now."""
        return self._seen(self._registry.entry(name))

    def all_seen(self) -> list[Seen]:
        """Every provider, disabled ones too, in the order of registration."""
        return [self._seen(entry) for entry in self._registry]

    def could_not_start(self, name: str, reason: str) -> None:
        """The first call was refused (401, 403, 429): UNAVAILABLE until a call succeeds."""
        guard = _guard(self._registry.entry(name))
        self._refusals[name] = _Refusal(reason, guard.view().breaker.success_count if guard else 0)

    def start_refused(self, name: str) -> bool:
        """Was the first call refused, and has none succeeded since?"""
        entry = self._registry.entry(name)
        guard = _guard(entry)
        return name in self._refusals and self._refused(name, guard.view() if guard else None) is not None

    def health(self) -> Json:
        """`GET /health`. `total_providers` counts those that can at least read offers: all but DISABLED."""
        found = self.all_seen()
        used = Counter(each.condition.status for each in found)
        del used[ProviderStatus.DISABLED]
        return {
            "status": system_status(each.condition.status for each in found).value,
            "providers": {each.name: provider_report.health_row(each.condition, each.view) for each in found},
            "summary": {
                "total_providers": used.total(),
                "healthy": used[ProviderStatus.HEALTHY],
                "degraded": used[ProviderStatus.DEGRADED],
                "unavailable": used[ProviderStatus.UNAVAILABLE],
            },
        }

    def provider_health(self, name: str) -> Json:
        """`GET /providers/{name}/health`: the same for one, in detail."""
        found = self.seen(name)
        return {
            "provider": name,
            **provider_report.health_row(found.condition, found.view),
            **provider_report.health_detail(found.view, found.state),
        }

    def providers(self) -> list[Json]:
        """`GET /providers`. A disabled one has no capabilities (null)."""
        return [self._provider_row(entry) for entry in self._registry]

    async def check(self, name: str, *, force: bool = False, caller: Caller | None = None) -> Json:
        """Ask the provider now. While open nothing is asked unless `force` (who may force is the API's to know).

        `ok` is null when nothing was asked; then `skipped` says why and `retry_after` (s) when to come again.
        """
        provider = self._registry.get(name)
        result = await provider_check.check(provider, force=force, clock=self._clock)
        if result.ok is False:
            self._failed_checks[name] = result.code or "failed"
        elif result.ok:
            self._failed_checks.pop(name, None)
        if force:
            self._log.info("provider_check_forced", provider=name, actor=caller.actor if caller else None)
        return {
            "provider": name,
            "ok": result.ok,
            "status": self.status(name).value,
            "response_time": provider_report.number(result.response_ms, 1),
            "checked_at": provider_report.moment(self._clock.now()),
            "skipped": result.skipped,
            "retry_after": provider_report.number(result.retry_after, 1),
            "error": result.code,
            "detail": result.detail,
            "credit_usd": result.credit_usd,
        }

    def breakers(self) -> Json:
        """`GET /circuit-breakers`: providers without a guard have none."""
        return {name: provider_report.breaker_row(guard.view()) for name, guard in self._guards()}

    async def reset(self, name: str, *, operation_class: str | None = None, actor: str) -> Json:
        """Close all classes or one. A pause that the provider itself dated stands.

        Works while the database is away; then `recorded` is false and the log has it. Raises InvalidRequest.
        """
        self._registry.get(name)
        guard = _guard(self._registry.entry(name))
        chosen = _operation_class(operation_class)
        if guard is not None:
            guard.reset_breaker(chosen)
        if self._reset_others is not None:
            await self._reset_others(name, chosen, actor=actor)
        now = self._clock.now()
        classes = [chosen.value] if chosen else [each.value for each in OperationClass]
        detail = f"closed {', '.join(classes)}"
        moment = Incident(name, IncidentKind.BREAKER_RESET, now, ended_at=now, actor=actor, detail=detail)
        recorded = False
        with suppress(DatabaseUnavailable):  # in an outage the reset matters more than its record
            async with self._database.write() as connection:
                await incidents.add(connection, moment)
            recorded = True
        self._log.warning("breaker_reset", provider=name, classes=classes, actor=actor, recorded=recorded)
        return {
            "provider": name,
            **(provider_report.breaker_row(guard.view()) if guard else {}),
            "reset": {
                "classes": classes,
                "by": actor,
                "at": provider_report.moment(now),
                "recorded": recorded,
            },
        }

    def limiters(self) -> Json:
        """`GET /rate-limiters`."""
        return {name: provider_report.limiter_row(guard.view()) for name, guard in self._guards()}

    def cache_stats(self) -> Json:
        """`GET /cache/stats`."""
        return provider_report.cache_stats({name: guard.view().cache for name, guard in self._guards()})

    def invalidate(self, provider: str | None = None) -> Json:
        """`POST /cache/invalidate`: drop one provider's answers or all; says how many entries went."""
        if provider is not None:
            self._registry.entry(provider)
        dropped = {
            name: guard.invalidate_cache() for name, guard in self._guards() if provider in {None, name}
        }
        return {"invalidated": sum(dropped.values()), "providers": dropped}

    def learn_incidents(self, known: Iterable[Incident]) -> None:
        """What the recorder has written and read: the uptime of `summary` is measured from it."""
        self._incidents = tuple(known)

    def learn_observations(self, observed: Mapping[str, Observation]) -> None:
        """What the replica that asks the markets has seen of them; nothing where that is ourselves.

        Our own checks give way to it: nobody here would repeat one that failed.
        """
        self._observed = observed
        if observed:
            self._failed_checks.clear()

    def resets_with(self, reset_others: "ResetOthers") -> None:
        """Whatever is reset by hand is also reset at the other replicas."""
        self._reset_others = reset_others

    def uptime_since(self) -> datetime:
        """The beginning of the window that uptime is measured in: at most 24 hours, at most since the start."""
        return uptime.window_start(self._clock.now(), observed_since=self._started_at)

    def summary(self) -> Json:
        """`GET /metrics/summary`: all in one. `uptime` is null until the recorder has been heard of."""
        return {
            "health": self.health(),
            "circuit_breakers": self.breakers(),
            "rate_limiters": self.limiters(),
            "cache": self.cache_stats(),
            "uptime": self._uptime(),
            "g_score": self._g_score_bands(),
            "generated_at": provider_report.moment(self._clock.now()),
        }

    def _uptime(self) -> Json | None:
        if self._incidents is None:
            return None
        now, since = self._clock.now(), self.uptime_since()
        found: Json = {}
        for name in self._registry.names():
            spans = [span for span in self._incidents if span.provider == name]
            found[name] = _uptime_row(uptime.measure(spans, since=since, now=now))
        return found

    def _g_score_bands(self) -> dict[str, int] | None:
        """Offers by band: `0-20` holds 0 up to below 20, the last one holds 100 too."""
        scores = list(self._g_scores()) if self._g_scores else []
        if not scores:
            return None
        bands = {f"{low}-{low + BAND}": 0 for low in range(0, 100, BAND)}
        for score in scores:
            low = min(int(score // BAND) * BAND, 100 - BAND)
            bands[f"{low}-{low + BAND}"] += 1
        return bands

    def _provider_row(self, entry: Entry) -> Json:
        found = self._seen(entry)
        row = provider_report.provider_row(entry.name, found.condition, state=found.state)
        capabilities = entry.provider.capabilities if entry.provider else None
        return {**row, "capabilities": asdict(capabilities) if capabilities else None}

    def _seen(self, entry: Entry) -> Seen:
        disabled = entry.provider is None
        guard = None if disabled else _guard(entry)
        view = guard.view() if guard else None
        state = self._catalogue.state(entry.name)
        evidence = Evidence(
            view=view,
            data_age_s=state.data_age_s,
            stale_after_s=stale_after(self._policy.max_ttl_s, self._policy.sync_intervals.get(entry.name)),
            disabled=(entry.reason or "disabled") if disabled else None,
            refused=self._refused(entry.name, view),
            check_failed=self._failed_checks.get(entry.name),
        )
        return Seen(entry.name, self._worse(entry.name, judge(evidence)), view, state)

    def _worse(self, name: str, own: Condition) -> Condition:
        """Our own judgement, or that of the replica that asks the market if it is worse and fresh."""
        seen = self._observed.get(name)
        if seen is None or own.status is ProviderStatus.DISABLED:
            return own
        age_s = (self._clock.now() - seen.observed_at).total_seconds()
        if age_s > OBSERVED_S or _ILLNESS.get(seen.status, 0) <= _ILLNESS.get(own.status, 0):
            return own
        return Condition(seen.status, seen.reason)

    def _refused(self, name: str, view: GuardView | None) -> str | None:
        refusal = self._refusals.get(name)
        if refusal is None:
            return None
        if view is not None and view.breaker.success_count > refusal.successes:
            del self._refusals[name]
            return None
        return refusal.reason

    def _guards(self) -> Iterator[tuple[str, Guard]]:
        for entry in self._registry:
            guard = _guard(entry)
            if entry.provider is not None and guard is not None:
                yield entry.name, guard


def _guard(entry: Entry) -> Guard | None:
    """The resilience layers, where the provider was registered with them."""
    return entry.guard if isinstance(entry.guard, Guard) else None


def _operation_class(name: str | None) -> OperationClass | None:
    if name is None:
        return None
    try:
        return OperationClass(name)
    except ValueError:
        known = ", ".join(OperationClass)
        raise InvalidRequest("class", f"{name!r} is no operation class: {known}") from None


def _uptime_row(found: uptime.Uptime) -> dict[str, Any]:
    return {
        "uptime": provider_report.number(found.ratio),
        "since": provider_report.moment(found.since),
        "unavailable_s": provider_report.number(found.unavailable_s, 1),
        "degraded_s": provider_report.number(found.degraded_s, 1),
        "incidents": found.incidents,
    }
