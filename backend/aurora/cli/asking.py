"""What is asked for: the options of `route` and `whatif`, and the body of POST /route that they make."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from aurora.cli import complete
from aurora.cli.durations import gpu_hours
from aurora.cli.exits import CliError, ExitCode

_LIMITS, _WHAT, _WHERE = "Limits", "What runs", "Where and how"


@dataclass(frozen=True, slots=True)
class AskOptions:
    """One field of POST /route each."""

    gpu: Annotated[
        str,
        typer.Option(
            "--gpu", help="A family (a100) or a variant (a100-sxm-80gb).", autocompletion=complete.gpus
        ),
    ]
    workload: Annotated[
        str | None,
        typer.Option(
            help="llm_inference, llm_training, rendering, general.", autocompletion=complete.workloads
        ),
    ] = None
    region: Annotated[
        str | None, typer.Option(help="global, or us-west, eu-central, ...", autocompletion=complete.regions)
    ] = None
    duration: Annotated[
        str | None, typer.Option("--duration", help="How long it may run: 90m, 2h, 1h30m, 1d.")
    ] = None
    gpu_hours: Annotated[
        str | None, typer.Option("--gpu-hours", help="The same in GPU-hours, over all GPUs.", metavar="HOURS")
    ] = None
    count: Annotated[int, typer.Option("--count", help="GPUs.", min=1)] = 1
    max_price: Annotated[
        str | None,
        typer.Option(help="USD per GPU and hour, all in.", metavar="USD", rich_help_panel=_LIMITS),
    ] = None
    max_total_cost: Annotated[
        str | None,
        typer.Option(help="USD for the whole deployment.", metavar="USD", rich_help_panel=_LIMITS),
    ] = None
    max_latency: Annotated[
        str | None, typer.Option(help="Round trip.", metavar="MS", rich_help_panel=_LIMITS)
    ] = None
    min_reputation: Annotated[
        str | None, typer.Option(help="0 to 100.", metavar="POINTS", rich_help_panel=_LIMITS)
    ] = None
    min_vram: Annotated[str | None, typer.Option(help="Per GPU.", metavar="GB", rich_help_panel=_LIMITS)] = (
        None
    )
    min_g_score: Annotated[
        str | None, typer.Option(help="0 to 100.", metavar="POINTS", rich_help_panel=_LIMITS)
    ] = None
    image: Annotated[str | None, typer.Option(help="Default: the workload's own.", rich_help_panel=_WHAT)] = (
        None
    )
    command: Annotated[str | None, typer.Option(help="Replaces the image's CMD.", rich_help_panel=_WHAT)] = (
        None
    )
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            help="A variable; NAME alone takes its value from here.",
            metavar="K=V",
            rich_help_panel=_WHAT,
        ),
    ] = None
    port: Annotated[
        list[str] | None, typer.Option("--port", help="8080 or 53/udp.", rich_help_panel=_WHAT)
    ] = None
    disk: Annotated[str | None, typer.Option(help="Disk.", metavar="GB", rich_help_panel=_WHAT)] = None
    provider: Annotated[
        list[str] | None,
        typer.Option(
            "--provider",
            help="Only this one; repeatable.",
            autocompletion=complete.providers,
            rich_help_panel=_WHERE,
        ),
    ] = None
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            help="Not this one; repeatable.",
            autocompletion=complete.providers,
            rich_help_panel=_WHERE,
        ),
    ] = None
    no_spot: Annotated[
        bool, typer.Option("--no-spot", help="Nothing that may be taken away.", rich_help_panel=_WHERE)
    ] = False
    allow_larger: Annotated[
        bool,
        typer.Option(
            "--allow-larger", help="Also offers with more GPUs than asked for.", rich_help_panel=_WHERE
        ),
    ] = False
    policy: Annotated[
        str | None,
        typer.Option(help="How offers are scored.", autocompletion=complete.policies, rich_help_panel=_WHERE),
    ] = None
    weight: Annotated[
        list[str] | None,
        typer.Option(
            "--weight",
            help="price=0.4; replaces all weights; repeatable.",
            metavar="K=N",
            rich_help_panel=_WHERE,
        ),
    ] = None
    max_attempts: Annotated[
        int | None, typer.Option(help="Offers to try, 1 to 10.", rich_help_panel=_WHERE)
    ] = None
    on_interruption: Annotated[str | None, typer.Option(help="replace or fail.", rich_help_panel=_WHERE)] = (
        None
    )
    seed: Annotated[int | None, typer.Option(help="For policies that draw.", rich_help_panel=_WHERE)] = None


def body_of(options: AskOptions, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The body; what was not said is not in it. Raises CliError naming the option."""
    body: dict[str, Any] = {
        "workload_type": options.workload,
        "gpu_type": options.gpu,
        "gpu_count": options.count if options.count > 1 else None,
        "gpu_hours": _gpu_hours(options),
        "region": options.region,
        "max_price": decimal("--max-price", options.max_price),
        "max_total_cost": decimal("--max-total-cost", options.max_total_cost),
        "max_latency_ms": decimal("--max-latency", options.max_latency),
        "min_reputation": decimal("--min-reputation", options.min_reputation),
        "min_vram_gb": decimal("--min-vram", options.min_vram),
        "min_g_score": decimal("--min-g-score", options.min_g_score),
        "image": options.image,
        "command": options.command,
        "env": _env(options.env or (), environ),
        "ports": options.port,
        "disk_gb": decimal("--disk", options.disk),
        "providers": options.provider,
        "exclude_providers": options.exclude,
        "spot": False if options.no_spot else None,
        "allow_larger": True if options.allow_larger else None,
        "policy": options.policy,
        "weights": weights(options.weight or ()),
        "max_attempts": options.max_attempts,
        "on_interruption": options.on_interruption,
        "seed": options.seed,
    }
    return {name: value for name, value in body.items() if value not in (None, [], {})}


def decimal(option: str, text: str | None) -> Decimal | None:
    """The number that an option holds. Raises CliError naming it."""
    if text is None:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise wrong(option, f"{text!r} is not a number")
    return found


def wrong(option: str, text: str) -> CliError:
    """The complaint about an option."""
    return CliError(
        ExitCode.USAGE, f"{option}: {text}", then=f"correct {option}; --help shows how it is written"
    )


def _gpu_hours(options: AskOptions) -> Decimal | None:
    if options.duration is None:
        return decimal("--gpu-hours", options.gpu_hours)
    if options.gpu_hours is not None:
        raise wrong("--duration", "says the same as --gpu-hours; give one of them")
    try:
        return gpu_hours(options.duration, gpu_count=options.count)
    except ValueError as exc:
        raise wrong("--duration", str(exc)) from None


def _env(given: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals and name not in environ:
            raise wrong("--env", f"{name} has no value here; write {name}=value, or export it first")
        found[name] = value if equals else environ[name]
    return found


def weights(given: Sequence[str]) -> dict[str, Decimal | None]:
    """`price=0.4` and the like, by name. Raises CliError."""
    found: dict[str, Decimal | None] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise wrong("--weight", f"{each!r} must be written as price=0.4")
        found[name] = decimal("--weight", value)
    return found
