"""The gateway contract (docs/gateway.md), for markets without a public rental API. One implementation for all of them."""

from aurora.providers.gateway.provider import GatewayAccount, GatewayProvider

__all__ = ["GatewayAccount", "GatewayProvider"]
