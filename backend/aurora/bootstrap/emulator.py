"""What the emulators say of themselves: the meters follow their limits."""

import asyncio
import json
import urllib.error
import urllib.request


async def emulator_limits(url: str, *, timeout_s: float = 1.0) -> str | None:
    """`real` or `relaxed`; None while the emulators do not answer."""
    return await asyncio.to_thread(_ask, f"{url.rstrip('/')}/_emulator", timeout_s)


def _ask(url: str, timeout_s: float) -> str | None:
    # No environment proxies: the emulators are on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=timeout_s) as answer:
            told = json.loads(answer.read(65_536))
    except (urllib.error.URLError, OSError, ValueError):
        return None
    limits = told.get("limits") if isinstance(told, dict) else None
    return limits if limits in {"real", "relaxed"} else None
