"""What this process remembers of its deployments. Everything in it may be forgotten: a restart costs time, no money."""

from dataclasses import dataclass, field

from aurora.domain.instance import Instance


@dataclass(slots=True)
class Known:
    """One deployment. Times are the clock's monotonic seconds."""

    first_seen: float
    created: bool = False
    """Made by this process, at `first_seen`."""
    seen: bool = False
    """The Console has shown it: from then on its absence is no lag."""
    name: str | None = None
    ran: bool = False
    """All its services were up at some time: silence is then a host that cannot be reached."""
    delivered: bool = False
    """Its provider has the manifest."""
    ended: bool = False
    """We closed it, or found it closed when we wanted to."""
    refused: set[str] = field(default_factory=set)
    """Providers whose bid was not to be had."""
    sighting: Instance | None = None
    sighted: float = 0.0


class Memory:
    """By deployment number."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}

    def of(self, dseq: str, *, now: float) -> Known:
        """What is known of it; from now on it is known."""
        return self._known.setdefault(dseq, Known(first_seen=now))

    def created(self, dseq: str, *, name: str, now: float) -> None:
        self._known[dseq] = Known(first_seen=now, created=True, name=name)

    def name(self, dseq: str) -> str | None:
        known = self._known.get(dseq)
        return None if known is None else known.name

    def forget(self, dseq: str) -> None:
        self._known.pop(dseq, None)
