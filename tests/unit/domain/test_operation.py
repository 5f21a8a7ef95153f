"""Which calls may be repeated, shared and preferred: by what they do, never by their HTTP verb."""

from aurora.domain.operation import (
    CACHEABLE,
    CLASS_OF,
    REPEAT_OF,
    RESERVED,
    Operation,
    OperationClass,
    Repeat,
)


def test_every_operation_has_a_class_and_a_rule():
    assert set(CLASS_OF) == set(REPEAT_OF) == set(Operation)
    assert set(CLASS_OF.values()) == set(OperationClass)


def test_only_a_create_is_repeated_with_care_and_only_a_terminate_takes_absence_for_success():
    assert {one for one, rule in REPEAT_OF.items() if rule is Repeat.CREATE} == {Operation.CREATE}
    assert {one for one, rule in REPEAT_OF.items() if rule is Repeat.IDEMPOTENT} == {Operation.TERMINATE}


def test_a_broken_search_never_stops_what_follows_money():
    reading = {one for one in Operation if CLASS_OF[one] is OperationClass.READ}

    assert not reading & RESERVED
    assert {Operation.CREATE, Operation.STATUS, Operation.TERMINATE} <= RESERVED


def test_only_offers_and_quotes_are_ever_answered_from_memory():
    assert {Operation.OFFERS, Operation.QUOTE} == CACHEABLE
