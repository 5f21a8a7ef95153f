"""Looking at a deployment until it is where somebody waits for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from aurora.cli.client import Answer, Client, Json
from aurora.cli.exits import CliError
from aurora.cli.patience import Patience

ENDED = frozenset({"terminated", "failed"})
SETTLED = frozenset({"running", *ENDED})
"""What `--wait` of `route` waits for."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look, and on which clock."""

    first_s: float = 0.25
    longest_s: float = 2.0
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic


class Waiter:
    """Polls one deployment; an Aurora that restarts meanwhile is waited for."""

    def __init__(self, client: Client, *, pace: Pace | None = None) -> None:
        self._client = client
        self._pace = pace or Pace()

    def until(
        self,
        deployment_id: str,
        reached: Callable[[Json], bool],
        *,
        seconds: float | None,
        tell: Callable[[Json], None] = lambda _: None,
    ) -> Answer:
        """The deployment when `reached`, or as it is after `seconds`. `tell` hears of every look."""
        pace = self._pace
        patience = Patience(monotonic=pace.monotonic)
        ends_at = None if seconds is None else pace.monotonic() + seconds
        pause = pace.first_s
        while True:
            try:
                answer = self._client.get(f"/deployments/{deployment_id}")
            except CliError as exc:
                pace.sleep(patience.failed(exc))
                continue
            patience.worked()
            tell(answer.data)
            left = None if ends_at is None else ends_at - pace.monotonic()
            if reached(answer.data) or (left is not None and left <= 0):
                return answer
            pace.sleep(pause if left is None else min(pause, left))
            pause = min(pace.longest_s, pause * 1.5)


def is_settled(deployment: Json) -> bool:
    """It runs, or it will not any more."""
    return deployment["status"] in SETTLED


def is_ended(deployment: Json) -> bool:
    return deployment["status"] in ENDED


def progress_line(deployment: Json) -> str:
    """`dep-...: provisioning (launching), attempt 2 on vastai`."""
    phase = deployment.get("phase")
    finer = f" ({phase})" if phase and phase != deployment["status"] else ""
    where = (
        f", attempt {deployment['attempt']} on {deployment['provider']}" if deployment.get("provider") else ""
    )
    return f"{deployment['id']}: {deployment['status']}{finer}{where}"
