"""A `LaunchSpec` as the body of Dispersed's `POST /v1/jobs`, checked before anything is sent."""

import math

from aurora.domain.errors import InvalidProviderRequest
from aurora.domain.instance import LaunchSpec
from aurora.providers.container import is_uuid, problem_of, registry_login, tcp_ports

SSH = 22
"""Without it no address of the job is ever reported, whatever else is open [2nd]."""
ASSIGN_WITHIN_MS = 600_000
START_WITHIN_MS = 1_800_000
RETRIES = 3
"""All three are what the fleets seen use."""
_LONGEST_IMAGE = 512
_LONGEST_TITLE = 128


def order(provider: str, spec: LaunchSpec) -> dict[str, object]:
    """The request body. Raises InvalidProviderRequest, naming the field and never its value."""
    problem = _problem(spec)
    if problem is not None:
        raise InvalidProviderRequest(provider, problem)
    image, tag = _image_and_tag(provider, spec.image)
    container: dict[str, object] = {
        "image": image,
        "tag": tag,
        "env": dict(spec.env),
        "ports": sorted({SSH, *tcp_ports(provider, spec.ports)}),
        "allowed_ips": ["0.0.0.0/0"],
    }
    login = registry_login(provider, spec.registry_login)
    if login is not None:
        container |= {"host": login.server, "user": login.username, "secret": login.password}
    return {
        "task": "PERSISTENT",
        "title": spec.name,
        "gpu_registry_uuid": registry_uuid(provider, spec.offer_external_id),
        "gpu_count": spec.gpu_count,
        "cpu_count": 0,
        "min_vram_gb": 0,
        "min_ram_gb": 0,
        "min_storage_gb": math.ceil(spec.disk_gb),
        "max_timeout_run_ms": None,
        "max_timeout_assign_ms": ASSIGN_WITHIN_MS,
        "max_timeout_start_ms": START_WITHIN_MS,
        "max_retry_count": RETRIES,
        "parameters": {"type": "docker", "parameters": container},
    }


def registry_uuid(provider: str, external_id: str) -> str:
    """The id, safe in a path. Raises InvalidProviderRequest for what can be no id of this market."""
    if not is_uuid(external_id):
        raise InvalidProviderRequest(provider, "not an id of this market")
    return external_id


def _image_and_tag(provider: str, text: str) -> tuple[str, str]:
    """They are two fields; a digest fits into neither."""
    if "@" in text:
        raise InvalidProviderRequest(provider, "image: with a digest it cannot be said here; use a tag")
    name, colon, tag = text.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (text, "latest")


def _problem(spec: LaunchSpec) -> str | None:
    if spec.command:
        return "command: this market cannot replace an image's command; build it into the image"
    if not 0 < len(spec.name) <= _LONGEST_TITLE:
        return f"name: 1 to {_LONGEST_TITLE} characters"
    return problem_of(spec, longest_image=_LONGEST_IMAGE)
