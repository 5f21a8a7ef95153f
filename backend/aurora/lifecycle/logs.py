"""The last lines of an instance, before it is destroyed."""

import asyncio
from collections import deque

from aurora.domain.clock import Clock
from aurora.domain.records import Attempt
from aurora.lifecycle.policy import LifecyclePolicy
from aurora.providers.base import Provider


async def last_lines(provider: Provider, attempt: Attempt, *, clock: Clock, policy: LifecyclePolicy) -> str:
    """At most `log_lines` lines and `log_bytes` bytes, the newest ones. Raises TimeoutError, ProviderError."""
    kept: deque[str] = deque(maxlen=policy.log_lines)
    reading = asyncio.ensure_future(_read(provider, attempt, kept, policy.log_lines))
    waiting = asyncio.ensure_future(clock.sleep(policy.log_deadline))
    done, _ = await asyncio.wait({reading, waiting}, return_when=asyncio.FIRST_COMPLETED)
    for task in (reading, waiting):
        if task not in done:
            task.cancel()
    await asyncio.gather(reading, waiting, return_exceptions=True)
    if reading in done:
        await reading
    elif not kept:
        raise TimeoutError
    return cut("\n".join(kept), policy.log_bytes)


async def _read(provider: Provider, attempt: Attempt, kept: deque[str], tail: int) -> None:
    async for line in provider.logs(attempt.external_id or "", tail=tail, follow=False):
        kept.append(line.text)


def cut(text: str, limit: int) -> str:
    """The last `limit` bytes, starting at a whole line where there is one."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    kept = encoded[-limit:].decode(errors="ignore")
    _, newline, rest = kept.partition("\n")
    return rest if newline else kept
