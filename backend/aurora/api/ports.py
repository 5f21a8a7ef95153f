"""What the HTTP API needs from the rest of Aurora, by shape. Bootstrap builds an object that fits `AuroraPort`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from aurora.api.access import AccessPolicy
from aurora.domain.clock import Clock
from aurora.domain.offer import Offer
from aurora.domain.records import ProviderCatalogueState, SyncReport
from aurora.domain.request import ComputeRequest
from aurora.routing.g_score import GScore
from aurora.routing.whatif import WhatIf
from aurora.services.intake import RequestIntake
from aurora.services.policy_desk import PolicyLine
from aurora.services.ports import Caller, Decisions, Deployments, Routing

Json = dict[str, Any]
"""A JSON object. Decimal, datetime, StrEnum and frozenset are allowed in it: the answer writes them."""


class CatalogueView(Protocol):
    """The offers in memory."""

    def offers(self) -> Iterable[Offer]:
        """Every offer that is on sale as far as we know. No I/O."""
        ...

    def state(self, provider: str) -> ProviderCatalogueState:
        """How far one provider's offers can be trusted; a provider that never synced has no figures."""
        ...


class SyncRuns(Protocol):
    """Reading the markets."""

    async def run_all(self) -> Mapping[str, SyncReport]:
        """Sync every provider now, past the cache; callers that come meanwhile share the run."""
        ...

    def latest_all(self) -> Mapping[str, SyncReport]:
        """The last report of each provider; empty before the first run."""
        ...


class ProviderDesk(Protocol):
    """The health endpoints' figures as plain data. An unknown provider raises NotFound."""

    def providers(self) -> list[Json]: ...

    def health(self) -> Json: ...

    def provider_health(self, name: str) -> Json: ...

    async def check(self, name: str, *, force: bool, caller: Caller) -> Json:
        """Ask the provider now: one call, no cache, no retry."""
        ...

    def breakers(self) -> Json: ...

    async def reset(self, name: str, *, operation_class: str | None, actor: str) -> Json: ...

    def limiters(self) -> Json: ...

    def cache_stats(self) -> Json: ...

    def invalidate(self, provider: str | None) -> Json: ...

    def summary(self) -> Json: ...


class Reputations(Protocol):
    """How far a provider, or one host of it, keeps what it sells."""

    def of(self, provider: str, host: str | None) -> float:
        """0 to 100."""
        ...


class GScores(Protocol):
    """How good offers are by themselves."""

    def of(self, offer_id: str) -> GScore | None:
        """None: nothing is known of it."""
        ...


class Policies(Protocol):
    """`GET /policies`."""

    @property
    def default(self) -> str: ...

    def lines(self) -> Sequence[PolicyLine]: ...


class WhatIfs(Protocol):
    """`POST /route/whatif`."""

    def ask(self, request: ComputeRequest) -> WhatIf:
        """What other limits would give; writes nothing. Raises InvalidRequest."""
        ...


class MetricsPage(Protocol):
    """The Prometheus page."""

    @property
    def content_type(self) -> str: ...

    def render(self) -> bytes: ...


class AuroraPort(Protocol):
    """A running Aurora."""

    @property
    def emulated(self) -> bool: ...

    @property
    def mode(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def started_at(self) -> datetime: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def access(self) -> AccessPolicy: ...

    @property
    def intake(self) -> RequestIntake: ...

    @property
    def routing(self) -> Routing: ...

    @property
    def deployments(self) -> Deployments: ...

    @property
    def decisions(self) -> Decisions: ...

    @property
    def catalogue(self) -> CatalogueView: ...

    @property
    def reputation(self) -> Reputations: ...

    @property
    def g_scores(self) -> GScores: ...

    @property
    def policies(self) -> Policies: ...

    @property
    def whatif(self) -> WhatIfs: ...

    @property
    def sync(self) -> SyncRuns: ...

    @property
    def desk(self) -> ProviderDesk: ...

    @property
    def metrics(self) -> MetricsPage: ...

    async def ready(self) -> tuple[bool, Mapping[str, Any]]:
        """Can requests be served (database reachable, schema at head, a snapshot loaded)? With each check's result."""
        ...
