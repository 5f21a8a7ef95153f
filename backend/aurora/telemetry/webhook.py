"""Posts messages to the operator's webhook: signed, never redirected, never waiting long."""

import hashlib
import hmac
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp

from aurora.domain.alert import Delivery, DeliveryFailed
from aurora.domain.clock import Clock

TIMEOUT_S = 5.0
_MAY_WORK_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class Webhook:
    """One receiver. Opens its own session at the first message; `aclose()` ends it."""

    def __init__(self, url: str, *, secret: str | None, clock: Clock, timeout_s: float = TIMEOUT_S) -> None:
        """`secret` None: messages are not signed. Raises ValueError for what is no http(s) address."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an address such as https://hooks.example/aurora")
        self._url = url
        self._secret = None if secret is None else secret.encode()
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, delivery: Delivery) -> None:
        """One attempt. Raises DeliveryFailed."""
        try:
            async with self._opened().post(
                self._url, data=delivery.body, headers=self._headers(delivery), allow_redirects=False
            ) as answer:
                _judge(answer.status, answer.headers.get("Retry-After", ""))
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            # By its kind only: the library's texts name the address.
            raise DeliveryFailed(type(exc).__name__, again=True) from None

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "aurora"}
            )
        return self._session

    def _headers(self, delivery: Delivery) -> dict[str, str]:
        found = {"Content-Type": "application/json", "X-Aurora-Delivery": delivery.id}
        if self._secret is not None:
            at = int(self._clock.now().timestamp())
            found["X-Aurora-Signature"] = signature(self._secret, delivery.body, at=at)
        return found


def signature(secret: bytes, body: bytes, *, at: int) -> str:
    """`t=<unix seconds>,v1=<HMAC-SHA256 of "t.body" in hex>`. A receiver refuses a `t` that is minutes old."""
    digest = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def _judge(status: int, retry_after: str) -> None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    again = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _MAY_WORK_LATER
    wait = float(retry_after) if retry_after.isdecimal() else None
    raise DeliveryFailed(f"answered {status}", again=again, retry_after=wait)
