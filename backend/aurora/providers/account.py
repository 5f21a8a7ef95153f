"""An account's way to its market."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from pydantic import SecretStr

from aurora.domain.clock import Clock
from aurora.providers.http import JsonClient
from aurora.providers.request import Credential, Signer, Transport

C = TypeVar("C", bound=JsonClient)


class Account(Protocol):
    """As much of any market's account as its client needs."""

    @property
    def name(self) -> str: ...

    @property
    def base_url(self) -> str: ...

    @property
    def transport(self) -> Transport | None: ...

    @property
    def request_id(self) -> Callable[[], str | None]: ...


def client_of(
    account: Account,
    kind: type[C],
    *credentials: Credential,
    clock: Clock,
    signer: Signer | None = None,
    url: str | None = None,
) -> C:
    """The client of `account` at `url` (default: its own address). Sends nothing. Raises Misconfigured."""
    return kind(
        account.name,
        url or account.base_url,
        clock=clock,
        credentials=credentials,
        signer=signer,
        transport=account.transport,
        request_id=account.request_id,
    )


def bearer(key: SecretStr) -> Credential:
    """`Authorization: Bearer <key>`."""
    return Credential("Authorization", key, prefix="Bearer ")
