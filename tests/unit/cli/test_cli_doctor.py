"""`aurora doctor`: each check, what to do about it, and how to repeat it by hand; never a key."""

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aurora.cli.doctor.asked import skew
from aurora.cli.doctor.check import State
from aurora.cli.doctor.database import holder_in, lock_holder
from aurora.cli.doctor.markets import clock_check
from aurora.db.lock import FileLock
from aurora.settings import PROVIDERS, Settings
from tests.e2e.stack import ROOT
from tests.unit.cli.cli_answers import alive
from tests.unit.cli.cli_standin import Done, Reply, StandIn, run, serving

USER = {"id": 1, "credit": 12.5, "balance": 0}


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of this machine, and a folder of its own."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def market(standin: StandIn) -> Iterator[str]:
    """Vast.ai's place is taken by the stand-in; the other markets are switched off."""
    standin.on("HEAD /vastai", Reply({})).on("HEAD /", Reply({})).on("HEAD /_emulator", Reply({}))
    standin.on("GET /_emulator", {"limits": "real"})
    standin.on("GET /vastai/api/v0/users/current", USER).on("GET /api/v0/users/current", USER)
    with serving(standin) as url:
        yield url


def doctor(url: str, *arguments: str, **settings: str) -> Done:
    given = {
        "EMULATOR_URL": url,
        **{f"{name.upper()}_ENABLED": "false" for name in PROVIDERS if name != "vastai"},
        "CONFIG_DIR": str(ROOT / "config"),
        "DATABASE_URL": "sqlite:///aurora.db",
        **settings,
    }
    return run("http://127.0.0.1:1", "doctor", "--env-file", "", *arguments, **given)


def found(done: Done) -> dict[str, dict]:
    return {each["check"]: each for each in done.json["checks"]}


async def test_all_is_well_in_emulated_mode_with_a_migrated_database(market, tmp_path, databases):
    async with databases.sqlite(tmp_path / "aurora.db"):
        done = await asyncio.to_thread(doctor, market, "--json")

    checks = found(done)
    assert done.code == 0, done.out
    assert {name for name, each in checks.items() if each["state"] == "ok"} >= {
        "settings",
        "mode",
        "config files",
        "database",
        "database lock",
        "emulators",
        "vastai address",
        "vastai key",
        "vastai credit",
        "vastai limits",
        "clock",
    }
    assert checks["akash"]["state"] == "skip"
    assert checks["Aurora's API"]["state"] == "skip"
    assert checks["vastai credit"]["found"] == "$12.50"
    assert "search every 6.3 s and 20,000 in 6 h" in checks["vastai limits"]["found"]
    assert "is the newest" in checks["database"]["found"]


def test_a_missing_database_is_not_made_and_the_way_to_make_it_is_said(market, tmp_path):
    done = doctor(market)

    assert done.code == 9
    assert "FAIL  database: aurora.db does not exist" in done.out
    assert "do: run `aurora migrate`" in done.out
    assert '$ sqlite3 aurora.db "select version_num from alembic_version"' in done.out
    assert not (tmp_path / "aurora.db").exists()


def test_an_old_schema_says_to_migrate(market, tmp_path):
    (tmp_path / "aurora.db").touch()

    check = found(doctor(market, "--json"))["database"]

    assert check["state"] == "fail"
    assert check["then"] == "run `aurora migrate`"


def test_a_database_server_that_is_away_is_a_failure_without_its_password(market):
    done = doctor(market, "--json", DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/aurora")

    assert found(done)["database"]["state"] == "fail"
    assert 'psql "$DATABASE_URL"' in found(done)["database"]["by_hand"]
    assert "hunter2" not in done.out + done.err


def test_who_holds_the_embedded_database_is_told_and_the_lock_is_not_taken(market, tmp_path):
    (tmp_path / "aurora.db").touch()
    lock = FileLock("aurora.db")
    lock.acquire()
    try:
        held = found(doctor(market, "--json"))["database lock"]["found"]
    finally:
        lock.release()

    assert held.startswith(f"held by pid {os.getpid()}")
    assert found(doctor(market, "--json"))["database lock"]["found"].startswith("nobody holds it")
    again = FileLock("aurora.db")
    again.acquire()
    again.release()


def test_the_kernels_list_of_locks_is_read_by_inode():
    table = [
        "1: POSIX  ADVISORY  WRITE 10 fe:01:7 0 EOF",
        "2: FLOCK  ADVISORY  WRITE 11 fe:01:7 0 EOF",
        "2: -> FLOCK  ADVISORY  WRITE 12 fe:01:7 0 EOF",
    ]

    assert holder_in(table, 7) == "11"
    assert holder_in(table, 8) is None
    assert lock_holder(Path("no-such-file.lock")) is None


def test_live_mode_without_a_key_says_so(market, tmp_path):
    done = doctor(market, AURORA_MODE="live", SECRET_KEY="s" * 40, VASTAI_BASE_URL=market)

    assert done.code == 9
    assert "vastai key: no key: set VASTAI_API_KEY" in done.out
    assert "VASTAI_ENABLED=false" in done.out


def test_a_refused_key_fails_and_its_value_is_never_printed(market, standin):
    standin.on("GET /api/v0/users/current", Reply({"success": False, "error": "auth_error"}, 401))
    settings = {
        "AURORA_MODE": "live",
        "SECRET_KEY": "s3cret-s3cret",
        "VASTAI_API_KEY": "k3y-k3y",
        "EMULATOR_URL": "http://127.0.0.1:1",
    }

    done = doctor(market, **settings, VASTAI_BASE_URL=market)

    assert done.code == 9
    assert "FAIL  vastai key: credential_refused" in done.out
    assert "check VASTAI_API_KEY" in done.out
    assert '"Authorization: Bearer $VASTAI_API_KEY"' in done.out
    assert "k3y-k3y" not in done.out + done.err
    assert "s3cret" not in done.out + done.err


def test_a_good_key_with_little_credit_is_a_warning(market, standin):
    standin.on("GET /vastai/api/v0/users/current", {"id": 1, "credit": 0.2, "balance": 0})

    check = found(doctor(market, "--json"))["vastai credit"]

    assert (check["state"], check["found"]) == ("warn", "$0.20")


def test_a_market_that_is_not_there_is_named_with_its_address(tmp_path):
    done = doctor("http://127.0.0.1:1", "--json")

    checks = found(done)
    assert done.code == 9
    assert checks["emulators"]["state"] == "fail"
    assert "aurora emulate" in checks["emulators"]["then"]
    assert "http://127.0.0.1:1/vastai cannot be reached" in checks["vastai address"]["found"]
    assert checks["clock"]["state"] == "skip"


def test_a_wrong_setting_is_the_only_finding(market):
    done = doctor(market, "--json", VASTAI_RATE_LIMIT="many")

    assert done.code == 9
    assert list(found(done)) == ["settings"]
    assert "VASTAI_RATE_LIMIT" in found(done)["settings"]["found"]


def test_a_wrong_file_is_named_and_the_rest_is_still_checked(market, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "router.yaml").write_text("nonsense: 1\n")

    checks = found(doctor(market, "--json", CONFIG_DIR=str(tmp_path / "config")))

    assert "nonsense" in checks["config files"]["found"]
    assert "database" in checks


def test_absent_files_are_a_warning(market, tmp_path):
    checks = found(doctor(market, "--json", CONFIG_DIR="nowhere"))

    assert checks["config files"]["state"] == "warn"
    assert "CONFIG_DIR" in checks["config files"]["then"]


def test_an_address_that_mixes_the_modes_is_refused_as_serve_refuses_it(market):
    done = doctor(market, "--json", VASTAI_BASE_URL="https://console.vast.ai")

    assert "emulated mode sends no key anywhere else" in found(done)["markets"]["found"]


def test_live_on_an_open_address_without_an_admin_key_is_a_warning(market):
    settings = {"AURORA_MODE": "live", "SECRET_KEY": "s" * 40, "HOST": "0.0.0.0", "VASTAI_BASE_URL": market}

    assert found(doctor(market, "--json", **settings))["mode"]["state"] == "warn"


def test_a_limiter_that_is_switched_off_is_a_warning(market):
    checks = found(doctor(market, "--json", PROVIDER_RATE_LIMITER_ENABLED="false"))

    assert checks["vastai limits"]["state"] == "warn"


def test_a_running_aurora_is_asked_whether_it_takes_our_calls(market, standin):
    standin.on("GET /health", {**alive(), "mode": "live"}).on("GET /deployments", {"deployments": []})
    wrong_mode = found(doctor(market, "--json", AURORA_URL=market))["Aurora's API"]
    standin.on("GET /health", alive())
    good = found(doctor(market, "--json", AURORA_URL=market))["Aurora's API"]
    refused = Reply({"code": "unauthenticated", "detail": "no key", "errors": []}, 401)
    standin.on("GET /deployments", refused)
    no_key = found(doctor(market, "--json", AURORA_URL=market))["Aurora's API"]

    assert [wrong_mode["state"], good["state"], no_key["state"]] == ["warn", "ok", "warn"]
    assert "AURORA_API_KEY" in no_key["then"]


@pytest.mark.parametrize(("seconds", "state"), [(0.4, State.OK), (-7, State.WARN), (90, State.FAIL)])
def test_the_clock_is_judged_by_the_markets_time(seconds, state):
    check = clock_check("vastai", "https://console.vast.ai", seconds)

    assert check.state is state
    assert "warning from 5 s, failure from 60 s" in check.found
    assert "date -u" in (check.by_hand or "")


def test_the_date_header_is_compared_with_the_middle_of_the_call():
    now = datetime(2026, 1, 15, 12, 0, 1, tzinfo=UTC)

    assert skew("Thu, 15 Jan 2026 12:00:00 GMT", now, 1.0) == pytest.approx(0.0)
    assert skew("Thu, 15 Jan 2026 12:01:00 GMT", now, 0.0) == pytest.approx(59.5)
    assert skew("yesterday", now, 0.0) is None


@pytest.mark.parametrize("width", [80, 200])
def test_no_line_is_longer_than_the_screen(market, width):
    assert doctor(market, COLUMNS=str(width)).longest() <= width
