"""A scriptable market in memory, fit for every service and lifecycle test."""

from aurora.providers.fake.market import FakeMarket, LedgerEntry, Pace
from aurora.providers.fake.provider import Call, FakeProvider
from aurora.providers.fake.script import Fault, Script

__all__ = ["Call", "FakeMarket", "FakeProvider", "Fault", "LedgerEntry", "Pace", "Script"]
