"""Every fault that a market is made to show, by the name that the table uses."""

from collections.abc import Mapping
from typing import Any

from aurora.domain.operation import Operation

SPOKEN: Mapping[Operation, Mapping[str, Any]] = {
    Operation.OFFERS: {"success": False, "error": "not_found", "msg": "no such route"},
    Operation.QUOTE: {"success": False, "error": "no_such_ask", "msg": "no_such_ask"},
    Operation.CREATE: {
        "success": False,
        "error": "invalid_args",
        "msg": "error 404/3603: no_such_ask Instance type by id 1 is not available.",
    },
    Operation.STATUS: {"success": False, "error": "no_such_instance", "msg": "Instance not found"},
    Operation.LIST: {"success": False, "error": "not_found", "msg": "no such route"},
    Operation.LOGS: {"error": "invalid_id", "msg": "Invalid instance id."},
    Operation.TERMINATE: {"success": False, "error": "not_found", "msg": "Instance not found"},
    Operation.HEALTH: {"success": False, "error": "not_found", "msg": "no such route"},
}
"""A 404 in the market's own words; a bare one comes from a proxy or a wrong address."""

FAULTS: Mapping[str, Mapping[str, Any]] = {
    "400": {"kind": "status", "code": 400},
    "401": {"kind": "status", "code": 401},
    "402": {"kind": "status", "code": 402},
    "403": {"kind": "status", "code": 403},
    "404": {"kind": "status", "code": 404},
    "404 spoken": {"kind": "status", "code": 404},
    "429": {"kind": "status", "code": 429, "body": "API requests too frequent"},
    "429 retry-after": {"kind": "status", "code": 429, "headers": {"Retry-After": "2"}},
    "500": {"kind": "status", "code": 500},
    "502": {"kind": "status", "code": 502, "body": "<html>bad gateway</html>"},
    "502 effect": {"kind": "status", "code": 502, "effect": True},
    "503": {"kind": "status", "code": 503},
    "503 retry-after": {"kind": "status", "code": 503, "headers": {"Retry-After": "2"}},
    "latency": {"kind": "latency", "ms": 2_000},
    "latency above the time-out": {"kind": "latency", "ms": 60_000},
    "hang": {"kind": "hang"},
    "hang effect": {"kind": "hang", "effect": True},
    "reset": {"kind": "reset"},
    "lost_response": {"kind": "lost_response"},
    "truncate": {"kind": "truncate"},
    "html": {"kind": "html"},
    "garbage_type envelope": {"kind": "garbage_type", "level": "envelope"},
    "garbage_type items": {"kind": "garbage_type", "level": "items"},
    "missing_field": {"kind": "missing_field"},
    "oversize": {"kind": "oversize", "bytes": 36 << 20},
    "gzip_bomb": {"kind": "gzip_bomb", "bytes": 36 << 20},
    "slow_drip": {"kind": "slow_drip", "ms": 1_000},
    "redirect": {"kind": "redirect"},
    "list_lag": {"kind": "list_lag", "seconds": 20},
    "list_lag without end": {"kind": "list_lag", "seconds": 1_000_000},
    "delete_ignored": {"kind": "delete_ignored"},
    "charge_factor": {"kind": "charge_factor", "k": 1000},
    "charge_factor below the ceiling": {"kind": "charge_factor", "k": 1.5},
    "start_failure": {"kind": "start_failure"},
    "never_starts": {"kind": "never_starts"},
    "empty_list": {"kind": "empty_list"},
}


def document(fault: str, operation: Operation) -> dict[str, Any]:
    """What is posted to the emulator."""
    spoken = {"body": SPOKEN[operation]} if fault == "404 spoken" else {}
    return {**FAULTS[fault], **spoken, "operation": operation.value}
