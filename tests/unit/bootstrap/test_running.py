"""What is refused before anything runs, and what a market that is switched off is still good for."""

import pytest

from aurora.bootstrap import running
from aurora.bootstrap.emulator import emulator_limits
from aurora.db.lock import DatabaseInUse
from aurora.domain.deployment import DeploymentStatus
from aurora.domain.errors import DatabaseUnavailable
from aurora.domain.health import ProviderStatus
from aurora.lifecycle.sweep import Orphan
from aurora.services.config_section import ConfigError
from aurora.services.ports import Caller
from aurora.settings import Settings, SettingsError, load_settings
from tests.fakes.clock import FakeClock
from tests.integration.db.deployment_rows import a_deployment, stored
from tests.settings.room import NOWHERE, anything_on_sale, booted, emulator
from tests.unit.lifecycle.world import request

CALLER = Caller()
UNMETERED = {"vastai_rate_limit": 1_000_000}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def database_url(databases, tmp_path) -> str:
    return await databases.sqlite_url(tmp_path / "aurora.db")


@pytest.fixture
async def market():
    async with emulator() as found:
        yield found


async def test_an_embedded_database_belongs_to_one_aurora_at_a_time(database_url):
    async with booted(database_url):
        with pytest.raises(DatabaseInUse, match=r"aurora\.db is in use by pid \d+"):
            async with booted(database_url):
                pass

    async with booted(database_url) as again:
        assert (await again.ready())[1]["database"]


async def test_a_start_that_fails_gives_the_database_back(database_url):
    with pytest.raises(SettingsError):
        async with booted(database_url, vastai_base_url="http://192.0.2.1/vastai"):
            pass

    async with booted(database_url) as aurora:
        assert aurora.registry.names() == ("vastai",)


@pytest.mark.parametrize("made_emulated", [True, False])
async def test_a_database_with_open_deployments_of_the_other_mode_is_refused(database_url, made_emulated):
    modes = ({"aurora_mode": "emulated", "secret_key": "s"}, {"aurora_mode": "live", "secret_key": "s"})
    own, other = modes if made_emulated else reversed(modes)
    ended = DeploymentStatus.TERMINATED
    async with booted(database_url, **own) as aurora:
        sealed = aurora.sealer.seal(request().workload)
        await stored(
            aurora.database,
            a_deployment(1, emulated=made_emulated, sealed_workload=sealed),
            a_deployment(2, emulated=not made_emulated, sealed_workload=sealed, status=ended),
        )

    with pytest.raises(SettingsError, match=r"AURORA_MODE: 1 deployments in this database are "):
        async with booted(database_url, **other):
            pass
    async with booted(database_url, **own):
        pass


@pytest.mark.parametrize(
    "address",
    [
        "https://console.vast.ai",
        "http://192.0.2.1:9100/vastai",
        "http://localhost.example.com/vastai",
        "http://127.0.0.1.example.com/vastai",
        "http://[2001:db8::1]/vastai",
    ],
)
async def test_emulated_mode_sends_no_key_to_an_address_that_is_not_loopback(database_url, address):
    with pytest.raises(SettingsError, match=r"^VASTAI_BASE_URL: .*not on this machine[^\n]*$"):
        async with booted(database_url, vastai_base_url=address):
            pass


@pytest.mark.parametrize(
    "address", ["http://localhost:9/vastai", "http://127.8.8.8:9", "http://[::1]:9/vastai"]
)
async def test_emulated_mode_takes_every_spelling_of_this_machine(database_url, address):
    async with booted(database_url, vastai_base_url=address) as aurora:
        assert aurora.registry.names() == ("vastai",)


async def test_an_emulator_url_elsewhere_is_refused_too(database_url):
    with pytest.raises(SettingsError, match="not on this machine"):
        async with booted(database_url, emulator_url="http://192.0.2.1:9100"):
            pass


@pytest.mark.parametrize(
    "address", ["vast.ai", "https://cloud.vast.ai", "https://key@console.vast.ai", "ftp://x"]
)
async def test_an_address_that_is_known_to_be_wrong_is_refused_in_one_line(database_url, address):
    chosen = {"aurora_mode": "live", "secret_key": "s", "vastai_api_key": "k", "vastai_base_url": address}

    with pytest.raises(SettingsError, match=r"^VASTAI_BASE_URL: [^\n]+$"):
        async with booted(database_url, **chosen):
            pass


async def test_live_mode_without_a_key_names_the_provider_disabled_and_says_what_to_set(database_url):
    async with booted(database_url, aurora_mode="live", secret_key="s") as aurora:
        row = next(each for each in aurora.desk.providers() if each["name"] == "vastai")

    assert (row["name"], row["status"], row["reason"]) == (
        "vastai",
        ProviderStatus.DISABLED.value,
        "no key: set VASTAI_API_KEY",
    )


async def test_live_mode_with_a_key_asks_nobody_before_it_is_told_to(database_url):
    chosen = {"aurora_mode": "live", "secret_key": "s", "vastai_api_key": "k"}

    async with booted(database_url, **chosen) as aurora:
        assert aurora.registry.names() == ("vastai",)
        assert aurora.markets.guards["vastai"].view().window.samples == 0


async def test_a_wrong_file_stops_the_start_with_one_line(database_url, tmp_path):
    (tmp_path / "router.yaml").write_text("defaults: {max_prize: 1}\n")

    with pytest.raises(ConfigError, match=r"router\.yaml: defaults\.max_prize: unknown key[^\n]*$"):
        async with booted(database_url, config_dir=str(tmp_path)):
            pass


async def test_a_database_without_a_schema_is_a_database_that_is_away(databases, tmp_path):
    empty = await databases.sqlite_url(tmp_path / "empty.db", empty=True)

    with pytest.raises(DatabaseUnavailable):
        async with running(load_settings(None, database_url=empty), clock=FakeClock()):
            pass


async def test_the_meters_follow_what_the_emulators_say_of_their_limits(database_url):
    async with emulator(limits="real") as real, emulator(limits="relaxed") as relaxed:
        assert await emulator_limits(real.url) == "real"
        assert await emulator_limits(NOWHERE) is None

        async with booted(database_url, emulator_url=real.url) as aurora:
            assert "create" in aurora.markets.guards["vastai"].view().limiter.endpoints
        async with booted(database_url, emulator_url=relaxed.url) as aurora:
            assert aurora.markets.guards["vastai"].view().limiter.endpoints == {}


async def deployed(aurora) -> str:
    """A deployment that runs."""
    await aurora.sync.run("vastai")
    answer = await aurora.routing.route(anything_on_sale(aurora), caller=CALLER)
    assert answer.deployment_id is not None
    await stepped(aurora, answer.deployment_id, "running")
    return answer.deployment_id


async def stepped(aurora, deployment_id: str, status: str) -> None:
    """Step until the deployment has the status."""
    for _ in range(60):
        await aurora.reconciler.run_once()
        view = await aurora.deployments.get(deployment_id, caller=CALLER)
        if view.deployment.status.value == status:
            return
        aurora.clock.advance(1)
    raise AssertionError(f"{view.deployment.status}: {view.deployment.phase} {view.attempts}")


async def test_what_runs_at_a_market_that_is_switched_off_is_still_ended(database_url, market):
    chosen = {"emulator_url": market.url, **UNMETERED}
    async with booted(database_url, clock=FakeClock(), **chosen) as aurora:
        deployment = await deployed(aurora)
        assert len(await market.alive()) == 1

    async with booted(database_url, clock=FakeClock(), vastai_enabled=False, **chosen) as aurora:
        assert aurora.registry.names() == ()
        await aurora.deployments.terminate(deployment, caller=CALLER)
        await stepped(aurora, deployment, "terminated")

    assert await market.alive() == []


async def test_what_nobody_knows_at_a_market_that_is_switched_off_is_still_found(databases, tmp_path, market):
    chosen = {"emulator_url": market.url, "installation_id": "abc123", **UNMETERED}
    lost, fresh = [await databases.sqlite_url(tmp_path / name) for name in ("lost.db", "fresh.db")]
    async with booted(lost, clock=FakeClock(), **chosen) as aurora:
        await deployed(aurora)
    (instance,) = await market.alive()

    async with booted(fresh, clock=FakeClock(), vastai_enabled=False, **chosen) as aurora:
        await aurora.sweep.run(aurora.markets.all())

        assert aurora.sweep.orphans == (
            Orphan("vastai", str(instance["id"]), instance["label"], aurora.clock.now()),
        )
