"""One client per market account: JSON over HTTP, every failure turned into its meaning (`failures`).

Measured traps of aiohttp 3.14 and their cures: it silently sends GET, PUT and DELETE a second time when the
connection breaks (`no_resend`), follows redirects with custom headers (never here), has no size cap (`_capped`) and
accepts any JSON (`answers.strict_json`).
"""

import asyncio
import json
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from aurora.domain.clock import Clock
from aurora.domain.errors import (
    MalformedAnswer,
    Misconfigured,
    ProviderError,
)
from aurora.providers import targets
from aurora.providers.answers import Refusal, by_status, json_or_none, strict_json
from aurora.providers.failures import ConnectionLost, translated
from aurora.providers.redaction import Redactor
from aurora.providers.request import ANSWER_CAP, Credential, Request, Signed, Signer, Transport
from aurora.providers.sockets import PublicResolver, TextSocket

ERROR_CAP = 8 * 1024
"""Bytes of an error answer that are read."""
CHUNK = 64 * 1024
SOCKET_HEARTBEAT_S = 20.0
"""Seconds between our pings on a WebSocket: a dead peer must not look like a silent one."""
SOCKET_CLOSE_S = 2.0
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


async def no_resend(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating a request by itself: with Vast.ai's create, a PUT, that rents twice."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
        raise ConnectionLost(type(exc).__name__) from exc


async def no_redirected_socket(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from following a redirect with what is then said over the socket."""
    response = await handler(request)
    moved = HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST
    if moved and "Upgrade" in request.headers:
        response.close()
        raise aiohttp.RedirectClientError("the socket's address is a redirect")
    return response


def _meaning(request: Request, refusal: Refusal) -> ProviderError:
    return request.explain(refusal) or by_status(refusal)


class JsonClient:
    """JSON over HTTP to one origin. Raises only `ProviderError`; safe for concurrent use.

    The session is opened at the first request, inside the running loop. Credentials travel only as headers, only to
    the configured origin, and appear in no repr, URL or error.
    """

    def __init__(
        self,
        provider: str,
        base_url: str,
        *,
        clock: Clock,
        credentials: Sequence[Credential] = (),
        signer: Signer | None = None,
        transport: Transport | None = None,
        request_id: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`request_id` gives the id of the request being served, sent as `X-Request-Id`. With a `signer` every request
        is signed, and sent as it was signed.

        Raises Misconfigured for a base URL or a key that cannot be sent.
        """
        if targets.origin(base_url) is None:
            raise Misconfigured(provider, "the base URL is not an http(s) address without a login")
        if any(_HEADER_VALUE.fullmatch(credential.line) is None for credential in credentials):
            raise Misconfigured(provider, "the key is empty or has characters that no header can carry")
        self.provider = provider
        self.base_url = base_url.rstrip("/")
        self._clock = clock
        self._credentials = tuple(credentials)
        self._signer = signer
        self._secrets = (
            *(credential.value.get_secret_value() for credential in credentials),
            *(() if signer is None else signer.secrets),
        )
        self._transport = transport if transport is not None else Transport()
        self._request_id = request_id
        self._session: aiohttp.ClientSession | None = None
        self._outside: aiohttp.ClientSession | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"JsonClient({self.provider!r}, {self.base_url!r})"

    async def call(self, request: Request) -> object:
        """Send it once and return the parsed JSON of its 2xx answer."""
        redact = Redactor((*self._secrets, *request.hide))
        with translated(self.provider, redact):
            async with asyncio.timeout(self._transport.attempt_s), self._send(request) as response:
                self._transport.heard(response.headers)
                if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
                    raw = await self._beginning(response)
                    raise _meaning(request, self._refusal(response, raw, redact))
                raw = await self._capped(response, request.cap)
                if request.may_be_empty and not raw.strip():
                    return None
                answer = strict_json(self.provider, raw)
                if request.refuses(answer):
                    refusal = self._refusal(response, raw[:ERROR_CAP], redact)
                    raise _meaning(request, replace(refusal, body=answer))
                return answer

    async def read_text(self, url: str, *, cap: int = ANSWER_CAP) -> str | None:
        """The text behind an absolute URL out of an answer, without credentials; None when it is not there (yet).

        Raises Misconfigured for an address that an answer must not send us to.
        """
        if not targets.may_fetch(url, base_url=self.base_url):
            raise Misconfigured(self.provider, "the answer points to an address that is not fetched")
        session = self._inside() if targets.origin(url) == targets.origin(self.base_url) else self._public()
        with translated(self.provider, Redactor((*self._secrets, url))):
            async with (
                asyncio.timeout(self._transport.attempt_s),
                session.get(url, allow_redirects=False) as response,
            ):
                if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
                    detail = "the file's address is a redirect"
                    raise Misconfigured(self.provider, detail, status=response.status)
                if response.status != HTTPStatus.OK:
                    return None
                return (await self._capped(response, cap)).decode("utf-8", errors="replace")

    async def open_socket(self, path: str, *, hide: Collection[str] = ()) -> TextSocket:
        """A WebSocket to the configured origin, with the credentials. `hide`: values that no error may quote."""
        redact = Redactor((*self._secrets, *hide))
        with translated(self.provider, redact):
            async with asyncio.timeout(self._transport.attempt_s):
                socket = await self._inside().ws_connect(
                    self.base_url + path,
                    headers={each.header: each.line for each in self._credentials},
                    timeout=aiohttp.ClientWSTimeout(ws_close=SOCKET_CLOSE_S),
                    heartbeat=SOCKET_HEARTBEAT_S,
                    max_msg_size=ANSWER_CAP,
                )
        return TextSocket(socket, provider=self.provider, redact=redact)

    async def aclose(self) -> None:
        """Close the sessions; later calls are refused."""
        self._closed = True
        for session in (self._session, self._outside):
            if session is not None:
                await session.close()

    def _inside(self) -> aiohttp.ClientSession:
        self._refuse_closed()
        if self._session is None:
            self._session = self._open(aiohttp.TCPConnector(limit=self._transport.connections))
        return self._session

    def _public(self) -> aiohttp.ClientSession:
        self._refuse_closed()
        if self._outside is None:
            connector = aiohttp.TCPConnector(limit=2, resolver=PublicResolver(), use_dns_cache=False)
            self._outside = self._open(connector)
        return self._outside

    def _refuse_closed(self) -> None:
        if self._closed:
            raise ProviderError(self.provider, "the client is closed")

    def _open(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._transport.user_agent, "Accept": "application/json, */*;q=0.5"},
            timeout=aiohttp.ClientTimeout(
                total=None,
                sock_connect=self._transport.connect_s,
                sock_read=self._transport.attempt_s,
            ),
            middlewares=(no_resend, no_redirected_socket),
            trust_env=False,
        )

    def _send(
        self, request: Request, *, endless: bool = False
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """`endless`: an answer that may be silent for as long as it likes."""
        read_s = None if endless else self._transport.attempt_s
        sent = self._signed(request)
        body = None if request.body is None else json.dumps(request.body, allow_nan=False).encode()
        return self._inside().request(
            request.method,
            self.base_url + request.path if sent is None else self._address(request, sent),
            params=request.query if sent is None else None,
            data=body if sent is None else sent.body,
            headers=self._headers(request) | ({} if sent is None else dict(sent.headers)),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self._transport.connect_s, sock_read=read_s
            ),
            allow_redirects=False,
        )

    def _signed(self, request: Request) -> Signed | None:
        if self._signer is None or request.anonymous:
            return None
        return self._signer.sign(request, path=urlsplit(self.base_url).path + request.path)

    def _address(self, request: Request, sent: Signed) -> URL:
        query = f"?{sent.query}" if sent.query else ""
        return URL(self.base_url + request.path + query, encoded=True)

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {each.header: each.line for each in self._credentials if not request.anonymous}
        headers |= request.headers
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        request_id = self._request_id()
        if request_id is not None and _REQUEST_ID.fullmatch(request_id):
            headers["X-Request-Id"] = request_id
        return headers

    async def _capped(self, response: aiohttp.ClientResponse, cap: int) -> bytes:
        """The whole body. Raises MalformedAnswer above `cap` bytes, announced or decompressed."""
        if response.content_length is not None and response.content_length > cap:
            response.close()
            raise MalformedAnswer(
                self.provider, f"the answer is larger than {cap} bytes", status=response.status
            )
        body = bytearray()
        async for chunk in response.content.iter_chunked(CHUNK):
            body += chunk
            if len(body) > cap:
                response.close()
                raise MalformedAnswer(
                    self.provider, f"the answer is larger than {cap} bytes", status=response.status
                )
        return bytes(body)

    async def _beginning(self, response: aiohttp.ClientResponse) -> bytes:
        """The first `ERROR_CAP` bytes of an error answer; the rest is not worth the wait."""
        body = bytearray()
        async for chunk in response.content.iter_chunked(ERROR_CAP):
            body += chunk
            if len(body) > ERROR_CAP:
                response.close()
                break
        return bytes(body[:ERROR_CAP])

    def _refusal(self, response: aiohttp.ClientResponse, raw: bytes, redact: Redactor) -> Refusal:
        return Refusal(
            provider=self.provider,
            status=response.status,
            body=json_or_none(raw),
            raw=raw.decode("utf-8", errors="replace"),
            headers=response.headers,
            now=self._clock.now(),
            redact=redact,
        )
