"""The account and what it was charged (contract, sections 10 and 12)."""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aurora.emulators.exchange import Call, Reply
from aurora.emulators.vastai import replies
from aurora.emulators.vastai.estate import Estate
from aurora.emulators.vastai.guard import key_of
from aurora.emulators.vastai.rental import Rental

_DEFAULT_LIMIT, _MAX_LIMIT = 100, 500
_NO_RANGE = "Must provide both 'day' gte and lte filters for instance charges"


class Billing:
    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def user(self, call: Call) -> Reply:
        """`credit` is what can be spent; `balance` is about invoices and stays 0. The reply holds the key, as the real one does."""
        self._estate.advance(call.now)
        return Reply(
            {
                "id": 1,
                "email": "emulated@example.invalid",
                "username": "emulated",
                "credit": float(round(self._estate.credit(), 6)),
                "balance": 0,
                "ssh_key": None,
                "host_agreement_accepted": False,
                "api_key": key_of(call),
                "emulated": True,
            }
        )

    def charges(self, call: Call) -> Reply:
        """What each instance cost within the days asked for."""
        self._estate.advance(call.now)
        asked = replies.flat(json.loads(call.query.get("select_filters") or "{}"))
        window = _window(asked.get("day"), call.now)
        if window is None:
            return replies.error(400, "invalid_args", _NO_RANGE)
        rows = self._rows(asked.get("type"), window)
        rows.sort(
            key=lambda row: (row["start"], row["source"]),
            reverse=call.query.get("latest_first", "true") != "false",
        )
        try:
            start = _offset(call.query.get("after_token"))
            limit = min(max(int(call.query.get("limit") or _DEFAULT_LIMIT), 1), _MAX_LIMIT)
        except (ValueError, KeyError, TypeError, binascii.Error):
            return replies.error(400, "invalid_token", "Invalid pagination token")
        page, end = rows[start : start + limit], start + limit
        token = _token(end) if end < len(rows) else None
        return replies.done(count=len(page), total=len(rows), next_token=token, results=page)

    def _rows(self, kinds: Any, window: tuple[datetime, datetime]) -> list[dict[str, Any]]:
        wanted = kinds.get("in", [kinds.get("eq")]) if isinstance(kinds, dict) else None
        if wanted is not None and "instance" not in wanted:
            return []
        rows = (_row(rental, window) for rental in self._estate.every())
        return [row for row in rows if row["amount"]]


def _window(day: Any, now: datetime) -> tuple[datetime, datetime] | None:
    """The range of days in unix seconds; both ends are required. Nothing is charged before it happens."""
    if not isinstance(day, Mapping) or not {"gte", "lte"} <= day.keys():
        return None
    first, last = float(day["gte"]), float(day["lte"])
    return datetime.fromtimestamp(first, UTC), min(datetime.fromtimestamp(last, UTC), now)


def _row(rental: Rental, window: tuple[datetime, datetime]) -> dict[str, Any]:
    start = max(rental.created_at, window[0])
    end = min(rental.destroyed_at or window[1], window[1])
    bill = rental.meter.window(start, end)
    full = rental.full_rate
    span = {"start": int(start.timestamp()), "end": int(end.timestamp())}
    items = [
        {
            "type": "gpu",
            "amount": float(bill.gpu),
            "description": f"{bill.gpu_hours:.3f} hours at ${full.gpu:.4f}/hour",
        },
        {
            "type": "disk",
            "amount": float(bill.disk),
            "description": f"{rental.order.disk_gb:g} GB at ${full.disk:.6f}/hour",
        },
    ]
    blank: dict[str, Any] = {"source": None, "metadata": {}, "items": []}
    return {
        **span,
        "type": "instance",
        "source": f"instance-{rental.id}",
        "description": f"Instance {rental.id} Charges",
        "amount": float(bill.total),
        "metadata": {"label": rental.label},
        "items": [{**span, **blank, **item} for item in items if item["amount"]],
    }


def _token(offset: int) -> str:
    return base64.b64encode(json.dumps({"values": {"offset": offset}}).encode()).decode()


def _offset(token: str | None) -> int:
    if not token:
        return 0
    return int(json.loads(base64.b64decode(token, validate=True))["values"]["offset"])
