"""Times that come in."""

from datetime import UTC, datetime

from aurora.domain.errors import InvalidRequest


def moment(field: str, value: datetime | None) -> datetime | None:
    """In UTC. Raises InvalidRequest for a time without a zone, or one that UTC has no year for."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise InvalidRequest(field, "must have a zone, such as 2026-12-31T00:00:00Z")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest(field, "is out of range") from None
