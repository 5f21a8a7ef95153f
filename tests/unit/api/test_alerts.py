from aurora.api.schemas.alerts import AlertListOut
from aurora.services.alerts import AlertBook, Facts
from tests.fakes.clock import START, FakeClock

ORPHAN = Facts("vastai", START, orphans=1)


async def test_no_alert_is_an_empty_list(client):
    async with client.get("/api/v1/alerts") as reply:
        shown = await reply.json()

    assert (reply.status, shown) == (200, {"alerts": [], "emulated": True})


async def test_what_holds_is_shown_with_its_age_and_its_runbook(client, aurora):
    clock = FakeClock(auto=False)
    book = AlertBook(clock)
    book.evaluate([ORPHAN])
    aurora.alerts.holding = book.active()
    aurora.clock.advance(90)

    async with client.get("/api/v1/alerts") as reply:
        shown = AlertListOut.model_validate(await reply.json())

    [alert] = shown.alerts
    assert (alert.name, alert.severity, alert.since, alert.seconds) == (
        "orphan_found",
        "critical",
        START,
        90.0,
    )
    assert alert.runbook == "docs/operations.md#orphan_found"


def test_the_gravest_come_first_then_the_oldest():
    clock = FakeClock(auto=False)
    book = AlertBook(clock)
    facts = Facts("akash", START, price_drift=0.5)
    book.evaluate([facts])
    clock.advance(10)
    book.evaluate([facts, ORPHAN])
    clock.advance(10)
    book.evaluate([Facts("akash", START, price_drift=0.5, unconfirmed=1), ORPHAN])

    assert [(each["name"], each["provider"]) for each in book.active()] == [
        ("orphan_found", "vastai"),
        ("terminate_unconfirmed", "akash"),
        ("price_drift", "akash"),
    ]
