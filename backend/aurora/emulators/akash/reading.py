"""Looking at deployments, one by one and all together, and ending them (contract, sections 5.4 to 5.6)."""

import random
from datetime import datetime, timedelta
from typing import Any

from aurora.emulators.akash import asked, replies, view
from aurora.emulators.akash.deployment import Deployment
from aurora.emulators.akash.estate import Estate
from aurora.emulators.akash.lease import Lease
from aurora.emulators.akash.replies import Refused
from aurora.emulators.akash.view import Json
from aurora.emulators.exchange import Call, Reply

_OLD_LIMIT, _NEW_LIMIT = 1000, 100
_MOST_FOUND = 100  # by search
_CLOSING_S = 5.0  # of an asynchronous close


class Reading:
    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._activities: dict[str, tuple[Deployment, datetime]] = {}

    def find(self, dseq: str) -> Deployment:
        """Raises Refused if there is none."""
        deployment = self._estate.find(asked.dseq(dseq, ["dseq"]))
        if deployment is None:
            raise replies.no_deployment()
        return deployment

    def mine(self, call: Call) -> Deployment:
        """The deployment that the path names."""
        self._estate.advance(call.now)
        return self.find(call.params["dseq"])

    def show(self, call: Call) -> Reply:
        return self.shown(self.mine(call), call)

    def shown(self, one: Deployment, call: Call) -> Reply:
        """A deployment in full: with what the providers say of its leases."""
        network = self._estate.network
        row = self._row(one, modern=network.knobs.modern)
        for lease, lot in zip(row["leases"], [lot for lot in one.lots if lot.lease], strict=True):
            lease["status"] = view.status(network, one, lot, now=call.now)
        if network.knobs.modern:
            row["name"] = one.name
            row["consoleSettings"] = {"sdl": one.sdl.text, "manifestVersion": one.hash}
            row["offeredGpus"] = row["detectedGpus"] = _gpus(one)
        return Reply({"data": row})

    def listed(self, call: Call) -> Reply:
        """Era A: the active ones, their leases in a muddle. Era B: with names and groups, closed ones and a search too."""
        self._estate.advance(call.now)
        return self._new_list(call) if self._estate.network.knobs.modern else self._old_list(call)

    def names(self, call: Call) -> Reply:
        """Era B: the names of some deployments."""
        self._estate.advance(call.now)
        wanted = {part for part in call.query.get("dseq", "").split(",") if part}
        rows = [{"dseq": one.id, "name": one.name} for one in self._estate.every() if one.id in wanted]
        return Reply({"data": rows})

    def close(self, call: Call) -> Reply:
        """End a deployment; one that is closed already is not an error."""
        deployment = self.mine(call)
        ignored = self._estate.network.faults.take("delete_ignored") is not None
        if self._estate.network.knobs.modern and call.query.get("async") == "true":
            return self._close_later(deployment, call.now, ignored=ignored)
        if not ignored:
            self._estate.close(deployment, call.now)
        return Reply({"data": {"success": True}})

    def activity(self, call: Call) -> Reply:
        """Era B: how an asynchronous close is getting on."""
        self._estate.advance(call.now)
        found = self._activities.get(call.params["id"])
        if found is None:
            raise Refused(404, "Activity not found")
        done = call.now >= found[1]
        return Reply({"data": {"id": call.params["id"], "status": "succeeded" if done else "pending"}})

    def visible(self, now: datetime) -> list[Deployment]:
        """What a list knows: a lagging one does not show the youngest."""
        lag = self._estate.network.faults.take("list_lag")
        youngest = now - timedelta(seconds=lag["seconds"]) if lag else now
        return [one for one in self._estate.every() if one.created_at <= youngest]

    def _close_later(self, deployment: Deployment, now: datetime, *, ignored: bool) -> Reply:
        name = self._estate.network.chain.transaction(deployment.dseq, "close", now)[:32].lower()
        done_at = now + self._estate.network.delay(_CLOSING_S)
        self._activities[name] = deployment, done_at
        if not ignored:
            self._estate.network.agenda.add(done_at, lambda then: self._estate.close(deployment, then))
        return Reply({"data": {"activityId": name}}, 202)

    def _old_list(self, call: Call) -> Reply:
        skip = asked.query_number(call, "skip", default=0)
        limit = asked.query_number(call, "limit", default=_OLD_LIMIT, least=1)
        found = [one for one in self.visible(call.now) if one.active]
        page = found[skip : skip + limit]
        rows = [self._row(one, modern=False) for one in page]
        self._muddle(rows, call.now)
        asks_for_page = "skip" in call.query and "limit" in call.query
        more = asks_for_page and skip + limit < len(found)
        pagination = {"total": len(found), "skip": skip, "limit": limit, "hasMore": more}
        return Reply({"data": {"deployments": rows, "pagination": pagination}})

    def _muddle(self, rows: list[Json], now: datetime) -> None:
        """The bug of era A: leases belong to whichever deployment's query came back at that place."""
        leases = [row["leases"] for row in rows]
        random.Random(f"{self._estate.network.seed}:{now}").shuffle(leases)
        if len(leases) > 1 and [row["leases"] for row in rows] == leases:
            leases = [*leases[1:], leases[0]]
        for row, strange in zip(rows, leases, strict=True):
            row["leases"] = strange

    def _new_list(self, call: Call) -> Reply:
        skip = asked.query_number(call, "skip", default=0)
        limit = asked.query_number(call, "limit", default=_NEW_LIMIT, least=1, most=_NEW_LIMIT)
        state = asked.choice(call, "state", ("active", "closed")) or "active"
        wanted = call.query.get("search")
        found = [one for one in self.visible(call.now) if one.state == state]
        if wanted:
            found = [one for one in found if wanted.lower() in one.name.lower() or wanted in one.id]
            if len(found) > _MOST_FOUND:
                raise Refused(422, "Search matches too many deployments")
        if call.query.get("reverse") == "true":
            found.reverse()
        rows = [self._new_row(one) for one in found[skip : skip + limit]]
        pagination = {
            "total": len(found),
            "skip": skip,
            "limit": limit,
            "hasMore": skip + limit < len(found),
        }
        return Reply({"data": {"deployments": rows, "pagination": pagination}})

    def _new_row(self, one: Deployment) -> Json:
        hidden = self._estate.network.knobs.lcd_down
        hours = one.runtime_hours
        ends = one.created_at + timedelta(hours=hours) if hours else None
        return {
            **self._row(one, modern=True),
            "name": one.name,
            "groups": [view.group(one, lot, hidden=hidden) for lot in one.lots],
            "settings": {
                "name": one.name,
                "runtimeLimitHours": hours,
                "runtimeEndsAt": stamp(ends) if ends else None,
                "closed": not one.active,
            },
        }

    def _row(self, one: Deployment, *, modern: bool) -> Json:
        leases = view.leases(one)
        found = [lease for lease in one.leases if modern]
        for row, lease in zip(leases, found, strict=False):
            row.update(_reclamation(lease))
        return {
            "deployment": view.deployment(one, hidden=self._estate.network.knobs.lcd_down),
            "leases": leases,
            "escrow_account": view.escrow(one),
        }


def stamp(at: datetime) -> str:
    """ISO with milliseconds and a Z, as JavaScript writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _reclamation(lease: Lease) -> dict[str, Any]:
    deadline = lease.reclaim_deadline
    return {"reclamation": {"deadline": int(deadline.timestamp())}} if deadline else {}


def _gpus(one: Deployment) -> list[Json]:
    return [
        {
            "vendor": choice.rig.kind.vendor,
            "model": choice.rig.kind.model,
            "ram": choice.rig.kind.ram,
            "interface": choice.rig.kind.interface,
            "units": choice.unit.compute.gpus * choice.unit.count,
        }
        for lease in one.leases
        for choice in lease.bid.choices
        if choice.rig
    ]
