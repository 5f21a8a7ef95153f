"""An alert's way out of the house."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message. It keeps its `id` and `body` over all attempts, so that a receiver can drop a repeat."""

    id: str
    body: bytes


class DeliveryFailed(Exception):
    """The receiver did not take it. `detail` never holds the receiver's address, which may carry a secret."""

    def __init__(self, detail: str, *, again: bool, retry_after: float | None = None) -> None:
        """`again`: another attempt may succeed. `retry_after`: seconds that the receiver asks us to wait."""
        super().__init__(detail)
        self.detail = detail
        self.again = again
        self.retry_after = retry_after
