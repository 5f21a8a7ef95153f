"""Work that takes long lets others in."""

import asyncio
import socket

from aurora.domain.event_loop import give_way


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
