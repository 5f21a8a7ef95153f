"""The HTTP application around a running Aurora."""

from typing import Any

from fastapi import FastAPI

from aurora.api import errors
from aurora.api.admission import Admission
from aurora.api.middleware.access_gate import AccessGate
from aurora.api.middleware.answer_headers import AnswerHeaders
from aurora.api.middleware.audit_trail import AuditTrail
from aurora.api.middleware.body_intake import BodyIntake
from aurora.api.middleware.request_context import RequestContext
from aurora.api.middleware.request_trace import RequestTrace
from aurora.api.ports import AuroraPort
from aurora.api.routes import (
    alerts,
    audit,
    deployments,
    keys,
    me,
    offers,
    policies,
    provider_health,
    providers,
    routing,
    service,
    tenants,
    whatif,
)
from aurora.api.schemas.problem import ProblemOut

_DESCRIPTION = """One API over the decentralised GPU markets: ask for a GPU within limits, get the best offer and the
reason, a deployment that fails over, and an account of every cent. Errors are problem+json with a stable `code`."""


_ALL = (
    routing,
    whatif,
    policies,
    deployments,
    offers,
    providers,
    provider_health,
    alerts,
    tenants,
    keys,
    audit,
    me,
    service,
)


def create_app(aurora: AuroraPort, *, service_only: bool = False) -> FastAPI:
    """The app; it opens and closes nothing: lifetimes are bootstrap's. `service_only`: what probes and scrapers ask."""
    app = FastAPI(
        title="Aurora",
        version=aurora.version,
        description=_DESCRIPTION,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.state.aurora = aurora
    for module in (service,) if service_only else _ALL:
        app.include_router(module.router)
    errors.install(app)
    # The last one added is the outermost.
    app.add_middleware(BodyIntake)
    doors = aurora.entrance.doors
    admission = Admission(aurora.access, doors, clock=aurora.clock)
    app.add_middleware(AccessGate, admission=admission, doors=doors)
    app.add_middleware(AuditTrail, log=aurora.entrance.audit)
    if aurora.tracer.enabled:
        app.add_middleware(RequestTrace, tracer=aurora.tracer)
    app.add_middleware(RequestContext, clock=aurora.clock, mode=aurora.mode)
    app.add_middleware(AnswerHeaders)
    _declare_problems(app)
    return app


def _declare_problems(app: FastAPI) -> None:
    """Put the schema that every error refers to into the document; the framework knows only models of answers."""
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        document = generated()
        schemas = document["components"]["schemas"]
        if "Problem" not in schemas:
            problem = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs"))
            schemas["Problem"] = problem
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # the documented way to extend the document
