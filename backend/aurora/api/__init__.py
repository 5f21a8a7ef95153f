"""HTTP: parse, call, shape. Every decision is made below."""
