"""`GET /decisions/{id}`."""

from pydantic import BaseModel, ConfigDict


class DecisionOut(BaseModel):
    """A stored decision: the request as resolved, counts by reason, the top 20, the chosen one, the capacity held.

    `eliminated` has, per reason, the count and up to three refused offers, each with its sentence.
    """

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "id": "dec-2b8c5n0r6t4w",
                    "rationale": "vastai: cheapest of 41 offers that fit; 212 did not.",
                    "emulated": True,
                }
            ]
        },
    )

    emulated: bool
