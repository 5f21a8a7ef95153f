"""What a market must say of itself so that it can be registered: bootstrap reads nothing else of its folder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import SecretStr

from aurora.domain.clock import Clock
from aurora.domain.gpu_table import GpuTable
from aurora.domain.region import RegionTable
from aurora.providers.base import CallGuard, Limits, Provider
from aurora.providers.request import Transport


@dataclass(frozen=True, slots=True)
class Address:
    """One of a market's addresses.

    `setting` is the suffix of its setting (`BASE_URL`, `RPC_URL`), `live` its real value, None where there is none until
    somebody sets it. `emulated` is its path under the market's own prefix at the emulator. `normalise` corrects what
    people write, or raises ValueError in one line.
    """

    setting: str
    live: str | None
    emulated: str
    normalise: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything a market's adapter is made from."""

    urls: Mapping[str, str]
    """By the suffix of the setting."""
    api_key: SecretStr | None
    emulated: bool
    transport: Transport
    request_id: Callable[[], str | None]
    guard: CallGuard
    clock: Clock
    gpus: GpuTable
    places: RegionTable
    secret_key: SecretStr | None = None
    """The second half of a credential that signs."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Whose account it is, by the suffix of the setting (ORGANIZATION, PROJECT)."""


class Connect(Protocol):
    """Makes the adapter; sends nothing. Raises Misconfigured."""

    def __call__(self, connection: Connection) -> Provider: ...


@dataclass(frozen=True, slots=True)
class Brand:
    """One market. `keyless_offers`: its offers can be read without a key. `without_address`: why it is off as long as
    an address that has no real value is not set. `signed`: what it is where its secret key (P_SECRET_KEY) is given.
    """

    name: str
    addresses: tuple[Address, ...]
    connect: Connect
    real: Limits
    relaxed: Limits = field(default_factory=Limits)
    keyless_offers: bool = False
    without_address: str = ""
    signed: "Brand | None" = None
