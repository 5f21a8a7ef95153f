"""An SDL document, read and checked (contract, section 8): services, compute and placement profiles, what runs where."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import yaml

from aurora.emulators.akash.schema import Place
from aurora.emulators.akash.sdl_schema import SDL

_UNITS: Mapping[str, int] = {
    **{letter: 1000**power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", 1)},
}
_SERVICE_NAME = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
_ENV_NAME = re.compile(r"^[-._a-zA-Z][-._a-zA-Z0-9]*$")


class InvalidSdl(ValueError):
    """The document breaks the rules; the text is the messages, joined as the Console joins them."""

    def __init__(self, messages: Sequence[str]) -> None:
        super().__init__(", ".join(messages))
        self.messages = tuple(messages)


class _Loader(yaml.SafeLoader):
    """YAML 1.2 as Akash's tools read it: `off`, `yes` and 12:30 are texts."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("merge", r"^(?:<<)$", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


@dataclass(frozen=True)
class GpuOption:
    """One model that would do; None means any."""

    model: str | None = None
    ram: str | None = None
    interface: str | None = None

    def key(self) -> str:
        """The attribute key of orders and bids (section 8.3)."""
        parts = ["vendor/nvidia/model", self.model or "*"]
        if self.ram:
            parts += ["ram", self.ram]
        return "/".join([*parts, "interface", self.interface] if self.interface else parts)


@dataclass(frozen=True)
class Volume:
    name: str
    size: int  # bytes
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def persistent(self) -> bool:
        return ("persistent", "true") in self.attributes


@dataclass(frozen=True)
class Compute:
    """The resources of one replica: milli-CPU, bytes, cards."""

    cpu: int
    memory: int
    gpus: int
    gpu_options: tuple[GpuOption, ...]
    storage: tuple[Volume, ...]


@dataclass(frozen=True)
class Placement:
    name: str
    attributes: tuple[tuple[str, str], ...]
    any_of: tuple[str, ...]
    all_of: tuple[str, ...]
    prices: Mapping[str, tuple[str, Decimal]]  # profile -> denom, amount per block


@dataclass(frozen=True)
class Run:
    """A service that runs `count` times on a placement."""

    service: str
    placement: str
    profile: str
    count: int


@dataclass(frozen=True)
class Sdl:
    """`services` and `endpoints` are as in the document, checked."""

    text: str
    services: Mapping[str, Mapping[str, Any]]
    compute: Mapping[str, Compute]
    placements: Mapping[str, Placement]
    runs: tuple[Run, ...]
    endpoints: tuple[str, ...]
    min_reclamation_s: int | None = None

    @property
    def gpu_models(self) -> frozenset[str]:
        return frozenset(o.model for c in self.compute.values() for o in c.gpu_options if o.model)


def parse(text: str) -> Sdl:
    """Read an SDL. Raises InvalidSdl with everything that is wrong with it."""
    try:
        document = yaml.load(text, _Loader)  # noqa: S506 - a safe loader with fewer types  # nosec B506
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise InvalidSdl([f"YAML cannot be read: {str(exc).splitlines()[0]}"]) from None
    faults = list(SDL.faults(document, Place())) or list(_broken_references(document))
    if faults:
        raise InvalidSdl(faults)
    return _understood(text, document)


def _broken_references(document: Mapping[str, Any]) -> Iterator[str]:
    """What the shape alone does not show."""
    services = document["services"]
    for name, service in services.items():
        yield from _service_faults(str(name), service, services)
    for name, placements in document["deployment"].items():
        if name not in services:
            yield f'Service "{name}" is not defined at "/services".'
        for placement, run in placements.items():
            yield from _run_faults(document, service=str(name), placement=str(placement), run=run)
    for name, profile in document["profiles"]["compute"].items():
        yield from _gpu_faults(str(name), profile["resources"].get("gpu") or {})
    used = {ip for s in services.values() for e in s.get("expose") or [] for ip in _ips(e)}
    declared = document.get("endpoints") or {}
    for name in declared:
        if name not in used:
            yield f'Endpoint "{name}" declared but never used.'
    for name in sorted(used - set(declared)):
        yield f'Unknown endpoint "{name}". Add it to the "endpoints" section.'


def _service_faults(name: str, service: Mapping[str, Any], services: Mapping[str, Any]) -> Iterator[str]:
    if not _SERVICE_NAME.match(name):
        yield f'Service name "{name}" is invalid: it must match {_SERVICE_NAME.pattern}.'
    for entry in service.get("env") or []:
        if not _ENV_NAME.match(entry.partition("=")[0]):
            yield f'Environment variable "{entry.partition("=")[0]}" of service "{name}" has an invalid name.'
    for expose in service.get("expose") or []:
        for to in expose.get("to") or []:
            target = to.get("service")
            if target and target not in services:
                yield f'Service "{name}" exposes a port to unknown service "{target}".'
            if to.get("ip") and not to.get("global"):
                yield f'Endpoint "{to["ip"]}" of service "{name}" must be global.'


def _run_faults(
    document: Mapping[str, Any], *, service: str, placement: str, run: Mapping[str, Any]
) -> Iterator[str]:
    profiles, profile = document["profiles"], run["profile"]
    where = f"/deployment/{service}/{placement}"
    compute = profiles["compute"].get(profile)
    if compute is None:
        yield f'Compute profile "{profile}" of "{where}" is not defined.'
    if placement not in profiles["placement"]:
        yield f'Placement "{placement}" of "{where}" is not defined.'
    elif profile not in profiles["placement"][placement]["pricing"]:
        yield f'Pricing of profile "{profile}" is missing in placement "{placement}".'
    mounts = ((document["services"].get(service) or {}).get("params") or {}).get("storage") or {}
    for volume in _volumes(compute["resources"]["storage"] if compute else []):
        if volume.persistent and not (mounts.get(volume.name) or {}).get("mount"):
            path = f"/services/{service}/params/storage/{volume.name}/mount"
            yield f'Persistent storage "{volume.name}" requires a mount path in {path}.'
        if volume.persistent and ("class", "ram") in volume.attributes:
            yield f'Storage "{volume.name}" of class ram cannot be persistent.'


def _gpu_faults(profile: str, gpu: Mapping[str, Any]) -> Iterator[str]:
    where = f'"/profiles/compute/{profile}/resources/gpu"'
    vendors = (gpu.get("attributes") or {}).get("vendor") or {}
    if int(gpu.get("units") or 0) > 0 and not vendors:
        yield f'Missing required field: "attributes" at {where}.'
    if vendors and int(gpu.get("units") or 0) == 0:
        yield f'GPU attributes at {where} require "units" above 0.'


def _understood(text: str, document: Mapping[str, Any]) -> Sdl:
    profiles = document["profiles"]
    runs = [
        Run(str(service), str(placement), run["profile"], run["count"])
        for service, placements in document["deployment"].items()
        for placement, run in placements.items()
    ]
    window = (document.get("reclamation") or {}).get("min_window")
    return Sdl(
        text=text,
        services={str(name): service for name, service in document["services"].items()},
        compute={str(name): _compute(p["resources"]) for name, p in profiles["compute"].items()},
        placements={str(name): _placement(str(name), p) for name, p in profiles["placement"].items()},
        runs=tuple(sorted(runs, key=lambda run: (run.service, run.placement))),
        endpoints=tuple(sorted(str(name) for name in document.get("endpoints") or {})),
        min_reclamation_s=int(window[:-1]) * {"s": 1, "m": 60, "h": 3600}[window[-1]] if window else None,
    )


def _compute(resources: Mapping[str, Any]) -> Compute:
    gpu = resources.get("gpu") or {}
    units = int(gpu.get("units") or 0)
    vendors = (gpu.get("attributes") or {}).get("vendor") or {}
    asked = vendors.get("nvidia") or [{}]
    options = [GpuOption(o.get("model"), o.get("ram"), o.get("interface")) for o in asked] if units else []
    return Compute(
        cpu=_milli(resources["cpu"]["units"]),
        memory=_size(resources["memory"]["size"]),
        gpus=units,
        gpu_options=tuple(sorted(options, key=GpuOption.key)),
        storage=tuple(_volumes(resources["storage"])),
    )


def _placement(name: str, placement: Mapping[str, Any]) -> Placement:
    signed = placement.get("signedBy") or {}
    attributes = placement.get("attributes") or {}
    return Placement(
        name=name,
        attributes=tuple(sorted((str(key), _plain(value)) for key, value in attributes.items())),
        any_of=tuple(signed.get("anyOf") or ()),
        all_of=tuple(signed.get("allOf") or ()),
        prices={
            str(profile): (price["denom"], Decimal(str(price["amount"])))
            for profile, price in placement["pricing"].items()
        },
    )


def _volumes(storage: Any) -> Iterator[Volume]:
    for volume in storage if isinstance(storage, list) else [storage]:
        attributes = {str(k): _plain(v) for k, v in (volume.get("attributes") or {}).items()}
        if attributes.get("class") == "ram":
            attributes.setdefault("persistent", "false")
        yield Volume(
            volume.get("name") or "default", _size(volume["size"]), tuple(sorted(attributes.items()))
        )


def _ips(expose: Mapping[str, Any]) -> Iterator[str]:
    for to in expose.get("to") or []:
        if to.get("ip"):
            yield to["ip"]


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _milli(units: Any) -> int:
    text = str(units)
    return int(Decimal(text[:-1])) if text.endswith("m") else int(Decimal(text) * 1000)


def _size(text: str) -> int:
    number = text.rstrip("".join({*"kKMGTPEi"}))
    return int(Decimal(number) * _UNITS.get(text[len(number) :], 1))


def loaded(text: str) -> dict[str, Any]:
    """The plain document of an SDL that has been parsed before."""
    document: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 - a safe loader with fewer types  # nosec B506
    return document


def dumped(document: Mapping[str, Any]) -> str:
    """A document as SDL text; texts are quoted, so that nothing changes its type."""
    return json.dumps(document)
