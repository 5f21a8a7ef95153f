"""What can be had: GPU classes, availability, quotas (contract, sections 4 and 9)."""

from typing import Any

from aurora.emulators.exchange import Call, Reply
from aurora.emulators.salad import schema, stamps
from aurora.emulators.salad.estate import Estate
from aurora.emulators.salad.pools import ORDER, GpuClass, Priority
from aurora.emulators.salad.replies import Refused

ACTIONS_PER_MINUTE = 10
# Shares of the nodes, ours; the United States and Canada together have more than half (shared data).
_COUNTRIES = {"us": 0.45, "ca": 0.1, "gb": 0.07, "de": 0.06, "fr": 0.04, "pl": 0.04, "br": 0.04, "au": 0.03}
_ELSEWHERE = 0.005
_EASY_CPU, _MOST_CPU = 4, 16
_EASY_MEMORY, _MOST_MEMORY = 8192, 61_440  # MB
_EASY_STORAGE, _MOST_STORAGE = 50 * schema.GIBIBYTE, 250 * schema.GIBIBYTE


class Shop:
    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def classes(self, _: Call) -> Reply:
        return Reply({"items": list(self._estate.pools.listed())})

    def availability(self, call: Call) -> Reply:
        """Nodes for a workload of this shape, by priority; the numbers contain each other."""
        asked = schema.read(call, schema.Availability)
        classes = classes_of(self._estate, asked.gpu_classes)
        share = _share(asked)
        numbers: dict[str, Any] = {
            f"available_gpu_{priority}": sum(self._nodes(one, priority, share) for one in classes)
            for priority in ORDER
        }
        return Reply({**numbers, "on_call_gpu": numbers["available_gpu_batch"] // 4})

    def cpu_availability(self, call: Call) -> Reply:
        asked = schema.read(call, schema.CpuAvailability)
        nodes = int(self._estate.pools.of(None).available(Priority.BATCH) * _share(asked))
        return Reply({"available_cpu_batch": nodes, "on_call_cpu": nodes // 4})

    def quotas(self, call: Call) -> Reply:
        organization = call.params["organization"]
        used = sum(group.replicas for group in self._estate.living(organization))
        at = stamps.long(self._estate.created_at)
        return Reply(
            {
                "container_groups_quotas": {
                    "container_replicas_quota": self._estate.quota,
                    "container_replicas_used": used,
                    "max_container_group_reallocations_per_minute": ACTIONS_PER_MINUTE,
                    "max_container_group_recreates_per_minute": ACTIONS_PER_MINUTE,
                    "max_container_group_restarts_per_minute": ACTIONS_PER_MINUTE,
                },
                "create_time": at,
                "update_time": at,
            }
        )

    def _nodes(self, one: GpuClass, priority: Priority, share: float) -> int:
        nodes = self._estate.pools.of(one.id).available(priority)
        return nodes if one.secure else int(nodes * share)


def classes_of(estate: Estate, ids: list[str]) -> list[GpuClass]:
    """The classes of these ids. Raises Refused for one that does not exist."""
    known = estate.pools.classes
    strange = next((one for one in ids if one.lower() not in known), None)
    if strange is not None:
        raise Refused(400, f"The GPU class {strange} does not exist.")
    return [known[one.lower()] for one in ids]


def _share(asked: schema.Availability | schema.CpuAvailability) -> float:
    """The part of the nodes that stand in the countries asked for and are big enough; ours."""
    countries = asked.country_codes
    here = (
        1.0 if countries is None else min(1.0, sum(_COUNTRIES.get(one, _ELSEWHERE) for one in set(countries)))
    )
    return (
        here
        * _fit(asked.cpu or 0, _EASY_CPU, _MOST_CPU)
        * _fit(asked.memory or 0, _EASY_MEMORY, _MOST_MEMORY)
        * _fit(asked.storage_amount or 0, _EASY_STORAGE, _MOST_STORAGE)
    )


def _fit(wanted: int, easy: int, most: int) -> float:
    """All nodes have the easy amount, one in five the largest, none more."""
    if wanted <= easy:
        return 1.0
    return 0.0 if wanted > most else 1.0 - 0.8 * (wanted - easy) / (most - easy)
