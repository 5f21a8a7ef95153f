"""Builds everything from Settings and owns lifetimes: the only room that knows all others."""

from aurora.bootstrap.assembly import Aurora
from aurora.bootstrap.lifetime import running

__all__ = ["Aurora", "running"]
