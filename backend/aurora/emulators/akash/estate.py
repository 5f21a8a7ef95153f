"""The account: its deployments, and the passing of time, which happens when somebody looks."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aurora.emulators.akash.address import address
from aurora.emulators.akash.auction import Auction
from aurora.emulators.akash.deployment import Deployment
from aurora.emulators.akash.escrow import Escrow
from aurora.emulators.akash.funding import Funding
from aurora.emulators.akash.lease import Lot
from aurora.emulators.akash.manifest import groups, manifest, manifest_hash
from aurora.emulators.akash.network import Network
from aurora.emulators.akash.provider import AUDITOR
from aurora.emulators.akash.script import Script
from aurora.emulators.akash.sdl import Sdl
from aurora.emulators.akash.tenancy import Tenancy
from aurora.emulators.marketplace import World

DENOM = "uact"
_LEASELESS_S = 600.0  # after which the Console closes a deployment that found no provider


class Estate:
    def __init__(self, world: World) -> None:
        self.network = Network.of(world)
        self.funding = Funding(self.network, granted_usd=world.options.credit_usd)
        self.auction = Auction(self.network)
        self.tenancy = Tenancy(self.network, auction=self.auction, funding=self.funding)
        self.script = Script(world.faults)
        self.owner = address(world.options.seed, "owner")
        self._deployments: dict[int, Deployment] = {}

    def advance(self, now: datetime) -> None:
        """Let everything happen that was due until now."""
        self.network.agenda.run(now)

    def every(self) -> Sequence[Deployment]:
        """All deployments ever, the oldest first."""
        return list(self._deployments.values())

    def find(self, dseq: str) -> Deployment | None:
        return self._deployments.get(int(dseq)) if dseq.isdecimal() and len(dseq) <= 20 else None

    def create(self, sdl: Sdl, *, deposit: Decimal, at: datetime, terms: Mapping[str, Any]) -> Deployment:
        """Put an order on the market. `terms` are `name` and `runtime_hours`. Raises InsufficientFunds."""
        self.funding.pay(deposit)
        knobs, height = self.network.knobs, self.network.height(at)
        dseq = max(int(at.timestamp() * 1000), max(self._deployments, default=0) + 1)
        text = manifest(sdl)
        deployment = Deployment(
            dseq=dseq,
            owner=self.owner,
            sdl=sdl,
            manifest=text,
            hash=manifest_hash(text),
            name=terms.get("name") or "+".join(sorted({run.service for run in sdl.runs})),
            created_at=at,
            height=height,
            escrow=Escrow(height, deposit, [deposit]),
            lots=[
                Lot(number, group.priced_in(DENOM, auditor=AUDITOR), height)
                for number, group in enumerate(groups(sdl), 1)
            ],
            fate=self.script.fate(),
            runtime_hours=terms.get("runtime_hours"),
            auto_top_up=knobs.tops_up,
        )
        self.record(deployment, at, "MsgCreateDeployment")
        self._deployments[dseq] = deployment
        self.auction.open(deployment, at)
        self._limit(deployment, at)
        return deployment

    def close(self, deployment: Deployment, at: datetime) -> None:
        if deployment.active:
            self.record(deployment, at, "MsgCloseDeployment")
            self.tenancy.close(deployment, at)

    def change(self, deployment: Deployment, sdl: Sdl, at: datetime) -> None:
        """Another SDL with the same resources: the manifest changes, and goes to the providers again."""
        text = manifest(sdl)
        deployment.sdl, deployment.manifest, deployment.hash = sdl, text, manifest_hash(text)
        self.record(deployment, at, "MsgUpdateDeployment")
        for lot in deployment.lots:
            if lot.lease and lot.lease.containers and self.network.reachable(lot.lease.provider.owner):
                self.tenancy.start(deployment, lot, at)

    def same_resources(self, deployment: Deployment, sdl: Sdl) -> bool:
        new = groups(sdl)
        return len(new) == len(deployment.lots) and all(
            lot.spec.same_resources(group) for lot, group in zip(deployment.lots, new, strict=True)
        )

    def record(self, deployment: Deployment, at: datetime, message: str) -> str:
        """Enter a transaction of a deployment; answers its hash."""
        number = len(deployment.transactions)
        transaction = self.network.chain.transaction(deployment.dseq, number, message)
        deployment.transactions.append((transaction, at, message))
        return transaction

    def _limit(self, deployment: Deployment, at: datetime) -> None:
        """A deployment ends by itself when nobody leases it, or when its time is over."""

        def clean_up(now: datetime) -> None:
            if deployment.active and not deployment.leases:
                self.close(deployment, now)

        self.network.agenda.add(at + self.network.delay(_LEASELESS_S), clean_up)
        if deployment.runtime_hours:
            end = at + timedelta(hours=deployment.runtime_hours)
            self.network.agenda.add(end, lambda now: self.close(deployment, now))
