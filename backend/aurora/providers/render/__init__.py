"""Render: Dispersed, its container subnet, or a gateway (docs/gateway.md). Sources are named where facts are used."""

from aurora.providers.render.provider import DispersedAccount, DispersedProvider

__all__ = ["DispersedAccount", "DispersedProvider"]
