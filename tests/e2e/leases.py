"""What the tests of Akash ask for, and how they end it."""

from tests.e2e.stack import Stack

ROUTE = {
    "workload_type": "llm_inference",
    "gpu_type": "a100",
    "region": "global",
    "gpu_hours": 1.0,
    "max_price": 4.0,
    "providers": ["akash"],
}


async def ends_with_nothing_locked(made: Stack, deployment: str) -> None:
    await made.delete(f"/deployments/{deployment}")
    await made.deployment(deployment, "terminated")
    assert await made.alive("akash") == []
    assert all(one["deposit_locked_usd"] == 0 for one in await made.ledger("akash"))
