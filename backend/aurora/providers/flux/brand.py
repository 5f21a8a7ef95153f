"""Flux for the registry.

FluxEdge rents GPUs by the hour and has no public API; FluxCloud (FluxOS 8.17.0, RunOnFlux/flux @845aa9b) has one and
no GPUs: no field of an application's specification asks for one. See docs/providers.md.
"""

from aurora.providers.gateway.brands import gateway_brand

NO_API = "FluxEdge has no public GPU rental API: set FLUX_BASE_URL to a gateway (docs/gateway.md)"

BRAND = gateway_brand(
    "flux",
    without_address=NO_API,
    initial_reputation=82.0,  # a guess inside the 82 to 96 that the emulators' providers are given
    elsewhere={
        "api.runonflux.io",  # FluxCloud: CPU, RAM and disk only
        "api.runonflux.com",
        "stats.runonflux.io",
        "explorer.runonflux.io",
    },
)
