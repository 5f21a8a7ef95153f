"""What may befall a job at a word of the control API."""

from collections.abc import Mapping
from typing import Any

from aurora.emulators.faults import BadFault
from aurora.emulators.jobs.estate import Estate
from aurora.emulators.jobs.job import ON_NODE, Job, Phase, Reason, Step
from aurora.emulators.jobs.life import ended
from aurora.emulators.marketplace import UnknownEvent

_LOSSES: Mapping[str, Reason] = {
    "offline": Reason("node_lost", "the node does not answer"),
    "outbid": Reason("node_lost", "the node was taken back"),
    "start_timeout": Reason("start_timeout", "the container did not start in time"),
    "policy": Reason("policy", "the image is not allowed here"),
}
_NO_CAPACITY = Reason("no_capacity", "the node went to somebody else")
_KILLED = 137
_EVENTS = (*_LOSSES, "exited", "crashed", "oom", "no_capacity", "unknown", "online")


def happen(estate: Estate, event: str, job_id: str, details: Mapping[str, Any]) -> None:
    """`offline` and `outbid` take the node away, `exited`, `crashed` (with `exit_code`) and `oom` end the container.

    `unknown` shows a status that no document knows (`status`), until `online`. Raises UnknownEvent, BadFault, KeyError.
    """
    job = estate.find(job_id)
    if job is None or job.ended:
        raise KeyError(job_id)
    if event not in _EVENTS:
        raise UnknownEvent(f"must be one of {', '.join(_EVENTS)}")
    if event in {"unknown", "online"}:
        job.strange = str(details.get("status") or "hibernating") if event == "unknown" else None
        return
    estate.befall(job, _step(estate, job, event, details))


def _step(estate: Estate, job: Job, event: str, details: Mapping[str, Any]) -> Step:
    if event in {"exited", "crashed", "oom"}:
        _require(job, event, job.phase is Phase.RUNNING)
        codes = {"exited": 0, "oom": _KILLED}
        return ended(estate.now, codes[event] if event in codes else _code(details))
    if event == "no_capacity":
        _require(job, event, job.phase is Phase.QUEUED)
        return Step(estate.now, Phase.FAILED, _NO_CAPACITY)
    _require(job, event, job.phase in ON_NODE - {Phase.STOPPING, Phase.FAILING})
    return Step(estate.now, Phase.FAILED, _LOSSES[event])


def _require(job: Job, event: str, possible: bool) -> None:  # noqa: FBT001 - the one thing it asks
    if not possible:
        raise UnknownEvent(f"{event} cannot befall a job that is {job.phase}")


def _code(details: Mapping[str, Any]) -> int:
    code = details.get("exit_code", 1)
    if not isinstance(code, int) or isinstance(code, bool) or not 1 <= code <= 255:
        raise BadFault("exit_code", "must be a whole number from 1 to 255")
    return code
