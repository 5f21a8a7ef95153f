"""Keys and addresses of the markets behind gateways, and which of its two languages Render speaks."""

import pytest

from aurora.domain.clock import SystemClock
from aurora.domain.errors import CredentialRefused
from aurora.domain.health import ProviderStatus
from aurora.providers.gateway import GatewayProvider
from aurora.providers.render import DispersedProvider
from aurora.settings import SettingsError
from tests.settings.room import booted, emulator

LIVE = {"aurora_mode": "live", "secret_key": "s", "vastai_enabled": False}
behind_a_gateway = pytest.mark.parametrize("name", ["aethir", "flux", "render"])


@behind_a_gateway
async def test_a_gateway_accepts_or_refuses_the_key(database_url, name):
    async with emulator(providers=(name,)) as market:
        for key, accepted in [("any-key", True), ("invalid", False)]:
            chosen = {"emulator_url": market.url, f"{name}_enabled": True, f"{name}_api_key": key}
            async with booted(database_url, **chosen) as aurora:
                provider = aurora.registry.get(name)
                assert isinstance(provider, GatewayProvider)
                if accepted:
                    assert (await provider.health()).ok
                else:
                    with pytest.raises(CredentialRefused):
                        await provider.health()


@behind_a_gateway
async def test_a_gateway_has_to_be_named_before_its_market_is_used(database_url, name):
    chosen = {**LIVE, f"{name}_enabled": True, f"{name}_api_key": "k"}
    async with booted(database_url, **chosen) as aurora:
        entry = aurora.registry.entry(name)
        assert entry.status is ProviderStatus.DISABLED
        assert f"{name.upper()}_BASE_URL" in entry.reason

    chosen[f"{name}_base_url"] = "https://gateway.example.org/v1/"
    async with booted(database_url, **chosen) as aurora:
        assert "'https://gateway.example.org/v1'" in repr(aurora.registry.get(name))


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("render_base_url", "https://api.render.network/v1", "api.render.network is no gateway"),
        ("render_base_url", "https://api.render.com/v1", "api.render.com is no gateway"),
        ("aethir_base_url", "https://api.aethir.com/v1", "api.aethir.com is no gateway"),
        ("flux_base_url", "https://api.runonflux.io", "api.runonflux.io is no gateway"),
        ("flux_base_url", "gateway.example.org", "must be an http"),
        ("flux_base_url", "http://127.0.0.1:9100/flux/v1", "live mode never uses one"),
    ],
)
async def test_a_known_wrong_address_is_refused_in_one_line(database_url, setting, value, said):
    name = setting.partition("_")[0]
    chosen = {**LIVE, "emulator_url": "http://127.0.0.1:9100", f"{name}_api_key": "k", setting: value}

    with pytest.raises(SettingsError, match=f"{setting.upper()}: .*{said}") as caught:
        async with booted(database_url, **chosen):
            pass
    assert "\n" not in str(caught.value)


async def test_with_its_secret_key_render_is_dispersed(database_url):
    keys = {"render_api_key": "pk_1", "render_secret_key": "sk_1"}
    async with booted(database_url, **LIVE, render_enabled=True, **keys) as aurora:
        provider = aurora.registry.get("render")
        assert isinstance(provider, DispersedProvider)
        assert "https://api.dispersed.com" in repr(provider)
        assert "sk_1" not in repr(provider)

    async with booted(database_url, **LIVE, render_enabled=True, render_secret_key="sk_1") as aurora:
        assert aurora.registry.entry("render").reason == "no key: set RENDER_API_KEY"

    with pytest.raises(SettingsError, match=r"RENDER_BASE_URL: api\.render\.network is a website"):
        async with booted(database_url, **LIVE, **keys, render_base_url="https://api.render.network/v1"):
            pass


async def test_emulated_render_speaks_dispersed_too(database_url):
    async with emulator(providers=("render",)) as market:
        chosen = {"emulator_url": market.url, "render_enabled": True, "render_secret_key": "emulated"}
        # signatures carry the time: no standing clock
        async with booted(database_url, clock=SystemClock(), **chosen) as aurora:
            provider = aurora.registry.get("render")
            assert isinstance(provider, DispersedProvider)
            assert (await provider.health()).ok
            assert (await aurora.sync.run("render")).error is None
            assert all(offer.emulated for offer in aurora.catalogue.offers())
