"""The providers as the Console lists them, and who of them could host something (contract, sections 4.4 to 4.6)."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from aurora.emulators.akash import asked, guard
from aurora.emulators.akash.board import AKT_USD
from aurora.emulators.akash.estate import Estate
from aurora.emulators.akash.manifest import Group, Unit
from aurora.emulators.akash.provider import AUDITOR, Provider
from aurora.emulators.akash.reading import stamp
from aurora.emulators.akash.replies import Refused, invalid
from aurora.emulators.akash.sdl import Compute, GpuOption, Volume
from aurora.emulators.akash.view import Json
from aurora.emulators.exchange import Call, Reply

_MOST_ADDRESSES = 20
_CHECK_MINUTES = 15
_CACHE = {"Cache-Control": "public, max-age=60, stale-while-revalidate=120"}
_MARKET_CACHE = {"Cache-Control": "public, max-age=300, stale-while-revalidate=600"}


class Directory:
    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def listed(self, call: Call) -> Reply:
        self._estate.advance(call.now)
        trial = asked.choice(call, "scope", ("all", "trial")) == "trial"
        wanted = [part for part in call.query.get("addresses", "").split(",") if part]
        if len(wanted) > _MOST_ADDRESSES:
            raise invalid(
                ["addresses"], "too_big", f"Array must contain at most {_MOST_ADDRESSES} element(s)"
            )
        found = [
            provider
            for provider in self._providers
            if (not wanted or provider.owner in wanted) and (provider.audited or not trial)
        ]
        return Reply([self._row(provider, call.now) for provider in found], headers=_CACHE)

    def show(self, call: Call) -> Reply:
        self._estate.advance(call.now)
        provider = self._estate.network.stock.find(call.params["address"])
        if provider is None:
            raise Refused(404, "Provider not found")
        checks = [
            {"id": f"{number}", "isOnline": provider.online, "checkDate": stamp(at)}
            for number, at in enumerate(_checks(call.now), 1)
        ]
        return Reply({**self._row(provider, call.now), "uptime": checks})

    def screen(self, call: Call) -> Reply:
        """Who could host this now. No price (section 4.5)."""
        self._estate.advance(call.now)
        group = _screened(guard.document(call))
        rows = [
            {
                "owner": provider.owner,
                "hostUri": provider.host_uri,
                "isAudited": provider.audited,
                "createdAt": stamp(provider.created_at),
                "location": provider.site.region,
                "organization": provider.organization,
                "incidents": [],
                **self._free_gpus(provider),
            }
            for provider in self._providers
            if self._estate.network.stock.fit(provider, group) is not None
        ]
        return Reply({"providers": rows})

    def capacity(self, call: Call) -> Reply:
        self._estate.advance(call.now)
        online = [provider for provider in self._providers if provider.online]
        stats = [self._stats(provider) for provider in online]
        return Reply({"activeProviderCount": len(online), "resources": _sum(stats)}, headers=_MARKET_CACHE)

    def market(self, _: Call) -> Reply:
        body = {
            **dict.fromkeys(("volume", "marketCap", "marketCapRank"), 0),
            **dict.fromkeys(("priceChange24h", "priceChangePercentage24"), 0),
        }
        return Reply({"price": float(AKT_USD), **body}, headers=_MARKET_CACHE)

    def regions(self, _: Call) -> Reply:
        regions = sorted({provider.site.region for provider in self._providers})
        rows = [
            {
                "key": region,
                "description": region.upper(),
                "providers": [p.owner for p in self._providers if p.site.region == region],
            }
            for region in regions
        ]
        return Reply(rows)

    def auditors(self, _: Call) -> Reply:
        row = {
            "id": "akash-network",
            "name": "Overclock Labs",
            "address": AUDITOR,
            "website": "https://akash.network",
        }
        return Reply([row])

    @property
    def _providers(self) -> Sequence[Provider]:
        return self._estate.network.stock.providers

    def _free_gpus(self, provider: Provider) -> Json:
        """Era B adds how many cards are free."""
        if not self._estate.network.knobs.modern:
            return {}
        stock = self._estate.network.stock
        return {"availableGpus": sum(stock.free_cards(provider, rig) for rig in provider.rigs)}

    def _row(self, provider: Provider, now: datetime) -> Json:
        ours = self._estate.network.stock.leases_of(provider.owner)
        leases = provider.leases + ours if provider.online else 0
        return {
            **_identity(provider),
            **_place(provider),
            **_features(provider),
            "lastCheckDate": stamp(now - timedelta(minutes=now.minute % _CHECK_MINUTES)),
            "lastOnlineDate": stamp(now) if provider.online else None,
            "leaseCount": leases,
            "deploymentCount": leases,
            "stats": self._stats(provider),
            "synthetic": True,
        }

    def _stats(self, provider: Provider) -> Json:
        stock, whole, busy = self._estate.network.stock, provider.capacity, provider.busy
        held = stock.held(provider)
        cards = sum(rig.cards for rig in provider.rigs)
        free = sum(stock.free_cards(provider, rig) for rig in provider.rigs)
        ephemeral = _use(whole.ephemeral, busy.ephemeral + held.ephemeral)
        persistent = _use(whole.persistent, busy.persistent + held.persistent)
        return {
            "cpu": _use(whole.cpu, busy.cpu + held.cpu),
            "gpu": _use(cards, cards - free),
            "memory": _use(whole.memory, busy.memory + held.memory),
            "storage": {
                "ephemeral": ephemeral,
                "persistent": persistent,
                "total": {name: ephemeral[name] + persistent[name] for name in ephemeral},
            },
        }


def _use(total: int, active: int) -> dict[str, int]:
    return {"active": active, "available": total - active, "pending": 0, "total": total}


def _sum(stats: Sequence[Json]) -> Json:
    """Figures of the same shape, added up."""
    first = stats[0] if stats else {}
    return {
        name: _sum([one[name] for one in stats]) if isinstance(value, dict) else sum(o[name] for o in stats)
        for name, value in first.items()
    }


def _checks(now: datetime) -> list[datetime]:
    return [now - timedelta(minutes=_CHECK_MINUTES * number) for number in range(8)]


def _identity(provider: Provider) -> Json:
    day, week, month = provider.uptime
    return {
        "owner": provider.owner,
        "name": None,
        "hostUri": provider.host_uri,
        "createdHeight": provider.created_height,
        "email": f"hello@{provider.host}",
        "website": None,
        "cosmosSdkVersion": "v0.53.4",
        "akashVersion": "v2.0.1",
        "uptime1d": day,
        "uptime7d": week,
        "uptime30d": month,
        "isValidVersion": provider.online,
        "isOnline": provider.online,
        "isAudited": provider.audited,
        "organization": provider.organization,
        "statusPage": None,
        "tier": provider.tier,
        "host": "akash",
    }


def _place(provider: Provider) -> Json:
    site = provider.site
    return {
        "ipRegion": site.state,
        "ipRegionCode": site.state[:2].upper(),
        "ipCountry": site.country,
        "ipCountryCode": site.country_code,
        "ipLat": site.lat,
        "ipLon": site.lon,
        "locationRegion": site.region,
        "country": site.country_code,
        "city": site.city,
        "timezone": site.timezone,
        "locationType": "datacenter",
        "hostingProvider": None,
    }


def _features(provider: Provider) -> Json:
    kinds = [rig.kind for rig in provider.rigs]
    persistent = provider.capacity.persistent > 0
    audited = [AUDITOR] if provider.audited else []
    return {
        "gpuModels": [
            {"vendor": k.vendor, "model": k.model, "ram": k.ram, "interface": k.interface} for k in kinds
        ],
        "attributes": [
            {"key": key, "value": value, "auditedBy": audited} for key, value in provider.attributes.items()
        ],
        "hardwareCpu": "amd-epyc",
        "hardwareCpuArch": "x86-64",
        "hardwareGpuVendor": kinds[0].vendor if kinds else None,
        "hardwareGpuModels": [kind.model for kind in kinds],
        "hardwareDisk": ["nvme"],
        "hardwareMemory": "ddr5ecc",
        "featPersistentStorage": persistent,
        "featPersistentStorageType": ["beta3"] if persistent else [],
        "networkProvider": None,
        "networkSpeedDown": 10_000,
        "networkSpeedUp": 10_000,
        "featEndpointCustomDomain": True,
        "featEndpointIp": False,
        "workloadSupportChia": False,
        "workloadSupportChiaCapabilities": [],
    }


def _screened(body: Mapping[str, Any]) -> Group:
    """A group as the screening call describes it. Raises Refused."""
    asked.text(body.get("timezone"), ["timezone"])
    rows = asked.rows(body.get("resources"), ["resources"])
    requirements = body.get("requirements") or {}
    signed = requirements.get("signedBy") or {}
    return Group(
        name="screening",
        attributes=tuple((row["key"], row["value"]) for row in requirements.get("attributes") or []),
        any_of=tuple(signed.get("anyOf") or ()),
        all_of=tuple(signed.get("allOf") or ()),
        units=tuple(
            _unit(asked.record(row, ["resources", n]), ["resources", n]) for n, row in enumerate(rows)
        ),
    )


def _unit(row: Mapping[str, Any], path: list[str | int]) -> Unit:
    resource = asked.record(row.get("resource"), [*path, "resource"])
    count = asked.bounded(asked.whole(row.get("count"), [*path, "count"]), [*path, "count"], least=1)
    try:
        gpus = _value(resource["gpu"]["units"])
        keys = [one["key"] for one in resource["gpu"].get("attributes") or []]
        compute = Compute(
            cpu=_value(resource["cpu"]["units"]),
            memory=_value(resource["memory"]["quantity"]),
            gpus=gpus,
            gpu_options=tuple(_option(key) for key in keys or ["vendor/nvidia/model/*"]) if gpus else (),
            storage=tuple(_volume(volume) for volume in resource["storage"]),
        )
        price = Decimal(str(row["price"]["amount"]))
        return Unit(len(path), compute, (), count, row["price"]["denom"], price)
    except (KeyError, TypeError, ValueError, InvalidOperation):
        raise invalid([*path, "resource"], "invalid_type", "Required", expected="object") from None


def _volume(row: Mapping[str, Any]) -> Volume:
    attributes = tuple((one["key"], one["value"]) for one in row.get("attributes") or [])
    return Volume(row["name"], _value(row["quantity"]), attributes)


def _option(key: str) -> GpuOption:
    parts = key.split("/")
    named = dict(zip(parts[::2], parts[1::2], strict=False))
    model = named.get("model")
    return GpuOption(None if model == "*" else model, named.get("ram"), named.get("interface"))


def _value(row: Mapping[str, Any]) -> int:
    """A decimal text, or base64 of one."""
    text = str(row["val"])
    if text.isdecimal():
        return int(text)
    try:
        return int(base64.b64decode(text, validate=True))
    except binascii.Error:
        raise ValueError(text) from None
