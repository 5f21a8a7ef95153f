"""What a scrape reads: everything from memory."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from aurora.bootstrap.replicas import ReplicaLink
from aurora.db.pool import Connections, connections
from aurora.domain.offer import Offer
from aurora.lifecycle.sweep import Sweep
from aurora.replicas.base import ReplicaFigures
from aurora.services.alerts import AlertBook
from aurora.services.attempt_figures import AttemptFigures, Figures
from aurora.services.catalogue import Catalogue
from aurora.services.provider_desk import ProviderDesk


@dataclass(frozen=True, slots=True)
class Sources:
    """Fits `telemetry.mirror.MetricsSources`."""

    desk: ProviderDesk
    catalogue: Catalogue
    attempts: AttemptFigures
    sweep: Sweep
    book: AlertBook
    engine: AsyncEngine
    link: ReplicaLink

    def offers(self) -> Iterable[Offer]:
        return self.catalogue.offers()

    def offers_version(self) -> str:
        return self.catalogue.version

    def figures(self) -> Figures:
        return self.attempts.latest

    def orphans(self) -> Mapping[str, int]:
        return Counter(one.provider for one in self.sweep.orphans)

    def alerts(self) -> Mapping[tuple[str, str], bool]:
        return self.book.states()

    def replicas(self) -> ReplicaFigures:
        return self.link.replicas.figures()

    def connections(self) -> Connections:
        return connections(self.engine)
