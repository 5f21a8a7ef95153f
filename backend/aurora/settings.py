"""Settings: the environment wins over `.env`, `.env` over the files in `config/`.

Read only by bootstrap and the entry points; every other room gets small frozen policies.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PROVIDERS = ("vastai", "akash", "ionet", "salad", "render", "aethir", "flux")
"""Markets with an adapter."""

_OF_EVERY_MARKET = ("api_key", "rate_limit", "timeout", "enabled", "sync_interval")
_COMMENT = re.compile(r"\s+#.*$")
_ONLY_COMMENT = re.compile(r"\s*(#(\s.*)?)?")


class Mode(StrEnum):
    EMULATED = "emulated"
    LIVE = "live"


class Role(StrEnum):
    ALL = "all"
    API = "api"
    WORKER = "worker"


class SettingsError(Exception):
    """A malformed value. The text is one line that names the setting."""


def _without_comment(value: Any) -> Any:
    """`100  # requests per minute` is read as 100 (container env files do not strip comments)."""
    return _COMMENT.sub("", value).strip() if isinstance(value, str) else value


def _is_empty(value: Any) -> bool:
    """Nothing, or nothing but a comment: compose passes the rest of a line behind `NAME=` on as it stands."""
    return isinstance(value, str) and _ONLY_COMMENT.fullmatch(value) is not None


Number = Annotated[float, BeforeValidator(_without_comment), Field(gt=0, allow_inf_nan=False)]
NumberOrZero = Annotated[float, BeforeValidator(_without_comment), Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(_without_comment), Field(ge=1)]
CountOrZero = Annotated[int, BeforeValidator(_without_comment), Field(ge=0)]
Flag = Annotated[bool, BeforeValidator(_without_comment)]
Port = Annotated[int, BeforeValidator(_without_comment), Field(ge=0, le=65535)]
Text = Annotated[str, BeforeValidator(_without_comment)]


class Settings(BaseSettings):
    """All names and defaults; `.env.example` lists the same."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, case_sensitive=False, hide_input_in_errors=True
    )

    aurora_mode: Annotated[Mode, BeforeValidator(_without_comment)] = Mode.EMULATED
    host: Text = "127.0.0.1"
    port: Port = 8080
    compat_port: Port | None = 8000
    log_level: Text = "INFO"
    database_url: SecretStr = SecretStr("sqlite:///var/aurora.db")
    emulator_url: Text = "http://127.0.0.1:9100"
    aurora_admin_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    secret_key_previous: SecretStr | None = None
    installation_id: Text | None = None
    alert_webhook_url: SecretStr | None = None
    alert_webhook_secret: SecretStr | None = None
    inbound_rate_limit: NumberOrZero = 12000
    otel_exporter_otlp_endpoint: Text | None = None
    drain_timeout: Number = 25
    config_dir: Text = "config"

    provider_circuit_breaker_threshold: Count = 5
    provider_circuit_breaker_timeout: Number = 60
    provider_circuit_breaker_half_open_max_calls: Count = 3
    provider_rate_limiter_enabled: Flag = True
    provider_cache_enabled: Flag = True
    provider_cache_ttl: Number = 30
    provider_cache_max_ttl: Number = 300
    provider_cache_min_ttl: Number = 10
    provider_max_retries: CountOrZero = 3
    provider_retry_base_delay: NumberOrZero = 2
    provider_retry_max_delay: NumberOrZero = 32
    provider_retry_jitter: NumberOrZero = 1
    provider_sync_interval: Number = 60
    provider_max_rows: Count = 50_000
    offer_max_age: Number = 900
    reconcile_interval: Number = 2
    sweep_interval: Number = 60
    start_timeout: Number = 900

    vastai_api_key: SecretStr | None = None
    vastai_base_url: Text | None = None
    vastai_rate_limit: Number = 100
    vastai_timeout: Number = 30
    vastai_enabled: Flag = True
    vastai_sync_interval: Number = 300

    akash_api_key: SecretStr | None = None
    akash_base_url: Text | None = None
    akash_rpc_url: Text | None = None
    akash_proxy_url: Text | None = None
    akash_rate_limit: Number = 50
    akash_timeout: Number = 30
    akash_enabled: Flag = True
    akash_sync_interval: Number | None = None

    ionet_api_key: SecretStr | None = None
    ionet_base_url: Text | None = None
    ionet_rate_limit: Number = 150
    ionet_timeout: Number = 30
    ionet_enabled: Flag = True
    ionet_sync_interval: Number | None = None
    ionet_refund_rule: Annotated[
        Literal["first_hour_kept", "nothing_back"], BeforeValidator(_without_comment)
    ] = "first_hour_kept"
    ionet_billing_model: Annotated[Literal["duration", "payg"], BeforeValidator(_without_comment)] | None = (
        None
    )

    salad_api_key: SecretStr | None = None
    salad_base_url: Text | None = None
    salad_organization: Text | None = None
    salad_project: Text | None = None
    salad_rate_limit: Number = 240
    salad_timeout: Number = 30
    salad_enabled: Flag = True
    salad_sync_interval: Number | None = None
    salad_price_of: Annotated[Literal["class", "gpu"], BeforeValidator(_without_comment)] = "class"

    render_api_key: SecretStr | None = None
    render_secret_key: SecretStr | None = None
    render_base_url: Text | None = None
    render_rate_limit: Number = 100
    render_timeout: Number = 30
    render_enabled: Flag = True
    render_sync_interval: Number | None = None

    aethir_api_key: SecretStr | None = None
    aethir_base_url: Text | None = None
    aethir_rate_limit: Number = 100
    aethir_timeout: Number = 30
    aethir_enabled: Flag = True
    aethir_sync_interval: Number | None = None

    flux_api_key: SecretStr | None = None
    flux_base_url: Text | None = None
    flux_rate_limit: Number = 100
    flux_timeout: Number = 30
    flux_enabled: Flag = True
    flux_sync_interval: Number | None = None

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, values: Any) -> Any:
        """An empty variable means the default, as compose passes `${NAME:-}`; COMPAT_PORT= means off."""
        if not isinstance(values, dict):
            return values
        return {
            key: "" if _is_empty(value) else value
            for key, value in values.items()
            if not _is_empty(value) or key.lower() == "compat_port"
        }

    @field_validator("compat_port", mode="before")
    @classmethod
    def _off(cls, value: Any) -> Any:
        cleaned = _without_comment(value)
        return None if cleaned in {"", "off", "none"} else cleaned

    @field_validator("installation_id")
    @classmethod
    def _six(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[a-z0-9]{6}", value):
            msg = "must be six characters of a-z and 0-9"
            raise ValueError(msg)
        return value

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
            msg = "must be DEBUG, INFO, WARNING, ERROR or CRITICAL"
            raise ValueError(msg)
        return value.upper()

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        if not self.provider_cache_min_ttl <= self.provider_cache_ttl <= self.provider_cache_max_ttl:
            msg = "PROVIDER_CACHE_TTL must lie between PROVIDER_CACHE_MIN_TTL and PROVIDER_CACHE_MAX_TTL"
            raise ValueError(msg)
        if self.provider_retry_base_delay > self.provider_retry_max_delay:
            msg = "PROVIDER_RETRY_BASE_DELAY must not exceed PROVIDER_RETRY_MAX_DELAY"
            raise ValueError(msg)
        if self.aurora_mode is Mode.LIVE and self.secret_key is None:
            msg = "SECRET_KEY is required in live mode (it encrypts workload env at rest)"
            raise ValueError(msg)
        return self

    @property
    def emulated(self) -> bool:
        return self.aurora_mode is Mode.EMULATED

    def provider(self, name: str) -> "ProviderSettings":
        """The `P_*` settings of one market."""
        found = {
            field_name.removeprefix(f"{name}_"): getattr(self, field_name)
            for field_name in type(self).model_fields
            if field_name.startswith(f"{name}_")
        }
        common = {key: found.pop(key) for key in _OF_EVERY_MARKET}
        secret_key = found.pop("secret_key", None)
        given = {key.upper(): value for key, value in found.items() if value is not None}
        return ProviderSettings(
            urls={key: value for key, value in given.items() if key.endswith("_URL")},
            secret_key=secret_key,
            own={key: value for key, value in given.items() if not key.endswith("_URL")},
            **common,
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret value, to be kept out of every line."""
        found = (getattr(self, name) for name in type(self).model_fields)
        return tuple(one.get_secret_value() for one in found if isinstance(one, SecretStr))


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One market's share of the settings. Times in seconds, `rate_limit` in requests per minute."""

    api_key: SecretStr | None
    urls: Mapping[str, str]
    """Addresses that were given, by the suffix of their setting."""
    rate_limit: float
    timeout: float
    enabled: bool
    sync_interval: float | None
    """None: PROVIDER_SYNC_INTERVAL."""
    secret_key: SecretStr | None = None
    """The second half of a credential that signs (P_SECRET_KEY)."""
    own: Mapping[str, str] = field(default_factory=dict)
    """What only this market needs, by the suffix of the setting (ORGANIZATION, REFUND_RULE)."""


def load_settings(env_file: str | Path | None = ".env", **overrides: Any) -> Settings:
    """Settings from environment and file. Raises SettingsError with one line naming the first wrong setting."""
    try:
        return Settings(_env_file=env_file, **overrides)
    except ValidationError as exc:
        raise SettingsError(_one_line(exc)) from None


def _one_line(exc: ValidationError) -> str:
    first = exc.errors(include_input=False, include_url=False)[0]
    name = "_".join(str(part) for part in first["loc"]).upper()
    text = first["msg"].removeprefix("Value error, ")
    return f"{name}: {text}" if name else text
