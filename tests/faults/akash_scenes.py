"""What is tried under a fault of Akash. Where nothing is special about an auction, the scenes are those of Vast.ai."""

from collections.abc import Awaitable, Callable, Mapping

from aurora.domain.records import DeploymentView
from tests.faults import scenes
from tests.faults.akash_stack import (
    CREATE,
    HEALTH,
    LEASE_OF,
    LIST,
    LOGS,
    OFFERS,
    QUOTE,
    STATUS,
    TERMINATE,
    AkashScene,
)
from tests.faults.scenes import ENDED, Scene

LOOKS = 3
"""At the bids, or tries of the lease, for which the fault stays at least."""


async def auction(scene: Scene) -> None:
    """A deployment is asked for while its bids cannot be read, or no lease be had; the fault goes after some tries."""
    await scene.begin()
    deployment = scene.seen.deployment = await scene.stack.deploy()
    scene.seen.under = await scene.until_deployment(
        deployment, lambda view: _decided(view) or len(scene.met()) >= LOOKS
    )
    await scene.end()
    scene.seen.after = await scene.until_deployment(deployment, _decided)
    await scene.count(deployment)


async def create(scene: Scene) -> None:
    """A deployment is asked for while creates go wrong; the fault goes when the outcome is in question, or after some tries."""
    await scene.begin()
    deployment = scene.seen.deployment = await scene.stack.deploy()
    scene.seen.under = await scene.until_deployment(
        deployment,
        lambda view: (
            _decided(view) or view.deployment.phase in {"settling", "waiting"} or len(scene.met()) > LOOKS
        ),
    )
    await scene.end()
    scene.seen.after = await scene.until_deployment(deployment, _decided)
    await scene.count(deployment)


def _decided(view: DeploymentView) -> bool:
    return view.deployment.status.value in {*ENDED, "running"}


SCENES: Mapping[str, Callable[[AkashScene], Awaitable[None]]] = {
    OFFERS: scenes.offers,
    QUOTE: auction,
    CREATE: create,
    LEASE_OF: auction,
    STATUS: scenes.status,
    LIST: scenes.list_own,
    LOGS: scenes.logs,
    TERMINATE: scenes.terminate,
    HEALTH: scenes.health,
}
