"""Parts of a `LaunchSpec` that several markets take in the same pieces."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from aurora.domain.errors import InvalidProviderRequest
from aurora.domain.instance import LaunchSpec

HIGHEST_PORT = 65_535

_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_PORT = re.compile(r"([0-9]{1,5})(/tcp|/udp)?")
_LOGIN = re.compile(r"([^\s:@]+):(\S+)@([^\s@]+)")
_LOGIN_FLAGS = re.compile(r"-u (\S+) -p (\S+) (\S+)")


@dataclass(frozen=True, slots=True)
class RegistryLogin:
    """Who may pull the image."""

    server: str
    username: str
    password: str = field(repr=False)


def tcp_ports(provider: str, ports: Collection[str]) -> tuple[int, ...]:
    """Container ports, each once. Raises InvalidProviderRequest for UDP and for what is no port."""
    found: dict[int, None] = {}
    for port in ports:
        match = _PORT.fullmatch(port)
        if match is None or not 0 < int(match[1]) <= HIGHEST_PORT:
            raise InvalidProviderRequest(provider, "ports: not a port such as 8080")
        if match[2] == "/udp":
            raise InvalidProviderRequest(provider, f"ports: {port}, and this market has TCP only")
        found[int(match[1])] = None
    return tuple(found)


def registry_login(provider: str, text: str | None) -> RegistryLogin | None:
    """`user:password@registry`, or docker's `-u user -p password registry`. Raises InvalidProviderRequest."""
    if text is None:
        return None
    flags = _LOGIN_FLAGS.fullmatch(text)
    if flags is not None:
        return RegistryLogin(server=flags[3], username=flags[1], password=flags[2])
    found = _LOGIN.fullmatch(text)
    if found is None:
        raise InvalidProviderRequest(provider, "registry_login: not of the form user:password@registry")
    return RegistryLogin(server=found[3], username=found[1], password=found[2])


def secrets_of(spec: LaunchSpec) -> tuple[str, ...]:
    """Values that an error text of the market could quote back to us."""
    login = spec.registry_login
    parts = () if login is None else (login, *re.split(r"[\s:@]+", login))
    return (*spec.env.values(), *parts)


def problem_of(spec: LaunchSpec, *, longest_image: int) -> str | None:
    """What no market could start, naming the field and never its value."""
    if not 0 < len(spec.image) <= longest_image or any(each.isspace() for each in spec.image):
        return f"image: 1 to {longest_image} characters without blanks"
    if not 0 <= spec.disk_gb < float("inf"):
        return "disk_gb: not an amount"
    return None if _plain(spec.env) else "env: a name is empty or has a `=` in it"


def _plain(env: Mapping[str, str]) -> bool:
    return all(name and "=" not in name and "\x00" not in name for name in env)


def is_uuid(value: str) -> bool:
    """Can it be a UUID, safe in a path?"""
    return _UUID.fullmatch(value) is not None
