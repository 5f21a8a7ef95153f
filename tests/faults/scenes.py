"""What is tried under a fault, for each operation, and what is seen of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aurora.domain.errors import AuroraError
from aurora.domain.health import ProviderStatus
from aurora.domain.operation import Operation
from aurora.domain.records import DeploymentView
from aurora.providers.vastai.limits import GPU_NAMES
from aurora.resilience.events import CallFinished
from tests.faults.stack import CALLER, Stack

_WORST = (ProviderStatus.HEALTHY, ProviderStatus.DEGRADED, ProviderStatus.UNAVAILABLE)
ENDED = frozenset({"terminated", "failed"})


@dataclass
class Seen:
    """One cell of the table as it really came out."""

    under: str = ""
    """While the fault is there: the deployment's status, the sync's outcome, or how a question was answered."""
    after: str = ""
    """The same when the fault is gone."""
    verdict: str = ""
    """What the first call that met the fault said about the provider."""
    code: str | None = None
    """Its error."""
    attempts: int = 0
    """Attempts of the deployment, before it is told to end."""
    creates: int = 0
    """Create requests that reached the market."""
    living: int = 0
    """Instances at the market while the fault is there."""
    provider: ProviderStatus = ProviderStatus.HEALTHY
    """The worst status that the health page showed."""
    offers_kept: bool = True
    deployment: str | None = None
    fault_s: float = 0.0
    """How long the fault was there."""


@dataclass
class Scene:
    """The stack under one fault."""

    stack: Stack
    operation: Operation
    fault: str
    seen: Seen = field(default_factory=Seen)
    created: int = 0
    """Create requests at the market before this scene."""
    before: ProviderStatus = ProviderStatus.HEALTHY
    """What the health page showed just before the fault: successes of the past hour count, also those of other scenes."""
    _began: float = 0.0

    async def begin(self) -> None:
        """From now on the market is at fault."""
        self.before = self.stack.aurora.desk.status(self.stack.market)
        self.stack.heard.changed = self.look
        assert await self.stack.emulator.post_fault(self.fault, self.operation) == 201
        self._began = self.stack.clock.monotonic()

    async def end(self, deployment: str | None = None) -> None:
        """Note what is seen under the fault, and lift it."""
        first = next(iter(self.met()), None)
        if first is not None:
            self.seen.verdict, self.seen.code = first.outcome.value, first.code
        self.seen.living = len(await self.stack.emulator.living())
        await self.answers()
        await self.stack.emulator.lift()
        self.seen.fault_s += self.stack.clock.monotonic() - self._began

    def met(self) -> list[CallFinished]:
        """The calls that met the fault."""
        return [
            call
            for began, call in self.stack.heard.calls
            if began >= self._began and call.operation is self.operation and call.endpoint != GPU_NAMES
        ]

    def look(self) -> None:
        """What the health page shows."""
        now = self.stack.aurora.desk.status(self.stack.market)
        self.seen.provider = max(self.seen.provider, now, key=_WORST.index)

    async def answers(self) -> None:
        """Whatever the market does, people are answered."""
        self.look()
        aurora = self.stack.aurora
        began = self.stack.clock.monotonic()
        assert self.stack.market in aurora.desk.health()["providers"]
        await aurora.deployments.page(caller=CALLER)
        answer = await aurora.routing.route(self.stack.request, caller=CALLER, dry_run=True)
        assert answer.status == "dry_run" or answer.reason
        assert self.stack.clock.monotonic() - began < 1, "somebody was kept waiting for a second"

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async def looked() -> bool:
            self.look()
            return await condition()

        await self.stack.eventually(looked)

    async def until_deployment(self, deployment: str, enough: Callable[[DeploymentView], bool]) -> str:
        """Wait for a state; returns the status."""

        async def reached() -> bool:
            return enough(await self.stack.view(deployment))

        try:
            await self.until(reached)
        except AssertionError as exc:
            raise AssertionError(f"{exc}: {await self.stack.story(deployment)}") from exc
        return await self.stack.status(deployment)

    async def running(self) -> str:
        """A deployment that runs before anything goes wrong: the one of the scene before, if it left one."""
        if self.seen.deployment is None:
            self.created = (await self.stack.emulator.calls()).get("create", 0)
            self.seen.deployment = await self.stack.deploy()
        await self.stack.until(self.seen.deployment, "running")
        return self.seen.deployment

    async def count(self, deployment: str) -> None:
        self.seen.attempts = len((await self.stack.view(deployment)).attempts)
        self.seen.creates = (await self.stack.emulator.calls()).get("create", 0) - self.created

    async def recovered(self) -> None:
        """Nothing of the fault is left in Aurora's standing of the market, for the scene that comes next."""
        market, desk = self.stack.market, self.stack.aurora.desk
        await desk.reset(market, actor="ada")

        async def well() -> bool:
            return bool((await desk.check(market))["ok"]) and desk.status(market) is not _WORST[-1]

        await self.stack.eventually(well)


async def offers(scene: Scene) -> None:
    """A sync under the fault; then one without."""
    stack = scene.stack
    before = {offer.id for offer in stack.aurora.catalogue.offers()}
    await scene.begin()
    scene.seen.under = (await stack.aurora.sync.run(stack.market)).outcome
    scene.seen.offers_kept = {offer.id for offer in stack.aurora.catalogue.offers()} == before
    await scene.end()

    async def read() -> bool:
        scene.seen.after = (await stack.aurora.sync.run(stack.market)).outcome
        return scene.seen.after == "ok"

    await stack.eventually(read)


async def quote(scene: Scene) -> None:
    """A deployment is asked for while no price can be read."""
    await scene.begin()
    deployment = scene.seen.deployment = await scene.stack.deploy()
    scene.seen.under = await scene.until_deployment(
        deployment,
        lambda view: _decided(view) or (view.deployment.phase == "waiting" and len(scene.met()) > 1),
    )
    await scene.end()
    scene.seen.after = await scene.until_deployment(deployment, _decided)
    await scene.count(deployment)


async def create(scene: Scene) -> None:
    """A deployment is asked for while creates go wrong; the fault goes when its outcome is in question."""
    await scene.begin()
    deployment = scene.seen.deployment = await scene.stack.deploy()
    scene.seen.under = await scene.until_deployment(
        deployment, lambda view: _decided(view) or view.deployment.phase in {"settling", "waiting"}
    )
    await scene.end()
    scene.seen.after = await scene.until_deployment(deployment, _decided)
    await scene.count(deployment)


async def status(scene: Scene) -> None:
    """A running deployment cannot be looked at for a while."""
    deployment = await scene.running()
    await scene.begin()
    scene.seen.under = await scene.until_deployment(
        deployment,
        lambda view: (
            view.deployment.status.value in {*ENDED, "lost"} or sum(c.code is None for c in scene.met()) > 3
        ),
    )
    await scene.end()
    scene.seen.after = await scene.until_deployment(deployment, _decided)
    await scene.count(deployment)


async def list_own(scene: Scene) -> None:
    """A create whose answer was lost is looked for in a list that is at fault."""
    stack = scene.stack
    assert await stack.emulator.post_fault("lost_response", Operation.CREATE, count=1) == 201
    await scene.begin()
    deployment = scene.seen.deployment = await stack.deploy()
    scene.seen.under = await scene.until_deployment(
        deployment,
        lambda view: _decided(view) or (_cannot_look(view) and len(scene.met()) > 1),
    )
    await scene.end()
    scene.seen.after = await scene.until_deployment(deployment, _decided)
    await scene.count(deployment)

    async def alone() -> bool:
        await _sweep(stack)
        return len(await stack.emulator.living()) == 1

    await stack.eventually(alone)


async def logs(scene: Scene) -> None:
    """A log is read, and a deployment is ended, while there are no logs."""
    stack = scene.stack
    deployment = await scene.running()
    await scene.begin()
    try:
        lines = [line async for line in stack.aurora.deployments.logs(deployment, caller=CALLER)]
        scene.seen.under = "lines" if lines else "no lines"
    except AuroraError as exc:
        scene.seen.under = exc.code
    await scene.count(deployment)
    await stack.aurora.deployments.terminate(deployment, caller=CALLER)
    scene.seen.after = await scene.until_deployment(deployment, _over)
    await scene.end()


async def terminate(scene: Scene) -> None:
    """A deployment is told to end and the market does not do it."""
    stack = scene.stack
    deployment = await scene.running()
    await scene.begin()
    await stack.aurora.deployments.terminate(deployment, caller=CALLER)

    async def told() -> bool:
        """Ended; or it lives, although it was asked for more than once."""
        if _over(await stack.view(deployment)):
            return True
        return len(scene.met()) > 1 and bool(await stack.emulator.living())

    await scene.until(told)
    scene.seen.under = await stack.status(deployment)
    await scene.count(deployment)
    await scene.end()
    scene.seen.after = await scene.until_deployment(deployment, _over)


async def health(scene: Scene) -> None:
    """The provider is asked how it is while something runs there."""
    stack = scene.stack
    deployment = await scene.running()
    await scene.begin()
    scene.seen.under = _told(await stack.aurora.desk.check(stack.market))
    await scene.count(deployment)
    await scene.end()

    async def well() -> bool:
        scene.seen.after = _told(await stack.aurora.desk.check(stack.market))
        return scene.seen.after == "ok"

    await stack.eventually(well)
    assert await stack.status(deployment) == "running"


SCENES: Mapping[Operation, Callable[[Scene], Awaitable[None]]] = {
    Operation.OFFERS: offers,
    Operation.QUOTE: quote,
    Operation.CREATE: create,
    Operation.STATUS: status,
    Operation.LIST: list_own,
    Operation.LOGS: logs,
    Operation.TERMINATE: terminate,
    Operation.HEALTH: health,
}


async def finish(stack: Stack, deployment: str) -> DeploymentView:
    """After the DELETE, and with the sweep at work, nothing of ours lives."""
    await stack.aurora.deployments.terminate(deployment, caller=CALLER)

    async def over() -> bool:
        if not _over(await stack.view(deployment)):
            return False
        if not await stack.emulator.living():
            return True
        await _sweep(stack)
        return False

    try:
        await stack.eventually(over)
    except AssertionError as exc:
        living = await stack.emulator.living()
        raise AssertionError(f"{exc}: {living} {await stack.story(deployment)}") from exc
    return await stack.view(deployment)


async def _sweep(stack: Stack) -> None:
    if await stack.aurora.sweep.run(stack.aurora.markets.all()):
        stack.aurora.reconciler.kick()


def _over(view: DeploymentView) -> bool:
    return view.deployment.status.ended


def _decided(view: DeploymentView) -> bool:
    return view.deployment.status.value in {*ENDED, "running"}


def _cannot_look(view: DeploymentView) -> bool:
    return view.current is not None and (view.current.detail or "").startswith("cannot look for")


def _told(check: Mapping[str, object]) -> str:
    return str(check["skipped"] or ("ok" if check["ok"] else check["error"]))
