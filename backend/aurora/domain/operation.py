"""What is asked of a provider, and under which rules it may be repeated."""

from enum import StrEnum


class Operation(StrEnum):
    """The contract's calls; metrics, faults and limits use these names."""

    OFFERS = "offers"
    QUOTE = "quote"
    CREATE = "create"
    STATUS = "status"
    LIST = "list"
    LOGS = "logs"
    TERMINATE = "terminate"
    HEALTH = "health"


class OperationClass(StrEnum):
    """Each class has its own breaker, so that a broken search does not stop a terminate."""

    READ = "read"
    CREATE = "create"
    CONTROL = "control"


class Repeat(StrEnum):
    """By operation, never by HTTP verb: Vast searches with POST and creates with PUT."""

    READ = "read"
    """Safe to repeat after any transient failure."""
    IDEMPOTENT = "idempotent"
    """Safe to repeat; not found on the repeat is success."""
    CREATE = "create"
    """Repeated only when it is certain that nothing was sent, or that it was refused."""


CLASS_OF: dict[Operation, OperationClass] = {
    Operation.OFFERS: OperationClass.READ,
    Operation.QUOTE: OperationClass.READ,
    Operation.CREATE: OperationClass.CREATE,
    Operation.STATUS: OperationClass.CONTROL,
    Operation.LIST: OperationClass.CONTROL,
    Operation.LOGS: OperationClass.READ,
    Operation.TERMINATE: OperationClass.CONTROL,
    Operation.HEALTH: OperationClass.READ,
}

REPEAT_OF: dict[Operation, Repeat] = {
    operation: Repeat.CREATE
    if operation is Operation.CREATE
    else Repeat.IDEMPOTENT
    if operation is Operation.TERMINATE
    else Repeat.READ
    for operation in Operation
}

RESERVED: frozenset[Operation] = frozenset(
    {Operation.CREATE, Operation.STATUS, Operation.LIST, Operation.TERMINATE}
)
"""May use the last fifth of the tokens and the last two bulkhead slots: what follows money goes first."""

CACHEABLE: frozenset[Operation] = frozenset({Operation.OFFERS, Operation.QUOTE})
