"""Does an Aurora run here, and do its emulators?"""

import os

from aurora.cli.client import Client
from aurora.cli.doctor.asked import ask
from aurora.cli.doctor.check import Check, fail, ok, skip, warn
from aurora.cli.exits import CliError, ExitCode
from aurora.settings import Settings


def server_checks(settings: Settings) -> list[Check]:
    """An Aurora that does not run is no failure: the doctor may come before it."""
    checks = [_aurora(settings)]
    return [_emulators(settings), *checks] if settings.emulated else checks


def _emulators(settings: Settings) -> Check:
    by_hand = f"curl -sS {settings.emulator_url}/_emulator"
    heard = ask(f"{settings.emulator_url.rstrip('/')}/_emulator")
    if isinstance(heard, str):
        then = "start them with `aurora emulate` (or everything with `aurora run`), or set EMULATOR_URL"
        return fail(
            "emulators", f"{settings.emulator_url} does not answer: {heard}", then=then, by_hand=by_hand
        )
    return ok("emulators", f"{settings.emulator_url} answers in {heard.ms:.0f} ms", by_hand=by_hand)


def _aurora(settings: Settings) -> Check:
    url = os.environ.get("AURORA_URL") or f"http://{_local(settings.host)}:{settings.port}"
    by_hand = f'curl -sS -H "Authorization: Bearer $AURORA_API_KEY" "{url}/deployments?limit=1"'
    what = "Aurora's API"
    try:
        client = Client(url, os.environ.get("AURORA_API_KEY") or None)
        told = client.get("/health").data
        client.get("/deployments", {"limit": 1})
    except CliError as exc:
        return _trouble(what, exc, url, by_hand)
    if (told.get("mode") == "emulated") != settings.emulated:
        found = f"{url} runs in {told.get('mode')} mode, these settings say {settings.aurora_mode.value}"
        return warn(what, found, then="check AURORA_URL, AURORA_MODE and --env-file", by_hand=by_hand)
    return ok(what, f"{url} answers, version {told.get('version')}, and takes our calls", by_hand=by_hand)


def _trouble(what: str, exc: CliError, url: str, by_hand: str) -> Check:
    if exc.code is ExitCode.UNREACHABLE:
        return skip(what, f"nothing answers at {url}", then="`aurora serve` starts it")
    if exc.code is ExitCode.REFUSED:
        return warn(what, f"{url} refuses our calls: {exc.what}", then=exc.then or "", by_hand=by_hand)
    return warn(what, exc.what, then=exc.then or "see Aurora's log", by_hand=by_hand)


def _local(host: str) -> str:
    """Where this machine reaches what listens on `host`."""
    if host in {"", "0.0.0.0", "::"}:  # noqa: S104 - recognised, not bound to  # nosec B104
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
