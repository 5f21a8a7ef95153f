"""What changed between two readings of a catalogue. Pure.

Only content counts. `seen_at` never does, and figures that move by themselves count once they have moved far from
what was written (from that, not from the last reading, so that small steps add up):

- `max_duration_s` counts down: its end must move by an hour, and by 5 % of what is left;
- `reliability` by 0.005; `inet_down_mbps`, `inet_up_mbps` by 20 %; `disk_max_gb` by 2 %.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from aurora.domain.money import usd
from aurora.domain.offer import Offer

RELIABILITY_STEP = 0.005
_RELATIVE = {"inet_down_mbps": 0.20, "inet_up_mbps": 0.20, "disk_max_gb": 0.02}
_MONEY = ("price_per_hour", "disk_price_gb_hour")
_VOLATILE = {"seen_at", "max_duration_s", "reliability", *_RELATIVE, *_MONEY}
_content = attrgetter(*(field.name for field in fields(Offer) if field.init and field.name not in _VOLATILE))
_noisy = attrgetter(*_RELATIVE)
_money = attrgetter(*_MONEY)
_END_SLACK_S = 3600.0
_END_SLACK_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class OfferDiff:
    """Offers of one reading, by what must be written of them."""

    new: tuple[Offer, ...] = ()
    changed: tuple[Offer, ...] = ()
    unchanged: tuple[Offer, ...] = ()
    repriced: tuple[Offer, ...] = ()
    """New, or at another price than before: these make price history."""

    def __add__(self, other: "OfferDiff") -> "OfferDiff":
        """Both together: a large reading is compared in portions."""
        return OfferDiff(
            self.new + other.new,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.repriced + other.repriced,
        )


def compare(written: Mapping[str, Offer], seen: Iterable[Offer]) -> OfferDiff:
    """`seen` against the offers as they were last written, by id. `seen` has each id once."""
    new, changed, unchanged, repriced = [], [], [], []
    for offer in seen:
        old = written.get(offer.id)
        if old is None:
            new.append(offer)
            repriced.append(offer)
        elif same(old, offer):
            unchanged.append(offer)
        else:
            changed.append(offer)
            if usd(old.price_per_hour) != usd(offer.price_per_hour):
                repriced.append(offer)
    return OfferDiff(tuple(new), tuple(changed), tuple(unchanged), tuple(repriced))


def missing(
    known: Mapping[str, Offer], *, read: Mapping[str, Collection[str]], seen: Collection[str] = frozenset()
) -> dict[str, set[str]]:
    """Ids of known offers that a complete reading of their slice does not have, by slice.

    `read` are the ids that each reading has; offers among `seen` were met somewhere else and are not missing.
    """
    found: dict[str, set[str]] = {key: set() for key in read}
    for offer_id, offer in known.items():
        ids = read.get(offer.slice_key)
        if ids is not None and offer_id not in ids and offer_id not in seen:
            found[offer.slice_key].add(offer_id)
    return found


def same(old: Offer, new: Offer) -> bool:
    """True when nothing worth writing differs; money is compared at the nine decimals that are kept."""
    return (
        _content(old) == _content(new)
        and (_money(old) == _money(new) or _kept_money(old) == _kept_money(new))
        and not _drifted(old, new)
    )


def _kept_money(offer: Offer) -> tuple[Any, ...]:
    return tuple(usd(amount) for amount in _money(offer))


def _drifted(old: Offer, new: Offer) -> bool:
    if _apart(old.reliability, new.reliability, slack=RELIABILITY_STEP):
        return True
    if _noisy(old) != _noisy(new):
        for before, after, share in zip(_noisy(old), _noisy(new), _RELATIVE.values(), strict=True):
            if _apart(before, after, slack=share * abs(before or 0.0)):
                return True
    return _end_moved(old, new)


def _end_moved(old: Offer, new: Offer) -> bool:
    if old.max_duration_s is None or new.max_duration_s is None:
        return old.max_duration_s is not new.max_duration_s
    passed = (new.seen_at - old.seen_at).total_seconds()
    slack = max(_END_SLACK_S, _END_SLACK_SHARE * new.max_duration_s)
    return abs(old.max_duration_s - passed - new.max_duration_s) > slack


def _apart(before: float | None, after: float | None, *, slack: float) -> bool:
    if before is None or after is None:
        return before is not after
    # the sum's last binary digit must not decide about a step of exactly the slack
    return abs(before - after) > slack - 1e-9 and before != after
