"""From a request to running to terminated."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import text

from aurora.domain.errors import Conflict, InvalidRequest, NotFound
from aurora.domain.instance import InstanceState
from aurora.domain.operation import Operation
from aurora.providers.fake.market import Pace
from aurora.services.ports import Caller, Idempotency
from tests.unit.lifecycle.world import CALLER, SECRET_VALUE, offer, request, setting


async def test_a_request_becomes_a_running_instance_and_delete_ends_it_for_good(database):
    async with setting(database, offers=[offer("1"), offer("2", usd="1.50")]) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]

        deployment = await world.deploy()
        running = await world.until(deployment, "running")

        assert running.current.offer_id == "fake:1"
        assert running.current.name.startswith(f"aurora-{world.installation}-")
        assert running.current.endpoints[0]["port"] == "8080"
        assert fake.market.names() == {running.current.name: ("1001",)}

        await world.desk.terminate(deployment, caller=CALLER)
        ended = await world.until(deployment, "terminated")

        assert ended.deployment.end_reason == "user"
        assert fake.market.live() == ()
        kinds = await world.kinds(deployment)
        assert kinds[0] == "intent"
        for expected in (
            "created",
            "running",
            "terminate_requested",
            "terminate_asked",
            "instance_gone",
            "terminated",
        ):
            assert expected in kinds


async def test_terminated_needs_two_confirmations_of_absence(database):
    async with setting(database, offers=[offer("1")]) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]
        deployment = await world.deploy()
        await world.until(deployment, "running")
        before = fake.count(Operation.STATUS)

        await world.desk.terminate(deployment, caller=CALLER)
        await world.until(deployment, "terminated")

        assert fake.count(Operation.STATUS) - before >= 2
        assert fake.count(Operation.TERMINATE) == 1


async def test_what_aurora_counts_is_what_the_market_bills(database):
    async with setting(database, offers=[offer("1", usd="3.00")], pace=Pace(boot_s=20)) as stage:
        world = await stage.boot()
        deployment = await world.deploy(max_price=Decimal(3))
        await world.until(deployment, "running")
        for _ in range(60):
            await world.step(10)
        await world.desk.terminate(deployment, caller=CALLER)
        ended = await world.until(deployment, "terminated")

        billed = stage.providers["fake"].market.cost_usd()
        assert billed > Decimal("0.4")
        # A start is noticed at most one poll (two seconds) late.
        assert abs(ended.deployment.cost_usd - billed) <= Decimal("3.00") / 3600 * 4


async def test_running_time_ends_after_gpu_hours_with_a_warning_before(database):
    async with setting(database, offers=[offer("1")]) as stage:
        world = await stage.boot()
        deployment = await world.deploy(gpu_hours=Decimal("0.5"))
        running = await world.until(deployment, "running")

        ended = await world.until(deployment, "terminated", within=3600, every=5)

        assert ended.deployment.end_reason == "duration_reached"
        ran = (ended.current.terminate_asked_at - running.current.running_at).total_seconds()
        assert 1800 <= ran <= 1820
        kinds = await world.kinds(deployment)
        assert kinds.index("ending_soon") < kinds.index("duration_reached")
        assert stage.providers["fake"].market.live() == ()


async def test_extend_adds_running_time_and_money(database):
    async with setting(database, offers=[offer("1")]) as stage:
        world = await stage.boot()
        deployment = await world.deploy(gpu_hours=Decimal("0.5"))
        running = await world.until(deployment, "running")
        extended = await world.desk.extend(deployment, gpu_hours=0.5, caller=CALLER)

        assert extended.deployment.allowed_s == 3600
        assert extended.deployment.max_total_cost == Decimal(100) + Decimal("1.8")

        ended = await world.until(deployment, "terminated", within=7200, every=10)
        ran = (ended.current.terminate_asked_at - running.current.running_at).total_seconds()
        assert 3600 <= ran <= 3630
        with pytest.raises(Conflict):
            await world.desk.extend(deployment, gpu_hours=1, caller=CALLER)
        with pytest.raises(InvalidRequest):
            await world.desk.extend(deployment, gpu_hours="NaN", caller=CALLER)


async def test_the_cost_limit_ends_a_deployment_that_turns_out_dearer_than_decided(database):
    async with setting(database, offers=[offer("1", usd="1.00")]) as stage:
        world = await stage.boot()
        deployment = await world.deploy(max_total_cost=Decimal("2.25"))
        await world.until(deployment, "running")
        stage.providers["fake"].market.put("1001", InstanceState.RUNNING, usd_per_hour=Decimal("2.90"))

        ended = await world.until(deployment, "terminated", within=7200, every=5)

        assert ended.deployment.end_reason == "budget_reached"
        assert Decimal("2.25") <= ended.deployment.cost_usd < Decimal("2.30")


async def test_a_container_that_ends_by_itself_is_completed_after_its_machine_is_destroyed(database):
    async with setting(database, offers=[offer("1")]) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]
        deployment = await world.deploy()
        running = await world.until(deployment, "running")
        fake.market.write_log(running.current.external_id, "epoch 1", "done")
        fake.market.put(running.current.external_id, InstanceState.EXITED)

        ended = await world.until(deployment, "terminated")

        assert ended.deployment.end_reason == "completed"
        assert fake.market.live() == ()
        lines = [line.text async for line in world.desk.logs(deployment, caller=CALLER)]
        assert lines == ["epoch 1", "done"]


async def test_two_concurrent_requests_never_get_the_same_machine(database):
    shared = [offer("1", resources={"gpu-a"}), offer("1b", resources={"gpu-a"}), offer("2", usd="2.00")]
    async with setting(database, offers=shared) as stage:
        world = await stage.boot()
        first = await world.deploy()
        second = await world.deploy()
        third = await world.routing.route(request(), caller=CALLER)

        offers = {(await world.view(one)).current.offer_id for one in (first, second)}
        assert offers == {"fake:1", "fake:2"}
        assert third.status == "no_capacity"
        assert third.eliminated.get("capacity") == 3


async def test_a_launched_machine_is_held_until_a_catalogue_read_that_began_later(database):
    async with setting(database, offers=[offer("1")]) as stage:
        world = await stage.boot()
        deployment = await world.deploy()
        await world.until(deployment, "running")
        assert (await world.routing.route(request(), caller=CALLER, dry_run=True)).status == "no_capacity"

        stage.shelf.began = stage.clock.now()
        stage.shelf.listed[0] = replace(stage.shelf.listed[0], available=1)
        stage.shelf.bump()

        assert (await world.routing.route(request(), caller=CALLER, dry_run=True)).status == "dry_run"


async def test_a_dry_run_writes_nothing(database):
    async with setting(database, offers=[offer("1")]) as stage:
        world = await stage.boot()
        answer = await world.routing.route(request(), caller=CALLER, dry_run=True)

        assert (answer.provider, answer.deployment_id, answer.decision_id) == ("fake", None, None)
        assert answer.status == "dry_run", "nothing is being provisioned"
        async with database.read() as connection:
            for table in ("decisions", "deployments", "attempts", "capacity_holds"):
                assert (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0  # noqa: S608


async def test_the_same_key_and_body_answer_the_same_deployment_in_its_present_state(database):
    async with setting(database, offers=[offer("1"), offer("2")]) as stage:
        world = await stage.boot()
        key = Idempotency("key-1", "hash-a")
        first = await world.routing.route(request(), caller=CALLER, idempotency=key)
        await world.until(first.deployment_id, "running")

        again = await world.routing.route(request(), caller=CALLER, idempotency=key)

        assert (again.deployment_id, again.decision_id) == (first.deployment_id, first.decision_id)
        assert again.status == "running"
        assert stage.providers["fake"].count(Operation.CREATE) == 1
        with pytest.raises(Conflict) as refused:
            await world.routing.route(request(), caller=CALLER, idempotency=Idempotency("key-1", "hash-b"))
        assert refused.value.code == "idempotency_conflict"
        stranger = Caller(tenant="other", actor="x")
        with pytest.raises(NotFound):
            await world.desk.get(first.deployment_id, caller=stranger)


async def test_no_secret_of_the_workload_is_in_clear_in_the_database(database, tmp_path):
    async with setting(database, offers=[offer("1")]) as stage:
        world = await stage.boot()
        deployment = await world.deploy()
        await world.until(deployment, "running")

        assert stage.providers["fake"].market.machine("1001").spec.env == {"HF_TOKEN": SECRET_VALUE}
        files = list(tmp_path.glob("aurora.db*"))  # what is not in the file yet is in its log
        assert len(files) > 1
        for file in files:
            assert SECRET_VALUE.encode() not in file.read_bytes()


async def test_deployments_are_listed_newest_first_page_by_page(database):
    async with setting(database, offers=[offer(str(number)) for number in range(5)]) as stage:
        world = await stage.boot()
        made = []
        for _ in range(5):
            made.append(await world.deploy())
            stage.clock.advance(1)

        first = await world.desk.page(caller=CALLER, limit=2)
        second = await world.desk.page(caller=CALLER, limit=2, cursor=first.cursor)
        third = await world.desk.page(caller=CALLER, limit=2, cursor=second.cursor)

        listed = [one.deployment.id for page in (first, second, third) for one in page.items]
        assert listed == made[::-1]
        assert third.cursor is None
        assert (await world.desk.page(caller=CALLER, status="running")).items == ()
        with pytest.raises(InvalidRequest):
            await world.desk.page(caller=CALLER, cursor="nonsense")
        with pytest.raises(InvalidRequest):
            await world.desk.page(caller=CALLER, status="sleeping")


async def test_the_log_of_what_is_gone_before_our_record_says_so_is_what_was_kept_of_it(database):
    async with setting(database, offers=[offer("1")]) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]
        deployment = await world.deploy()
        running = await world.until(deployment, "running")
        await fake.terminate(running.current.external_id)

        assert [line async for line in world.desk.logs(deployment, caller=CALLER)] == []
