import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.openapi.models import OpenAPI
from pydantic import BaseModel

from aurora.api import schemas
from aurora.api.app import create_app
from aurora.api.schemas.problem import ProblemOut
from tests.unit.api.fakes import FakeAurora

PATHS = {
    "/route": {"post"},
    "/route/whatif": {"post"},
    "/policies": {"get"},
    "/deployments": {"get"},
    "/deployments/{deployment_id}": {"get", "delete"},
    "/deployments/{deployment_id}/extend": {"post"},
    "/deployments/{deployment_id}/logs": {"get"},
    "/deployments/{deployment_id}/events": {"get"},
    "/decisions/{decision_id}": {"get"},
    "/offers": {"get"},
    "/providers": {"get"},
    "/health": {"get"},
    "/ready": {"get"},
    "/metrics": {"get"},
    "/api/v1/alerts": {"get"},
    "/api/v1/providers/sync": {"get", "post"},
    "/api/v1/tenants": {"get", "post"},
    "/api/v1/tenants/{tenant_id}": {"get", "patch", "delete"},
    "/api/v1/tenants/{tenant_id}/keys": {"get", "post"},
    "/api/v1/keys/{key_id}": {"delete"},
    "/api/v1/keys/{key_id}/rotate": {"post"},
    "/api/v1/audit": {"get"},
    "/api/v1/me": {"get"},
    "/api/v1/provider-health/health": {"get"},
    "/api/v1/provider-health/providers/{name}/health": {"get"},
    "/api/v1/provider-health/providers/{name}/health-check": {"post"},
    "/api/v1/provider-health/circuit-breakers": {"get"},
    "/api/v1/provider-health/circuit-breakers/{name}/reset": {"post"},
    "/api/v1/provider-health/rate-limiters": {"get"},
    "/api/v1/provider-health/cache/stats": {"get"},
    "/api/v1/provider-health/cache/invalidate": {"post"},
    "/api/v1/provider-health/metrics/summary": {"get"},
}


@pytest.fixture
def document(aurora: FakeAurora) -> dict[str, Any]:
    return create_app(aurora).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "$ref")
        yield from (found for value in node.values() for found in references(value))
    elif isinstance(node, list):
        yield from (found for value in node for found in references(value))


def models() -> list[type[BaseModel]]:
    found: dict[str, type[BaseModel]] = {}
    for module in pkgutil.iter_modules(schemas.__path__):
        names = vars(importlib.import_module(f"{schemas.__name__}.{module.name}"))
        found |= {
            f"{each.__module__}.{each.__name__}": each
            for each in names.values()
            if isinstance(each, type)
            and issubclass(each, BaseModel)
            and each.__module__.startswith("aurora.")
        }
    return list(found.values())


def test_the_document_is_valid_openapi(document):
    OpenAPI.model_validate(document)


def test_every_documented_endpoint_is_there_and_no_other(document):
    assert {path: set(methods) for path, methods in document["paths"].items()} == PATHS


def test_every_reference_leads_somewhere(document):
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    assert set(references(document)) <= known


def test_the_document_is_the_same_when_asked_again(aurora):
    app = create_app(aurora)

    assert app.openapi() == app.openapi()


def test_every_endpoint_declares_its_refusals_as_problems(document):
    for name, operation in operations(document):
        assert {"401", "403", "429", "500", "503"} <= set(operation["responses"]), name
        assert operation["summary"], name
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                content = response["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, name
                assert ProblemOut.model_validate(content["example"]).status == int(status), name


def test_every_endpoint_with_input_declares_422(document):
    for name, operation in operations(document):
        if "parameters" in operation or "requestBody" in operation:
            assert "422" in operation["responses"], name


def test_every_success_is_described_by_a_model_with_an_example_or_by_an_example(document):
    with_examples = {
        model.model_config.get("title") or model.__name__
        for model in models()
        if (model.model_config.get("json_schema_extra") or {}).get("examples")
    }
    for name, operation in operations(document):
        [success] = [response for status, response in operation["responses"].items() if int(status) < 400]
        [content] = success["content"].values()
        model = content["schema"].get("$ref", "").rpartition("/")[2]
        assert model in with_examples or "example" in content, name


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_example_is_valid(model):
    for example in (model.model_config.get("json_schema_extra") or {}).get("examples", []):
        model.model_validate(example)


async def test_the_documentation_is_served(client):
    async with client.get("/docs") as page, client.get("/openapi.json") as document:
        assert page.status == document.status == 200
        assert (await document.json())["info"]["title"] == "Aurora"
