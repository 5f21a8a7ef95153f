"""`config/providers.yaml`: per market whether it is used, where it is, and what we believe before we know."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from aurora.providers.brand import Brand
from aurora.providers.brands import brand_of, market_names
from aurora.services.config_section import ConfigSection


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """One market. The environment (`P_ENABLED`, `P_BASE_URL`, `P_API_KEY`) wins over each of these."""

    enabled: bool = True
    api_url: str | None = None
    """None: the market's real address. Used in live mode only."""
    credentials_secret: str | None = None
    """Name of the variable or of the mounted file that holds the key; never the key."""
    default_region: str = "global"
    """For offers whose place the market does not say."""
    gpu_types: tuple[str, ...] = ()
    """Families to read; empty: all."""
    initial_reputation: float = 80.0
    """The prior, 0 to 100, with the weight of 20 observations."""


def _built_in() -> dict[str, ProviderConfig]:
    """What the markets' own folders say."""
    return {brand.name: _plain(brand) for brand in map(brand_of, market_names())}


def _plain(brand: Brand) -> ProviderConfig:
    return ProviderConfig(
        api_url=brand.live_url,
        credentials_secret=f"{brand.name.upper()}_API_KEY",
        initial_reputation=brand.initial_reputation,
    )


@dataclass(frozen=True, slots=True)
class ProvidersConfig:
    """All markets that the file or the built-in list names."""

    by_name: Mapping[str, ProviderConfig] = field(default_factory=_built_in)

    def of(self, name: str) -> ProviderConfig:
        """The market's entry; one that is not named gets the plain defaults."""
        return self.by_name.get(name, ProviderConfig())

    @property
    def reputations(self) -> Mapping[str, float]:
        """The priors by provider."""
        return {name: config.initial_reputation for name, config in self.by_name.items()}

    @classmethod
    def load(cls, path: Path) -> "ProvidersConfig":
        """Read the file; a key that it leaves out keeps the built-in value. Raises ConfigError."""
        top = ConfigSection.load(path)
        top.only(market_names())
        found = _built_in()
        for name in top.keys:
            found[name] = _provider(top.section(name), found.get(name, ProviderConfig()))
        return cls(found)


def _provider(section: ConfigSection, plain: ProviderConfig) -> ProviderConfig:
    section.only({name.name for name in fields(ProviderConfig)})
    url = section.text("api_url", plain.api_url)
    if url is not None and not url.startswith(("https://", "http://")):
        raise section.error("api_url", "must start with https:// or http://")
    return ProviderConfig(
        enabled=section.flag("enabled", default=plain.enabled),
        api_url=url,
        credentials_secret=section.text("credentials_secret", plain.credentials_secret),
        default_region=section.text("default_region", plain.default_region) or plain.default_region,
        gpu_types=section.texts("gpu_types", plain.gpu_types),
        initial_reputation=section.number("initial_reputation", plain.initial_reputation, high=100),
    )
