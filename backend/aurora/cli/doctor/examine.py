"""All checks in order; a later one is left out when an earlier one makes it senseless."""

import asyncio
from pathlib import Path

from aurora.bootstrap.files import Files
from aurora.cli.doctor.check import Check, fail, ok, warn
from aurora.cli.doctor.database import database_checks
from aurora.cli.doctor.markets import market_checks
from aurora.cli.doctor.server import server_checks
from aurora.services.config_section import ConfigError
from aurora.settings import Settings, SettingsError, load_settings

_FILES = ("router.yaml", "workloads.yaml", "providers.yaml")
_SHOW_SETTINGS = "env | cut -d= -f1 | sort | grep -E '^AURORA|^PROVIDER|_URL|_KEY'"


def examine(env_file: str | None) -> list[Check]:
    """Look at everything that `aurora serve` would need. Takes no lock, starts nothing, changes nothing."""
    try:
        settings = load_settings(env_file)
    except SettingsError as exc:
        then = "correct it in the environment or in the settings file; .env.example lists all with defaults"
        return [fail("settings", str(exc), then=then, by_hand=_SHOW_SETTINGS)]
    return [_settings(env_file), *_mode(settings), *asyncio.run(_rest(settings))]


async def _rest(settings: Settings) -> list[Check]:
    checks = [*await database_checks(settings), *await asyncio.to_thread(server_checks, settings)]
    try:
        files = Files.load(Path(settings.config_dir))
    except ConfigError as exc:
        check = fail("config files", str(exc), then="correct the key; the shipped file in config/ shows how")
        return [check, *checks]
    return [_config(settings), *checks, *await market_checks(settings, files.providers)]


def _settings(env_file: str | None) -> Check:
    if env_file is None:
        return ok("settings", "valid; read from the environment only", by_hand=_SHOW_SETTINGS)
    there = Path(env_file).is_file()
    source = f"the environment and {env_file}" if there else f"the environment; there is no {env_file}"
    return ok("settings", f"valid; read from {source}", by_hand=_SHOW_SETTINGS)


def _mode(settings: Settings) -> list[Check]:
    if settings.emulated:
        return [ok("mode", "emulated: no key leaves this machine, nothing costs money")]
    open_to_others = settings.host not in {"127.0.0.1", "localhost", "::1"}
    if open_to_others and settings.aurora_admin_key is None:
        then = "set AURORA_ADMIN_KEY to a long random text: without one every call from outside is refused"
        return [warn("mode", f"live, listening on {settings.host} without an admin key", then=then)]
    return [ok("mode", "live: real machines, real money")]


def _config(settings: Settings) -> Check:
    folder = Path(settings.config_dir)
    missing = [name for name in _FILES if not (folder / name).is_file()]
    by_hand = f"ls -l {folder}"
    if missing:
        then = "harmless if meant so: the built-in values hold; else start in the checkout, or set CONFIG_DIR"
        return warn("config files", f"{folder}: no {', '.join(missing)}", then=then, by_hand=by_hand)
    return ok("config files", f"{folder}: {', '.join(_FILES)} are valid", by_hand=by_hand)
