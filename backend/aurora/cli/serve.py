"""`aurora serve`."""

import asyncio
import os
import signal
import socket
import sys
from errno import EADDRINUSE
from importlib import import_module

from aurora.bootstrap import Aurora, running
from aurora.cli.fast_loop import fast_loop
from aurora.cli.first_check import first_check
from aurora.db.lock import DatabaseInUse
from aurora.domain.clock import SystemClock
from aurora.domain.errors import DatabaseUnavailable
from aurora.services.collector import spare_the_loop
from aurora.services.config_section import ConfigError
from aurora.settings import Role, Settings, SettingsError, load_settings
from aurora.telemetry.logging import LogPolicy, configure
from aurora.telemetry.redaction import Redactor
from aurora.worker.loops import follow, keep_fresh, work

_BACKLOG = 2048
_BACKGROUND = 10
"""By how much a worker gives way to other processes of its machine: nobody waits for its answer."""


def serve(*, env_file: str | None, role: str) -> int:
    """Exit code 0 after a stop that was asked for; 2 for a wrong setting or file, 1 for anything else."""
    if role not in set(Role):
        print(f"--role: must be one of {', '.join(Role)}", file=sys.stderr)
        return 2
    try:
        settings = load_settings(env_file)
        configure(_redactor(settings), LogPolicy(level=settings.log_level))
        if role == Role.WORKER and hasattr(os, "nice"):  # not on Windows
            os.nice(_BACKGROUND)
        with asyncio.Runner(loop_factory=fast_loop()) as runner:
            return runner.run(_serve(settings, Role(role)))
    except (SettingsError, ConfigError) as exc:
        print(exc, file=sys.stderr)
        return 2
    except DatabaseInUse as exc:
        print(exc, file=sys.stderr)
        return 1
    except DatabaseUnavailable as exc:
        print(f"DATABASE_URL: {exc.detail}; is the schema there? run `aurora migrate`", file=sys.stderr)
        return 1
    except OSError as exc:
        print(exc, file=sys.stderr)
        return 1


def _redactor(settings: Settings) -> Redactor:
    redactor = Redactor()
    redactor.register(*settings.secrets)
    return redactor


async def _serve(settings: Settings, role: Role) -> int:
    # First of all: as process 1 of a container, a signal that nobody has asked for is lost.
    stopped = _stop_signal()
    sockets = _side_door(settings) if role is Role.WORKER else _sockets(settings)
    try:
        async with running(settings, clock=SystemClock()) as aurora:
            # What the database has of the markets is made ready now, not by whoever asks first.
            aurora.market.snapshot()
            spare_the_loop()
            await first_check(aurora)
            _announce(aurora, sockets)
            return await _run(aurora, role, sockets, stopped=stopped)
    finally:
        for one in sockets:
            one.close()


async def _run(aurora: Aurora, role: Role, sockets: list[socket.socket], *, stopped: asyncio.Event) -> int:
    """Until somebody stops us, or a bug ends a part. What is under way is finished first."""
    parts: set[asyncio.Task[object]] = {asyncio.create_task(stopped.wait(), name="signal")}
    watching = aurora.observability.run(working=role is not Role.API)
    parts.add(asyncio.create_task(watching, name="observability"))
    parts.add(asyncio.create_task(keep_fresh(aurora), name="scores"))
    if role is not Role.API:
        parts.add(asyncio.create_task(work(aurora), name="worker"))
    else:
        parts.add(asyncio.create_task(follow(aurora), name="follow"))
    if role is not Role.WORKER:
        parts.add(asyncio.create_task(aurora.entrance.run(aurora.outages), name="entrance"))
    if sockets:
        # The web framework takes a third of a second to import: the first sync runs meanwhile.
        web = await asyncio.to_thread(import_module, "aurora.cli.web")
        serving = web.serve(aurora, sockets, service_only=role is Role.WORKER)
        parts.add(asyncio.create_task(serving, name="server"))
    done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
    broken = [task for task in done if not stopped.is_set()]
    stopped.set()
    aurora.drain()
    for part in parts - done:
        if part.get_name() != "server":
            part.cancel()  # the worker finishes the steps it has begun, see Reconciler
    await asyncio.gather(*parts, return_exceptions=True)
    for task in broken:
        task.result()
    return 1 if broken else 0


def _stop_signal() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    return stopped


def _sockets(settings: Settings) -> list[socket.socket]:
    """PORT, and COMPAT_PORT while it is free. Raises OSError naming the setting."""
    found = [_listen(settings.host, settings.port, "PORT")]
    if settings.compat_port and settings.compat_port != settings.port:
        try:
            found.append(_listen(settings.host, settings.compat_port, "COMPAT_PORT"))
        except OSError:
            print(f"COMPAT_PORT: {settings.compat_port} is taken; serving on PORT only", file=sys.stderr)
    return found


def _side_door(settings: Settings) -> list[socket.socket]:
    """PORT for probes and scrapers; beside an API on the same machine, which has it, a worker does without."""
    try:
        return [_listen(settings.host, settings.port, "PORT")]
    except OSError:
        print(f"PORT: {settings.port} is taken; this worker has no /health and no /metrics", file=sys.stderr)
        return []


def _listen(host: str, port: int, name: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off: else each answer waits 40 ms for an ACK.
    one = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((host, port))
        one.listen(_BACKLOG)  # from now on a second start sees that the port is taken
    except OSError as exc:
        one.close()
        hint = (
            f"; stop what runs there, perhaps another Aurora, or set {name}"
            if exc.errno == EADDRINUSE
            else ""
        )
        raise OSError(f"{name}: {host}:{port}: {exc.strerror}{hint}") from exc
    one.setblocking(False)
    return one


def _announce(aurora: Aurora, sockets: list[socket.socket]) -> None:
    ports = ", ".join(str(one.getsockname()[1]) for one in sockets) or "none"
    names = aurora.registry.names()
    print(
        f"Aurora Router started port={ports} mode={aurora.mode} providers={','.join(names) or 'none'}",
        flush=True,
    )
    print(f"Initialized {len(names)} GPU providers", flush=True)
