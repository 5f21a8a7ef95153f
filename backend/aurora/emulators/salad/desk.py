"""Container groups: create, look, change, start, stop, delete (contract, sections 5 and 6)."""

from datetime import timedelta
from typing import Any

from aurora.emulators.exchange import Call, Reply
from aurora.emulators.salad import replies, schema, view
from aurora.emulators.salad.estate import Estate, Order
from aurora.emulators.salad.group import Group, Key
from aurora.emulators.salad.replies import Refused
from aurora.emulators.salad.shop import classes_of

_MOST_LISTED = 100
_DEFAULT_SHM_MB = 64
_EVENTS_SHOWN = 50
_PROBES = ("liveness_probe", "readiness_probe", "startup_probe")
ACCEPTED = Reply("", 202, content_type="text/plain")


class Desk:
    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def create(self, call: Call) -> Reply:
        form = schema.read(call, schema.Prototype)
        key = Key(call.params["organization"], call.params["project"], form.name)
        classes = classes_of(self._estate, form.container.resources.gpu_classes or [])
        self._check_name(key)
        self._check_means(key.organization, form.replicas, starts=form.autostart_policy)
        group = self._estate.create(Order(key, _spec(form), form.container.priority, classes))
        body = view.group(group, self._estate.knobs)
        return Reply(body, 201, {"Location": f"{call.base}{_below(call.path)}/{form.name}"})

    def page(self, call: Call) -> Reply:
        """All of a project in one answer; a lagging list does not show the youngest."""
        lag = self._estate.faults.take("list_lag")
        youngest = call.now - timedelta(seconds=lag["seconds"] if lag else 0)
        groups = self._estate.living(call.params["organization"], call.params["project"])
        shown = [view.group(one, self._estate.knobs) for one in groups if one.created_at <= youngest]
        return Reply({"items": shown[:_MOST_LISTED]})

    def show(self, call: Call) -> Reply:
        return Reply(view.group(self.find(call), self._estate.knobs))

    def patch(self, call: Call) -> Reply:
        """A merge patch: what is named changes, null takes away."""
        group = self.find(call)
        form = schema.read(call, schema.Patch, content_type=schema.MERGE_PATCH)
        body = schema.document(call)
        self._check_patch(group, form, body)
        before = group.replicas
        container = body.get("container") or {}
        resources = form.container.resources if form.container else None
        if resources and resources.gpu_classes is not None:
            group.classes = classes_of(self._estate, resources.gpu_classes)
        _merge(group, form)
        if form.container and "priority" in form.container.model_fields_set:
            group.priority = form.container.priority
        if group.replicas != before:
            note = f"Container Group Desired Replica Count Updated from {before} to {group.replicas}"
            group.note(call.now, note)
        self._estate.change(group, image="image" in container, container=bool(container))
        reply = Reply(view.group(group, self._estate.knobs))
        return Reply(reply.body, content_type=self._estate.knobs.patch_type)

    def start(self, call: Call) -> Reply:
        group = self.find(call)
        self._check_credit()
        self._estate.start(group)
        return ACCEPTED

    def stop(self, call: Call) -> Reply:
        self._estate.stop(self.find(call))
        return ACCEPTED

    def delete(self, call: Call) -> Reply:
        group = self.find(call)
        if self._estate.faults.take("delete_ignored") is None:
            self._estate.delete(group)
        return ACCEPTED

    def events(self, call: Call) -> Reply:
        """The newest first."""
        group = self.find(call)
        newest = list(group.events)[: -_EVENTS_SHOWN - 1 : -1]
        return Reply({"items": [view.event(group, one) for one in newest]})

    def find(self, call: Call) -> Group:
        """Raises Refused."""
        key = Key(call.params["organization"], call.params["project"], call.params["group"])
        group = self._estate.find(key)
        if group is None:
            raise replies.missing(f"The container group {key.name}")
        return group

    def _check_name(self, key: Key) -> None:
        if self._estate.blocks(key):
            status = self._estate.knobs.name_conflict_status
            raise Refused(status, f"The name {key.name} is already in use.", kind="name_conflict")

    def _check_means(self, organization: str, replicas: int, *, starts: bool) -> None:
        """Is there room in the quota, and money?"""
        used = sum(group.replicas for group in self._estate.living(organization))
        if used + replicas > self._estate.quota:
            status = self._estate.knobs.quota_status
            raise Refused(status, f"The quota of {self._estate.quota} container replicas is exceeded.")
        if starts:
            self._check_credit()

    def _check_credit(self) -> None:
        if self._estate.knobs.no_credits or not self._estate.solvent():
            raise Refused(400, "The organization has no credits available.", kind="no_credits_available")

    def _check_patch(self, group: Group, form: schema.Patch, body: dict[str, Any]) -> None:
        """The gateway and its authentication cannot be switched; more replicas must fit the quota."""
        if "networking" in body and (group.spec["networking"] is None or body["networking"] is None):
            raise Refused(400, "networking: cannot be enabled or disabled after creation")
        if "auth" in (body.get("networking") or {}):
            raise Refused(400, "networking.auth: cannot be changed after creation")
        if form.replicas is not None and form.replicas > group.replicas:
            self._check_means(group.key.organization, form.replicas - group.replicas, starts=False)


def _spec(form: schema.Prototype) -> dict[str, Any]:
    """What was asked for in the words of the answer, with the defaults."""
    resources = form.container.resources
    container: dict[str, Any] = {
        "image": form.container.image,
        "command": form.container.command,
        "environment_variables": form.container.environment_variables or {},
        "image_caching": form.container.image_caching is not False,
        "resources": {
            "cpu": resources.cpu,
            "memory": resources.memory,
            "gpu_classes": resources.gpu_classes,
            "storage_amount": resources.storage_amount or schema.GIBIBYTE,
            "shm_size": resources.shm_size or _DEFAULT_SHM_MB,
        },
    }
    probes = {name: getattr(form, name) for name in _PROBES}
    return {
        "display_name": form.display_name or form.name,
        "autostart_policy": form.autostart_policy,
        "restart_policy": form.restart_policy,
        "replicas": form.replicas,
        "country_codes": form.country_codes or [],
        "container": container,
        "networking": form.networking.model_dump() if form.networking else None,
        **{name: probe.model_dump() for name, probe in probes.items() if probe is not None},
    }


def _merge(group: Group, form: schema.Patch) -> None:
    """Put what the patch names into the spec; null keeps what cannot be absent."""
    for name in ("display_name", "replicas", "country_codes"):
        if getattr(form, name) is not None:
            group.spec[name] = getattr(form, name)
    if form.networking and form.networking.port is not None:
        group.spec["networking"]["port"] = form.networking.port
    given, container = form.container, group.container
    if given is None:
        return
    if given.image is not None:
        container["image"] = given.image
    if "command" in given.model_fields_set:
        container["command"] = given.command
    if given.environment_variables is not None:
        merged = {**container["environment_variables"], **given.environment_variables}
        container["environment_variables"] = {k: v for k, v in merged.items() if v is not None}
    if given.resources is not None:
        changes = given.resources.model_dump(exclude_none=True)
        container["resources"] = {**container["resources"], **changes}


def _below(path: str) -> str:
    """The path without the prefix under which the emulator is mounted."""
    return path[path.index("/api/public") :].rstrip("/")
