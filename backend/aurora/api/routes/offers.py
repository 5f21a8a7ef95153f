"""`GET /offers`: the catalogue."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from aurora.api.answers import JsonAnswer
from aurora.api.deps import AuroraDep
from aurora.api.offer_listing import OfferOrder, page
from aurora.api.schemas.offers import OfferListOut, OfferQuery, offers_answer
from aurora.api.schemas.problem import problems
from aurora.domain.offer import Offer

router = APIRouter(tags=["offers"])


@router.get(
    "/offers",
    summary="What the markets sell now",
    responses={200: {"model": OfferListOut}, **problems(422, 503)},
)
async def offers(aurora: AuroraDep, query: Annotated[OfferQuery, Query()]) -> Response:
    """Sorted, a page at a time, with how complete the catalogue behind it is."""

    def reputation(offer: Offer) -> float:
        return aurora.reputation.of(offer.provider, offer.host)

    def g_score(offer: Offer) -> float | None:
        score = aurora.g_scores.of(offer.id)
        return None if score is None else score.value

    found = page(
        aurora.catalogue.offers(),
        query.wanted(aurora.intake),
        order=OfferOrder(query.sort, reputation=reputation, g_score=g_score),
        after=query.cursor,
        limit=query.limit,
    )
    return JsonAnswer(offers_answer(aurora, found))
