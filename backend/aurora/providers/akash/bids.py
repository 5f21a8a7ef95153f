"""Which bid to take. Pure.

An SDL cannot name a provider: the decision's provider is preferred among the bids, never certain. The Console shows bids
of audited providers only, which are the only ones that it lets us take [seen].
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from aurora.providers.akash.offer_id import OfferId
from aurora.providers.akash.prices import gpus_of, in_usd, objects
from aurora.providers.fields import Fields

OPEN = "open"
PREFERRED_WAIT_S = 15.0
"""How long the decided provider's bid is waited for when others are there. Ours; bids come 5 to 30 s after the
creation [seen docs]."""
ARRIVAL_S = 30.0
"""Before that, bids that are all too dear prove nothing."""
WAIT_S = 120.0
"""Longer is not waited for bids. Ours; the documentation gives up after 30 to 60 s."""


@dataclass(frozen=True, slots=True)
class Bid:
    """One provider's answer to our order. `usd_per_hour` is None in a currency that floats."""

    dseq: str
    gseq: int
    oseq: int
    provider: str
    state: str
    usd_per_hour: Decimal | None
    gpus: tuple[OfferId, ...]

    @property
    def key(self) -> dict[str, object]:
        """How `POST /v1/leases` names it."""
        return {"dseq": self.dseq, "gseq": self.gseq, "oseq": self.oseq, "provider": self.provider}


@dataclass(frozen=True, slots=True)
class Choice:
    """The bid to take now, or why there is none: `hopeless` says that waiting is of no use."""

    bid: Bid | None = None
    reason: str = ""
    hopeless: bool = False


def bids(rows: Sequence[object], *, dseq: str) -> list[Bid]:
    """The bids on our order; odd ones are not for us."""
    found = (_bid(row) for row in objects(rows))
    return [bid for bid in found if bid is not None and bid.dseq == dseq]


def _bid(row: Fields) -> Bid | None:
    told = row.object("bid")
    at = told.object("id") if "id" in told else told.object("bid_id")
    dseq, provider = at.text("dseq", limit=20), at.text("provider", limit=80)
    if dseq is None or provider is None:
        return None
    offered = (each.object("resources").object("gpu") for each in objects(told.raw("resources_offer")))
    return Bid(
        dseq=dseq,
        gseq=at.integer("gseq") or 1,
        oseq=at.integer("oseq") or 1,
        provider=provider,
        state=told.text("state", limit=40) or "",
        usd_per_hour=in_usd(told.object("price")),
        gpus=tuple(gpu for each in offered for gpu in gpus_of(each.raw("attributes"), owner=provider)),
    )


def choose(
    found: Sequence[Bid], *, wanted: OfferId, ceiling: Decimal, refused: Collection[str], age_s: float
) -> Choice:
    """The decided provider's bid when it is within the ceiling, else the cheapest that is."""
    takeable = [bid for bid in found if bid.state == OPEN and bid.provider not in refused]
    fitting = [bid for bid in takeable if _offers(bid, wanted)]
    within = [(bid.usd_per_hour, bid) for bid in fitting if bid.usd_per_hour is not None]
    affordable = [(price, bid) for price, bid in within if price <= ceiling]
    preferred = next((bid for _, bid in affordable if bid.provider == wanted.owner), None)
    if preferred is not None:
        return Choice(preferred)
    if affordable and (age_s >= PREFERRED_WAIT_S or wanted.owner in refused):
        return Choice(min(affordable, key=lambda each: (each[0], each[1].provider))[1])
    if affordable:
        return Choice(reason="waiting for the decided provider's bid")
    return _none(found, (price for price, _ in within), ceiling=ceiling, age_s=age_s)


def _none(found: Sequence[Bid], prices: Iterable[Decimal], *, ceiling: Decimal, age_s: float) -> Choice:
    cheapest = min(prices, default=None)
    if cheapest is not None:
        reason = (
            f"bids only above the ceiling of ${ceiling.normalize():f}/h: cheapest ${cheapest.normalize():f}/h"
        )
        return Choice(reason=reason, hopeless=age_s >= ARRIVAL_S)
    if found:
        reason = f"none of {len(found)} bids can be taken (closed, lost, refused or not what was asked for)"
        return Choice(reason=reason, hopeless=age_s >= ARRIVAL_S)
    return Choice(reason=f"no bids after {age_s:.0f} s", hopeless=age_s >= WAIT_S)


def _offers(bid: Bid, wanted: OfferId) -> bool:
    """Is it the GPU that we asked for? A bid that does not say which is believed: the order said it."""
    if not bid.gpus:
        return True
    return any(
        gpu.model == wanted.model and (wanted.ram is None or gpu.ram in {None, wanted.ram})
        for gpu in bid.gpus
    )
