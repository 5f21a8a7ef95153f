"""Alerts reach the webhook once, in order, for as long as an hour, and in nobody's way."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from structlog.testing import capture_logs

from aurora.domain.alert import Delivery, DeliveryFailed
from aurora.services import alert_outbox
from aurora.services.alert_message import Origin
from aurora.services.alert_outbox import LONGEST_S, MOST, AlertOutbox, OutboxParts
from aurora.services.alerts import AlertBook, Facts, Transition
from aurora.telemetry.metrics import Metrics
from aurora.telemetry.outages import Outages
from aurora.telemetry.webhook import Webhook
from tests.fakes.clock import START, FakeClock, settle
from tests.unit.telemetry.receiver import receiving

WELL = Facts("vastai", START, success_rate=1.0, samples=100, utilization=0.1)
ORPHAN = replace(WELL, orphans=1)
SECRET = "a-secret-of-the-operator"


@dataclass
class Sent:
    """Takes messages; `answers` are raised one after the other first."""

    answers: list[DeliveryFailed] = field(default_factory=list)
    attempts: list[Delivery] = field(default_factory=list)
    taken: list[Delivery] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    clock: FakeClock | None = None
    stuck: asyncio.Event | None = None

    async def __call__(self, delivery: Delivery) -> None:
        self.attempts.append(delivery)
        if self.clock is not None:
            self.at.append(self.clock.elapsed)
        if self.stuck is not None:
            await self.stuck.wait()
        if self.answers:
            raise self.answers.pop(0)
        self.taken.append(delivery)

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(each["name"], each["state"]) for each in map(read, self.taken)]


def read(delivery: Delivery) -> dict:
    return json.loads(delivery.body)


@dataclass
class Room:
    clock: FakeClock
    book: AlertBook
    outbox: AlertOutbox
    metrics: Metrics

    def outcome(self, outcome: str) -> float:
        found = self.metrics.registry.get_sample_value("aurora_alert_webhook_total", {"outcome": outcome})
        return found or 0.0

    async def settled(self) -> None:
        await settle(200)


@asynccontextmanager
async def room(send, may_send: Callable[[Transition], bool] = lambda _: True) -> AsyncIterator[Room]:
    """A book and its outbox, at work."""
    clock = FakeClock(auto=False)
    metrics = Metrics()
    parts = OutboxParts(
        send=send,
        origin=Origin("abc123", "emulated"),
        clock=clock,
        watch=metrics,
        report=Outages(clock),
        rng=random.Random(7),
        may_send=may_send,
    )
    made = Room(clock, AlertBook(clock), AlertOutbox(parts), metrics)
    made.book.listen(made.outbox)
    work = asyncio.create_task(made.outbox.run())
    try:
        yield made
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def again(detail: str = "answered 500", **more) -> DeliveryFailed:
    return DeliveryFailed(detail, again=True, **more)


async def test_start_and_end_are_told_once_each_with_everything_a_receiver_needs():
    sent = Sent()
    async with room(sent) as made:
        made.book.evaluate([ORPHAN])
        made.book.evaluate([ORPHAN])
        made.clock.advance(90)
        made.book.evaluate([WELL])
        await made.settled()

    started, ended = map(read, sent.taken)
    assert started == {
        "id": sent.taken[0].id,
        "name": "orphan_found",
        "provider": "vastai",
        "state": "started",
        "severity": "critical",
        "since": START.isoformat(),
        "at": START.isoformat(),
        "seconds": 0.0,
        "detail": "1 instances with our name that no record knows",
        "installation": "abc123",
        "mode": "emulated",
        "runbook": "docs/operations.md#orphan_found",
    }
    assert (ended["state"], ended["since"], ended["seconds"]) == ("ended", started["since"], 90.0)
    assert ended["id"] != started["id"]
    assert made.outcome("delivered") == 2


async def test_an_attempt_that_fails_is_repeated_with_the_same_id_and_longer_waits():
    sent = Sent(answers=[again() for _ in range(6)])
    async with room(sent) as made:
        sent.clock = made.clock
        made.book.evaluate([ORPHAN])
        await made.settled()
        await made.clock.run_for(200)

    waits = [later - earlier for earlier, later in zip(sent.at, sent.at[1:], strict=False)]
    assert len({each.id for each in sent.attempts}) == 1
    assert all(base <= wait <= 1.25 * base for base, wait in zip((1, 2, 4, 8, 16, 32), waits, strict=True))
    assert (made.outcome("retried"), made.outcome("delivered")) == (6, 1)


async def test_a_receiver_that_asks_for_patience_gets_it():
    sent = Sent(answers=[again(retry_after=120.0)])
    async with room(sent) as made:
        made.book.evaluate([ORPHAN])
        await made.settled()
        await made.clock.run_for(119)
        assert len(sent.attempts) == 1
        await made.clock.run_for(2)

    assert sent.told == [("orphan_found", "started")]


async def test_a_message_is_given_up_after_an_hour_and_the_next_one_is_tried():
    sent = Sent(answers=[again() for _ in range(30)])
    async with room(sent) as made:
        made.book.evaluate([ORPHAN])
        await made.settled()
        await made.clock.run_for(LONGEST_S)
        assert made.outcome("expired") == 1
        sent.answers.clear()
        made.book.evaluate([WELL])
        await made.settled()

    assert sent.told == [("orphan_found", "ended")]


async def test_a_refusal_is_not_repeated():
    sent = Sent(answers=[DeliveryFailed("answered 404", again=False)])
    async with room(sent) as made:
        made.book.evaluate([ORPHAN])
        await made.settled()
        await made.clock.run_for(LONGEST_S)

    assert len(sent.attempts) == 1
    assert made.outcome("refused") == 1


async def test_an_end_never_overtakes_its_start():
    sent = Sent(answers=[again(), again()])
    async with room(sent) as made:
        made.book.evaluate([ORPHAN])
        made.book.evaluate([WELL])
        await made.settled()
        await made.clock.run_for(10)

    assert sent.told == [("orphan_found", "started"), ("orphan_found", "ended")]


async def test_a_receiver_that_hangs_holds_nobody_up():
    sent = Sent(stuck=asyncio.Event())
    async with room(sent) as made:
        for _ in range(50):
            made.book.evaluate([ORPHAN])
            made.book.evaluate([WELL])
        await made.settled()
        assert len(sent.attempts) == 1
        sent.stuck.set()
        await made.settled()

    assert len(sent.taken) == 100


async def test_the_queue_is_bounded_and_the_oldest_makes_room():
    sent = Sent(stuck=asyncio.Event())
    async with room(sent) as made:
        for _ in range(MOST // 2 + 5):
            made.book.evaluate([ORPHAN])
            made.book.evaluate([WELL])

        assert made.outcome("dropped") == 10
        assert made.metrics.registry.get_sample_value("aurora_alert_webhook_waiting") == MOST
        sent.stuck.set()


async def test_trouble_is_said_once_and_its_end_once():
    sent = Sent(answers=[again() for _ in range(5)])
    with capture_logs() as lines:
        async with room(sent) as made:
            made.book.evaluate([ORPHAN])
            await made.settled()
            await made.clock.run_for(100)

    told = [(line["event"], line["what"]) for line in lines if line.get("what") == alert_outbox.WHAT]
    assert told == [("failing", "alert webhook"), ("recovered", "alert webhook")]


async def test_what_waits_is_tried_once_more_at_the_end():
    sent = Sent(answers=[again()])
    async with room(sent) as made:
        made.book.evaluate([ORPHAN])
        made.book.evaluate([WELL])
        await made.settled()

    assert sent.told == [("orphan_found", "started"), ("orphan_found", "ended")]


async def test_a_process_that_may_not_send_is_quiet():
    sent = Sent()
    async with room(sent, may_send=lambda _: False) as made:
        made.book.evaluate([ORPHAN])
        await made.clock.run_for(60)

    assert sent.attempts == []


async def test_whoever_takes_the_duty_over_tells_what_holds_and_nothing_that_is_over():
    duty: list[bool] = []
    sent = Sent()
    async with room(sent, may_send=lambda _: bool(duty)) as made:
        made.book.evaluate([replace(ORPHAN, credential_refused=True)])
        made.book.evaluate([ORPHAN])
        await made.clock.run_for(20)
        assert sent.attempts == []
        duty.append(True)
        await made.clock.run_for(20)

    assert sent.told == [("orphan_found", "started")]


async def test_over_a_real_socket_a_failed_attempt_is_repeated_signed_anew_and_the_secret_is_never_written():
    with capture_logs() as lines:
        async with receiving(500, 204) as receiver:
            webhook = Webhook(receiver.url, secret=SECRET, clock=FakeClock())
            async with room(webhook.send) as made:
                made.book.evaluate([ORPHAN])
                await receiver.messages(1)
                while made.outcome("retried") < 1:
                    await asyncio.sleep(0)
                made.clock.advance(5)
                await receiver.messages(2)
                while made.outcome("delivered") < 1:
                    await asyncio.sleep(0)
            await webhook.aclose()

    (first, body), (second, same) = receiver.got
    assert body == same
    assert first["x-aurora-delivery"] == second["x-aurora-delivery"] == json.loads(body)["id"]
    assert SECRET not in str(lines) + body.decode() + str(receiver.got)
    assert "T0KEN" not in str(lines)
