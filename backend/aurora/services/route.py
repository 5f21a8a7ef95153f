"""`POST /route`: decide without I/O, commit the intent, answer. Creates happen in the background."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy.exc import IntegrityError

from aurora.db.database import Database
from aurora.db.repositories import decisions, deployments
from aurora.db.repositories import idempotency as keys
from aurora.db.repositories.holds import CapacityTaken
from aurora.db.repositories.idempotency import Binding
from aurora.db.turns import Turns
from aurora.domain.clock import Clock
from aurora.domain.deployment import DeploymentStatus
from aurora.domain.errors import Conflict, DatabaseUnavailable, NotFound
from aurora.domain.event_loop import OneByOne
from aurora.domain.money import usd_up
from aurora.domain.records import Attempt, Deployment, RouteAnswer
from aurora.domain.request import ComputeRequest
from aurora.domain.tenant import Quotas
from aurora.routing.decision import Decision, RankedOffer
from aurora.routing.router import decide
from aurora.services.audit import routed
from aurora.services.candidates import RoutingIdentity
from aurora.services.capacity import CapacityOverlay
from aurora.services.decision_record import DecisionContext, decision_record
from aurora.services.deployments import shown
from aurora.services.intent import attempt_on, hold_for, intended, new_id
from aurora.services.intent_book import Intent, IntentBook, Purchase
from aurora.services.market import Market
from aurora.services.policy_desk import PolicyDesk
from aurora.services.ports import Caller, Idempotency
from aurora.services.route_answer import decided_answer, stored_answer
from aurora.services.sealing import Sealer
from aurora.services.tenant_book import AnySpender, Spenders
from aurora.services.waiters import Waiters

_OPERATION = "route"
_RUNNING = DeploymentStatus.RUNNING
_KEY_DAYS = 7
_RACES = 20
"""Decisions that may be lost to other replicas in a row; each lost one knows more than the one before."""
_LONGEST_WAIT_S = 5.0
_PRESSED_S = 0.5
_CROWD = 4
"""So many requests between arrival and commit are usual; more mean that they wait for something."""
_AT_ONCE = 32
"""Requests between their decision and its commit."""
_COST_MARGIN = Decimal("1.2")


class RouteWatcher(Protocol):
    """Told about every answer; must not raise."""

    def decided(self, decision: Decision, *, seconds: float) -> None: ...

    def answered(self, answer: RouteAnswer) -> None: ...

    def asked(self, request: ComputeRequest) -> None: ...


@dataclass(frozen=True, slots=True)
class RouteParts:
    """What routing works with."""

    market: Market
    overlay: CapacityOverlay
    database: Database
    sealer: Sealer
    waiters: Waiters
    watcher: RouteWatcher
    identity: RoutingIdentity
    clock: Clock
    kick: Callable[[], None]
    emulated: bool
    policies: PolicyDesk = field(default_factory=PolicyDesk)
    tenants: Spenders = field(default_factory=AnySpender)


class RouteService:
    """One request, one decision, at most one deployment."""

    def __init__(self, parts: RouteParts) -> None:
        self._parts = parts
        self._in_flight: set[tuple[str, str]] = set()
        # Who stands in line decides on what is left then; and a line that does not move is told so.
        self._entry = Turns(_LONGEST_WAIT_S, at_once=_AT_ONCE)
        self._one_by_one = OneByOne()
        self._pressed_until = 0.0
        self._book = IntentBook(parts.database, kept=self._kept, dropped=self._dropped)

    @property
    def pressed(self) -> bool:
        """Several requests were under way at once a moment ago: work in the background should give way."""
        self._count()
        return self._parts.clock.monotonic() < self._pressed_until

    def _count(self) -> None:
        if self._entry.inside + self._entry.waiting > _CROWD:
            self._pressed_until = self._parts.clock.monotonic() + _PRESSED_S

    async def drain(self) -> None:
        """Returns when every intent that was on its way is written, or refused."""
        await self._book.drain()

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
        """See `ports.Routing`."""
        self._parts.watcher.asked(request)
        if dry_run:
            caller.trail.changed = False
            answer = self._dry(request)
        elif idempotency is None:
            answer = await self._deploy(request, caller=caller, request_id=request_id)
        else:
            answer = await self._once(request, caller=caller, idempotency=idempotency, request_id=request_id)
        if wait_s > 0 and answer.deployment_id is not None:
            # Not under the key's mark: a repeat of the request is answered while this one waits.
            await self._wait(answer.deployment_id, wait_s)
            answer = await self._stored(answer.deployment_id)
        self._parts.watcher.answered(answer)
        return answer

    async def _once(
        self,
        request: ComputeRequest,
        *,
        caller: Caller,
        idempotency: Idempotency,
        request_id: str | None,
    ) -> RouteAnswer:
        """Same key and body: the same deployment, in its present state."""
        mark = (caller.tenant, idempotency.key)
        if mark in self._in_flight:
            raise _in_flight()
        self._in_flight.add(mark)
        try:
            known = await self._bound(caller, idempotency)
            if known is not None:
                caller.trail.changed = False
                return await self._stored(known)
            return await self._deploy(request, caller=caller, request_id=request_id, idempotency=idempotency)
        finally:
            self._in_flight.discard(mark)

    async def _bound(self, caller: Caller, idempotency: Idempotency) -> str | None:
        async with self._parts.database.read() as connection:
            bound = await keys.find(
                connection,
                tenant=caller.tenant,
                operation=_OPERATION,
                key=idempotency.key,
                now=self._parts.clock.now(),
            )
        if bound is None:
            return None
        if bound.body_hash != idempotency.body_hash:
            raise Conflict("this Idempotency-Key was used with another body", code="idempotency_conflict")
        return bound.deployment_id

    def _decide(self, request: ComputeRequest) -> Decision:
        clock = self._parts.clock
        snapshot = self._parts.market.snapshot()
        began = clock.monotonic()
        decision = decide(
            snapshot,
            request,
            now=clock.now(),
            max_age_s=self._parts.identity.offer_max_age_s,
            policies=self._parts.policies.policies,
        )
        self._parts.watcher.decided(decision, seconds=clock.monotonic() - began)
        return decision

    def _dry(self, request: ComputeRequest) -> RouteAnswer:
        decision = self._decide(self._parts.policies.in_turn(request, taken=False))
        return decided_answer(decision, decision_id=None, emulated=self._parts.emulated)

    async def _deploy(
        self,
        request: ComputeRequest,
        *,
        caller: Caller,
        request_id: str | None,
        idempotency: Idempotency | None = None,
    ) -> RouteAnswer:
        quotas = await self._parts.tenants.may_spend(caller.tenant)
        request = self._parts.policies.in_turn(request, taken=True)
        for _ in range(_RACES):
            try:
                async with self._entry.take():
                    self._count()
                    await self._one_by_one.turn()
                    return await self._decided(
                        request, caller=caller, request_id=request_id, idempotency=idempotency, quotas=quotas
                    )
            except CapacityTaken as exc:
                self._parts.overlay.learn(exc.unknown)
        raise Conflict(
            "others take what is free faster than we can", code="capacity_contended", retry_after=1
        )

    async def _decided(
        self,
        request: ComputeRequest,
        *,
        caller: Caller,
        request_id: str | None,
        idempotency: Idempotency | None,
        quotas: Quotas,
    ) -> RouteAnswer:
        """Raises CapacityTaken when another replica was faster; nothing is left of the decision then."""
        decision = self._decide(request)
        context = DecisionContext(new_id("dec"), request_id, self._parts.identity.config_version)
        record = decision_record(
            decision, request, context=context, holds=self._parts.market.held(request.gpu)
        )
        purchase = None
        if decision.chosen is not None:
            deployment, attempt = self._intent(
                decision.chosen, request, caller=caller, decision_id=context.id, asked=record["request"]
            )
            purchase = Purchase(
                deployment,
                attempt,
                hold=hold_for(attempt, decision.chosen),
                knew=self._parts.overlay.knowledge(),
                event=intended(attempt),
                quotas=quotas,
                key=None if idempotency is None else _binding(idempotency, deployment),
            )
            self._parts.overlay.take(purchase.hold)
        row = routed(
            caller, context.id, None if purchase is None else purchase.attempt, at=self._parts.clock.now()
        )
        try:
            await self._book.commit(Intent(record, row, purchase))
        except IntegrityError as exc:
            if idempotency is None:
                raise
            raise _in_flight() from exc
        caller.trail.written = True
        return decided_answer(
            decision,
            decision_id=context.id,
            deployment_id=None if purchase is None else purchase.deployment.id,
            emulated=self._parts.emulated,
        )

    def _kept(self, purchase: Purchase) -> None:
        del purchase
        self._parts.kick()

    def _dropped(self, purchase: Purchase) -> None:
        self._parts.overlay.release(purchase.deployment.id, purchase.attempt.number)

    def _intent(
        self,
        chosen: RankedOffer,
        request: ComputeRequest,
        *,
        caller: Caller,
        decision_id: str,
        asked: Mapping[str, Any],
    ) -> tuple[Deployment, Attempt]:
        """`asked`: the request as plain data."""
        now = self._parts.clock.now()
        deployment_id = new_id("dep")
        attempt = attempt_on(
            chosen,
            request,
            deployment_id=deployment_id,
            number=1,
            installation=self._parts.identity.installation,
            now=now,
        )
        deployment = Deployment(
            id=deployment_id,
            tenant=caller.tenant,
            actor=caller.actor,
            decision_id=decision_id,
            status=DeploymentStatus.PENDING,
            phase="intent",
            wanted="running",
            request=asked,
            sealed_workload=self._parts.sealer.seal(request.workload),
            allowed_s=request.allowed_seconds,
            max_total_cost=request.max_total_cost or _default_cost(request),
            created_at=now,
            provider=attempt.provider,
            due_at=now,
            emulated=self._parts.emulated,
        )
        return deployment, attempt

    async def _wait(self, deployment_id: str, seconds: float) -> None:
        async def settled() -> bool:
            try:
                async with self._parts.database.read() as connection:
                    view = await deployments.find(connection, deployment_id)
            except DatabaseUnavailable:
                return False
            return view is None or view.deployment.status is _RUNNING or view.deployment.status.ended

        await self._parts.waiters.wait(
            deployment_id, clock=self._parts.clock, seconds=seconds, settled=settled
        )

    async def _stored(self, deployment_id: str) -> RouteAnswer:
        """The answer for a deployment that exists, in its present state."""
        async with self._parts.database.read() as connection:
            view = await deployments.find(connection, deployment_id)
            if view is None:
                raise NotFound(f"no deployment {deployment_id}")
            record = await decisions.find(connection, view.deployment.decision_id, tenant=None)
        return stored_answer(shown(view), record or {}, clock=self._parts.clock)


def _binding(asked: Idempotency, deployment: Deployment) -> Binding:
    return Binding(
        tenant=deployment.tenant,
        operation=_OPERATION,
        key=asked.key,
        body_hash=asked.body_hash,
        deployment_id=deployment.id,
        created_at=deployment.created_at,
        expires_at=deployment.created_at + timedelta(days=_KEY_DAYS),
    )


def _default_cost(request: ComputeRequest) -> Decimal:
    return usd_up(request.max_price * request.gpu_hours * _COST_MARGIN)


def _in_flight() -> Conflict:
    return Conflict(
        "a request with this Idempotency-Key is being worked on", code="idempotency_in_flight", retry_after=1
    )
