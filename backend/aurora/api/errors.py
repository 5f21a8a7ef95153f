"""Every way in which a request can fail, led to one shape of answer."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from aurora.api.access import AccessRefused
from aurora.api.problems import FieldProblem, Problem
from aurora.api.strict_json import NotJson
from aurora.domain.errors import AuroraError, QuotaExceeded, TenantDisabled

_LONGEST_FIELD = 128
_MOST_ERRORS = 50


def install(app: FastAPI) -> None:
    """Let all errors of the app be answered as problem+json. What nobody foresaw is caught further out."""
    app.add_exception_handler(AuroraError, _on_aurora_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(NotJson, _on_no_json)
    app.add_exception_handler(HTTPException, _on_http_exception)


async def _on_aurora_error(request: Request, exc: Exception) -> Response:
    if isinstance(exc, AccessRefused | TenantDisabled | QuotaExceeded):
        request.app.state.aurora.entrance.doors.refused(exc.code)
    problem = Problem.of(exc) if isinstance(exc, AuroraError) else Problem(500, "internal", "")
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        structlog.get_logger("aurora.api").warning(
            "request_failed", path=request.url.path, code=problem.code, detail=problem.detail
        )
    return problem.answer()


async def _on_invalid_request(_request: Request, exc: Exception) -> Response:
    found = exc.errors() if isinstance(exc, RequestValidationError) else []
    errors = list(dict.fromkeys(_field_problem(each) for each in found[:_MOST_ERRORS]))
    named = "; ".join(f"{each.field}: {each.message}" for each in errors[:3])
    return Problem(422, "invalid_request", named or "the request is not valid", errors=errors).answer()


async def _on_no_json(_request: Request, exc: Exception) -> Response:
    error = FieldProblem(exc.field, exc.detail) if isinstance(exc, NotJson) else FieldProblem("body", "")
    return Problem(422, "invalid_request", f"{error.field}: {error.message}", errors=[error]).answer()


async def _on_http_exception(_request: Request, exc: Exception) -> Response:
    """What the framework refuses by itself: unknown paths, wrong methods."""
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    detail = str(exc.detail) if isinstance(exc, HTTPException) else ""
    code = HTTPStatus(status).phrase.lower().replace(" ", "_")
    headers = (exc.headers if isinstance(exc, HTTPException) else None) or {}
    return Problem(status, code, detail, headers=dict(headers)).answer()


def _field_problem(error: Mapping[str, Any]) -> FieldProblem:
    """Name and complaint; never the value, which may be a secret."""
    if error["type"] == "json_invalid":
        return FieldProblem("body", "is not valid JSON")
    message = "unknown field" if error["type"] == "extra_forbidden" else str(error["msg"])
    return FieldProblem(_field(error["loc"]), message.removeprefix("Value error, "))


def _field(location: Iterable[Any]) -> str:
    """`("body", "weights", "price")` is `weights.price`; the body as a whole is `body`."""
    parts = [str(part) for part in location]
    return (".".join(parts[1:]) or parts[0])[:_LONGEST_FIELD]
