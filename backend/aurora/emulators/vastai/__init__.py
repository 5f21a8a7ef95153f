"""Vast.ai emulator: the console API's routes `/api/v0` and `/api/v1` as its documents, captures and official client show them."""
