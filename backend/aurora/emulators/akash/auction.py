"""Who bids on an order, when and how much (contract, sections 5.2 and 8.4)."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from aurora.emulators.akash.deployment import Deployment
from aurora.emulators.akash.lease import Bid, Lot
from aurora.emulators.akash.network import Network
from aurora.emulators.akash.provider import Provider
from aurora.emulators.akash.stock import Choice, price

MOST_BIDS = 20
_ARRIVAL_S = (5.0, 30.0)
_BID_LASTS_S = 300.0
_DEAREST = Decimal("0.05"), Decimal("0.5")  # how far bids stand above the ceiling when that is scripted
_RECLAIMING_SHARE = 0.2  # of providers that say how much notice they give
_RECLAMATION_S = 3600


class Auction:
    def __init__(self, network: Network) -> None:
        self._network = network

    def open(self, deployment: Deployment, at: datetime) -> None:
        """Let the providers hear of the orders of a new deployment."""
        for lot in deployment.lots:
            for provider in self._network.stock.providers:
                self._invite(deployment, lot, provider=provider, at=at)

    def close(self, lot: Lot, *, won: Bid | None = None) -> None:
        """The order is matched or gone: nobody else can win it."""
        lot.order = "active" if won else "closed"
        for bid in lot.bids:
            if bid is won:
                bid.state = "active"
            elif bid.state == "open":
                bid.state = "lost" if won else "closed"

    def _invite(self, deployment: Deployment, lot: Lot, *, provider: Provider, at: datetime) -> None:
        chance = self._network.chance(deployment.dseq, lot.gseq, provider.owner)
        arrival = at + self._network.delay(chance.uniform(*_ARRIVAL_S))

        def arrive(now: datetime) -> None:
            choices = self._network.stock.fit(provider, lot.spec)
            wanted = deployment.active and lot.order == "open" and not deployment.fate.no_bids
            if choices is None or not wanted:
                return
            amount = self._amount(deployment, lot, provider=provider, choices=choices)
            if len(lot.bids) < MOST_BIDS and (amount <= lot.spec.ceiling or deployment.fate.above_ceiling):
                self._place(lot, Bid(provider, amount, choices, self._network.height(now)), now)

        self._network.agenda.add(arrival, arrive)

    def _amount(
        self, deployment: Deployment, lot: Lot, *, provider: Provider, choices: Sequence[Choice]
    ) -> Decimal:
        asked = price(provider, choices)
        if not deployment.fate.above_ceiling:
            return asked
        chance = self._network.chance(deployment.dseq, provider.owner, "dear")
        over = 1 + _DEAREST[0] + (_DEAREST[1] - _DEAREST[0]) * Decimal(str(round(chance.random(), 4)))
        return round(max(asked, lot.spec.ceiling * over), 6)

    def _place(self, lot: Lot, bid: Bid, now: datetime) -> None:
        """A bid stands until it is matched or the provider loses patience."""
        if self._network.chance("reclaims", bid.provider.owner).random() < _RECLAIMING_SHARE:
            bid.reclamation_s = _RECLAMATION_S
        lot.bids.append(bid)

        def expire(_: datetime) -> None:
            if bid.state == "open":
                bid.state = "closed"

        self._network.agenda.add(now + self._network.delay(_BID_LASTS_S), expire)
