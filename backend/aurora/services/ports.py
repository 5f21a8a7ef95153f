"""What the HTTP API asks of the services, by shape."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from aurora.domain.audit import Trail
from aurora.domain.instance import LogLine
from aurora.domain.records import DeploymentEvent, DeploymentView, RouteAnswer
from aurora.domain.request import ComputeRequest


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the tenant whose limits and ids apply, and the actor for the record."""

    tenant: str = "default"
    actor: str = "local"
    scopes: frozenset[str] = frozenset({"route", "operate", "admin"})
    trail: Trail = field(default_factory=Trail, compare=False, repr=False)
    """What the audit log is to be told of this call."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """`Idempotency-Key` and a digest of the body: same key and body, same answer; another body is refused."""

    key: str
    body_hash: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `cursor` fetches the next one, None at the end."""

    items: tuple[DeploymentView, ...]
    cursor: str | None


class Routing(Protocol):
    """`POST /route`."""

    async def route(
        self,
        request: ComputeRequest,
        *,
        caller: Caller,
        dry_run: bool = False,
        wait_s: float = 0.0,
        idempotency: Idempotency | None = None,
        request_id: str | None = None,
    ) -> RouteAnswer:
        """Decide, and unless `dry_run` commit the intent; creates happen in the background.

        With `wait_s` it answers as soon as the deployment runs or failed, at the latest then.
        Raises InvalidRequest, Conflict (code `idempotency_conflict` or `idempotency_in_flight`),
        TenantDisabled, QuotaExceeded, SpendingStopped, DatabaseUnavailable.
        """
        ...


class Deployments(Protocol):
    """Everything about deployments after they were asked for. Unknown or foreign ids raise NotFound."""

    async def get(self, deployment_id: str, *, caller: Caller) -> DeploymentView: ...

    async def page(
        self,
        *,
        caller: Caller,
        status: str | None = None,
        provider: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """Newest first. A malformed cursor raises InvalidRequest("cursor")."""
        ...

    async def terminate(self, deployment_id: str, *, caller: Caller) -> DeploymentView:
        """Ask for the end; idempotent; goes on until the provider confirms absence twice."""
        ...

    async def extend(self, deployment_id: str, *, gpu_hours: Any, caller: Caller) -> DeploymentView:
        """Add GPU-hours to the allowed time (and their share to the cost limit). Ended: Conflict."""
        ...

    async def events(self, deployment_id: str, *, caller: Caller) -> Sequence[DeploymentEvent]: ...

    def logs(
        self, deployment_id: str, *, caller: Caller, tail: int = 1000, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        """Live lines while it runs, the archive afterwards. Conflict `logs_unsupported` where there are none."""
        ...


class Decisions(Protocol):
    """`GET /decisions/{id}`."""

    async def get(self, decision_id: str, *, caller: Caller) -> Mapping[str, Any]:
        """The stored decision as plain data: request, counts, top 20, chosen, holds, relaxations, rationale."""
        ...
