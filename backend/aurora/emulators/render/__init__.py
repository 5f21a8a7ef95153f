"""Render: its Dispersed API (signed calls) as other people's clients show it, and a gateway for those without a secret key."""
