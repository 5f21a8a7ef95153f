"""One plain HTTP question without a key: is somebody there, and what time is it there?"""

import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from aurora.cli.client import opener_for

_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer, whatever its status. `skew_s`: their clock minus ours, to about a second; None without a date."""

    status: int
    ms: float
    skew_s: float | None


def ask(url: str) -> Heard | str:
    """The answer, or why there is none."""
    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "aurora-doctor"})  # noqa: S310 - http(s), normalised
    began = time.monotonic()
    try:
        with opener_for(url).open(request, timeout=_TIMEOUT_S) as answer:
            return _heard(answer.status, answer.headers.get("Date"), began)
    except urllib.error.HTTPError as exc:
        with exc:
            return _heard(exc.code, exc.headers.get("Date"), began)
    except urllib.error.URLError as exc:
        return str(getattr(exc.reason, "strerror", None) or exc.reason)
    except (OSError, ValueError) as exc:
        return str(exc) or type(exc).__name__


def _heard(status: int, date: str | None, began: float) -> Heard:
    elapsed = time.monotonic() - began
    return Heard(status, elapsed * 1000, None if date is None else skew(date, datetime.now(UTC), elapsed))


def skew(date: str, now: datetime, elapsed_s: float) -> float | None:
    """Seconds by which their clock is ahead; the header was written somewhere within `elapsed_s`, in whole seconds."""
    try:
        theirs = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    return (theirs - now).total_seconds() + elapsed_s / 2 + 0.5
