"""Who may use Aurora: `tenants`, `keys`, `audit`. All need a key with the scope admin."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import typer

from aurora.cli import complete
from aurora.cli.asking import decimal, weights, wrong
from aurora.cli.client import Client, Json
from aurora.cli.durations import seconds_of
from aurora.cli.options import AsJson, taking
from aurora.cli.session import session

TENANTS = "/api/v1/tenants"
KEYS = "/api/v1/keys"

tenants_app = typer.Typer(invoke_without_command=True, help="Show, make and change tenants.")
keys_app = typer.Typer(invoke_without_command=True, help="Show, make, replace and revoke keys.")
app = typer.Typer()
_PANEL = "Access"
_DEFAULTS, _BOUNDS, _QUOTAS = "Defaults of requests", "Bounds", "Quotas"

TenantId = Annotated[str, typer.Argument(metavar="TENANT", help="Its id.")]
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="key-...; `aurora keys list TENANT` shows them.")]


def _usd(help_text: str, panel: str) -> Any:
    return typer.Option(help=help_text, metavar="USD", rich_help_panel=panel)


def _points(help_text: str, panel: str) -> Any:
    return typer.Option(help=help_text, metavar="POINTS", rich_help_panel=panel)


@dataclass(frozen=True, slots=True)
class TenantOptions:
    """What a tenant has; what is not said stays as it is."""

    tenant: TenantId
    name: Annotated[str | None, typer.Option(help="For people.")] = None
    home_region: Annotated[
        str | None, typer.Option(help="Where its latency is measured from.", autocompletion=complete.regions)
    ] = None
    max_price: Annotated[str | None, _usd("Per GPU and hour.", _DEFAULTS)] = None
    max_latency: Annotated[
        str | None, typer.Option(help="Round trip.", metavar="MS", rich_help_panel=_DEFAULTS)
    ] = None
    min_reputation: Annotated[str | None, _points("0 to 100.", _DEFAULTS)] = None
    weight: Annotated[
        list[str] | None,
        typer.Option(
            "--weight", help="price=0.4; replaces all; repeatable.", metavar="K=N", rich_help_panel=_DEFAULTS
        ),
    ] = None
    policy: Annotated[
        str | None,
        typer.Option(
            help="How offers are scored.", autocompletion=complete.policies, rich_help_panel=_DEFAULTS
        ),
    ] = None
    reputation_floor: Annotated[str | None, _points("No request may ask for less.", _BOUNDS)] = None
    provider: Annotated[
        list[str] | None,
        typer.Option(
            "--provider",
            help="Only these; repeatable.",
            autocompletion=complete.providers,
            rich_help_panel=_BOUNDS,
        ),
    ] = None
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            help="Not these; repeatable.",
            autocompletion=complete.providers,
            rich_help_panel=_BOUNDS,
        ),
    ] = None
    max_deployments: Annotated[int | None, typer.Option(help="At once.", min=0, rich_help_panel=_QUOTAS)] = (
        None
    )
    max_gpus: Annotated[int | None, typer.Option(help="At once.", min=0, rich_help_panel=_QUOTAS)] = None
    requests_per_minute: Annotated[
        str | None,
        typer.Option(help="Instead of INBOUND_RATE_LIMIT.", metavar="N", rich_help_panel=_QUOTAS),
    ] = None
    as_json: AsJson = False


@dataclass(frozen=True, slots=True)
class TenantChanges(TenantOptions):
    """The same, and what is to go."""

    clear: Annotated[
        list[str] | None,
        typer.Option("--clear", help="Takes a limit away: max_price, max_gpus, ...; repeatable."),
    ] = None


@tenants_app.callback()
def tenants(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the tenants."""
    if context.invoked_subcommand is None:
        _list_tenants(as_json=as_json)


@tenants_app.command("list")
def list_tenants(as_json: AsJson = False) -> None:
    """Show the tenants, the disabled ones too."""
    _list_tenants(as_json=as_json)


@tenants_app.command()
def show(tenant: TenantId, as_json: AsJson = False) -> None:
    """One tenant: limits, and what is in use of its quotas."""
    from aurora.cli.access_pages import tenant_page

    with session(as_json=as_json) as run:
        run.show(run.client.get(f"{TENANTS}/{tenant}"), tenant_page)


@tenants_app.command()
@taking(TenantOptions)
def create(options: TenantOptions) -> None:
    """Make a tenant. It has no keys yet: `aurora keys create`."""
    from aurora.cli.access_pages import tenant_page

    with session(as_json=options.as_json) as run:
        body = {"id": options.tenant, **_said(options)}
        run.show(run.client.post(TENANTS, body), tenant_page)


@tenants_app.command("set")
@taking(TenantChanges)
def set_limits(options: TenantChanges) -> None:
    """Change a tenant. What is not said stays as it is."""
    from aurora.cli.access_pages import tenant_page

    with session(as_json=options.as_json) as run:
        body = _cleared(_said(options), options.clear or ())
        if not body:
            raise wrong("set", "nothing to change; say at least one option")
        run.show(run.client.patch(f"{TENANTS}/{options.tenant}", body), tenant_page)


@tenants_app.command()
def disable(tenant: TenantId, as_json: AsJson = False) -> None:
    """It may look and end, but not buy. What runs goes on; nothing is deleted."""
    from aurora.cli.access_pages import tenant_page

    with session(as_json=as_json) as run:
        run.show(run.client.delete(f"{TENANTS}/{tenant}"), tenant_page)


@tenants_app.command()
def enable(tenant: TenantId, as_json: AsJson = False) -> None:
    """It may buy again."""
    from aurora.cli.access_pages import tenant_page

    with session(as_json=as_json) as run:
        run.show(run.client.patch(f"{TENANTS}/{tenant}", {"disabled": False}), tenant_page)


@keys_app.callback()
def keys(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the keys of your own tenant."""
    if context.invoked_subcommand is None:
        _list_keys(None, as_json=as_json)


@keys_app.command("list")
def list_keys(
    tenant: Annotated[
        str | None, typer.Argument(metavar="TENANT", help="Its id; without it: your own.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a tenant's keys, the ended ones too. Secrets are never shown again."""
    _list_keys(tenant, as_json=as_json)


@keys_app.command("create")
def create_key(
    tenant: TenantId,
    name: Annotated[str, typer.Option(help="Where it is used.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="route, operate, admin; repeatable.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="After so long: 90d, 12h.", metavar="DURATION")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. Its secret is shown now and never again."""
    from aurora.cli.access_pages import new_key_page

    with session(as_json=as_json) as run:
        body: Json = {"name": name, "scopes": scope or ["route"]}
        if expires is not None:
            body["expires_in_days"] = _seconds("--expires", expires) / 86_400
        run.show(run.client.post(f"{TENANTS}/{tenant}/keys", body), new_key_page)


@keys_app.command()
def rotate(
    key: KeyId,
    overlap: Annotated[
        str, typer.Option(help="How long the old secret goes on working: 0, 1h, 1d.", metavar="DURATION")
    ] = "1d",
    as_json: AsJson = False,
) -> None:
    """A new secret with the same rights; the old one works until the overlap has passed."""
    from aurora.cli.access_pages import new_key_page

    with session(as_json=as_json) as run:
        seconds = Decimal(0) if overlap.strip() in {"0", "0s"} else _seconds("--overlap", overlap)
        run.show(run.client.post(f"{KEYS}/{key}/rotate", {"overlap_seconds": seconds}), new_key_page)


@keys_app.command()
def revoke(key: KeyId, as_json: AsJson = False) -> None:
    """End a key, at once. Harmless to repeat."""
    from aurora.cli.access_pages import key_page

    with session(as_json=as_json) as run:
        run.show(run.client.delete(f"{KEYS}/{key}"), key_page)


@app.command(rich_help_panel=_PANEL)
def audit(
    tenant: Annotated[str | None, typer.Option(help="Only of this one.")] = None,
    actor: Annotated[str | None, typer.Option(help="A key's id, admin, local, anonymous.")] = None,
    action: Annotated[str | None, typer.Option(help="route.create, key.revoke, ...")] = None,
    target: Annotated[str | None, typer.Option(help="dep-..., key-..., a tenant or a market.")] = None,
    since: Annotated[str | None, typer.Option(help="2026-11-21T00:00:00Z", metavar="TIME")] = None,
    limit: Annotated[int, typer.Option(help="Rows.", min=1, max=500)] = 50,
    as_json: AsJson = False,
) -> None:
    """Who did what, newest first: every change, and what was refused for want of a right."""
    from aurora.cli.access_pages import audit_page

    with session(as_json=as_json) as run:
        query = {
            "tenant": tenant,
            "actor": actor,
            "action": action,
            "target": target,
            "since": since,
            "limit": limit,
        }
        run.show(run.client.get("/api/v1/audit", query), audit_page)


def _list_tenants(*, as_json: bool) -> None:
    from aurora.cli.access_pages import tenants_page

    with session(as_json=as_json) as run:
        found = _all_tenants(run.client)
        run.show_document(found, lambda: tenants_page(found))


def _all_tenants(client: Client) -> Json:
    """Every page in one document."""
    rows: list[Any] = []
    cursor = None
    while True:
        answer = client.get(TENANTS, {"limit": 200, "cursor": cursor}).document
        rows += answer["tenants"]
        cursor = answer["next_cursor"]
        if cursor is None:
            return {**answer, "tenants": rows}


def _list_keys(tenant: str | None, *, as_json: bool) -> None:
    from aurora.cli.access_pages import keys_page

    with session(as_json=as_json) as run:
        name = tenant or str(run.client.get("/api/v1/me").data["tenant"])
        run.show(run.client.get(f"{TENANTS}/{name}/keys"), lambda found: keys_page(found, tenant=name))


def _said(options: TenantOptions) -> Json:
    """The fields that were said, as the API takes them."""
    quotas = {
        "max_deployments": options.max_deployments,
        "max_gpus": options.max_gpus,
        "requests_per_minute": decimal("--requests-per-minute", options.requests_per_minute),
    }
    limits = {
        "max_price": decimal("--max-price", options.max_price),
        "max_latency_ms": decimal("--max-latency", options.max_latency),
        "min_reputation": decimal("--min-reputation", options.min_reputation),
        "weights": weights(options.weight or ()) or None,
        "policy": options.policy,
        "reputation_floor": decimal("--reputation-floor", options.reputation_floor),
        "providers": options.provider,
        "exclude_providers": options.exclude,
        "quotas": _present(quotas) or None,
    }
    whole = {"name": options.name, "home_region": options.home_region, "limits": _present(limits) or None}
    return _present(whole)


_TOP = frozenset({"name", "home_region"})
_QUOTA_NAMES = frozenset({"max_deployments", "max_gpus", "requests_per_minute"})
_LIMIT_NAMES = frozenset(
    {"max_price", "max_latency_ms", "min_reputation", "weights", "policy", "reputation_floor", "providers",
     "exclude_providers", "quotas"}
)  # fmt: skip


def _cleared(body: Json, names: "list[str] | tuple[str, ...]") -> Json:
    """Null takes away. Raises CliError for a name that nobody knows."""
    for each in names:
        name = each.strip().lower().replace("-", "_")
        if name in _TOP:
            body[name] = None
        elif name in _LIMIT_NAMES:
            body.setdefault("limits", {})[name] = None
        elif name in _QUOTA_NAMES:
            limits = body.setdefault("limits", {})
            limits["quotas"] = {**(limits.get("quotas") or {}), name: None}
        else:
            known = ", ".join(sorted(_TOP | _LIMIT_NAMES | _QUOTA_NAMES))
            raise wrong("--clear", f"{each!r} is none of {known}")
    return body


def _present(given: Mapping[str, Any]) -> Json:
    return {name: value for name, value in given.items() if value is not None}


def _seconds(option: str, text: str) -> Decimal:
    try:
        return seconds_of(text)
    except ValueError as exc:
        raise wrong(option, str(exc)) from None
