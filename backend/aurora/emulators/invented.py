"""What the emulated catalogues sell although it does not exist: there to be unknown (seed/ATTRIBUTION.md)."""

GPUS = frozenset({"Emu X9000", "RTX 6090 FE", "Orbital TPX-2"})
