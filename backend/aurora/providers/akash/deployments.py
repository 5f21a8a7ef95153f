"""A deployment of the Console, with its leases and escrow, as it is told. Pure; both eras; odd parts are absent parts.

Fields: the Console's OpenAPI and code, August to October 2026 [seen].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from aurora.domain.instance import Endpoint
from aurora.domain.naming import InstanceName
from aurora.providers.akash.endpoints import endpoints_of
from aurora.providers.akash.prices import objects
from aurora.providers.akash.pricing import hourly
from aurora.providers.fields import Fields, Odd

UNKNOWN_VALUE = "unknown_value"
"""What the Console says for a hash or name while its chain node is down: never "not ours" [seen]."""
CLOSED = "closed"
INSUFFICIENT = "insufficient_funds"
RECLAIMING = "reclaiming"
OVERDRAWN = "overdrawn"
_EARLIEST_MS, _LATEST_MS = 10**12, 4_102_444_800_000
"""A deployment's number is the server's clock in ms; smaller ones are block heights of other tools [seen]."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service of a lease, as its provider runs it."""

    name: str
    available: int
    total: int

    @property
    def up(self) -> bool:
        return self.available >= max(1, self.total)


@dataclass(frozen=True, slots=True)
class Lease:
    """What was rented of one provider. `services` is None when the provider did not say."""

    dseq: str
    provider: str
    gseq: int
    oseq: int
    state: str
    reason: str | None
    price: Mapping[str, Decimal]
    """Per block, by denomination."""
    created_at: int | None
    """A block height, like all times of the chain."""
    services: tuple[Service, ...] | None
    endpoints: tuple[Endpoint, ...]
    reclaim_at: datetime | None = None

    @property
    def closed(self) -> bool:
        return self.state == CLOSED


@dataclass(frozen=True, slots=True)
class Escrow:
    """The deposit: what was left of it at the height `settled_at`."""

    state: str | None
    settled_at: int | None
    funds: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Deployment:
    """One order of ours and what became of it."""

    owner: str | None
    dseq: str
    state: str | None
    hash: str | None
    created_at: int | None
    leases: tuple[Lease, ...]
    escrow: Escrow
    name: str | None = None
    """Its group's name (ours is the instance's), where the answer itself says it."""

    @property
    def made_at(self) -> datetime | None:
        """When, by the server's clock; None for a number that is a block height."""
        return made_at(self.dseq)

    @property
    def open_leases(self) -> tuple[Lease, ...]:
        return tuple(lease for lease in self.leases if not lease.closed)

    @property
    def out_of_funds(self) -> bool:
        return self.escrow.state == OVERDRAWN or any(lease.state == INSUFFICIENT for lease in self.leases)

    @property
    def usd_per_hour(self) -> Decimal | None:
        """What its open leases cost; None without any, or in a currency that floats."""
        prices: dict[str, Decimal] = {}
        for lease in self.open_leases:
            for denom, amount in lease.price.items():
                prices[denom] = prices.get(denom, Decimal(0)) + amount
        return hourly(prices)


def made_at(dseq: str) -> datetime | None:
    """The creation time in a number made of the server's clock."""
    number = int(dseq)
    if not _EARLIEST_MS <= number < _LATEST_MS:
        return None
    return datetime.fromtimestamp(number / 1000, UTC)


def deployment(row: Fields) -> Deployment:
    """`{"deployment", "leases", "escrow_account"}`. Raises Odd when it cannot be said which one it is."""
    told = row.object("deployment")
    dseq = told.object("id").text("dseq", limit=20)
    if dseq is None or not dseq.isdecimal():
        raise Odd("a deployment without a number")
    escrow = row.object("escrow_account").object("state")
    return Deployment(
        owner=told.object("id").text("owner", limit=80),
        dseq=dseq,
        state=told.text("state", limit=40),
        hash=_known(told.text("hash", limit=100)),
        created_at=_height(told, "created_at"),
        leases=tuple(lease for lease in leases(row) if lease.dseq == dseq),
        escrow=Escrow(
            escrow.text("state", limit=40), _height(escrow, "settled_at"), _coins(escrow.raw("funds"))
        ),
        name=own_name(row) or group_name(row),
    )


def leases(row: Fields) -> list[Lease]:
    """The leases that hang on a row. In era A's list they may belong to another deployment [seen]."""
    found = (_lease(each) for each in objects(row.raw("leases")))
    return [each for each in found if each is not None]


def _lease(row: Fields) -> Lease | None:
    at = row.object("id")
    dseq, provider = at.text("dseq", limit=20), at.text("provider", limit=80)
    if dseq is None or provider is None:
        return None
    status = row.object("status")
    reason = row.text("reason", limit=80)
    return Lease(
        dseq=dseq,
        provider=provider,
        gseq=at.integer("gseq") or 1,
        oseq=at.integer("oseq") or 1,
        state=row.text("state", limit=40) or "",
        reason=None if reason == "lease_closed_invalid" else reason,
        price=_coins([row.raw("price")]),
        created_at=_height(row, "created_at"),
        services=_services(status.raw("services")),
        endpoints=endpoints_of(status),
        reclaim_at=row.object("reclamation").moment("deadline"),
    )


def _services(told: object) -> tuple[Service, ...] | None:
    """None while the provider has no services to show: it did not answer, or has no manifest yet."""
    if not isinstance(told, dict) or not told:
        return None
    return tuple(
        Service(
            name=str(name)[:63],
            available=Fields(service if isinstance(service, dict) else {}).integer("available") or 0,
            total=Fields(service if isinstance(service, dict) else {}).integer("total") or 0,
        )
        for name, service in told.items()
    )


def own_name(row: Fields) -> str | None:
    """An instance name that Aurora made, wherever the answer has it: the group's name is ours in any case, `name`
    is era B's.
    """
    groups = (*objects(row.raw("groups")), *objects(row.object("deployment").raw("groups")))
    said = [group.object("group_spec").text("name", limit=256) for group in groups]
    said += [group.text("name", limit=256) for group in groups]
    said += [
        row.text("name", limit=256),
        row.object("deployment").text("name", limit=256),
        row.object("settings").text("name", limit=256),
    ]
    return next((name for name in said if InstanceName.parse(name) is not None), None)


def group_name(row: Fields) -> str | None:
    """The name of its first group, whoever made it; None when it is not told (or not known just now)."""
    for group in objects(row.raw("groups")):
        found = _known(group.object("group_spec").text("name", limit=256))
        if found is not None:
            return found
    return None


def _known(text: str | None) -> str | None:
    return None if text == UNKNOWN_VALUE else text


def _height(row: Fields, name: str) -> int | None:
    found = row.integer(name)
    return found if found is not None and found > 0 else None


def _coins(listed: object) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for coin in objects(listed):
        denom, amount = coin.text("denom", limit=128), coin.number("amount")
        if denom is not None and amount is not None and amount >= 0:
            found[denom] = found.get(denom, Decimal(0)) + amount
    return found


@dataclass(slots=True)
class Listing:
    """Pages of the list put together: every deployment once, every lease where it belongs."""

    rows: dict[str, Deployment] = field(default_factory=dict)
    _leases: dict[str, list[Lease]] = field(default_factory=dict)

    def add(self, rows: Sequence[object]) -> None:
        """Raises Odd."""
        for row in rows:
            if not isinstance(row, dict):
                raise Odd("a deployment that is not an object")
            fields = Fields(row)
            found = deployment(fields)
            self.rows[found.dseq] = found
            for lease in leases(fields):
                kept = self._leases.setdefault(lease.dseq, [])
                if all(
                    (lease.provider, lease.gseq, lease.oseq) != (one.provider, one.gseq, one.oseq)
                    for one in kept
                ):
                    kept.append(lease)

    def leases_of(self, dseq: str) -> tuple[Lease, ...]:
        return tuple(self._leases.get(dseq, ()))
