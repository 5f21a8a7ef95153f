"""Keys: made and shown once, listed by their hint."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aurora.api.ports import Json
from aurora.api.schemas.moments import moment
from aurora.api.schemas.numbers import Figure
from aurora.domain.api_key import ApiKey
from aurora.domain.errors import InvalidRequest
from aurora.domain.tenant import Scope
from aurora.services.keys import MOST_OVERLAP_S, KeyWish, NewKey

_KEY: JsonDict = {
    "id": "key-4k7q1n8s2v5y",
    "tenant": "research",
    "name": "training cluster",
    "hint": "aur_...x9Qk",
    "scopes": ["route"],
    "state": "active",
    "created_at": "2026-01-15T12:00:00.000Z",
    "created_by": "admin",
    "expires_at": None,
    "revoked_at": None,
    "rotated_from": None,
    "last_used_at": "2026-01-15T12:03:10.000Z",
}
_LONGEST_DAYS = 3660.0


class KeyBody(BaseModel):
    """A new key."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "training cluster", "scopes": ["route"], "expires_in_days": 90}]
        },
    )

    name: str = Field(description="For people: where it is used.")
    scopes: list[Scope] = Field([Scope.ROUTE], description="admin implies the others.", max_length=3)
    expires_at: datetime | None = Field(None, description="With its zone.")
    expires_in_days: Annotated[Figure, Field(gt=0, le=_LONGEST_DAYS)] | None = Field(
        None, description="Instead of `expires_at`."
    )

    def wish(self, now: datetime) -> KeyWish:
        """Raises InvalidRequest."""
        if self.expires_at is not None and self.expires_in_days is not None:
            raise InvalidRequest("expires_in_days", "says the same as expires_at; give one of them")
        ends = moment("expires_at", self.expires_at)
        if self.expires_in_days is not None:
            ends = now + timedelta(days=self.expires_in_days)
        return KeyWish(self.name, frozenset(self.scopes), ends)


class RotateBody(BaseModel):
    """How long the old secret goes on working beside the new one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"overlap_seconds": 86400}]})

    overlap_seconds: Annotated[Figure, Field(ge=0, le=MOST_OVERLAP_S)] = 86_400.0


class KeyOut(BaseModel):
    """A key without its secret."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_KEY]})

    id: str
    tenant: str
    name: str
    hint: str = Field(description="The end of the secret.")
    scopes: list[str]
    state: str = Field(description="active, expired or revoked.")
    created_at: str
    created_by: str
    expires_at: str | None
    revoked_at: str | None
    rotated_from: str | None = Field(description="The key that it replaces.")
    last_used_at: str | None = Field(description="To about a minute.")


class NewKeyOut(BaseModel):
    """The only answer that ever shows the secret."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "key": _KEY,
                    "secret": "aur_Zk3v...",
                    "replaces": None,
                    "replaced_until": None,
                    "emulated": True,
                }
            ]
        },
    )

    key: KeyOut
    secret: str = Field(description="Keep it: it is shown this once.")
    replaces: str | None = Field(description="After a rotation: the old key.")
    replaced_until: str | None = Field(description="After a rotation: when the old key ends.")
    emulated: bool


class KeyListOut(BaseModel):
    """All keys of a tenant, newest first, the ended ones too."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"keys": [_KEY], "emulated": True}]}
    )

    keys: list[KeyOut]
    emulated: bool


def key_answer(key: ApiKey, *, now: datetime) -> Json:
    return {
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "hint": key.hint,
        "scopes": sorted(key.scopes),
        "state": key.ended(now) or "active",
        "created_at": key.created_at,
        "created_by": key.created_by,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "rotated_from": key.rotated_from,
        "last_used_at": key.last_used_at,
    }


def new_key_answer(made: NewKey, *, now: datetime, emulated: bool, old: ApiKey | None = None) -> Json:
    return {
        "key": key_answer(made.key, now=now),
        "secret": made.secret,
        "replaces": None if old is None else old.id,
        "replaced_until": None if old is None else old.expires_at,
        "emulated": emulated,
    }


def keys_answer(found: Sequence[ApiKey], *, now: datetime, emulated: bool) -> Json:
    return {"keys": [key_answer(each, now=now) for each in found], "emulated": emulated}
