"""The policies of this installation, and whose turn it is."""

import random
from collections import Counter

import pytest

from aurora.domain.request import Weights, WorkloadType
from aurora.routing.policies import POLICIES
from aurora.routing.router import decide
from aurora.services.policy_desk import PolicyDesk
from aurora.services.router_config import POLICIES as CONFIGURABLE
from aurora.services.router_config import RouteDefaults, RouterConfig
from aurora.services.workload_templates import WorkloadTemplate, WorkloadTemplates
from tests.unit.routing.market import NOW, candidate, request, snapshot


def test_all_configurable_policies_exist_and_the_other_way_round():
    desk = PolicyDesk()

    assert tuple(desk.policies) == tuple(POLICIES) == CONFIGURABLE
    assert [line.name for line in desk.lines()] == list(CONFIGURABLE)


def test_a_line_says_what_the_policy_weighs_and_whether_a_request_may_change_it():
    config = RouterConfig(weights=Weights(1.0, 0.0, 0.0, 0.0), defaults=RouteDefaults(policy="telemetry"))

    lines = {line.name: line for line in PolicyDesk(config).lines()}

    assert lines["balanced"].weights["price"] == 1.0
    assert (lines["balanced"].per_request, lines["telemetry"].per_request) == (True, False)
    assert lines["telemetry"].weights == {
        "task_fit": 0.35,
        "throughput": 0.25,
        "latency": 0.20,
        "consumption": 0.20,
    }
    assert lines["round-robin"].weights == {}
    assert [line.name for line in lines.values() if line.default] == ["telemetry"]
    assert all(line.version.startswith(f"{line.name}/") and line.description for line in lines.values())


def test_the_preferred_gpus_are_those_of_the_workloads_file():
    template = WorkloadTemplate("busybox", preferred_gpus=("h100",), min_vram_gb=16.0)
    templates = WorkloadTemplates({WorkloadType.LLM_INFERENCE: template})
    desk = PolicyDesk(templates=templates)

    market, asked = snapshot([candidate(vram_gb=80.0)]), request(policy="telemetry")
    found = decide(market, asked, now=NOW, policies=desk.policies)

    assert found.chosen is not None
    assert found.chosen.terms["task_fit"] == pytest.approx(0.35 / 2)


def test_turns_are_counted_per_tenant():
    desk = PolicyDesk(turns={"late": 40})
    mine, theirs = request(policy="round-robin"), request(policy="round-robin", tenant="other")

    assert [desk.in_turn(mine, taken=True).seed for _ in range(3)] == [0, 1, 2]
    assert desk.in_turn(theirs, taken=True).seed == 0
    assert desk.in_turn(request(policy="round-robin", tenant="late"), taken=True).seed == 40


def test_looking_does_not_take_a_turn():
    desk = PolicyDesk()
    wanted = request(policy="round-robin")

    assert [desk.in_turn(wanted, taken=False).seed for _ in range(2)] == [0, 0]
    assert [desk.in_turn(wanted, taken=True).seed for _ in range(2)] == [0, 1]


def test_draws_differ_from_request_to_request_and_repeat_with_the_generator():
    wanted = request(policy="weighted")

    def seeds() -> list[int]:
        desk = PolicyDesk(rng=random.Random(5))
        return [desk.in_turn(wanted, taken=True).seed for _ in range(20)]

    assert len(set(seeds())) == 20
    assert seeds() == seeds()
    assert min(seeds()) > 0


@pytest.mark.parametrize("policy", ["balanced", "seed-v1", "telemetry"])
def test_a_policy_that_does_not_draw_leaves_the_request_alone(policy: str):
    wanted = request(policy=policy)

    assert PolicyDesk().in_turn(wanted, taken=True) is wanted


@pytest.mark.parametrize("policy", ["round-robin", "weighted"])
def test_a_seed_of_the_requests_own_stands_and_takes_no_turn(policy: str):
    desk, wanted = PolicyDesk(), request(policy=policy, seed=9)

    assert desk.in_turn(wanted, taken=True) is wanted
    assert desk.in_turn(request(policy="round-robin"), taken=True).seed == 0


def test_an_unknown_policy_is_the_routers_to_refuse():
    wanted = request(policy="astrology")

    assert PolicyDesk().in_turn(wanted, taken=True) is wanted


def test_turns_reach_every_provider_equally():
    desk, seen = PolicyDesk(), Counter[int]()

    for _ in range(30):
        seen[desk.in_turn(request(policy="round-robin"), taken=True).seed % 3] += 1

    assert seen == {0: 10, 1: 10, 2: 10}
