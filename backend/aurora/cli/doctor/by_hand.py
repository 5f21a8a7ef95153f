"""How a user asks a market the same question with curl. The key is a variable; its value is never printed."""

from aurora.providers.brand import ByHand

_STATUS_ONLY = "curl -sS -o /dev/null -w '%{http_code}\\n'"
"""The bodies of these answers may hold the key itself."""


def reach(url: str) -> str:
    """Any number is an answer; 000 is none."""
    return f"{_STATUS_ONLY} {url}"


def key(question: ByHand, url: str, variable: str) -> str:
    """200: good; 401: the key is wrong; 403: it lacks a right."""
    return f'{_STATUS_ONLY} -H "{question.header.format(variable)}" {url}{question.path}'


def clock(url: str) -> str:
    """Both in UTC, one below the other."""
    return f"curl -sSI {url} | grep -i '^date:'; date -u"
