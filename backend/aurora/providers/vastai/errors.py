"""Vast.ai's error bodies, read for what they mean (Vast docs rate-limits-and-errors and openapi, 2026-08-07).

Shapes: `{"success": false, "error": code, "msg": text}` with any of them missing, `message` for `msg`,
`{"detail": text}`, or plain text. A refusal may even come with status 200.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    OfferGone,
    OutcomeUnknown,
    PaymentRequired,
    ProviderError,
    RateLimited,
)
from aurora.domain.operation import Operation
from aurora.providers.answers import Explain, Refusal, by_status
from aurora.providers.fields import Fields, integer, number
from aurora.providers.vastai.limits import CREATE_PENALTY_S

_INSTANCE_OPERATIONS = frozenset({Operation.STATUS, Operation.LOGS, Operation.TERMINATE})
_MONEY = ("insufficient_credit", "spend_rate_limit", "lacks credit")
_NO_ASK = "no_such_ask"
_QUOTA = "search_quota_exceeded"
_THRESHOLD = re.compile(r"threshold\s*=\s*([0-9]{1,4}(?:\.[0-9]{1,4})?)")
_CONTRACT = re.compile(r'"new_contract"\s*:\s*"?([0-9]{1,18})')
_LONGEST = 8192
"""Characters of a message that are read: more than are quoted, so that no secret is cut in two and half shown."""
_LONGEST_RESET = timedelta(hours=48)


class LeftBehind(OutcomeUnknown):
    """A create was refused, and yet there is an instance (a bid below the minimum): it must be destroyed."""

    counts_against_provider = False

    def __init__(self, provider: str, *, external_id: str, refusal: ProviderError) -> None:
        super().__init__(provider, refusal.detail, status=refusal.status)
        self.external_id = external_id
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class _Words:
    """What the body says: `code` and `message` apart, `all` in lower case for searching."""

    code: str
    message: str
    from_vast: bool
    """The body has Vast's shape: a proxy's or a web server's page has not."""

    @property
    def all(self) -> str:
        return f"{self.code} {self.message}".lower()

    @classmethod
    def of(cls, refusal: Refusal) -> "_Words":
        if not isinstance(refusal.body, dict):
            return cls("", refusal.text, from_vast=False)
        fields = Fields(refusal.body)
        message = next(
            (found for name in ("msg", "message", "detail") if (found := fields.text(name, limit=_LONGEST))),
            "",
        )
        known = any(name in refusal.body for name in ("success", "error", "msg"))
        return cls(fields.text("error", limit=80) or "", refusal.redact(message), from_vast=known)


def explain(operation: Operation) -> Explain:
    """The reading of a refused `operation`, for `JsonClient.call`."""
    return partial(_explain, operation)


def _explain(operation: Operation, refusal: Refusal) -> ProviderError | None:
    error = _meaning(operation, refusal, _Words.of(refusal))
    contract = _contract(refusal) if operation is Operation.CREATE else None
    if contract is None:
        return error
    return LeftBehind(refusal.provider, external_id=contract, refusal=error or by_status(refusal))


def refuses(answer: object) -> bool:
    """A 200 that says `success: false` is a refusal."""
    return isinstance(answer, dict) and answer.get("success") is False


def _contract(refusal: Refusal) -> str | None:
    """The id of the instance that an error answer mentions, also in a body cut short."""
    if isinstance(refusal.body, dict):
        found = integer(refusal.body.get("new_contract"))
        return None if found is None or found <= 0 else str(found)
    cut = _CONTRACT.search(refusal.raw)
    return cut[1] if cut else None


def _meaning(operation: Operation, refusal: Refusal, words: _Words) -> ProviderError | None:
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    if refusal.status == HTTPStatus.TOO_MANY_REQUESTS or words.code in {_QUOTA, "rate_limit_exceeded"}:
        return _too_much(operation, refusal, words)
    kind = _kind(operation, refusal.status, words)
    if kind is None:
        return None
    detail = ": ".join(part for part in (f"{refusal.status} {words.code}".strip(), words.message) if part)
    return kind(refusal.provider, detail, status=refusal.status)


def _kind(operation: Operation, status: int, words: _Words) -> type[ProviderError] | None:
    if words.code == "auth_error" or "invalid user key" in words.all:
        return CredentialRefused  # also with 404: the search is documented so
    if operation in {Operation.CREATE, Operation.QUOTE} and (
        _NO_ASK in words.all or status == HTTPStatus.GONE
    ):
        return OfferGone
    if any(word in words.all for word in _MONEY):
        return PaymentRequired
    if operation in _INSTANCE_OPERATIONS and _says_gone(status, words):
        return InstanceNotFound
    if words.code and status == HTTPStatus.FORBIDDEN:
        return InvalidProviderRequest  # this offer or instance is not for us; the key itself is fine
    return InvalidProviderRequest if words.from_vast and status == HTTPStatus.NOT_FOUND else None


def _says_gone(status: int, words: _Words) -> bool:
    """Absence must be said in Vast's words: a 404 of a wrong address or a proxy would end the search for a machine
    that is billed.
    """
    if words.code in {"no_such_instance", "invalid_id"} or "no_such_instance" in words.all:
        return True
    if words.code == "not_found" and "instance" in words.all.replace("not_found", ""):
        return True
    return status == HTTPStatus.GONE and words.from_vast


def _too_much(operation: Operation, refusal: Refusal, words: _Words) -> ProviderError:
    detail = f"{refusal.status} {words.code or 'too many requests'}: {words.message}"
    if words.code == _QUOTA:
        return RateLimited(refusal.provider, detail, status=refusal.status, until=_quota_reset(refusal))
    return RateLimited(
        refusal.provider, detail, status=refusal.status, retry_after=_pause_s(operation, refusal, words)
    )


def _pause_s(operation: Operation, refusal: Refusal, words: _Words) -> float | None:
    """Retry-After, which the docs deny and the official client honours; else the interval that the text names."""
    if refusal.retry_after is not None:
        return refusal.retry_after
    if operation is Operation.CREATE:
        return CREATE_PENALTY_S
    found = _THRESHOLD.search(words.message)
    return float(found[1]) if found else None


def _quota_reset(refusal: Refusal) -> datetime:
    """`X-RateLimit-Reset` (epoch seconds); without a sane one the next UTC midnight, when the quota starts anew."""
    now = refusal.now
    epoch_s = number(refusal.headers.get("X-RateLimit-Reset", ""))
    if epoch_s is not None and now.timestamp() <= epoch_s <= (now + _LONGEST_RESET).timestamp():
        return datetime.fromtimestamp(float(epoch_s), UTC)
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), datetime.min.time(), UTC)
