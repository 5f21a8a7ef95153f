"""Which records, names, secrets and files: seen at what is stored and made."""

from decimal import Decimal

import pytest

from aurora.domain.naming import InstanceName
from aurora.services.ports import Caller
from aurora.services.reseal import reseal
from aurora.settings import SettingsError
from tests.settings.room import anything_on_sale, booted

CALLER = Caller()


async def test_the_database_url_says_whose_records_these_are(databases, tmp_path, market):
    one = await databases.sqlite_url(tmp_path / "one.db")
    two = await databases.sqlite_url(tmp_path / "two.db")

    async with booted(one, emulator_url=market.url) as aurora:
        await aurora.sync.run("vastai")
    async with booted(one) as aurora:
        found_again = len(list(aurora.catalogue.offers()))
    async with booted(two) as aurora:
        found_elsewhere = len(list(aurora.catalogue.offers()))

    assert (found_again, found_elsewhere) == (100, 0)


async def test_the_installation_id_is_part_of_every_name(database_url, market):
    async with booted(database_url, emulator_url=market.url) as aurora:
        await aurora.sync.run("vastai")
        made = aurora.installation
        assert await name_of_an_attempt(aurora) == made

    async with booted(database_url, emulator_url=market.url, installation_id="abc123") as aurora:
        assert await name_of_an_attempt(aurora) == "abc123" != made


async def name_of_an_attempt(aurora) -> str:
    """The installation that a fresh attempt's name says."""
    answer = await aurora.routing.route(anything_on_sale(aurora), caller=CALLER)
    view = await aurora.deployments.get(answer.deployment_id, caller=CALLER)
    name = InstanceName.parse(view.current.name)
    assert name is not None
    return name.installation


async def test_a_workload_is_opened_only_with_the_secret_key_it_was_stored_with(database_url, market):
    async with booted(database_url, emulator_url=market.url, secret_key="first") as aurora:
        await aurora.sync.run("vastai")
        wanted = anything_on_sale(aurora)
        answer = await aurora.routing.route(wanted, caller=CALLER)

    async with booted(database_url, secret_key="first") as aurora:
        stored = (await aurora.deployments.get(answer.deployment_id, caller=CALLER)).deployment
        assert aurora.sealer.open(stored.sealed_workload, wanted.workload).env == wanted.workload.env

    with pytest.raises(SettingsError, match=rf"^SECRET_KEY: cannot open what was stored with {stored.id}"):
        async with booted(database_url, secret_key="second"):
            pass
    async with booted(database_url, secret_key="first") as aurora:
        unchanged = (await aurora.deployments.get(answer.deployment_id, caller=CALLER)).deployment
        assert unchanged.sealed_workload == stored.sealed_workload


async def test_the_previous_secret_key_still_opens_what_it_sealed(database_url, market):
    async with booted(database_url, emulator_url=market.url, secret_key="first") as aurora:
        await aurora.sync.run("vastai")
        wanted = anything_on_sale(aurora)
        await aurora.routing.route(wanted, caller=CALLER)

    async with booted(database_url, secret_key="second", secret_key_previous="first") as aurora:
        report = await reseal(aurora.database, aurora.sealer)
        assert (report.resealed, report.already, report.unreadable) == (1, 0, [])
    async with booted(database_url, secret_key="second") as aurora:
        again = await reseal(aurora.database, aurora.sealer)
        assert (again.resealed, again.already, again.unreadable) == (0, 1, [])


async def test_emulated_mode_without_a_secret_key_keeps_one_of_its_own_beside_the_database(
    database_url, tmp_path
):
    async with booted(database_url, secret_key=None) as aurora:
        sealed = aurora.sealer.seal(aurora.intake.build({"gpu_type": "a100", "env": {"A": "b"}}).workload)

    async with booted(database_url, secret_key=None) as aurora:
        workload = aurora.intake.build({"gpu_type": "a100"}).workload
        assert aurora.sealer.open(sealed, workload).env == {"A": "b"}
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0


async def test_the_config_dir_says_where_the_users_files_are(database_url, tmp_path):
    (tmp_path / "router.yaml").write_text("defaults: {max_price: 0.75}\n")

    async with booted(database_url) as aurora:
        shipped = aurora.intake.build({"gpu_type": "a100"}).max_price
        version = aurora.files.version
    async with booted(database_url, config_dir=str(tmp_path)) as aurora:
        own = aurora.intake.build({"gpu_type": "a100"}).max_price

        assert (shipped, own) == (Decimal(5), Decimal("0.75"))
        assert aurora.files.version != version
