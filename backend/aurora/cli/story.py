"""`aurora why`: everything about one deployment or decision, put together."""

import json
from typing import Any

from aurora.cli.client import Answer, Client, Json
from aurora.cli.decision_pages import cost_page, decision_page, events_page
from aurora.cli.exits import CliError, ExitCode
from aurora.cli.figures import plural
from aurora.cli.pages import BLANK, Block, Line, Page, heading, next_steps, tone
from aurora.cli.waiting import ENDED


def story(client: Client, subject: str) -> Answer:
    """`{"deployment", "decision", "events"}`; for a decision alone the first is null and the last empty."""
    if subject.startswith("dec-"):
        decision = client.get(f"/decisions/{subject}").document
        return _told(None, decision, [])
    deployment = client.get(f"/deployments/{subject}").document
    events = client.get(f"/deployments/{subject}/events").document["events"]
    return _told(deployment, _decision(client, deployment["decision_id"]), events)


def story_page(found: Json, *, top: int) -> Page:
    """What was asked, who was eliminated, the ranking, the attempts, the cost."""
    deployment, decision = found["deployment"], found["decision"]
    attempts = (deployment or {}).get("attempts") or ()
    tried = {each["offer_id"]: each["number"] for each in attempts}
    page: list[Block] = [_headline(deployment, decision), BLANK]
    if decision is None:
        page.append(Line("The decision is not stored any more."))
    else:
        page += decision_page(decision, tried=tried, top=top)
    if deployment is None:
        return [*page, *_next_of_decision(decision)]
    return [*page, *events_page(found["events"], attempts), *cost_page(deployment), *_next(deployment)]


def _told(deployment: Any, decision: Any, events: Any) -> Answer:
    return Answer(json.dumps({"deployment": deployment, "decision": decision, "events": events}))


def _decision(client: Client, name: str) -> Any:
    try:
        return client.get(f"/decisions/{name}").document
    except CliError as exc:
        if exc.code is ExitCode.NOT_FOUND:
            return None
        raise


def _headline(deployment: Json | None, decision: Json | None) -> Line:
    if deployment is None:
        chosen = (decision or {}).get("chosen")
        said = f"chose {chosen}" if chosen else "found no offer"
        return heading(f"{(decision or {}).get('id')} {said}{_emulated(decision)}")
    reason = deployment.get("detail") or deployment.get("reason")
    where = f" on {deployment['provider']}" if deployment.get("provider") else ""
    tries = plural(deployment["attempt"], "attempt")
    said = f"{deployment['id']} is {deployment['status']}{where} after {tries}"
    styled = tone(deployment["status"])
    style = "bold" if isinstance(styled, str) else f"bold {styled.style}"
    return Line(f"{said}{f': {reason}' if reason else ''}{_emulated(deployment)}", style=style)


def _emulated(found: Json | None) -> str:
    return " (emulated)" if found and found.get("emulated") else ""


def _next(deployment: Json) -> Page:
    name = deployment["id"]
    if deployment["status"] in ENDED:
        return [BLANK, next_steps((f"aurora logs {name}", "its last lines"))]
    return [
        BLANK,
        next_steps((f"aurora logs {name} --follow", "read its log"), (f"aurora terminate {name}", "end it")),
    ]


def _next_of_decision(decision: Json | None) -> Page:
    if decision is None or decision["chosen"]:
        return []
    asked = decision["request"]
    command = f"aurora whatif --gpu {asked['gpu_type']} --region {asked['region']}"
    return [BLANK, next_steps((command, "what each limit costs now"))]
