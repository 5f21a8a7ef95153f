"""Load and soak: bounded, on loopback, against real processes."""
