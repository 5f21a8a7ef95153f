"""What happens to an instance when it is launched, by chance and by what it runs. Pure: same arguments, same life."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from aurora.emulators.vastai.rental import Phase, Rental, Step

_PROVISION_S = (0.5, 2.0)  # null -> loading
_BOOT_MEDIAN_S, _BOOT_SIGMA = 6.5, 0.35  # loading -> running, log-normal; about 8 s from create to running
_PULL_FAILS_S = (1.5, 4.0)  # loading -> created, when the image cannot be had
_SHORTEST_RUN_S = 1.0
_REBOOT_S = (2.0, 5.0)
_OUTBID_MEAN_S = 2 * 3600  # at the lowest bid; longer for higher ones
_SHAKY_HOST = 0.9  # hosts below this reliability drop out by themselves
_OCI_ERROR = (
    "Error response from daemon: failed to create task for container: failed to create shim task: OCI runtime create failed: "
    "runc create failed: unable to start container process"
)


@dataclass(frozen=True)
class Lifecycle:
    """`speed` divides every waiting time."""

    seed: int
    speed: float

    def launch(self, rental: Rental, at: datetime) -> list[Step]:
        """The steps from a create or start on, in order of time."""
        chance = random.Random(f"{self.seed}:vastai:{rental.id}:{rental.launches}")
        loading = at + self._span(chance.uniform(*_PROVISION_S))
        first = Step(loading, Phase.LOADING, f"pulling image {rental.order.image}")
        return [first, *self._after_loading(rental, loading, chance)]

    def reboot(self, rental: Rental, at: datetime) -> list[Step]:
        chance = random.Random(f"{self.seed}:vastai:{rental.id}:{rental.launches}")
        back = at + self._span(chance.uniform(*_REBOOT_S))
        return [
            Step(at, Phase.REBOOTING, "rebooting"),
            Step(back, Phase.RUNNING, _success(rental)),
            *self._ends(rental, back, chance),
        ]

    def _after_loading(self, rental: Rental, at: datetime, chance: random.Random) -> Iterator[Step]:
        error = rental.order.workload.start_error
        if rental.never_starts:
            return
        if error or rental.start_failure:
            failed = at + self._span(chance.uniform(*_PULL_FAILS_S))
            yield Step(failed, Phase.CREATED, error or _OCI_ERROR)
            return
        running = at + self._span(min(chance.lognormvariate(0, _BOOT_SIGMA) * _BOOT_MEDIAN_S, 30.0))
        yield Step(running, Phase.RUNNING, _success(rental))
        yield from self._ends(rental, running, chance)

    def _ends(self, rental: Rental, running: datetime, chance: random.Random) -> Iterator[Step]:
        """The first of what may end a run: the command, a higher bid, the host's failure."""
        ends: list[Step] = []
        seconds = rental.order.workload.seconds
        if seconds is not None:
            ends.append(
                Step(running + self._span(max(seconds, _SHORTEST_RUN_S)), Phase.EXITED, "container exited")
            )
        if rental.bid is not None:
            margin = float(rental.bid / rental.offer.min_bid) if rental.offer.min_bid else 2.0
            outbid = running + self._span(chance.expovariate(1 / (_OUTBID_MEAN_S * margin**4)))
            ends.append(Step(outbid, Phase.STOPPED, "outbid", "stopped"))
        reliability = rental.offer.reliability
        if reliability < _SHAKY_HOST:
            mean = 3600 * reliability / (1 - reliability)
            ends.append(
                Step(running + self._span(chance.expovariate(1 / mean)), Phase.OFFLINE, "host is offline")
            )
        if ends:
            yield min(ends, key=lambda step: step.at)

    def _span(self, seconds: float) -> timedelta:
        return timedelta(seconds=seconds / self.speed)


def _success(rental: Rental) -> str:
    return f"success, running {rental.order.image.replace(':', '_')}/{rental.order.runtype.split()[0]}"
