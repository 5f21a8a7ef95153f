"""docs/gateway-openapi.yaml as a judge: is this an answer that the contract allows, and nothing beside it?"""

import copy
import json
import re
from functools import cache
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

DOCUMENT = yaml.safe_load(
    (Path(__file__).resolve().parents[3] / "docs" / "gateway-openapi.yaml").read_text(encoding="utf-8")
)
# Status of each code, from the table of the contract.
CODES = {
    "invalid_cursor": 400,
    "missing_idempotency_key": 400,
    "bad_json": 400,
    "unauthenticated": 401,
    "insufficient_funds": 402,
    "forbidden": 403,
    "not_found": 404,
    "price_changed": 409,
    "idempotency_mismatch": 409,
    "no_capacity": 409,
    "idempotency_in_progress": 409,
    "logs_expired": 410,
    "invalid_request": 422,
    "rate_limited": 429,
    "internal": 500,
    "upstream_error": 502,
    "unavailable": 503,
    "upstream_timeout": 504,
}


def closed(schema):
    """The same schema without room for fields that it does not name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    if "properties" in inner and inner.get("type") == "object" and "additionalProperties" not in inner:
        inner["additionalProperties"] = False
    return inner


def _closed_components():
    """`details` stays open; what is put together with allOf is merged, so that it can be closed."""
    schemas = copy.deepcopy(DOCUMENT["components"]["schemas"])
    offer, extra = schemas["Offer"], schemas["QuotedOffer"]["allOf"][1]
    schemas["QuotedOffer"] = {
        "type": "object",
        "required": [*offer["required"], *extra["required"]],
        "properties": {**offer["properties"], **extra["properties"]},
    }
    return {"schemas": closed(schemas)}


COMPONENTS = _closed_components()


def resolved(node):
    """A node, or what its only key `$ref` points to."""
    if set(node) != {"$ref"}:
        return node
    found = DOCUMENT
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def faults(schema, value):
    """What breaks a schema of the document, in words."""
    errors = _judge(json.dumps(schema)).iter_errors(value)
    return [f"{'/'.join(map(str, error.path))}: {error.message}"[:300] for error in errors]


@cache
def _judge(schema):
    return Draft202012Validator({**json.loads(schema), "components": COMPONENTS})


def named(name, value):
    return faults({"$ref": f"#/components/schemas/{name}"}, value)


def operation_at(method, path):
    """The operation that a path without its base belongs to; None for strange ones."""
    for template, operations in DOCUMENT["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, path) and method.lower() in operations:
            return operations[method.lower()]
    return None


def answer_faults(method, path, *, status, headers, body):
    operation = operation_at(method, path)
    failure = DOCUMENT["components"]["responses"]["Failure"]
    response = (operation or {}).get("responses", {}).get(str(status))
    response = resolved(response) if response else failure
    found = list(header_faults(response, headers))
    kind = headers["Content-Type"].partition(";")[0]
    if kind not in response["content"]:
        return [*found, f"{kind} is not an answer of {method} {path}"]
    if kind == "application/json":
        found += faults(response["content"][kind]["schema"], body)
    if response is failure and not found:
        code = body["error"]["code"]
        found += [] if CODES[code] == status else [f"{code} with status {status}"]
        found += [] if status != 429 or "Retry-After" in headers else ["429 without Retry-After"]
        found += [] if body["error"]["request_id"] == headers["X-Request-Id"] else ["another request id"]
    return found


def header_faults(response, headers):
    for name, header in response.get("headers", {}).items():
        rule = resolved(header)
        if name not in headers:
            if rule.get("required"):
                yield f"{name}: missing"
            continue
        yield from (f"{name}: {fault}" for fault in faults(rule["schema"], headers[name]))
