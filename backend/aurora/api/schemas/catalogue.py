"""How complete and how old what we know of each market is: beside every list, so that none is silently short."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aurora.api.ports import AuroraPort, Json

EXAMPLE: JsonDict = {
    "vastai": {
        "completeness": 0.97,
        "age_seconds": 41.2,
        "last_error": None,
        "last_sync": "2026-01-15T11:59:18.800Z",
        "offers": 2164,
    }
}


class CatalogueStateOut(BaseModel):
    """One market's part of the catalogue."""

    model_config = ConfigDict(extra="forbid")

    completeness: float | None = Field(
        description="Share of the catalogue that has been read to its end, 0 to 1."
    )
    age_seconds: float | None = Field(description="Age of the data; null before the first sync.")
    last_error: str | None
    last_sync: datetime | None
    offers: int


def state_of(aurora: AuroraPort, provider: str) -> Json:
    state = aurora.catalogue.state(provider)
    return {
        "completeness": state.completeness,
        "age_seconds": None if state.data_age_s is None else round(state.data_age_s, 1),
        "last_error": state.last_error,
        "last_sync": state.last_sync_at,
        "offers": state.offers,
    }


def states(aurora: AuroraPort) -> Json:
    """The state of every market we know, by name."""
    return {name: state_of(aurora, name) for name in sorted(aurora.intake.providers)}
