"""The Console's error bodies, read for what they mean (akash-network/console, August 2026, and the agent skill).

Shape: `{"error", "message", "code", "type", "data"}` with any of them missing; some handlers send only `error` or only
`message`, an older text nests them in `error`. Cloudflare stands in front and answers for itself, in HTML.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    NoCapacity,
    OfferGone,
    OutcomeUnknown,
    PaymentRequired,
    ProviderError,
    RateLimited,
    Unavailable,
)
from aurora.domain.operation import Operation
from aurora.providers.akash.limits import DEPOSIT
from aurora.providers.answers import Explain, Refusal, by_status
from aurora.providers.fields import Fields

WALLET_WAIT_S = 5.0
"""A new account's wallet is being made; no time is documented."""
TOP_UP_WAIT_S = 15.0
"""Auto recharge is running and says no Retry-After."""
_LONGEST = 8192
_NO_DEPLOYMENT = "deployment not found"

_NO_DEPLOYMENT = "deployment not found"


_ON_ITS_OWN = frozenset({Operation.LOGS, Operation.TERMINATE})
"""Asked of a closed deployment, there is nothing left to do."""


class BidRefused(OfferGone):
    """This bid is not to be had (gone, matched, provider unreachable or not authorised): look again."""


class ManifestNotDelivered(OutcomeUnknown):
    """The lease exists, its provider did not take the manifest: the same call is to be sent again."""

    counts_against_provider = False


class ProviderTrouble(Unavailable):
    """One of the many providers behind the Console failed: it says nothing about the Console."""

    counts_against_provider = False


class TopUpNotNeeded(InvalidProviderRequest):
    """The Console funds deployments by itself and takes no deposits any more (era B)."""


@dataclass(frozen=True, slots=True)
class _Words:
    code: str
    message: str
    from_console: bool
    """The body has the Console's shape: a proxy's page has not."""

    @property
    def all(self) -> str:
        return f"{self.code} {self.message}".lower()

    @classmethod
    def of(cls, refusal: Refusal) -> "_Words":
        body = refusal.body
        if not isinstance(body, dict):
            return cls("", refusal.text, from_console=False)
        if isinstance(body.get("error"), dict):
            body = body["error"]  # {"error": {"code", "message", "retryAfter"}}: unverified, accepted
        fields = Fields(body)
        message = fields.text("message", limit=_LONGEST) or fields.text("error", limit=_LONGEST) or ""
        known = any(isinstance(body.get(name), str) for name in ("error", "message", "code"))
        code = (fields.text("code", limit=80) or "").lower()
        return cls(code, refusal.redact(message), from_console=known)


def explain(operation: Operation, *, endpoint: str | None = None) -> Explain:
    """The reading of a refused request, for `JsonClient.call`. `endpoint`: which of an operation's requests."""
    return partial(_explain, operation, endpoint)


def _explain(operation: Operation, endpoint: str | None, refusal: Refusal) -> ProviderError | None:
    words = _Words.of(refusal)
    if _is_challenge(refusal):
        detail = "blocked by the network in front of the API (Cloudflare), for now"
        return Unavailable(refusal.provider, detail, status=refusal.status, retry_after=refusal.retry_after)
    if refusal.status == HTTPStatus.TOO_MANY_REQUESTS or words.code == "rate_limited":
        return _later(refusal, words, _nested_wait(refusal.body))
    waits = _WAITS.get(words.code)
    if waits is not None:
        return _later(refusal, words, waits)
    kind = _kind(operation, endpoint, refusal.status, words)
    if kind is None and not words.from_console:
        return None
    detail = _detail(refusal.status, words)
    if kind is not None:
        return kind(refusal.provider, detail, status=refusal.status, retry_after=refusal.retry_after)
    error = by_status(refusal)
    error.detail, error.args = detail, (detail,)
    return error


def _detail(status: int, words: _Words) -> str:
    """`401 Unauthorized: Invalid API key`, with the code where there is nothing else."""
    said = words.message or words.code
    phrase = next((each.phrase for each in HTTPStatus if each == status), "")
    return f"{status} {phrase}".strip() + (f": {said}" if said else "")


_WAITS: Mapping[str, float] = {
    "wallet_provisioning": WALLET_WAIT_S,
    "balance_top_up_pending": TOP_UP_WAIT_S,
}
"""Refusals that certainly had no effect and pass by themselves, and how long when no Retry-After says it."""

_BY_CODE: Mapping[str, type[ProviderError]] = {
    "payment_required": PaymentRequired,
    "insufficient_balance": PaymentRequired,
    "fair_use_policy_required": CredentialRefused,
    "provider_unreachable": BidRefused,
    "manifest_not_delivered": ManifestNotDelivered,
}


def _is_challenge(refusal: Refusal) -> bool:
    """A Cloudflare page: HTML 403 with `cf-mitigated: challenge` (the shape is a [guess]). It is no judgement of
    our key.
    """
    html = refusal.raw.lstrip()[:1] == "<"
    return refusal.status == HTTPStatus.FORBIDDEN and (html or "cf-mitigated" in refusal.headers)


def _later(refusal: Refusal, words: _Words, wait_s: float | None) -> RateLimited:
    after = refusal.retry_after if refusal.retry_after is not None else wait_s
    return RateLimited(
        refusal.provider, _detail(refusal.status, words), status=refusal.status, retry_after=after
    )


def _nested_wait(body: object) -> float | None:
    nested = body.get("error") if isinstance(body, dict) else None
    return Fields(nested).within("retryAfter", 0, 86_400) if isinstance(nested, dict) else None


def _kind(
    operation: Operation, endpoint: str | None, status: int, words: _Words
) -> type[ProviderError] | None:
    by_code = _BY_CODE.get(words.code)
    if by_code is not None:
        return by_code
    by_text = _by_text(operation, words)
    if by_text is not None:
        return by_text
    if status == HTTPStatus.NOT_FOUND:
        return _not_found(endpoint, words)
    if status == HTTPStatus.GONE and endpoint == DEPOSIT:
        return TopUpNotNeeded
    return None


_BY_TEXT: tuple[tuple[tuple[str, ...], type[ProviderError]], ...] = (
    (
        ("selected bid is no longer open", "already been matched or closed", "provider not authorized"),
        BidRefused,
    ),
    (
        (
            "not enough balance",
            "not enough funds",
            "insufficient funds",
            "deposit too low",
            "trial expired",
            "userwallet is not initialized",
        ),
        PaymentRequired,
    ),
    (
        (
            "manifest version validation failed",
            "invalid provider jwt credentials",
            "escrow cannot be settled yet",
            "provider service is temporarily unavailable",
        ),
        ProviderTrouble,
    ),
    (("not available on free trial",), NoCapacity),
)
"""Messages in small letters; the handlers give most of them no code of their own [seen]."""


def _by_text(operation: Operation, words: _Words) -> type[ProviderError] | None:
    said = words.all
    for texts, kind in _BY_TEXT:
        if any(text in said for text in texts):
            return kind
    if operation is Operation.CREATE and "already exists" in said:
        return OutcomeUnknown  # an earlier create of ours, or a clash of numbers: the name is looked for
    return InstanceNotFound if "deployment closed" in said and operation in _ON_ITS_OWN else None


def _not_found(endpoint: str | None, words: _Words) -> type[ProviderError] | None:
    """Absence must be said in the Console's words: an unknown route or a proxy's page is another 404."""
    if _NO_DEPLOYMENT in words.all:
        return InstanceNotFound
    if "userwallet not found" in words.all:
        return PaymentRequired
    return TopUpNotNeeded if endpoint == DEPOSIT and not words.from_console else None
