"""The account: its own instances, what it says of instances that do not exist, and one quote."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

from aurora.conformance.report import Finding, broken, kept, left_open
from aurora.domain.errors import InstanceNotFound, NoCapacity, NotSupported, OfferGone, ProviderError
from aurora.domain.instance import Quote
from aurora.domain.offer import Offer, PriceKind
from aurora.providers.base import Provider

DISK_GB = 20.0
CLOSE = Decimal("0.05")
"""Prices move between a list and a quote: further apart than this is a difference in meaning, not in time."""
OURS = "aurora-"
_TRIES = 3


async def own_list(provider: Provider) -> Finding:
    """What runs on the account; whose it is, is not asked."""
    found = await provider.list_own()
    states = Counter(each.state.value for each in found)
    ours = sum((each.name or "").startswith(OURS) for each in found)
    seen = f"{len(found)} instances, {ours} named {OURS}..." + (
        f" ({', '.join(f'{count} {state}' for state, count in states.items())})" if found else ""
    )
    twice = [key for key, times in Counter(each.external_id for each in found).items() if times > 1]
    if twice:
        return broken("own-list", f"{seen}; listed more than once", *twice[:10])
    if any(not each.external_id or each.provider != provider.name for each in found):
        return broken("own-list", f"{seen}; some have no id, or another provider's name")
    return kept("own-list", seen)


async def absence(provider: Provider, absent_id: str) -> Finding:
    """A status and a log of what nobody has."""
    said = {
        "its status": await _said(lambda: provider.status(absent_id)),
        "its log": await _said(lambda: _read(provider, absent_id)),
    }
    wrong = [f"{what}: {told}" for what, told in said.items() if told not in {"not found", "no logs"}]
    seen = ", ".join(f"{what}: {told}" for what, told in said.items())
    return broken("absence", f"asked for {absent_id!r}", *wrong) if wrong else kept("absence", seen)


async def _read(provider: Provider, external_id: str) -> int:
    return len([line async for line in provider.logs(external_id, tail=1)])


async def _said(ask: Callable[[], Awaitable[object]]) -> str:
    try:
        await ask()
    except InstanceNotFound:
        return "not found"
    except NotSupported:
        return "no logs"
    except ProviderError as error:
        return f"{error.code}: {error.detail}"
    return "an answer"


async def quoted(provider: Provider, offers: Sequence[Offer]) -> Finding:
    """The price of the cheapest offer that is free, read again; somebody may take one meanwhile."""
    free = [offer for offer in offers if offer.available != 0]
    gone: list[str] = []
    for offer in sorted(free, key=lambda each: (each.price_with_disk(DISK_GB), each.id))[:_TRIES]:
        try:
            quote = await provider.quote(offer.external_id, gpu_count=offer.gpu_count, disk_gb=DISK_GB)
        except (OfferGone, NoCapacity) as error:
            gone.append(f"{offer.external_id}: {error.code}")
            continue
        return _compared(offer, quote)
    if not free:
        return left_open("quote", "nothing is free")
    return left_open("quote", "what was listed as free is gone by now", *gone)


def _compared(offer: Offer, quote: Quote) -> Finding:
    listed = offer.price_with_disk(DISK_GB)
    kind = "firm" if quote.firm else "not firm"
    seen = (
        f"{offer.external_id} with {DISK_GB:g} GB: listed {listed:.6f}, quoted {quote.usd_per_hour:.6f} USD/h"
        f" ({kind})"
    )
    if quote.offer_id != offer.id:
        return broken("quote", f"{seen}; the quote is for {quote.offer_id}")
    if quote.firm and offer.price_kind is PriceKind.ESTIMATE:
        return broken("quote", f"{seen}; the list calls it an estimate")
    if abs(quote.usd_per_hour - listed) > CLOSE * listed:
        return broken("quote", f"{seen}; more than {CLOSE:%} apart")
    return kept("quote", seen)
