"""From a decision to what is committed before anything is sent: deployment, first attempt, hold."""

import secrets
import string
from datetime import datetime
from decimal import Decimal

from aurora.db.repositories.holds import Hold
from aurora.domain.deployment import AttemptState
from aurora.domain.money import usd_text
from aurora.domain.naming import InstanceName, deployment_key
from aurora.domain.records import Attempt, DeploymentEvent
from aurora.domain.request import ComputeRequest
from aurora.routing.decision import RankedOffer

_ALPHABET = string.ascii_lowercase + string.digits
_LETTERS = 12
_IDS = len(_ALPHABET) ** _LETTERS


def new_id(prefix: str) -> str:
    """`dep-` or `dec-` and twelve characters: 62 bits from the system's generator."""
    number = secrets.randbelow(_IDS)  # asked once: the system's generator takes longer than all the rest
    letters = []
    for _ in range(_LETTERS):
        number, place = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[place])
    return f"{prefix}-{''.join(letters)}"


def ceiling(request: ComputeRequest) -> Decimal:
    """The most that the whole deployment may be charged per hour."""
    return request.max_price * request.gpu_count


def attempt_on(
    ranked: RankedOffer,
    request: ComputeRequest,
    *,
    deployment_id: str,
    number: int,
    installation: str,
    now: datetime,
) -> Attempt:
    """An attempt that has not been sent, with the name it will carry at the market."""
    offer = ranked.fit.offer
    return Attempt(
        deployment_id=deployment_id,
        number=number,
        provider=offer.provider,
        offer_id=offer.id,
        offer_external_id=offer.external_id,
        name=str(InstanceName(installation, deployment_key(deployment_id), number)),
        state=AttemptState.INTENT,
        gpu_count=ranked.fit.gpus,
        decided_usd_per_hour=ranked.price_usd_per_hour,
        ceiling_usd_per_hour=ceiling(request),
        price_kind=ranked.price_kind,
        intent_at=now,
        host=offer.host,
        resources=offer.resources,
        latency_ms=ranked.estimated_latency_ms,
    )


def hold_for(attempt: Attempt, ranked: RankedOffer) -> Hold:
    """One launch of the attempt's offer, from the intent on."""
    return Hold(
        provider=attempt.provider,
        offer_id=attempt.offer_id,
        resources=attempt.resources,
        reason="attempt",
        held_at=attempt.intent_at,
        deployment_id=attempt.deployment_id,
        attempt=attempt.number,
        size=ranked.fit.capacity_needed,
    )


def intended(attempt: Attempt) -> DeploymentEvent:
    """What the deployment's story says of it."""
    price = f"${usd_text(attempt.decided_usd_per_hour)}/h ({attempt.price_kind})"
    return DeploymentEvent(
        attempt.deployment_id,
        attempt.intent_at,
        "intent",
        f"{attempt.offer_id} chosen at {price}",
        attempt=attempt.number,
        data={"name": attempt.name},
    )
