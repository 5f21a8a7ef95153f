"""`aurora conformance`: the report, its exit codes, and that nothing is ever changed."""

import asyncio
import json

import aiohttp
import pytest

from aurora.conformance.rules import LIVE
from aurora.emulators.options import EmulatorOptions
from aurora.emulators.server import running
from aurora.settings import Settings
from tests.e2e.stack import ROOT
from tests.unit.cli.cli_standin import run

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def plain(monkeypatch, tmp_path):
    """No setting of this machine, and a folder of its own."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
async def emulators():
    async with running(EmulatorOptions(providers=("flux", "salad"), limits="real")) as url:
        yield url


def ask(*arguments, **settings):
    given = {"CONFIG_DIR": str(ROOT / "config"), "EMULATOR_URL": NOBODY, **settings}
    return run("http://127.0.0.1:1", "conformance", "--env-file", "", *arguments, **given)


async def asked(url, *arguments, **settings):
    return await asyncio.to_thread(ask, *arguments, EMULATOR_URL=url, **settings)


async def test_the_report_says_of_every_promise_what_was_seen_and_nothing_is_changed(emulators):
    done = await asked(emulators, "flux", "--json")

    assert done.code == 0, done.out
    told = done.json
    assert (told["ok"], told["provider"], told["emulated"]) == (True, "flux", True)
    assert [each["rule"] for each in told["promises"]] == list(LIVE)
    assert {each["verdict"] for each in told["promises"]} == {"kept"}
    assert told["offers"] > 100
    assert set(told["limit_headers"]) >= {"X-RateLimit-Limit", "X-RateLimit-Remaining"}
    assert {each["operation"] for each in told["requests"]} >= {"health", "offers", "quote", "list", "status"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{emulators}/_emulator/flux/calls") as answer,
    ):
        assert {"create", "terminate"} & set(await answer.json()) == set()


async def test_for_people_it_is_a_page_with_times_and_a_sum(emulators):
    done = await asked(emulators, "salad")

    assert done.code == 0, done.out
    assert "salad, at its emulator; nothing was created, changed or deleted." in done.out
    assert "KEPT     catalogue: 20 offers on 5 pages, 5 of 36 slices, each to its end" in done.out
    assert "SKIPPED  credit: the market tells no balance" in done.out
    assert "Median ms" in done.out
    assert "9 kept, 1 skipped." in done.out


async def test_the_whole_catalogue_is_read_when_asked_for(emulators):
    done = await asked(emulators, "salad", "--all", "--json")

    assert done.json["offers"] == 144


async def test_a_broken_promise_is_exit_code_9_and_says_which(emulators):
    done = await asked(emulators, "flux", FLUX_API_KEY="invalid")

    assert done.code == 9
    assert "BROKEN   key: credential_refused" in done.out
    assert "promise: the key is accepted" in done.out
    assert done.out.rstrip().endswith("Exit code 9.")


def test_a_market_that_does_not_answer_is_exit_code_3_and_what_to_start():
    done = ask("flux", FLUX_RATE_LIMIT="1000", PROVIDER_MAX_RETRIES="0")

    assert done.code == 3
    assert "flux: provider_unreachable" in done.err
    assert "aurora emulate" in done.err


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("vastai", "VASTAI_API_KEY"),
        ("akash", "AKASH_API_KEY"),
        ("salad", "SALAD_API_KEY"),
        ("aethir", "AETHIR_BASE_URL and AETHIR_API_KEY"),
    ],
)
def test_live_without_a_key_is_refused_before_anything_is_asked_and_the_setting_is_named(name, settings):
    done = ask(name, "--live")

    assert done.code == 4
    assert f"Next:  set {settings}\n" in done.err


def test_live_is_refused_where_the_address_is_an_emulators():
    done = ask("flux", "--live", FLUX_API_KEY="key-0123456789", FLUX_BASE_URL=f"{NOBODY}/flux/v1")

    assert done.code == 2
    assert "FLUX_BASE_URL" in done.err
    assert "key-0123456789" not in done.err + done.out


def test_live_needs_what_the_market_needs_besides_the_key():
    done = ask("salad", "--live", SALAD_API_KEY="key-0123456789")

    assert done.code == 2
    assert "SALAD_ORGANIZATION" in done.err


@pytest.mark.parametrize(
    ("arguments", "settings", "told"),
    [
        (("nope",), {}, "no provider is called 'nope'"),
        (("vastai",), {"VASTAI_TIMEOUT": "soon"}, "VASTAI_TIMEOUT"),
        (("vastai",), {"AURORA_MODE": "live"}, "SECRET_KEY"),
    ],
)
def test_what_is_wrong_in_the_question_is_exit_code_2(arguments, settings, told):
    done = ask(*arguments, **settings)

    assert done.code == 2
    assert told in done.err


def test_the_refusal_is_json_where_json_was_asked_for():
    done = ask("vastai", "--live", "--json")

    assert json.loads(done.out)["code"] == "refused"
