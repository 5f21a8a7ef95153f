"""Work that takes long lets others in."""

import asyncio
import socket

from aurora.domain.event_loop import OneByOne, give_way


async def test_a_timer_that_is_due_comes_before_the_next_portion_of_the_work():
    order = []
    asyncio.get_running_loop().call_later(0, order.append, "timer")

    await give_way()
    order.append("work")

    assert order == ["timer", "work"]


async def test_who_waits_for_a_timer_takes_a_step_before_the_next_portion_of_the_work():
    order = []

    async def other() -> None:
        await asyncio.sleep(1e-9)
        order.append("other")

    waiting = asyncio.create_task(other())
    await asyncio.sleep(0)

    await give_way()
    order.append("work")
    await waiting

    assert order == ["other", "work"]


async def test_whom_a_socket_has_news_for_comes_before_the_next_portion_of_the_work():
    loop, order = asyncio.get_running_loop(), []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        loop.add_reader(ours, lambda: order.append(ours.recv(1)))
        theirs.send(b"x")

        await give_way()
        order.append("work")
        loop.remove_reader(ours)

    assert order == [b"x", "work"]


async def test_of_those_who_come_together_one_goes_in_each_turn_of_the_loop():
    one_by_one, order = OneByOne(), []

    async def decide(name: str) -> None:
        await one_by_one.turn()
        order.append(name)

    async def commit() -> None:
        for step in range(3):
            await give_way()
            order.append(f"step {step}")

    under_way = asyncio.create_task(commit())
    await asyncio.gather(*(decide(f"decision {n}") for n in range(12)))
    await under_way

    assert [one for one in order if one.startswith("decision")] == [f"decision {n}" for n in range(12)]
    assert order.index("step 2") < order.index("decision 11"), "the commit did not wait for all of them"


async def test_who_comes_alone_does_not_wait():
    one_by_one, turned = OneByOne(), []
    for _ in range(3):
        asyncio.get_running_loop().call_soon(turned.append, "turn")
        await one_by_one.turn()
        assert not turned, "in the same turn of the loop"
        await give_way()
        turned.clear()


async def test_who_gave_up_in_line_does_not_hold_up_the_others():
    one_by_one = OneByOne()
    first, gives_up, stays = (asyncio.create_task(one_by_one.turn()) for _ in range(3))
    await asyncio.sleep(0)
    assert [task.done() for task in (first, gives_up, stays)] == [True, False, False]
    gives_up.cancel()

    async with asyncio.timeout(5):
        await stays
        await give_way()
        await one_by_one.turn()
