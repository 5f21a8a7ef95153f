"""Legal moves are a table; this walks all of it through what makes the moves."""

from itertools import product

import pytest

from aurora.domain.deployment import TRANSITIONS, AttemptState, DeploymentStatus
from aurora.domain.records import DeploymentView
from aurora.lifecycle.work import Work
from tests.fakes.clock import START
from tests.integration.db.deployment_rows import a_deployment

_S = DeploymentStatus


def work_at(status: DeploymentStatus) -> Work:
    return Work(DeploymentView(a_deployment(1, status=status), ()), now=START)


@pytest.mark.parametrize(("before", "after"), list(product(_S, _S)))
def test_only_moves_in_the_table_are_made(before, after):
    work = work_at(before)

    if before is not after and after not in TRANSITIONS[before]:
        with pytest.raises(RuntimeError, match="illegal move"):
            work.move(after, phase="x")
        assert work.deployment.status is before
        assert work.gathered.events == []
        return
    work.move(after, phase="x", reason="why")

    assert (work.deployment.status, work.deployment.phase, work.deployment.reason) == (after, "x", "why")
    kinds = [event.kind for event in work.gathered.events]
    assert kinds == ([] if before is after else [after.value])
    assert (work.deployment.ended_at == START) == after.ended


def test_every_status_is_in_the_table_and_reached_from_the_first():
    reached = {_S.PENDING}
    for _ in _S:
        reached |= {after for before in reached for after in TRANSITIONS[before]}

    assert set(TRANSITIONS) == set(_S) == reached


def test_what_has_ended_moves_no_more_and_everything_else_can_end():
    for status, moves in TRANSITIONS.items():
        assert status.ended == (not moves)
        assert status.ended or {_S.TERMINATING, _S.FAILED, _S.TERMINATED} & moves


def test_an_attempt_may_cost_from_the_moment_it_is_sent_until_its_end_is_a_fact():
    free = {state for state in AttemptState if not state.may_cost}

    assert free == {AttemptState.INTENT, AttemptState.ENDED}
