"""Moves deployments towards what was asked: claim, load, step, apply. Level-based: every step re-reads the world."""
