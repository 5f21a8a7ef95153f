"""What a tenant does with deployments: look, change, extend, destroy (contract, sections 3.6, 3.8, 3.10 and 3.11)."""

from dataclasses import replace
from typing import Any

from aurora.emulators.exchange import Call, Reply
from aurora.emulators.ionet import replies, schema, view
from aurora.emulators.ionet.deployment import Config, Deployment, Phase
from aurora.emulators.ionet.estate import Estate
from aurora.emulators.ionet.listing import page_of
from aurora.emulators.ionet.replies import Refused

_CONTAINERS_PER_PAGE = 20


class Desk:
    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def show(self, call: Call) -> Reply:
        return self._details(self._find(call), call)

    def containers(self, call: Call) -> Reply:
        rows = view.workers(self._find(call))
        page = page_of(call, rows, first=0, size=_CONTAINERS_PER_PAGE)
        return Reply({"data": {"total": len(rows), "workers": page}})

    def container(self, call: Call) -> Reply:
        return Reply({"data": self._worker(call)})

    def jobs(self, call: Call) -> Reply:
        """The history of one container: here it has always been one."""
        rows = [self._worker(call)]
        page = page_of(call, rows, first=0, size=_CONTAINERS_PER_PAGE)
        return Reply({"data": {"total": len(rows), "workers": page}})

    def destroy(self, call: Call) -> Reply:
        """Accepted at once, done later; a repeated one answers as the settings say."""
        one = self._find(call)
        if not one.alive or one.phase is Phase.TERMINATING:
            if self._estate.knobs.second_delete == 404:
                raise replies.missing()
            return replies.done(one.id)
        if self._estate.faults.take("delete_ignored") is None:
            self._estate.terminate(one)
        return replies.done(one.id)

    def patch(self, call: Call) -> Reply:
        """Only what is named changes; the container starts again."""
        one = self._active(call)
        body = schema.read_body(call, schema.PatchBody)
        self._estate.reconfigure(one, _changed(one.config, body))
        return replies.done(one.id)

    def extend(self, call: Call) -> Reply:
        """More hours, paid at once."""
        one = self._active(call)
        hours = schema.read_body(call, schema.ExtendBody).duration_hours
        most, paid = int(self._estate.knobs.max_duration_hours), one.hours or 0
        if paid + hours > most:
            loc, msg = ["body", "duration_hours"], f"Input should be less than or equal to {most - paid}"
            raise replies.wrong(loc, msg, "less_than_equal")
        if one.rate * hours > self._estate.credit():
            raise Refused(self._estate.knobs.no_credit_status, "Insufficient IO Credits")
        self._estate.extend(one, hours)
        return self._details(one, call)

    def rename(self, call: Call) -> Reply:
        one = self._find(call)
        one.name = schema.read_body(call, schema.RenameBody).cluster_name
        return Reply({"status": "success", "message": "Cluster name updated"})

    def _details(self, one: Deployment, call: Call) -> Reply:
        sku_as_zero = self._estate.knobs.sku_id_shown == "zero"
        return Reply({"data": view.details(one, call.now, sku_as_zero=sku_as_zero)})

    def _find(self, call: Call) -> Deployment:
        one = self._estate.find(call.params["id"])
        if one is None:
            raise replies.missing()
        return one

    def _active(self, call: Call) -> Deployment:
        """One that can still be changed. Raises Refused."""
        one = self._find(call)
        if one.phase not in {Phase.REQUESTED, Phase.RUNNING}:
            raise Refused(400, f"Deployment is {one.status}")
        return one

    def _worker(self, call: Call) -> dict[str, Any]:
        for row in view.workers(self._find(call)):
            if row["container_id"] == call.params["container"]:
                return row
        raise replies.missing()


def _changed(config: Config, body: schema.PatchBody) -> Config:
    given = body.model_fields_set
    changes: dict[str, Any] = {}
    plain = {"image_url": "image", "traffic_port": "port", "entrypoint": "entrypoint", "env_variables": "env"}
    for name, own in plain.items():
        if name in given and getattr(body, name) is not None:
            changes[own] = getattr(body, name)
    if "args" in given or "command" in given:
        changes["args"] = [*(body.command or ()), *(body.args or ())]
    if "secret_env_variables" in given:
        changes["secret_keys"] = list(body.secret_env_variables or {})
    return replace(config, **changes)
