"""The commands."""

import gc
from typing import Annotated

import typer

app = typer.Typer(
    name="aurora",
    help="One API over the decentralised GPU markets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

EnvFile = Annotated[
    str, typer.Option("--env-file", help="Settings file; an empty value reads the environment only.")
]


@app.command()
def serve(
    env_file: EnvFile = ".env",
    role: Annotated[str, typer.Option(help="all, api or worker.")] = "all",
) -> None:
    """Run API, scheduled sync, reconciler and sweep in one process (or one part of it)."""
    # Nothing that is imported is garbage: passes over it are a tenth of the start-up time.
    gc.disable()
    from aurora.cli.serve import serve as run_server

    _exit(run_server(env_file=env_file or None, role=role))


@app.command()
def migrate(
    revision: Annotated[str, typer.Argument(help="A revision, `head` or `base`.")] = "head",
    env_file: EnvFile = ".env",
) -> None:
    """Bring the database of DATABASE_URL to the newest schema."""
    from aurora.cli.migrate import migrate as run_migration

    _exit(run_migration(env_file=env_file or None, revision=revision))


@app.command()
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
) -> None:
    """Run the provider emulators, each under its own prefix (/vastai/api/v0/...)."""
    from aurora.cli.emulate import emulate as run_emulators

    _exit(
        run_emulators(
            host=host, port=port, providers=providers, seed=seed, state_speed=state_speed, limits=limits
        )
    )


@app.command()
def run(
    limits: Annotated[str, typer.Option(help="Limits of the emulators: relaxed or real.")] = "relaxed",
    state_speed: Annotated[float, typer.Option(help="Speed of the emulated instances.", min=0.001)] = 1.0,
) -> None:
    """Migrate, start the emulators and serve in emulated mode, all under one Ctrl-C. Reads no .env."""
    from aurora.cli.run import run as run_all

    _exit(run_all(limits=limits, state_speed=state_speed))


def _exit(code: int) -> None:
    if code:
        raise typer.Exit(code)


def main() -> None:
    """Entry point."""
    app()
