"""Errors as problem+json, all of one shape, and what each of our errors means over HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil
from typing import Any

from fastapi.responses import Response

from aurora.api.access import AccessRefused
from aurora.api.answers import encode
from aurora.domain import errors as domain
from aurora.domain import request_id

MEDIA_TYPE = "application/problem+json"

_BY_CODE: Mapping[str, int] = {"budget_exceeded": 402}
"""Where the code says more than the class."""
_BY_CLASS: Mapping[type[domain.AuroraError], int] = {
    domain.NotFound: 404,
    domain.Conflict: 409,
    domain.InvalidRequest: 422,
    domain.TenantDisabled: 403,
    domain.QuotaExceeded: 429,
    domain.InboundLimit: 429,
    domain.DatabaseUnavailable: 503,
    domain.SpendingStopped: 503,
    domain.CircuitBreakerOpen: 503,
    domain.RateLimitExceeded: 503,
    domain.RateLimited: 503,
    domain.DeadlineExceeded: 504,
    domain.ProviderTimeout: 504,
    domain.Unavailable: 503,
    domain.NotSupported: 409,
    domain.ProviderError: 502,
    domain.AuroraError: 500,
}


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of the request."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One answer that is not what was asked for. `retry_after` in seconds."""

    status: int
    code: str
    detail: str
    errors: Sequence[FieldProblem] = ()
    retry_after: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, exc: domain.AuroraError) -> "Problem":
        """Status by meaning; an error of a class that nobody mapped has its parent's."""
        return cls(
            status=_status(exc),
            code=exc.code,
            detail=str(exc) or HTTPStatus(_status(exc)).phrase,
            errors=[FieldProblem(exc.field, exc.detail)] if isinstance(exc, domain.InvalidRequest) else [],
            retry_after=_retry_after(exc),
            more=_more(exc),
            headers={"WWW-Authenticate": "Bearer"} if _status(exc) == HTTPStatus.UNAUTHORIZED else {},
        )

    def answer(self) -> Response:
        """The response, with an integer Retry-After >= 1 where the wait is known."""
        headers = dict(self.headers)
        if self.retry_after is not None:
            headers["Retry-After"] = str(max(1, ceil(self.retry_after)))
        return Response(encode(self.body()), self.status, headers, MEDIA_TYPE)

    def body(self) -> dict[str, Any]:
        return {
            "type": f"urn:aurora:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "errors": [{"field": each.field, "message": each.message} for each in self.errors],
            "request_id": request_id.current(),
            **self.more,
        }


def _status(exc: domain.AuroraError) -> int:
    if isinstance(exc, AccessRefused):
        return exc.status
    found = _BY_CODE.get(exc.code)
    return found or next(_BY_CLASS[each] for each in type(exc).__mro__ if each in _BY_CLASS)


def _more(exc: domain.AuroraError) -> Mapping[str, Any]:
    """What scripts need beside the sentence."""
    if isinstance(exc, domain.QuotaExceeded):
        return {"quota": exc.quota, "limit": exc.limit, "used": exc.used}
    return {}


def _retry_after(exc: domain.AuroraError) -> float | None:
    """Seconds, where the error knows them."""
    wait = getattr(exc, "retry_after", None)
    return float(wait) if isinstance(wait, int | float) else None
