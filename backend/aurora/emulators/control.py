"""The control API under `/_emulator`: what is emulated, what it cost, who called, and which faults are in force."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from aiohttp import web

from aurora.emulators.faultbook import FaultBook
from aurora.emulators.faults import BadFault
from aurora.emulators.journal import Journal
from aurora.emulators.marketplace import Adjustable, LedgerRow, Marketplace, UnknownEvent
from aurora.emulators.options import EmulatorOptions


@dataclass(frozen=True)
class Stand:
    """One provider with its book of faults and its journal."""

    market: Marketplace
    faults: FaultBook
    journal: Journal


class Control:
    def __init__(
        self, *, options: EmulatorOptions, stands: Mapping[str, Stand], started_at: datetime
    ) -> None:
        self._options = options
        self._stands = stands
        self._started_at = started_at

    def routes(self) -> list[web.RouteDef]:
        here = "/_emulator/{provider}"
        return [
            web.get("/_emulator", self._info),
            web.get("/_emulator/health", self._health),
            web.get(f"{here}/ledger", self._ledger),
            web.get(f"{here}/calls", self._calls),
            web.get(f"{here}/requests", self._requests),
            web.get(f"{here}/faults", self._faults),
            web.post(f"{here}/faults", self._add_fault),
            web.delete(f"{here}/faults", self._clear_faults),
            web.delete(f"{here}/faults/{{fault}}", self._remove_fault),
            web.post(f"{here}/events", self._event),
            web.get(f"{here}/settings", self._settings),
            web.post(f"{here}/settings", self._adjust),
        ]

    async def _info(self, _: web.Request) -> web.Response:
        options = self._options
        return web.json_response(
            {
                "emulated": True,
                "providers": list(self._stands),
                "limits": str(options.limits),
                "seed": options.seed,
                "state_speed": options.state_speed,
                "offers": options.offers,
                "started_at": self._started_at.isoformat(),
            }
        )

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"emulated": True, "status": "ok"})

    async def _ledger(self, request: web.Request) -> web.Response:
        rows = self._stand(request).market.ledger()
        return web.json_response({"emulated": True, "instances": [_ledger_row(row) for row in rows]})

    async def _calls(self, request: web.Request) -> web.Response:
        return web.json_response(self._stand(request).journal.counts())

    async def _requests(self, request: web.Request) -> web.Response:
        rows = self._stand(request).journal.requests(request.query.get("operation"))
        return web.json_response({"requests": list(rows)})

    async def _faults(self, request: web.Request) -> web.Response:
        return web.json_response({"faults": self._stand(request).faults.listed()})

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = self._stand(request).faults.add(await _document(request))
        except BadFault as exc:
            return _refused(exc.field, str(exc))
        return web.json_response(fault, status=201)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._stand(request).faults.clear()
        return web.Response(status=204)

    async def _remove_fault(self, request: web.Request) -> web.Response:
        name = request.match_info["fault"]
        found = name.isdecimal() and self._stand(request).faults.remove(int(name))
        return (
            web.Response(status=204)
            if found
            else web.json_response({"detail": f"no fault {name}"}, status=404)
        )

    async def _event(self, request: web.Request) -> web.Response:
        """Body `{"event": "outbid", "id": "123"}`: let it happen now."""
        market = self._stand(request).market
        try:
            document = await _document(request)
            if not isinstance(document, dict):
                return _refused("body", "must be a JSON object")
            market.happen(str(document.get("event")), str(document.get("id")), document)
        except UnknownEvent as exc:
            return _refused("event", str(exc))
        except KeyError:
            return _refused("id", "is not an instance")
        except BadFault as exc:
            return _refused(exc.field, str(exc))
        return web.Response(status=204)

    async def _settings(self, request: web.Request) -> web.Response:
        return web.json_response({"emulated": True, "settings": dict(self._adjustable(request).settings())})

    async def _adjust(self, request: web.Request) -> web.Response:
        """Body `{"era": "a"}`: change what the market can change while it runs; answers all its settings."""
        market = self._adjustable(request)
        try:
            document = await _document(request)
            if not isinstance(document, dict):
                return _refused("body", "must be a JSON object")
            market.adjust(document)
        except BadFault as exc:
            return _refused(exc.field, str(exc))
        return web.json_response({"emulated": True, "settings": dict(market.settings())})

    def _adjustable(self, request: web.Request) -> Adjustable:
        market = self._stand(request).market
        if not isinstance(market, Adjustable):
            raise web.HTTPNotFound(
                text=json.dumps({"detail": f"{market.name} has no settings"}), content_type="application/json"
            )
        return market

    def _stand(self, request: web.Request) -> Stand:
        name = request.match_info["provider"]
        if name not in self._stands:
            raise web.HTTPNotFound(
                text=json.dumps({"detail": f"provider {name} is not emulated here"}),
                content_type="application/json",
            )
        return self._stands[name]


async def _document(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except ValueError:
        raise BadFault("body", "is not JSON") from None


def _refused(field: str, message: str) -> web.Response:
    return web.json_response({"field": field, "detail": f"{field} {message}"}, status=422)


def _ledger_row(row: LedgerRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "label": row.label,
        "state": row.state,
        "started_at": row.started_at.isoformat(),
        "running_at": row.running_at.isoformat() if row.running_at else None,
        "stopped_at": row.stopped_at.isoformat() if row.stopped_at else None,
        "usd_per_hour": _usd(row.usd_per_hour),
        "usd_billed": _usd(row.usd_billed),
        **{name: _usd(amount) for name, amount in row.more_usd.items()},
    }


def _usd(amount: Decimal) -> float:
    return float(round(amount, 9))
