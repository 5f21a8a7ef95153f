"""Answers against the response schemas of the Console's own OpenAPI document (era A, and what era B must not break)."""

import pytest

from tests.emulators.akash.conftest import fixture_file, order

SCHEMAS = fixture_file("console-api.schemas")
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "number": (int, float),
    "integer": int,
}
# The contract, from code and live answers, knows better than the document here.
DEPARTURES = {"ips"}  # null unless an address was leased


def faults(schema, value, path="$"):
    """What breaks a schema: types, required keys, enums. A small validator of what the document uses."""
    if not schema:
        return
    choices = schema.get("oneOf") or schema.get("anyOf")
    if choices:
        if all(list(faults(choice, value, path)) for choice in choices):
            yield f"{path}: fits no choice"
        return
    if value is None:
        if not schema.get("nullable") and path.rpartition(".")[2] not in DEPARTURES:
            yield f"{path}: null"
        return
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (kind != "boolean" and isinstance(value, bool))):
        yield f"{path}: {type(value).__name__} instead of {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is not in the enum"
    yield from inner_faults(schema, value, path)


def inner_faults(schema, value, path):
    if isinstance(value, dict):
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{path}.{name}: missing"
        for name, item in value.items():
            yield from faults(schema.get("properties", {}).get(name) or extra(schema), item, f"{path}.{name}")
    if isinstance(value, list):
        for item in value:
            yield from faults(schema.get("items"), item, f"{path}[]")


def extra(schema):
    more = schema.get("additionalProperties")
    return more if isinstance(more, dict) else None


def conforming(route, answer, method="get"):
    schema = SCHEMAS[route][method]["responses"][str(answer.status)]
    assert sorted(set(faults(schema, answer.body)))[:10] == []


def test_the_validator_sees_what_is_wrong():
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"type": "array", "items": {"type": "string"}}},
    }

    assert list(faults(schema, {"a": ["x"]})) == []
    assert list(faults(schema, {})) == ["$.a: missing"]
    assert list(faults(schema, {"a": [1]})) == ["$.a[]: int instead of string"]
    assert list(faults(schema, {"a": None})) == ["$.a: null"]


@pytest.mark.parametrize(
    "route",
    [
        "/v1/gpu-prices",
        "/v1/gpu",
        "/v1/gpu-models",
        "/v1/providers",
        "/v1/network-capacity",
        "/v1/auditors",
        "/v1/provider-regions",
        "/v1/balances",
        "/v1/user/me",
        "/v1/weekly-cost",
        "/v1/blockchain-status",
    ],
)
async def test_reading_routes_keep_to_the_document(akash, route):
    conforming(route, await akash.api("GET", route))


@pytest.mark.parametrize("era", ["a", "b"])
async def test_the_routes_of_a_deployments_life_keep_to_the_document(start, era):
    akash = await start(era=era)
    created = await akash.create("t4", deposit=5)
    dseq = created.data["dseq"]
    bids = await akash.open_bids(dseq)
    leased = await akash.take(bids[0], created.data["manifest"])
    akash.clock.step(91)
    here = f"/v1/deployments/{dseq}"
    deposit = {"data": {"dseq": dseq, "deposit": 1}}
    change = {"data": {"sdl": order("t4", image="b:2")}}
    owner = await akash.owner()
    me = (await akash.api("GET", "/v1/user/me")).data["id"]

    conforming("/v1/deployments", created, "post")
    conforming("/v1/bids", await akash.api("GET", f"/v1/bids?dseq={dseq}"))
    conforming("/v1/leases", leased, "post")
    conforming("/v1/deployments/{dseq}", await akash.api("GET", here))
    conforming("/v1/deployments", await akash.api("GET", "/v1/deployments"))
    conforming(
        "/v1/deposit-deployment", await akash.api("POST", "/v1/deposit-deployment", json=deposit), "post"
    )
    conforming("/v1/deployments/{dseq}", await akash.api("PUT", here, json=change), "put")
    conforming("/v1/wallets", await akash.api("GET", f"/v1/wallets?userId={me}"))
    conforming("/v2/deployment-settings/{dseq}", await akash.api("GET", f"/v2/deployment-settings/{dseq}"))
    conforming(
        "/v1/addresses/{address}/deployments/{skip}/{limit}",
        await akash.api("GET", f"/v1/addresses/{owner}/deployments/0/10?status=active"),
    )
    conforming("/v1/deployment/{owner}/{dseq}", await akash.api("GET", f"/v1/deployment/{owner}/{dseq}"))
    conforming("/v1/deployments/{dseq}", await akash.close(dseq), "delete")


async def test_the_mirrored_lists_the_screening_and_tokens_keep_to_the_document(akash):
    await akash.rent("t4")
    resource = {
        "id": 1,
        "cpu": {"units": {"val": "1000"}},
        "memory": {"quantity": {"val": "1073741824"}},
        "gpu": {"units": {"val": "0"}},
        "storage": [{"name": "default", "quantity": {"val": "1073741824"}}],
    }
    row = {"resource": resource, "count": 1, "price": {"denom": "uact", "amount": "1"}}
    screened = await akash.api("POST", "/v1/bid-screening", json={"resources": [row], "timezone": "UTC"})
    token = {"data": {"ttl": 60, "leases": {"access": "full"}}}
    owner = (await akash.api("GET", "/v1/providers")).body[0]["owner"]

    lists = "/akash/deployment/{version}/deployments/list", "/akash/market/{version}/leases/list"
    conforming(lists[0], await akash.api("GET", "/akash/deployment/v1beta4/deployments/list"))
    conforming(lists[1], await akash.api("GET", "/akash/market/v1beta5/leases/list"))
    conforming("/v1/bid-screening", screened, "post")
    conforming("/v1/create-jwt-token", await akash.api("POST", "/v1/create-jwt-token", json=token), "post")
    conforming("/v1/providers/{address}", await akash.api("GET", f"/v1/providers/{owner}"))
    conforming("/v1/market-data/{coin?}", await akash.api("GET", "/v1/market-data/akt"))
