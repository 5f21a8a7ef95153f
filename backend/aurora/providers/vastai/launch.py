"""A `LaunchSpec` as the body of `PUT /asks/{id}/`, checked against Vast.ai's limits before anything is sent.

Fields and limits: Vast docs create_instance.yaml, 2026-08-07. Only what is certainly over a limit is refused here;
what the market finds beyond that is its own refusal.
"""

import math
import re
import shlex
from collections.abc import Mapping

from aurora.domain.errors import InvalidProviderRequest
from aurora.domain.instance import LaunchSpec
from aurora.providers.vastai.parse import MAX_PORTS
from aurora.providers.vastai.pricing import MIN_DISK_GB

LONGEST_IMAGE = 1024
LONGEST_LABEL = 256
LONGEST_ENV_ITEM = 256
LONGEST_ENV = 32_768
LONGEST_ARGS = 4048
"""4096 are documented, about 4048 work (dstack, 2026-08-21)."""
_HIGHEST_PORT = 65_535

_OFFER_ID = re.compile(r"[1-9][0-9]{0,17}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
"""A name that starts with `-` would be taken for a docker flag."""
_PORT = re.compile(r"([0-9]{1,5})(/tcp|/udp)?")
_LOGIN_FLAGS = re.compile(r"-u \S+ -p \S+ \S+")
_LOGIN = re.compile(r"([^\s:@]+):(\S+)@([^\s@]+)")


def create_body(provider: str, spec: LaunchSpec) -> dict[str, object]:
    """The request body. Raises InvalidProviderRequest, naming the field and never its value."""
    _check(provider, spec)
    body: dict[str, object] = {
        "client_id": "me",
        "image": spec.image,
        "env": {**spec.env, **_ports(provider, spec.ports)},
        "price": None,  # on demand
        "disk": max(spec.disk_gb, MIN_DISK_GB),
        "label": spec.name,
        "runtype": "args",  # no Vast entrypoint, no SSH: the container alone
        "cancel_unavail": True,  # fail rather than leave a stopped instance behind
        "image_login": _login(provider, spec.registry_login),
    }
    if spec.command:
        body["args"] = list(spec.command)
    return body


def secrets_of(spec: LaunchSpec) -> tuple[str, ...]:
    """Values that an error text of the market could quote back to us."""
    login = spec.registry_login
    parts = () if login is None else (login, *re.split(r"[\s:@]+", login))
    return (*spec.env.values(), *parts)


def offer_id(provider: str, external_id: str) -> str:
    """The id, safe in a path. Raises InvalidProviderRequest for what can be no id of this market."""
    if _OFFER_ID.fullmatch(external_id) is None:
        raise InvalidProviderRequest(provider, "not an id of this market")
    return external_id


def _check(provider: str, spec: LaunchSpec) -> None:
    problem = _problem(spec)
    if problem is not None:
        raise InvalidProviderRequest(provider, problem)


def _problem(spec: LaunchSpec) -> str | None:
    if not spec.image or len(spec.image) > LONGEST_IMAGE or any(each.isspace() for each in spec.image):
        return f"image: 1 to {LONGEST_IMAGE} characters without blanks"
    if not spec.name or len(spec.name) > LONGEST_LABEL:
        return f"name: 1 to {LONGEST_LABEL} characters"
    if not (math.isfinite(spec.disk_gb) and spec.disk_gb >= 0):
        return "disk_gb: not an amount"
    if len(shlex.join(spec.command)) > LONGEST_ARGS:
        return f"command: more than {LONGEST_ARGS} characters"
    return _env_problem(spec.env)


def _env_problem(env: Mapping[str, str]) -> str | None:
    for name, value in env.items():
        if _ENV_NAME.fullmatch(name) is None:
            return "env: a name is not a name (letters, digits, _ . -)"
        if max(len(name), len(value)) > LONGEST_ENV_ITEM:
            return f"env: {name[:40]} has more than {LONGEST_ENV_ITEM} characters"
    if sum(len(name) + len(value) for name, value in env.items()) > LONGEST_ENV:
        return f"env: more than {LONGEST_ENV} characters in all"
    return None


def _ports(provider: str, ports: tuple[str, ...]) -> dict[str, str]:
    """Ports are keys of `env`: `"-p 8080:8080": "1"`, `"-p 53:53/udp": "1"`."""
    if len(set(ports)) > MAX_PORTS:
        raise InvalidProviderRequest(provider, f"ports: more than {MAX_PORTS}")
    flags: dict[str, str] = {}
    for port in ports:
        found = _PORT.fullmatch(port)
        if found is None or not 0 < int(found[1]) <= _HIGHEST_PORT:
            raise InvalidProviderRequest(provider, "ports: not a port such as 8080 or 53/udp")
        flags[f"-p {int(found[1])}:{int(found[1])}{'/udp' if found[2] == '/udp' else ''}"] = "1"
    return flags


def _login(provider: str, login: str | None) -> str | None:
    """`user:password@registry`, or Vast's own `-u user -p password registry`."""
    if login is None or _LOGIN_FLAGS.fullmatch(login):
        return login
    found = _LOGIN.fullmatch(login)
    if found is None:
        raise InvalidProviderRequest(provider, "registry_login: not of the form user:password@registry")
    return f"-u {found[1]} -p {found[2]} {found[3]}"
