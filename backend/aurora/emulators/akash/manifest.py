"""What an SDL becomes: the manifest for the provider with its hash, and the groups for the chain (contract, section 8.5)."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from aurora.emulators.akash.sdl import Compute, Run, Sdl

HTTP, RANDOM_PORT, LEASED_IP = 0, 1, 2
KINDS = ("SHARED_HTTP", "RANDOM_PORT", "LEASED_IP")
_HTTP_PORT = 80
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_HTTP_DEFAULTS: Mapping[str, Any] = {
    "max_body_size": 1048576,
    "next_cases": ["error", "timeout"],
    "next_timeout": 0,
    "next_tries": 3,
    "read_timeout": 60000,
    "send_timeout": 60000,
}
_HTTP_NAMES = {
    "max_body_size": "maxBodySize",
    "next_cases": "nextCases",
    "next_timeout": "nextTimeout",
    "next_tries": "nextTries",
    "read_timeout": "readTimeout",
    "send_timeout": "sendTimeout",
}


@dataclass(frozen=True)
class Door:
    """An endpoint of a resource: its kind, and its number if it is a leased address."""

    kind: int
    number: int = 0


@dataclass(frozen=True)
class Unit:
    """One resource of a group: what a replica needs, how many there are, the most it may cost per block."""

    id: int
    compute: Compute
    doors: tuple[Door, ...]
    count: int
    denom: str
    amount: Decimal


@dataclass(frozen=True)
class Group:
    """The chain's view of a placement."""

    name: str
    attributes: tuple[tuple[str, str], ...]
    any_of: tuple[str, ...]
    all_of: tuple[str, ...]
    units: tuple[Unit, ...]

    @property
    def ceiling(self) -> Decimal:
        """The most the whole group may cost per block."""
        return sum((unit.amount * unit.count for unit in self.units), Decimal(0))

    def priced_in(self, denom: str, *, auditor: str) -> "Group":
        """As the Console rewrites it: its own denom, and its auditor among those asked for (section 5.1)."""
        any_of = self.any_of if auditor in self.any_of else (*self.any_of, auditor)
        return replace(self, any_of=any_of, units=tuple(replace(unit, denom=denom) for unit in self.units))

    def same_resources(self, other: "Group") -> bool:
        mine = [(u.compute, u.doors, u.count) for u in self.units]
        return self.name == other.name and mine == [(u.compute, u.doors, u.count) for u in other.units]


def groups(sdl: Sdl) -> tuple[Group, ...]:
    """The groups of an SDL, by name."""
    return tuple(_group(sdl, name) for name in sorted({run.placement for run in sdl.runs}))


def manifest(sdl: Sdl) -> str:
    """The manifest as the exact text whose hash goes on chain."""
    document = [
        {"name": group.name, "services": [_service(sdl, run, group) for run in _runs(sdl, group.name)]}
        for group in groups(sdl)
    ]
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "".join(_ESCAPED.get(letter, letter) for letter in text)


def manifest_hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _runs(sdl: Sdl, placement: str) -> list[Run]:
    return [run for run in sdl.runs if run.placement == placement]


def _group(sdl: Sdl, name: str) -> Group:
    """Services that share a compute profile share a resource of the group."""
    placement = sdl.placements[name]
    units: dict[str, Unit] = {}
    for run in _runs(sdl, name):
        doors = tuple(_doors(sdl, run.service))
        known = units.get(run.profile)
        if known is None:
            denom, amount = placement.prices[run.profile]
            units[run.profile] = Unit(
                len(units) + 1, sdl.compute[run.profile], doors, run.count, denom, amount
            )
        else:
            units[run.profile] = replace(known, doors=known.doors + doors, count=known.count + run.count)
    return Group(name, placement.attributes, placement.any_of, placement.all_of, tuple(units.values()))


def _service(sdl: Sdl, run: Run, group: Group) -> dict[str, Any]:
    service = sdl.services[run.service]
    compute = sdl.compute[run.profile]
    unit = next(unit for unit in group.units if unit.compute is compute)
    row = {
        "name": run.service,
        "image": service["image"],
        "command": service.get("command") or None,
        "args": service.get("args") or None,
        "env": service.get("env") or None,
        "count": run.count,
        "credentials": _credentials(service.get("credentials")),
        "expose": sorted(_exposes(sdl, service), key=_expose_order),
        "resources": _resources(compute, unit.id, tuple(_doors(sdl, run.service))),
    }
    params = _params(service.get("params"))
    return {**row, "params": params} if params else row


def _credentials(given: Mapping[str, Any] | None) -> dict[str, str] | None:
    return None if given is None else {"email": "", **given}


def _params(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not given:
        return None
    storage = [
        {"name": str(name), "mount": volume.get("mount", ""), "readOnly": volume.get("readOnly", False)}
        for name, volume in sorted((given.get("storage") or {}).items())
    ]
    others = {key: value for key, value in given.items() if key != "storage"}
    return {**others, "storage": storage} if storage else others


def _exposes(sdl: Sdl, service: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for expose in service.get("expose") or []:
        options = {**_HTTP_DEFAULTS, **(expose.get("http_options") or {})}
        for to in expose.get("to") or [{}]:
            yield {
                "port": expose["port"],
                "externalPort": expose.get("as", 0),
                "proto": expose.get("proto", "TCP").upper(),
                "service": to.get("service", ""),
                "global": to.get("global", False),
                "hosts": expose.get("accept") or None,
                "httpOptions": {_HTTP_NAMES[name]: value for name, value in options.items()},
                "ip": to.get("ip", ""),
                "endpointSequenceNumber": _number(sdl, to.get("ip")),
            }


def _expose_order(row: Mapping[str, Any]) -> tuple[str, int, str, bool]:
    return row["service"], row["port"], row["proto"], not row["global"]


def _doors(sdl: Sdl, service: str) -> Iterator[Door]:
    """An endpoint for each global exposure, in the order of the document; a leased address adds one."""
    for expose in sdl.services[service].get("expose") or []:
        for to in expose.get("to") or []:
            if to.get("global"):
                yield Door(HTTP if is_ingress(expose) else RANDOM_PORT)
                if to.get("ip"):
                    yield Door(LEASED_IP, _number(sdl, to["ip"]))


def is_ingress(expose: Mapping[str, Any]) -> bool:
    """Whether a global port is served by the HTTP ingress instead of getting a random port of the host."""
    tcp = str(expose.get("proto", "TCP")).upper() == "TCP"
    return tcp and int(expose.get("as") or expose["port"]) == _HTTP_PORT


def is_global(expose: Mapping[str, Any]) -> bool:
    return any(to.get("global") for to in expose.get("to") or [])


def host_ports(sdl: Sdl, service: str) -> Sequence[Mapping[str, Any]]:
    """The exposures of a service that get a random port of the host."""
    exposes = sdl.services[service].get("expose") or []
    return [expose for expose in exposes if is_global(expose) and not is_ingress(expose)]


def has_ingress(sdl: Sdl, service: str) -> bool:
    """Whether the service is reachable under a name."""
    exposes = sdl.services[service].get("expose") or []
    return any(is_global(expose) and is_ingress(expose) for expose in exposes)


def _number(sdl: Sdl, endpoint: str | None) -> int:
    return sdl.endpoints.index(endpoint) + 1 if endpoint else 0


def _resources(compute: Compute, unit_id: int, doors: Sequence[Door]) -> dict[str, Any]:
    gpu: dict[str, Any] = {"units": {"val": str(compute.gpus)}}
    if compute.gpus:
        gpu["attributes"] = [{"key": option.key(), "value": "true"} for option in compute.gpu_options]
    return {
        "id": unit_id,
        "cpu": {"units": {"val": str(compute.cpu)}},
        "memory": {"size": {"val": str(compute.memory)}},
        "storage": [_volume(v.name, v.size, v.attributes) for v in compute.storage],
        "gpu": gpu,
        "endpoints": [
            {"sequence_number": door.number, **({"kind": door.kind} if door.kind else {})} for door in doors
        ],
    }


def _volume(name: str, size: int, attributes: Sequence[tuple[str, str]]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "size": {"val": str(size)}}
    if attributes:
        row["attributes"] = [{"key": key, "value": value} for key, value in attributes]
    return row
