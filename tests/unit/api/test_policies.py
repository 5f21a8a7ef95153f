import pytest

from aurora.api.schemas.policies import PolicyListOut
from aurora.services.policy_desk import PolicyDesk
from aurora.services.router_config import RouteDefaults, RouterConfig


async def listed(client) -> dict:
    async with client.get("/policies") as reply:
        assert reply.status == 200
        answer = await reply.json()
    PolicyListOut.model_validate(answer)
    return answer


async def test_all_policies_are_listed_with_version_description_and_weights(client):
    answer = await listed(client)

    rows = {row["name"]: row for row in answer["policies"]}
    assert list(rows) == ["balanced", "seed-v1", "telemetry", "round-robin", "weighted"]
    assert rows["telemetry"] == {
        "name": "telemetry",
        "version": "telemetry/1",
        "description": rows["telemetry"]["description"],
        "weights": {"task_fit": 0.35, "throughput": 0.25, "latency": 0.2, "consumption": 0.2},
        "per_request": False,
        "default": False,
    }
    assert rows["balanced"]["weights"]["price"] == 0.35
    assert all(row["description"] for row in rows.values())
    assert (answer["default"], answer["emulated"]) == ("balanced", True)


async def test_the_configured_default_is_marked(client, aurora):
    aurora.policies = PolicyDesk(RouterConfig(defaults=RouteDefaults(policy="weighted")))

    answer = await listed(client)

    assert answer["default"] == "weighted"
    assert [row["name"] for row in answer["policies"] if row["default"]] == ["weighted"]


@pytest.mark.parametrize("policy", ["balanced", "seed-v1", "telemetry", "round-robin", "weighted"])
async def test_every_listed_policy_can_be_asked_for(client, aurora, policy):
    async with client.post("/route", json={"gpu_type": "a100", "policy": policy}) as reply:
        assert reply.status == 200

    [(request, _, _)] = aurora.routing.asked
    assert request.policy == policy
