"""What the shell offers after TAB. Ids come from Aurora when it answers at once; else there are none."""

from collections.abc import Callable, Iterable

_PATIENCE_S = 0.7
"""A shell that hangs is worse than one that offers nothing."""

Complete = Callable[[str], list[str]]


def _of(*words: str) -> Complete:
    return lambda incomplete: _starting(incomplete, words)


gpus = _of(
    "a100", "a100-sxm-80gb", "h100", "h100-sxm-80gb", "h200", "l40s", "rtx4090", "rtx3090", "t4", "v100"
)
workloads = _of("llm_inference", "llm_training", "rendering", "general")
regions = _of(
    "global", "us-west", "us-central", "us-east", "eu-west", "eu-central", "eu-north", "ap-northeast"
)
policies = _of("balanced", "seed-v1", "telemetry", "round-robin", "weighted")
sorts = _of(
    "price", "price_per_hour", "g_score", "reputation", "seen_at", "vram_gb", "gpu_count", "available"
)
statuses = _of("pending", "provisioning", "running", "lost", "terminating", "terminated", "failed")
breaker_classes = _of("read", "create", "control")
roles = _of("all", "api", "worker")


def deployments(incomplete: str) -> list[str]:
    """Ids, newest first."""
    return _asked("/deployments", {"limit": 50}, ("deployments", "id"), incomplete)


def providers(incomplete: str) -> list[str]:
    """Names of the markets."""
    return _asked("/providers", {}, ("providers", "name"), incomplete)


def _asked(path: str, query: dict[str, int], where: tuple[str, str], incomplete: str) -> list[str]:
    from aurora.cli.client import Client
    from aurora.cli.exits import CliError

    rows, name = where
    try:
        found = Client.from_environment().get(path, query, timeout_s=_PATIENCE_S).data
    except CliError:
        return []
    return _starting(incomplete, (str(row[name]) for row in found.get(rows, ())))


def _starting(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]
