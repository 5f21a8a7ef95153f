"""What a client does with jobs: create one, look at one, list them, stop one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aurora.emulators.exchange import Call, Reply
from aurora.emulators.faultbook import FaultBook
from aurora.emulators.gateway_market import asked, keys
from aurora.emulators.gateway_market.brands import Brand
from aurora.emulators.gateway_market.orders import JobOrder, Wanted, document, parse_order
from aurora.emulators.gateway_market.replies import Refused, invalid, money
from aurora.emulators.gateway_market.shelf import Shelf, Test, by_model
from aurora.emulators.gateway_market.view import job_view, status
from aurora.emulators.jobs.estate import Estate
from aurora.emulators.jobs.job import Job, Reason
from aurora.emulators.jobs.stock import Sku
from aurora.emulators.meter import Rate

_BY_USER = Reason("user_requested", "stopped by the client")


@dataclass(frozen=True)
class Desk:
    brand: Brand
    estate: Estate
    shelf: Shelf
    faults: FaultBook
    keys: keys.Keys

    def create(self, call: Call) -> Reply:
        self.estate.advance(call.now)
        key = keys.checked(call.headers.get("Idempotency-Key"))
        body = document(call)
        before = self.keys.job_of(key, body, call.now)
        if before is not None:
            headers = {"Idempotent-Replayed": "true"}
            return Reply(self._view(self.find(before, call.now), call.now), 200, headers)
        job = self._created(parse_order(body))
        self.keys.remember(key, body, job.id, call.now)
        return Reply(self._view(job, call.now), 201, {"Location": f"/jobs/{job.id}"})

    def show(self, call: Call) -> Reply:
        self.estate.advance(call.now)
        return Reply(self._view(self.find(call.params["id"], call.now), call.now))

    def listed(self, call: Call) -> Reply:
        """One page, the newest first. A lagging list (a fault) does not show the youngest."""
        self.estate.advance(call.now)
        lag = self.faults.take("list_lag")
        youngest = call.now - timedelta(seconds=lag["seconds"]) if lag else call.now
        tests, limit, after = _job_tests(call), asked.limit(call), _after(call)
        rows = [
            job
            for job in reversed(self.estate.every())
            if job.created_at <= youngest
            and self._readable(job, call.now)
            and (after is None or job.number < after)
            and all(test(job) for test in tests)
        ]
        page = rows[:limit]
        more = asked.cursor_of(n=str(page[-1].number)) if len(rows) > limit else None
        return Reply({"data": [self._view(job, call.now) for job in page], "next_cursor": more})

    def stop(self, call: Call) -> Reply:
        """202 while it stops, 200 when it had ended. A fault may say so and do nothing."""
        self.estate.advance(call.now)
        job = self.find(call.params["id"], call.now)
        if job.ended:
            return Reply(self._view(job, call.now))
        if self.faults.take("delete_ignored") is not None:
            return Reply({**self._view(job, call.now), "status": "stopping"}, 202)
        self.estate.stop(job, _BY_USER)
        return Reply(self._view(job, call.now), 202)

    def find(self, job_id: str, now: datetime) -> Job:
        """Raises Refused."""
        job = self.estate.find(job_id)
        if job is None or not self._readable(job, now):
            raise Refused("not_found", f"no job {job_id}")
        return job

    def _created(self, order: JobOrder) -> Job:
        sku = self._sku(order.gpu)
        if sku.max_disk_gb is not None and order.disk_gb > sku.max_disk_gb:
            raise invalid([("disk_gb", f"must be {sku.max_disk_gb} or less")])
        price = self.shelf.price(sku)
        rate = Rate(price, sku.disk_usd_per_gb_hour * order.disk_gb)
        if order.max_price_per_hour is not None and rate.total > order.max_price_per_hour:
            details = {"price_per_hour": money(rate.total)}
            raise Refused("price_changed", f"{sku.id} costs {money(rate.total)} an hour", details=details)
        if self.brand.terms.prepaid and self.estate.balance() <= 0:
            raise Refused("insufficient_funds", "the balance is used up")
        if not self.estate.stock.free(sku):
            raise Refused("no_capacity", f"{sku.id}: nothing is free")
        return self.estate.create(sku, order.order(), rate)

    def _sku(self, gpu: Wanted) -> Sku:
        if gpu.offer_id is not None:
            return self.shelf.find(gpu.offer_id)
        sku = self.shelf.cheapest(_needs(gpu))
        if sku is None:
            raise Refused("no_capacity", "nothing that fits is free")
        return sku

    def _readable(self, job: Job, now: datetime) -> bool:
        kept = timedelta(days=self.brand.readable_days)
        return job.finished_at is None or now - job.finished_at < kept

    def _view(self, job: Job, now: datetime) -> dict[str, Any]:
        return job_view(job, self.brand, now)


def _needs(gpu: Wanted) -> Sequence[Test]:
    vram, region = gpu.min_vram_gb, gpu.region
    return [
        by_model(gpu.gpu_model or ""),
        lambda sku: sku.gpu_count == gpu.gpu_count,
        lambda sku: sku.vram_gb >= (vram or 0),
        lambda sku: region is None or sku.region == region,
    ]


def _after(call: Call) -> int | None:
    read = asked.cursor(call, "n")
    if read is None:
        return None
    if not read[0].isdecimal():
        raise Refused("invalid_cursor", "the cursor is not one of this list")
    return int(read[0])


def _job_tests(call: Call) -> Sequence[Callable[[Job], bool]]:
    statuses = frozenset((asked.text(call, "status") or "").split(",")) - {""}
    name, prefix = asked.text(call, "name"), asked.text(call, "name_prefix")
    since = asked.moment(call, "created_after")
    pairs = [_label(pair) for pair in asked.several(call, "label")]
    return [
        lambda job: not statuses or status(job) in statuses,
        lambda job: name is None or job.order.name == name,
        lambda job: prefix is None or job.order.name.startswith(prefix),
        lambda job: since is None or job.created_at > since,
        lambda job: all(job.order.labels.get(key) == value for key, value in pairs),
    ]


def _label(pair: str) -> tuple[str, str]:
    key, colon, value = pair.partition(":")
    if not colon:
        raise invalid([("label", "must be key:value")])
    return key, value
