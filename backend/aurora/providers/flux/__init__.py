"""Flux: GPUs are rented on FluxEdge, a web page. Reached through a gateway (docs/gateway.md)."""
