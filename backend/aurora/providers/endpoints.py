"""A market's endpoints: what the clients of all markets have in common."""

from typing import Generic, TypeVar

from aurora.domain.errors import MalformedAnswer
from aurora.providers.http import JsonClient

C = TypeVar("C", bound=JsonClient)


class Endpoints(Generic[C]):
    """Requests and the shape of their answers. Raises only ProviderError.

    No rules here: limits, repeats and order belong to the guard and the adapter.
    """

    def __init__(self, http: C) -> None:
        self._http = http
        self._provider = http.provider

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._http!r})"

    async def aclose(self) -> None:
        """Close the session."""
        await self._http.aclose()

    def malformed(self, detail: str) -> MalformedAnswer:
        """An answer that cannot be used."""
        return MalformedAnswer(self._provider, detail)
