"""What a user may choose about a run of the emulators."""

import ipaddress
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Limits(StrEnum):
    """`real`: the provider's rate limits, row caps and quotas. `relaxed`: none of them."""

    REAL = "real"
    RELAXED = "relaxed"


@dataclass(frozen=True, kw_only=True)
class EmulatorOptions:
    """Options of `aurora emulate`.

    `state_speed` divides the waiting times of every state transition (60 = sixty times faster); money always follows wall time.
    `port` 0 takes any free port. `public_url` replaces the address the server hands out in links (logs).
    `daily_rows` is our own guess of the daily search quota, which no provider publishes.
    `era` is the version of Akash's Console API: "a" (deposits, own manifest) or "b" (names, search, managed deposits).
    """

    host: str = "127.0.0.1"
    port: int = 9100
    providers: tuple[str, ...] = ("vastai", "akash", "ionet", "salad", "render", "aethir", "flux")
    seed: int = 0
    state_speed: float = 1.0
    limits: Limits | str = Limits.RELAXED
    offers: int = 2400
    public_url: str | None = None
    credit_usd: Decimal = Decimal(10_000)
    daily_rows: int = 100_000
    era: str = "b"

    def __post_init__(self) -> None:
        """Refuse values that cannot be served; accept `limits` as plain text."""
        object.__setattr__(self, "limits", Limits(self.limits))
        if not self.state_speed > 0:
            raise ValueError(f"state_speed must be above 0, not {self.state_speed}")
        if self.offers < 0 or self.daily_rows < 0:
            raise ValueError("offers and daily_rows cannot be negative")
        if not self.providers:
            raise ValueError("name at least one provider")
        if self.era not in {"a", "b"}:
            raise ValueError(f"era must be a or b, not {self.era}")

    @property
    def realistic(self) -> bool:
        return self.limits is Limits.REAL

    def url_at(self, port: int) -> str:
        """The address of a server that listens on `port`, as this machine sees it."""
        host = f"[{self.host}]" if _is_ipv6(self.host) else self.host
        return f"http://{host}:{port}"


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
