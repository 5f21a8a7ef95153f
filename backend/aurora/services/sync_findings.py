"""What a sync may take, what it found, and what the next one must know of it."""

from collections import Counter
from dataclasses import dataclass, field

from aurora.domain.errors import (
    CircuitBreakerOpen,
    CredentialRefused,
    DeadlineExceeded,
    Misconfigured,
    PaymentRequired,
    ProviderError,
    RateLimited,
    RateLimitExceeded,
)
from aurora.providers.base import MOST_ROWS
from aurora.services.integrity import Sight
from aurora.services.offer_rule import OfferRule
from aurora.services.slice_walk import SliceWalk

PACED = (RateLimitExceeded, RateLimited, DeadlineExceeded)
"""No time now: the next run goes on where this one stopped."""
HOPELESS = (CircuitBreakerOpen, CredentialRefused, PaymentRequired, Misconfigured)
"""The next slice would fail alike."""


@dataclass(frozen=True, slots=True)
class SyncPolicy:
    """`interval_s` between the starts of two runs (P_SYNC_INTERVAL); a run takes at most `deadline_s`.

    `max_age_s` is OFFER_MAX_AGE.
    """

    interval_s: float = 60.0
    deadline_s: float | None = None
    """None: the interval."""
    max_age_s: float = 900.0
    readers: int = 1
    """Slices read at a time. More help where answers are slow; under a market's real limits they only queue."""

    rule: OfferRule = field(default_factory=OfferRule)
    """Which of the market's offers the operator wants."""
    most_rows: int = MOST_ROWS
    """PROVIDER_MAX_ROWS: of one market; it is not read further."""

    @property
    def longest_run_s(self) -> float:
        return self.interval_s if self.deadline_s is None else self.deadline_s


@dataclass(slots=True)
class SyncMemory:
    """What one provider's next run must know of the last."""

    walks: dict[str, SliceWalk] = field(default_factory=dict)
    """Readings that were interrupted for want of time."""
    doubts: dict[str, Sight] = field(default_factory=dict)
    """What was seen and not believed yet, by slice."""


@dataclass(slots=True)
class Findings:
    """What a run has found so far."""

    pages: int = 0
    seen: set[str] = field(default_factory=set)
    new: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    gone: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    failed: dict[str, ProviderError] = field(default_factory=dict)
    """Slices that could not be read to their end."""
    suspicious: dict[str, str] = field(default_factory=dict)
    """Slices whose reading is not believed yet, with a sentence."""
    stopped: ProviderError | None = None
    """Why the run ended before all slices were read."""
    unread: int = 0
    """Slices left out or not shown completely."""

    @property
    def outcome(self) -> str:
        if self.pages == 0:
            return "failed"
        if self.suspicious:
            return "suspicious"
        return "partial" if self.stopped or self.failed or self.unread else "ok"

    @property
    def error(self) -> str | None:
        """One sentence; running out of time is none."""
        if self.suspicious:
            return "; ".join(self.suspicious[key] for key in sorted(self.suspicious))
        if self.stopped is not None and (self.pages == 0 or not _only_time(self.stopped)):
            return str(self.stopped)
        if self.failed:
            key = min(self.failed)
            return f"{len(self.failed)} slices could not be read, {key}: {self.failed[key]}"
        return None


def _only_time(error: ProviderError) -> bool:
    """Our own pace, not a pause that the provider dated."""
    return isinstance(error, RateLimitExceeded | DeadlineExceeded) and error.until is None
