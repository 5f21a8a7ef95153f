"""What anybody may see of an owner's deployments through the Console (contract, section 5.5)."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from aurora.emulators.akash import asked, replies, view
from aurora.emulators.akash.address import is_address
from aurora.emulators.akash.chain import BLOCKS_PER_MONTH
from aurora.emulators.akash.deployment import Deployment
from aurora.emulators.akash.estate import DENOM, Estate
from aurora.emulators.akash.lease import Lease
from aurora.emulators.akash.manifest import Unit
from aurora.emulators.akash.reading import Reading, stamp
from aurora.emulators.akash.replies import Refused
from aurora.emulators.akash.view import Json
from aurora.emulators.exchange import Call, Reply

_MOST = 100
_INDEXING_S = 6.0  # until Console's database has a new deployment


class Explorer:
    def __init__(self, estate: Estate, reading: Reading) -> None:
        self._estate = estate
        self._reading = reading

    def deployments(self, call: Call) -> Reply:
        self._estate.advance(call.now)
        skip = _path_number(call, "skip", least=0)
        limit = _path_number(call, "limit", least=1, most=_MOST)
        status = asked.choice(call, "status", ("active", "closed"))
        if status is None:
            raise replies.of_wrong_type(["status"], "'active' | 'closed'", None)
        if not is_address(call.params["address"]):
            raise Refused(400, "Invalid address")
        found = [
            one
            for one in self._reading.visible(call.now)
            if one.state == status and one.owner == call.params["address"]
        ]
        if call.query.get("reverseSorting") == "true":
            found.reverse()
        rows = [self._summary(one) for one in found[skip : skip + limit]]
        headers = {"Cache-Control": "public, max-age=6, stale-while-revalidate=30"}
        return Reply({"count": len(found), "results": rows}, headers=headers)

    def deployment(self, call: Call) -> Reply:
        """From the Console's database, which learns of a deployment a block later."""
        deployment = self._reading.mine(call)
        known_at = deployment.created_at + self._estate.network.delay(_INDEXING_S)
        if deployment.owner != call.params["owner"] or call.now < known_at:
            raise replies.no_deployment()
        leases = [self._lease(lease, deployment) for lease in deployment.leases]
        rate = sum((lease.bid.amount for lease in deployment.living_leases), Decimal(0))
        body = {
            "owner": deployment.owner,
            "dseq": deployment.id,
            "balance": float(deployment.escrow.left(self._estate.network.height(call.now))),
            "denom": DENOM,
            "status": deployment.state,
            "totalMonthlyCostUDenom": _month(rate),
            "leases": leases,
            "events": [_event(*transaction) for transaction in deployment.transactions],
            "other": self._raw(deployment),
        }
        return Reply(body)

    def _raw(self, one: Deployment) -> Json:
        return {
            "deployment": view.deployment(one),
            "groups": [view.group(one, lot) for lot in one.lots],
            "escrow_account": view.escrow(one),
        }

    def _summary(self, one: Deployment) -> Json:
        leases = [
            {
                "id": f"{one.owner}/{one.id}/{lot.gseq}/1/{lot.lease.provider.owner}",
                "owner": one.owner,
                "provider": {"address": lot.lease.provider.owner, "hostUri": lot.lease.provider.host_uri},
                "dseq": one.id,
                "gseq": lot.gseq,
                "oseq": 1,
                "state": lot.lease.state,
                "price": view.lease(one, lot, lot.lease)["price"],
            }
            for lot in one.lots
            if lot.lease and lot.lease.living
        ]
        return {
            "owner": one.owner,
            "dseq": one.id,
            "status": one.state,
            "createdHeight": one.height,
            **_amounts([unit for lot in one.lots for unit in lot.spec.units]),
            "leases": leases,
        }

    def _lease(self, lease: Lease, one: Deployment) -> Json:
        lot = next(lot for lot in one.lots if lot.lease is lease)
        provider = lease.provider
        attributes = [{"key": key, "value": value} for key, value in provider.attributes.items()]
        return {
            "gseq": lot.gseq,
            "oseq": 1,
            "provider": {
                "address": provider.owner,
                "hostUri": provider.host_uri,
                "isDeleted": False,
                "attributes": attributes,
            },
            "status": lease.state,
            "monthlyCostUDenom": _month(lease.bid.amount),
            **_amounts(lot.spec.units),
        }


def _amounts(units: Sequence[Unit]) -> Json:
    return {
        "cpuUnits": sum(unit.compute.cpu * unit.count for unit in units),
        "gpuUnits": sum(unit.compute.gpus * unit.count for unit in units),
        "memoryQuantity": sum(unit.compute.memory * unit.count for unit in units),
        "storageQuantity": sum(v.size * unit.count for unit in units for v in unit.compute.storage),
    }


def _month(rate: Decimal) -> int:
    return round(rate * BLOCKS_PER_MONTH)


def _event(transaction: str, at: datetime, message: str) -> Json:
    return {"txHash": transaction, "date": stamp(at), "type": message}


def _path_number(call: Call, name: str, *, least: int, most: int | None = None) -> int:
    text = call.params[name]
    if not text.isascii() or not text.isdecimal():
        raise replies.of_wrong_type([name], "number", text)
    return asked.bounded(int(text), [name], least=least, most=most)
