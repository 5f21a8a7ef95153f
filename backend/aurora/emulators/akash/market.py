"""Akash as a whole: its parts put together, its ledger, and what can be made to happen to it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from aurora.emulators.akash import replies
from aurora.emulators.akash.account import Account
from aurora.emulators.akash.board import Board
from aurora.emulators.akash.chain import MICRO, usd_per_hour
from aurora.emulators.akash.deployment import Deployment
from aurora.emulators.akash.directory import Directory
from aurora.emulators.akash.estate import Estate
from aurora.emulators.akash.explorer import Explorer
from aurora.emulators.akash.gate import Gate
from aurora.emulators.akash.happening import Happening
from aurora.emulators.akash.lcd import Lcd
from aurora.emulators.akash.leasing import Leasing
from aurora.emulators.akash.ordering import Ordering
from aurora.emulators.akash.proxy import Proxy
from aurora.emulators.akash.reading import Reading
from aurora.emulators.akash.routes import Desks, routes
from aurora.emulators.akash.tokens import Tokens
from aurora.emulators.exchange import Endpoint, Reply
from aurora.emulators.marketplace import LedgerRow, World


class AkashMarket:
    name = "akash"

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._estate = Estate(world)
        reading, tokens = Reading(self._estate), Tokens(self._estate)
        gate = Gate(self._estate, tokens)
        self._happening = Happening(self._estate, tokens)
        self._desks = Desks(
            account=Account(self._estate, reading),
            board=Board(self._estate, realistic=world.options.realistic),
            directory=Directory(self._estate),
            explorer=Explorer(self._estate, reading),
            lcd=Lcd(self._estate, reading),
            leasing=Leasing(self._estate, reading),
            ordering=Ordering(self._estate, reading),
            proxy=Proxy(self._estate, gate),
            reading=reading,
            tokens=tokens,
        )

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        return routes(self._desks)

    def unknown_route(self) -> Reply:
        return replies.unknown_route()

    def ledger(self) -> Sequence[LedgerRow]:
        now = self._clock.now()
        self._estate.advance(now)
        return [self._row(one, now) for one in self._estate.every()]

    def happen(self, event: str, lease_id: str, details: Mapping[str, Any], /) -> None:
        now = self._clock.now()
        self._estate.advance(now)
        self._happening.happen(event, details, deployment_id=lease_id, now=now)

    def settings(self) -> Mapping[str, Any]:
        return self._estate.network.knobs.listed()

    def adjust(self, changes: Mapping[str, Any]) -> None:
        self._estate.advance(self._clock.now())
        self._estate.network.knobs = self._estate.network.knobs.changed(changes)

    def _row(self, one: Deployment, now: datetime) -> LedgerRow:
        """The bill follows blocks: what the leases were paid until the present height."""
        height = self._estate.network.height(now)
        paid = sum((one.escrow.paid(lease.payment, height) for lease in one.leases), Decimal(0))
        rate = sum((lease.payment.rate for lease in one.leases), Decimal(0))
        ends = [lease.closed_at for lease in one.leases]
        stopped = max((end for end in ends if end), default=one.closed_at) if None not in ends else None
        ready = [lease.containers.ready_at for lease in one.leases if lease.containers]
        up = [at for at in ready if at and at <= min(now, stopped or now)]
        return LedgerRow(
            id=one.id,
            label=one.label,
            state=_state(one, now),
            started_at=one.created_at,
            running_at=min(up, default=None),
            stopped_at=stopped,
            usd_per_hour=usd_per_hour(rate),
            usd_billed=paid / MICRO,
            more_usd={"deposit_locked_usd": one.escrow.left(height) / MICRO},
        )


def _state(one: Deployment, now: datetime) -> str:
    """A word for the ledger: bidding, leased, starting, running, reclaiming, evicted, insufficient_funds, closed."""
    if not one.active:
        return "insufficient_funds" if one.ran_dry else "closed"
    if not one.living_leases:
        return "evicted" if one.leases else "bidding"
    if any(lease.state == "reclaiming" for lease in one.leases):
        return "reclaiming"
    containers = [lease.containers for lease in one.living_leases]
    if None in containers:
        return "leased"
    return "running" if all(each and each.up(now) for each in containers) else "starting"
