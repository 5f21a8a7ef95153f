"""`config/providers.yaml`: per market whether it is used, where it is, and what we believe before we know."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from aurora.services.config_section import ConfigSection

MARKETS = ("vastai", "ionet", "akash", "render", "flux", "aethir", "salad")
"""Names that the file may use."""


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
    return {
        "vastai": ProviderConfig(
            api_url="https://console.vast.ai",
            credentials_secret="VASTAI_API_KEY",  # noqa: S106 - the name of the variable, not its value
            # A guess: inside the 82 to 96 that the emulators' providers are given.
            initial_reputation=86.0,
        ),
        "akash": ProviderConfig(
            api_url="https://console-api.akash.network",
            credentials_secret="AKASH_API_KEY",  # noqa: S106 - the name of the variable, not its value
            initial_reputation=84.0,  # a guess too
        ),
        "ionet": ProviderConfig(
            api_url="https://api.io.solutions/enterprise/v1/io-cloud/caas",
            credentials_secret="IONET_API_KEY",  # noqa: S106 - the name of the variable, not its value
            initial_reputation=88.0,  # a guess too
        ),
        "salad": ProviderConfig(
            api_url="https://api.salad.com/api/public",
            credentials_secret="SALAD_API_KEY",  # noqa: S106 - the name of the variable, not its value
            initial_reputation=85.0,  # a guess too
        ),
        # Guesses as well. Their addresses are whoever runs the gateway's; Render's Dispersed has a known one.
        "render": ProviderConfig(credentials_secret="RENDER_API_KEY", initial_reputation=83.0),  # noqa: S106
        "aethir": ProviderConfig(credentials_secret="AETHIR_API_KEY", initial_reputation=90.0),  # noqa: S106
        "flux": ProviderConfig(credentials_secret="FLUX_API_KEY", initial_reputation=82.0),  # noqa: S106
    }


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
        top.only(MARKETS)
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
