"""Deciding: a snapshot of the market and a request in, a decision with its reasons out. Pure: no I/O, clock or chance."""
