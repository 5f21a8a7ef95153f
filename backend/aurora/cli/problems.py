"""What the server's problem+json means for the person at the terminal: exit code, what, and what to do next."""

from collections.abc import Mapping
from typing import Any

from aurora.cli.exits import CliError, ExitCode

OPTIONS: Mapping[str, str] = {
    "workload_type": "--workload",
    "gpu_type": "--gpu",
    "gpu_count": "--count",
    "gpu_hours": "--duration",
    "max_price": "--max-price",
    "max_total_cost": "--max-total-cost",
    "region": "--region",
    "max_latency_ms": "--max-latency",
    "min_reputation": "--min-reputation",
    "min_vram_gb": "--min-vram",
    "min_g_score": "--min-g-score",
    "weights": "--weight",
    "image": "--image",
    "command": "--command",
    "env": "--env",
    "ports": "--port",
    "disk_gb": "--disk",
    "providers": "--provider",
    "exclude_providers": "--exclude",
    "spot": "--no-spot",
    "allow_larger": "--allow-larger",
    "policy": "--policy",
    "max_attempts": "--max-attempts",
    "on_interruption": "--on-interruption",
    "seed": "--seed",
    "Idempotency-Key": "--idempotency-key",
    "provider": "--provider",
    "sort": "--sort",
    "limit": "--limit",
    "status": "--status",
    "class": "--class",
    "name": "--name",
    "home_region": "--home-region",
    "limits.max_price": "--max-price",
    "limits.max_latency_ms": "--max-latency",
    "limits.min_reputation": "--min-reputation",
    "limits.weights": "--weight",
    "limits.policy": "--policy",
    "limits.reputation_floor": "--reputation-floor",
    "limits.providers": "--provider",
    "limits.exclude_providers": "--exclude",
    "limits.quotas.max_deployments": "--max-deployments",
    "limits.quotas.max_gpus": "--max-gpus",
    "limits.quotas.requests_per_minute": "--requests-per-minute",
    "scopes": "--scope",
    "expires_in_days": "--expires",
    "overlap_seconds": "--overlap",
    "since": "--since",
    "action": "--action",
}
"""The option that sets a field of the API."""

_BY_STATUS: Mapping[int, ExitCode] = {
    400: ExitCode.USAGE,
    401: ExitCode.REFUSED,
    402: ExitCode.CONFLICT,
    403: ExitCode.REFUSED,
    404: ExitCode.NOT_FOUND,
    405: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
    413: ExitCode.USAGE,
    422: ExitCode.USAGE,
    429: ExitCode.CONFLICT,
    502: ExitCode.CHECK_FAILED,
    503: ExitCode.UNREACHABLE,
    504: ExitCode.CHECK_FAILED,
}
_BY_CODE: Mapping[str, ExitCode] = {
    "spending_stopped": ExitCode.CONFLICT,
    "circuit_open": ExitCode.CHECK_FAILED,
    "rate_limit_exceeded": ExitCode.CHECK_FAILED,
    "provider_rate_limited": ExitCode.CHECK_FAILED,
    "provider_unavailable": ExitCode.CHECK_FAILED,
    "provider_unreachable": ExitCode.CHECK_FAILED,
}
"""Of 503: what is not Aurora's own trouble."""

_NEXT_BY_CODE: Mapping[str, str] = {
    "foreign_host": "set AURORA_API_KEY, or call Aurora under its own address (AURORA_URL)",
    "forbidden": "set AURORA_API_KEY to a key that has the scope",
    "budget_exceeded": "lower --max-total-cost or --duration, or have the tenant's budget raised",
    "quota_exceeded": "end a deployment (`aurora status` lists them), or have the tenant's quota raised",
    "tenant_disabled": "have the tenant enabled again: aurora tenants enable TENANT",
    "tenant_limits_invalid": "have the tenant's limits corrected: aurora tenants set TENANT",
    "key_ended": "make a new key: aurora keys create TENANT --name NAME",
    "spending_stopped": "an operator has stopped spending; ask them to allow it again",
    "logs_unsupported": "this market has no logs; `aurora status` shows the endpoints to look at",
    "no_instance": "wait for it: add --follow",
    "already_ending": "start a new deployment with `aurora route`",
    "database_unavailable": "try again in a few seconds; `aurora doctor` checks the database",
    "not_ready": "try again in a few seconds; `aurora doctor` says what is missing",
    "circuit_open": "wait, or close it: aurora breakers reset NAME",
    "not_found": "`aurora status` lists your deployments, `aurora providers` the markets",
}
_NEXT_BY_EXIT: Mapping[ExitCode, str] = {
    ExitCode.REFUSED: "set AURORA_API_KEY to a key of this Aurora (its first one is AURORA_ADMIN_KEY)",
    ExitCode.CHECK_FAILED: "`aurora providers` shows how the markets are; `aurora doctor` asks them",
    ExitCode.UNREACHABLE: "try again in a few seconds; `aurora health` shows when it is ready",
}


def problem_error(status: int, problem: Mapping[str, Any], *, path: str, retry_after: str | None) -> CliError:
    """The error that ends the command."""
    code = str(problem.get("code") or "")
    exit_code = _exit_code(status, code)
    return CliError(
        exit_code,
        _what(status, problem, exit_code),
        then=_then(code, exit_code, problem=problem, path=path, retry_after=retry_after),
        document=problem or None,
    )


def _exit_code(status: int, code: str) -> ExitCode:
    return _BY_CODE.get(code) or _BY_STATUS.get(status, ExitCode.UNEXPECTED)


def _what(status: int, problem: Mapping[str, Any], exit_code: ExitCode) -> str:
    detail = str(problem.get("detail") or problem.get("title") or f"Aurora answered {status}")
    named = [f"{each['field']}: {each['message']}" for each in _errors(problem)]
    said = "; ".join(named) or detail
    request = problem.get("request_id")
    return f"{said} ({request})" if exit_code is ExitCode.UNEXPECTED and request else said


def _then(
    code: str, exit_code: ExitCode, *, problem: Mapping[str, Any], path: str, retry_after: str | None
) -> str | None:
    if exit_code is ExitCode.USAGE:
        return _correct(problem)
    if exit_code is ExitCode.UNEXPECTED:
        return "look for that request id in Aurora's log, and report it"
    if code == "not_found" and problem.get("detail") == "Not Found":
        return f"this Aurora has no {path}; `aurora health` shows its version"
    known = _NEXT_BY_CODE.get(code)
    wait = f"wait {retry_after} s, then repeat it" if retry_after else None
    if exit_code is ExitCode.CONFLICT and known is None:
        return wait or "use another --idempotency-key, or none"
    return known or wait or _NEXT_BY_EXIT.get(exit_code)


def _correct(problem: Mapping[str, Any]) -> str:
    named = [OPTIONS[each["field"]] for each in _errors(problem) if each["field"] in OPTIONS]
    return f"correct {', '.join(named)}" if named else "see --help of this command"


def _errors(problem: Mapping[str, Any]) -> list[dict[str, str]]:
    found = problem.get("errors")
    rows = found if isinstance(found, list) else []
    return [row for row in rows if isinstance(row, dict) and {"field", "message"} <= set(row)]
