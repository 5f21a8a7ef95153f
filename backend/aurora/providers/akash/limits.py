"""How often Akash is asked.

No number is published and no limiter is in the API's code [seen]; its documentation says: poll every 3 s or slower.
That is what the intervals of `status` and `bids` are, for the whole account. A 429 pauses us besides.
"""

from aurora.providers.base import EndpointLimit, Limits

PRICES = "gpu_prices"
"""Edge-cached for 300 s; a miss takes about 16 s [2nd]."""
PROVIDERS = "providers"
BIDS = "bids"
LEASE = "lease"
DEPOSIT = "deposit"
GROUP_NAME = "group_name"
TOKEN = "token"  # noqa: S105 - the name of an endpoint class
LOG_SOCKET = "log_socket"

POLL_S = 3.0

REAL = Limits(
    {
        "status": EndpointLimit(min_interval_s=POLL_S),
        BIDS: EndpointLimit(min_interval_s=POLL_S),
    }
)
RELAXED = Limits()
"""For an emulator without limits."""
