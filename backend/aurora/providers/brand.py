"""What a market must say of itself so that it can be registered: bootstrap reads nothing else of its folder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypedDict

from pydantic import SecretStr

from aurora.domain.clock import Clock
from aurora.domain.gpu_table import GpuTable
from aurora.domain.region import RegionTable
from aurora.providers.base import MOST_ROWS, CallGuard, Limits, Provider
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


class Surroundings(TypedDict):
    """What every adapter reads its market with."""

    guard: CallGuard
    clock: Clock
    gpus: GpuTable
    places: RegionTable


class Reach(TypedDict):
    """How every account is reached."""

    base_url: str
    emulated: bool
    transport: Transport
    request_id: Callable[[], str | None]


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
    own: Mapping[str, str] = field(default_factory=dict)
    """Settings that only this market has, by their suffix (ORGANIZATION, REFUND_RULE)."""
    most_rows: int = MOST_ROWS
    """PROVIDER_MAX_ROWS: a catalogue is not read beyond it."""

    @property
    def key(self) -> SecretStr:
        """The key of a market that is not registered without one."""
        return self.api_key or SecretStr("")

    @property
    def reach(self) -> Reach:
        return {
            "base_url": self.urls["BASE_URL"],
            "emulated": self.emulated,
            "transport": self.transport,
            "request_id": self.request_id,
        }

    @property
    def surroundings(self) -> Surroundings:
        return {"guard": self.guard, "clock": self.clock, "gpus": self.gpus, "places": self.places}


class Connect(Protocol):
    """Makes the adapter; sends nothing. Raises Misconfigured."""

    def __call__(self, connection: Connection) -> Provider: ...


@dataclass(frozen=True, slots=True)
class ByHand:
    """The authenticated read that the health check makes, as a user makes it with curl. `{}` in `header` is the name of
    the variable that holds the key.
    """

    path: str = ""
    header: str = "Authorization: Bearer ${}"


@dataclass(frozen=True, slots=True)
class Brand:
    """One market. `keyless_offers`: its offers can be read without a key. `without_address`: why it is off as long as
    an address that has no real value is not set. `signed`: what it is where its secret key (P_SECRET_KEY) is given.
    `absent_id`: an id in its shape that no instance has. `initial_reputation`: 0 to 100, before anything was observed
    (config/providers.yaml says the same).
    """

    name: str
    addresses: tuple[Address, ...]
    connect: Connect
    real: Limits
    relaxed: Limits = field(default_factory=Limits)
    keyless_offers: bool = False
    without_address: str = ""
    signed: "Brand | None" = None
    absent_id: str = "999"
    initial_reputation: float = 80.0
    by_hand: ByHand = field(default_factory=ByHand)

    @property
    def live_url(self) -> str | None:
        """Its real address; None where somebody has to name one."""
        return next((each.live for each in self.addresses if each.setting == "BASE_URL"), None)
