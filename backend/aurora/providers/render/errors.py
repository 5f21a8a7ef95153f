"""Dispersed's refusals. Its body is `{"error": {"code", ...}}` [2nd]; no code was ever seen, so the status decides."""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    ProviderError,
)
from aurora.domain.operation import Operation
from aurora.providers.answers import Explain, Refusal, by_status
from aurora.providers.fields import Fields

_LONGEST = 8192
_OF_A_JOB = frozenset({Operation.STATUS, Operation.TERMINATE})
_KINDS: Mapping[int, type[ProviderError]] = {
    HTTPStatus.BAD_REQUEST: InvalidProviderRequest,
    HTTPStatus.UNPROCESSABLE_ENTITY: InvalidProviderRequest,
    HTTPStatus.FORBIDDEN: CredentialRefused,
}


class NotNow(InvalidProviderRequest):
    """What was asked for does not fit the job's state (409): a cancel of one that has ended."""


def explain(operation: Operation) -> Explain:
    """The reading of a refused `operation`, for `JsonClient.call`."""
    return partial(_explain, operation)


def _explain(operation: Operation, refusal: Refusal) -> ProviderError | None:
    said = Fields(refusal.body if isinstance(refusal.body, dict) else {}).raw("error")
    if not isinstance(said, dict):
        return None  # a proxy's page
    code, message = Fields(said).text("code", limit=80), Fields(said).text("message", limit=_LONGEST)
    told = refusal.redact(": ".join(part for part in (code, message) if part))
    kind = _kind(operation, refusal.status)
    if kind is None:
        error = by_status(refusal)
        error.detail = f"{refusal.status} {told}".strip()
        error.args = (error.detail,)
        return error
    detail = f"{refusal.status} {told}".strip()
    if kind is CredentialRefused:
        detail += " (a wrong key, or a clock that is off by more than five minutes)"
    return kind(refusal.provider, detail, status=refusal.status, retry_after=refusal.retry_after)


def _kind(operation: Operation, status: int) -> type[ProviderError] | None:
    if status == HTTPStatus.UNAUTHORIZED:
        return CredentialRefused
    if status == HTTPStatus.NOT_FOUND:
        return InstanceNotFound if operation in _OF_A_JOB else None
    if status == HTTPStatus.CONFLICT and operation is Operation.TERMINATE:
        return NotNow
    return _KINDS.get(status)
