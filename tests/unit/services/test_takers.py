"""Who took what: each hold once, as long as anything of it is shown."""

from aurora.db.repositories.holds import Hold
from aurora.domain.gpu import GpuModel, GpuQuery
from aurora.services.takers import HoldRecord, Takers, hold_record
from tests.fakes.clock import START

A100 = GpuModel("a100", "sxm", 80)
SMALL = GpuModel("a100", "pcie", 40)
ANY = GpuQuery("a100")


def hold(name: str) -> Hold:
    return Hold("vastai", name, frozenset({"gpu-1"}), "attempt", START, deployment_id=name, attempt=1)


def records(*holds: Hold) -> list[HoldRecord]:
    return [hold_record(one) for one in holds]


def test_a_hold_on_a_machine_is_told_once_and_until_its_last_offer_is_free() -> None:
    takers, one, other = Takers(), hold("a"), hold("b")
    takers.put("vastai:1", A100, (one, other))
    takers.put("vastai:2", A100, (one,))
    assert list(takers.of(ANY)) == records(one, other)

    takers.drop(["vastai:1", "vastai:9"])
    assert list(takers.of(ANY)) == records(one)
    takers.drop(["vastai:2"])
    assert list(takers.of(ANY)) == []


def test_what_is_put_takes_the_place_of_what_was() -> None:
    takers, one, other = Takers(), hold("a"), hold("b")
    takers.put("vastai:1", A100, (one,))
    takers.put("vastai:1", A100, (other,))
    takers.put("vastai:1", A100, (other,))

    assert list(takers.of(ANY)) == records(other)
    takers.drop(["vastai:1"])
    assert list(takers.of(ANY)) == []


def test_only_holds_on_the_gpus_asked_for_are_told() -> None:
    takers, one, other = Takers(), hold("a"), hold("b")
    takers.put("vastai:1", A100, (one,))
    takers.put("vastai:2", SMALL, (other,))

    assert list(takers.of(GpuQuery("a100", "sxm", 80))) == records(one)


def test_what_a_decision_keeps_of_a_hold() -> None:
    takers, one = Takers(), hold("a")
    takers.put("vastai:1", A100, (one,))

    (kept,) = takers.of(ANY)

    assert kept == {"offer": "a", "reason": "attempt", "deployment": "a", "attempt": 1}
    assert next(takers.of(ANY)) is kept, "made once for all decisions"
