"""Deployments, bids and leases as JSON (contract, sections 5.2, 5.4 and 9)."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from aurora.emulators.akash.chain import amount
from aurora.emulators.akash.deployment import Deployment
from aurora.emulators.akash.lease import Bid, Lease, Lot
from aurora.emulators.akash.manifest import KINDS, Unit, has_ingress, host_ports
from aurora.emulators.akash.network import Network
from aurora.emulators.akash.sdl import GpuOption
from aurora.emulators.akash.stock import Choice

UNKNOWN = "unknown_value"  # of a Console that reads from its database
_BID_DEPOSIT = Decimal(500_000)  # uakt
Json = dict[str, Any]


def deployment(one: Deployment, *, hidden: bool = False) -> Json:
    return {
        "id": {"owner": one.owner, "dseq": one.id},
        "state": one.state,
        "hash": UNKNOWN if hidden else one.hash,
        "created_at": str(one.height),
    }


def lease(one: Deployment, lot: Lot, found: Lease) -> Json:
    return {
        "id": _lease_id(one, lot, found.bid),
        "state": found.state,
        "price": _price(one, found.bid),
        "created_at": str(found.height),
        "closed_on": str(found.closed_height),
        "reason": str(found.reason),
    }


def leases(one: Deployment) -> list[Json]:
    return [lease(one, lot, lot.lease) for lot in one.lots if lot.lease]


def escrow(one: Deployment) -> Json:
    """`funds` are those of the last settlement."""
    account = one.escrow
    denom = one.lots[0].spec.units[0].denom
    return {
        "id": {"scope": "deployment", "xid": f"{one.owner}/{one.id}"},
        "state": {
            "owner": one.owner,
            "state": account.state,
            "transferred": [_coin(denom, account.transferred)],
            "settled_at": str(account.settled_at),
            "funds": [_coin(denom, account.funds)],
            "deposits": [
                {"owner": one.owner, "height": "0", "source": "grant", "balance": _coin(denom, deposit)}
                for deposit in account.deposits
            ],
        },
    }


def group(one: Deployment, lot: Lot, *, hidden: bool = False) -> Json:
    spec = lot.spec
    return {
        "id": {"owner": one.owner, "dseq": one.id, "gseq": lot.gseq},
        "state": lot.state,
        "group_spec": {
            "name": UNKNOWN if hidden else spec.name,
            "requirements": {
                "signed_by": {"all_of": list(spec.all_of), "any_of": list(spec.any_of)},
                "attributes": _attributes(spec.attributes),
            },
            "resources": [
                {
                    "resource": {"id": unit.id, **_resources(unit, unit.compute.gpu_options)},
                    "count": unit.count,
                    "price": _coin(unit.denom, unit.amount),
                }
                for unit in spec.units
            ],
        },
        "created_at": str(lot.height),
    }


def bid(one: Deployment, lot: Lot, found: Bid) -> Json:
    row: Json = {
        "id": _lease_id(one, lot, found),
        "state": found.state,
        "price": _price(one, found),
        "created_at": str(found.height),
        "resources_offer": [
            {
                "resources": {"id": choice.unit.id, **_resources(choice.unit, _offered(choice))},
                "count": choice.unit.count,
            }
            for choice in found.choices
        ],
    }
    if found.reclamation_s is not None:
        row["reclamation_window"] = f"{found.reclamation_s}s"
    return {"bid": row, "escrow_account": _bid_escrow(one, lot, found)}


def _bid_escrow(one: Deployment, lot: Lot, found: Bid) -> Json:
    """The provider's deposit on its bid, which it has back when the bid is lost or closed."""
    provider, held = found.provider.owner, found.state in {"open", "active"}
    funds = _coin("uakt", _BID_DEPOSIT if held else Decimal(0))
    return {
        "id": {"scope": "bid", "xid": f"{one.owner}/{one.id}/{lot.gseq}/1/{provider}"},
        "state": {
            "owner": provider,
            "state": "open" if held else "closed",
            "transferred": [_coin("uakt", Decimal(0))],
            "settled_at": str(found.height),
            "funds": [funds],
            "deposits": [
                {"owner": provider, "height": str(found.height), "source": "balance", "balance": funds}
            ],
        },
    }


def payment(one: Deployment, lot: Lot, found: Lease) -> Json:
    """The escrow payment of a lease, as the chain lists it."""
    denom = lot.spec.units[0].denom
    return {
        "id": {
            "aid": {"scope": "deployment", "xid": f"{one.owner}/{one.id}"},
            "xid": f"{lot.gseq}/1/{found.provider.owner}",
        },
        "state": {
            "owner": found.provider.owner,
            "state": "open" if found.payment.open else one.escrow.state if one.ran_dry else "closed",
            "rate": _coin(denom, found.bid.amount),
            "balance": _coin(denom, Decimal(0)),
            "unsettled": _coin(denom, Decimal(0)),
            "withdrawn": {"denom": denom, "amount": str(int(found.payment.paid))},
        },
    }


def status(network: Network, one: Deployment, lot: Lot, *, now: datetime) -> Json | None:
    """What the provider says of a lease; None if it says nothing: unreachable, closed, or without a manifest."""
    found = lot.lease
    if found is None or not found.living or found.containers is None:
        return None
    if not network.reachable(found.provider.owner):
        return None
    runs = [run for run in one.sdl.runs if run.placement == lot.spec.name]
    up = found.containers.up(now)
    ports = {run.service: _forwarded(one, found, run.service) for run in runs}
    return {
        "services": {
            run.service: _service(one, found, run.service, replicas=(run.count, up)) for run in runs
        },
        "forwarded_ports": {service: rows for service, rows in ports.items() if rows},
        "ips": None,
    }


def pod(one: Deployment, service: str) -> str:
    """The name of a service's pod; another one after each restart."""
    digest = hashlib.sha256(f"{one.dseq}:{service}:{one.restarts}".encode()).hexdigest()
    return f"{service}-{digest[:10]}-{digest[10:15]}"


def _service(one: Deployment, found: Lease, service: str, *, replicas: tuple[int, bool]) -> Json:
    total, up = replicas
    ready = total if up else 0
    name = hashlib.sha256(f"{one.dseq}:{service}".encode()).hexdigest()[:26]
    uris = [f"{name}.ingress.{found.provider.host.removeprefix('provider.')}"]
    return {
        "name": service,
        "available": ready,
        "total": total,
        "uris": uris if has_ingress(one.sdl, service) else [],
        "observed_generation": max(1, one.restarts),
        "replicas": total,
        "updated_replicas": total,
        "ready_replicas": ready,
        "available_replicas": ready,
    }


def _forwarded(one: Deployment, found: Lease, service: str) -> list[Json]:
    hosts: Sequence[int] = found.containers.hosts.get(service, ()) if found.containers else ()
    exposes = host_ports(one.sdl, service)
    return [
        {
            "host": found.provider.host,
            "port": int(expose["port"]),
            "externalPort": host_port,
            "proto": str(expose.get("proto", "TCP")).upper(),
            "name": service,
        }
        for expose, host_port in zip(exposes, hosts, strict=False)
    ]


def _lease_id(one: Deployment, lot: Lot, found: Bid) -> Json:
    return {
        "owner": one.owner,
        "dseq": one.id,
        "gseq": lot.gseq,
        "oseq": 1,
        "provider": found.provider.owner,
        "bseq": 0,
    }


def _price(one: Deployment, found: Bid) -> Json:
    return _coin(one.lots[0].spec.units[0].denom, found.amount)


def _coin(denom: str, uact: Decimal) -> Json:
    return {"denom": denom, "amount": amount(uact)}


def _offered(choice: Choice) -> Sequence[GpuOption]:
    """The one model that a bid is for."""
    return [choice.option] if choice.option else []


def _attributes(pairs: Sequence[tuple[str, str]]) -> list[Mapping[str, str]]:
    return [{"key": key, "value": value} for key, value in pairs]


def _resources(unit: Unit, options: Sequence[GpuOption]) -> Json:
    compute = unit.compute
    return {
        "cpu": {"units": {"val": str(compute.cpu)}, "attributes": []},
        "memory": {"quantity": {"val": str(compute.memory)}, "attributes": []},
        "storage": [
            {"name": v.name, "quantity": {"val": str(v.size)}, "attributes": _attributes(v.attributes)}
            for v in compute.storage
        ],
        "gpu": {
            "units": {"val": str(compute.gpus)},
            "attributes": [{"key": option.key(), "value": "true"} for option in options],
        },
        "endpoints": [{"kind": KINDS[door.kind], "sequence_number": door.number} for door in unit.doors],
    }
