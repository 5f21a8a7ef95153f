"""How often io.net is asked. No limit is published and none is in any client that we know: IONET_RATE_LIMIT (150 a
minute, assumed) holds for all calls together, a 429 pauses us besides.
"""

from aurora.providers.base import EndpointLimit, Limits

CONSOLE = "console"
"""The keyless catalogue beside the API."""
REPLICAS = "replicas"
EXTEND = "extend"
CONTAINERS = "containers"

REAL = Limits(
    {
        # One call per kind of hardware and size: the walk must not take the whole budget. Assumed.
        REPLICAS: EndpointLimit(per_period=100, period_s=60.0),
    }
)
RELAXED = Limits()
"""For an emulator without limits."""
