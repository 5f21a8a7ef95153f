"""What a person should look at: conditions that hold, told once when they begin and once when they end."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog

from aurora.domain.clock import Clock
from aurora.services.attempt_figures import UNCONFIRMED_S, Figures
from aurora.services.provider_desk import Seen
from aurora.services.provider_status import MIN_SAMPLES

SUCCESS_RATE = 0.70
BREAKER_OPEN_S = 300.0
UTILIZATION = 0.90
ORPHAN_FOUND = "orphan_found"
PRICE_DRIFT = 0.05
"""Share by which a charged price may lie above the one that was decided on."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules read of one provider. None: not known."""

    provider: str
    at: datetime
    success_rate: float | None = None
    samples: int = 0
    breaker_open_since: datetime | None = None
    utilization: float | None = None
    credential_refused: bool = False
    orphans: int = 0
    unconfirmed: int = 0
    """Instances whose terminate was asked for more than UNCONFIRMED_S ago."""
    price_drift: float | None = None
    """The worst of the live attempts: charged / decided - 1."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`broken` gives a sentence while the condition holds.

    The alert starts when it has held for `after_s` and ends when it has not for `clear_s`, so that a figure that
    swings about its limit is one alert and not many.
    """

    name: str
    broken: Callable[[Facts], str | None]
    meaning: str
    after_s: float = 0.0
    clear_s: float = 0.0
    severity: str = "warning"

    @property
    def runbook(self) -> str:
        """Where the repository says what to do."""
        return runbook(self.name)


def runbook(name: str) -> str:
    """Path and heading in the repository."""
    return f"docs/operations.md#{name}"


def _success_rate_low(facts: Facts) -> str | None:
    rate = facts.success_rate
    if rate is None or facts.samples < MIN_SAMPLES or rate >= SUCCESS_RATE:
        return None
    return f"success rate {rate:.2f} over {facts.samples} calls"


def _breaker_open(facts: Facts) -> str | None:
    since = facts.breaker_open_since
    seconds = 0.0 if since is None else (facts.at - since).total_seconds()
    return f"circuit not closed for {seconds:.0f} s" if seconds > BREAKER_OPEN_S else None


def _limiter_busy(facts: Facts) -> str | None:
    used = facts.utilization
    return None if used is None or used <= UTILIZATION else f"{used:.0%} of the request tokens in use"


def _credential_refused(facts: Facts) -> str | None:
    return "the provider refuses our credential" if facts.credential_refused else None


def _orphan_found(facts: Facts) -> str | None:
    return f"{facts.orphans} instances with our name that no record knows" if facts.orphans else None


def _terminate_unconfirmed(facts: Facts) -> str | None:
    count = facts.unconfirmed
    return (
        f"{count} instances asked to end and not confirmed gone after {UNCONFIRMED_S:.0f} s"
        if count
        else None
    )


def _price_drift(facts: Facts) -> str | None:
    drift = facts.price_drift
    return (
        None if drift is None or drift <= PRICE_DRIFT else f"charged {drift:.1%} above the price decided on"
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "success_rate_low",
        _success_rate_low,
        "Less than 0.70 of the last calls succeeded (10 calls or more).",
        clear_s=60,
    ),
    Rule(
        "breaker_open",
        _breaker_open,
        "A circuit has not closed for more than 5 minutes.",
        severity="critical",
    ),
    Rule(
        "limiter_saturated",
        _limiter_busy,
        "More than 0.90 of the request tokens were in use for a minute.",
        after_s=60,
        clear_s=60,
    ),
    Rule("credential_refused", _credential_refused, "The provider refuses our key.", severity="critical"),
    Rule(
        ORPHAN_FOUND,
        _orphan_found,
        "An instance carries our name and no record knows it.",
        severity="critical",
    ),
    Rule(
        "terminate_unconfirmed",
        _terminate_unconfirmed,
        "A terminate has not been confirmed for more than 5 minutes; cost goes on.",
        severity="critical",
    ),
    Rule("price_drift", _price_drift, "A charged price lies more than 5 % above the one decided on."),
)


@dataclass(frozen=True, slots=True)
class Transition:
    """An alert that began or ended."""

    name: str
    provider: str
    active: bool
    detail: str
    severity: str
    at: datetime
    since: datetime
    """When it began."""
    seconds: float = 0.0
    """How long it lasted, at its end."""


Listener = Callable[[Transition], None]
"""Told of every transition; must be quick. A webhook hangs its queue here."""


@dataclass(slots=True)
class _Watch:
    """One rule at one provider."""

    changed_at: float
    """Monotonic seconds since when the condition has been what `broken` says."""
    broken: bool
    since: datetime
    """When it began last."""
    active: bool = False
    started_at: float = 0.0
    """The same in monotonic seconds."""
    detail: str = ""


class AlertBook:
    """Which alerts hold. `evaluate` twice with the same facts tells once."""

    def __init__(
        self, clock: Clock, *, rules: Iterable[Rule] = RULES, listeners: Iterable[Listener] = ()
    ) -> None:
        self._clock = clock
        self._rules = {rule.name: rule for rule in rules}
        self._listeners = list(listeners)
        self._watches: dict[tuple[str, str], _Watch] = {}
        self._log = structlog.get_logger("aurora.alerts")

    def listen(self, listener: Listener) -> None:
        """Tell `listener` of every transition from now on."""
        self._listeners.append(listener)

    def states(self) -> Mapping[tuple[str, str], bool]:
        """True or False by (name, provider), for every pair that was ever evaluated."""
        return {key: watch.active for key, watch in self._watches.items()}

    def active(self) -> list[dict[str, Any]]:
        """What holds now, for people; the gravest and oldest first."""
        found = [self._shown(*key, watch) for key, watch in self._watches.items() if watch.active]
        return sorted(found, key=lambda each: (each["severity"] != "critical", each["since"]))

    def _shown(self, name: str, provider: str, watch: _Watch) -> dict[str, Any]:
        rule = self._rules[name]
        return {
            "name": name,
            "provider": provider,
            "severity": rule.severity,
            "since": watch.since,
            "detail": watch.detail,
            "meaning": rule.meaning,
            "runbook": rule.runbook,
        }

    def evaluate(self, facts: Iterable[Facts]) -> tuple[Transition, ...]:
        """Judge all rules; a provider that is no longer among the facts has no alerts any more."""
        now = self._clock.monotonic()
        given = {each.provider: each for each in facts}
        told: list[Transition] = []
        for rule in self._rules.values():
            gone = [
                provider for name, provider in self._watches if name == rule.name and provider not in given
            ]
            for provider in (*given, *gone):
                known = given.get(provider)
                found = self._judge(rule, provider, detail=rule.broken(known) if known else None, now=now)
                if found is not None:
                    told.append(found)
        for transition in told:
            self._tell(transition)
        return tuple(told)

    def _judge(self, rule: Rule, provider: str, *, detail: str | None, now: float) -> Transition | None:
        broken = detail is not None
        watch = self._watches.setdefault((rule.name, provider), _Watch(now, broken, self._clock.now()))
        if watch.broken is not broken:
            watch.broken, watch.changed_at = broken, now
        watch.detail = detail or watch.detail
        held = now - watch.changed_at
        if watch.active is broken or held < (rule.after_s if broken else rule.clear_s):
            return None
        watch.active = broken
        lasted = 0.0 if broken else now - watch.started_at
        if broken:
            watch.started_at, watch.since = now, self._clock.now()
        return Transition(
            rule.name,
            provider,
            active=broken,
            detail=watch.detail,
            severity=rule.severity,
            at=self._clock.now(),
            since=watch.since,
            seconds=lasted,
        )

    def _tell(self, transition: Transition) -> None:
        fields = {"alert": transition.name, "provider": transition.provider, "detail": transition.detail}
        if transition.active:
            self._log.warning("alert_started", severity=transition.severity, **fields)
        else:
            self._log.info("alert_ended", seconds=round(transition.seconds, 1), **fields)
        for listener in self._listeners:
            listener(transition)


class Desk(Protocol):
    """What the alerts read of the provider desk."""

    def all_seen(self) -> list[Seen]: ...


class Alerts:
    """Gathers the facts and has them judged: `evaluate()` every few seconds. No I/O of its own."""

    def __init__(
        self,
        book: AlertBook,
        desk: Desk,
        *,
        figures: Callable[[], Figures],
        clock: Clock,
        orphans: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        """`figures`: the latest of `AttemptFigures`. `orphans`: how many there are now, by provider."""
        self._book = book
        self._desk = desk
        self._figures = figures
        self._clock = clock
        self._orphans = orphans

    def evaluate(self) -> tuple[Transition, ...]:
        """What began and what ended just now."""
        figures, orphans, now = self._figures(), self._orphans(), self._clock.now()
        return self._book.evaluate(
            gather(seen, figures, orphans=orphans.get(seen.name, 0), now=now)
            for seen in self._desk.all_seen()
        )


def gather(seen: Seen, figures: Figures, *, orphans: int, now: datetime) -> Facts:
    """One provider's facts."""
    view = seen.view
    return Facts(
        seen.name,
        now,
        success_rate=view.window.success_rate if view else None,
        samples=view.window.samples if view else 0,
        breaker_open_since=view.breaker.open_since if view else None,
        utilization=view.limiter.utilization if view else None,
        credential_refused=bool(view and view.refused_operations),
        orphans=orphans,
        unconfirmed=figures.unconfirmed.get(seen.name, 0),
        price_drift=figures.price_drift.get(seen.name),
    )
