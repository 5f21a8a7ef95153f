"""A gateway in front of a market without a rental API (docs/gateway.md), in several brands."""
