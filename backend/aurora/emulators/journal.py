"""Who asked what: counts by operation and the last requests, for tests and for the curious. Credentials never enter it."""

import re
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

from aurora.emulators.exchange import Call

KEPT = 200  # requests remembered per provider
_SECRET_HEADERS = frozenset(
    {"authorization", "x-api-key", "salad-api-key", "x-signature", "cookie", "proxy-authorization"}
)
_SECRET_QUERY = re.compile(r"key|token|secret", re.IGNORECASE)
_HIDDEN = "[redacted]"


class Journal:
    """A call that reached the server counts, also when a fault then hit it."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._requests: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def record(self, operation: str, call: Call) -> None:
        self._counts[operation] += 1
        self._requests.append(
            {
                "operation": operation,
                "at": call.now.isoformat(),
                "method": call.method,
                "path": call.path,
                "query": _redacted_query(call.query),
                "headers": {
                    k: _HIDDEN if k.lower() in _SECRET_HEADERS else v for k, v in call.headers.items()
                },
                "request_id": call.headers.get("X-Request-Id"),
            }
        )

    def counts(self) -> dict[str, int]:
        return dict(sorted(self._counts.items()))

    def requests(self, operation: str | None = None) -> Sequence[Mapping[str, Any]]:
        return [row for row in self._requests if operation in {None, row["operation"]}]


def _redacted_query(query: Mapping[str, str]) -> dict[str, str]:
    return {k: _HIDDEN if _SECRET_QUERY.search(k) and k != "after_token" else v for k, v in query.items()}
