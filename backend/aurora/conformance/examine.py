"""The read-only examination of one market, in order; a step that makes no sense any more is left out, not failed."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from aurora.conformance import account, catalogue
from aurora.conformance.report import Finding, Report, broken, kept, left_open, skipped
from aurora.conformance.rules import LIVE
from aurora.conformance.watch import Watch
from aurora.domain.errors import (
    CircuitBreakerOpen,
    CredentialRefused,
    DeadlineExceeded,
    NotSent,
    ProviderError,
    ProviderTimeout,
    RateLimited,
    RateLimitExceeded,
)
from aurora.providers.base import HealthReport, Provider

_NOT_NOW = (CircuitBreakerOpen, RateLimitExceeded, RateLimited, DeadlineExceeded)
"""They say something about the moment, not about the adapter."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A provider that was connected with `watch.guard(...)`. `absent_id`: an id in the market's shape that nobody has.
    `slices`: how many parts of the catalogue are read, None for all. `keyless`: there is no key, so nothing is asked
    that needs one. `invented`: names of GPUs that do not exist, which an emulator sells.
    """

    provider: Provider
    watch: Watch
    absent_id: str = "999"
    slices: int | None = None
    keyless: bool = False
    invented: Collection[str] = ()


async def examine(subject: Subject, *, tell: Callable[[str], None] = lambda _: None) -> Report:
    """Look at every live promise. Creates, changes and deletes nothing; raises no ProviderError."""
    tell("asking for the account")
    findings, reached = await _door(subject)
    offers = 0
    if reached:
        tell("reading the catalogue")
        more, offers = await _shop(subject)
        findings += more
        tell("asking for instances")
        findings += await _own(subject)
    said = {each.rule for each in findings}
    findings += [skipped(rule, "there was no answer to go on with") for rule in LIVE if rule not in said]
    return Report(
        market=subject.provider.name,
        findings=tuple(sorted(findings, key=lambda each: LIVE.index(each.rule))),
        offers=offers,
        timings=subject.watch.timings(),
        limit_headers=dict(subject.watch.limit_headers),
        refused_writes=subject.watch.refused_writes,
    )


async def _door(subject: Subject) -> tuple[list[Finding], bool]:
    """Address, key and credit are one question."""
    try:
        report = await subject.provider.health()
    except (NotSent, ProviderTimeout) as error:
        return [broken("reachable", _words(error))], False
    except CredentialRefused as error:
        return [kept("reachable", "it answers"), broken("key", _words(error))], False
    except _NOT_NOW as error:
        return [left_open("reachable", _words(error))], False
    except ProviderError as error:
        return [kept("reachable", "it answers"), broken("key", _words(error))], True
    seen = f"answers in {report.response_ms:.0f} ms"
    key = (
        skipped("key", "there is none: only offers are read") if subject.keyless else kept("key", "accepted")
    )
    return [kept("reachable", seen), key, _credit(report)], True


def _credit(report: HealthReport) -> Finding:
    if report.credit_usd is None:
        return skipped("credit", "the market tells no balance")
    return kept("credit", f"{report.credit_usd:,.2f} USD")


async def _shop(subject: Subject) -> tuple[list[Finding], int]:
    try:
        walked = await catalogue.walk(subject.provider, slices=subject.slices)
    except _NOT_NOW as error:
        return [left_open("catalogue", _words(error))], 0
    except ProviderError as error:
        return [broken("catalogue", _words(error))], 0
    findings = catalogue.judged(walked, subject.provider, invented=subject.invented)
    findings.append(await _step("quote", lambda: account.quoted(subject.provider, walked.offers)))
    return findings, len(walked.offers)


async def _own(subject: Subject) -> list[Finding]:
    if subject.keyless:
        return [skipped(rule, "it needs a key") for rule in ("own-list", "absence")]
    return [
        await _step("own-list", lambda: account.own_list(subject.provider)),
        await _step("absence", lambda: account.absence(subject.provider, subject.absent_id)),
    ]


async def _step(rule: str, look: Callable[[], Awaitable[Finding]]) -> Finding:
    try:
        return await look()
    except _NOT_NOW as error:
        return left_open(rule, _words(error))
    except ProviderError as error:
        return broken(rule, _words(error))


def _words(error: ProviderError) -> str:
    """The adapter's own words, which hold no secret."""
    return f"{error.code}: {error.detail}"
