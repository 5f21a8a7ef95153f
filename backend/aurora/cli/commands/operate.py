"""Running Aurora: `serve`, `migrate`, `reseal`, `emulate`, `run`, `doctor` and `conformance`."""

from typing import Annotated

import typer

from aurora.cli import complete
from aurora.cli.exits import ExitCode
from aurora.cli.options import AsJson, EnvFile
from aurora.cli.session import leave, session

app = typer.Typer()
_PANEL = "On this machine"


@app.command(rich_help_panel=_PANEL)
def serve(
    env_file: EnvFile = ".env",
    role: Annotated[str, typer.Option(help="all, api or worker.", autocompletion=complete.roles)] = "all",
) -> None:
    """Run API, scheduled sync, reconciler and sweep in one process (or one part of it)."""
    import gc

    # What is imported stays: looking for garbage in it takes a seventh of the imports' processor time. `spare_the_loop`
    # turns it on again once everything is there.
    gc.disable()
    try:
        from aurora.cli.serve import serve as run_server

        code = run_server(env_file=env_file or None, role=role)
    finally:
        gc.enable()
    _exit(code)


@app.command(rich_help_panel=_PANEL)
def migrate(
    revision: Annotated[str, typer.Argument(help="A revision, `head` or `base`.")] = "head",
    env_file: EnvFile = ".env",
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Bring the database of DATABASE_URL to the newest schema."""
    from aurora.cli.migrate import migrate as run_migration

    _exit(run_migration(env_file=env_file or None, revision=revision, dry_run=dry_run))


@app.command(rich_help_panel=_PANEL)
def reseal(env_file: EnvFile = ".env") -> None:
    """After SECRET_KEY was changed: encrypt everything stored under the new one (see SECRET_KEY_PREVIOUS)."""
    from aurora.cli.reseal import reseal as run_reseal

    _exit(run_reseal(env_file=env_file or None))


@app.command(rich_help_panel=_PANEL)
def emulate(
    port: Annotated[int, typer.Option(help="Port of the emulators.", min=0, max=65535)] = 9100,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    providers: Annotated[str, typer.Option(help="Comma-separated names; all by default.")] = "",
    seed: Annotated[int, typer.Option(help="Same seed, same market.")] = 0,
    state_speed: Annotated[
        float, typer.Option(help="How much faster instances change state than in life.", min=0.001)
    ] = 1.0,
    limits: Annotated[
        str, typer.Option(help="real: the markets' own limits and quotas; relaxed: none.")
    ] = "real",
    offers: Annotated[int, typer.Option(help="Offers of Vast.ai.", min=0)] = 2400,
    era: Annotated[str, typer.Option(help="Version of Akash's Console API: a or b.")] = "b",
) -> None:
    """Run the provider emulators, each under its own prefix (/vastai/api/v0/...)."""
    from aurora.cli.emulate import emulate as run_emulators

    _exit(
        run_emulators(
            host=host,
            port=port,
            providers=providers,
            seed=seed,
            state_speed=state_speed,
            limits=limits,
            offers=offers,
            era=era,
        )
    )


@app.command(rich_help_panel=_PANEL)
def run(
    limits: Annotated[str, typer.Option(help="Limits of the emulators: relaxed or real.")] = "relaxed",
    state_speed: Annotated[float, typer.Option(help="Speed of the emulated instances.", min=0.001)] = 1.0,
) -> None:
    """Migrate, start the emulators and serve in emulated mode, all under one Ctrl-C. Reads no .env."""
    from aurora.cli.run import run as run_all

    _exit(run_all(limits=limits, state_speed=state_speed))


@app.command(rich_help_panel=_PANEL)
def doctor(env_file: EnvFile = ".env", as_json: AsJson = False) -> None:
    """Check settings, database, clock and every market, and say how to check each by hand.

    Reads the settings as `serve` does. Asks each market once; changes nothing. Exit code 9 when a check failed.
    """
    from aurora.cli.doctor.examine import examine
    from aurora.cli.doctor.page import doctor_page, document, has_failed
    from aurora.cli.screen import progress

    with session(as_json=as_json) as made:
        with progress("asking the markets"):
            checks = examine(env_file or None)
        made.show_document(document(checks), lambda: doctor_page(checks))
        leave(ExitCode.CHECK_FAILED if has_failed(checks) else ExitCode.OK)


@app.command(rich_help_panel=_PANEL)
def conformance(
    name: Annotated[str, typer.Argument(help="The provider.", autocompletion=complete.providers)],
    live: Annotated[
        bool,
        typer.Option("--live", help="The real account with the configured key, whatever AURORA_MODE says."),
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Read the whole catalogue, however long that takes.")
    ] = False,
    env_file: EnvFile = ".env",
    as_json: AsJson = False,
) -> None:
    """Ask one provider which promises of the conformance kit it keeps. Creates, changes and deletes nothing.

    In the mode of AURORA_MODE, emulated unless set. Exit code 9 when a promise is broken.
    """
    from aurora.cli.conformance.ask import Question, ask
    from aurora.cli.conformance.page import document, report_page
    from aurora.cli.screen import progress

    with session(as_json=as_json) as made:
        question = Question(name, live=live, everything=everything, env_file=env_file or None)
        with progress(f"asking {name}") as tell:
            answer = ask(question, tell=tell)
        made.show_document(document(answer), lambda: report_page(answer))
        leave(ExitCode.OK if answer.report.kept else ExitCode.CHECK_FAILED)


def _exit(code: int) -> None:
    if code:
        raise typer.Exit(code)
