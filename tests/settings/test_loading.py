"""Where values come from, how they are written, and what a wrong one says."""

import pytest
from pydantic import SecretStr

from aurora.settings import Settings, SettingsError, load_settings

SECRETS = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]


def is_number(name: str) -> bool:
    kind = str(Settings.model_fields[name].annotation)
    return "float" in kind or "int" in kind


NUMBERS = [name for name in Settings.model_fields if is_number(name)]


def test_the_environment_goes_before_the_file_and_the_file_before_the_default(tmp_path, monkeypatch):
    file = tmp_path / ".env"
    file.write_text("PORT=9001\nPROVIDER_MAX_RETRIES=7\n")
    monkeypatch.setenv("PORT", "9002")

    found = load_settings(file)

    assert (found.port, found.provider_max_retries, found.provider_cache_ttl) == (9002, 7, 30)


@pytest.mark.parametrize(
    ("written", "read"), [("100  # comment", 100), ("100\t# requests", 100), (" 100 ", 100), ("0.5", 0.5)]
)
def test_numbers_may_have_a_comment_behind_them(monkeypatch, written, read):
    monkeypatch.setenv("VASTAI_RATE_LIMIT", written)

    assert load_settings(None).vastai_rate_limit == read


def test_texts_switches_and_ports_may_have_a_comment_behind_them(monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "debug   # everything")
    monkeypatch.setenv("VASTAI_ENABLED", "false  # not today")
    monkeypatch.setenv("COMPAT_PORT", "off  # one is enough")
    monkeypatch.setenv("AURORA_MODE", "emulated  # no key")

    found = load_settings(None)

    assert (found.log_level, found.vastai_enabled, found.compat_port) == ("DEBUG", False, None)


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name != "compat_port"])
def test_an_empty_value_means_the_default(monkeypatch, name):
    monkeypatch.setenv(name.upper(), "")

    assert load_settings(None) == Settings(_env_file=None)


@pytest.mark.parametrize("written", ["# default: https://console.vast.ai", "   # nothing", "#", "  "])
def test_a_value_that_is_only_a_comment_means_the_default(monkeypatch, written):
    monkeypatch.setenv("VASTAI_BASE_URL", written)
    monkeypatch.setenv("VASTAI_API_KEY", written)
    monkeypatch.setenv("VASTAI_RATE_LIMIT", written)
    found = load_settings(None)

    assert (found.vastai_base_url, found.vastai_api_key, found.vastai_rate_limit) == (None, None, 100)


def test_an_empty_compat_port_is_no_second_port(monkeypatch):
    monkeypatch.setenv("COMPAT_PORT", "")

    assert load_settings(None).compat_port is None


def test_unknown_names_in_the_file_are_ignored(tmp_path):
    file = tmp_path / ".env"
    file.write_text("POSTGRES_PASSWORD=for-compose\nVASTAI_RATE_LIMITS=5\nPORT=9001\n")

    assert load_settings(file).port == 9001


def test_a_file_that_does_not_exist_is_no_error(tmp_path):
    assert load_settings(tmp_path / "absent") == load_settings(None)


@pytest.mark.parametrize("wrong", ["abc", "-1", "nan", "1e999", "1,5"])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_malformed_number_is_one_line_that_names_the_setting(monkeypatch, name, wrong):
    monkeypatch.setenv(name.upper(), wrong)

    with pytest.raises(SettingsError) as refused:
        load_settings(None)

    text = str(refused.value)
    assert text.startswith(f"{name.upper()}: ")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("AURORA_MODE", "production"),
        ("LOG_LEVEL", "loud"),
        ("INSTALLATION_ID", "TOO-LONG-1"),
        ("VASTAI_ENABLED", "perhaps"),
        ("PORT", "65536"),
        ("PROVIDER_CIRCUIT_BREAKER_THRESHOLD", "0"),
        ("PROVIDER_MAX_RETRIES", "1.5"),
    ],
)
def test_a_value_outside_its_range_is_one_line_that_names_the_setting(monkeypatch, name, wrong):
    monkeypatch.setenv(name, wrong)

    with pytest.raises(SettingsError, match=rf"^{name}: [^\n]+$"):
        load_settings(None)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"PROVIDER_CACHE_TTL": "5"}, "PROVIDER_CACHE_TTL"),
        ({"PROVIDER_CACHE_MAX_TTL": "20"}, "PROVIDER_CACHE_MAX_TTL"),
        ({"PROVIDER_RETRY_BASE_DELAY": "40"}, "PROVIDER_RETRY_BASE_DELAY"),
        ({"AURORA_MODE": "live"}, "SECRET_KEY"),
    ],
)
def test_values_that_contradict_each_other_are_one_line_that_names_them(monkeypatch, values, named):
    for name, value in values.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=rf"^[^\n]*{named}[^\n]*$"):
        load_settings(None)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_in_no_text_made_of_the_settings(name):
    found = load_settings(None, **{name: "S3CRET-0123456789"})

    shown = [repr(found), str(found), found.model_dump_json(), repr(found.provider("vastai"))]

    assert not any("S3CRET" in text for text in shown)


def test_a_secret_is_not_in_the_complaint_about_another_setting(monkeypatch):
    monkeypatch.setenv("VASTAI_API_KEY", "S3CRET-0123456789")
    monkeypatch.setenv("PORT", "S3CRET-in-the-wrong-place")

    with pytest.raises(SettingsError) as refused:
        load_settings(None)

    assert "S3CRET" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_every_key_and_url_that_may_hold_one_is_kept_as_a_secret():
    known = {"database_url", "aurora_admin_key", "secret_key", "secret_key_previous"}
    known |= {"alert_webhook_url", "alert_webhook_secret"}
    keys = {name for name in Settings.model_fields if name.endswith(("_api_key", "_secret_key"))}
    assert set(SECRETS) == known | keys
    assert isinstance(load_settings(None).database_url, SecretStr)


def test_settings_do_not_change_once_they_are_made():
    found = load_settings(None)

    with pytest.raises(ValueError, match="frozen"):
        found.port = 1


def test_the_settings_of_one_market_are_its_share():
    found = load_settings(
        None, vastai_rate_limit=7, vastai_timeout=3, vastai_enabled=False, vastai_sync_interval=11
    ).provider("vastai")

    assert (found.rate_limit, found.timeout, found.enabled, found.sync_interval) == (7, 3, False, 11)
    assert found.api_key is None
