"""Every failure that aiohttp can raise at a client has a meaning here, and a new one must be given one."""

import inspect

import aiohttp
import pytest
from aiohttp import client_exceptions

from aurora.domain.errors import MalformedAnswer, Misconfigured, NotSent, ProviderTimeout, Unavailable
from aurora.providers.failures import ConnectionLost, ForbiddenTarget, meaning_of

EXPECTED = {
    "ClientConnectionError": Unavailable,
    "ClientConnectionResetError": Unavailable,
    "ClientConnectorCertificateError": NotSent,
    "ClientConnectorDNSError": NotSent,
    "ClientConnectorError": NotSent,
    "ClientConnectorSSLError": NotSent,
    "ClientError": Unavailable,
    "ClientHttpProxyError": NotSent,
    "ClientOSError": Unavailable,
    "ClientPayloadError": Unavailable,
    "ClientProxyConnectionError": NotSent,
    "ClientResponseError": MalformedAnswer,
    "ClientSSLError": NotSent,
    "ConnectionTimeoutError": NotSent,
    "ContentTypeError": MalformedAnswer,
    "InvalidURL": Misconfigured,
    "InvalidUrlClientError": Misconfigured,
    "InvalidUrlRedirectClientError": Misconfigured,
    "NonHttpUrlClientError": Misconfigured,
    "NonHttpUrlRedirectClientError": Misconfigured,
    "RedirectClientError": Misconfigured,
    "ServerConnectionError": Unavailable,
    "ServerDisconnectedError": Unavailable,
    "ServerFingerprintMismatch": NotSent,
    "ServerTimeoutError": ProviderTimeout,
    "SocketTimeoutError": ProviderTimeout,
    "TooManyRedirects": Misconfigured,
    "UnixClientConnectorError": NotSent,
    "UploadAbortedError": Unavailable,
    "WSServerHandshakeError": MalformedAnswer,
}
NOT_OURS = {"WSMessageTypeError"}
"""Raised by web sockets only, which no adapter opens; a TypeError, which must not be caught."""


def aiohttp_errors():
    found = {}
    for module in (client_exceptions, aiohttp):
        for name, each in vars(module).items():
            if inspect.isclass(each) and issubclass(each, Exception) and not name.startswith("_"):
                client = (
                    issubclass(each, aiohttp.ClientError) or each.__module__ == client_exceptions.__name__
                )
                if client and each.__module__.startswith("aiohttp"):
                    found[name] = each
    return found


def test_every_client_exception_of_aiohttp_has_a_meaning():
    found = aiohttp_errors()

    assert set(found) - NOT_OURS == set(EXPECTED)
    assert {name: meaning_of(found[name]) for name in EXPECTED} == EXPECTED


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (TimeoutError, ProviderTimeout),
        (ConnectionResetError, Unavailable),
        (BrokenPipeError, Unavailable),
        (OSError, Unavailable),
        (ConnectionLost, Unavailable),
        (ForbiddenTarget, Misconfigured),
    ],
)
def test_failures_below_and_beside_aiohttp_have_one_too(error, meaning):
    assert meaning_of(error) is meaning


def test_a_bug_has_none():
    with pytest.raises(KeyError, match="TypeError"):
        meaning_of(TypeError)
