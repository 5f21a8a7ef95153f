"""The promises of the conformance kit, by name. Each QUALITY.md says of every one: done, or exempt and why."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One promise. `live`: it is looked at on a real account too. `may_be_exempt`: when a market cannot keep it."""

    name: str
    promise: str
    live: bool = False
    may_be_exempt: str = ""


_RULES = (
    Rule("reachable", "the address answers", live=True),
    Rule("key", "the key is accepted, and a refused one is said to be refused", live=True),
    Rule(
        "catalogue", "the catalogue is walked to its last page, each offer once and in its slice", live=True
    ),
    Rule("rows", "every row is an offer in the house's units, or is counted by its reason", live=True),
    Rule("vocabulary", "98 of 100 offers have a GPU and a place that the tables know", live=True),
    Rule("prices", "every price says what it promises, and is plausible per GPU and hour", live=True),
    Rule("quote", "an offer that is listed can be quoted, and the quote agrees with the list", live=True),
    Rule("own-list", "the account's own instances are listed, each with an id and once", live=True),
    Rule("absence", "an instance that does not exist is said not to exist, and so is its log", live=True),
    Rule("credit", "the money left is told", live=True, may_be_exempt="the market tells no balance to a key"),
    Rule("known-offers", "known offers have the price per GPU-hour that was worked out by hand"),
    Rule("quote-fresh", "a quote is never answered from a cache, and has the disk asked for in it"),
    Rule(
        "taken",
        "an offer that is taken is gone for quotes and creates",
        may_be_exempt="nothing certain is taken",
    ),
    Rule("found-by-name", "what was created is found by its name, with what is charged"),
    Rule("terminate-twice", "terminating twice, or what never was, is fine"),
    Rule("states", "every documented status has its state, and a life goes through them in a legal order"),
    Rule("unknown-status", "a status that nobody knows is kept as unknown and is no failure"),
    Rule("errors", "every documented error has its meaning"),
    Rule("faults", "every fault of every operation has its stated outcome, and no create is sent twice"),
    Rule("secrets", "no secret is in any exception, repr or log line"),
    Rule("logs", "logs are the last lines, oldest first", may_be_exempt="the market has no logs"),
    Rule(
        "follow",
        "followed logs go on to the end without loss or repeat",
        may_be_exempt="the market has no logs",
    ),
    Rule("pages", "own instances are listed to the last page", may_be_exempt="the market has no pages"),
    Rule("list-lag", "an instance that the list does not show yet is not taken for absent"),
    Rule("billing", "the billing rule reproduces the emulator's ledger to the cent"),
    Rule("guard", "every upstream request passes the guard exactly once"),
    Rule("at-once", "calls may run at the same time"),
    Rule("metrics", "outcomes are counted, and a refusal does not spoil the rate"),
    Rule("closed", "a provider that was closed raises provider errors only"),
)

RULES: Mapping[str, Rule] = {rule.name: rule for rule in _RULES}
LIVE: tuple[str, ...] = tuple(rule.name for rule in _RULES if rule.live)
"""Those that `examine` looks at, in its order."""
