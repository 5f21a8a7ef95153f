"""A `LaunchSpec` as an SDL, checked before anything is sent (rules: chain-sdk's `sdl-input.schema.yaml` [seen]).

The same spec gives the same SDL, and so the same manifest and hash, also after a restart: nothing needs to be kept.
An SDL cannot name a provider, only what it must have: which one it becomes is decided among the bids.

What is ours in it: the placement is called like the instance (the chain shows it as the group's name), and
`AURORA_ID` in the environment makes the manifest's hash unique.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from aurora.domain.errors import InvalidProviderRequest
from aurora.domain.instance import LaunchSpec
from aurora.providers.akash.manifest import manifest_hash, manifest_json
from aurora.providers.akash.offer_id import VENDOR, OfferId
from aurora.providers.akash.pricing import DENOM, most_per_block, shape_for

SERVICE = "app"
PORTLESS = "worker"
"""The service's name when no port was asked for: a provider refuses a manifest without a global service [guess], so
one is exposed on which nobody listens, and which is no endpoint of the user's.
"""
PORTLESS_PORT = 65_535
MARK = "AURORA_ID"
MIN_DISK_GIB = 1
MOST_GPUS = 64
LONGEST_SDL = 512 * 1024
"""Bytes of a request (era B says so of the SDL, too) [seen]."""
_HIGHEST_PORT = 65_535
_INGRESS = 80
_NAME = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]")
_ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
"""A valid Kubernetes name."""
_PORT = re.compile(r"([0-9]{1,5})(/tcp|/udp)?")
_LOGIN_FLAGS = re.compile(r"-u (\S+) -p (\S+) (\S+)")
_LOGIN = re.compile(r"([^\s:@]+):(\S+)@([^\s@]+)")
_SHORTEST_PASSWORD = 6
_EMAIL = "nobody@example.invalid"
"""The schema wants an address of five characters or more; registries do not look at it."""


class _Quoted(yaml.SafeDumper):
    """Every text in double quotes: `on`, `0o7` and `1e3` mean different things in YAML 1.1 and 1.2."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


_Quoted.add_representer(str, _represent_text)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Terms:
    """What a provider is sent for one instance. `secrets` are values that no error may quote."""

    manifest: str
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.hash})"

    @property
    def hash(self) -> str:
        """What the chain will call it."""
        return manifest_hash(self.manifest)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Order(Terms):
    """What the Console is sent for the same."""

    sdl: str


def order_for(provider: str, spec: LaunchSpec) -> Order:
    """Raises InvalidProviderRequest, naming the field and never its value."""
    document = _checked(provider, spec)
    text = yaml.dump(document, Dumper=_Quoted, sort_keys=False, width=math.inf)
    if len(text.encode()) > LONGEST_SDL:
        raise InvalidProviderRequest(provider, f"env and command: more than {LONGEST_SDL} bytes in all")
    return Order(sdl=text, manifest=manifest_json(document), secrets=_secrets(spec))


def terms_for(provider: str, spec: LaunchSpec) -> Terms:
    """The order's without its SDL, whose rendering costs thirty times as much. Raises InvalidProviderRequest."""
    return Terms(manifest=manifest_json(_checked(provider, spec)), secrets=_secrets(spec))


def _checked(provider: str, spec: LaunchSpec) -> dict[str, Any]:
    wanted = OfferId.parse(provider, spec.offer_external_id)
    problem = _problem(spec)
    if problem is not None:
        raise InvalidProviderRequest(provider, problem)
    return _document(provider, spec, wanted)


def _document(provider: str, spec: LaunchSpec, wanted: OfferId) -> dict[str, Any]:
    name = SERVICE if spec.ports else PORTLESS
    service: dict[str, Any] = {
        "image": spec.image,
        "env": [f"{key}={value}" for key, value in sorted({**spec.env, MARK: spec.name}.items())],
        "expose": _exposed(provider, spec.ports),
    }
    if spec.command:
        service["args"] = list(spec.command)  # `args` replaces the image's CMD, `command` its ENTRYPOINT
    login = _credentials(provider, spec.registry_login)
    if login is not None:
        service["credentials"] = login
    amount = most_per_block(spec.ceiling_usd_per_hour)
    return {
        "version": "2.0",
        "services": {name: service},
        "profiles": {
            "compute": {name: {"resources": _resources(spec, wanted)}},
            "placement": {spec.name: {"pricing": {name: {"denom": DENOM, "amount": amount}}}},
        },
        "deployment": {name: {spec.name: {"profile": name, "count": 1}}},
    }


def _resources(spec: LaunchSpec, wanted: OfferId) -> dict[str, Any]:
    shape = shape_for(wanted.vram_gib, gpu_count=spec.gpu_count)
    asked = {"model": wanted.model, "ram": wanted.ram, "interface": wanted.interface}
    return {
        "cpu": {"units": shape.threads},
        "memory": {"size": f"{shape.memory_gib}Gi"},
        "gpu": {
            "units": spec.gpu_count,
            "attributes": {"vendor": {VENDOR: [{key: value for key, value in asked.items() if value}]}},
        },
        "storage": [{"size": f"{disk_gib(spec.disk_gb)}Gi"}],
    }


def disk_gib(disk_gb: float) -> int:
    """The disk that is asked for: whole GiB, at least one. A GiB is a little more than the GB of the request."""
    return max(MIN_DISK_GIB, math.ceil(disk_gb))


def _exposed(provider: str, ports: Sequence[str]) -> list[dict[str, Any]]:
    """Each port on a random port of the host, as it is; TCP 80 alone goes through the HTTP ingress (Akash's rule)."""
    to = [{"global": True}]
    if not ports:
        return [{"port": PORTLESS_PORT, "as": _INGRESS, "to": to}]
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for port in ports:
        match = _PORT.fullmatch(port)
        if match is None or not 0 < int(match[1]) <= _HIGHEST_PORT:
            raise InvalidProviderRequest(provider, "ports: not a port such as 8080 or 53/udp")
        protocol = "udp" if match[2] == "/udp" else "tcp"
        found[int(match[1]), protocol] = {"port": int(match[1]), "proto": protocol, "to": to}
    return [dict(found[key]) for key in sorted(found)]


def _credentials(provider: str, login: str | None) -> dict[str, str] | None:
    """`user:password@registry`, or docker's `-u user -p password registry`."""
    if login is None:
        return None
    found = _LOGIN_FLAGS.fullmatch(login) or _LOGIN.fullmatch(login)
    if found is None:
        raise InvalidProviderRequest(provider, "registry_login: not of the form user:password@registry")
    if len(found[2]) < _SHORTEST_PASSWORD:
        raise InvalidProviderRequest(
            provider, f"registry_login: a password under {_SHORTEST_PASSWORD} characters"
        )
    return {"host": found[3], "username": found[1], "password": found[2], "email": _EMAIL}


def _problem(spec: LaunchSpec) -> str | None:
    if not spec.image or any(each.isspace() for each in spec.image):
        return "image: a name without blanks"
    if _NAME.fullmatch(spec.name) is None:
        return "name: small letters, digits and dashes, at most 63"
    if not 0 < spec.gpu_count <= MOST_GPUS:
        return f"gpu_count: 1 to {MOST_GPUS}"
    if not (math.isfinite(spec.disk_gb) and spec.disk_gb >= 0):
        return "disk_gb: not an amount"
    if most_per_block(spec.ceiling_usd_per_hour) < 1:
        return f"the ceiling of ${spec.ceiling_usd_per_hour.normalize():f}/h is below Akash's smallest price"
    return _env_problem(spec.env)


def _env_problem(env: Mapping[str, str]) -> str | None:
    if any(_ENV_NAME.fullmatch(name) is None for name in env):
        return "env: a name is not a name (letters, digits, _ . -)"
    return f"env: {MARK} is Aurora's own" if MARK in env else None


def _secrets(spec: LaunchSpec) -> tuple[str, ...]:
    login = spec.registry_login
    parts = () if login is None else (login, *re.split(r"[\s:@]+", login))
    return (*spec.env.values(), *parts)
