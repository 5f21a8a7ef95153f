"""What the next calls of the fake will do wrong."""

from collections import defaultdict, deque
from dataclasses import dataclass

from aurora.domain.errors import OutcomeUnknown, ProviderError, ProviderTimeout
from aurora.domain.operation import Operation


@dataclass(frozen=True, slots=True)
class Fault:
    """One scripted failure; `after_effect`: the market does what was asked and the answer is lost."""

    error: ProviderError
    after_effect: bool = False


class Script:
    """Faults by operation, used up in the order in which they were added."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._next: dict[Operation, deque[Fault]] = defaultdict(deque)
        self._always: dict[Operation, Fault] = {}

    def fail_next(self, operation: Operation, *errors: ProviderError) -> None:
        """The next calls of `operation` raise these errors, one each, without any effect."""
        self._next[operation].extend(Fault(error) for error in errors)

    def lose_next(self, operation: Operation, error: ProviderError | None = None) -> None:
        """The next call of `operation` takes effect, and its answer never arrives."""
        if error is None:
            kind = OutcomeUnknown if operation is Operation.CREATE else ProviderTimeout
            error = kind(self._provider, f"the answer to {operation} was lost")
        self._next[operation].append(Fault(error, after_effect=True))

    def fail_always(self, operation: Operation, error: ProviderError) -> None:
        """Every call of `operation` raises this, until `heal`."""
        self._always[operation] = Fault(error)

    def heal(self) -> None:
        """Forget all faults."""
        self._next.clear()
        self._always.clear()

    def take(self, operation: Operation) -> Fault | None:
        """The fault for this call, if any."""
        waiting = self._next.get(operation)
        return waiting.popleft() if waiting else self._always.get(operation)
