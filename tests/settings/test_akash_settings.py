"""Akash's key and addresses."""

import pytest

from aurora.settings import SettingsError, load_settings
from tests.settings.room import booted


async def test_without_akashs_key_its_offers_are_read_and_nothing_is_deployed(database_url):
    live = {"aurora_mode": "live", "secret_key": "s", "vastai_api_key": "k", "akash_enabled": True}
    async with booted(database_url, **live) as aurora:
        assert not aurora.registry.get("akash").capabilities.deploy
    async with booted(database_url, **live, akash_api_key="ac.sk.production.x") as aurora:
        assert aurora.registry.get("akash").capabilities.deploy


async def test_each_of_akashs_addresses_is_checked_and_used(database_url):
    for setting in ("akash_base_url", "akash_rpc_url", "akash_proxy_url"):
        given = load_settings(None, **{setting: "http://127.0.0.1:9/somewhere"}).provider("akash")
        assert given.urls == {setting.removeprefix("akash_").upper(): "http://127.0.0.1:9/somewhere"}
        with pytest.raises(SettingsError, match=setting.upper()):
            async with booted(database_url, **{setting: "https://example.org"}):
                pass
