import pytest

from aurora.domain.errors import Misconfigured, NotFound
from aurora.domain.health import ProviderStatus
from aurora.providers.fake import FakeProvider
from aurora.providers.metrics import DirectGuard
from aurora.providers.registry import ProviderDisabled, ProviderRegistry
from tests.unit.providers.loopback import SkippingClock


def fake(name):
    return FakeProvider(name, clock=SkippingClock(), guard=DirectGuard())


def test_a_provider_is_found_by_its_name_with_guard_and_status():
    registry, guard, provider = ProviderRegistry(), DirectGuard(), fake("a")

    entry = registry.register("a", provider, guard=guard, status=lambda: ProviderStatus.DEGRADED)

    assert registry.get("a") is provider
    assert registry.entry("a") is entry
    assert (entry.provider, entry.guard, entry.status, entry.reason) == (
        provider,
        guard,
        ProviderStatus.DEGRADED,
        None,
    )
    assert "a" in registry
    assert len(registry) == 1


def test_a_factory_is_given_the_guard():
    registry, guard = ProviderRegistry(), DirectGuard()
    given = []

    registry.register("a", lambda each: given.append(each) or fake("a"), guard=guard)

    assert given == [guard]
    assert registry.get("a").name == "a"


def test_a_provider_that_cannot_be_made_is_disabled_with_its_reason_and_the_rest_goes_on():
    registry = ProviderRegistry()

    def broken(guard):
        raise Misconfigured("vastai", "the key is empty")

    registry.register("vastai", broken)
    registry.register("b", fake("b"))

    assert registry.names() == ("b",)
    assert registry.names(disabled=True) == ("vastai", "b")
    assert registry.entry("vastai").status is ProviderStatus.DISABLED
    with pytest.raises(ProviderDisabled, match="the key is empty"):
        registry.get("vastai")


def test_a_bug_in_a_factory_is_not_taken_for_a_disabled_provider():
    registry = ProviderRegistry()

    with pytest.raises(TypeError):
        registry.register("a", lambda guard: None + 1)


def test_a_provider_can_be_disabled_by_name():
    registry = ProviderRegistry()

    registry.disable("render", "RENDER_ENABLED is false")

    assert registry.entry("render").reason == "RENDER_ENABLED is false"
    assert registry.get_all_healthy() == []


def test_only_healthy_providers_are_healthy():
    registry = ProviderRegistry()
    for name, status in [
        ("a", ProviderStatus.HEALTHY),
        ("b", ProviderStatus.DEGRADED),
        ("c", ProviderStatus.UNAVAILABLE),
    ]:
        registry.register(name, fake(name), status=lambda status=status: status)

    assert [provider.name for provider in registry.get_all_healthy()] == ["a"]
    assert [entry.name for entry in registry] == ["a", "b", "c"]


def test_an_unknown_name_is_not_found():
    with pytest.raises(NotFound):
        ProviderRegistry().get("nobody")


def test_a_name_is_given_once():
    registry = ProviderRegistry()
    registry.register("a", fake("a"))

    with pytest.raises(ValueError, match="already"):
        registry.register("a", fake("a"))


async def test_closing_closes_every_provider_even_when_one_fails():
    class Stubborn(FakeProvider):
        async def aclose(self):
            raise OSError("stuck")

    registry = ProviderRegistry()
    first, last = fake("a"), fake("c")
    registry.register("a", first)
    registry.register("b", Stubborn("b", clock=SkippingClock(), guard=DirectGuard()))
    registry.register("c", last)

    with pytest.raises(OSError, match="stuck"):
        await registry.aclose()

    assert first.closed
    assert last.closed
    assert registry.names() == ()


def test_a_registry_shows_its_providers_and_their_condition():
    registry = ProviderRegistry()
    registry.register("a", fake("a"))
    registry.disable("b", "off")

    assert repr(registry) == "ProviderRegistry(a HEALTHY, b DISABLED)"
