"""Dispersed, Render's container subnet, as a `Provider`. Facts and marks: docs in the modules beside; QUALITY.md."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import SecretStr

from aurora.domain.billing import BillingRule
from aurora.domain.clock import Clock
from aurora.domain.errors import InstanceNotFound, NotSupported, OfferGone
from aurora.domain.instance import Created, Endpoint, Instance, LaunchSpec, LogLine, Quote
from aurora.domain.offer import Offer, PriceKind
from aurora.domain.operation import Operation
from aurora.providers.account import client_of
from aurora.providers.base import CallGuard, Capabilities, Cursor, HealthReport, OffersPage, Rejection
from aurora.providers.container import is_uuid, secrets_of
from aurora.providers.fields import Fields, Odd
from aurora.providers.http import JsonClient
from aurora.providers.identity import MarketIdentity
from aurora.providers.metrics import MeteredGuard
from aurora.providers.reading import GpuNames, ReadRows
from aurora.providers.render import jobs
from aurora.providers.render.client import MORE_ROWS, ROWS, DispersedClient
from aurora.providers.render.errors import NotNow
from aurora.providers.render.offers import RegistryReader
from aurora.providers.render.order import order, registry_uuid
from aurora.providers.render.signing import DispersedSigner
from aurora.providers.request import Transport

SLICE = "all"
CAPABILITIES = Capabilities(
    logs=False,  # the console shows them; no client has ever read them over the API
    follow_logs=False,
    charged_price=False,
    command=False,
    udp_ports=False,
    list_settles_within_s=120.0,  # nothing is known; a guess on the safe side
    price_kind=PriceKind.ESTIMATE,
)
BILLING = BillingRule(from_creation=True)
"""From the job's creation on (one client's notes, 2026 [2nd]); steps and minimum are not known, seconds assumed."""


@dataclass(frozen=True, slots=True)
class DispersedAccount:
    """Whose jobs, and where the API is."""

    public_key: SecretStr
    secret_key: SecretStr
    base_url: str
    name: str = "render"
    emulated: bool = False
    transport: Transport | None = None
    request_id: Callable[[], str | None] = lambda: None


class DispersedProvider(MarketIdentity):
    """One Dispersed account. Every request passes the guard once."""

    def __init__(
        self, client: DispersedClient, *, name: str, guard: MeteredGuard, clock: Clock, reader: RegistryReader
    ) -> None:
        super().__init__(name, capabilities=CAPABILITIES, billing=BILLING, guard=guard)
        self._client = client
        self._guard = guard
        self._clock = clock
        self._reader = reader
        self._prices: dict[str, Offer] = {}

    @classmethod
    def connect(
        cls, account: DispersedAccount, *, guard: CallGuard, clock: Clock, gpus: GpuNames
    ) -> "DispersedProvider":
        """The provider of one account; no request is sent yet. Raises Misconfigured."""
        signer = DispersedSigner(account.public_key, account.secret_key, clock)
        http = client_of(account, JsonClient, clock=clock, signer=signer)
        reader = RegistryReader(account.name, gpus=gpus, emulated=account.emulated)
        metered = MeteredGuard(guard)
        return cls(DispersedClient(http), name=account.name, guard=metered, clock=clock, reader=reader)

    def __repr__(self) -> str:
        return f"DispersedProvider({self._client!r})"

    # Catalogue

    async def catalogue_slices(self) -> Sequence[str]:
        """One list."""
        return (SLICE,)

    async def offers_page(self, cursor: Cursor) -> OffersPage:
        """The registry; `complete` False when the answer may have been cut."""
        if cursor.slice_key != SLICE:
            return OffersPage(cursor, (), read_at=self._clock.now())
        read_at = self._clock.now()
        read, cut = await self._registry(Operation.OFFERS, cache_key=SLICE)
        for offer in read.offers:
            self._prices[offer.external_id] = offer
        too_long = (Rejection("the registry has no pages and may be longer", count=0),) if cut else ()
        return OffersPage(
            cursor, read.offers, rejected=(*read.rejected, *too_long), complete=not cut, read_at=read_at
        )

    async def quote(self, offer_external_id: str, *, gpu_count: int, disk_gb: float) -> Quote:
        """An estimate from a fresh registry; disk costs nothing extra. Raises OfferGone."""
        uuid = registry_uuid(self._name, offer_external_id)
        read, _ = await self._registry(Operation.QUOTE, cache_key=None)
        offer = next((each for each in read.offers if each.external_id == uuid), None)
        if offer is None or not offer.available:
            raise OfferGone(self._name, f"nothing of {uuid} is free")
        if gpu_count != offer.gpu_count:
            raise OfferGone(self._name, f"offers of {self._name} are of one GPU, not {gpu_count}")
        self._prices[uuid] = offer
        return Quote(offer.id, offer.price_with_disk(disk_gb), firm=False, read_at=self._clock.now())

    async def _registry(self, operation: Operation, *, cache_key: str | None) -> tuple[ReadRows, bool]:
        """What can be read of it, and whether it may have been cut."""
        rows: list[object] = []
        for limit in (ROWS, MORE_ROWS):
            rows = await self._guard.call(
                operation,
                partial(self._client.registry, operation, limit=limit),
                cache_key=None if cache_key is None else f"{cache_key}|{limit}",
            )
            if len(rows) < ROWS or ROWS < len(rows) < MORE_ROWS:
                return self._reader.offers(rows, slice_key=SLICE, seen_at=self._clock.now()), False
        return self._reader.offers(rows, slice_key=SLICE, seen_at=self._clock.now()), True

    # Jobs

    async def create(self, spec: LaunchSpec) -> Created:
        """One job with our name as its title. See `Provider.create`."""
        body = order(self._name, spec)
        uuid = await self._guard.call(Operation.CREATE, lambda: self._made(spec, body))
        known = self._prices.get(spec.offer_external_id)
        # What is charged is never told: the registry's price is the best known, and its meter runs from now on.
        return Created(uuid, None if known is None else known.price_per_hour * spec.gpu_count)

    async def _made(self, spec: LaunchSpec, body: Mapping[str, object]) -> str:
        """Read within the call: an answer without a job is the market's failure, and leaves the outcome open."""
        uuid = (await self._client.create(body, hide=secrets_of(spec))).text("uuid", limit=64)
        if uuid is None or not is_uuid(uuid):
            raise self._client.malformed("the create was accepted without naming a job")
        return uuid

    async def status(self, external_id: str) -> Instance:
        """One sighting. Raises InstanceNotFound, also for a cancelled job."""
        uuid = registry_uuid(self._name, external_id)
        job = await self._guard.call(Operation.STATUS, lambda: self._client.job(uuid))
        endpoints = await self._addresses(Operation.STATUS, uuid) if _runs(job) else ()
        found = self._read(job, endpoints)
        if found.external_id != uuid:
            raise self._client.malformed(f"asked for job {uuid}, told about another")
        if found.raw_state == jobs.CANCELLED:
            raise InstanceNotFound(self._name, f"job {uuid} was cancelled")
        return found

    async def list_own(self) -> Sequence[Instance]:
        """Every job that lives, and the newest that ended by themselves. Raises MalformedAnswer for a list that may be
        cut: there are no pages.
        """
        living = await self._jobs(jobs.ACTIVE)
        ended = await self._guard.call(
            Operation.LIST,
            lambda: self._client.jobs(jobs.ENDED_BY_THEMSELVES, limit=ROWS),
        )
        rows = [Fields(row if isinstance(row, dict) else {}) for row in (*ended, *living)]
        addresses = await self._all_addresses([row for row in rows if _runs(row)])
        found = [self._read(row, addresses.get(row.text("uuid") or "", ())) for row in rows]
        return tuple({each.external_id: each for each in found if each.raw_state != jobs.CANCELLED}.values())

    async def _jobs(self, statuses: Collection[str]) -> list[object]:
        rows: list[object] = []
        for limit in (ROWS, MORE_ROWS):
            rows = await self._guard.call(Operation.LIST, partial(self._client.jobs, statuses, limit=limit))
            if len(rows) < ROWS or ROWS < len(rows) < MORE_ROWS:
                return rows
        raise self._client.malformed(f"{len(rows)} jobs and no next page: the list may be cut")

    async def _all_addresses(self, running: Sequence[Fields]) -> dict[str, tuple[Endpoint, ...]]:
        """Of all running jobs at once; those that a full answer may have left out are asked for one by one."""
        if not running:
            return {}
        runs = await self._guard.call(Operation.LIST, lambda: self._client.runs(Operation.LIST))
        found = jobs.endpoints_by_job(runs)
        if len(runs) >= ROWS:
            for uuid in {row.text("uuid") or "" for row in running} - found.keys():
                found[uuid] = await self._addresses(Operation.LIST, uuid)
        return found

    async def _addresses(self, operation: Operation, uuid: str) -> tuple[Endpoint, ...]:
        runs = await self._guard.call(operation, lambda: self._client.runs(operation, uuid))
        return jobs.endpoints_by_job(runs).get(uuid, ())

    def _read(self, row: Fields, endpoints: tuple[Endpoint, ...]) -> Instance:
        try:
            return jobs.instance(row, endpoints, provider=self._name)
        except Odd as odd:
            raise self._client.malformed(f"a job: {odd.reason}") from None

    def logs(self, external_id: str, *, tail: int = 1000, follow: bool = False) -> AsyncIterator[LogLine]:
        """Raises NotSupported: no route for logs was ever seen."""
        raise NotSupported(
            self._name, f"{self._name} has no logs to read ({external_id=}, {tail=}, {follow=})"
        )

    async def terminate(self, external_id: str) -> None:
        """Cancel it; unknown or already ended is success."""
        uuid = registry_uuid(self._name, external_id)
        try:
            await self._guard.call(Operation.TERMINATE, lambda: self._client.cancel(uuid))
        except InstanceNotFound:
            return
        except NotNow:
            if not (await self._ended(uuid)):
                raise

    async def _ended(self, uuid: str) -> bool:
        try:
            return (await self.status(uuid)).over
        except InstanceNotFound:
            return True

    async def health(self) -> HealthReport:
        """What was spent last; what is left to spend is told by no route that is known."""
        started = self._clock.monotonic()
        await self._guard.call(Operation.HEALTH, self._client.transactions)
        return HealthReport(ok=True, response_ms=(self._clock.monotonic() - started) * 1000)

    async def aclose(self) -> None:
        """Close the session."""
        await self._client.aclose()


def _runs(job: Fields) -> bool:
    return job.text("status", limit=60) == "RUNNING"
