"""Idempotency keys: what was asked under each, and the job that came of it."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aurora.emulators.gateway_market.replies import Refused

_KEPT = timedelta(hours=24)
_SHORTEST, _LONGEST = 8, 128


@dataclass(frozen=True)
class _Use:
    digest: str
    job_id: str
    at: datetime


class Keys:
    def __init__(self) -> None:
        self._uses: dict[str, _Use] = {}

    def job_of(self, key: str, body: Any, now: datetime) -> str | None:
        """The job made before under this key by the same body. Raises Refused for another body."""
        self._uses = {k: use for k, use in self._uses.items() if now - use.at < _KEPT}
        use = self._uses.get(key)
        if use is None:
            return None
        if use.digest != _digest(body):
            raise Refused("idempotency_mismatch", "the key was used with another body")
        return use.job_id

    def remember(self, key: str, body: Any, job_id: str, now: datetime) -> None:
        self._uses[key] = _Use(_digest(body), job_id, now)


def checked(key: str | None) -> str:
    """Raises Refused without a key of a possible length."""
    if not key:
        raise Refused("missing_idempotency_key", "Idempotency-Key is required")
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise Refused(
            "missing_idempotency_key", f"Idempotency-Key must have {_SHORTEST} to {_LONGEST} characters"
        )
    return key


def _digest(body: Any) -> str:
    """Bodies are the same when they are the same JSON value. Only the digest is kept: bodies hold secrets."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
