"""What one outcome says about the provider's health."""

from enum import StrEnum

from aurora.domain.errors import (
    InstanceNotFound,
    InvalidProviderRequest,
    NoCapacity,
    OfferGone,
    ProviderError,
)


class Verdict(StrEnum):
    OK = "ok"
    FAIL = "fail"
    NEUTRAL = "neutral"
    """Says nothing: reported to nobody who counts (pybreaker would take an excluded error for a success)."""


ANSWERED_WELL = (OfferGone, NoCapacity, InstanceNotFound, InvalidProviderRequest)
"""The server is alive and gave a definite answer; it was only not what we hoped for."""


def judge(error: BaseException | None) -> Verdict:
    """The breaker's view. A bug of ours, a cancellation and our own refusals are neutral."""
    if error is None or isinstance(error, ANSWERED_WELL):
        return Verdict.OK
    if isinstance(error, ProviderError) and error.counts_against_provider:
        return Verdict.FAIL
    return Verdict.NEUTRAL
