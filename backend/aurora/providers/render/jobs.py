"""Dispersed's jobs and job-runs into sightings. Pure.

Statuses: a client that quotes the vendor's OpenAPI [2nd]; what may follow on what is our inference [guess].
"""

from collections.abc import Iterable, Mapping

from aurora.domain.instance import Endpoint, Instance, InstanceState
from aurora.providers.container import HIGHEST_PORT, is_uuid
from aurora.providers.fields import Fields, Odd

ACTIVE = ("PENDING", "ASSIGNED", "PREPARING", "RUNNING", "FAILING", "CANCELLING")
ENDED_BY_THEMSELVES = ("COMPLETED", "FAILED")
CANCELLED = "CANCELLED"

_S = InstanceState
_STATES: Mapping[str, InstanceState] = {
    "PENDING": _S.STARTING,
    "ASSIGNED": _S.STARTING,
    "PREPARING": _S.STARTING,
    "RUNNING": _S.RUNNING,
    "FAILING": _S.ENDING,
    "CANCELLING": _S.ENDING,
    "COMPLETED": _S.EXITED,
    "FAILED": _S.FAILED,
    "CANCELLED": _S.STOPPED,
}
_HOST_LENGTH = 253


def instance(job: Fields, endpoints: tuple[Endpoint, ...], *, provider: str) -> Instance:
    """One sighting. A job that runs is RUNNING once it can be reached: before, its container may still be starting.

    Raises Odd when it cannot be said which job it is.
    """
    uuid = job.need_text("uuid")
    if not is_uuid(uuid):
        raise Odd("uuid is none")
    raw = job.text("status", limit=60)
    state = _STATES.get(raw or "", _S.UNKNOWN)
    if state is _S.RUNNING and not endpoints:
        state = _S.STARTING
    return Instance(
        provider=provider,
        external_id=uuid,
        name=job.text("title", limit=256),
        state=state,
        raw_state=raw,
        over=raw in {*ENDED_BY_THEMSELVES, CANCELLED},
        endpoints=endpoints,
    )


def endpoints_by_job(runs: Iterable[object]) -> dict[str, tuple[Endpoint, ...]]:
    """Of each job the addresses of its newest run that has any."""
    found: dict[str, tuple[Endpoint, ...]] = {}
    for row in runs:
        run = Fields(row if isinstance(row, dict) else {})
        uuid = run.text("job_uuid", limit=64) or run.object("job_snapshot").text("uuid", limit=64)
        addresses = _endpoints(run.raw("node_urls"))
        if uuid is not None and addresses:
            found.setdefault(uuid, addresses)
    return found


def _endpoints(rows: object) -> tuple[Endpoint, ...]:
    listed = [Fields(row) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    found = (_endpoint(row) for row in listed)
    return tuple(each for each in found if each is not None)


def _endpoint(row: Fields) -> Endpoint | None:
    """`description` is the container's port, or `ssh` for 22."""
    host, outer = row.text("hostname", limit=_HOST_LENGTH), row.integer("port")
    said = row.text("description", limit=20) or ""
    port = "22" if said == "ssh" else said
    if host is None or any(each in host for each in " /@?#\\"):
        return None
    if not port.isdecimal() or outer is None or not 0 < outer <= HIGHEST_PORT:
        return None
    return Endpoint(port=port, host=host, url_port=outer)
