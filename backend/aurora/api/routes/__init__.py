"""The endpoints, thin: each parses, calls one service and shapes the answer."""
