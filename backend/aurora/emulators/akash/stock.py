"""What the providers have free, and whether a group fits: strangers hold a part for ever, our leases while they last."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from aurora.emulators.akash.chain import BLOCKS_PER_MONTH, uact_per_block
from aurora.emulators.akash.manifest import Group, Unit
from aurora.emulators.akash.provider import AUDITOR, GpuKind, Provider, Rig
from aurora.emulators.akash.sdl import GpuOption

# USD a month: per core, GiB of memory, GiB of disk, GiB of persistent disk; the usual defaults of providers [guess].
_CORE, _MEMORY, _DISK, _PERSISTENT = Decimal("1.6"), Decimal("0.8"), Decimal("0.04"), Decimal("0.08")
_GIB = Decimal(1 << 30)
_HOURS_PER_MONTH = BLOCKS_PER_MONTH / 600


@dataclass(frozen=True)
class Choice:
    """What a provider would give for one resource of a group: the cards and how its bid names them."""

    unit: Unit
    rig: Rig | None = None
    option: GpuOption | None = None


@dataclass(frozen=True)
class Hold:
    """What a lease takes of a provider: cards by kind, milli-CPU, bytes."""

    cards: Mapping[GpuKind, int] = field(default_factory=dict)
    cpu: int = 0
    memory: int = 0
    ephemeral: int = 0
    persistent: int = 0


class Stock:
    def __init__(self, providers: Sequence[Provider]) -> None:
        self._providers = {provider.owner: provider for provider in providers}
        self._holds: dict[str, dict[object, Hold]] = {}  # provider -> lease -> what it holds

    @property
    def providers(self) -> Sequence[Provider]:
        return list(self._providers.values())

    def find(self, owner: str) -> Provider | None:
        return self._providers.get(owner)

    def by_host(self, host: str) -> Provider | None:
        return next((p for p in self._providers.values() if p.host == host), None)

    def take(self, owner: str, lease: object, choices: Sequence[Choice]) -> None:
        self._holds.setdefault(owner, {})[lease] = _hold(choices)

    def give_back(self, owner: str, lease: object) -> None:
        self._holds.get(owner, {}).pop(lease, None)

    def leases_of(self, owner: str) -> int:
        return len(self._holds.get(owner, ()))

    def held(self, provider: Provider) -> Hold:
        """What our leases hold of a provider."""
        mine = self._holds.get(provider.owner, {}).values()
        cards: dict[GpuKind, int] = {}
        for hold in mine:
            for kind, count in hold.cards.items():
                cards[kind] = cards.get(kind, 0) + count
        return Hold(
            cards=cards,
            cpu=sum(hold.cpu for hold in mine),
            memory=sum(hold.memory for hold in mine),
            ephemeral=sum(hold.ephemeral for hold in mine),
            persistent=sum(hold.persistent for hold in mine),
        )

    def free_cards(self, provider: Provider, rig: Rig) -> int:
        return rig.cards - rig.strangers - self.held(provider).cards.get(rig.kind, 0)

    def fit(self, provider: Provider, group: Group) -> Sequence[Choice] | None:
        """How the provider would host the group now; None if it cannot or will not."""
        if not provider.online or not _acceptable(provider, group):
            return None
        choices = [self._choice(provider, unit) for unit in group.units]
        found = [choice for choice in choices if choice is not None]
        if len(found) < len(choices) or not self._room(provider, _hold(found)):
            return None
        return found

    def _choice(self, provider: Provider, unit: Unit) -> Choice | None:
        """The first model asked for that has enough free cards; any choice if no cards are asked for."""
        if not unit.compute.gpus:
            return Choice(unit)
        needed = unit.compute.gpus * unit.count
        for option in unit.compute.gpu_options:
            for rig in provider.rigs:
                if (
                    serves(rig.kind, option)
                    and rig.usd is not None
                    and self.free_cards(provider, rig) >= needed
                ):
                    return Choice(unit, rig, GpuOption(rig.kind.model, option.ram, option.interface))
        return None

    def _room(self, provider: Provider, wanted: Hold) -> bool:
        held, all_, busy = self.held(provider), provider.capacity, provider.busy
        cards = {rig.kind: self.free_cards(provider, rig) for rig in provider.rigs}
        return (
            all(cards.get(kind, 0) >= count for kind, count in wanted.cards.items())
            and all_.cpu - busy.cpu - held.cpu >= wanted.cpu
            and all_.memory - busy.memory - held.memory >= wanted.memory
            and all_.ephemeral - busy.ephemeral - held.ephemeral >= wanted.ephemeral
            and all_.persistent - busy.persistent - held.persistent >= wanted.persistent
        )


def serves(kind: GpuKind, option: GpuOption) -> bool:
    """Whether cards of this kind are what an SDL asks for (section 8.2)."""
    return (
        kind.vendor == "nvidia"
        and option.model in {None, kind.model}
        and option.ram in {None, kind.ram}
        and option.interface in {None, kind.sdl_interface}
    )


def price(provider: Provider, choices: Sequence[Choice]) -> Decimal:
    """What the provider asks for a whole group, in uact per block."""
    return sum((uact_per_block(_usd(provider, choice)) * choice.unit.count for choice in choices), Decimal(0))


def _usd(provider: Provider, choice: Choice) -> Decimal:
    """USD an hour for one replica: the cards, and at the provider's own rates what goes with them."""
    compute = choice.unit.compute
    cards = choice.rig.usd * compute.gpus if choice.rig and choice.rig.usd else Decimal(0)
    disk = sum((v.size * (_PERSISTENT if v.persistent else _DISK) for v in compute.storage), Decimal(0))
    month = compute.cpu * _CORE / 1000 + compute.memory * _MEMORY / _GIB + disk / _GIB
    return cards + month * provider.dearness / _HOURS_PER_MONTH


def _acceptable(provider: Provider, group: Group) -> bool:
    """Attributes wanted and auditors asked for; there is one auditor in the emulated network."""
    has = provider.attributes
    auditors = {AUDITOR} if provider.audited else set()
    return (
        all(has.get(key) == value for key, value in group.attributes)
        and (not group.any_of or not auditors.isdisjoint(group.any_of))
        and auditors.issuperset(group.all_of)
    )


def _hold(choices: Sequence[Choice]) -> Hold:
    cards: dict[GpuKind, int] = {}
    for choice in choices:
        if choice.rig:
            count = choice.unit.compute.gpus * choice.unit.count
            cards[choice.rig.kind] = cards.get(choice.rig.kind, 0) + count
    return Hold(
        cards,
        cpu=sum(choice.unit.compute.cpu * choice.unit.count for choice in choices),
        memory=sum(choice.unit.compute.memory * choice.unit.count for choice in choices),
        ephemeral=sum(_bytes(choices, persistent=False)),
        persistent=sum(_bytes(choices, persistent=True)),
    )


def _bytes(choices: Sequence[Choice], *, persistent: bool) -> Iterator[int]:
    for choice in choices:
        for volume in choice.unit.compute.storage:
            if volume.persistent is persistent:
                yield volume.size * choice.unit.count
