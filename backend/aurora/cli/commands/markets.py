"""What the markets sell and how they are: `offers`, `providers`, `sync`, `breakers`, `health`, `alerts`, `policies`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from aurora.cli import complete
from aurora.cli.asking import decimal
from aurora.cli.client import Answer, Client, Json
from aurora.cli.exits import CliError, ExitCode
from aurora.cli.options import AsJson, Watching, taking
from aurora.cli.session import leave, session
from aurora.cli.watching import Watched, watch

HEALTH = "/api/v1/provider-health"

app = typer.Typer()
_PANEL = "Markets"
breakers_app = typer.Typer(invoke_without_command=True, help="Show or close circuit breakers.")


@dataclass(frozen=True, slots=True)
class OfferOptions:
    """Filters and order of the catalogue."""

    gpu: Annotated[
        str | None, typer.Option("--gpu", help="a100, a100-sxm-80gb, ...", autocompletion=complete.gpus)
    ] = None
    region: Annotated[
        str | None, typer.Option(help="us-west, eu-central, ...", autocompletion=complete.regions)
    ] = None
    provider: Annotated[
        list[str] | None,
        typer.Option("--provider", help="Only this one; repeatable.", autocompletion=complete.providers),
    ] = None
    count: Annotated[int | None, typer.Option("--count", help="GPUs of the offer.", min=1)] = None
    max_price: Annotated[str | None, typer.Option(help="USD per GPU and hour.", metavar="USD")] = None
    min_vram: Annotated[str | None, typer.Option(help="Per GPU.", metavar="GB")] = None
    spot: Annotated[
        bool | None, typer.Option("--spot/--no-spot", help="Only, or none, that may be taken away.")
    ] = None
    free: Annotated[bool, typer.Option("--free", help="Only what is free now, or may be.")] = False
    sort: Annotated[
        str,
        typer.Option(
            help="price, g_score, vram_gb, ...; -price: largest first.", autocompletion=complete.sorts
        ),
    ] = "price"
    limit: Annotated[int, typer.Option(help="Rows.", min=1, max=1000)] = 20
    as_json: AsJson = False


@app.command(rich_help_panel=_PANEL)
@taking(OfferOptions)
def offers(options: OfferOptions) -> None:
    """What the markets sell now, cheapest first."""
    from aurora.cli.market_pages import offers_page

    with session(as_json=options.as_json) as run:
        query = {
            "gpu_type": options.gpu,
            "region": options.region,
            "provider": ",".join(options.provider or ()) or None,
            "gpu_count": options.count,
            "max_price": decimal("--max-price", options.max_price),
            "min_vram_gb": decimal("--min-vram", options.min_vram),
            "spot": options.spot,
            "available": True if options.free else None,
            "sort": options.sort,
            "limit": options.limit,
        }
        run.show(run.client.get("/offers", query), offers_page)


@app.command(rich_help_panel=_PANEL)
def providers(as_json: AsJson = False, watch_it: Watching = False) -> None:
    """The markets, how they are, and how much of each is known."""
    from aurora.cli.market_pages import providers_page

    with session(as_json=as_json) as run:
        watched = Watched(lambda: run.client.get("/providers"), providers_page)
        if watch_it:
            watch(run, watched)
        else:
            run.show(watched.look(), watched.page)


@app.command(rich_help_panel=_PANEL)
def sync(
    as_json: AsJson = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the report.", min=1)] = 900.0,
) -> None:
    """Read all markets now. Exit code 9 when one of them could not be read."""
    from aurora.cli.market_pages import sync_page
    from aurora.cli.screen import progress

    with session(as_json=as_json) as run:
        run.if_interrupted = "the sync goes on in Aurora; `aurora providers` shows what it has read"
        with progress("reading the markets"):
            answer = run.client.post("/api/v1/providers/sync", timeout_s=timeout)
        run.show(answer, sync_page)
        outcomes = [each["outcome"] for each in answer.data["providers"].values()]
        leave(ExitCode.CHECK_FAILED if "failed" in outcomes else ExitCode.OK)


@breakers_app.callback()
def breakers(context: typer.Context, as_json: AsJson = False, watch_it: Watching = False) -> None:
    """Show the circuit breakers, by market and class of operation."""
    if context.invoked_subcommand is not None:
        return
    from aurora.cli.market_pages import breakers_page

    with session(as_json=as_json) as run:
        watched = Watched(lambda: run.client.get(f"{HEALTH}/circuit-breakers"), breakers_page)
        if watch_it:
            watch(run, watched)
        else:
            run.show(watched.look(), watched.page)


@breakers_app.command("reset")
def reset(
    name: Annotated[str, typer.Argument(help="The market.", autocompletion=complete.providers)],
    operation_class: Annotated[
        str | None,
        typer.Option(
            "--class", help="Only this: read, create or control.", autocompletion=complete.breaker_classes
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Close a market's circuit breakers. Who did it, and when, is recorded."""
    from aurora.cli.market_pages import reset_page

    with session(as_json=as_json) as run:
        answer = run.client.post(f"{HEALTH}/circuit-breakers/{name}/reset", query={"class": operation_class})
        run.show(answer, reset_page)


@app.command(rich_help_panel=_PANEL)
def health(as_json: AsJson = False, watch_it: Watching = False) -> None:
    """Is Aurora alive and ready, and how are its markets? Exit code 9 when they are unhealthy, 3 when it is not ready."""
    from aurora.cli.market_pages import health_page

    with session(as_json=as_json) as run:
        watched = Watched(lambda: _health(run.client), lambda found: health_page(**found))
        if watch_it:
            watch(run, watched)
        answer = watched.look()
        run.show(answer, watched.page)
        leave(_health_code(answer.data))


@app.command(rich_help_panel=_PANEL)
def alerts(as_json: AsJson = False, watch_it: Watching = False) -> None:
    """What a person should look at now, and where the runbook says what to do. Exit code 9 when anything holds."""
    from aurora.cli.alert_page import alerts_page

    with session(as_json=as_json) as run:
        watched = Watched(lambda: run.client.get("/api/v1/alerts"), alerts_page)
        if watch_it:
            watch(run, watched)
        answer = watched.look()
        run.show(answer, watched.page)
        leave(ExitCode.CHECK_FAILED if answer.data["alerts"] else ExitCode.OK)


@app.command(rich_help_panel=_PANEL)
def policies(as_json: AsJson = False) -> None:
    """How offers can be scored: the values of `--policy`."""
    from aurora.cli.market_pages import policies_page

    with session(as_json=as_json) as run:
        run.show(run.client.get("/policies"), policies_page)


def _health(client: Client) -> Answer:
    """Three answers in one document."""
    import json

    documents = {
        "alive": client.get("/health").document,
        "ready": _ready(client),
        "markets": client.get(f"{HEALTH}/health").document,
    }
    return Answer(json.dumps(documents))


def _ready(client: Client) -> Json:
    """Not ready is an answer here, not an error."""
    try:
        found: Json = client.get("/ready").document
    except CliError as exc:
        if exc.document is None or "checks" not in exc.document:
            raise
        return dict(exc.document)
    return found


def _health_code(found: Json) -> ExitCode:
    if not found["ready"]["ready"]:
        return ExitCode.UNREACHABLE
    return ExitCode.CHECK_FAILED if found["markets"]["status"] == "unhealthy" else ExitCode.OK
