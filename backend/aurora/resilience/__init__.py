"""Breaker, limiter, cache, retry and the guard that puts them in order. Knows no provider, no HTTP, no database."""
