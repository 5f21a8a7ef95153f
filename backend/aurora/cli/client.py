"""Aurora over HTTP, with the standard library alone: `aurora offers` must not wait for an HTTP framework.

Nor must `aurora --help` wait for HTTP: urllib and what it needs are imported where something is sent.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from aurora.cli.exits import CliError, ExitCode, Unreachable
from aurora.cli.problems import problem_error

if TYPE_CHECKING:
    import http.client
    import urllib.error
    import urllib.request

Json = dict[str, Any]
"""An answer's object. Numbers with a fraction are Decimal: money is computed with."""

DEFAULT_URL = "http://127.0.0.1:8080"
TIMEOUT_S = 30.0
"""The server ends interactive work after 20 s."""
_MOST_PROBLEM_BYTES = 65_536


@dataclass(frozen=True)
class Answer:
    """A 2xx answer: the text as it came, and what it says."""

    text: str

    @cached_property
    def data(self) -> Json:
        found = json.loads(self.text, parse_float=Decimal)
        return found if isinstance(found, dict) else {"items": found}

    @property
    def document(self) -> Any:
        """The same with plain numbers, to be printed as JSON."""
        return json.loads(self.text)


class Client:
    """One Aurora. Every failure is a CliError that says what to do."""

    def __init__(self, url: str = DEFAULT_URL, key: str | None = None) -> None:
        """Raises CliError for an address or a key that cannot be used."""
        self.url = _checked_url(url)
        self._key = _checked_key(key)

    @cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        return opener_for(self.url)

    @classmethod
    def from_environment(cls) -> Client:
        """AURORA_URL and AURORA_API_KEY."""
        return cls(os.environ.get("AURORA_URL") or DEFAULT_URL, os.environ.get("AURORA_API_KEY") or None)

    def get(
        self, path: str, query: Mapping[str, Any] | None = None, *, timeout_s: float = TIMEOUT_S
    ) -> Answer:
        return self._answer(self._request("GET", path, query), timeout_s)

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        request = self._request("POST", path, query)
        if body is not None:
            _give(request, body)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        return self._answer(request, timeout_s)

    def patch(self, path: str, body: Mapping[str, Any]) -> Answer:
        request = self._request("PATCH", path, None)
        _give(request, body)
        return self._answer(request, TIMEOUT_S)

    def delete(self, path: str) -> Answer:
        return self._answer(self._request("DELETE", path, None), TIMEOUT_S)

    @contextmanager
    def stream(
        self, path: str, query: Mapping[str, Any] | None = None, *, timeout_s: float = TIMEOUT_S
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer to a GET, unread. Errors while reading it are OSError or HTTPException."""
        with self._open(self._request("GET", path, query), timeout_s) as answer:
            yield answer

    def _request(self, method: str, path: str, query: Mapping[str, Any] | None) -> urllib.request.Request:
        import urllib.request

        given = {name: _worded(value) for name, value in (query or {}).items() if value is not None}
        address = f"{self.url}{quote(path)}" + (f"?{urlencode(given)}" if given else "")
        headers = {"Accept": "application/json", "User-Agent": "aurora-cli"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        return urllib.request.Request(address, headers=headers, method=method)  # noqa: S310 - checked to be http(s)

    def _answer(self, request: urllib.request.Request, timeout_s: float) -> Answer:
        import http.client

        with self._open(request, timeout_s) as answer:
            try:
                text = answer.read().decode()
            except (OSError, http.client.HTTPException, UnicodeDecodeError) as exc:
                raise self._broken(exc) from exc
        try:
            found = Answer(text)
            _ = found.data
        except ValueError:
            raise self._stranger() from None
        return found

    @contextmanager
    def _open(self, request: urllib.request.Request, timeout_s: float) -> Iterator[Any]:
        import http.client
        import urllib.error

        try:
            answer = self._opener.open(request, timeout=timeout_s)
        except urllib.error.HTTPError as exc:
            with exc:
                raise self._refusal(exc, urlsplit(request.full_url).path) from None
        except urllib.error.URLError as exc:
            raise self._unreachable(exc.reason) from None
        except (OSError, http.client.HTTPException) as exc:
            raise self._broken(exc) from None
        with answer:
            yield answer

    def _refusal(self, answer: urllib.error.HTTPError, path: str) -> CliError:
        import http.client

        if 300 <= answer.code < 400:
            target = answer.headers.get("Location", "elsewhere")
            return Unreachable(f"{self.url} sends us to {target}", then="set AURORA_URL to Aurora itself")
        try:
            problem = json.loads(answer.read(_MOST_PROBLEM_BYTES))
        except (OSError, http.client.HTTPException, ValueError):
            problem = None
        if not isinstance(problem, dict) or "code" not in problem:
            return self._stranger(answer.code)
        return problem_error(answer.code, problem, path=path, retry_after=answer.headers.get("Retry-After"))

    def _unreachable(self, reason: Any) -> Unreachable:
        """Not connected, or the connection ended before the answer began."""
        sent = not isinstance(reason, ConnectionRefusedError) and not _is_lookup(reason)
        if isinstance(reason, TimeoutError):
            return self._broken(reason)
        said = getattr(reason, "strerror", None) or str(reason)
        then = "start Aurora with `aurora run` or `aurora serve`, or set AURORA_URL to where it runs"
        return Unreachable(f"Aurora at {self.url} cannot be reached: {said}", then=then, sent=sent)

    def _broken(self, exc: BaseException) -> Unreachable:
        why = (
            "did not answer in time" if isinstance(exc, TimeoutError) else "broke off before its answer ended"
        )
        then = "look at Aurora's log, and try again; `aurora health` shows whether it is alive"
        return Unreachable(f"Aurora at {self.url} {why}", then=then, sent=True)

    def _stranger(self, status: int | None = None) -> Unreachable:
        said = f" ({status})" if status else ""
        then = "check AURORA_URL: something else answers there, or a proxy in front of Aurora"
        return Unreachable(f"{self.url} answers, but not as Aurora{said}", then=then, sent=True)


def opener_for(url: str) -> urllib.request.OpenerDirector:
    """Follows no redirect (urllib would carry the key along), asks no proxy for this machine, and loads no
    certificates where none are needed.
    """
    import urllib.request

    opener = urllib.request.OpenerDirector()
    handlers: list[urllib.request.BaseHandler] = [
        urllib.request.HTTPHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ]
    if url.startswith("https:"):
        handlers.append(urllib.request.HTTPSHandler())
    if not is_loopback(url):
        handlers.append(urllib.request.ProxyHandler())
    for handler in handlers:
        opener.add_handler(handler)
    return opener


def is_loopback(url: str) -> bool:
    """No environment proxy is asked for these."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _checked_url(text: str) -> str:
    parts = urlsplit(text.strip())
    try:
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment or "@" in parts.netloc:
        raise CliError(
            ExitCode.USAGE,
            "AURORA_URL: must be an http(s) address without login, query or fragment",
            then=f"set it to something like {DEFAULT_URL}",
        )
    return text.strip().rstrip("/")


def _checked_key(key: str | None) -> str | None:
    if key is None:
        return None
    if not key.isascii() or not key.isprintable() or " " in key.strip():
        raise CliError(
            ExitCode.USAGE,
            "AURORA_API_KEY: contains characters that no key has",
            then="set it again, without quotes, blanks or line ends",
        )
    return key.strip()


def _is_lookup(reason: Any) -> bool:
    """The host's name could not be looked up: nothing was sent."""
    import socket

    return isinstance(reason, socket.gaierror)


def _give(request: urllib.request.Request, body: Mapping[str, Any]) -> None:
    request.data = json.dumps(body, default=_number).encode()
    request.add_header("Content-Type", "application/json")


def _worded(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    msg = f"no JSON for {type(value).__name__}"
    raise TypeError(msg)
