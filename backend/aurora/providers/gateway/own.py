"""The account's own jobs: one look, and the whole list."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

from aurora.domain.clock import Clock
from aurora.domain.errors import MalformedAnswer
from aurora.domain.instance import Instance
from aurora.domain.operation import Operation
from aurora.providers.base import CallGuard
from aurora.providers.fields import Fields, Odd
from aurora.providers.gateway import jobs
from aurora.providers.gateway.client import GatewayClient
from aurora.providers.gateway.order import OWNER

YOUNG = timedelta(hours=1)
"""Jobs of this age are listed in every state: one that ended before its create was settled must be found."""
MOST_PAGES = 100


class OwnJobs:
    """Reads them. Raises only ProviderError."""

    def __init__(self, provider: str, client: GatewayClient, *, guard: CallGuard, clock: Clock) -> None:
        self._provider = provider
        self._client = client
        self._guard = guard
        self._clock = clock

    async def sighting(self, job_id: str) -> Instance:
        """One sighting. Raises InstanceNotFound, also for a job that its owner cancelled."""
        return await self._guard.call(Operation.STATUS, partial(self._look, job_id))

    async def _look(self, job_id: str) -> Instance:
        fields = await self._client.job(job_id)
        found = self._read(fields)
        if found.external_id != job_id:
            raise MalformedAnswer(self._provider, f"asked for job {job_id}, told about another")
        absent = jobs.gone(found, fields)
        if absent is not None:
            raise absent
        return found

    async def all(self) -> Sequence[Instance]:
        """Every job that lives, and the young ones that ended by themselves. Raises MalformedAnswer when any page is
        odd or the list does not come to an end.
        """
        since = (self._clock.now() - YOUNG).strftime("%Y-%m-%dT%H:%M:%SZ")
        found: dict[str, Instance] = {}
        for query in ({"status": jobs.ACTIVE}, {"created_after": since}):
            await self._walk({"label": f"owner:{OWNER}", **query}, found)
        return tuple(found.values())

    async def _walk(self, query: Mapping[str, str], found: dict[str, Instance]) -> None:
        """Add what the list shows; a job that moved on between two pages is as it was seen last."""
        token: str | None = None
        for _ in range(MOST_PAGES):
            page, token = await self._guard.call(Operation.LIST, partial(self._page, query, token))
            found.update((each.external_id, each) for each in page)
            if token is None:
                return
        raise MalformedAnswer(self._provider, "the list of jobs does not come to an end")

    async def _page(self, query: Mapping[str, str], token: str | None) -> tuple[list[Instance], str | None]:
        """One page, read within the call: rows that cannot be read are the market's failure."""
        page = await self._client.jobs(query, token)
        rows = [Fields(row if isinstance(row, dict) else {}) for row in page.rows]
        seen = [(self._read(fields), fields) for fields in rows]
        return [found for found, fields in seen if jobs.gone(found, fields) is None], page.next

    def _read(self, fields: Fields) -> Instance:
        try:
            return jobs.instance(fields, provider=self._provider)
        except Odd as odd:
            raise MalformedAnswer(self._provider, f"a job: {odd.reason}") from None
