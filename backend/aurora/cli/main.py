"""The `aurora` command, put together from its groups."""

import typer

from aurora.cli.commands import access, ask, deployments, markets, operate
from aurora.cli.exits import MEANINGS

_EXIT_CODES = (
    "Exit codes: " + "; ".join(f"{code.value} {meaning}" for code, meaning in MEANINGS.items()) + "."
)

app = typer.Typer(
    name="aurora",
    help="One API over the decentralised GPU markets.\n\n"
    "The commands speak to the Aurora at AURORA_URL (http://127.0.0.1:8080), with AURORA_API_KEY where it asks for "
    "one; serve, migrate, reseal, emulate, run, doctor and conformance work on this machine.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(ask.app)
app.add_typer(deployments.app)
app.add_typer(markets.app)
app.add_typer(markets.breakers_app, name="breakers", rich_help_panel="Markets")
app.add_typer(access.tenants_app, name="tenants", rich_help_panel="Access")
app.add_typer(access.keys_app, name="keys", rich_help_panel="Access")
app.add_typer(access.app)
app.add_typer(operate.app)


def main() -> None:
    """Entry point."""
    app()
