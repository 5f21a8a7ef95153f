"""What goes over the wire: models for `/docs` and for what comes in, functions for what goes out.

Answers are shaped as plain dicts and not validated again on their way out; the tests validate every real answer
against its model, so that the two cannot drift.
"""
