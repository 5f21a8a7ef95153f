"""Aethir for the registry.

No public API rents its GPUs: the docs (docs.aethir.com), its GitHub organisation and everybody's code have none
[searched 2026-11]. What it has is an inference API, one for rewards of node licences, and a dashboard.
"""

from aurora.providers.gateway.brands import gateway_brand

NO_API = "Aethir has no public GPU rental API: set AETHIR_BASE_URL to a gateway (docs/gateway.md)"

BRAND = gateway_brand(
    "aethir",
    without_address=NO_API,
    initial_reputation=90.0,  # a guess inside the 82 to 96 that the emulators' providers are given
    elsewhere={
        "api.aethir.com",  # in demos and an npm package whose answers are made up
        "mesh-api.aethir.com",
        "app.aethir.com",
        "dashboard-api.aethir.com",
        "docs.aethir.com",
    },
)
