"""What the market looks like from outside: GPU prices, GPUs, models, totals (contract, sections 4.1 to 4.3 and 4.6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

from aurora.emulators import seed_files
from aurora.emulators.akash.address import address
from aurora.emulators.akash.chain import BLOCKS_PER_MONTH, MICRO, uact_per_block
from aurora.emulators.akash.estate import Estate
from aurora.emulators.akash.provider import GpuKind, Provider, Rig
from aurora.emulators.akash.reading import stamp
from aurora.emulators.akash.replies import bare_error
from aurora.emulators.akash.view import Json
from aurora.emulators.exchange import Call, Reply

AKT_USD = Decimal("0.5434716")  # captured on 2026-07-17
_MEMO_S = 900.0  # the server computes prices every quarter of an hour
_BOT_CPU, _BOT_BYTES = 100, 268_435_456  # what the pricing bot asks for beside the card
_CACHE = {"Cache-Control": "public, max-age=120, stale-while-revalidate=300"}


@dataclass(frozen=True)
class Owned:
    """Cards of one kind at one provider, as of now."""

    provider: Provider
    rig: Rig
    free: int


class Board:
    def __init__(self, estate: Estate, *, realistic: bool) -> None:
        self._estate = estate
        self._realistic = realistic
        self._memo: tuple[datetime, Json] | None = None

    def prices(self, call: Call) -> Reply:
        """Statistics of the providers' best bids. With real limits they are as old as the server's memory of them."""
        self._estate.advance(call.now)
        if call.query.get("debug") == "true":
            return Reply(self._prices(call.now, debug=True), headers=_CACHE)
        fresh = self._memo and call.now - self._memo[0] < timedelta(seconds=_MEMO_S)
        if self._memo is None or not (fresh and self._realistic):
            self._memo = call.now, self._prices(call.now, debug=False)
        return Reply(self._memo[1], headers=_CACHE)

    def gpus(self, call: Call) -> Reply:
        """Cards by vendor and kind; `provider` is an address or the address of a host."""
        self._estate.advance(call.now)
        name, stock = call.query.get("provider"), self._estate.network.stock
        one = next((p for p in stock.providers if name in {p.owner, p.host_uri}), None)
        if name and one is None and not name.startswith(("akash1", "https://")):
            return bare_error("Invalid provider parameter, should be a valid akash address or host uri")
        asked = {key: call.query.get(key) for key in ("vendor", "model", "memory_size")}
        found = [
            owned
            for owned in self._owned()
            if (not name or owned.provider is one) and _matches(owned.rig.kind, asked)
        ]
        details: dict[str, list[Json]] = {}
        for kind in sorted({owned.rig.kind for owned in found}, key=lambda kind: (kind.model, kind.ram)):
            rows = [owned for owned in found if owned.rig.kind == kind]
            details.setdefault(kind.vendor, []).append(
                {"model": kind.model, "ram": kind.ram, "interface": kind.interface, **_totals(rows)}
            )
        return Reply({"gpus": {"total": _totals(found), "details": details}}, headers=_CACHE)

    def models(self, _: Call) -> Reply:
        """All names that an SDL may use: the hardware database and what the fleet has beside it."""
        rows: dict[str, dict[str, dict[str, set[str]]]] = {}
        kinds = [
            (vendor["name"], device["name"], device["memory_size"], device["interface"])
            for vendor in seed_files.document("akash_gpus.json.gz").values()
            for device in vendor["devices"].values()
        ]
        own = [r.kind for p in self._estate.network.stock.providers for r in p.rigs]
        for vendor, model, memory, interface in [
            *kinds,
            *((k.vendor, k.model, k.ram, k.interface) for k in own),
        ]:
            row = rows.setdefault(vendor, {}).setdefault(model, {"memory": set(), "interface": set()})
            row["memory"].add(memory)
            row["interface"].add(interface)
        return Reply([_vendor(name, models) for name, models in rows.items()], headers=_CACHE)

    def _prices(self, now: datetime, *, debug: bool) -> Json:
        owned = self._owned()
        kinds = sorted(
            {one.rig.kind for one in owned}, key=lambda kind: (kind.model, kind.ram, kind.interface)
        )
        rows = [
            self._price(kind, [o for o in owned if o.rig.kind == kind], now=now, debug=debug)
            for kind in kinds
        ]
        return {"availability": _availability(owned), "models": rows}

    def _price(self, kind: GpuKind, owned: Sequence[Owned], *, now: datetime, debug: bool) -> Json:
        bids = [one for one in owned if one.rig.usd is not None]
        free = sum(1 for one in owned if one.free)
        providers: Json = {"total": len(owned), "available": free}
        row: Json = {
            "vendor": kind.vendor,
            "model": kind.model,
            "ram": kind.ram,
            "interface": kind.interface,
            "availability": _availability(owned),
            "providerAvailability": providers,
            "price": _statistics("USD", bids, Decimal(1)),
            "priceUakt": _statistics("uakt", bids, MICRO / AKT_USD),
        }
        if not debug:
            return row
        providers["providers"] = [_allocation(one) for one in owned]
        best = [{"provider": _allocation(one), "bestBid": self._best_bid(one, now)} for one in bids]
        return {**row, "bidCount": 97 * len(bids), "providersWithBestBid": best}

    def _best_bid(self, one: Owned, now: datetime) -> Json:
        """The captured bid of captured providers; for the others one of the pricing bot, made some hours ago."""
        if one.rig.captured:
            return dict(one.rig.captured)
        usd, network = one.rig.usd or Decimal(0), self._estate.network
        at = now - timedelta(hours=network.chance("bot", one.provider.owner).uniform(1, 48))
        month = usd * BLOCKS_PER_MONTH / 600
        return {
            "height": network.height(at),
            "txHash": network.chain.transaction("bot", one.provider.owner, one.rig.kind.model),
            "datetime": stamp(at),
            "provider": one.provider.owner,
            "aktTokenPrice": float(AKT_USD),
            "hourlyPrice": float(round(usd, 2)),
            "monthlyPrice": float(round(month, 2)),
            "hourlyPriceUakt": float(round(usd * MICRO / AKT_USD, 2)),
            "monthlyPriceUakt": float(round(month * MICRO / AKT_USD, 2)),
            **_bot_order(one, dseq=str(int(at.timestamp() * 1000))),
        }

    def _owned(self) -> list[Owned]:
        """The cards of all providers that are online."""
        stock = self._estate.network.stock
        return [
            Owned(provider, rig, stock.free_cards(provider, rig))
            for provider in stock.providers
            if provider.online
            for rig in provider.rigs
        ]


def _statistics(currency: str, bids: Sequence[Owned], factor: Decimal) -> Json | None:
    """None when nobody has bid for such cards lately."""
    prices = [one.rig.usd * factor for one in bids if one.rig.usd is not None]
    if not prices:
        return None
    cards = sum(one.rig.cards for one in bids)
    weighted = sum((p * one.rig.cards for p, one in zip(prices, bids, strict=True)), Decimal(0)) / cards
    figures = {
        "min": min(prices),
        "max": max(prices),
        "avg": sum(prices, Decimal(0)) / len(prices),
        "weightedAverage": weighted,
        "med": median(prices),
    }
    return {"currency": currency, **{name: float(round(value, 2)) for name, value in figures.items()}}


def _availability(owned: Sequence[Owned]) -> Json:
    return {"total": sum(o.rig.cards for o in owned), "available": sum(o.free for o in owned)}


def _totals(owned: Sequence[Owned]) -> Json:
    return {
        "allocatable": sum(one.rig.cards for one in owned),
        "allocated": sum(one.rig.cards - one.free for one in owned),
    }


def _allocation(one: Owned) -> Json:
    provider = one.provider
    return {
        "owner": provider.owner,
        "hostUri": provider.host_uri,
        "allocated": one.rig.cards - one.free,
        "allocatable": one.rig.cards,
    }


def _matches(kind: GpuKind, asked: dict[str, str | None]) -> bool:
    return (
        asked["vendor"] in {None, kind.vendor}
        and asked["model"] in {None, kind.model}
        and asked["memory_size"] in {None, kind.ram}
    )


def _bot_order(one: Owned, *, dseq: str) -> Json:
    """What the pricing bot asked for, and the decoded bid."""
    kind, owner = one.rig.kind, address("pricing-bot")
    gpu = {"vendor": kind.vendor, "model": kind.model, "ram": kind.ram, "interface": kind.sdl_interface}
    key = f"vendor/{kind.vendor}/model/{kind.model}/ram/{kind.ram}/interface/{kind.sdl_interface}"
    small = {"quantity": {"val": str(_BOT_BYTES)}}
    resources: Json = {
        "id": 1,
        "cpu": {"units": {"val": str(_BOT_CPU)}},
        "memory": small,
        "storage": [{"name": "default", **small}],
        "gpu": {"units": {"val": "1"}, "attributes": [{"key": key, "value": "true"}]},
        "endpoints": [{}],
    }
    bid_id = {"owner": owner, "dseq": dseq, "gseq": 1, "oseq": 1, "provider": one.provider.owner}
    price = str(uact_per_block(one.rig.usd or Decimal(0)))
    return {
        "deployment": {
            "owner": owner,
            "cpuUnits": _BOT_CPU,
            "memoryUnits": _BOT_BYTES,
            "storageUnits": _BOT_BYTES,
            "gpus": [gpu],
        },
        "data": {
            "id": bid_id,
            "price": {"denom": "uact", "amount": price},
            "deposit": {"amount": {"denom": "uakt", "amount": "500000"}, "sources": ["balance"]},
            "resources_offer": [{"resources": resources, "count": 1}],
        },
    }


def _vendor(name: str, models: dict[str, dict[str, set[str]]]) -> Json:
    return {
        "name": name,
        "displayName": name.upper(),
        "models": [
            {
                "name": model,
                "displayName": _display_name(model),
                "memory": sorted(row["memory"]),
                "interface": sorted(row["interface"]),
            }
            for model, row in sorted(models.items())
        ],
    }


def _display_name(model: str) -> str:
    """`rtx4090` is the RTX 4090."""
    for family in ("rtx", "gtx", "pro", "gt", "mx"):
        if model.startswith(family):
            return f"{family.upper()} {model[len(family) :].upper()}"
    return model.upper()
