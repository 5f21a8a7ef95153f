"""How often SaladCloud is asked: 240 requests a minute and key, for all calls together (docs api-usage [seen]).

Whether its window slides is not published: ours does. Creates have a small share of their own, so that a full quota
pauses them and nothing else.
"""

from aurora.domain.operation import Operation
from aurora.providers.base import EndpointLimit, Limits

ACCOUNT = "account"
"""Every call but creates."""
CREATE = "create"
PER_MINUTE = 240
CREATES_PER_MINUTE = 20

REAL = Limits(
    {
        ACCOUNT: EndpointLimit(per_period=PER_MINUTE - CREATES_PER_MINUTE, period_s=60.0, strict=True),
        CREATE: EndpointLimit(per_period=CREATES_PER_MINUTE, period_s=60.0, strict=True),
    }
)
RELAXED = Limits()
"""For an emulator without limits."""


def endpoint_of(operation: Operation) -> str:
    """The class of limits of an operation's requests."""
    return CREATE if operation is Operation.CREATE else ACCOUNT
