"""What the webhook is told of an alert."""

import hashlib
import json
from dataclasses import dataclass

from aurora.domain.alert import Delivery
from aurora.services.alerts import Transition, runbook


@dataclass(frozen=True, slots=True)
class Origin:
    """Which Aurora tells."""

    installation: str
    mode: str


def delivery(transition: Transition, origin: Origin) -> Delivery:
    """The message. The same transition always gives the same id."""
    state = "started" if transition.active else "ended"
    since = transition.since.isoformat()
    named = f"{origin.installation}|{transition.name}|{transition.provider}|{since}|{state}"
    message_id = hashlib.sha256(named.encode()).hexdigest()[:32]
    message = {
        "id": message_id,
        "name": transition.name,
        "provider": transition.provider,
        "state": state,
        "severity": transition.severity,
        "since": since,
        "at": transition.at.isoformat(),
        "seconds": round(transition.seconds, 1),
        "detail": transition.detail,
        "installation": origin.installation,
        "mode": origin.mode,
        "runbook": runbook(transition.name),
    }
    return Delivery(message_id, json.dumps(message, ensure_ascii=False).encode())
