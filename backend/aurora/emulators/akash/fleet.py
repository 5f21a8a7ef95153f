"""The providers of the emulated network: four from the captured prices, the others made from a seed (all marked synthetic)."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aurora.emulators import seed_files
from aurora.emulators.akash.address import address
from aurora.emulators.akash.provider import Capacity, GpuKind, Provider, Rig, Site

SIZE = 72
_GIB = 1 << 30
_TIB = 1 << 40
_PLACES = Decimal("0.000001")
# Tenants ask for these by name; each of the regions has two sound providers with free cards of every one of them.
_WANTED_MODELS = frozenset({"a100", "h100", "rtx4090", "t4", "l40s", "rtxa6000", "v100", "rtx3090"})
_WANTED_REGIONS = ("us-west", "us-east", "eu-central")
_SOUND_PER_REGION = 4
_SOUND_SPREAD = 0.3  # sound providers ask for little more than the list price: an H100 with its usual parts stays below $3
_WORDS = ("Aurum", "Basalt", "Cobalt", "Dune", "Ember", "Fjord", "Granite", "Harbor", "Iris", "Juniper")


@dataclass(frozen=True)
class Model:
    """A row of the models of the market."""

    kind: GpuKind
    usd: Decimal | None
    spread: float
    owners: int
    cards: int


@dataclass(frozen=True)
class Maker:
    """What providers are made from."""

    rng: random.Random
    seed: int
    now: datetime
    places: Sequence[Site]


def build_fleet(*, seed: int, now: datetime) -> Sequence[Provider]:
    rng = random.Random(f"{seed}:akash:fleet")
    maker = Maker(rng, seed, now, _places())
    shells = [_shell(number, maker) for number in range(SIZE - 4)]
    cards = _dealt(_models(), shells, rng)
    synthetic = [_furnished(shell, cards.get(shell.owner, ()), rng) for shell in shells]
    return [*_captured(maker), *synthetic]


def _models() -> Iterator[Model]:
    for row in seed_files.table("akash_models.csv"):
        yield Model(
            kind=GpuKind(row["model"], row["ram"], row["interface"]),
            usd=Decimal(row["usd"]) if row["usd"] else None,
            spread=float(row["spread"]),
            owners=int(row["owners"]),
            cards=int(row["cards"]),
        )


def _places() -> list[Site]:
    """Each place as often as its share says."""
    rows = seed_files.table("akash_places.csv")
    names = [name for name in rows[0] if name != "share"]
    sites = [(Site(**{name: row[name] for name in names}), int(row["share"])) for row in rows]
    return [site for site, share in sites for _ in range(share)]


def _shell(number: int, maker: Maker) -> Provider:
    """A provider without cards. The first of each wanted region are sound: online, audited, with a clean record."""
    rng, places = maker.rng, maker.places
    sound = number < len(_WANTED_REGIONS) * _SOUND_PER_REGION
    macro = _WANTED_REGIONS[number % len(_WANTED_REGIONS)]
    site = rng.choice([p for p in places if p.macro == macro]) if sound else places[number * 11 % len(places)]
    online = sound or rng.random() < 0.85
    word = _WORDS[number % len(_WORDS)]
    host = f"provider.{word.lower()}{number}.{site.country_code.lower()}.akash.example"
    age = timedelta(days=rng.uniform(20, 900))
    return Provider(
        owner=address(maker.seed, "provider", number),
        host_uri=f"https://{host}:8443",
        site=site,
        organization=f"{word} Compute (synthetic)",
        tier="community" if rng.random() < 0.8 else "certified",
        online=online,
        audited=sound or rng.random() < 0.7,
        uptime=_uptime(rng, sound=sound, online=online),
        created_height=max(1, 28_768_155 - int(age.total_seconds() / 6)),
        created_at=maker.now - age,
        rigs=(),
        capacity=Capacity(0, 0, 0, 0),
        busy=Capacity(0, 0, 0, 0),
        dearness=Decimal(str(round(rng.uniform(0.7, 1.6), 2))),
        leases=rng.randrange(0, 25),
    )


def _uptime(rng: random.Random, *, sound: bool, online: bool) -> tuple[float, float, float]:
    """Of the last day, week and month."""
    if not online:
        return 0.0, round(rng.uniform(0, 0.6), 4), round(rng.uniform(0, 0.9), 4)
    least = 0.995 if sound else 0.8
    day = 1.0 if sound else round(rng.uniform(least, 1), 4)
    return day, round(rng.uniform(least, 1), 4), round(rng.uniform(least, 1), 4)


def _dealt(
    models: Iterator[Model], shells: Sequence[Provider], rng: random.Random
) -> Mapping[str, Sequence[Rig]]:
    """Who owns which cards, by provider."""
    dealt: dict[str, list[Rig]] = {}
    first_of: set[str] = set()
    for model in models:
        wanted = model.kind.model in _WANTED_MODELS and model.kind.model not in first_of
        first_of.add(model.kind.model)
        owners = _sound_owners(shells, rng) if wanted else []
        others = rng.sample(shells, min(model.owners, len(shells)))
        owners += [shell for shell in others if shell not in owners][: max(0, model.owners - len(owners))]
        for shell in owners:
            dealt.setdefault(shell.owner, []).append(_rig(model, rng, sound=wanted))
    return dealt


def _sound_owners(shells: Sequence[Provider], rng: random.Random) -> list[Provider]:
    sound = shells[: len(_WANTED_REGIONS) * _SOUND_PER_REGION]
    groups = [[shell for shell in sound if shell.site.macro == macro] for macro in _WANTED_REGIONS]
    return [shell for group in groups for shell in rng.sample(group, 2)]


def _rig(model: Model, rng: random.Random, *, sound: bool) -> Rig:
    cards = model.cards * rng.choice((1, 1, 2)) if sound else rng.randint(1, model.cards)
    busy = rng.randint(0, cards // 2 if sound else cards)
    above = model.spread * rng.random() * (_SOUND_SPREAD if sound else 1)
    usd = model.usd and (model.usd * Decimal(str(1 + above))).quantize(_PLACES)
    return Rig(model.kind, cards, busy, usd)


def _furnished(shell: Provider, rigs: Sequence[Rig], rng: random.Random) -> Provider:
    """With the CPU, memory and disk that go with the cards."""
    cards = sum(rig.cards for rig in rigs)
    free = sum(rig.cards - rig.strangers for rig in rigs)
    size = cards + rng.randint(2, 8)
    capacity = Capacity(
        cpu=24_000 * size,
        memory=128 * _GIB * size,
        ephemeral=2 * _TIB * size,
        persistent=rng.choice((0, 1, 1)) * _TIB * size,
    )
    share = 1 - free / cards if cards else rng.random()
    busy = Capacity(
        cpu=int(capacity.cpu * share * 0.6),
        memory=int(capacity.memory * share * 0.6),
        ephemeral=int(capacity.ephemeral * share * 0.6),
        persistent=int(capacity.persistent * 0.3),
    )
    return replace(shell, rigs=tuple(rigs), capacity=capacity, busy=busy)


def _captured(maker: Maker) -> Iterator[Provider]:
    """The owners of H100s in the captured prices, in places of our own choice."""
    row = seed_files.document("akash_gpu_prices_h100_2026-09-28.json.gz")["models"][0]
    kind = GpuKind(row["model"], row["ram"], row["interface"])
    bids = {one["provider"]["owner"]: one["bestBid"] for one in row["providersWithBestBid"]}
    places = {site.city: site for site in maker.places}
    cities = ("Amsterdam", "Amsterdam", "Singapore", "Ashburn")
    for owned, city in zip(row["providerAvailability"]["providers"], cities, strict=True):
        shell = replace(
            _shell(1, maker),
            owner=owned["owner"],
            host_uri=owned["hostUri"],
            site=places[city],
            organization="captured prices",
        )
        rig = _captured_rig(kind, owned, bids.get(owned["owner"]))
        yield _furnished(shell, [rig], maker.rng)


def _captured_rig(kind: GpuKind, owned: Mapping[str, Any], bid: Mapping[str, Any] | None) -> Rig:
    usd = Decimal(bid["data"]["price"]["amount"]) * 600 / 1_000_000 if bid else None
    if bid and bid["data"]["price"]["denom"] != "uact":
        usd = Decimal(str(bid["hourlyPrice"]))
    return Rig(kind, owned["allocatable"], owned["allocated"], usd, bid)
