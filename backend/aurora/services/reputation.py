"""How far a provider, or one host of it, keeps what it sells: 0 to 100, learned from what came of our launches."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from aurora.db.database import Database
from aurora.db.repositories import reputation as outcomes

PRIOR = 80.0
"""The score of a provider nobody has tried (`initial_reputation` overrides it)."""
PRIOR_WEIGHT = 20
"""The prior counts as much as this many observations."""

GOOD = frozenset({"ok"})
BAD = frozenset({"fail_fast", "fail_slow", "interrupted"})
# `nocap` is in neither: the machine was taken before us, so our picture was old and the provider is well. A full
# market must not look like a broken one; a refused offer is held back for a minute instead.


def score(prior: float, good: int, bad: int) -> float:
    """The Bayesian mean of `good` observations of 100 and `bad` ones of 0, starting at `prior`.

    >>> score(80, 0, 0), score(80, 0, 20), score(80, 20, 0)
    (80.0, 40.0, 90.0)
    """
    return (prior * PRIOR_WEIGHT + 100.0 * good) / (PRIOR_WEIGHT + good + bad)


@dataclass(slots=True)
class _Tally:
    good: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    hosts_good: Counter[tuple[str, str]] = field(default_factory=Counter)
    hosts_bad: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, provider: str, host: str | None, *, kind: str, count: int) -> None:
        if kind not in GOOD and kind not in BAD:
            return
        by_provider, by_host = (self.good, self.hosts_good) if kind in GOOD else (self.bad, self.hosts_bad)
        by_provider[provider] += count
        if host is not None:
            by_host[provider, host] += count


class Reputation:
    """The read model of the scores: in memory, loaded at start, kept up to date by `observe`."""

    def __init__(self, priors: Mapping[str, float] | None = None) -> None:
        """`priors`: `initial_reputation` by provider; the others start at 80."""
        self._priors = dict(priors or {})
        self._tally = _Tally()
        self._version = 0

    @property
    def version(self) -> int:
        """Changes whenever a score may have."""
        return self._version

    async def load(self, database: Database) -> None:
        """Count the stored outcomes anew; what other replicas saw is included."""
        async with database.read(bulk=True) as connection:
            counted = await outcomes.outcome_counts(connection)
        tally = _Tally()
        for row in counted:
            tally.add(row.provider, row.host, kind=row.kind, count=row.count)
        self._tally = tally
        self._version += 1

    def observe(self, provider: str, host: str | None, *, kind: str) -> None:
        """One outcome that was just stored. Kinds that say nothing about the provider change nothing."""
        self._tally.add(provider, host, kind=kind, count=1)
        self._version += 1

    def of_provider(self, provider: str) -> float:
        """0..100 over all hosts of the provider."""
        prior = self._priors.get(provider, PRIOR)
        return score(prior, self._tally.good[provider], self._tally.bad[provider])

    def of(self, provider: str, host: str | None) -> float:
        """0..100 of one host: its own record, with the provider's score as the prior. No host: the provider's."""
        general = self.of_provider(provider)
        if host is None:
            return general
        key = (provider, host)
        return score(general, self._tally.hosts_good[key], self._tally.hosts_bad[key])

    def record(self, provider: str, host: str | None) -> tuple[int, int]:
        """Good and bad outcomes: the host's own where it has any, else the whole provider's."""
        key = (provider, host or "")
        own = (self._tally.hosts_good[key], self._tally.hosts_bad[key])
        return own if any(own) else (self._tally.good[provider], self._tally.bad[provider])

    def observations(self, provider: str) -> int:
        """How many outcomes the provider's score rests on, the prior apart."""
        return self._tally.good[provider] + self._tally.bad[provider]
