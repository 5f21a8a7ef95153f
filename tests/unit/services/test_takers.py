"""What is taken: each hold once, as long as anything of it is shown."""

from aurora.db.repositories.holds import Hold
from aurora.domain.gpu import GpuModel, GpuQuery
from aurora.services.takers import Takers, held_of
from tests.fakes.clock import START

A100 = GpuModel("a100", "sxm", 80)
SMALL = GpuModel("a100", "pcie", 40)
ANY = GpuQuery("a100")


def hold(name: str, *, offer: str | None = None, size: float = 1.0, reason: str = "attempt") -> Hold:
    return Hold(
        "vastai",
        offer or name,
        frozenset({"gpu-1"}),
        reason,
        START,
        deployment_id=name,
        attempt=1,
        size=size,
    )


def held(takers: Takers, query: GpuQuery = ANY) -> dict[str, dict[str, float]]:
    return {reason: dict(offers) for reason, offers in held_of([takers], query).items()}


def test_a_hold_on_a_machine_is_told_once_and_until_its_last_offer_is_free() -> None:
    takers, one, other = Takers(), hold("a"), hold("b")
    takers.put("vastai:1", A100, (one, other))
    takers.put("vastai:2", A100, (one,))
    assert held(takers) == {"attempt": {"a": 1.0, "b": 1.0}}

    takers.drop(["vastai:1", "vastai:9"])
    assert held(takers) == {"attempt": {"a": 1.0}}
    takers.drop(["vastai:2"])
    assert held(takers) == {}


def test_what_is_put_takes_the_place_of_what_was() -> None:
    takers, one, other = Takers(), hold("a"), hold("b")
    takers.put("vastai:1", A100, (one,))
    takers.put("vastai:1", A100, (other,))
    takers.put("vastai:1", A100, (other,))

    assert held(takers) == {"attempt": {"b": 1.0}}
    takers.drop(["vastai:1"])
    assert held(takers) == {}


def test_only_holds_on_the_gpus_asked_for_are_told() -> None:
    takers, one, other = Takers(), hold("a"), hold("b")
    takers.put("vastai:1", A100, (one,))
    takers.put("vastai:2", SMALL, (other,))

    assert held(takers, GpuQuery("a100", "sxm", 80)) == {"attempt": {"a": 1.0}}
    assert held(takers) == {"attempt": {"a": 1.0, "b": 1.0}}


def test_launches_on_one_offer_are_summed_by_reason_and_leave_nothing() -> None:
    takers = Takers()
    two, part, refused = (
        hold("a", offer="1", size=2.0),
        hold("b", offer="1", size=0.1),
        hold("c", offer="1", reason="refused"),
    )
    takers.put("vastai:1", A100, (two, part, refused))
    assert held(takers) == {"attempt": {"1": 2.1}, "refused": {"1": 1.0}}

    takers.put("vastai:1", A100, (part,))
    assert held(takers) == {"attempt": {"1": 0.1}}
    takers.put("vastai:1", A100, ())
    assert held(takers) == {}


def test_launches_on_one_offer_that_were_met_on_different_gpus_are_summed() -> None:
    takers = Takers()
    takers.put("vastai:1", A100, (hold("a", offer="1"),))
    takers.put("vastai:2", SMALL, (hold("b", offer="1"), hold("c", offer="2")))

    assert held(takers) == {"attempt": {"1": 2.0, "2": 1.0}}


def test_what_a_decision_keeps_stays_what_it_was() -> None:
    takers = Takers()
    takers.put("vastai:1", A100, (hold("a"),))
    kept = held_of([takers], ANY)

    takers.put("vastai:2", A100, (hold("b"),))

    assert kept == {"attempt": {"a": 1.0}}


def test_several_providers_are_told_together() -> None:
    one, other = Takers(), Takers()
    one.put("vastai:1", A100, (hold("a"),))
    other.put("akash:1", A100, (hold("b"),))

    assert held_of([one, other], ANY) == {"attempt": {"a": 1.0, "b": 1.0}}
