"""Instances as the API shows them (contract, section 6.3)."""

from datetime import datetime
from typing import Any

from aurora.emulators.meter import Rate
from aurora.emulators.vastai.offer import HOURS_PER_MONTH
from aurora.emulators.vastai.rental import Phase, Rental

IDENTITY_PORT = 70_000  # container ports from here on ask for the same number outside and inside (section 5)
# Fields that an instance has in common with the offer it was made from.
_SHARED = [
    "machine_id",
    "host_id",
    "bundle_id",
    "gpu_name",
    "gpu_arch",
    "num_gpus",
    "gpu_ram",
    "gpu_frac",
    "gpu_lanes",
    "gpu_mem_bw",
    "bw_nvlink",
    "compute_cap",
    "cuda_max_good",
    "driver_version",
    "cpu_arch",
    "cpu_cores",
    "cpu_cores_effective",
    "cpu_name",
    "cpu_ghz",
    "cpu_ram",
    "disk_bw",
    "disk_name",
    "dlperf",
    "total_flops",
    "score",
    "inet_up",
    "inet_down",
    "inet_up_cost",
    "inet_down_cost",
    "geolocation",
    "reliability2",
    "verification",
    "hosting_type",
    "static_ip",
    "direct_port_count",
    "mobo_name",
    "os_version",
    "pci_gen",
    "pcie_bw",
    "storage_cost",
    "min_bid",
    "has_avx",
    "external",
    "webpage",
    "logo",
]


def instance(rental: Rental, now: datetime) -> dict[str, Any]:
    """The whole object of one instance."""
    fields = rental.offer.fields
    return {
        **{name: fields.get(name) for name in _SHARED},
        **_identity(rental),
        **_state(rental),
        **_prices(rental),
        **_network(rental),
        **_measures(rental, now),
        "gpu_totalram": fields["gpu_total_ram"],
        "start_date": rental.created_at.timestamp(),
        "end_date": rental.offer.ends_at,
        "duration": rental.offer.ends_at - now.timestamp(),
        "emulated": True,
    }


def _identity(rental: Rental) -> dict[str, Any]:
    order = rental.order
    return {
        "id": rental.id,
        "label": rental.label,
        "image_uuid": order.image,
        "image_args": list(order.args),
        "image_runtype": order.runtype,
        "extra_env": [list(pair) for pair in order.env],
        "onstart": order.onstart,
        "template_id": None,
        "template_hash_id": None,
        "template_name": None,
        "jupyter_token": rental.api_key[::-1],
        "rentable": False,
        "volume_info": [],
        "country_code": None,
        "time_remaining": "",
        "time_remaining_isbid": "",
    }


def _state(rental: Rental) -> dict[str, Any]:
    """`cur_state` is the contract's, `intended_status` the user's wish: a queued start shows stopped beside running."""
    idle = rental.phase is Phase.STOPPED
    return {
        "actual_status": None if rental.phase is Phase.PROVISIONING else str(rental.phase),
        "intended_status": rental.intended,
        "cur_state": "stopped" if idle else "running",
        "next_state": rental.intended,
        "status_msg": rental.message,
    }


def _prices(rental: Rental) -> dict[str, Any]:
    """`search` holds the running rate, `instance` the rate in the present state (section 6.3)."""
    full, present = rental.full_rate, rental.present_rate
    return {
        "is_bid": rental.bid is not None,
        "dph_base": float(full.gpu),
        "dph_total": float(full.total),
        "storage_total_cost": float(full.disk),
        "storage_cost": float(full.disk) * HOURS_PER_MONTH / rental.order.disk_gb,
        "search": _hourly(full),
        "instance": _hourly(present),
        "credit_balance": None,
        "credit_discount": None,
        "discounted_dph_total": float(full.total),
    }


def _hourly(rate: Rate) -> dict[str, float]:
    total = float(rate.total)
    return {
        "gpuCostPerHour": float(rate.gpu),
        "diskHour": float(rate.disk),
        "totalHour": total,
        "discountTotalHour": 0,
        "discountedTotalPerHour": total,
    }


def _network(rental: Rental) -> dict[str, Any]:
    """Addresses; `ports` and `public_ipaddr` only while it runs, the latter with its trailing newline (section 6.3)."""
    proxy = 10_000 + rental.id % 50_000
    shown: dict[str, Any] = {
        "ssh_host": f"ssh{rental.id % 9 + 1}.vast.ai",
        "ssh_port": proxy,
        "ssh_idx": str(rental.id % 9 + 1),
        "machine_dir_ssh_port": proxy + 1,
        "direct_port_start": -1,
        "direct_port_end": -1,
        "public_ipaddr": None,
        "local_ipaddrs": None,
    }
    if not rental.running:
        return shown
    shown |= {"public_ipaddr": f"{rental.offer.fields['public_ipaddr']}\n", "local_ipaddrs": "172.17.0.2 \n"}
    if rental.host_ports:
        ports = list(rental.host_ports.values())
        shown |= {"ports": _ports(rental), "direct_port_start": min(ports), "direct_port_end": max(ports)}
    return shown


def _ports(rental: Rental) -> dict[str, Any]:
    return {
        f"{host if port >= IDENTITY_PORT else port}/{protocol}": [
            {"HostIp": address, "HostPort": str(host)}
            for address in ("0.0.0.0", "::")  # noqa: S104 - shown, never bound  # nosec B104
        ]
        for (port, protocol), host in rental.host_ports.items()
    }


def _measures(rental: Rental, now: datetime) -> dict[str, Any]:
    """Load figures, known only while it runs."""
    disk = rental.order.disk_gb
    quiet: dict[str, Any] = dict.fromkeys(
        ("gpu_util", "gpu_temp", "cpu_util", "mem_usage", "vmem_usage", "uptime_mins")
    )
    quiet |= {"disk_space": disk, "disk_usage": -1.0, "disk_util": -1.0, "mem_limit": None}
    if not rental.running:
        return quiet
    minutes = (now - rental.sessions[-1].start).total_seconds() / 60
    wave = (rental.id + int(minutes * 6)) % 40
    return quiet | {
        "gpu_util": 55.0 + wave,
        "gpu_temp": 48.0 + wave / 2,
        "cpu_util": 5.0 + wave / 4,
        "mem_usage": 2.0 + wave / 20,
        "mem_limit": rental.offer.fields["cpu_ram"] / 1024,
        "vmem_usage": 1.5,
        "disk_usage": 0.5,
        "disk_util": 0.5 / disk,
        "uptime_mins": minutes,
    }
