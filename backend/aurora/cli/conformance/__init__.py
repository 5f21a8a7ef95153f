"""`aurora conformance`: which promises a market keeps, asked without creating, changing or deleting anything."""
