"""The first question to every provider, at start: is the credential good?"""

import asyncio
from http import HTTPStatus

from aurora.bootstrap import Aurora
from aurora.domain.errors import CredentialRefused, ProviderError, RateLimited
from aurora.resilience.deadline import deadline

_SECONDS = 2.0
_ADVICE = {
    401: "check {name}_API_KEY",
    403: "the key lacks a right; make one with instance and user rights, then set {name}_API_KEY",
    429: "the provider limits us; it is asked again by itself",
}


async def first_check(aurora: Aurora) -> None:
    """A refused credential makes its provider UNAVAILABLE and is printed; everything else goes on."""
    await asyncio.gather(*(_check(aurora, name) for name in aurora.registry.names()))


async def _check(aurora: Aurora, name: str) -> None:
    try:
        with deadline(aurora.clock, _SECONDS):
            await aurora.registry.get(name).health()
    except (CredentialRefused, RateLimited) as exc:
        status = exc.status or (429 if isinstance(exc, RateLimited) else 401)
        words = f"{status} {HTTPStatus(status).phrase}"
        advice = _ADVICE.get(status, "see the provider's answer in the log").format(name=name.upper())
        print(f"Provider {name} initialization failed: {words} ({advice})", flush=True)
        aurora.desk.could_not_start(name, words)
    except ProviderError as exc:
        aurora.outages.failed(f"first check {name}", exc, provider=name)
