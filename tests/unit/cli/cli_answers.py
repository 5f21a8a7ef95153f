"""Answers of an Aurora, as the API shapes them (the end-to-end test runs the same commands on real ones)."""

from typing import Any

Json = dict[str, Any]
DEPLOYMENT = "dep-7f3k2m9q4x1z"
DECISION = "dec-2b8c5n0r6t4w"
STATES = {
    "vastai": {
        "completeness": 0.97,
        "age_seconds": 41.2,
        "last_error": None,
        "last_sync": "2026-01-15T11:59:18.800Z",
        "offers": 2164,
    }
}


def prices(**changes: Any) -> Json:
    return {
        "usd_per_hour": 1.21,
        "usd_per_gpu_hour": 1.21,
        "price_kind": "firm",
        "age_seconds": 312.5,
        "decided_usd_per_hour": 1.2,
        "quoted_usd_per_hour": 1.21,
        "charged_usd_per_hour": 1.21,
        "ceiling_usd_per_hour": 3.0,
        **changes,
    }


def attempt(**changes: Any) -> Json:
    return {
        "number": 1,
        "provider": "vastai",
        "offer_id": "vastai:8133742",
        "name": "aurora-k3v9p2-7f3k2m9q4x1z-1",
        "external_id": "20417733",
        "host": "40121",
        "state": "running",
        "market_state": "running",
        "detail": None,
        "end_reason": None,
        "endpoints": [],
        "prices": prices(),
        "cost_usd": 0.105,
        "intent_at": "2026-01-15T11:52:10.000Z",
        "launched_at": "2026-01-15T11:52:11.300Z",
        "running_at": "2026-01-15T11:54:47.500Z",
        "ended_at": None,
        **changes,
    }


def deployment(**changes: Any) -> Json:
    return {
        "id": DEPLOYMENT,
        "tenant": "default",
        "status": "running",
        "phase": "running",
        "reason": None,
        "detail": None,
        "provider": "vastai",
        "attempt": 1,
        "workload_type": "llm_inference",
        "gpu_type": "a100",
        "gpu_count": 2,
        "region": "us-west",
        "endpoints": [{"port": "8000", "url": "http://203.0.113.9:41022"}],
        "prices": prices(),
        "cost_usd": 0.105,
        "max_total_cost_usd": 7.2,
        "allowed_seconds": 7200.0,
        "running_seconds": 312.5,
        "decision_id": DECISION,
        "created_at": "2026-01-15T11:52:10.000Z",
        "running_at": "2026-01-15T11:54:47.500Z",
        "ended_at": None,
        "emulated": True,
        "request": request(),
        "attempts": [attempt()],
        **changes,
    }


def failed_over(**changes: Any) -> Json:
    """The second attempt runs; the first was refused."""
    first = attempt(
        external_id=None, state="ended", end_reason="refused", running_at=None, cost_usd=0.0, host=None
    )
    second = attempt(
        number=2, provider="akash", offer_id="akash:" + "akash1" + "q" * 38 + ".h100.80Gi.sxm", cost_usd=0.3
    )
    moved = {"attempt": 2, "provider": "akash", "cost_usd": 0.3, "attempts": [first, second]}
    return deployment(**{**moved, **changes})


def request(**changes: Any) -> Json:
    return {
        "gpu_count": 2,
        "max_latency_ms": 500.0,
        "min_reputation": 70.0,
        "region": "us-west",
        "min_vram_gb": 40.0,
        "min_g_score": None,
        "spot": False,
        "allow_larger": False,
        "policy": "balanced",
        "workload_type": "llm_inference",
        "gpu_type": "a100",
        "gpu_hours": "4",
        "max_price": "3",
        "max_total_cost": "7.200000000",
        "providers": [],
        "exclude_providers": ["salad"],
        "workload": {
            "image": "vllm/vllm-openai:v0.9.2",
            "command": [],
            "ports": ["8000"],
            "disk_gb": 40.0,
            "env_names": ["TOKEN"],
        },
        **changes,
    }


def ranked(offer: str, price: float, **changes: Any) -> Json:
    return {
        "offer": offer,
        "provider": offer.partition(":")[0],
        "gpu_type": "a100-sxm-80gb",
        "gpu_count": 2,
        "region": "Oregon, US",
        "regions": ["us-west"],
        "usd_per_hour": str(price * 2),
        "usd_per_gpu_hour": str(price),
        "price_kind": "firm",
        "seen_at": "2026-01-15T11:51:30+00:00",
        "latency_ms": 21.2,
        "reputation": 86.0,
        "g_score": 70.1,
        "free": 1.0,
        "total": None,
        "score": round(1.0 - price, 3),
        "terms": {
            "price": round(0.6 - price, 3),
            "latency": 0.2,
            "reputation": 0.15,
            "availability": 0.05,
        },
        **changes,
    }


def decision(**changes: Any) -> Json:
    return {
        "emulated": True,
        "id": DECISION,
        "at": "2026-01-15T11:52:09.900Z",
        "mode": "rule-based",
        "policy": "balanced",
        "request": request(),
        "candidates": [ranked("vastai:8133742", 0.2), ranked("vastai:8133999", 0.3)],
        "counts": {"region": 1606, "gpu": 396, "count": 31, "provider": 3, "ranked": 2, "total": 2038},
        "eliminated": {
            "provider": {
                "count": 3,
                "examples": [{"offer": "salad:1", "detail": "salad is excluded by the request"}],
            }
        },
        "holds": [],
        "relaxations": [],
        "chosen": "vastai:8133742",
        "rationale": "Chose vastai (vastai:8133742): ...",
        **changes,
    }


def refusal() -> Json:
    """A decision that found nothing."""
    return decision(
        candidates=[],
        chosen=None,
        counts={"region": 1606, "price": 39, "ranked": 0, "total": 1645},
        relaxations=[
            {"text": "max_price 0.66 instead of 0.10 would give 7 offers", "changes": [], "offers": 7}
        ],
    )


def events() -> Json:
    told = [
        ("intent", "vastai:8133742 chosen at $1.20/h (firm)", 1),
        ("refused", "vastai refused: somebody else took it", 1),
        ("fail_over", "attempt 2 on akash after: somebody else took it", 2),
        ("running", "running", None),
    ]
    rows = [
        {
            "id": number,
            "at": f"2026-01-15T11:52:1{number}.000Z",
            "kind": kind,
            "message": message,
            "attempt": count,
            "data": {},
        }
        for number, (kind, message, count) in enumerate(told)
    ]
    return {"deployment_id": DEPLOYMENT, "events": rows, "emulated": True}


def route(**changes: Any) -> Json:
    return {
        "provider": "vastai",
        "price_usd_per_hour": 2.42,
        "price_usd_per_gpu_hour": 1.21,
        "price_kind": "firm",
        "price_age_seconds": 12.4,
        "estimated_latency_ms": 24.5,
        "deployment_id": DEPLOYMENT,
        "status": "provisioning",
        "reason": None,
        "decision_id": DECISION,
        "rationale": "Chose vastai (vastai:8133742): the best of 41 offers that fit; 212 did not.",
        "offer_id": "vastai:8133742",
        "gpu_type": "a100-sxm-80gb",
        "gpu_count": 2,
        "region": "us-west",
        "candidates": 41,
        "eliminated": {"gpu": 180, "price": 32},
        "relaxations": [],
        "score": {"price": 0.31, "latency": 0.24, "reputation": 0.17, "availability": 0.08},
        "emulated": True,
        **changes,
    }


def no_capacity() -> Json:
    nothing = dict.fromkeys(
        (
            "provider", "price_usd_per_hour", "price_usd_per_gpu_hour", "price_kind", "price_age_seconds",
            "estimated_latency_ms", "deployment_id", "offer_id", "gpu_type", "gpu_count", "region",
        )
    )  # fmt: skip
    return route(
        **nothing,
        status="no_capacity",
        reason="No viable providers for 1 x a100 in us-west: of 212 offers the filters removed price 212.",
        candidates=0,
        eliminated={"price": 212},
        relaxations=["max_price 0.66 instead of 0.10 would give 7 offers"],
        score={},
    )


def offer(**changes: Any) -> Json:
    return {
        "id": "vastai:8133742",
        "provider": "vastai",
        "model": "A100 SXM4",
        "gpu_type": "a100-sxm-80gb",
        "gpu_family": "a100",
        "vram_gb": 80,
        "gpu_count": 1,
        "price_per_hour": 1.21,
        "price_usd_per_gpu_hour": 1.21,
        "price_kind": "firm",
        "region": "us-west",
        "regions": ["us-west"],
        "country": "US",
        "spot": False,
        "available": 1,
        "g_score": 63.4,
        "g_score_parts": {},
        "reputation": 86.0,
        "seen_at": "2026-01-15T11:59:18.800Z",
        "age_seconds": 41.2,
        "emulated": True,
        **changes,
    }


def offers(*rows: Json) -> Json:
    long_name = "akash:akash1" + "v" * 38 + ".h100.80Gi.sxm"
    listed = list(rows) or [
        offer(),
        offer(
            id=long_name,
            region="us-central,us-east,us-west",
            vram_gb=None,
            g_score=None,
            price_kind="estimate",
        ),
    ]
    return {
        "offers": listed,
        "total": 294,
        "next_cursor": "more",
        "providers": {**STATES, "akash": {**STATES["vastai"], "last_error": "503: Service Unavailable"}},
        "emulated": True,
    }


def provider(**changes: Any) -> Json:
    return {
        "name": "vastai",
        "status": "HEALTHY",
        "reason": None,
        "offers": 2164,
        "unknown_gpus": 3,
        "last_sync": "2026-01-15T11:59:18.800Z",
        "capabilities": {"deploy": True, "logs": True, "command": True, "ports": True, "disk": True},
        "completeness": 0.97,
        "age_seconds": 41.2,
        "last_error": None,
        "reputation": 86.0,
        **changes,
    }


def sync_report(**changes: Any) -> Json:
    return {
        "outcome": "ok",
        "seen": 2164,
        "new": 12,
        "changed": 88,
        "gone": 9,
        "rejected": {"no price": 2},
        "truncated": False,
        "completeness": 0.97,
        "unknown_gpus": 3,
        "seconds": 4.81,
        "error": None,
        "started_at": "2026-01-15T11:59:18.800Z",
        **changes,
    }


def breaker(state: str = "CLOSED", **changes: Any) -> Json:
    one = {
        "state": state,
        "failure_count": 5,
        "success_count": 1523,
        "last_failure_time": "2026-01-15T11:59:18.800Z",
        "trip_count": 1,
        "next_attempt_in": None if state == "CLOSED" else 42.0,
    }
    return {**one, "classes": {"read": dict(one), "create": dict(one)}, "emulated": True, **changes}


def system_health(status: str = "healthy") -> Json:
    row = {
        "status": "HEALTHY" if status == "healthy" else "UNAVAILABLE",
        "success_rate": None if status == "healthy" else 0.2,
        "avg_response_time": 245.0,
        "circuit_breaker": "CLOSED",
        "rate_limit_utilization": 0.45,
        "reason": None if status == "healthy" else "circuit open",
    }
    summary = {"total_providers": 1, "healthy": 1, "degraded": 0, "unavailable": 0}
    return {"status": status, "providers": {"vastai": row}, "summary": summary, "emulated": True}


def alive() -> Json:
    return {
        "status": "healthy",
        "mode": "emulated",
        "version": "0.1.0",
        "started_at": "2026-01-15T09:00:00.000Z",
        "uptime_seconds": 10800.0,
        "emulated": True,
    }


def whatif() -> Json:
    best = {
        "offer_id": "vastai:8133742",
        "provider": "vastai",
        "price_usd_per_hour": 0.9,
        "price_usd_per_gpu_hour": 0.9,
        "price_kind": "firm",
        "estimated_latency_ms": 64.2,
        "score": 0.812,
    }
    baseline = {
        **best,
        "chosen": best["offer_id"],
        "price_usd_per_hour": 1.2,
        "candidates": 41,
        "rationale": "...",
    }
    del baseline["offer_id"]
    one = {
        "changes": [{"limit": "min_reputation", "asked": "80", "instead": "76"}],
        "offers": 4,
        "best": best,
        "better": ["price"],
        "would_be_chosen": False,
        "saves_usd_per_hour": 0.3,
        "text": "min_reputation 76 instead of 80 would give 4 more offers",
    }
    two = {
        **one,
        "changes": [
            {"limit": "max_price", "asked": "0.50", "instead": "0.66"},
            {"limit": "max_total_cost", "asked": "0.60", "instead": "0.66"},
        ],
        "would_be_chosen": True,
        "saves_usd_per_hour": -0.1,
    }
    return {"baseline": baseline, "changes": [one, two], "policy": "balanced", "emulated": True}


def policies() -> Json:
    return {
        "policies": [
            {
                "name": "balanced",
                "version": "balanced/1",
                "description": "Each term against a fixed reference; weights divided by their sum.",
                "weights": {"price": 0.35, "latency": 0.3},
                "per_request": True,
                "default": True,
            },
            {
                "name": "round-robin",
                "version": "round-robin/1",
                "description": "The healthy providers take turns.",
                "weights": {},
                "per_request": False,
                "default": False,
            },
        ],
        "default": "balanced",
        "emulated": True,
    }


def alert(**changes: Any) -> Json:
    name = changes.get("name", "breaker_open")
    return {
        "name": name,
        "provider": "vastai",
        "severity": "critical",
        "since": "2026-01-15T11:52:10.000Z",
        "seconds": 312.5,
        "detail": "circuit not closed for 612 s",
        "meaning": "A circuit has not closed for more than 5 minutes.",
        "runbook": f"docs/operations.md#{name}",
        **changes,
    }


def alerts(*holding: Json) -> Json:
    return {"alerts": list(holding), "emulated": True}
