"""io.net's error bodies: FastAPI's, with `detail` as a text or as a list of what is wrong (contract, section 5)."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from aurora.emulators.exchange import Reply


class Refused(Exception):
    """A call that is refused; `reply` says how."""

    def __init__(self, status: int, detail: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(detail))
        self.reply = Reply({"detail": detail}, status, headers or {})


def invalid(place: str, error: ValidationError) -> Refused:
    """422 with the list of errors; `place` is body or query."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return Refused(
        422, [{"loc": [place, *one["loc"]], "msg": one["msg"], "type": one["type"]} for one in found]
    )


def wrong(loc: Sequence[str | int], msg: str, kind: str) -> Refused:
    """422 with one error in the list."""
    return Refused(422, [{"loc": list(loc), "msg": msg, "type": kind}])


def not_permitted(field: str) -> Refused:
    return wrong(["body", field], "Extra inputs are not permitted", "extra_forbidden")


def missing(what: str = "Not found") -> Refused:
    return Refused(404, what)


def done(deployment_id: str) -> Reply:
    """What writes answer: flat, without `data`."""
    return Reply({"status": "success", "deployment_id": deployment_id})
