"""What a failure of the transport means. (With `http` and `sockets`, the only modules that see aiohttp.)"""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from aurora.domain.errors import (
    MalformedAnswer,
    Misconfigured,
    NotSent,
    ProviderError,
    ProviderTimeout,
    Unavailable,
)
from aurora.providers.redaction import Redactor


class ConnectionLost(aiohttp.ClientError):
    """The connection broke before an answer. Not a class that aiohttp's hidden re-send knows."""


class ForbiddenTarget(aiohttp.ClientError):
    """A name that resolves into our own network."""


MEANINGS: tuple[tuple[type[Exception], type[ProviderError]], ...] = (
    # Never sent: repeating anything is safe.
    (aiohttp.ConnectionTimeoutError, NotSent),
    (aiohttp.ClientConnectorError, NotSent),
    (aiohttp.ServerFingerprintMismatch, NotSent),
    (aiohttp.ClientHttpProxyError, NotSent),
    # Asked wrongly.
    (ForbiddenTarget, Misconfigured),
    (aiohttp.TooManyRedirects, Misconfigured),
    (aiohttp.RedirectClientError, Misconfigured),
    (aiohttp.InvalidURL, Misconfigured),
    (aiohttp.NonHttpUrlClientError, Misconfigured),
    # Answered with rubbish (ContentTypeError, a status line that is none).
    (aiohttp.ClientResponseError, MalformedAnswer),
    # Sent, and no trustworthy answer.
    (TimeoutError, ProviderTimeout),
    (aiohttp.ClientPayloadError, Unavailable),
    (aiohttp.ClientConnectionError, Unavailable),
    (aiohttp.ClientError, Unavailable),
    (OSError, Unavailable),
)
"""Most specific first: `ConnectionTimeoutError` is a `TimeoutError` too, but was never sent."""


def meaning_of(error: type[Exception]) -> type[ProviderError]:
    """What a failure of the transport means. Raises KeyError for what is none."""
    for kind, meaning in MEANINGS:
        if issubclass(error, kind):
            return meaning
    raise KeyError(error.__name__)


@contextmanager
def translated(provider: str, redact: Redactor) -> Iterator[None]:
    """Every failure of the transport becomes its meaning.

    The original is cut off: aiohttp's errors may carry the request with its headers.
    """
    try:
        yield
    except TimeoutError as exc:
        raise meaning_of(type(exc))(provider, f"no answer in time ({type(exc).__name__})") from None
    except (aiohttp.ClientError, OSError) as exc:
        raise meaning_of(type(exc))(provider, redact(f"{type(exc).__name__}: {exc}")) from None
