"""What `POST /route` answers: for a fresh decision, and for a deployment that exists."""

from typing import Any

from aurora.domain.clock import Clock
from aurora.domain.deployment import DeploymentStatus
from aurora.domain.errors import NotFound
from aurora.domain.records import DeploymentView, RouteAnswer
from aurora.routing.decision import Decision


def decided_answer(
    decision: Decision,
    *,
    decision_id: str | None,
    deployment_id: str | None = None,
    emulated: bool = False,
) -> RouteAnswer:
    """The answer right after a decision; without a deployment it was a dry run."""
    chosen = decision.chosen
    counts = {reason: number for reason, number in decision.counts.items() if reason != "ranked"}
    if chosen is None:
        return RouteAnswer(
            status="no_capacity",
            rationale=decision.rationale,
            decision_id=decision_id,
            reason=decision.reason,
            relaxations=tuple(str(one) for one in decision.relaxations),
            candidates=0,
            eliminated=counts,
            emulated=emulated,
        )
    offer = chosen.fit.offer
    return RouteAnswer(
        status="dry_run" if deployment_id is None else DeploymentStatus.PROVISIONING.value,
        rationale=decision.rationale,
        decision_id=decision_id,
        deployment_id=deployment_id,
        provider=offer.provider,
        offer_id=offer.id,
        gpu_type=offer.gpu.name,
        gpu_count=chosen.fit.gpus,
        region=", ".join(sorted(offer.regions)) or None,
        price_usd_per_hour=chosen.price_usd_per_hour,
        price_usd_per_gpu_hour=chosen.price_usd_per_gpu_hour,
        price_kind=chosen.price_kind,
        price_age_s=(decision.decided_at - offer.seen_at).total_seconds(),
        estimated_latency_ms=chosen.estimated_latency_ms,
        relaxations=tuple(str(one) for one in decision.relaxations),
        candidates=len(decision.ranked),
        eliminated=counts,
        emulated=emulated,
        score=chosen.terms,
    )


def stored_answer(view: DeploymentView, record: dict[str, Any], *, clock: Clock) -> RouteAnswer:
    """What `POST /route` answers for a stored deployment: the present attempt, the first decision's reasons."""
    deployment, attempt = view.deployment, view.current
    if attempt is None:
        raise NotFound(f"{deployment.id} has no attempt")
    offers = {one["offer"]: one for one in record.get("candidates", [])}
    facts = offers.get(attempt.offer_id, {})
    counts = record.get("counts", {})
    price = attempt.usd_per_hour
    read_at = attempt.sent_at or attempt.intent_at
    return RouteAnswer(
        status=_word(deployment.status),
        rationale=str(record.get("rationale", "")),
        decision_id=deployment.decision_id,
        deployment_id=deployment.id,
        provider=attempt.provider,
        offer_id=attempt.offer_id,
        gpu_type=facts.get("gpu_type") or str(deployment.request["gpu_type"]),
        gpu_count=attempt.gpu_count,
        region=", ".join(facts.get("regions", ())) or None,
        price_usd_per_hour=price,
        price_usd_per_gpu_hour=price / attempt.gpu_count,
        price_kind=attempt.price_kind,
        price_age_s=(clock.now() - read_at).total_seconds(),
        estimated_latency_ms=attempt.latency_ms,
        reason=deployment.reason if deployment.status.ended else None,
        candidates=int(counts.get("ranked", 0)),
        eliminated={key: value for key, value in counts.items() if key not in {"ranked", "total"}},
        emulated=deployment.emulated,
        score=facts.get("terms", {}),
    )


def _word(status: DeploymentStatus) -> str:
    """`pending` is the caller's `provisioning`: the intent is committed."""
    return DeploymentStatus.PROVISIONING.value if status is DeploymentStatus.PENDING else status.value
