"""The loop that `aurora serve` runs on."""

import asyncio
import socket
import sys

from aurora.cli.fast_loop import fast_loop


def test_the_server_runs_on_the_fast_loop_where_there_is_one():
    made = fast_loop()

    assert sys.platform == "win32" or made is not None
    with asyncio.Runner(loop_factory=made) as runner:
        assert type(runner.get_loop()).__module__.startswith("uvloop" if made else "asyncio")


def test_its_answers_do_not_wait_for_acknowledgements():
    """Nagle's algorithm would hold the second part of each answer back for 40 ms."""

    async def without_delay() -> int:
        made = asyncio.get_running_loop().create_future()

        class Protocol(asyncio.Protocol):
            def connection_made(self, transport):
                made.set_result(transport)

        with socket.socket(proto=socket.IPPROTO_TCP) as listening:
            listening.bind(("127.0.0.1", 0))
            server = await asyncio.get_running_loop().create_server(Protocol, sock=listening)
            _, writer = await asyncio.open_connection(*listening.getsockname())
            transport = await made
            set_to = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            writer.close()
            transport.close()
            server.close()
            return set_to

    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        assert runner.run(without_delay())
