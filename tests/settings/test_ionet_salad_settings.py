"""Keys, addresses, account names and rules of money of io.net and SaladCloud."""

from decimal import Decimal

import pytest

from aurora.domain.errors import CredentialRefused, InvalidProviderRequest
from aurora.domain.health import ProviderStatus
from aurora.providers.base import Cursor
from aurora.settings import SettingsError, load_settings
from tests.settings.room import booted, emulator
from tests.unit.providers.loopback import make_spec

LIVE = {"aurora_mode": "live", "secret_key": "s", "vastai_enabled": False}
WHOSE = {"salad_organization": "acme-corp", "salad_project": "default"}


async def accepted(database_url, name, key, **chosen):
    """Is the market well with this key?"""
    async with (
        emulator(providers=(name,)) as market,
        booted(
            database_url,
            emulator_url=market.url,
            **{f"{name}_enabled": True, f"{name}_api_key": key, **chosen},
        ) as aurora,
    ):
        return (await aurora.registry.get(name).health()).ok


async def test_ionet_api_key_is_what_io_net_accepts_or_refuses(database_url):
    assert await accepted(database_url, "ionet", "any-key")
    with pytest.raises(CredentialRefused):
        await accepted(database_url, "ionet", "invalid")


async def test_salad_api_key_is_what_salad_accepts_or_refuses(database_url):
    assert await accepted(database_url, "salad", "any-key")
    with pytest.raises(CredentialRefused):
        await accepted(database_url, "salad", "invalid")


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (None, "https://api.io.solutions'"),
        ("https://api.io.solutions", "https://api.io.solutions'"),
        ("https://api.io.solutions/api/v1/", "https://api.io.solutions'"),
        ("https://api.io.solutions/v1/io-cloud/caas", "https://api.io.solutions'"),
        ("https://gpu.example.org/io/enterprise/v1/io-cloud/caas", "https://gpu.example.org/io'"),
    ],
)
async def test_ionet_base_url_is_used_and_corrected(database_url, given, used):
    chosen = {} if given is None else {"ionet_base_url": given}
    async with booted(database_url, **LIVE, ionet_enabled=True, ionet_api_key="k", **chosen) as aurora:
        assert used in repr(aurora.registry.get("ionet"))


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (None, "'https://api.salad.com/api/public'"),
        ("https://api.salad.com", "'https://api.salad.com/api/public'"),
        ("https://gpu.example.org/api/public/", "'https://gpu.example.org/api/public'"),
    ],
)
async def test_salad_base_url_is_used_and_corrected(database_url, given, used):
    chosen = {} if given is None else {"salad_base_url": given}
    async with booted(
        database_url, **LIVE, **WHOSE, salad_enabled=True, salad_api_key="k", **chosen
    ) as aurora:
        assert used in repr(aurora.registry.get("salad"))


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("ionet_base_url", "https://api.io.net/v1", "api.io.net is not io.net's API"),
        ("ionet_base_url", "https://cloud.io.net", "cloud.io.net is a website"),
        ("salad_base_url", "https://portal.salad.com", "portal.salad.com is a website"),
        ("salad_base_url", "http://127.0.0.1:9100/salad/api/public", "live mode never uses one"),
    ],
)
async def test_a_known_wrong_address_of_io_net_or_salad_is_refused_in_one_line(
    database_url, setting, value, said
):
    name = setting.partition("_")[0]
    chosen = {**LIVE, **WHOSE, "emulator_url": "http://127.0.0.1:9100", f"{name}_api_key": "k"}

    with pytest.raises(SettingsError, match=f"{setting.upper()}: .*{said}") as caught:
        async with booted(database_url, **{**chosen, setting: value}):
            pass
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["salad_organization", "salad_project"])
async def test_salad_organization_and_project_have_to_be_named_before_salad_is_used(database_url, missing):
    chosen = {**LIVE, "salad_enabled": True, "salad_api_key": "k"}
    given = {name: value for name, value in WHOSE.items() if name != missing}
    for names, said in [
        (given, f"set {missing.upper()}:"),
        ({}, "set SALAD_ORGANIZATION and SALAD_PROJECT:"),
        ({**given, missing: "Not A Name"}, f"{missing.upper()}: 2 to 63 small letters"),
    ]:
        async with booted(database_url, **chosen, **names) as aurora:
            entry = aurora.registry.entry("salad")
            assert entry.status is ProviderStatus.DISABLED
            assert said in entry.reason

    async with booted(database_url, **chosen, **WHOSE) as aurora:
        assert aurora.registry.entry("salad").reason is None


@pytest.mark.parametrize("setting", ["salad_organization", "salad_project"])
async def test_salad_organization_and_project_say_whose_groups_these_are(database_url, setting):
    """`salad_organization`, `salad_project`: the emulator takes any names but one."""
    assert await accepted(database_url, "salad", "k", **WHOSE)
    async with emulator(providers=("salad",)) as market:
        chosen = {"emulator_url": market.url, "salad_enabled": True, **WHOSE}
        async with booted(database_url, **chosen) as aurora:
            assert await aurora.registry.get("salad").list_own() == ()
        async with booted(database_url, **{**chosen, setting: "unknown"}) as aurora:
            reports = await aurora.sync.run_all()
            listed = aurora.registry.get("salad").list_own()
            assert (reports["salad"].error is not None) == (setting == "salad_organization")
            with pytest.raises(Exception, match="404"):
                await listed


async def test_salad_without_names_does_not_keep_aurora_from_starting_when_it_is_switched_off(database_url):
    async with booted(database_url, **LIVE, salad_enabled=False, salad_api_key="k") as aurora:
        assert "switched off" in aurora.registry.entry("salad").reason


async def test_the_refund_rule_says_what_an_early_end_at_io_net_costs(database_url):
    """Of an instance that ran for 90 minutes at 2 USD per hour."""
    for rule, charged in [("first_hour_kept", 3), ("nothing_back", 4)]:
        async with booted(database_url, ionet_enabled=True, ionet_refund_rule=rule) as aurora:
            billing = aurora.registry.get("ionet").billing
            assert billing.cost(Decimal(2), 90 * 60) == charged


async def test_the_billing_model_is_sent_to_io_net_only_where_it_is_set(database_url):
    """The emulated API refuses a field that it does not know, as the real one may."""
    async with emulator(providers=("ionet",)) as market:
        for model, refused in [(None, False), ("duration", True)]:
            chosen = {"emulator_url": market.url, "ionet_enabled": True}
            async with booted(database_url, **chosen, ionet_billing_model=model) as aurora:
                creating = aurora.registry.get("ionet").create(make_spec("net-12.3.1", ports=("8080",)))
                if refused:
                    with pytest.raises(InvalidProviderRequest, match="billing_model"):
                        await creating
                else:
                    assert (await creating).external_id


async def test_the_price_of_a_class_is_for_all_of_its_gpus_or_for_each(database_url):
    """Of a class of 8 GPUs."""
    prices = {}
    async with emulator(providers=("salad",), offers=1000) as market:
        for of in ("class", "gpu"):
            chosen = {"emulator_url": market.url, "salad_enabled": True}
            async with booted(database_url, **chosen, salad_price_of=of) as aurora:
                salad = aurora.registry.get("salad")
                key = min(each for each in await salad.catalogue_slices() if " 8x " in each)
                (offer, *_) = (await salad.offers_page(Cursor(key))).offers
                quote = await salad.quote(offer.external_id, gpu_count=8, disk_gb=1)
                assert quote.usd_per_hour == offer.price_per_hour
                prices[of] = offer.price_per_hour
    assert prices["gpu"] == 8 * prices["class"]


@pytest.mark.parametrize("setting", ["ionet_refund_rule", "ionet_billing_model", "salad_price_of"])
def test_a_rule_that_nobody_knows_is_refused_in_one_line(setting):
    with pytest.raises(SettingsError, match=f"{setting.upper()}: Input should be") as caught:
        load_settings(None, **{setting: "perhaps"})
    assert "\n" not in str(caught.value)
