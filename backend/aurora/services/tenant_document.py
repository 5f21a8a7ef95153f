"""What stands in `tenants.limits`: written only after it was checked, read again with mistrust."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from aurora.db.repositories.tenants import StoredTenant
from aurora.domain.request import Weights
from aurora.domain.tenant import Quotas, Tenant, TenantLimits


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        msg = "must be a number"
        raise ValueError(msg)  # noqa: TRY004 - pydantic turns ValueError into a message, a TypeError into a crash
    return value


_Usd = Annotated[
    Decimal, BeforeValidator(_no_boolean), Field(gt=0, max_digits=20, decimal_places=9, allow_inf_nan=False)
]
_Number = Annotated[float, BeforeValidator(_no_boolean), Field(ge=0, allow_inf_nan=False)]
_Points = Annotated[float, BeforeValidator(_no_boolean), Field(ge=0, le=100, allow_inf_nan=False)]
_Count = Annotated[int, BeforeValidator(_no_boolean), Field(ge=0, le=1_000_000)]
_Heaviness = Annotated[float, BeforeValidator(_no_boolean), Field(ge=0, le=1e6, allow_inf_nan=False)]
_Markets = Annotated[list[str], Field(max_length=64)]


class WeightsDocument(BaseModel):
    """All at once: what is missing is 0."""

    model_config = ConfigDict(extra="forbid")

    price: _Heaviness = 0.0
    latency: _Heaviness = 0.0
    reputation: _Heaviness = 0.0
    availability: _Heaviness = 0.0
    time_to_running: _Heaviness = 0.0

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.weights().total <= 0:
            msg = "at least one weight must be more than 0"
            raise ValueError(msg)
        return self

    def weights(self) -> Weights:
        return Weights(**dict(self))


class QuotasDocument(BaseModel):
    """What may be in use at once; absent: no quota."""

    model_config = ConfigDict(extra="forbid")

    max_deployments: _Count | None = Field(None, description="Deployments that have not ended.")
    max_gpus: _Count | None = Field(None, description="GPUs of those deployments, together.")
    requests_per_minute: Annotated[_Number, Field(ge=1, le=1e9)] | None = Field(
        None, description="Of this tenant, instead of INBOUND_RATE_LIMIT."
    )


class LimitsDocument(BaseModel):
    """Defaults for requests that do not say, and bounds for those that do. Absent: `config/router.yaml` decides."""

    model_config = ConfigDict(extra="forbid")

    max_price: _Usd | None = Field(None, description="Default; USD per GPU and hour, all in.")
    max_latency_ms: Annotated[_Number, Field(ge=1)] | None = Field(None, description="Default.")
    min_reputation: _Points | None = Field(None, description="Default, 0 to 100.")
    weights: WeightsDocument | None = Field(None, description="Default; missing ones are 0.")
    policy: str | None = Field(None, description="Default: balanced, seed-v1, telemetry, ...")
    reputation_floor: _Points | None = Field(None, description="No request may ask for less.")
    providers: _Markets | None = Field(None, description="Only these may be used.")
    exclude_providers: _Markets | None = Field(None, description="These may not be used.")
    quotas: QuotasDocument | None = None

    def limits(self) -> TenantLimits:
        """As routing takes them."""
        quotas = self.quotas or QuotasDocument()
        return TenantLimits(
            max_price=self.max_price,
            max_latency_ms=self.max_latency_ms,
            min_reputation=self.min_reputation,
            weights=None if self.weights is None else self.weights.weights(),
            policy=self.policy,
            reputation_floor=self.reputation_floor,
            providers=frozenset(self.providers or ()),
            exclude_providers=frozenset(self.exclude_providers or ()),
            quotas=Quotas(**dict(quotas)),
        )

    def stored(self) -> dict[str, Any]:
        """As the database keeps it: only what was set, money as text."""
        kept: dict[str, Any] = self.model_dump(mode="json", exclude_none=True)
        return {name: value for name, value in kept.items() if value not in ([], {})}

    def merged(self, change: "LimitsDocument") -> "LimitsDocument":
        """What was said in `change` replaces, null removes, the rest stays (JSON Merge Patch, `quotas` too)."""
        values: dict[str, Any] = dict(self)
        for name in change.model_fields_set:
            values[name] = getattr(change, name)
        if "quotas" in change.model_fields_set and self.quotas is not None and change.quotas is not None:
            said = {name: getattr(change.quotas, name) for name in change.quotas.model_fields_set}
            values["quotas"] = self.quotas.model_copy(update=said)
        return LimitsDocument.model_construct(**values)


def tenant_of(stored: StoredTenant) -> Tenant:
    """A row as the rooms know it. What a newer release wrote is passed over; what is wrong makes it `broken`."""
    limits, broken = TenantLimits(), None
    try:
        limits = LimitsDocument.model_validate(dict(stored.limits), extra="ignore").limits()
    except ValidationError as exc:
        broken = _complaint(exc)
    return Tenant(
        id=stored.id,
        limits=limits,
        name=stored.name,
        home_region=stored.home_region,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
        disabled_at=stored.disabled_at,
        broken=broken,
    )


def document_of(stored: Mapping[str, Any]) -> LimitsDocument:
    """The document again, to be changed or shown; one that is wrong is as good as empty."""
    try:
        return LimitsDocument.model_validate(dict(stored), extra="ignore")
    except ValidationError:
        return LimitsDocument()


def _complaint(exc: ValidationError) -> str:
    first = exc.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
