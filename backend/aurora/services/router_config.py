"""`config/router.yaml`: who decides, what a request gets when it does not say, and what nobody may ask for."""

from dataclasses import dataclass, field, fields
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from aurora.domain.request import Weights
from aurora.services.config_section import ConfigSection


class RouterMode(StrEnum):
    """Who decides."""

    RULE_BASED = "rule-based"
    AI = "ai"
    HYBRID = "hybrid"


POLICIES = ("balanced", "seed-v1", "telemetry", "round-robin", "weighted")
"""How rules may score."""


@dataclass(frozen=True, slots=True)
class RouteDefaults:
    """For what neither the request nor the tenant says."""

    max_price: Decimal = Decimal(5)
    """USD per GPU and hour, all in."""
    max_latency_ms: float = 500.0
    min_reputation: float = 70.0
    gpu_hours: Decimal = Decimal(1)
    policy: str = "balanced"


@dataclass(frozen=True, slots=True)
class HardLimits:
    """What no request may exceed, whoever asks: the net under a slip of the keyboard."""

    max_price: Decimal = Decimal(1000)
    """USD per GPU and hour."""
    max_total_cost: Decimal = Decimal(100_000)
    """USD for one deployment; computed defaults are cut to it."""
    max_gpu_hours: Decimal = Decimal(10_000)
    max_gpu_count: int = 64
    max_latency_ms: float = 60_000.0
    max_disk_gb: float = 10_000.0


@dataclass(frozen=True, slots=True)
class RouterConfig:
    """The file as a whole; without a file, its defaults (the shipped file says the same)."""

    mode: RouterMode = RouterMode.RULE_BASED
    ai_rollout_percentage: float = 0.0
    defaults: RouteDefaults = field(default_factory=RouteDefaults)
    weights: Weights = field(default_factory=Weights)
    limits: HardLimits = field(default_factory=HardLimits)

    @classmethod
    def load(cls, path: Path) -> "RouterConfig":
        """Read the file. Raises ConfigError with one line naming file and key."""
        top = ConfigSection.load(path)
        top.only({"mode", "ai_rollout_percentage", "defaults", "weights", "limits"})
        plain = cls()
        limits = _limits(top.section("limits"))
        return cls(
            mode=RouterMode(top.choice("mode", plain.mode.value, known=[mode.value for mode in RouterMode])),
            ai_rollout_percentage=top.number("ai_rollout_percentage", plain.ai_rollout_percentage, high=100),
            defaults=_defaults(top.section("defaults"), limits),
            weights=_weights(top.section("weights")),
            limits=limits,
        )


def _limits(section: ConfigSection) -> HardLimits:
    section.only({name.name for name in fields(HardLimits)})
    plain = HardLimits()
    return HardLimits(
        max_price=section.amount("max_price", plain.max_price),
        max_total_cost=section.amount("max_total_cost", plain.max_total_cost),
        max_gpu_hours=section.amount("max_gpu_hours", plain.max_gpu_hours),
        max_gpu_count=section.count("max_gpu_count", plain.max_gpu_count, high=100_000),
        max_latency_ms=section.number("max_latency_ms", plain.max_latency_ms, low=1, high=1e9),
        max_disk_gb=section.number("max_disk_gb", plain.max_disk_gb, low=1, high=1e6),
    )


def _defaults(section: ConfigSection, limits: HardLimits) -> RouteDefaults:
    section.only({name.name for name in fields(RouteDefaults)})
    plain = RouteDefaults()
    found = RouteDefaults(
        max_price=section.amount("max_price", plain.max_price),
        max_latency_ms=section.number(
            "max_latency_ms", plain.max_latency_ms, low=1, high=limits.max_latency_ms
        ),
        min_reputation=section.number("min_reputation", plain.min_reputation, high=100),
        gpu_hours=section.amount("gpu_hours", plain.gpu_hours),
        policy=section.choice("policy", plain.policy, known=POLICIES),
    )
    if found.max_price > limits.max_price:
        raise section.error("max_price", f"is above limits.max_price ({limits.max_price})")
    if found.gpu_hours > limits.max_gpu_hours:
        raise section.error("gpu_hours", f"is above limits.max_gpu_hours ({limits.max_gpu_hours})")
    return found


def _weights(section: ConfigSection) -> Weights:
    """Absent: the built-in four. Present: they replace all, missing ones are 0, as in a request."""
    names = [name.name for name in fields(Weights)]
    section.only(names)
    if not section.keys:
        return Weights()
    found = Weights(**{name: section.number(name, 0.0, high=1e6) for name in names})
    if found.total <= 0:
        raise section.error("price", "at least one weight must be > 0")
    return found
