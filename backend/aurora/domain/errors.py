"""What can go wrong, by meaning: each class says what to do about it.

AuroraError
├── NotFound, Conflict, InvalidRequest          asked wrongly; nothing happened
├── TenantDisabled, QuotaExceeded, InboundLimit the tenant may not do this (now)
├── DatabaseUnavailable                         ours, try again
└── ProviderError                               one market's answer or silence
    ├── local, says nothing about the provider
    │   ├── CircuitBreakerOpen                  we do not ask now; retry_after says when
    │   ├── RateLimitExceeded                   our own limiter; retry_after
    │   └── DeadlineExceeded                    our time ran out before the attempt's did
    ├── CredentialRefused, PaymentRequired      a person must act
    ├── RateLimited                             the provider's 429: retry_after or a dated pause
    ├── Unavailable                             refused connection, 5xx, reset
    │   └── NotSent                             never reached the provider: safe to repeat anything
    ├── ProviderTimeout, OutcomeUnknown         a create may have happened: look before asking again
    ├── MalformedAnswer                         200 with rubbish
    ├── InvalidProviderRequest                  our body was refused
    ├── OfferGone, NoCapacity                   the provider is well, this offer is not to be had
    └── InstanceNotFound                        the provider knows no such instance
"""

from datetime import datetime
from decimal import Decimal


class AuroraError(Exception):
    """Every error of ours. `code` is stable and appears in problem+json answers."""

    code = "internal"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail


class NotFound(AuroraError):
    """The thing does not exist, or belongs to another tenant (which must look the same)."""

    code = "not_found"


class Conflict(AuroraError):
    """The request contradicts the present state."""

    code = "conflict"

    def __init__(self, detail: str, *, code: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(detail)
        if code is not None:
            self.code = code
        self.retry_after = retry_after


class InvalidRequest(AuroraError):
    """A field of the request is wrong; `field` names it."""

    code = "invalid_request"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


class TenantDisabled(AuroraError):
    """The tenant may look at what it has, and end it, but buy nothing."""

    code = "tenant_disabled"


class QuotaExceeded(AuroraError):
    """One more would be over a quota of the tenant; `quota` names it. Ending something makes room."""

    code = "quota_exceeded"

    def __init__(self, quota: str, *, limit: int, used: int, asked: int = 1) -> None:
        super().__init__(f"{quota}: {used} of {limit} in use, {asked} more asked for")
        self.quota = quota
        self.limit = limit
        self.used = used


class InboundLimit(AuroraError):
    """Too many requests of one tenant, or too many wrong keys from one address. `retry_after` in seconds."""

    code = "rate_limited"

    def __init__(self, detail: str, *, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class DatabaseUnavailable(AuroraError):
    """Our database did not answer."""

    code = "database_unavailable"


class SpendingStopped(AuroraError):
    """Nothing may be bought now; what runs goes on."""

    code = "spending_stopped"


class ProviderError(AuroraError):
    """One market's refusal, failure or silence.

    `retryable`: may the very same call be sent again (for a create this is never assumed: see `never_sent`)?
    `counts_against_provider`: does it speak about the provider's health (breaker, success rate)?
    `outcome_known`: is it certain that a create had no effect?
    `retry_after`: seconds the provider, or our own breaker or limiter, asks us to wait.
    `until`: the provider's own dated pause (a quota reset), which nothing of ours may shorten.
    """

    code = "provider_error"
    retryable = False
    counts_against_provider = False
    outcome_known = True

    def __init__(
        self,
        provider: str,
        detail: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        until: datetime | None = None,
    ) -> None:
        super().__init__(detail)
        self.provider = provider
        self.status = status
        self.retry_after = retry_after
        self.until = until

    def __str__(self) -> str:
        return f"{self.provider}: {self.detail}"


class CircuitBreakerOpen(ProviderError):
    """We do not ask now: the last calls failed. `retry_after` is the time to the next probe."""

    code = "circuit_open"


class RateLimitExceeded(ProviderError):
    """Our own limiter or bulkhead has no room within the deadline; the provider was not asked."""

    code = "rate_limit_exceeded"


class DeadlineExceeded(ProviderError):
    """Our total time ran out. Neutral if the provider was not given its own attempt time-out."""

    code = "deadline_exceeded"
    outcome_known = False


class CredentialRefused(ProviderError):
    """401/403: the key is wrong, expired or lacks a right. A person must act; no hammering."""

    code = "credential_refused"


class PaymentRequired(ProviderError):
    """402 or its equivalent: no credit at the provider."""

    code = "payment_required"


class RateLimited(ProviderError):
    """The provider's 429: neutral for the breaker, pauses the limiter."""

    code = "provider_rate_limited"
    retryable = True


class Unavailable(ProviderError):
    """5xx, reset, truncated: the provider is not well. For a create the outcome is unknown."""

    code = "provider_unavailable"
    retryable = True
    counts_against_provider = True
    outcome_known = False


class NotSent(Unavailable):
    """DNS, refused connection, connect time-out, TLS: the request never left; repeating is always safe."""

    code = "provider_unreachable"
    outcome_known = True


class ProviderTimeout(Unavailable):
    """No answer within the attempt's time-out."""

    code = "provider_timeout"


class OutcomeUnknown(Unavailable):
    """A create was sent and no trustworthy answer came: settle it by name, never repeat it."""

    code = "outcome_unknown"
    retryable = False


class MalformedAnswer(ProviderError):
    """The answer is not what the contract says (HTML, wrong types, too big): one repeat at most for reads."""

    code = "malformed_answer"
    retryable = True
    counts_against_provider = True
    outcome_known = False


class Misconfigured(ProviderError):
    """A redirect or an address that is not the API: the configuration is wrong, not the provider."""

    code = "provider_misconfigured"


class InvalidProviderRequest(ProviderError):
    """The provider refused our body (400/422): our fault, never repeated."""

    code = "provider_rejected_request"


class OfferGone(ProviderError):
    """Somebody took it: the provider is well, our offer is stale."""

    code = "offer_gone"


class NoCapacity(ProviderError):
    """The provider has no machine for this now."""

    code = "no_capacity"


class InstanceNotFound(ProviderError):
    """The provider knows no such instance (one sighting of absence, not yet a fact).

    `charged_usd`: what it cost in all, where the market still says so.
    """

    code = "instance_not_found"
    charged_usd: Decimal | None = None


class NotSupported(ProviderError):
    """This market cannot do that (see its capabilities)."""

    code = "not_supported"
