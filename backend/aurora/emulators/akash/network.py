"""The emulated network as its parts share it: the chain's clock, what is going to happen, who has what free."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aurora.emulators.akash.chain import Agenda, Chain
from aurora.emulators.akash.fleet import build_fleet
from aurora.emulators.akash.knobs import Knobs
from aurora.emulators.akash.stock import Stock
from aurora.emulators.faultbook import FaultBook
from aurora.emulators.marketplace import World


@dataclass
class Network:
    """Waiting times of auctions, boots and timeouts are divided by `speed`; blocks, and so money, follow wall time."""

    seed: int
    speed: float
    faults: FaultBook
    chain: Chain
    stock: Stock
    knobs: Knobs
    agenda: Agenda = field(default_factory=Agenda)
    unreachable: set[str] = field(default_factory=set)  # owners of providers whose gateways do not answer

    @classmethod
    def of(cls, world: World) -> "Network":
        options, now = world.options, world.clock.now()
        return cls(
            seed=options.seed,
            speed=options.state_speed,
            faults=world.faults,
            chain=Chain(options.seed, now),
            stock=Stock(build_fleet(seed=options.seed, now=now)),
            knobs=Knobs(era=options.era),
        )

    def delay(self, seconds: float) -> timedelta:
        return timedelta(seconds=seconds / self.speed)

    def height(self, at: datetime) -> int:
        return self.chain.height(at)

    def chance(self, *what: object) -> random.Random:
        """Randomness that depends on the seed and on what it is for, not on the order of calls."""
        return random.Random(":".join(map(str, (self.seed, "akash", *what))))

    def reachable(self, owner: str) -> bool:
        provider = self.stock.find(owner)
        return provider is not None and provider.online and owner not in self.unreachable
