"""Deployments, attempts, events and logs come back as they were written, on both databases."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy.exc import IntegrityError

from aurora.db.repositories import deployments
from aurora.domain.deployment import AttemptState, DeploymentStatus
from aurora.domain.offer import PriceKind
from aurora.domain.records import Attempt, Deployment
from tests.integration.db.deployment_rows import a_deployment, an_attempt, an_event, at, found, stored

_S = DeploymentStatus

FULL = a_deployment(
    1,
    status=_S.LOST,
    phase="unreachable",
    reason="no answer: \u00fc\u4e2d",
    wanted="terminated",
    end_reason="user",
    request={"max_price": "1.10", "workload": {"ports": ["53/udp"]}, "seed": 2**62, "spot": True},
    allowed_s=0.1 + 0.2,
    max_total_cost=Decimal("9223372036.854775807"),
    cost_usd=Decimal("0.000000001"),
    created_at=at(0.123456),
    running_at=at(1.000001),
    ended_at=at(2),
    warned_at=at(3),
    running_s=1e-6,
    claim="c",
    claimed_until=at(4),
    emulated=True,
)
FULL_ATTEMPT = an_attempt(
    FULL,
    state=AttemptState.RUNNING,
    external_id="987654321",
    host="host-7",
    resources=frozenset({"gpu-2", "gpu-1"}),
    quoted_usd_per_hour=Decimal("1.234567891"),
    charged_usd_per_hour=Decimal("1.234567892"),
    price_kind=PriceKind.ESTIMATE,
    latency_ms=12.5,
    endpoints=({"port": "8080", "host": "10.0.0.1", "public_port": 40001, "url": "http://10.0.0.1:40001"},),
    raw_state="running",
    detail="fine",
    end_reason="user",
    sent_at=at(1),
    launched_at=at(2),
    running_at=at(3),
    unseen_since=at(4),
    absent_at=at(5),
    terminate_asked_at=at(6),
    ended_at=at(7),
    billed_s=0.3,
    billed_until=at(8),
    cost_usd=Decimal("0.123456789"),
)


async def test_a_deployment_and_its_attempts_come_back_as_they_were_written(database):
    await stored(database, FULL, attempts=0)
    second = an_attempt(FULL, 2)
    async with database.write() as connection:
        await deployments.add_attempt(connection, second)
        await deployments.add_attempt(connection, FULL_ATTEMPT)

    async with database.read() as connection:
        view = await deployments.find(connection, FULL.id)

    assert view is not None
    assert view.deployment == FULL
    assert view.attempts == (FULL_ATTEMPT, second)
    assert view.current == second


async def test_an_unknown_deployment_is_none(database):
    async with database.read() as connection:
        assert await deployments.find(connection, "dep-unknown") is None


async def test_an_attempt_is_saved_as_a_whole_and_alone(database):
    one = a_deployment(1)
    await stored(database, one, attempts=2)

    async with database.write() as connection:
        await deployments.save_attempt(connection, replace(FULL_ATTEMPT, name=an_attempt(one).name))
        view = await deployments.find(connection, one.id)

    assert view is not None
    assert view.attempts == (replace(FULL_ATTEMPT, name=an_attempt(one).name), an_attempt(one, 2))


async def test_two_attempts_never_have_the_same_name(database):
    one = a_deployment(1)
    await stored(database, one)

    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await deployments.add_attempt(connection, replace(an_attempt(one, 2), name=an_attempt(one).name))


async def listed(database, **chosen: object) -> list[str]:
    """The last figure of the ids."""
    asked = {"tenant": None, "status": None, "provider": None, "before": None, "limit": 50, **chosen}
    async with database.read() as connection:
        return [view.deployment.id[-1] for view in await deployments.page(connection, **asked)]


async def test_a_page_is_newest_first_and_goes_on_behind_its_cursor(database):
    # 2, 3 and 4 were made in the same instant: their ids decide
    times = {1: 0, 2: 5, 3: 5, 4: 5, 5: 9}
    rows = [a_deployment(number, created_at=at(seconds)) for number, seconds in times.items()]
    await stored(database, *rows)

    assert await listed(database) == ["5", "4", "3", "2", "1"]
    assert await listed(database, limit=2) == ["5", "4"]
    assert await listed(database, limit=2, before=(at(5), rows[3].id)) == ["3", "2"]
    assert await listed(database, limit=2, before=(at(5), rows[1].id)) == ["1"]
    assert await listed(database, before=(at(0), rows[0].id)) == []


async def test_a_page_is_filtered_by_provider_and_tenant(database):
    await stored(database, a_deployment(1), a_deployment(2, provider="other"), a_deployment(3, provider=None))

    assert await listed(database, provider="other") == ["2"]
    assert await listed(database, tenant="default") == ["3", "2", "1"]
    assert await listed(database, tenant="somebody else") == []


async def test_what_was_told_to_end_is_listed_as_terminating(database):
    await stored(
        database,
        a_deployment(1, status=_S.RUNNING),
        a_deployment(2, status=_S.RUNNING, wanted="terminated"),
        a_deployment(3, status=_S.TERMINATING),
        a_deployment(4, status=_S.TERMINATED, wanted="terminated"),
        a_deployment(5, status=_S.FAILED),
    )

    assert await listed(database, status="running") == ["1"]
    assert await listed(database, status="terminating") == ["3", "2"]
    assert await listed(database, status="terminated") == ["4"]
    assert await listed(database, status="failed") == ["5"]


async def test_asking_for_the_end_counts_once(database):
    one, over = a_deployment(1, due_at=at(500)), a_deployment(2, status=_S.FAILED)
    await stored(database, one, over)

    async with database.write() as connection:
        answers = [await deployments.want_terminated(connection, one.id, now=at(n)) for n in (1, 2)]
        ended = await deployments.want_terminated(connection, over.id, now=at(1))
        unknown = await deployments.want_terminated(connection, "dep-unknown", now=at(1))

    told = replace(one, wanted="terminated", due_at=at(1))
    assert (answers, ended, unknown) == ([told, None], None, None)
    assert await found(database, one) == told


@pytest.mark.parametrize(
    "changes", [{"wanted": "terminated"}, {"status": _S.FAILED}, {"end_reason": "duration_reached"}]
)
async def test_what_is_ending_is_not_extended(database, changes):
    one = a_deployment(1, **changes)
    await stored(database, one)

    async with database.write() as connection:
        assert not await deployments.extend(connection, one.id, seconds=60, cost=Decimal(1), now=at(1))

    assert await found(database, one) == one


async def test_extensions_add_up_exactly(database):
    one = a_deployment(1, max_total_cost=Decimal("0.3"), warned_at=at(0))
    await stored(database, one)

    async with database.write() as connection:
        for _ in range(3):
            assert await deployments.extend(connection, one.id, seconds=60, cost=Decimal("0.1"), now=at(1))

    after = await found(database, one)
    assert (after.max_total_cost, after.allowed_s, after.warned_at) == (Decimal("0.6"), 7380, None)


async def reopened(database, deployment: Deployment, attempt: Attempt) -> Deployment:
    async with database.write() as connection:
        await deployments.reopen(connection, attempt, now=at(9))
    return await found(database, deployment)


@pytest.mark.parametrize("status", [_S.TERMINATED, _S.FAILED])
async def test_an_ended_deployment_whose_instance_was_seen_is_terminating_again(database, status):
    over = a_deployment(1, status=status, ended_at=at(5), due_at=None)
    await stored(database, over)
    attempt = an_attempt(over, state=AttemptState.ENDING, external_id="5")

    after = await reopened(database, over, attempt)

    assert after == replace(over, status=_S.TERMINATING, ended_at=None, due_at=at(9))
    async with database.read() as connection:
        view = await deployments.find(connection, over.id)
    assert view is not None
    assert view.attempts == (attempt,)


async def test_a_running_deployment_whose_old_instance_was_seen_goes_on_running(database):
    running = a_deployment(1, status=_S.RUNNING, due_at=at(500))
    await stored(database, running)

    after = await reopened(database, running, an_attempt(running, state=AttemptState.ENDING))

    assert after == replace(running, due_at=at(9))


async def test_attempts_are_found_by_name(database):
    one, two = a_deployment(1), a_deployment(2)
    await stored(database, one, two)
    name = an_attempt(two).name

    async with database.read() as connection:
        assert await deployments.find_attempts(connection, [name, name, "foreign"]) == {name: an_attempt(two)}
        assert await deployments.find_attempts(connection, []) == {}


async def test_events_come_back_in_the_order_they_were_written(database):
    one, other = a_deployment(1), a_deployment(2)
    await stored(database, one, other)
    first = [an_event(one, "intent", at=at(5)), an_event(other, "intent"), an_event(one, "created", at=at(1))]
    later = [an_event(one, "running", attempt=1, data={"usd": "1.1", "nested": [1, None]})]

    async with database.write() as connection:
        await deployments.add_events(connection, first)
        await deployments.add_events(connection, [])
    async with database.write() as connection:
        await deployments.add_events(connection, later)
        events = await deployments.events_of(connection, one.id)

    assert [event.kind for event in events] == ["intent", "created", "running"]
    assert [replace(event, id=None) for event in events] == [first[0], first[2], later[0]]
    assert len({event.id for event in events}) == 3


async def test_a_newer_log_archive_replaces_an_older_one_and_the_newest_attempt_is_shown(database):
    one = a_deployment(1)
    await stored(database, one, attempts=2)

    async with database.write() as connection:
        assert await deployments.archived_logs(connection, one.id) is None
        await deployments.archive_logs(connection, one.id, attempt=1, at=at(1), text="first\nlines")
        await deployments.archive_logs(connection, one.id, attempt=1, at=at(2), text="more lines")
        assert await deployments.archived_logs(connection, one.id) == "more lines"
        await deployments.archive_logs(connection, one.id, attempt=2, at=at(3), text="")
        assert await deployments.archived_logs(connection, one.id) == ""
