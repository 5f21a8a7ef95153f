"""Runs in the environment of the official SaladCloud SDK: every call of the recording, in the order of a group's life.

Arguments: base URL. Prints one JSON object with what the SDK made of the answers.
"""

import json
import sys
import time
from datetime import UTC, datetime, timedelta

from salad_cloud_sdk import SaladCloudSdk
from salad_cloud_sdk.models import (
    ContainerGroupCreationRequest,
    ContainerGroupPatch,
    GpuAvailabilityPrototype,
    LogEntryQuery,
)

ORGANIZATION, PROJECT, NAME = "acme", "default", "job-1"
CLASS = "ed563892-aacd-40f5-80b7-90c9be6c759b"
DEADLINE_S = 20.0


def prototype(name: str) -> ContainerGroupCreationRequest:
    resources = {"cpu": 2, "memory": 4096, "gpu_classes": [CLASS], "storage_amount": 1073741824}
    return ContainerGroupCreationRequest(
        name=name,
        display_name=name,
        autostart_policy=True,
        replicas=1,
        restart_policy="always",
        country_codes=["us"],
        container={
            "image": "nginx:latest",
            "command": ["sh", "-c", "sleep 1000000"],
            "environment_variables": {"A": "B"},
            "priority": "batch",
            "resources": resources,
        },
        networking={"auth": True, "port": 8080, "protocol": "http"},
    )


def outcome(call, *args):
    """What a refused call raises, in words."""
    try:
        call(*args)
    except Exception as error:  # noqa: BLE001 - the kinds of error are what is looked at
        return {
            "kind": type(error).__name__,
            "status": getattr(error, "status", None),
            "detail": getattr(error, "detail", None),
            "type": getattr(error, "_kwargs", {}).get("type"),
        }
    return None


def running(groups, *, instances: int):
    """The group's instances as soon as that many run."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        found = groups.list_container_group_instances(ORGANIZATION, PROJECT, NAME).instances
        if sum(one.state == "running" for one in found) == instances:
            return found
        time.sleep(0.02)
    raise SystemExit(f"no {instances} running instances in time")


def logs(sdk, start: datetime):
    def text(at: datetime) -> str:
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    query = LogEntryQuery(
        start_time=text(start),
        end_time=text(datetime.now(UTC)),
        query='resource.type = "container" and resource.labels.container_group_name = "job-1"',
        page_size=100,
        sort_order="asc",
    )
    return sdk.logs.query_log_entries(query, ORGANIZATION)


def main(url: str) -> dict[str, object]:
    sdk = SaladCloudSdk(api_key="KEY", base_url=url, timeout=5000)
    groups, start = sdk.container_groups, datetime.now(UTC) - timedelta(minutes=1)
    classes = sdk.organization_data.list_gpu_classes(ORGANIZATION).items
    available = sdk.organizations.get_gpu_availability(
        GpuAvailabilityPrototype(gpu_classes=[CLASS]), ORGANIZATION
    )
    quotas = sdk.quotas.get_quotas(ORGANIZATION)
    created = groups.create_container_group(prototype(NAME), ORGANIZATION, PROJECT)
    conflict = outcome(groups.create_container_group, prototype(NAME), ORGANIZATION, PROJECT)
    listed = groups.list_container_groups(ORGANIZATION, PROJECT).items
    first = running(groups, instances=1)[0]
    one = groups.get_container_group_instance(ORGANIZATION, PROJECT, NAME, first.id_)
    up = groups.get_container_group(ORGANIZATION, PROJECT, NAME)
    changed = groups.update_container_group(ContainerGroupPatch(replicas=2), ORGANIZATION, PROJECT, NAME)
    two = running(groups, instances=2)
    groups.reallocate_container_group_instance(ORGANIZATION, PROJECT, NAME, first.id_)
    running(groups, instances=2)
    groups.recreate_container_group_instance(ORGANIZATION, PROJECT, NAME, first.id_)
    groups.restart_container_group_instance(ORGANIZATION, PROJECT, NAME, first.id_)
    events = sdk.system_logs.get_system_logs(ORGANIZATION, PROJECT, NAME).items
    time.sleep(0.2)
    entries = logs(sdk, start)
    groups.stop_container_group(ORGANIZATION, PROJECT, NAME)
    stopped = groups.get_container_group(ORGANIZATION, PROJECT, NAME)
    groups.start_container_group(ORGANIZATION, PROJECT, NAME)
    groups.delete_container_group(ORGANIZATION, PROJECT, NAME)
    time.sleep(0.1)
    stranger = SaladCloudSdk(api_key="invalid", base_url=url, timeout=5000)
    return {
        "classes": [[one.id_, one.name, [[p.priority, p.price] for p in one.prices]] for one in classes],
        "available": [available.available_gpu_high, available.available_gpu_batch],
        "quota": quotas.container_groups_quotas.container_replicas_quota,
        "created": [created.name, created.current_state.status, created.priority, created.networking.dns],
        "conflict": conflict,
        "listed": [one.name for one in listed],
        "instance": [one.id_, one.state, one.machine_id],
        "up": [up.current_state.status, up.current_state.instance_status_counts.running_count],
        "hash": up.container.hash,
        "changed": [changed.replicas, changed.version],
        "instances": len(two),
        "events": [[one.event_name, one.version] for one in events],
        "log": [[one.severity, getattr(one, "text_log", None)] for one in entries.items],
        "log_organization": entries.organization_name,
        "stopped": stopped.current_state.status,
        "gone": outcome(groups.get_container_group, ORGANIZATION, PROJECT, NAME),
        "wrong_key": outcome(stranger.quotas.get_quotas, ORGANIZATION),
        "refused_key": outcome(
            stranger.organizations.get_gpu_availability,
            GpuAvailabilityPrototype(gpu_classes=[CLASS]),
            ORGANIZATION,
        ),
        "strange": outcome(groups.list_container_groups, "unknown", PROJECT),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1])))
