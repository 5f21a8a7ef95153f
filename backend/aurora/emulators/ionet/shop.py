"""The buying side: hardware, replicas, price, deploy, and the console's catalogue (contract, sections 3.1 to 3.5)."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aurora.emulators.exchange import Call, Reply
from aurora.emulators.ionet import replies, schema
from aurora.emulators.ionet.deployment import Config
from aurora.emulators.ionet.estate import Estate, Order
from aurora.emulators.ionet.hardware import Hardware
from aurora.emulators.ionet.places import Place
from aurora.emulators.ionet.replies import Refused

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_OLD_KEYS = ("hardware_id", "hardware_name", "brand_name", "max_gpus_per_container")
_NOT_INT = ("Input should be a valid integer", "int_type")


class Shop:
    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def hardware(self, call: Call) -> Reply:
        """Private pools (`node_pool_id`) exist, but ours are empty."""
        pool = "node_pool_id" in call.query
        rows = [] if pool else [self._row(one) for one in self._estate.catalogue.hardware]
        if not self._estate.knobs.nested:
            return Reply({"data": rows})
        return Reply({"data": {"hardware": rows, "total": sum(row["available"] for row in rows)}})

    def replicas(self, call: Call) -> Reply:
        """How many containers of a size can be started at each place."""
        asked = schema.read_query(call, schema.ReplicasQuery)
        hardware = self._hardware(asked.hardware_id, place="query")
        self._check_size(hardware, asked.hardware_qty, loc=["query", "hardware_qty"])
        rows = []
        for place_id in hardware.stock:
            place = self._estate.catalogue.places[place_id]
            count = self._containers(hardware, place, asked.hardware_qty)
            if count or self._estate.knobs.list_empty_locations:
                rows.append({**place.wire(), "available_replicas": count})
        return Reply({"data": rows})

    def price(self, call: Call) -> Reply:
        asked = schema.read_query(call, schema.PriceQuery)
        named = schema.locations(asked.location_ids, plain=self._estate.knobs.plain_locations)
        hardware = self._hardware(asked.hardware_id, place="query")
        if self._estate.knobs.numeric_price_refused and not hardware.is_sku:
            raise Refused(400, "Price estimation is not available for this hardware")
        gpus, replicas = asked.gpus_per_container, asked.replica_count
        self._check_size(hardware, gpus, loc=["query", "gpus_per_container"])
        places = [self._place(hardware, name) for name in named]
        total = self._estate.rate(hardware, gpus=gpus, replicas=replicas) * asked.duration_hours
        fee = Decimal(str(self._estate.knobs.fee_percent))
        return Reply(
            {
                "data": {
                    "replica_count": replicas,
                    "gpus_per_container": gpus,
                    "available_replica_count": [self._containers(hardware, at, gpus) for at in places],
                    "discount": 0,
                    "ionet_fee": float(round(total - total / (1 + fee / 100), 6)),
                    "ionet_fee_percent": float(fee),
                    "currency_conversion_fee": 0,
                    "currency_conversion_fee_percent": 0,
                    "total_cost_usdc": float(round(total, 6)),
                }
            }
        )

    def deploy(self, call: Call) -> Reply:
        one = self._estate.deploy(self._order(self._body(call)))
        return Reply({}) if self._estate.knobs.empty_deploy_body else replies.done(one.id)

    def name_is_free(self, call: Call) -> Reply:
        """Bare JSON."""
        return Reply(all(one.name != call.query.get("cluster_name") for one in self._estate.every()))

    def caas_catalogue(self, _: Call) -> Reply:
        rows = [self._console_row(one) for one in self._estate.catalogue.hardware]
        return Reply({"data": {"hardware": rows}})

    def vmaas_catalogue(self, _: Call) -> Reply:
        """The same without the two fields that only containers have."""
        rows = [self._console_row(one) for one in self._estate.catalogue.hardware]
        only_caas = {"available_replicas", "brand_name"}
        return Reply(
            {"data": {"hardware": [{k: v for k, v in row.items() if k not in only_caas} for row in rows]}}
        )

    def _row(self, hardware: Hardware) -> dict[str, Any]:
        row = dict(hardware.row)
        if self._estate.knobs.nested:
            old = {name: row[name] for name in _OLD_KEYS}
            most = hardware.most_gpus(nested=True)
            return {**old, "max_gpus_per_container": most, "available": self._shown_stock(hardware)}
        return {**row, "available": self._shown_stock(hardware)}

    def _shown_stock(self, hardware: Hardware) -> int:
        """What is left of network hardware; partners always say the same, whatever can be had."""
        if hardware.is_sku and hardware.id not in self._estate.sold_out:
            return int(hardware.row["available"])
        places = self._estate.catalogue.places
        return sum(self._estate.free(hardware, places[place_id]) for place_id in hardware.stock)

    def _console_row(self, hardware: Hardware) -> dict[str, Any]:
        """Section 3.2; capacity of the machine is a guess from the number of its GPUs."""
        row, specs = hardware.row, hardware.specs
        gpus = int(row["max_gpus_per_container"])
        place = row["location"]
        free = sum(
            self._containers(hardware, self._estate.catalogue.places[at], gpus) for at in hardware.stock
        )
        return {
            "id": f"{row['hardware_id']}__{place}" if place else str(row["hardware_id"]),
            "deploy_id": row["hardware_id"],
            "name": hardware.name,
            "num_cards": gpus,
            "vram_per_card": int(specs["vram_gb"]) if specs else None,
            "interconnect": specs.get("interconnect"),
            "nvlink": specs.get("nvlink") == "true",
            "vcpu": 16 * gpus,
            "memory": 90 * gpus,
            "storage": 500 * gpus,
            "location": place,
            "sold_out": free == 0,
            "price": row["price"],
            "available_replicas": free,
            "brand_name": row["brand_name"],
        }

    def _body(self, call: Call) -> schema.DeployBody:
        """The body of a deploy, strict as far as the settings say. Raises Refused."""
        body, knobs = schema.document(call), self._estate.knobs
        if "billing_model" in body and knobs.billing_model == "refused" and knobs.strict_deploy:
            raise replies.not_permitted("billing_model")
        known = {name: body[name] for name in schema.DeployBody.model_fields if name in body}
        if knobs.strict_deploy:
            return schema.read_body(call, schema.DeployBody)
        if knobs.billing_model == "refused":
            known.pop("billing_model", None)
        return schema.checked(known, schema.DeployBody)

    def _order(self, body: schema.DeployBody) -> Order:
        hardware = self._hardware(body.hardware_id, place="body")
        self._check_name(body.resource_private_name)
        self._check_size(hardware, body.gpus_per_container, loc=["body", "gpus_per_container"])
        self._check_hours(body.duration_hours)
        order = Order(
            name=body.resource_private_name,
            hardware=hardware,
            place=self._chosen_place(body, hardware),
            gpus=body.gpus_per_container,
            replicas=body.container_config.replica_count,
            hours=None if body.billing_model == "payg" else body.duration_hours,
            config=_config(body),
        )
        self._check_means(order, body.duration_hours)
        return order

    def _check_name(self, name: str) -> None:
        knobs = self._estate.knobs
        if not name or (knobs.strict_names and not _NAME.fullmatch(name)):
            raise Refused(422, "resource_private_name is invalid")
        if knobs.unique_names and any(one.name == name for one in self._estate.every()):
            raise Refused(knobs.name_taken_status, f"resource_private_name {name} is already in use")

    def _check_hours(self, hours: int) -> None:
        most = int(self._estate.knobs.max_duration_hours)
        if hours > most:
            loc, msg = ["body", "duration_hours"], f"Input should be less than or equal to {most}"
            raise replies.wrong(loc, msg, "less_than_equal")

    def _check_size(self, hardware: Hardware, gpus: int, *, loc: list[str | int]) -> None:
        most = hardware.most_gpus(nested=self._estate.knobs.nested)
        if gpus > most:
            raise replies.wrong(loc, f"Input should be less than or equal to {most}", "less_than_equal")
        if hardware.is_sku and self._estate.knobs.fixed_sku_size and gpus != most:
            raise Refused(422, f"{loc[-1]} must be {most} for hardware {hardware.id}")

    def _check_means(self, order: Order, hours: int) -> None:
        """Is there stock, and the money for it?"""
        knobs = self._estate.knobs
        if self._containers(order.hardware, order.place, order.gpus) < order.replicas:
            raise Refused(
                knobs.no_capacity_status, "Not enough available replicas for the requested hardware"
            )
        price = self._estate.rate(order.hardware, gpus=order.gpus, replicas=order.replicas) * hours
        if price > self._estate.credit():
            raise Refused(knobs.no_credit_status, "Insufficient IO Credits")

    def _chosen_place(self, body: schema.DeployBody, hardware: Hardware) -> Place:
        """Exactly one place; no pool of nodes is ours."""
        if body.node_pool_id is not None:
            raise Refused(422, "node_pool_id is invalid")
        named = body.location_ids
        if not named:
            raise replies.wrong(["body", "location_ids"], "Field required", "missing")
        if len(named) > 1 and self._estate.knobs.one_location:
            msg = "List should have at most 1 item after validation"
            raise replies.wrong(["body", "location_ids"], msg, "too_long")
        return self._place(hardware, named[0])

    def _hardware(self, name: int | str, *, place: str) -> Hardware:
        """Raises Refused for an id that does not exist, or of a kind that REST does not take."""
        identity = schema.number(name) if place == "query" else name
        if isinstance(identity, str) and not self._estate.knobs.string_hardware:
            raise replies.wrong([place, "hardware_id"], *_NOT_INT)
        hardware = self._estate.catalogue.find(identity)
        if hardware is None:
            raise Refused(422, "hardware_id is invalid")
        return hardware

    def _place(self, hardware: Hardware, name: int | str) -> Place:
        """Network hardware is chosen by number; a partner's by its country, too."""
        place = self._estate.catalogue.place(name)
        strange = place is None or (isinstance(name, str) and not hardware.is_sku)
        if place is None or strange or (hardware.is_sku and place.id not in hardware.stock):
            raise Refused(422, "location_ids is invalid")
        return place

    def _containers(self, hardware: Hardware, place: Place, gpus: int) -> int:
        return self._estate.free(hardware, place) // hardware.units(gpus)


def _config(body: schema.DeployBody) -> Config:
    container: schema.ContainerConfig = body.container_config
    secrets: Mapping[str, str] = container.secret_env_variables or {}
    return Config(
        image=body.registry_config.image_url,
        port=container.traffic_port,
        entrypoint=container.entrypoint,
        args=container.args,
        env=container.env_variables,
        secret_keys=list(secrets),
    )
