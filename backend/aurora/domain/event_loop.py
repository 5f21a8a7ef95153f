"""Sharing the event loop during work that takes long."""

import asyncio

_TURNS = 3
"""One `sleep(0)` puts its caller before what a socket or a timer has only just made ready; with the second those have
told whoever waits for them, and with the third that one has taken its next step."""


async def give_way() -> None:
    """Let whoever waits for the event loop go one step on before our work does."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
