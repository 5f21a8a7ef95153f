import pytest

from aurora.domain.errors import CredentialRefused
from aurora.domain.operation import Operation
from aurora.resilience.credential import Credential
from aurora.resilience.events import CredentialChanged, Hooks
from tests.fakes.clock import START
from tests.unit.resilience.upstream import NAME, refusal

OFFERS, TERMINATE, LOGS = Operation.OFFERS, Operation.TERMINATE, Operation.LOGS


def make(clock, listener=None) -> Credential:
    return Credential(NAME, recheck_s=60, clock=clock, hooks=Hooks([] if listener is None else [listener]))


def test_a_refused_key_stops_every_operation_for_a_minute(clock):
    credential = make(clock)
    credential.refused(OFFERS, refusal(CredentialRefused, status=401))
    clock.advance(20)

    with pytest.raises(CredentialRefused) as again:
        credential.peek(TERMINATE)
    assert again.value.retry_after == 40
    assert again.value.status == 401
    assert credential.failed_at == START
    assert set(credential.refused_operations) == set(Operation)


def test_a_missing_right_stops_its_own_operation_only(clock):
    credential = make(clock)
    credential.refused(LOGS, refusal(CredentialRefused, status=403))

    credential.peek(TERMINATE)
    with pytest.raises(CredentialRefused):
        credential.peek(LOGS)
    assert credential.refused_operations == (LOGS,)

    credential.accepted(TERMINATE)
    assert credential.failed_at == START
    credential.accepted(LOGS)
    assert credential.failed_at is None


def test_after_a_minute_one_call_checks_and_the_others_still_wait(clock):
    credential = make(clock)
    credential.refused(OFFERS, refusal(CredentialRefused, status=401))
    clock.advance(60)

    credential.enter(OFFERS)

    with pytest.raises(CredentialRefused):
        credential.enter(TERMINATE)
    clock.advance(60)
    credential.enter(TERMINATE)


def test_looking_does_not_use_up_the_check(clock):
    credential = make(clock)
    credential.refused(OFFERS, refusal(CredentialRefused, status=401))
    clock.advance(60)

    credential.peek(OFFERS)
    credential.peek(TERMINATE)
    credential.enter(OFFERS)


def test_force_passes_and_a_success_ends_it(clock):
    told = []
    credential = make(clock, told.append)
    credential.refused(OFFERS, refusal(CredentialRefused, status=401))
    credential.refused(OFFERS, refusal(CredentialRefused, status=401))

    credential.enter(OFFERS, force=True)
    credential.accepted(OFFERS)
    credential.accepted(OFFERS)

    credential.peek(TERMINATE)
    assert credential.refused_operations == ()
    assert told == [
        CredentialChanged(NAME, refused=True, detail="said no"),
        CredentialChanged(NAME, refused=False, detail=""),
    ]


def test_the_time_of_the_first_refusal_is_kept(clock):
    credential = make(clock)
    credential.refused(OFFERS, refusal(CredentialRefused))
    clock.advance(61)
    credential.refused(OFFERS, refusal(CredentialRefused))
    assert credential.failed_at == START
