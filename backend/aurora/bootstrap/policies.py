"""Settings become the small frozen policies that the rooms take."""

from collections.abc import Mapping

from aurora.lifecycle.policy import LifecyclePolicy
from aurora.providers.base import Limits
from aurora.resilience.policy import (
    BreakerPolicy,
    CachePolicy,
    GuardPolicy,
    LimiterPolicy,
    RetryPolicy,
)
from aurora.services.sync_findings import SyncPolicy
from aurora.settings import ProviderSettings, Settings


def guard_policy(settings: Settings, market: ProviderSettings, limits: Limits) -> GuardPolicy:
    """One market's guard."""
    return GuardPolicy(
        breaker=BreakerPolicy(
            threshold=settings.provider_circuit_breaker_threshold,
            open_s=settings.provider_circuit_breaker_timeout,
            half_open_max=settings.provider_circuit_breaker_half_open_max_calls,
        ),
        limiter=limiter_policy(settings, market, limits),
        cache=CachePolicy(
            enabled=settings.provider_cache_enabled,
            ttl_s=settings.provider_cache_ttl,
            max_ttl_s=settings.provider_cache_max_ttl,
            min_ttl_s=settings.provider_cache_min_ttl,
            stale_limit_s=settings.offer_max_age,
        ),
        retry=RetryPolicy(
            max_retries=settings.provider_max_retries,
            base_delay_s=settings.provider_retry_base_delay,
            max_delay_s=settings.provider_retry_max_delay,
            jitter_s=settings.provider_retry_jitter,
        ),
        attempt_timeout_s=market.timeout,
    )


def limiter_policy(settings: Settings, market: ProviderSettings, limits: Limits) -> LimiterPolicy:
    """The market's own limits under our rate."""
    return LimiterPolicy(
        rate_per_min=market.rate_limit,
        endpoints=limits.endpoints,
        enabled=settings.provider_rate_limiter_enabled,
    )


def sync_policies(settings: Settings, names: tuple[str, ...]) -> Mapping[str, SyncPolicy]:
    """How often each market is read."""
    return {
        name: SyncPolicy(
            interval_s=sync_interval(settings, name),
            max_age_s=settings.offer_max_age,
            most_rows=settings.provider_max_rows,
        )
        for name in names
    }


def sync_interval(settings: Settings, name: str) -> float:
    """`P_SYNC_INTERVAL`, else PROVIDER_SYNC_INTERVAL."""
    return settings.provider(name).sync_interval or settings.provider_sync_interval


def lifecycle_policy(settings: Settings) -> LifecyclePolicy:
    """The reconciler's patience."""
    return LifecyclePolicy(
        interval=settings.reconcile_interval,
        start_timeout=settings.start_timeout,
        drain_s=settings.drain_timeout,
    )
