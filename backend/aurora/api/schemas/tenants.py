"""`/api/v1/tenants`: who pays us, with which defaults and bounds."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aurora.api.ports import Json
from aurora.db.repositories.tenants import InUse, StoredTenant
from aurora.services.tenant_document import LimitsDocument, document_of
from aurora.services.tenants import TenantChange

_LIMITS: JsonDict = {
    "max_price": 3.0,
    "max_latency_ms": 300.0,
    "min_reputation": 80.0,
    "reputation_floor": 75.0,
    "providers": ["vastai"],
    "quotas": {"max_deployments": 5, "max_gpus": 8, "requests_per_minute": 600},
}
_TENANT: JsonDict = {
    "id": "research",
    "name": "Research",
    "home_region": "eu-central",
    "limits": _LIMITS,
    "disabled": False,
    "disabled_at": None,
    "created_at": "2026-01-15T12:00:00.000Z",
    "updated_at": "2026-01-15T12:00:00.000Z",
    "emulated": True,
}


class TenantBody(BaseModel):
    """A new tenant."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"id": "research", "name": "Research", "limits": _LIMITS}]},
    )

    id: str = Field(description="1 to 64 of a-z 0-9 . _ -; never changes.")
    name: str | None = Field(None, description="For people.")
    home_region: str | None = Field(
        None, description="Where latency is measured from when a request says `global`; default us-east."
    )
    limits: LimitsDocument | None = None

    def change(self) -> TenantChange:
        said = frozenset(self.model_fields_set - {"id"})
        return TenantChange(said, name=self.name, home_region=self.home_region, limits=self.limits)


class TenantPatch(BaseModel):
    """What is said replaces, null removes, the rest stays; `limits` and `quotas` are merged the same way."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"limits": {"max_price": None, "quotas": {"max_gpus": 16}}}]},
    )

    name: str | None = None
    home_region: str | None = None
    limits: LimitsDocument | None = None
    disabled: bool | None = Field(None, description="true: may look and end, but not buy.")

    def change(self) -> TenantChange:
        return TenantChange(
            frozenset(self.model_fields_set),
            name=self.name,
            home_region=self.home_region,
            limits=self.limits,
            disabled=self.disabled,
        )


class TenantOut(BaseModel):
    """A tenant. `limits` has only what was set."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_TENANT]})

    id: str
    name: str | None
    home_region: str | None
    limits: LimitsDocument
    disabled: bool
    disabled_at: str | None
    created_at: str
    updated_at: str | None
    emulated: bool


class UsageOut(BaseModel):
    """What counts towards the quotas now."""

    model_config = ConfigDict(extra="forbid")

    deployments: int = Field(description="That have not ended.")
    gpus: int = Field(description="Of those deployments.")


class TenantDetailOut(TenantOut):
    """With what is in use."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{**_TENANT, "usage": {"deployments": 2, "gpus": 3}}]}
    )

    usage: UsageOut


class TenantListOut(BaseModel):
    """A page, by id."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"tenants": [_TENANT], "next_cursor": None, "emulated": True}]},
    )

    tenants: list[TenantOut]
    next_cursor: str | None
    emulated: bool


def tenant_answer(tenant: StoredTenant, *, emulated: bool) -> Json:
    document = document_of(tenant.limits)
    return {
        "id": tenant.id,
        "name": tenant.name,
        "home_region": tenant.home_region,
        "limits": document.model_dump(mode="python", exclude_none=True),
        "disabled": tenant.disabled_at is not None,
        "disabled_at": tenant.disabled_at,
        "created_at": tenant.created_at,
        "updated_at": tenant.updated_at,
        "emulated": emulated,
    }


def usage_answer(used: InUse) -> Json:
    return {"deployments": used.deployments, "gpus": used.gpus}


def tenants_answer(found: Sequence[StoredTenant], cursor: str | None, *, emulated: bool) -> Json:
    return {
        "tenants": [tenant_answer(each, emulated=emulated) for each in found],
        "next_cursor": cursor,
        "emulated": emulated,
    }
