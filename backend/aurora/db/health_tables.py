"""The tables of how the markets are: observed health, incidents, pauses. Times are aware UTC."""

from sqlalchemy import Column, Float, Index, Integer, String, Table, Text

from aurora.db.metadata import metadata
from aurora.db.types import BigId, UtcDateTime

provider_health = Table(
    "provider_health",
    metadata,
    Column("provider", String(32), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("reason", Text),
    Column("success_rate", Float),
    Column("avg_response_ms", Float),
    Column("breaker", String(16), nullable=False),
    Column("trips", Integer, nullable=False),
    Column("observed_at", UtcDateTime, nullable=False),
    Column("first_seen_at", UtcDateTime),
)

provider_incidents = Table(
    "provider_incidents",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("provider", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("actor", String(64)),
    Column("detail", Text, nullable=False),
    Index(None, "provider", "started_at"),
)

provider_pauses = Table(
    "provider_pauses",
    metadata,
    Column("provider", String(32), primary_key=True),
    Column("endpoint", String(32), primary_key=True),
    Column("until", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
)
