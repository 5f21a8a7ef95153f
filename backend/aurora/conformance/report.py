"""What an examination found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from aurora.conformance.rules import RULES


class Verdict(StrEnum):
    KEPT = "kept"
    BROKEN = "broken"
    OPEN = "open"
    """It was asked, and what came proves nothing either way."""
    SKIPPED = "skipped"
    """Not asked, because it would say nothing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen of one promise. `examples`: names and counts that belong to it, no secrets."""

    rule: str
    verdict: Verdict
    seen: str
    examples: tuple[str, ...] = ()

    @property
    def promise(self) -> str:
        return RULES[self.rule].promise


@dataclass(frozen=True, slots=True)
class Timing:
    """The requests of one operation: how many, and how long they took in ms."""

    operation: str
    requests: int
    failed: int
    median_ms: float
    slowest_ms: float


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was seen of one market."""

    market: str
    findings: tuple[Finding, ...]
    offers: int = 0
    timings: tuple[Timing, ...] = ()
    limit_headers: Mapping[str, str] = field(default_factory=dict)
    """Headers about rate limits, as they came last."""
    refused_writes: int = 0
    """Requests of the adapter that would have changed something: none was sent."""

    @property
    def reached(self) -> bool:
        return all(each.verdict is Verdict.KEPT for each in self.findings if each.rule == "reachable")

    @property
    def kept(self) -> bool:
        return not self.broken

    @property
    def broken(self) -> Sequence[Finding]:
        return [each for each in self.findings if each.verdict is Verdict.BROKEN]


def kept(rule: str, seen: str, *examples: str) -> Finding:
    return Finding(rule, Verdict.KEPT, seen, examples)


def broken(rule: str, seen: str, *examples: str) -> Finding:
    return Finding(rule, Verdict.BROKEN, seen, examples)


def left_open(rule: str, seen: str, *examples: str) -> Finding:
    return Finding(rule, Verdict.OPEN, seen, examples)


def skipped(rule: str, seen: str) -> Finding:
    return Finding(rule, Verdict.SKIPPED, seen)
