"""io.net's error bodies, read for what they mean: `{"detail": text}` or FastAPI's `{"detail": [{loc, msg, type}]}`.

404 and 422 are documented [seen]; the bodies of the others are not, so they are read by status and by words [guess].
"""

import re
from functools import partial
from http import HTTPStatus

from aurora.domain.errors import (
    CredentialRefused,
    InstanceNotFound,
    InvalidProviderRequest,
    NoCapacity,
    OutcomeUnknown,
    PaymentRequired,
    ProviderError,
    Unavailable,
)
from aurora.domain.operation import Operation
from aurora.providers.answers import Explain, Refusal
from aurora.providers.fields import Fields

_INSTANCE_OPERATIONS = frozenset({Operation.STATUS, Operation.LOGS, Operation.TERMINATE})
_LONGEST = 2000
_NAME_TAKEN = re.compile(r"name.{0,60}(?:taken|exists|in use|already|unique|duplicate)", re.DOTALL)
_NO_ROOM = re.compile(
    r"capacity|sold out|not enough (?:gpu|replica|hardware)|no (?:gpus?|replicas?|hardware|containers?)\b.{0,20}available"
    r"|insufficient (?:gpu|replica|hardware|suppl)|(?:gpu|replica|hardware).{0,40}(?:not|un)\s?available",
    re.DOTALL,
)
_MONEY = re.compile(r"credit|balance|payment|insufficient funds")
_NOT_FOUND_CODES = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY})


class NameTaken(OutcomeUnknown):
    """Our names are used once: an earlier create of ours had its effect. The name is to be looked for."""

    counts_against_provider = False


def explain(operation: Operation) -> Explain:
    """The reading of a refused `operation`, for `JsonClient.call`."""
    return partial(_explain, operation)


def refuses(answer: object) -> bool:
    """A 200 that asks for money instead (seen at io.net's MCP server [2nd])."""
    return isinstance(answer, dict) and answer.get("status") == "payment_required"


def _explain(operation: Operation, refusal: Refusal) -> ProviderError | None:
    if _is_page(refusal):
        detail = f"{refusal.status}: a page of the network in front of the API"
        return Unavailable(refusal.provider, detail, status=refusal.status, retry_after=refusal.retry_after)
    if refuses(refusal.body):
        return PaymentRequired(refusal.provider, "no IO credits left", status=refusal.status)
    said = _said(refusal)
    kind = None if said is None else _kind(operation, refusal.status, said.lower())
    if kind is None:
        return None
    return kind(refusal.provider, f"{refusal.status}: {said}", status=refusal.status)


def _is_page(refusal: Refusal) -> bool:
    """HTML with a 403 comes from a proxy, and is no judgement of our key."""
    return refusal.status == HTTPStatus.FORBIDDEN and refusal.raw.lstrip()[:1] == "<"


def _said(refusal: Refusal) -> str | None:
    """The words of `detail`; None where the body has not io.net's shape. What was sent (`input`) is left out."""
    if not isinstance(refusal.body, dict):
        return None
    detail = refusal.body.get("detail")
    if isinstance(detail, list):
        problems = [_problem(Fields(each)) for each in detail[:5] if isinstance(each, dict)]
        return refusal.redact("; ".join(problems) or "refused")
    found = Fields(refusal.body).text("detail", limit=_LONGEST)
    return None if found is None else refusal.redact(found)


def _problem(problem: Fields) -> str:
    where = problem.raw("loc")
    path = ".".join(str(part) for part in where[:6]) if isinstance(where, list) else ""
    kind = problem.text("type", limit=60) or ""
    return f"{path}: {problem.text('msg', limit=200) or kind} ({kind})"


def _kind(operation: Operation, status: int, words: str) -> type[ProviderError] | None:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return CredentialRefused
    if status == HTTPStatus.PAYMENT_REQUIRED:
        return PaymentRequired
    if status in _NOT_FOUND_CODES and operation in _INSTANCE_OPERATIONS:
        return InstanceNotFound
    if operation is Operation.CREATE and status in _REFUSED:
        return _refused_create(status, words)
    return InvalidProviderRequest if status == HTTPStatus.UNPROCESSABLE_ENTITY else None


def _refused_create(status: int, words: str) -> type[ProviderError]:
    if _NAME_TAKEN.search(words):
        return NameTaken
    if _MONEY.search(words):
        return PaymentRequired
    if _NO_ROOM.search(words) or status == HTTPStatus.CONFLICT:
        return NoCapacity
    return InvalidProviderRequest
