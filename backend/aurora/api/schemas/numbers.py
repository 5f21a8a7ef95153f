"""Kinds of numbers that come in: exact, finite, and never a boolean in disguise."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        msg = "must be a number"
        raise ValueError(msg)  # noqa: TRY004 - pydantic turns ValueError into a message, a TypeError into a crash
    return value


Amount = Annotated[
    Decimal, BeforeValidator(_no_boolean), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})
]
"""Money, hours: exact."""
Figure = Annotated[float, BeforeValidator(_no_boolean), Field(allow_inf_nan=False)]
Weight = Annotated[float, BeforeValidator(_no_boolean), WithJsonSchema({"type": "number", "minimum": 0})]
"""Checked as a set, so that the answer is about `weights`."""
Whole = Annotated[int, BeforeValidator(_no_boolean)]
