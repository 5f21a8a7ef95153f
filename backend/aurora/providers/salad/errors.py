"""SaladCloud's error bodies: RFC 7807 `{"type", "title", "status", "detail"}`, or an HTML page [seen]."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    OutcomeUnknown,
    PaymentRequired,
    ProviderError,
    RateLimited,
    Unavailable,
)
from aurora.domain.operation import Operation
from aurora.providers.answers import Explain, Refusal
from aurora.providers.fields import Fields

_INSTANCE_OPERATIONS = frozenset({Operation.STATUS, Operation.LOGS, Operation.TERMINATE})
_LONGEST = 2000
_KEYS = ("type", "title", "status", "detail", "instance")


class NameTaken(OutcomeUnknown):
    """A group has this name, or had it minutes ago: ours are used once, so an earlier create had its effect."""

    counts_against_provider = False


QUOTA_PAUSE = timedelta(minutes=5)
"""A full quota has no date: it is free when something is deleted. So long nothing is created; then it is tried."""
QUOTA = "the quota of container replicas is used up"


def quota_reached(provider: str, *, now: datetime, status: int | None = None) -> RateLimited:
    """Nothing more can be created until something is deleted."""
    return RateLimited(provider, QUOTA, status=status, until=now + QUOTA_PAUSE)


@dataclass(frozen=True, slots=True)
class _Words:
    kind: str
    detail: str

    @classmethod
    def of(cls, refusal: Refusal) -> "_Words | None":
        """None where the body has not SaladCloud's shape."""
        if not isinstance(refusal.body, dict) or not any(key in refusal.body for key in _KEYS):
            return None
        fields = Fields(refusal.body)
        said = fields.text("detail", limit=_LONGEST) or fields.text("title", limit=200) or ""
        return cls((fields.text("type", limit=200) or "").lower(), refusal.redact(said))

    @property
    def all(self) -> str:
        return f"{self.kind} {self.detail}".lower()


def explain(operation: Operation) -> Explain:
    """The reading of a refused `operation`, for `JsonClient.call`."""
    return partial(_explain, operation)


def _explain(operation: Operation, refusal: Refusal) -> ProviderError | None:
    if refusal.status == HTTPStatus.FORBIDDEN and refusal.raw.lstrip()[:1] == "<":
        detail = "403: a page of the network in front of the API (Cloudflare), for now"
        return Unavailable(refusal.provider, detail, status=refusal.status, retry_after=refusal.retry_after)
    words = _Words.of(refusal)
    if operation is Operation.CREATE and words is not None and _is_quota(refusal.status, words):
        return quota_reached(refusal.provider, now=refusal.now, status=refusal.status)
    kind = None if words is None else _kind(operation, refusal.status, words)
    if kind is None or words is None:
        return None
    return kind(refusal.provider, f"{refusal.status}: {words.detail or words.kind}", status=refusal.status)


def _is_quota(status: int, words: _Words) -> bool:
    """Status and text are not published [guess]: the word itself, or a plain 403 that `create` looks into."""
    return status in {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN} and "quota" in words.all


def _kind(operation: Operation, status: int, words: _Words) -> type[ProviderError] | None:
    if "no_credits" in words.all or "credits available" in words.all:
        return PaymentRequired
    if operation is Operation.CREATE:
        return _refused_create(status, words)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return CredentialRefused
    if status == HTTPStatus.NOT_FOUND and operation in _INSTANCE_OPERATIONS:
        return InstanceNotFound
    return InvalidProviderRequest if status == HTTPStatus.BAD_REQUEST else None


def _refused_create(status: int, words: _Words) -> type[ProviderError] | None:
    if "name_conflict" in words.all or status == HTTPStatus.CONFLICT:
        return NameTaken
    if (
        status == HTTPStatus.BAD_REQUEST
        and "name" in words.all
        and _TOMBSTONE.intersection(words.all.split())
    ):
        return NameTaken
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return CredentialRefused
    return InvalidProviderRequest if status == HTTPStatus.BAD_REQUEST else None


_TOMBSTONE = frozenset({"deleted", "deleted.", "recently", "conflict", "exists", "exists.", "use", "use."})
"""Words of a 400 for a name that is used or was used minutes ago; its exact text is not published [2nd]."""
