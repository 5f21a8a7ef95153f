"""What an HTTP answer means before any market's own words are read: strict JSON, status, Retry-After."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from aurora.domain.errors import (
    CredentialRefused,
    InvalidProviderRequest,
    MalformedAnswer,
    Misconfigured,
    PaymentRequired,
    ProviderError,
    RateLimited,
    Unavailable,
)

_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_FINAL_SERVER_ERRORS = frozenset({HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED})
"""5xx that a repeat cannot cure."""
_TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})


_BY_STATUS: Mapping[int, type[ProviderError]] = {
    HTTPStatus.UNAUTHORIZED: CredentialRefused,
    HTTPStatus.FORBIDDEN: CredentialRefused,
    HTTPStatus.PAYMENT_REQUIRED: PaymentRequired,
    # Only a market's own words can say that a thing is gone: a bare 404 is a wrong address.
    HTTPStatus.NOT_FOUND: Misconfigured,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is not a success, ready to be explained by a market's own words.

    `body` is the parsed JSON or None; `raw` the beginning of the body as it came, which never goes into an error or
    a log: `redact` makes text of it that may.
    """

    provider: str
    status: int
    body: object = field(repr=False)
    raw: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    now: datetime
    redact: Callable[[str], str] = field(repr=False)

    @property
    def text(self) -> str:
        return self.redact(self.raw)

    @property
    def retry_after(self) -> float | None:
        return retry_after_s(self.headers, now=self.now)


Explain = Callable[[Refusal], ProviderError | None]
"""A market's own reading of a refusal; None leaves it to the status."""


def strict_json(provider: str, body: bytes) -> object:
    """The parsed body; numbers with a point are Decimal. Raises MalformedAnswer for all that is not JSON."""
    if not body.strip():
        raise MalformedAnswer(provider, "the answer is empty")
    try:
        return json.loads(body.decode("utf-8"), parse_float=Decimal, parse_constant=_not_a_number)
    except UnicodeDecodeError:
        raise MalformedAnswer(provider, "the answer is not UTF-8") from None
    except RecursionError:
        raise MalformedAnswer(provider, "the answer is nested too deeply") from None
    except ValueError:  # json's error would quote the body
        start = "HTML" if body.lstrip()[:1] == b"<" else "not JSON"
        raise MalformedAnswer(provider, f"the answer is {start}") from None


def _not_a_number(name: str) -> object:
    raise ValueError(name)


def json_or_none(body: bytes) -> object:
    """The parsed body of an error answer, None when it is no JSON: error pages come in all shapes."""
    try:
        return strict_json("", body)
    except MalformedAnswer:
        return None


def retry_after_s(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds to wait (RFC 9110 10.2.3): an integer, a decimal rounded up, or a date; garbage is ignored.

    A date is read against the answer's own `Date` header, so that a wrong clock on either side does no harm; a date
    in the past is 0.
    """
    value = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        return float(math.ceil(Decimal(value)))
    when = _http_date(value)
    if when is None:
        return None
    reference = _http_date(headers.get("Date", "")) or now
    return max(0.0, (when - reference).total_seconds())


def _http_date(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def by_status(refusal: Refusal) -> ProviderError:
    """The meaning of a status that the market's own words did not explain."""
    status, provider = refusal.status, refusal.provider
    detail = f"{status} {_phrase(status)}" + (f": {refusal.text}" if refusal.text else "")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(provider, detail, status=status, retry_after=refusal.retry_after)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRY_AGAIN:
        return _unwell(refusal, detail)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Misconfigured(provider, f"{detail} (a redirect is not followed)", status=status)
    return _BY_STATUS.get(status, InvalidProviderRequest)(provider, detail, status=status)


def _unwell(refusal: Refusal, detail: str) -> ProviderError:
    error = Unavailable(refusal.provider, detail, status=refusal.status, retry_after=refusal.retry_after)
    if refusal.status in _FINAL_SERVER_ERRORS:
        error.retryable = False
    return error


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "unknown status"
