"""`aurora emulate`."""

import asyncio
import contextlib
import sys

from aurora.emulators.options import EmulatorOptions
from aurora.emulators.server import PROVIDERS
from aurora.emulators.server import run as run_server


def emulate(
    *,
    host: str,
    port: int,
    providers: str,
    seed: int,
    state_speed: float,
    limits: str,
    offers: int,
    era: str,
) -> int:
    """Serve until stopped. Exit code 2 for a wrong option, 1 when the port is taken."""
    names = tuple(name.strip() for name in providers.split(",") if name.strip()) or tuple(PROVIDERS)
    unknown = [name for name in names if name not in PROVIDERS]
    if unknown:
        print(
            f"--providers: no emulator for {', '.join(unknown)}; there are {', '.join(PROVIDERS)}",
            file=sys.stderr,
        )
        return 2
    if limits not in {"real", "relaxed"}:
        print("--limits: must be real or relaxed", file=sys.stderr)
        return 2
    if era not in {"a", "b"}:
        print("--era: must be a or b", file=sys.stderr)
        return 2
    options = EmulatorOptions(
        host=host,
        port=port,
        providers=names,
        seed=seed,
        state_speed=state_speed,
        limits=limits,
        offers=offers,
        era=era,
    )
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(run_server(options))
    except OSError as exc:
        print(f"--port {port}: {exc.strerror or exc}; choose another one", file=sys.stderr)
        return 1
    return 0
