"""A market of the kit, open for one test; and what a provider that is not filled in yet is told."""

import pytest

from aurora.conformance.rules import RULES
from tests.conformance.description import NotFilledIn


@pytest.fixture
async def market(described):
    async with described.market() as found:
        yield found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Name the promises that a half-made provider does not keep, and the place that is to be written."""
    report = yield
    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, NotFilledIn | NotImplementedError):
        described = item.callspec.params["described"]
        promises = "\n".join(
            f"{described}: not kept: {rule}: {RULES[rule].promise}" for rule in item.function.promises
        )
        report.longrepr = f"{promises}\n    because {error}"
    return report
