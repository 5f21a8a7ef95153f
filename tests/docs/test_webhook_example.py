"""What docs/operations.md tells receivers of the webhook is true."""

import json
import time
from typing import Any

from aurora.services.alert_message import Origin, delivery
from aurora.services.alerts import AlertBook, Facts
from aurora.telemetry.webhook import signature
from tests.docs.pages import DOCS, blocks, section
from tests.fakes.clock import START, FakeClock

PAGE = DOCS / "operations.md"
TEXT = section(PAGE.read_text(encoding="utf-8"), "### Webhook")
SECRET = b"a-secret-of-the-operator"


def shown(kind: str) -> str:
    [found] = [block.text for block in blocks(PAGE) if block.kind == kind and block.text in TEXT]
    return found


def test_the_message_has_the_fields_that_are_shown():
    clock = FakeClock()
    [started] = AlertBook(clock).evaluate([Facts("vastai", START, orphans=1)])
    sent = json.loads(delivery(started, Origin("k3v9p2", "live")).body)

    assert list(json.loads(shown("json"))) == list(sent)


def test_the_example_tells_our_messages_from_others():
    names: dict[str, Any] = {}
    exec(compile(shown("python"), str(PAGE), "exec"), names)  # noqa: S102 - our own page
    body = b'{"name": "breaker_open"}'
    now = int(time.time())

    assert names["is_ours"](signature(SECRET, body, at=now), body, SECRET)
    assert not names["is_ours"](signature(SECRET, body, at=now), body + b" ", SECRET)
    assert not names["is_ours"](signature(b"another", body, at=now), body, SECRET)
    assert not names["is_ours"](signature(SECRET, body, at=now - 3600), body, SECRET)
