"""What every account of a market says of itself."""

from aurora.domain.billing import BillingRule
from aurora.providers.base import Capabilities
from aurora.providers.metrics import MeteredGuard, ProviderMetrics


class MarketIdentity:
    """Its name, what it can do, how it bills, and how its calls fare."""

    def __init__(
        self, name: str, *, capabilities: Capabilities, billing: BillingRule, guard: MeteredGuard
    ) -> None:
        self._name = name
        self._capabilities = capabilities
        self._billing = billing
        self._metered = guard

    @property
    def name(self) -> str:
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def billing(self) -> BillingRule:
        return self._billing

    def get_metrics(self) -> ProviderMetrics:
        """Outcomes of this account's calls."""
        return self._metered.metrics
