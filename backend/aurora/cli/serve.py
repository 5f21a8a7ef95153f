"""`aurora serve`."""

import asyncio
import socket
import sys

import uvicorn

from aurora.api.access import AccessPolicy
from aurora.api.app import create_app
from aurora.bootstrap import Aurora, running
from aurora.cli.first_check import first_check
from aurora.cli.surface import Surface
from aurora.db.lock import DatabaseInUse
from aurora.domain.clock import SystemClock
from aurora.domain.errors import DatabaseUnavailable
from aurora.services.config_section import ConfigError
from aurora.settings import Role, Settings, SettingsError, load_settings
from aurora.telemetry.logging import LogPolicy, configure
from aurora.telemetry.redaction import Redactor
from aurora.worker.loops import work

_BACKLOG = 2048


def serve(*, env_file: str | None, role: str) -> int:
    """Exit code 0 after a stop that was asked for; 2 for a wrong setting or file, 1 for anything else."""
    if role not in set(Role):
        print(f"--role: must be one of {', '.join(Role)}", file=sys.stderr)
        return 2
    try:
        settings = load_settings(env_file)
        configure(_redactor(settings), LogPolicy(level=settings.log_level))
        return asyncio.run(_serve(settings, Role(role)))
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
    secrets = (
        settings.vastai_api_key,
        settings.aurora_admin_key,
        settings.secret_key,
        settings.alert_webhook_url,
    )
    redactor = Redactor()
    redactor.register(*(secret.get_secret_value() for secret in secrets if secret is not None))
    return redactor


async def _serve(settings: Settings, role: Role) -> int:
    sockets = [] if role is Role.WORKER else _sockets(settings)
    try:
        async with running(settings, clock=SystemClock()) as aurora:
            await first_check(aurora)
            _announce(aurora, sockets)
            return await _run(aurora, role, sockets)
    finally:
        for one in sockets:
            one.close()


async def _run(aurora: Aurora, role: Role, sockets: list[socket.socket]) -> int:
    """Server and loops until one ends: the server when it is told to, the loops only by a bug."""
    server = _server(aurora)
    jobs: set[asyncio.Task[None]] = set()
    if role is not Role.API:
        jobs.add(asyncio.create_task(work(aurora), name="worker"))
    serving = asyncio.create_task(server.serve(sockets=sockets or None), name="server")
    done, _ = await asyncio.wait({serving, *jobs}, return_when=asyncio.FIRST_COMPLETED)
    broken = [task for task in done if task is not serving]
    server.should_exit = True
    for job in jobs - done:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    await serving
    for task in broken:
        task.result()
    return 1 if broken else 0


def _server(aurora: Aurora) -> uvicorn.Server:
    settings = aurora.settings
    access = AccessPolicy(
        live=not settings.emulated,
        host=settings.host,
        admin_key=None if settings.aurora_admin_key is None else settings.aurora_admin_key.get_secret_value(),
    )
    config = uvicorn.Config(
        create_app(Surface.of(aurora, access)),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=10,
        backlog=_BACKLOG,
    )
    return uvicorn.Server(config)


def _sockets(settings: Settings) -> list[socket.socket]:
    """PORT, and COMPAT_PORT while it is free. Raises OSError naming the setting."""
    found = [_listen(settings.host, settings.port, "PORT")]
    if settings.compat_port and settings.compat_port != settings.port:
        try:
            found.append(_listen(settings.host, settings.compat_port, "COMPAT_PORT"))
        except OSError:
            print(f"COMPAT_PORT: {settings.compat_port} is taken; serving on PORT only", file=sys.stderr)
    return found


def _listen(host: str, port: int, name: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off: else each answer waits 40 ms for an ACK.
    one = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((host, port))
    except OSError as exc:
        one.close()
        raise OSError(f"{name}: {host}:{port}: {exc.strerror}") from exc
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
