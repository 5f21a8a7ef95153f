"""One module per phase. Each re-reads the world, changes `Work`, and may run twice."""
