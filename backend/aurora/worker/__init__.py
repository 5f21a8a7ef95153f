"""The loops: sync, reconcile, sweep, health. None of them can die quietly."""
