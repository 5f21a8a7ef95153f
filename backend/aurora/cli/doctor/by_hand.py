"""How a user asks a market the same question with curl. The key is a variable; its value is never printed."""

from collections.abc import Mapping
from dataclasses import dataclass

_STATUS_ONLY = "curl -sS -o /dev/null -w '%{http_code}\\n'"
"""The bodies of these answers may hold the key itself."""


@dataclass(frozen=True, slots=True)
class _Question:
    """The authenticated read that the adapter's health check makes. `header` is filled with the variable's name."""

    path: str
    header: str


_BEARER = "Authorization: Bearer ${}"
_QUESTIONS: Mapping[str, _Question] = {
    "vastai": _Question("/api/v0/users/current", _BEARER),
    "akash": _Question("/v1/user/me", "x-api-key: ${}"),
    "ionet": _Question("/deployments", "x-api-key: ${}"),
    "salad": _Question("/organizations/$SALAD_ORGANIZATION/quotas", "Salad-Api-Key: ${}"),
}


def reach(url: str) -> str:
    """Any number is an answer; 000 is none."""
    return f"{_STATUS_ONLY} {url}"


def key(market: str, url: str, variable: str) -> str:
    """200: good; 401: the key is wrong; 403: it lacks a right."""
    question = _QUESTIONS.get(market, _Question("", _BEARER))
    return f'{_STATUS_ONLY} -H "{question.header.format(variable)}" {url}{question.path}'


def clock(url: str) -> str:
    """Both in UTC, one below the other."""
    return f"curl -sSI {url} | grep -i '^date:'; date -u"
