"""A `LaunchSpec` as the body of `POST /deploy` (new-api and IoNetDeployer.ts [2nd]; bodies are strict: no further key)."""

import re

from aurora.domain.errors import InvalidProviderRequest
from aurora.domain.instance import LaunchSpec
from aurora.providers.container import problem_of, registry_login, tcp_ports
from aurora.providers.ionet.money import FIRST_HOURS
from aurora.providers.ionet.offer_id import OfferId

DEFAULT_PORT = 8080
"""Every container has exactly one traffic port [seen]; this one where none is asked for."""
LONGEST_IMAGE = 1024
_NAME = re.compile(r"[a-z0-9-]{1,63}")


def create_body(provider: str, spec: LaunchSpec, *, billing_model: str | None) -> dict[str, object]:
    """The request body. Raises InvalidProviderRequest, naming the field and never its value.

    `billing_model` is sent only where it is set: the REST API may refuse a field that it does not know.
    """
    wanted = OfferId.parse(provider, spec.offer_external_id)
    problem = problem_of(spec, longest_image=LONGEST_IMAGE) or _problem(spec, wanted)
    if problem is not None:
        raise InvalidProviderRequest(provider, problem)
    login = registry_login(provider, spec.registry_login)
    body: dict[str, object] = {
        "resource_private_name": spec.name,
        "duration_hours": FIRST_HOURS,
        "gpus_per_container": wanted.gpus,
        "hardware_id": wanted.hardware,
        "location_ids": [wanted.location],
        "container_config": _container(provider, spec),
        "registry_config": {
            "image_url": spec.image,
            "registry_username": "" if login is None else login.username,
            "registry_secret": "" if login is None else login.password,
        },
    }
    if billing_model is not None:
        body["billing_model"] = billing_model
    return body


def _container(provider: str, spec: LaunchSpec) -> dict[str, object]:
    """All of `env` goes where values are not given back: we cannot tell which of them are secrets."""
    ports = tcp_ports(provider, spec.ports)
    if len(ports) > 1:
        raise InvalidProviderRequest(provider, "ports: this market has one per container")
    config: dict[str, object] = {"replica_count": 1, "traffic_port": ports[0] if ports else DEFAULT_PORT}
    if spec.command:
        config["args"] = list(spec.command)  # the image's entrypoint stays
    if spec.env:
        config["secret_env_variables"] = dict(spec.env)
    return config


def _problem(spec: LaunchSpec, wanted: OfferId) -> str | None:
    if _NAME.fullmatch(spec.name) is None:
        return "name: small letters, digits and dashes, at most 63"
    if spec.gpu_count != wanted.gpus:
        return f"gpu_count: this offer has {wanted.gpus}"
    return None
