"""Vast.ai as a `Provider`. Facts and marks: docs in the modules beside; what is covered: QUALITY.md."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from pydantic import SecretStr

from aurora.domain.billing import BillingRule
from aurora.domain.clock import Clock
from aurora.domain.errors import MalformedAnswer, NoCapacity, OfferGone, OutcomeUnknown, ProviderError
from aurora.domain.event_loop import give_way
from aurora.domain.instance import Created, Instance, LaunchSpec, LogLine, Quote
from aurora.domain.offer import Offer
from aurora.domain.operation import Operation
from aurora.providers.account import bearer, client_of
from aurora.providers.base import (
    CallGuard,
    Capabilities,
    Cursor,
    HealthReport,
    OffersPage,
    Rejection,
)
from aurora.providers.fields import Fields, Odd
from aurora.providers.http import JsonClient
from aurora.providers.identity import MarketIdentity
from aurora.providers.metrics import MeteredGuard
from aurora.providers.reading import GpuNames, Places, ReadRows
from aurora.providers.request import Transport
from aurora.providers.vastai import instances, parse
from aurora.providers.vastai.base_url import BASE_URL
from aurora.providers.vastai.client import CreateAnswer, InstancesPage, VastClient
from aurora.providers.vastai.launch import create_body, offer_id, secrets_of
from aurora.providers.vastai.limits import GPU_NAMES, ROWS_ASKED, ROWS_SEEN, SEARCH
from aurora.providers.vastai.logs import VastLogs
from aurora.providers.vastai.names import KNOWN_GPU_NAMES, in_order_of_demand
from aurora.providers.vastai.parse import OfferReader
from aurora.providers.vastai.pricing import ALLOCATED_GB, MIN_DISK_GB, Price
from aurora.providers.vastai.walk import Row, Walk

CAPABILITIES = Capabilities(
    reports_capacity=True,  # one launch per ask
    list_settles_within_s=60.0,  # not documented; a guess on the safe side
)
BILLING = BillingRule()
"""Prepaid credit, per second; no GPU charge while loading (Vast docs billing.mdx, 2026-08-07)."""

_MARKET: dict[str, object] = {
    "type": "on-demand",
    "verified": {"eq": True},
    "external": {"eq": False},
    "rentable": {"eq": True},
}
"""What the official client asks for by default (CLI 1.9.1): machines that Vast has verified, none of resold markets."""
_QUOTE_ROWS = 4
NAMES_KEPT_S = 6 * 3600.0
"""The official client keeps them for a day (CLI 1.9.1)."""


@dataclass(frozen=True, slots=True)
class VastAccount:
    """Whose machines, and where the API is. `base_url` as `normalise_base_url` leaves it."""

    api_key: SecretStr
    base_url: str = BASE_URL
    name: str = "vastai"
    emulated: bool = False
    transport: Transport | None = None
    request_id: Callable[[], str | None] = lambda: None


class VastProvider(MarketIdentity):
    """One Vast.ai account. Every request passes the guard once."""

    def __init__(
        self,
        client: VastClient,
        *,
        guard: CallGuard,
        clock: Clock,
        gpus: GpuNames,
        places: Places,
        emulated: bool = False,
        name: str = "vastai",
    ) -> None:
        self._guard = MeteredGuard(guard)
        super().__init__(name, capabilities=CAPABILITIES, billing=BILLING, guard=self._guard)
        self._client = client
        self._clock = clock
        self._reader = OfferReader(name, gpus=gpus, places=places, emulated=emulated)
        self._logs = VastLogs(client, guard=self._guard, clock=clock, provider=name)
        self._names: tuple[str, ...] = ()
        self._names_until = clock.monotonic()

    @classmethod
    def connect(
        cls, account: VastAccount, *, guard: CallGuard, clock: Clock, gpus: GpuNames, places: Places
    ) -> "VastProvider":
        """The provider of one account; no request is sent yet. Raises Misconfigured."""
        return cls(
            VastClient(client_of(account, JsonClient, bearer(account.api_key), clock=clock)),
            guard=guard,
            clock=clock,
            gpus=gpus,
            places=places,
            emulated=account.emulated,
            name=account.name,
        )

    def __repr__(self) -> str:
        return f"VastProvider({self._client!r})"

    # The catalogue

    async def catalogue_slices(self) -> Sequence[str]:
        """One slice per GPU name, most asked-for first. The names are kept for `NAMES_KEPT_S`.

        Where the market does not name them: those of last time, or a built-in list.
        """
        if self._names and self._clock.monotonic() < self._names_until:
            return self._names
        try:
            answer = await self._guard.call(Operation.OFFERS, self._client.gpu_names, endpoint=GPU_NAMES)
        except ProviderError:
            return self._names or KNOWN_GPU_NAMES
        named = in_order_of_demand(parse.gpu_names(answer))
        if not named:
            return self._names or KNOWN_GPU_NAMES
        self._names, self._names_until = named, self._clock.monotonic() + NAMES_KEPT_S
        return named

    async def offers_page(self, cursor: Cursor) -> OffersPage:
        """One search of one GPU name, from the price on at which the page before stopped."""
        return await self._guard.call(
            Operation.OFFERS,
            lambda: self._search_page(cursor),
            endpoint=SEARCH,
            cache_key=f"{cursor.slice_key}|{cursor.position or ''}",
        )

    async def _search_page(self, cursor: Cursor) -> OffersPage:
        read_at = self._clock.now()
        walk = Walk.decode(cursor.position)
        query = {
            **_MARKET,
            "gpu_name": {"eq": cursor.slice_key},
            **walk.filters(),
            "order": walk.order(),
            "limit": ROWS_ASKED,
            "allocated_storage": ALLOCATED_GB,
        }
        rows = await self._searched(Operation.OFFERS, query)
        listed = [Row.of(row) for row in rows]
        fresh = [row for row, place in zip(rows, listed, strict=True) if place.id not in walk.seen]
        read = await self._read(fresh, slice_key=cursor.slice_key, seen_at=read_at)
        step = walk.after(listed)
        return OffersPage(
            cursor,
            read.offers,
            rejected=(*read.rejected, *step.rejections),
            next=None if step.next is None else Cursor(cursor.slice_key, step.next.encode()),
            complete=step.complete,
            read_at=read_at,
        )

    async def _read(self, rows: Sequence[object], *, slice_key: str, seen_at: datetime) -> ReadRows:
        """The offers in the rows, some milliseconds' worth at a time: others wait for the event loop too."""
        offers: dict[str, Offer] = {}
        rejected: list[Rejection] = []
        for start in range(0, len(rows), ROWS_SEEN):
            # first of all: the answer they come from has only just been made of its text
            await give_way()
            portion = rows[start : start + ROWS_SEEN]
            read = self._reader.offers(
                portion, slice_key=slice_key, seen_at=seen_at, allocated_gb=ALLOCATED_GB
            )
            offers.update((offer.external_id, offer) for offer in read.offers)
            rejected += read.rejected
        return ReadRows(tuple(offers.values()), tuple(rejected))

    async def _searched(self, operation: Operation, query: dict[str, object]) -> list[object]:
        """The rows, charged to the day's quota: one was paid with the call."""
        rows = await self._client.search(operation, query)
        self._guard.charge(SEARCH, max(0, len(rows) - 1))
        return rows

    async def quote(self, offer_external_id: str, *, gpu_count: int, disk_gb: float) -> Quote:
        """The present price with the disk. Raises OfferGone, NoCapacity (the disk does not fit)."""
        ask = offer_id(self._name, offer_external_id)
        rows = await self._guard.call(Operation.QUOTE, lambda: self._ask_rows(ask), endpoint=SEARCH)
        price = self._price(ask, rows, gpu_count=gpu_count, disk_gb=disk_gb)
        return Quote(
            offer_id=f"{self._name}:{ask}",
            usd_per_hour=parse.quoted(price, disk_gb=disk_gb),
            firm=True,
            read_at=self._clock.now(),
        )

    async def _ask_rows(self, ask: str) -> list[object]:
        """Search for one ask. The filter is `ask_contract_id`: `id` matches nothing (seen September 2026)."""
        rows = await self._searched(
            Operation.QUOTE,
            {
                **_MARKET,
                "ask_contract_id": {"eq": int(ask)},
                "limit": _QUOTE_ROWS,
                "allocated_storage": ALLOCATED_GB,
            },
        )
        if rows and not any(Row.of(row).id == int(ask) for row in rows):
            raise MalformedAnswer(self._name, "the search ignores the filter on ask_contract_id")
        return rows

    def _price(self, ask: str, rows: Sequence[object], *, gpu_count: int, disk_gb: float) -> Price:
        row = next((row for row in rows if Row.of(row).id == int(ask)), None)
        if row is None:
            raise OfferGone(self._name, f"offer {ask} is not listed any more")
        try:
            offer = self._reader.offer(
                row, slice_key="", seen_at=self._clock.now(), allocated_gb=ALLOCATED_GB
            )
            price = Price.of(Fields(row if isinstance(row, dict) else {}), allocated_gb=ALLOCATED_GB)
        except Odd as odd:
            raise MalformedAnswer(self._name, f"offer {ask}: {odd.reason}") from None
        if not offer.available:
            raise OfferGone(self._name, f"offer {ask} is taken")
        if offer.gpu_count != gpu_count:
            raise OfferGone(self._name, f"offer {ask} has {offer.gpu_count} GPUs now, not {gpu_count}")
        if offer.disk_max_gb is not None and max(disk_gb, MIN_DISK_GB) > offer.disk_max_gb:
            raise NoCapacity(self._name, f"offer {ask} has {offer.disk_max_gb:.0f} GB of disk at most")
        return price

    # Instances

    async def create(self, spec: LaunchSpec) -> Created:
        """Rent an ask, on demand, under `spec.name`. See `Provider.create`."""
        ask = offer_id(self._name, spec.offer_external_id)
        body = create_body(self._name, spec)
        answer = await self._guard.call(
            Operation.CREATE, lambda: self._client.create(ask, body, hide=secrets_of(spec))
        )
        if answer.refusal is not None:
            await self._clean_up(answer, answer.refusal)
            raise answer.refusal
        return Created(answer.external_id)

    async def _clean_up(self, answer: CreateAnswer, refusal: ProviderError) -> None:
        """Destroy what a refused create left behind. Raises OutcomeUnknown unless it was surely destroyed."""
        try:
            existed = await self._destroy(answer.external_id)
        except ProviderError as error:
            raise self._left_behind(answer, refusal) from error
        if not existed:
            raise self._left_behind(answer, refusal)

    def _left_behind(self, answer: CreateAnswer, refusal: ProviderError) -> OutcomeUnknown:
        detail = f"refused ({refusal.detail}), but instance {answer.external_id} may exist"
        return OutcomeUnknown(self._name, detail, status=refusal.status)

    async def status(self, external_id: str) -> Instance:
        """One sighting. Raises InstanceNotFound."""
        instance_id = offer_id(self._name, external_id)
        return await self._guard.call(Operation.STATUS, lambda: self._sighting(instance_id))

    async def _sighting(self, instance_id: str) -> Instance:
        found = self._instance(await self._client.instance(instance_id))
        if found.external_id != instance_id:
            raise MalformedAnswer(self._name, f"asked for instance {instance_id}, told about another")
        return found

    async def list_own(self) -> Sequence[Instance]:
        """Every instance of the account. Raises MalformedAnswer when any page is short, odd or repeats."""
        found: dict[str, Instance] = {}
        tokens: list[str | None] = [None]
        while True:
            page, sightings = await self._guard.call(Operation.LIST, partial(self._page, tokens[-1]))
            found.update((each.external_id, each) for each in sightings)
            if page.next_token is None:
                break
            if page.next_token in tokens or not sightings:
                raise MalformedAnswer(self._name, "the list of instances does not come to an end")
            tokens.append(page.next_token)
        if page.total is not None and len(found) < page.total:
            raise MalformedAnswer(self._name, f"{page.total} instances announced, {len(found)} listed")
        return tuple(found.values())

    async def _page(self, token: str | None) -> tuple[InstancesPage, list[Instance]]:
        """One page, read within the call: rows that cannot be read are the market's failure."""
        page = await self._client.instances(token)
        return page, [self._instance(row) for row in page.rows]

    def _instance(self, row: object) -> Instance:
        try:
            return instances.instance(row, provider=self._name)
        except Odd as odd:
            raise MalformedAnswer(self._name, f"an instance: {odd.reason}") from None

    def logs(self, external_id: str, *, tail: int = 1000, follow: bool = False) -> AsyncIterator[LogLine]:
        """Lines, oldest first; with `follow` until the instance is gone. See `log_tail` for what can get lost."""
        instance_id = offer_id(self._name, external_id)
        if follow:
            return self._logs.follow(instance_id, tail=tail)
        return self._logs.read(instance_id, tail=tail)

    async def terminate(self, external_id: str) -> None:
        """Destroy it, disk included; unknown or already gone is success."""
        await self._destroy(offer_id(self._name, external_id))

    async def _destroy(self, instance_id: str) -> bool:
        return await self._guard.call(Operation.TERMINATE, lambda: self._client.destroy(instance_id))

    async def health(self) -> HealthReport:
        """Who are we, and is there money left? The answer holds our key: only the credit is read from it."""

        async def send() -> HealthReport:
            started = self._clock.monotonic()
            answer = await self._client.current_user()
            elapsed_ms = (self._clock.monotonic() - started) * 1000
            return HealthReport.with_credit(parse.credit_usd(answer), response_ms=elapsed_ms)

        return await self._guard.call(Operation.HEALTH, send)

    async def aclose(self) -> None:
        """Close the session."""
        await self._client.aclose()
