import pytest

PROTECTED = [
    "/v1/user/me",
    "/v1/wallets",
    "/v1/balances",
    "/v1/deployments",
    "/v1/bids?dseq=1",
    "/v1/weekly-cost",
]
PUBLIC = ["/v1/gpu-prices", "/v1/providers", "/v1/gpu", "/v1/network-capacity", "/v1/healthz/readiness"]


@pytest.mark.parametrize("path", [*PROTECTED, *PUBLIC])
async def test_a_wrong_key_is_refused_everywhere(akash, path):
    answer = await akash.api("GET", path, key="invalid")

    assert (answer.status, answer.body["message"]) == (401, "Invalid API key")
    assert answer.body["error"] == "UnauthorizedError"


@pytest.mark.parametrize("path", PROTECTED)
async def test_without_a_key_what_is_private_stays_private(akash, path):
    answer = await akash.api("GET", path, key=None)
    browser = await akash.api("GET", path, key=None, headers={"Authorization": "Bearer whatever"})

    assert (answer.status, answer.body["message"]) == (401, "Unauthorized")
    assert browser.status == 401  # an unknown session is silently anonymous


async def test_two_credentials_at_once_are_refused(akash):
    answer = await akash.api("GET", "/v1/gpu-prices", headers={"Authorization": "Bearer x"})

    assert answer.status == 400
    assert answer.body["message"] == "Authorization and X-Api-Key headers are mutually exclusive"


@pytest.mark.parametrize(
    ("headers", "error"),
    [({}, "Content-Type header is required"), ({"Content-Type": "text/plain"}, "Unsupported Content-Type")],
)
async def test_bodies_must_be_announced_as_json(akash, headers, error):
    skip = () if headers else ("Content-Type",)

    answer = await akash.api("POST", "/v1/deployments", data=b"{}", headers=headers, skip_auto_headers=skip)

    assert (answer.status, answer.body["error"]) == (400, error)


@pytest.mark.parametrize(
    ("body", "path"),
    [({}, ["data"]), ({"data": {}}, ["data", "sdl"]), ({"data": {"sdl": 5}}, ["data", "sdl"])],
)
async def test_what_is_missing_is_named_as_the_validator_does(akash, body, path):
    answer = await akash.api("POST", "/v1/deployments", json=body)

    assert (answer.status, answer.body["code"], answer.body["type"]) == (
        400,
        "validation_error",
        "validation_error",
    )
    assert answer.body["data"][0]["path"] == path


async def test_too_long_a_body_is_refused(akash):
    answer = await akash.api("POST", "/v1/deployments", json={"data": {"sdl": "x" * 600_000}})

    assert answer.status == 413


async def test_broken_json_and_strange_numbers_are_400(akash):
    headers = {"Content-Type": "application/json"}

    assert (await akash.api("POST", "/v1/deployments", data=b"{", headers=headers)).status == 400
    assert (await akash.api("POST", "/v1/deployments", data=b"[]", headers=headers)).status == 400
    assert (await akash.api("GET", "/v1/deployments/abc")).body["code"] == "validation_error"
    assert (await akash.api("GET", "/v1/deployments?limit=many")).status == 400


async def test_unknown_routes_are_plain_404(akash):
    answer = await akash.api("GET", "/v1/nowhere")

    assert (answer.status, answer.body) == (404, "404 Not Found")
    assert (
        (await akash.api("POST", "/v1/certificates", json={}))
        .body["error"]
        .startswith("This endpoint has been")
    )


async def test_slashes_at_the_end_do_not_matter(akash):
    assert (await akash.api("GET", "/v1/user/me/")).status == 200
