"""Asking for a GPU: `route`, and `whatif` to see what each limit costs."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import typer

from aurora.cli.asking import AskOptions, body_of, wrong
from aurora.cli.client import Answer, Json
from aurora.cli.durations import seconds_of
from aurora.cli.exits import ExitCode, Unreachable
from aurora.cli.options import AsJson, taking
from aurora.cli.session import Session, leave, session

app = typer.Typer()
_PANEL = "Ask for a GPU"


@dataclass(frozen=True, slots=True)
class RouteOptions(AskOptions):
    """What is asked for, and what to do with the answer."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide only; deploy nothing.")] = False
    wait: Annotated[
        str | None, typer.Option("--wait", help="Wait so long for it to run: 60s, 5m.", metavar="TIME")
    ] = None
    idempotency_key: Annotated[
        str | None, typer.Option(help="Same key and request: the same deployment. Made up when absent.")
    ] = None
    as_json: AsJson = False


@dataclass(frozen=True, slots=True)
class WhatIfOptions(AskOptions):
    """The same request, nothing deployed."""

    as_json: AsJson = False


@app.command(rich_help_panel=_PANEL)
@taking(RouteOptions)
def route(options: RouteOptions) -> None:
    """Choose the best offer under your limits and deploy on it.

    aurora route --workload llm_inference --gpu a100 --region us-west --duration 2h
    """
    from aurora.cli.deployment_pages import route_page

    with session(as_json=options.as_json) as run:
        body = body_of(options)
        seconds = _seconds(options.wait)
        answer = _posted(run, body, options)
        if seconds is not None and answer.data["deployment_id"] and not options.dry_run:
            answer = _waited(run, answer, seconds)
        run.show(answer, route_page)
        leave(_code(answer.data, waited=seconds is not None and not options.dry_run))


@app.command(rich_help_panel=_PANEL)
@taking(WhatIfOptions)
def whatif(options: WhatIfOptions) -> None:
    """What each limit costs: the same request with one limit changed, and the price that gives."""
    from aurora.cli.whatif_page import whatif_page

    with session(as_json=options.as_json) as run:
        body = body_of(options)
        run.show(run.client.post("/route/whatif", body), lambda found: whatif_page(found, body))


def _posted(run: Session, body: dict[str, Any], options: RouteOptions) -> Answer:
    """Under an idempotency key, so that a lost answer can be asked for again without a second deployment."""
    if options.dry_run:
        return run.client.post("/route", {**body, "dry_run": True})
    import secrets

    key = options.idempotency_key or f"cli-{secrets.token_hex(8)}"
    again = f"repeat it with --idempotency-key {key}: that never deploys twice"
    run.if_interrupted = f"stopped; it may have been deployed. `aurora status` lists it; or {again}"
    try:
        return run.client.post("/route", body, headers={"Idempotency-Key": key})
    except Unreachable as exc:
        if exc.sent:
            raise Unreachable(exc.what, then=again, sent=True) from None
        raise


def _waited(run: Session, answer: Answer, seconds: Decimal) -> Answer:
    """The answer with the deployment as it is then."""
    import json

    from aurora.cli.screen import progress
    from aurora.cli.waiting import Waiter, is_settled, progress_line

    name = answer.data["deployment_id"]
    run.if_interrupted = f"stopped waiting; {name} goes on. End it with: aurora terminate {name}"
    with progress(f"{name}: {answer.data['status']}") as tell:
        found = Waiter(run.client).until(
            name, is_settled, seconds=float(seconds), tell=lambda deployment: tell(progress_line(deployment))
        )
    then = found.document
    reason = then["detail"] or then["reason"]
    merged = {**answer.document, "status": then["status"], "reason": reason, "deployment": then}
    return Answer(json.dumps({**merged, **_present_offer(then, answer.document)}))


def _present_offer(deployment: Json, answer: Json) -> Json:
    """After a fail-over another offer runs than the one that was chosen first."""
    attempts, prices = deployment["attempts"], deployment["prices"]
    if not attempts or not prices or attempts[-1]["offer_id"] == answer["offer_id"]:
        return {}
    return {
        "provider": deployment["provider"],
        "offer_id": attempts[-1]["offer_id"],
        "price_usd_per_hour": prices["usd_per_hour"],
        "price_usd_per_gpu_hour": prices["usd_per_gpu_hour"],
        "price_kind": prices["price_kind"],
        "price_age_seconds": prices["age_seconds"],
    }


def _seconds(wait: str | None) -> Decimal | None:
    if wait is None:
        return None
    try:
        return seconds_of(wait if not wait.replace(".", "").isdigit() else f"{wait}s")
    except ValueError as exc:
        raise wrong("--wait", str(exc)) from None


def _code(answer: Json, *, waited: bool) -> ExitCode:
    if answer["provider"] is None:
        return ExitCode.NO_CAPACITY
    status = answer["status"]
    if status == "failed" or (status == "terminated" and answer["reason"] != "completed"):
        return ExitCode.FAILED
    return ExitCode.STILL_GOING if waited and status not in {"running", "terminated"} else ExitCode.OK
