"""Every request that the official client was recorded to send is accepted and answered in the shape of the contract."""

import json
from pathlib import Path
from urllib.parse import parse_qs

import pytest

RECORDINGS = Path(__file__).resolve().parents[1] / "fixtures" / "vastai" / "cli_vastai_1.9.1_requests.json"
COMMANDS = json.loads(RECORDINGS.read_text())
RECORDED_OFFER, RECORDED_INSTANCE, RECORDED_LOG = "7654321", "26012345", "/fake-s3/abc.log"


# What an answer must satisfy, by the first part of the path that fits.
SHAPES = {
    "/bundles": lambda body: all(offer["id"] == offer["ask_contract_id"] for offer in body["offers"]),
    "/search/asks": lambda body: all(offer["id"] == offer["ask_contract_id"] for offer in body["offers"]),
    "/v0/asks/": lambda body: (
        body["success"] is True and body["new_contract"] > 0 and len(body["instance_api_key"]) == 64
    ),
    "/v1/instances": lambda body: (
        {"instances", "next_token", "total_instances", "label_counts"} <= body.keys()
    ),
    "/filters": lambda body: isinstance(body["filters"], list),
    "/gpu_names": lambda body: isinstance(body["gpu_names"], list),
    "/users/current": lambda body: isinstance(body["credit"], float),
    "/request_logs": lambda body: body["result_url"].startswith("http://"),
    "/v0/instances": lambda body: body.get("success") is True or body["instances"]["id"] > 0,
}


def shape_is_right(path, body):
    return SHAPES[next(part for part in SHAPES if part in path)](body)


@pytest.mark.parametrize("command", COMMANDS, ids=[command["argv"][:60] for command in COMMANDS])
async def test_recorded_requests_are_understood(vast, command):
    offer = await vast.an_offer()
    price = 0.2 if "bid" in command["argv"] else None
    instance = await vast.rent(
        await vast.an_offer(machine_id={"neq": offer["machine_id"]}, min_bid={"lt": 0.2}), price=price
    )

    for request in command["requests"]:
        path = (
            request["path"]
            .replace(RECORDED_OFFER, str(offer["id"]))
            .replace(RECORDED_INSTANCE, str(instance))
        )
        query = {name: values[0] for name, values in parse_qs(request["raw_query"]).items()}
        if path == RECORDED_LOG or query.pop("after_token", None):  # invented by the recorder
            continue
        body = request["json_body"]
        if body is not None and body.get("price") and "/asks/" in path:
            body = {**body, "price": offer["min_bid"]}
        key = "TESTKEY" if "Authorization" in request["headers"] else None
        answer = await vast.ask(request["method"], f"/vastai{path}", params=query, json=body, key=key)

        assert answer.status == 200, (request, answer)
        assert answer.headers["Content-Type"] == "application/json"
        assert shape_is_right(path, answer.body), (path, answer.body)
