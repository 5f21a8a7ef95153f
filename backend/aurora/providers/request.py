"""What is sent to a market, and as whom."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import SecretStr

from aurora.providers.answers import Explain

CATALOGUE_CAP = 32 * 1024 * 1024
"""Bytes of one catalogue answer after decompression."""
ANSWER_CAP = 1024 * 1024
"""Bytes of any other answer after decompression."""


@dataclass(frozen=True, slots=True)
class Credential:
    """One header that proves who we are, such as `Authorization: Bearer <key>`."""

    header: str
    value: SecretStr
    prefix: str = ""

    @property
    def line(self) -> str:
        return self.prefix + self.value.get_secret_value()


@dataclass(frozen=True, slots=True)
class Transport:
    """How one market is reached. `connections` is slightly more than the guard's bulkhead lets through."""

    attempt_s: float = 30.0
    """From the first byte sent to the last byte read."""
    connect_s: float = 5.0
    connections: int = 10
    user_agent: str = "aurora"
    heard: Callable[[Mapping[str, str]], None] = field(default=lambda _: None, compare=False)
    """Told the headers of every answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the configured origin."""

    method: str
    path: str
    query: Mapping[str, str] | None = None
    body: object = field(default=None, repr=False)
    cap: int = ANSWER_CAP
    """Most bytes of a good answer."""
    anonymous: bool = False
    """Without the credentials."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further ones of this request."""
    may_be_empty: bool = False
    """A good answer without a body is None instead of malformed."""
    hide: Collection[str] = field(default=(), repr=False)
    """Values of the body that no error may quote."""
    explain: Explain = lambda _: None
    """A market's reading of its own error bodies."""
    refuses: Callable[[object], bool] = lambda _: False
    """Finds the 2xx answers that are refusals nevertheless."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it was signed: to be sent so, to the byte."""

    query: str
    """Percent-encoded, without `?`."""
    body: bytes | None
    headers: Mapping[str, str]


class Signer(Protocol):
    """Proves who we are anew for every request. `secrets`: values that no error may quote."""

    @property
    def secrets(self) -> tuple[str, ...]: ...

    def sign(self, request: Request, *, path: str) -> Signed:
        """`path` is the whole path of the address."""
        ...
