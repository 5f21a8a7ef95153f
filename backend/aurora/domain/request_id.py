"""The id of the request that is being served: set at the edge, written on every log line below it."""

from contextvars import ContextVar, Token

_CURRENT: ContextVar[str | None] = ContextVar("aurora_request_id", default=None)


def current() -> str | None:
    """The id of the present request; None outside of one (background work)."""
    return _CURRENT.get()


def set_request_id(value: str | None) -> Token[str | None]:
    """Set the id for this task and what it starts; the token undoes it with `reset_request_id`."""
    return _CURRENT.set(value)


def reset_request_id(token: Token[str | None]) -> None:
    """Undo `set_request_id`."""
    _CURRENT.reset(token)
