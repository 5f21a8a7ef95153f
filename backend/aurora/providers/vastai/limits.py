"""Vast.ai's own limits, and the hours of its quota.

Minimum intervals per endpoint and identity: Vast docs openapi `x-rate-limit` blocks, 2026-08-07 (search: 10 calls a
minute and IP, create 4.5 s, one instance 2.0 s, list 1.0 s, destroy 3.0 s). `MARGIN` keeps a jittering network from
squeezing two calls below them.
"""

from aurora.providers.base import EndpointLimit, Limits

SEARCH = "search"
"""Endpoint class of every search: catalogue pages and quotes share its calls and its rows."""
GPU_NAMES = "gpu_names"
LOG_FILE = "log_file"

MARGIN = 1.05
CREATE_PENALTY_S = 12.0
"""Documented pause after a create that came too early (create_instance.yaml, 2026-08-07)."""
ROWS_SEEN = 64
"""Rows per search answer, whatever `limit` says: observed by another client in September 2026, not documented."""
ROWS_ASKED = 512
"""The `limit` that we send; other public clients send the same."""
ROWS_PER_DAY = 100_000
"""Returned rows a day. A guess: the quota exists (CLI 1.9.1 handles `search_quota_exceeded`), its size is unpublished."""
ROWS_BURST = 20_000
"""Rows that may be read at once: several full walks of the market."""

_DAY_S = 86_400

REAL = Limits(
    {
        # The period counts rows: one is paid with the call, the others are charged after the answer. The bucket
        # starts full and refills so that no day's sum exceeds the quota: burst + (quota - burst).
        SEARCH: EndpointLimit(
            min_interval_s=6.0 * MARGIN,
            per_period=ROWS_BURST,
            period_s=_DAY_S * ROWS_BURST / (ROWS_PER_DAY - ROWS_BURST),
        ),
        "create": EndpointLimit(min_interval_s=4.5 * MARGIN),
        "status": EndpointLimit(min_interval_s=2.0 * MARGIN),
        "list": EndpointLimit(min_interval_s=1.0 * MARGIN),
        "terminate": EndpointLimit(min_interval_s=3.0 * MARGIN),
    }
)
RELAXED = Limits()
"""For an emulator without limits."""
