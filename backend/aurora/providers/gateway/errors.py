"""The gateway contract's errors, read for what they mean (docs/gateway.md, "Errors")."""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    NoCapacity,
    NotSupported,
    OfferGone,
    OutcomeUnknown,
    PaymentRequired,
    ProviderError,
    RateLimited,
    Unavailable,
)
from aurora.domain.operation import Operation
from aurora.providers.answers import Explain, Refusal
from aurora.providers.fields import Fields

_LONGEST = 8192
_MOST_FIELDS = 5


class KeyInUse(OutcomeUnknown):
    """Something was sent under our key before: whether there is a job of ours, its name tells."""

    counts_against_provider = False


class StalePosition(InvalidProviderRequest):
    """The gateway cannot read the cursor (any more): the walk begins anew."""


_KINDS: Mapping[str, type[ProviderError]] = {
    "invalid_cursor": StalePosition,
    "missing_idempotency_key": InvalidProviderRequest,
    "bad_json": InvalidProviderRequest,
    "invalid_request": InvalidProviderRequest,
    "unauthenticated": CredentialRefused,
    "forbidden": CredentialRefused,
    "insufficient_funds": PaymentRequired,
    "price_changed": OfferGone,
    "no_capacity": NoCapacity,
    "idempotency_mismatch": KeyInUse,
    "idempotency_in_progress": KeyInUse,
    "logs_expired": NotSupported,
    "rate_limited": RateLimited,
}
_NOT_FOUND: Mapping[Operation, type[ProviderError]] = {
    Operation.QUOTE: OfferGone,
    Operation.CREATE: OfferGone,
    Operation.STATUS: InstanceNotFound,
    Operation.LOGS: InstanceNotFound,
    Operation.TERMINATE: InstanceNotFound,
}


def explain(operation: Operation) -> Explain:
    """The reading of a refused `operation`, for `JsonClient.call`."""
    return partial(_explain, operation)


def _explain(operation: Operation, refusal: Refusal) -> ProviderError | None:
    body = refusal.body if isinstance(refusal.body, dict) else {}
    said = Fields(body).object("error")
    code = said.text("code", limit=80)
    if code is None:
        return None  # a proxy's page: judged by its status alone
    kind = _kind(operation, code, refusal.status)
    if kind is None:
        return None
    error = kind(
        refusal.provider, _detail(refusal, code, said), status=refusal.status, retry_after=refusal.retry_after
    )
    if said.flag("retryable") is False:
        error.retryable = False  # goes before the table; the other way round nothing new becomes safe
    return error


def _kind(operation: Operation, code: str, status: int) -> type[ProviderError] | None:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable
    if code == "not_found":
        # Absence is believed only in the contract's own words and with its own status.
        return _NOT_FOUND.get(operation) if status == HTTPStatus.NOT_FOUND else None
    return _KINDS.get(code)


def _detail(refusal: Refusal, code: str, said: Fields) -> str:
    message = refusal.redact(said.text("message", limit=_LONGEST) or "")
    told = f"{refusal.status} {code}" + (f": {message}" if message else "")
    details = said.object("details")
    price = details.number("price_per_hour")
    if price is not None:
        told += f" (now ${price:f}/h)"
    wrong = _wrong_fields(details.raw("fields"), refusal)
    return f"{told} ({wrong})" if wrong and wrong not in told else told


def _wrong_fields(rows: object, refusal: Refusal) -> str:
    listed = rows[:_MOST_FIELDS] if isinstance(rows, list) else []
    found = (Fields(row) for row in listed if isinstance(row, dict))
    return refusal.redact(
        "; ".join(f"{each.text('path', limit=80)}: {each.text('message', limit=200)}" for each in found)
    )
