"""Deployments after they were asked for: `status`, `logs`, `terminate`, `extend`, `why`, `costs`."""

from decimal import Decimal
from typing import Annotated

import typer

from aurora.cli import complete
from aurora.cli.asking import decimal, wrong
from aurora.cli.client import Answer
from aurora.cli.durations import gpu_hours
from aurora.cli.exits import CliError, ExitCode
from aurora.cli.options import AsJson, Watching
from aurora.cli.session import Session, leave, session

app = typer.Typer()
_PANEL = "Deployments"

Deployment = Annotated[
    str, typer.Argument(metavar="DEPLOYMENT", help="dep-...", autocompletion=complete.deployments)
]


@app.command(rich_help_panel=_PANEL)
def status(
    deployment: Annotated[
        str | None,
        typer.Argument(
            metavar="DEPLOYMENT", help="dep-...; without it: the list.", autocompletion=complete.deployments
        ),
    ] = None,
    watch_it: Watching = False,
    state: Annotated[
        str | None,
        typer.Option("--status", help="Of the list: only these.", autocompletion=complete.statuses),
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="Of the list: only there.", autocompletion=complete.providers)
    ] = None,
    limit: Annotated[int, typer.Option(help="Of the list: rows.", min=1, max=200)] = 20,
    as_json: AsJson = False,
) -> None:
    """Where a deployment stands, or the list of all. With --watch exit code 7 when it fails."""
    with session(as_json=as_json) as run:
        if deployment is not None:
            _status_of(run, deployment, watch_it=watch_it)
        else:
            _status_of_all(run, {"status": state, "provider": provider, "limit": limit}, watch_it=watch_it)


@app.command(rich_help_panel=_PANEL)
def logs(
    deployment: Deployment,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    tail: Annotated[
        int, typer.Option("--tail", "-n", help="Last lines to begin with.", min=1, max=10_000)
    ] = 1000,
    timestamps: Annotated[bool, typer.Option("--timestamps", help="The market's time in front.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Read the log: live while it runs, the archived last lines afterwards.

    --follow reconnects by itself, without showing a line twice; where lines were lost it says so on stderr.
    """
    from aurora.cli.follow import Follower, LineOut, read

    with session() as run:
        run.if_interrupted = (
            f"stopped reading; {deployment} goes on. End it with: aurora terminate {deployment}"
        )
        out = LineOut(as_json=as_json)
        if follow:
            Follower(run.client, deployment, out=out, timestamps=timestamps).run(tail=tail)
        else:
            read(run.client, deployment, out=out, tail=tail, timestamps=timestamps)


@app.command(rich_help_panel=_PANEL)
def terminate(
    deployment: Deployment,
    wait: Annotated[bool, typer.Option("--wait", help="Until the market has confirmed the end.")] = False,
    as_json: AsJson = False,
) -> None:
    """End a deployment. Harmless to repeat; Aurora goes on until the market has confirmed it twice."""
    from aurora.cli.deployment_pages import deployment_page

    with session(as_json=as_json) as run:
        answer = run.client.delete(f"/deployments/{deployment}")
        if wait:
            from aurora.cli.screen import progress
            from aurora.cli.waiting import Waiter, is_ended, progress_line

            run.if_interrupted = f"stopped waiting; {deployment} is being ended all the same"
            with progress(f"{deployment}: terminating") as tell:
                answer = Waiter(run.client).until(
                    deployment, is_ended, seconds=None, tell=lambda found: tell(progress_line(found))
                )
        run.show(answer, deployment_page)


@app.command(rich_help_panel=_PANEL)
def extend(
    deployment: Deployment,
    duration: Annotated[
        str | None, typer.Argument(metavar="DURATION", help="How much longer it may run: 30m, 2h.")
    ] = None,
    hours: Annotated[
        str | None, typer.Option("--gpu-hours", help="The same in GPU-hours, over all GPUs.", metavar="HOURS")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a deployment more time; its cost limit grows with it."""
    from aurora.cli.deployment_pages import deployment_page

    with session(as_json=as_json) as run:
        more = _more_hours(run, deployment, duration, hours)
        run.show(run.client.post(f"/deployments/{deployment}/extend", {"gpu_hours": more}), deployment_page)


@app.command(rich_help_panel=_PANEL)
def why(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="DEPLOYMENT|DECISION", help="dep-... or dec-...", autocompletion=complete.deployments
        ),
    ],
    top: Annotated[int, typer.Option(help="Offers of the ranking.", min=1, max=20)] = 5,
    as_json: AsJson = False,
) -> None:
    """The whole story: what was asked, who was eliminated and why, the ranking, each attempt, the cost."""
    from aurora.cli.story import story, story_page

    with session(as_json=as_json) as run:
        found = story(run.client, subject)
        run.show(found, lambda data: story_page(data, top=top))


@app.command(rich_help_panel=_PANEL)
def costs(
    state: Annotated[
        str | None, typer.Option("--status", help="Only these.", autocompletion=complete.statuses)
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="Only there.", autocompletion=complete.providers)
    ] = None,
    limit: Annotated[int, typer.Option(help="Newest deployments to count.", min=1)] = 1000,
    as_json: AsJson = False,
) -> None:
    """What each deployment has cost, and totals by market and status."""
    from aurora.cli.costs import costs_page, ledger
    from aurora.cli.screen import progress

    with session(as_json=as_json) as run:
        with progress("adding up"):
            found = ledger(run.client, {"status": state, "provider": provider}, limit=limit)
        run.show(found, costs_page)


def _status_of(run: Session, deployment: str, *, watch_it: bool) -> None:
    from aurora.cli.deployment_pages import deployment_page
    from aurora.cli.waiting import is_ended, progress_line
    from aurora.cli.watching import Watched, watch

    def look() -> Answer:
        return run.client.get(f"/deployments/{deployment}")

    if not watch_it:
        run.show(look(), deployment_page)
        return
    run.if_interrupted = f"stopped watching; {deployment} goes on. End it with: aurora terminate {deployment}"
    found = watch(run, Watched(look, deployment_page, progress_line, is_ended)).data
    leave(ExitCode.FAILED if found["status"] == "failed" else ExitCode.OK)


def _status_of_all(run: Session, query: dict[str, str | int | None], *, watch_it: bool) -> None:
    from aurora.cli.deployment_pages import deployments_page
    from aurora.cli.watching import Watched, watch

    watched = Watched(lambda: run.client.get("/deployments", query), deployments_page)
    if watch_it:
        watch(run, watched)
    else:
        run.show(watched.look(), watched.page)


def _more_hours(run: Session, deployment: str, duration: str | None, hours: str | None) -> Decimal:
    if (duration is None) == (hours is None):
        raise CliError(
            ExitCode.USAGE,
            "DURATION: give a duration or --gpu-hours, one of them",
            then=f"for instance: aurora extend {deployment} 2h",
        )
    given = decimal("--gpu-hours", hours)
    if given is not None:
        return given
    count = run.client.get(f"/deployments/{deployment}").data["gpu_count"]
    try:
        return gpu_hours(str(duration), gpu_count=int(count or 1))
    except ValueError as exc:
        raise wrong("DURATION", str(exc)) from None
