"""The provider contract: what a market must do to be routed to, deployed on and accounted for.

Every method raises only `aurora.domain.errors.ProviderError` subclasses. Every upstream request goes through
`CallGuard.call`, once per request, so that breaker, limiter, cache and retry see what is really sent.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TypeVar, runtime_checkable

from aurora.domain.billing import BillingRule
from aurora.domain.instance import Created, Instance, LaunchSpec, LogLine, Quote
from aurora.domain.offer import Offer, PriceKind
from aurora.domain.operation import Operation

T = TypeVar("T")

MOST_ROWS = 50_000
"""Rows of one catalogue that are read where nobody says otherwise: several times what any market was seen to list."""


class CallGuard(Protocol):
    """What an adapter sees of the resilience layers (`aurora.resilience.guard.Guard` fits)."""

    async def call(
        self,
        operation: Operation,
        send: Callable[[], Awaitable[T]],
        *,
        endpoint: str | None = None,
        cache_key: str | None = None,
        cost: float = 1.0,
    ) -> T:
        """Run one upstream request under the operation's rules.

        `endpoint` names the provider's own limit class (default: the operation). `cache_key` makes a cacheable
        operation's answer shareable; None never caches. `cost` is the number of tokens the request takes.
        """
        ...

    def charge(self, endpoint: str, amount: float) -> None:
        """Take `amount` from an endpoint class after the fact (a quota counted in returned rows)."""
        ...


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this market can do. The router's capability filter reads it; nobody guesses."""

    deploy: bool = True
    """False: offers can be read, nothing can be rented."""
    logs: bool = True
    follow_logs: bool = True
    requote: bool = True
    """The price can be read again right before a create."""
    charged_price: bool = True
    """The price that is being charged can be read back."""
    list_own: bool = True
    command: bool = True
    ports: bool = True
    udp_ports: bool = True
    disk: bool = True
    private_registry: bool = True
    spot: bool = False
    custom_sizes: bool = False
    """GPU counts other than the offer's own can be cut."""
    reports_capacity: bool = False
    list_settles_within_s: float = 60.0
    """An instance is in the list at the latest this long after its create; absence before that proves nothing."""
    price_kind: PriceKind = PriceKind.FIRM


@dataclass(frozen=True, slots=True)
class EndpointLimit:
    """The provider's own limit on one class of endpoints.

    `min_interval_s`: seconds between two calls. `per_period` calls in `period_s` seconds with bursts up to
    `per_period`. Both may hold at once. Sources are in the adapter.
    """

    min_interval_s: float | None = None
    per_period: float | None = None
    period_s: float = 60.0
    strict: bool = False
    """Never more than `per_period` in any window (the market counts fixed or sliding windows)."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Items of a catalogue that could not be understood: counted by reason, never silent, never a crash."""

    reason: str
    count: int = 1
    example: str = ""
    """The item's id or the offending value, at most 120 characters, no secrets."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the walk through one slice of the catalogue stands. `position` is the adapter's own; None = start."""

    slice_key: str
    position: str | None = None


@dataclass(frozen=True, slots=True)
class OffersPage:
    """One answer's worth of offers.

    `next` is None when the slice has been read to its end: only then is absence from it a fact. `complete` False
    with `next` None says that the market cannot be walked further (its cap was hit): nothing is marked gone.
    """

    cursor: Cursor
    offers: tuple[Offer, ...]
    rejected: tuple[Rejection, ...] = ()
    next: Cursor | None = None
    complete: bool = True
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HealthReport:
    """One direct question to the provider."""

    ok: bool
    response_ms: float
    detail: str = ""
    credit_usd: float | None = None

    @classmethod
    def with_credit(cls, credit: Decimal | None, *, response_ms: float) -> "HealthReport":
        """A good answer that says what is left to spend in USD; None: it does not say."""
        detail = "no credit left" if credit is not None and credit <= 0 else ""
        return cls(
            ok=True,
            response_ms=response_ms,
            detail=detail,
            credit_usd=None if credit is None else float(credit),
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of one market: `endpoints` by operation name or the adapter's own class names."""

    endpoints: dict[str, EndpointLimit] = field(default_factory=dict)


class Provider(Protocol):
    """One market account. Methods are safe to call concurrently."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def billing(self) -> BillingRule: ...

    async def catalogue_slices(self) -> Sequence[str]:
        """The parts in which the catalogue is read (`("all",)` where one read is enough)."""
        ...

    async def offers_page(self, cursor: Cursor) -> OffersPage:
        """One request's worth of offers. An empty page is a legal answer; judging it is the sync's work."""
        ...

    async def quote(self, offer_external_id: str, *, gpu_count: int, disk_gb: float) -> Quote:
        """The present price of one offer with this disk, never cached. Raises OfferGone when it is not to be had.

        Takes the market's id, not an `Offer`: after a restart the catalogue may no longer hold it.
        """
        ...

    async def create(self, spec: LaunchSpec) -> Created:
        """Start one instance under `spec.name`. Sent at most once.

        Raises OfferGone, NoCapacity, InvalidProviderRequest, PaymentRequired, CredentialRefused, RateLimited,
        NotSent (certainly no effect), or any error with `outcome_known` False: then look for the name.
        A refusal that left something behind (Vast: a bid below the minimum) is cleaned up by the adapter or
        reported as OutcomeUnknown, so that the name is looked for.
        """
        ...

    async def status(self, external_id: str) -> Instance:
        """One sighting. Raises InstanceNotFound when the market says that it has no such instance."""
        ...

    async def list_own(self) -> Sequence[Instance]:
        """Every instance of the account, all pages, or an error: never a short list."""
        ...

    def logs(self, external_id: str, *, tail: int = 1000, follow: bool = False) -> AsyncIterator[LogLine]:
        """Lines, oldest first; with `follow` it goes on until the instance is gone or the caller stops.

        Raises NotSupported where the market has none.
        """
        ...

    async def terminate(self, external_id: str) -> None:
        """Destroy it. Unknown or already gone is success: whether it is gone is asked with `status`."""
        ...

    async def health(self) -> HealthReport:
        """The cheapest authenticated read."""
        ...

    async def aclose(self) -> None:
        """Close the session."""
        ...


@runtime_checkable
class SupportsSteps(Protocol):
    """A market whose creates take several steps (auctions): until they are done, instances are PREPARING."""

    async def advance(self, external_id: str, spec: LaunchSpec) -> Instance:
        """Make our next move, if it is our turn; the instance afterwards.

        Called again and again while the instance is PREPARING, also after a restart: it re-reads the market before it
        moves and never moves twice. Never agrees to more than `spec.ceiling_usd_per_hour`. Raises NoCapacity or
        OfferGone when nothing will come of it (the instance is then ended and the next candidate taken); a transient
        error is tried again.
        """
        ...


@runtime_checkable
class SupportsPrepay(Protocol):
    """A market where running time is paid in advance: instances have `paid_until`."""

    async def extend(self, external_id: str, *, seconds: float) -> None:
        """Pay for at least `seconds` more."""
        ...
