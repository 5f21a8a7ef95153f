"""What every market promises, and the part of it that can be looked at without spending anything.

`examine` asks a provider questions that create, change and delete nothing. The test suite runs the same checks on every
adapter, and `aurora conformance NAME` on a real account: the two cannot drift apart.
"""
