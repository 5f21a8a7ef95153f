"""From what a user wrote to a ComputeRequest in which nothing is absent by accident.

Every value comes from the request, else from the tenant, else from `config/router.yaml`; the container from the
request, else from the template of its workload type. What is wrong is refused with the field's name.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from aurora.domain.errors import InvalidRequest
from aurora.domain.gpu import GpuQuery
from aurora.domain.money import usd_up
from aurora.domain.request import (
    WORKLOAD_ALIASES,
    ComputeRequest,
    OnInterruption,
    Weights,
    Workload,
    WorkloadType,
)
from aurora.domain.tenant import DEFAULT_HOME, DEFAULT_TENANT, Tenant
from aurora.services import intake_fields as read
from aurora.services import intake_workload as container
from aurora.services.router_config import POLICIES, RouterConfig
from aurora.services.workload_templates import WorkloadTemplates

FIELDS = frozenset(
    {
        "workload_type", "gpu_type", "gpu_count", "gpu_hours", "max_price", "max_total_cost", "region",
        "max_latency_ms", "min_reputation", "weights", "min_vram_gb", "min_g_score", "image", "command", "env",
        "ports", "disk_gb", "providers", "exclude_providers", "spot", "allow_larger", "policy", "dry_run", "wait",
        "max_attempts", "on_interruption", "seed",
    }
)  # fmt: skip
"""Everything that a request may say."""

GLOBAL = "global"
COST_MARGIN = Decimal("1.2")
"""Default `max_total_cost` = ceiling x gpu_hours x this."""
LONGEST_WAIT_S = 600.0
MOST_ATTEMPTS = 10
_LARGEST_SEED = 2**63 - 1


class GpuNames(Protocol):
    """What reads `gpu_type`. Raises InvalidRequest("gpu_type", ...)."""

    def parse_query(self, text: str, *, also: Collection[str] = ()) -> GpuQuery: ...


class RegionNames(Protocol):
    """What reads `region`: a macro region or `global`. Raises InvalidRequest("region", ...)."""

    def macro(self, text: str) -> str: ...


@dataclass(frozen=True, slots=True)
class TenantDefaults:
    """What a tenant has set for its own requests; None falls through to `config/router.yaml`."""

    tenant: str = DEFAULT_TENANT
    home_region: str = DEFAULT_HOME
    max_price: Decimal | None = None
    max_latency_ms: float | None = None
    min_reputation: float | None = None
    weights: Weights | None = None
    policy: str | None = None
    reputation_floor: float | None = None
    """No request may ask for less."""
    providers: frozenset[str] = frozenset()
    """Only these, when not empty."""
    exclude_providers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, tenant: Tenant) -> "TenantDefaults":
        limits = tenant.limits
        return cls(
            tenant=tenant.id,
            home_region=tenant.home_region or DEFAULT_HOME,
            max_price=limits.max_price,
            max_latency_ms=limits.max_latency_ms,
            min_reputation=limits.min_reputation,
            weights=limits.weights,
            policy=limits.policy,
            reputation_floor=limits.reputation_floor,
            providers=limits.providers,
            exclude_providers=limits.exclude_providers,
        )


def no_families() -> Collection[str]:
    """The table's GPUs only."""
    return ()


@dataclass(frozen=True, slots=True)
class IntakeRules:
    """What a request is measured by. `providers`: known names. `families`: GPUs on sale beyond the table."""

    providers: frozenset[str]
    config: RouterConfig
    templates: WorkloadTemplates
    policies: tuple[str, ...] = POLICIES
    families: Callable[[], Collection[str]] = no_families


class RequestIntake:
    """Builds requests. Keeps nothing; does no I/O."""

    def __init__(self, rules: IntakeRules, *, gpus: GpuNames, regions: RegionNames) -> None:
        self._rules = rules
        self._config = rules.config
        self._limits = rules.config.limits
        self._gpus = gpus
        self._regions = regions

    @property
    def providers(self) -> frozenset[str]:
        """Names of markets that requests and filters may use."""
        return self._rules.providers

    def build(self, body: Mapping[str, Any], *, tenant: TenantDefaults | None = None) -> ComputeRequest:
        """The request that `body` (the fields of `POST /route`) asks for. Null means absent.

        Raises InvalidRequest with the first wrong field.
        """
        given = self._given(body)
        owner = tenant or TenantDefaults()
        self.wait_s(given)
        workload_type = _workload_type(given.get("workload_type", WorkloadType.GENERAL))
        gpu_hours = self.gpu_hours(given.get("gpu_hours", self._config.defaults.gpu_hours))
        max_price = self._max_price(given, owner)
        return ComputeRequest(
            workload_type=workload_type,
            gpu=self._gpu(given),
            gpu_count=read.count(
                "gpu_count", given.get("gpu_count", 1), low=1, high=self._limits.max_gpu_count
            ),
            gpu_hours=gpu_hours,
            max_price=max_price,
            max_total_cost=self._max_total_cost(given, at_most=max_price * gpu_hours * COST_MARGIN),
            max_latency_ms=self._max_latency(given, owner),
            min_reputation=self._min_reputation(given, owner),
            region=self.region(given.get("region", GLOBAL)),
            home_region=owner.home_region,
            weights=self._weights(given, owner),
            workload=self._workload(given, workload_type),
            min_vram_gb=_optional(given, "min_vram_gb", low=0, high=10_000),
            min_g_score=_optional(given, "min_g_score", low=0, high=100),
            providers=self._providers(given, owner),
            exclude_providers=self._names(given, "exclude_providers") | owner.exclude_providers,
            spot=read.flag("spot", given.get("spot", True)),
            allow_larger=read.flag("allow_larger", given.get("allow_larger", False)),
            policy=self._policy(given, owner),
            max_attempts=read.count("max_attempts", given.get("max_attempts", 3), low=1, high=MOST_ATTEMPTS),
            on_interruption=OnInterruption(
                read.choice(
                    "on_interruption",
                    given.get("on_interruption", OnInterruption.REPLACE),
                    known=[each.value for each in OnInterruption],
                )
            ),
            tenant=owner.tenant,
            seed=read.count("seed", given.get("seed", 0), low=0, high=_LARGEST_SEED),
        )

    def wait_s(self, body: Mapping[str, Any]) -> float:
        """Seconds for which the caller waits for `running` or `failed`: 0 (default) to 600."""
        value = body.get("wait")
        return 0.0 if value is None else read.number("wait", value, low=0, high=LONGEST_WAIT_S)

    def gpu_hours(self, value: Any) -> Decimal:
        """GPU-hours > 0 up to the hard limit."""
        return read.amount("gpu_hours", value, most=self._limits.max_gpu_hours, unit="GPU-hours")

    def gpu(self, text: Any) -> GpuQuery:
        """A GPU family or variant, also one that is on sale but not in our table."""
        return self._gpus.parse_query(read.text("gpu_type", text), also=self._rules.families())

    def region(self, text: Any) -> str:
        """A macro region, or `global`."""
        return self._regions.macro(read.text("region", text))

    def provider(self, text: Any) -> str:
        """The name of a market we know."""
        return read.market_name("provider", text, known=self.providers)

    def _given(self, body: Mapping[str, Any]) -> dict[str, Any]:
        for key in body:
            if key not in FIELDS:
                raise InvalidRequest(str(key)[:64], "unknown field")
        return {key: value for key, value in body.items() if value is not None}

    def _gpu(self, given: Mapping[str, Any]) -> GpuQuery:
        if "gpu_type" not in given:
            raise InvalidRequest("gpu_type", "is required: a family (a100) or a variant (a100-sxm-80gb)")
        return self.gpu(given["gpu_type"])

    def _max_price(self, given: Mapping[str, Any], owner: TenantDefaults) -> Decimal:
        value = given.get("max_price", owner.max_price or self._config.defaults.max_price)
        return read.amount("max_price", value, most=self._limits.max_price, unit="USD per GPU and hour")

    def _max_total_cost(self, given: Mapping[str, Any], *, at_most: Decimal) -> Decimal:
        if "max_total_cost" not in given:
            return min(usd_up(at_most), self._limits.max_total_cost)
        return read.amount(
            "max_total_cost", given["max_total_cost"], most=self._limits.max_total_cost, unit="USD"
        )

    def _max_latency(self, given: Mapping[str, Any], owner: TenantDefaults) -> float:
        default = self._config.defaults.max_latency_ms
        value = given.get("max_latency_ms", default if owner.max_latency_ms is None else owner.max_latency_ms)
        return read.number("max_latency_ms", value, low=1, high=self._limits.max_latency_ms)

    def _min_reputation(self, given: Mapping[str, Any], owner: TenantDefaults) -> float:
        default = self._config.defaults.min_reputation
        floor = owner.reputation_floor or 0.0
        default = max(floor, default if owner.min_reputation is None else owner.min_reputation)
        found = read.number("min_reputation", given.get("min_reputation", default), low=0, high=100)
        if found < floor:
            raise InvalidRequest("min_reputation", f"must be at least {floor:g}, the tenant's floor")
        return found

    def _weights(self, given: Mapping[str, Any], owner: TenantDefaults) -> Weights:
        if "weights" in given:
            return read.weights(given["weights"])
        return owner.weights or self._config.weights

    def _policy(self, given: Mapping[str, Any], owner: TenantDefaults) -> str:
        default = owner.policy or self._config.defaults.policy
        return read.choice("policy", given.get("policy", default), known=self._rules.policies)

    def _providers(self, given: Mapping[str, Any], owner: TenantDefaults) -> frozenset[str]:
        """What the request names, within what the tenant may use."""
        named = self._names(given, "providers")
        refused = (named - owner.providers if owner.providers else frozenset()) | (
            named & owner.exclude_providers
        )
        if refused:
            allowed = sorted((owner.providers or self.providers) - owner.exclude_providers)
            raise InvalidRequest(
                "providers",
                f"the tenant may not use {', '.join(sorted(refused))}; allowed: {', '.join(allowed)}",
            )
        return named or owner.providers

    def _names(self, given: Mapping[str, Any], field: str) -> frozenset[str]:
        return read.market_names(field, given.get(field, ()), known=self.providers)

    def _workload(self, given: Mapping[str, Any], workload_type: WorkloadType) -> Workload:
        """A given image is not given the template's command and ports: they belong to the template's image."""
        template = self._rules.templates.of(workload_type)
        own = "image" in given
        return Workload(
            image=container.image(given.get("image", template.image)),
            command=container.command(given.get("command", () if own else template.command)),
            env=container.env(given.get("env", {})),
            ports=container.ports(given.get("ports", () if own else template.ports)),
            disk_gb=read.number(
                "disk_gb", given.get("disk_gb", template.disk_gb), low=1, high=self._limits.max_disk_gb
            ),
        )


def _workload_type(value: Any) -> WorkloadType:
    known = [each.value for each in WorkloadType]
    found = read.choice("workload_type", value, known=[*known, *WORKLOAD_ALIASES])
    return WORKLOAD_ALIASES.get(found) or WorkloadType(found)


def _optional(given: Mapping[str, Any], field: str, *, low: float, high: float) -> float | None:
    return read.number(field, given[field], low=low, high=high) if field in given else None
