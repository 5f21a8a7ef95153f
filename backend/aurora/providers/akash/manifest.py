"""An SDL into the manifest that the Console computes from it, and its hash, to the byte.

The rules are chain-sdk's (1.0.0-alpha.25 and its test data [seen]); the vectors in tests/fixtures/akash hold them. The
hash is the chain's `deployment.hash`, so a deployment of ours can be known by it, and the manifest need not be kept.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

Sdl = Mapping[str, Any]
"""A parsed SDL."""

_SIZES = {
    "": 1,
    **{unit: 1000**power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": 1024**power for power, unit in enumerate("KMGTPE", start=1)},
}
_SIZE = re.compile(r"([0-9.]+)\s*([A-Za-z]*)")
_HTTP_INGRESS = 80
_RANDOM_PORT, _LEASED_IP = 1, 2
_ESCAPES = (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e"))


def manifest_json(sdl: Sdl) -> str:
    """The manifest: sorted keys, no blanks, and three characters escaped as Go does."""
    text = json.dumps(groups(sdl), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character, escaped in _ESCAPES:
        text = text.replace(character, escaped)
    return text


def manifest_hash(manifest: str) -> str:
    """Base64 of its SHA-256, as the chain keeps it."""
    return base64.b64encode(hashlib.sha256(manifest.encode()).digest()).decode()


def groups(sdl: Sdl) -> list[dict[str, Any]]:
    """One group per placement; ids of resources count through all services of a group in the order of names."""
    sequence = {name: number for number, name in enumerate(sorted(sdl.get("endpoints") or {}), start=1)}
    placed: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for service, placements in sorted(sdl["deployment"].items()):
        for placement, deployment in placements.items():
            placed.setdefault(placement, []).append((service, deployment))
    return [
        {
            "name": placement,
            "services": [
                _service(sdl, name, deployment, number=number, sequence=sequence)
                for number, (name, deployment) in enumerate(members, start=1)
            ],
        }
        for placement, members in sorted(placed.items())
    ]


def _service(
    sdl: Sdl, name: str, deployment: Mapping[str, Any], *, number: int, sequence: Mapping[str, int]
) -> dict[str, Any]:
    service = sdl["services"][name]
    resources = sdl["profiles"]["compute"][deployment["profile"]]["resources"]
    found: dict[str, Any] = {
        "name": name,
        "image": service["image"],
        "command": service.get("command") or None,
        "args": service.get("args") or None,
        "env": service.get("env") or None,
        "count": deployment["count"],
        "credentials": service.get("credentials"),
        "expose": _exposures(service, sequence),
        "resources": _resources(resources, _endpoints(service, sequence), number=number),
    }
    volumes = (service.get("params") or {}).get("storage")
    if volumes:
        found["params"] = {
            "storage": [
                {"name": volume, "mount": given.get("mount", ""), "readOnly": given.get("readOnly", False)}
                for volume, given in volumes.items()
            ]
        }
    return found


def _exposures(service: Mapping[str, Any], sequence: Mapping[str, int]) -> list[dict[str, Any]]:
    found = [
        {
            "service": to.get("service", ""),
            "port": expose["port"],
            "externalPort": expose.get("as", 0),
            "proto": _protocol(expose),
            "global": bool(to.get("global")),
            "hosts": expose.get("accept") or None,
            "httpOptions": _http_options(expose.get("http_options") or {}),
            "ip": to.get("ip", ""),
            "endpointSequenceNumber": sequence.get(to.get("ip", ""), 0),
        }
        for expose, to in _targets(service)
    ]
    return sorted(found, key=lambda one: (one["service"], one["port"], one["proto"], not one["global"]))


def _targets(service: Mapping[str, Any]) -> Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    return [(expose, to) for expose in service.get("expose") or () for to in expose.get("to") or ()]


def _http_options(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "maxBodySize": given.get("max_body_size", 1_048_576),
        "readTimeout": given.get("read_timeout", 60_000),
        "sendTimeout": given.get("send_timeout", 60_000),
        "nextTries": given.get("next_tries", 3),
        "nextTimeout": given.get("next_timeout", 0),
        "nextCases": given.get("next_cases", ["error", "timeout"]),
    }


def _endpoints(service: Mapping[str, Any], sequence: Mapping[str, int]) -> list[dict[str, int]]:
    """In the order written: the HTTP ingress (no kind), else a random port, then a leased address."""
    found: list[dict[str, int]] = []
    for expose, to in _targets(service):
        if not to.get("global"):
            continue
        ingress = _protocol(expose) == "TCP" and (expose.get("as") or expose["port"]) == _HTTP_INGRESS
        found.append({"sequence_number": 0} if ingress else {"kind": _RANDOM_PORT, "sequence_number": 0})
        if to.get("ip"):
            found.append({"kind": _LEASED_IP, "sequence_number": sequence.get(to["ip"], 0)})
    return found


def _protocol(expose: Mapping[str, Any]) -> str:
    return str(expose.get("proto") or "TCP").upper()


def _resources(given: Mapping[str, Any], endpoints: list[dict[str, int]], *, number: int) -> dict[str, Any]:
    storage = given["storage"]
    return {
        "id": number,
        "cpu": {"units": {"val": str(_milli(given["cpu"]["units"]))}},
        "memory": {"size": {"val": str(size_bytes(given["memory"]["size"]))}},
        "gpu": _gpu(given.get("gpu")),
        "storage": [_volume(one) for one in (storage if isinstance(storage, list) else [storage])],
        "endpoints": endpoints,
    }


def _gpu(given: Mapping[str, Any] | None) -> dict[str, Any]:
    units = {"val": str((given or {}).get("units", 0))}
    if not given or not given.get("units"):
        return {"units": units}
    keys = [
        f"vendor/{vendor}/{_gpu_key(model)}"
        for vendor, models in given["attributes"]["vendor"].items()
        for model in models or [{}]
    ]
    return {"units": units, "attributes": [{"key": key, "value": "true"} for key in sorted(keys)]}


def _gpu_key(model: Mapping[str, Any]) -> str:
    parts = [f"model/{model.get('model') or '*'}"]
    parts += [f"{part}/{model[part]}" for part in ("ram", "interface") if model.get(part)]
    return "/".join(parts)


def _volume(given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": given.get("name", "default"),
        "size": {"val": str(size_bytes(given["size"]))},
    }
    if given.get("attributes"):
        found["attributes"] = [
            {"key": key, "value": _word(value)} for key, value in sorted(given["attributes"].items())
        ]
    return found


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _milli(units: object) -> int:
    text = str(units)
    if text.endswith("m"):
        return int(Decimal(text[:-1]))
    return int(Decimal(text) * 1000)


def size_bytes(size: object) -> int:
    """`32Gi`, `512M` or a number. Raises ValueError."""
    found = _SIZE.fullmatch(str(size).strip())
    try:
        if found is not None:
            return int(Decimal(found[1]) * _SIZES[found[2]])
    except (InvalidOperation, KeyError):
        pass
    raise ValueError("not a size")
