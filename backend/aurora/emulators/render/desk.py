"""What a client of Dispersed does: look at the registry, create jobs, look at them and their runs, cancel them."""

import json
import random
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from aurora.emulators.exchange import Call, Reply
from aurora.emulators.faultbook import FaultBook
from aurora.emulators.jobs.estate import Estate
from aurora.emulators.jobs.job import Job, Reason
from aurora.emulators.jobs.stock import Sku
from aurora.emulators.meter import Rate
from aurora.emulators.render import registry, view
from aurora.emulators.render.door import Refused
from aurora.emulators.render.knobs import Knobs
from aurora.emulators.render.orders import SSH, JobOrder, parse_order

_DEFAULT_LIMIT, REAL_LIMIT, RELAXED_LIMIT = 50, 50, 1000  # 50 is what clients use; more was never seen
_FILTER = re.compile(r"filter\[(\w+)\]")
_BY_USER = Reason("user_requested", "cancelled by the client")


@dataclass(frozen=True, kw_only=True)
class Desk:
    estate: Estate
    largest: Mapping[str, int]
    faults: FaultBook
    knobs: Callable[[], Knobs]
    chance: random.Random
    most: int

    def registry(self, call: Call) -> Reply:
        """The schema of the rows is a guess of ours."""
        self.estate.advance(call.now)
        filters = _filters(call, "only_available", "min_vram_gb")
        free = self.estate.stock.free
        only = filters.get("only_available", "false").lower() == "true"
        least = _number("filter[min_vram_gb]", filters.get("min_vram_gb", "0"))
        rows = [s for s in self.estate.stock.every() if s.vram_gb >= least and (free(s) or not only)]
        return Reply({"data": [self._offer(sku) for sku in rows[: self._limit(call)]]})

    def create(self, call: Call) -> Reply:
        self.estate.advance(call.now)
        asked = parse_order(call)
        sku = self._sku(asked)
        largest = self.largest[sku.id]
        if asked.gpu_count > largest:
            raise Refused(
                400, "validation_error", f"gpu_count: no node has more than {largest} {sku.gpu_model}"
            )
        if self.estate.balance() <= 0:
            raise Refused(402, "insufficient_credits", "the account has no credits left")
        cards = largest if self.knobs().whole_nodes else asked.gpu_count
        job = self.estate.create(sku, asked.order(), Rate(sku.usd_per_hour * cards), self._new_uuid())
        return Reply(view.job_view(job), 201)

    def show(self, call: Call) -> Reply:
        self.estate.advance(call.now)
        return Reply(view.job_view(self._find(call.params["id"])))

    def listed(self, call: Call) -> Reply:
        """Jobs in the order asked for; there are no pages, so a list longer than the limit is cut."""
        self.estate.advance(call.now)
        filters = _filters(call, "status", "task", "recipe_uuid")
        lag = self.faults.take("list_lag")
        youngest = call.now - timedelta(seconds=lag["seconds"]) if lag else call.now
        wanted = frozenset(filters.get("status", "").split(",")) - {""}
        rows = [
            job
            for job in self.estate.every()
            if job.created_at <= youngest
            and (not wanted or view.status(job) in wanted)
            and filters.get("task") in {None, job.order.labels["task"]}
            and "recipe_uuid" not in filters  # no job here came from a recipe
        ]
        page = _sorted(call, rows)[: self._limit(call)]
        return Reply({"data": [view.job_view(job) for job in page]})

    def runs(self, call: Call) -> Reply:
        self.estate.advance(call.now)
        filters = _filters(call, "job_uuid", "status")
        wanted = frozenset(filters.get("status", "").split(",")) - {""}
        jobs = [j for j in self.estate.every() if filters.get("job_uuid") in {None, j.id}]
        rows = [
            run
            for job in _sorted(call, jobs)
            for run in view.runs(job, call.now, reported=self._reported(job))
            if not wanted or run["status"] in wanted
        ]
        return Reply({"data": rows[: self._limit(call)]})

    def cancel(self, call: Call) -> Reply:
        """Asynchronous, and any number of times. A fault may say so and do nothing."""
        self.estate.advance(call.now)
        _reason(call)
        job = self._find(call.params["id"])
        if not job.ended and self.faults.take("delete_ignored") is not None:
            return Reply({**view.job_view(job), "status": "CANCELLING"})
        self.estate.stop(job, _BY_USER)
        return Reply(view.job_view(job))

    def transactions(self, call: Call) -> Reply:
        """What each job cost; the shape of the rows is a guess."""
        self.estate.advance(call.now)
        jobs = _sorted(call, [job for job in self.estate.every() if job.billing_started_at])
        rows = [_transaction(job, job.billed(call.now)) for job in jobs]
        return Reply({"data": rows[: self._limit(call)]})

    def _offer(self, sku: Sku) -> dict[str, Any]:
        return {
            "uuid": sku.id,
            "name": sku.gpu_model,
            "vram_gb": sku.vram_gb,
            "available": self.estate.stock.free(sku),
            "price_per_hour": float(sku.usd_per_hour),
            "synthetic": True,
        }

    def _sku(self, asked: JobOrder) -> Sku:
        """The model asked for, or the cheapest that satisfies the minima. Raises Refused."""
        if asked.gpu_registry_uuid is not None:
            found = self.estate.stock.find(asked.gpu_registry_uuid)
            fits = [found] if found else []
        else:
            name = asked.gpu_name
            fits = [s for s in self.estate.stock.every() if name is None or registry.named(s, name)]
        fits = [sku for sku in fits if sku.vram_gb >= asked.min_vram_gb]
        if not fits:
            raise Refused(400, "validation_error", "no GPU of the registry fits the job")
        return min(fits, key=lambda sku: (not self.estate.stock.free(sku), sku.usd_per_hour, sku.id))

    def _find(self, job_id: str) -> Job:
        job = self.estate.find(job_id)
        if job is None:
            raise Refused(404, "not_found", f"no job {job_id}")
        return job

    def _reported(self, job: Job) -> bool:
        return not self.knobs().needs_ssh_port or any(port == SSH for port, _ in job.order.ports)

    def _limit(self, call: Call) -> int:
        given = call.query.get("limit") or str(_DEFAULT_LIMIT)
        if not given.isdecimal() or not int(given):
            raise Refused(400, "validation_error", "limit: must be a whole number above 0")
        return min(int(given), self.most)

    def _new_uuid(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))


def _filters(call: Call, *known: str) -> dict[str, str]:
    """The filters of a query. Raises Refused for one that no client was seen to use: better told than ignored."""
    found: dict[str, str] = {}
    for name, value in call.query.items():
        match = _FILTER.fullmatch(name)
        if match is None and name not in {"limit", "sort"}:
            raise Refused(400, "validation_error", f"{name}: is not a parameter")
        if match and match[1] not in known:
            raise Refused(400, "validation_error", f"{name}: is not a filter of this list")
        if match:
            found[match[1]] = value
    return found


def _sorted(call: Call, jobs: Sequence[Job]) -> Sequence[Job]:
    """By creation; the newest first unless `sort=created_at`."""
    sort = call.query.get("sort") or "-created_at"
    if sort not in {"created_at", "-created_at"}:
        raise Refused(400, "validation_error", "sort: must be created_at or -created_at")
    return sorted(jobs, key=lambda job: job.number, reverse=sort.startswith("-"))


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Refused(400, "validation_error", f"{name}: must be a number") from None


def _reason(call: Call) -> None:
    """The body of a cancel is `{"reason": "..."}` or nothing. Raises Refused."""
    try:
        body = json.loads(call.body or b"{}")
    except ValueError:
        raise Refused(400, "bad_json", "the body is not JSON") from None
    if not isinstance(body, dict) or not isinstance(body.get("reason", ""), str):
        raise Refused(400, "validation_error", "reason: must be a text")


def _transaction(job: Job, usd: Decimal) -> dict[str, Any]:
    return {
        "uuid": str(uuid.uuid5(uuid.UUID(job.id), "charge")),
        "type": "COMPUTE_CHARGE",
        "job_uuid": job.id,
        "amount": f"{-usd:.6f}",
        "currency": "USD",
        "created_at": view.moment(job.billing_started_at),
    }
