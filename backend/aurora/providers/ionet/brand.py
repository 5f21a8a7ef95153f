"""io.net for the registry."""

from aurora.providers.base import Provider
from aurora.providers.brand import Address, Brand, ByHand, Connection
from aurora.providers.ionet.base_url import BASE_URL, CAAS, normalise_base_url
from aurora.providers.ionet.limits import REAL, RELAXED
from aurora.providers.ionet.money import RefundRule
from aurora.providers.ionet.provider import IonetAccount, IonetProvider


def connect(connection: Connection) -> Provider:
    """One account. The key is there: without one the market is not registered."""
    account = IonetAccount(
        api_key=connection.key,
        **connection.reach,
        refund=RefundRule(connection.own.get("REFUND_RULE", RefundRule.FIRST_HOUR_KEPT)),
        billing_model=connection.own.get("BILLING_MODEL"),
        most_rows=connection.most_rows,
    )
    return IonetProvider.connect(account, **connection.surroundings)


BRAND = Brand(
    name="ionet",
    addresses=(Address("BASE_URL", BASE_URL, CAAS, normalise_base_url),),
    connect=connect,
    real=REAL,
    relaxed=RELAXED,
    initial_reputation=88.0,  # a guess inside the 82 to 96 that the emulators' providers are given
    by_hand=ByHand("/deployments", "x-api-key: ${}"),
)
