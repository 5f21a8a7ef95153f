from aurora.domain.operation import Operation
from aurora.resilience.events import CacheHit, Hooks

EVENT = CacheHit("vastai", Operation.OFFERS)


def test_every_listener_hears_even_when_one_breaks():
    heard = []

    def broken(event):
        raise RuntimeError

    hooks = Hooks([broken, heard.append])
    hooks.add(heard.append)
    hooks.emit(EVENT)

    assert heard == [EVENT, EVENT]
    assert hooks.errors == 1


def test_without_listeners_nobody_need_build_an_event():
    assert not Hooks()
    assert Hooks([print])
