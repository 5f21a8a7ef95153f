"""A `LaunchSpec` as the body of `POST /jobs`, checked against the contract before anything is sent."""

import math
import re
from decimal import ROUND_DOWN, Decimal

from aurora.domain.errors import InvalidProviderRequest
from aurora.domain.instance import LaunchSpec
from aurora.providers.container import problem_of, registry_login, tcp_ports
from aurora.providers.gateway.offers import MAX_PORTS, is_id

OWNER = "aurora"
"""Value of the label `owner` of everything that we make."""
_LONGEST_IMAGE = 512
_SMALLEST = Decimal("0.000001")
_NAME = re.compile(r"[a-z0-9-]{8,63}")
"""The contract allows shorter names; ours is the idempotency key too, which needs 8 characters."""
_TAGGED = re.compile(r".+(?:@[a-z0-9]+:[0-9a-fA-F]+|:[^/:@]+)")


def order(provider: str, spec: LaunchSpec) -> dict[str, object]:
    """The request body. Raises InvalidProviderRequest, naming the field and never its value."""
    problem = _problem(spec)
    if problem is not None:
        raise InvalidProviderRequest(provider, problem)
    ports = tcp_ports(provider, spec.ports)
    if len(ports) > MAX_PORTS:
        raise InvalidProviderRequest(provider, f"ports: more than {MAX_PORTS}")
    login = registry_login(provider, spec.registry_login)
    return {
        "name": spec.name,
        "image": spec.image if _TAGGED.fullmatch(spec.image) else f"{spec.image}:latest",
        "registry_auth": None
        if login is None
        else {"server": login.server, "username": login.username, "password": login.password},
        "args": list(spec.command)
        or None,  # replaces CMD; the image's ENTRYPOINT stays, as at the other markets
        "env": dict(spec.env),
        # Any protocol works over a TCP port: an `http` one may be ended by the gateway's proxy.
        "ports": [{"container_port": port, "protocol": "tcp"} for port in ports],
        "disk_gb": disk(spec.disk_gb),
        "gpu": {"offer_id": offer_id(provider, spec.offer_external_id)},
        "max_price_per_hour": _money(spec.ceiling_usd_per_hour),
        "restart_policy": "never",  # a lost node is ours to replace: elsewhere, if that is better
        "labels": {"owner": OWNER, "workload": spec.name},
    }


def _money(amount: Decimal) -> str:
    """With the contract's 6 decimals; what is beyond them is never added."""
    return f"{amount.quantize(_SMALLEST, rounding=ROUND_DOWN):f}"


def disk(gigabytes: float) -> int:
    """Whole GB, at least 1."""
    return max(1, math.ceil(gigabytes))


def offer_id(provider: str, external_id: str) -> str:
    """The id, safe in a path. Raises InvalidProviderRequest for what can be no id of the contract."""
    if not is_id(external_id):
        raise InvalidProviderRequest(provider, "not an id of this market")
    return external_id


def _problem(spec: LaunchSpec) -> str | None:
    if _NAME.fullmatch(spec.name) is None:
        return "name: 8 to 63 of a-z, 0-9 and -"
    return problem_of(spec, longest_image=_LONGEST_IMAGE)
