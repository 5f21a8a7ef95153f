"""What every step is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aurora.domain.clock import Clock
from aurora.domain.instance import Instance
from aurora.domain.records import Attempt, Deployment
from aurora.domain.request import Workload
from aurora.lifecycle.journal import Journal
from aurora.lifecycle.policy import LifecyclePolicy
from aurora.lifecycle.work import Work
from aurora.providers.base import Provider
from aurora.services.candidates import ChosenAttempt


class Providers(Protocol):
    """The registry, as the steps see it. Unknown or disabled names raise NotFound."""

    def get(self, name: str) -> Provider: ...


class NextCandidate(Protocol):
    """Routes again for a deployment whose attempt was refused or died."""

    def choose(
        self, deployment: Deployment, attempts: Sequence[Attempt], *, avoid_provider: str | None = None
    ) -> ChosenAttempt | None:
        """The next attempt (state intent) with its decision, or None when nothing fits now. Writes nothing."""
        ...

    def workload(self, deployment: Deployment) -> Workload:
        """What to run, secrets included."""
        ...


class Sightings(Protocol):
    """Observations of our instances, grouped into list calls when there are many."""

    async def see(self, provider: Provider, attempt: Attempt) -> Instance:
        """One fresh sighting. Raises InstanceNotFound, or any ProviderError when nothing can be said."""
        ...

    async def find_named(self, provider: Provider, name: str) -> Instance | None:
        """Look through the provider's whole list for a name; a fresh list each time."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """Shared by all steps; holds no state of its own."""

    providers: Providers
    sightings: Sightings
    candidates: NextCandidate
    journal: Journal
    clock: Clock
    policy: LifecyclePolicy

    async def keep(self, work: Work) -> None:
        """Commit what is known before doing what cannot be undone."""
        await self.journal.keep(work)
