"""Tenants, keys and the audit log, as people read them."""

from collections.abc import Sequence
from typing import Any

from aurora.cli.client import Json
from aurora.cli.figures import NOTHING, date_and_time, day_and_time, limit_usd, number, plural, short
from aurora.cli.pages import BLANK, Block, Cell, Column, Facts, Grid, Line, Page, Styled, next_steps, tone

_TENANT = (
    Column("Tenant"),
    Column("Name", rank=3, shortest=8),
    Column("State"),
    Column("Home", rank=4),
    Column("Max price", rank=2, right=True),
    Column("Floor", rank=5, right=True),
    Column("Deployments", rank=1, right=True),
    Column("GPUs", rank=1, right=True),
    Column("Req/min", rank=2, right=True),
    Column("Providers", rank=6, shortest=8),
)
_KEY = (
    Column("Key"),
    Column("Name", rank=1, shortest=8),
    Column("Hint", rank=2),
    Column("Scopes"),
    Column("State"),
    Column("Expires", rank=3),
    Column("Last used", rank=4),
    Column("Made", rank=5),
    Column("By", rank=6, shortest=8),
)
_ENTRY = (
    Column("When"),
    Column("Tenant", rank=2, shortest=8),
    Column("Actor", shortest=8),
    Column("Action"),
    Column("Target", rank=1, shortest=12, middle=True),
    Column("Status", right=True),
    Column("Request", rank=3, shortest=10, middle=True),
)


def tenants_page(found: Json) -> Page:
    """All tenants; quotas as numbers, a dash where there is none."""
    return [Grid(_TENANT, [_tenant_row(each) for each in found["tenants"]])]


def tenant_page(found: Json) -> Page:
    """One tenant: limits in words, and what is in use."""
    limits, quotas = found["limits"], found["limits"].get("quotas") or {}
    used = found.get("usage") or {}
    pairs: list[tuple[str, Cell]] = [
        ("Tenant", found["id"] if not found["name"] else f"{found['id']} ({found['name']})"),
        ("State", _state(found)),
        ("Home region", found["home_region"] or "us-east, as nothing is set"),
    ]
    pairs += [(title, said) for title, said in _limit_words(limits) if said is not None]
    for title, name, field in (
        ("Deployments", "deployments", "max_deployments"),
        ("GPUs", "gpus", "max_gpus"),
    ):
        if name in used or quotas.get(field) is not None:
            pairs.append((title, _of(used.get(name), quotas.get(field))))
    if quotas.get("requests_per_minute") is not None:
        pairs.append(("Requests per minute", short(quotas["requests_per_minute"])))
    page: list[Block] = [Facts(pairs)]
    if not limits:
        page.append(Line("No limits of its own: config/router.yaml decides.", style="dim"))
    return page


def keys_page(found: Json, *, tenant: str) -> Page:
    """All keys of one tenant."""
    rows = found["keys"]
    if not rows:
        made = f"aurora keys create {tenant} --name NAME --scope route"
        return [Line(f"{tenant} has no keys."), BLANK, next_steps((made, "make one"))]
    return [Grid(_KEY, [_key_row(each) for each in rows])]


def key_page(found: Json) -> Page:
    """One key."""
    return [Grid(_KEY, [_key_row(found)])]


def new_key_page(found: Json) -> Page:
    """The secret, this once."""
    key = found["key"]
    page: list[Block] = [
        Grid(_KEY, [_key_row(key)]),
        BLANK,
        Line(found["secret"], style="bold"),
        BLANK,
        Line("Keep it now: it is shown this once. Use it as AURORA_API_KEY.", style="yellow"),
    ]
    if found["replaces"]:
        until = date_and_time(found["replaced_until"])
        page.append(Line(f"The old key {found['replaces']} goes on working until {until}."))
    return page


def audit_page(found: Json) -> Page:
    """Newest first."""
    rows = found["entries"]
    if not rows:
        return [Line("Nothing of the kind has been done.")]
    page: list[Block] = [Grid(_ENTRY, [_entry_row(each) for each in rows])]
    if found["next_cursor"]:
        page += [BLANK, Line(f"{plural(len(rows), 'row')}; --limit shows older ones.", style="dim")]
    return page


def _tenant_row(each: Json) -> Sequence[Cell]:
    limits = each["limits"]
    quotas = limits.get("quotas") or {}
    return (
        each["id"],
        each["name"] or NOTHING,
        _state(each),
        each["home_region"] or NOTHING,
        limit_usd(limits.get("max_price")),
        short(limits.get("reputation_floor")),
        number(quotas.get("max_deployments")),
        number(quotas.get("max_gpus")),
        short(quotas.get("requests_per_minute")),
        _providers(limits) or NOTHING,
    )


def _state(each: Json) -> Cell:
    return Styled("disabled", "yellow") if each["disabled"] else tone("running", "active")


def _providers(limits: Json) -> str | None:
    only, without = limits.get("providers") or (), limits.get("exclude_providers") or ()
    said = [", ".join(only)] if only else []
    if without:
        said.append(f"not {', '.join(without)}")
    return "; ".join(said) or None


def _limit_words(limits: Json) -> list[tuple[str, str | None]]:
    price, latency = limits.get("max_price"), limits.get("max_latency_ms")
    weights = limits.get("weights")
    return [
        (
            "Max price",
            None if price is None else f"{limit_usd(price)} per GPU and hour where nothing is said",
        ),
        ("Max latency", None if latency is None else f"{short(latency)} ms where nothing is said"),
        ("Min reputation", _default(limits.get("min_reputation"))),
        (
            "Weights",
            None if not weights else ", ".join(f"{name} {short(value)}" for name, value in weights.items()),
        ),
        ("Policy", limits.get("policy")),
        (
            "Reputation floor",
            None if limits.get("reputation_floor") is None else short(limits["reputation_floor"]),
        ),
        ("Providers", _providers(limits)),
    ]


def _default(value: Any) -> str | None:
    return None if value is None else f"{short(value)} where nothing is said"


def _of(used: Any, quota: Any) -> str:
    if quota is None:
        return f"{number(used)} in use, no quota"
    return f"at most {number(quota)}" if used is None else f"{number(used)} of {number(quota)} in use"


def _key_row(each: Json) -> Sequence[Cell]:
    state = each["state"]
    return (
        each["id"],
        each["name"],
        each["hint"],
        ", ".join(each["scopes"]),
        tone("running", state) if state == "active" else Styled(state, "yellow"),
        day_and_time(each["expires_at"]) if each["expires_at"] else "never",
        day_and_time(each["last_used_at"]),
        day_and_time(each["created_at"]),
        each["created_by"],
    )


def _entry_row(each: Json) -> Sequence[Cell]:
    status = each["status"]
    return (
        day_and_time(each["at"]),
        each["tenant"],
        each["actor"],
        each["action"],
        each["target"] or NOTHING,
        str(status) if status < 400 else Styled(str(status), "red"),
        each["request_id"] or NOTHING,
    )
