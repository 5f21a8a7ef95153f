import pytest

from aurora.providers.vastai import BASE_URL, normalise_base_url


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://console.vast.ai", BASE_URL),
        ("https://console.vast.ai/", BASE_URL),
        ("https://console.vast.ai/api/v0", BASE_URL),
        ("https://console.vast.ai/api/v0/", BASE_URL),
        ("https://console.vast.ai/api/v1/", BASE_URL),
        ("https://console.vast.ai/api", BASE_URL),
        (" https://console.vast.ai ", BASE_URL),
        ("http://127.0.0.1:9100/vastai", "http://127.0.0.1:9100/vastai"),
        ("http://127.0.0.1:9100/vastai/api/v0/", "http://127.0.0.1:9100/vastai"),
        ("http://[::1]:9100", "http://[::1]:9100"),
    ],
)
def test_what_people_write_becomes_the_address_of_the_api(written, meant):
    assert normalise_base_url(written) == meant
    assert normalise_base_url(meant) == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "console.vast.ai",
        "ftp://console.vast.ai",
        "https://",
        "https://user:hunter2@console.vast.ai",
        "https://console.vast.ai/?api_key=hunter2",
        "https://console.vast.ai/#x",
        "https://cloud.vast.ai",
        "https://vast.ai/api/v0",
        "https://host:notaport",
        "https://[bad",
    ],
)
def test_what_cannot_be_the_api_is_refused_in_one_line_without_secrets(written):
    with pytest.raises(ValueError, match=r"Vast\.ai") as caught:
        normalise_base_url(written)

    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
