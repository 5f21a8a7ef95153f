"""Aethir: bare-metal servers sold through a form and contracts. Reached through a gateway (docs/gateway.md)."""
