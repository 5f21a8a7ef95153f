"""What of a decision is kept."""

from dataclasses import replace

import pytest

from aurora.routing.router import decide
from aurora.services.decision_record import DecisionContext, decision_record, ranked_record
from tests.unit.routing import market


def decided():
    return decide(market.snapshot([market.candidate()]), market.request(), now=market.NOW)


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_refused(score):
    """Written as JSON it would be null, as if nothing had been scored."""
    with pytest.raises(ValueError, match="score"):
        ranked_record(replace(decided().ranked[0], score=score))


def test_reasons_are_counted_under_plain_names():
    record = decision_record(
        decided(), market.request(), context=DecisionContext("dec-1", None, "test"), holds=()
    )

    assert record["counts"]["total"] == 1
    assert {type(name) for name in record["counts"]} == {str}
