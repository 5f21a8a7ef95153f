"""A `LaunchSpec` as the body of `POST containers` (`ContainerGroupPrototype`, OpenAPI 0.9.0-alpha.17 [seen])."""

from aurora.domain.errors import InvalidProviderRequest
from aurora.domain.instance import LaunchSpec
from aurora.providers.container import RegistryLogin, problem_of, registry_login, tcp_ports
from aurora.providers.salad.classes import GB, GpuClass
from aurora.providers.salad.names import OfferId, group_name

LONGEST_IMAGE = 2048
LONGEST_VALUE = 1000
MOST_ARGUMENTS = 100
_DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "hub.docker.com"})


def create_body(provider: str, spec: LaunchSpec, gpu_class: GpuClass, wanted: OfferId) -> dict[str, object]:
    """The request body. Raises InvalidProviderRequest, naming the field and never its value.

    `restart_policy` never: what has ended is ended by us. The platform relaunches it all the same [2nd], see `exits`.
    """
    problem = problem_of(spec, longest_image=LONGEST_IMAGE) or _problem(spec, gpu_class)
    if problem is not None:
        raise InvalidProviderRequest(provider, problem)
    container: dict[str, object] = {
        "image": spec.image,
        "resources": gpu_class.resources(disk_gb=spec.disk_gb),
        "priority": wanted.priority,  # left out it is the dearest [2nd]
    }
    if spec.command:
        container["command"] = list(spec.command)  # replaces the image's ENTRYPOINT and CMD
    if spec.env:
        container["environment_variables"] = dict(spec.env)
    login = registry_login(provider, spec.registry_login)
    if login is not None:
        container["registry_authentication"] = _login(login)
    body: dict[str, object] = {
        "name": group_name(provider, spec.name),
        "autostart_policy": True,
        "replicas": 1,
        "restart_policy": "never",
        "container": container,
    }
    ports = tcp_ports(provider, spec.ports)
    if len(ports) > 1:
        raise InvalidProviderRequest(provider, "ports: this market has one per container group")
    if ports:
        # `auth` would ask callers for the organization's key
        body["networking"] = {"auth": False, "port": ports[0], "protocol": "http"}
    return body


def _login(login: RegistryLogin) -> dict[str, object]:
    if login.server in _DOCKER_HUB:
        return {"docker_hub": {"username": login.username, "personal_access_token": login.password}}
    return {"basic": {"username": login.username, "password": login.password}}


def _problem(spec: LaunchSpec, gpu_class: GpuClass) -> str | None:
    if spec.gpu_count != gpu_class.gpus:
        return f"gpu_count: this class has {gpu_class.gpus}"
    if len(spec.command) > MOST_ARGUMENTS:
        return f"command: more than {MOST_ARGUMENTS} parts"
    if gpu_class.disk_bytes(spec.disk_gb) > gpu_class.max_disk_bytes:
        return f"disk_gb: at most {gpu_class.max_disk_bytes / GB:.0f} GB"
    longest = max((name for name in spec.env), key=lambda name: len(spec.env[name]), default=None)
    if longest is not None and len(spec.env[longest]) > LONGEST_VALUE:
        return f"env: {longest[:40]} has more than {LONGEST_VALUE} characters"
    return None
