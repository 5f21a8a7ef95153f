"""What replicas share: who does a duty, what a market still allows, and whether it may be asked at all."""

from sqlalchemy import BigInteger, Column, Float, Integer, String, Table

from aurora.db.metadata import metadata
from aurora.db.types import UtcDateTime

leases = Table(
    "leases",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("owner", String(40), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("fence", BigInteger, nullable=False),
)

rate_buckets = Table(
    "rate_buckets",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("tokens", Float, nullable=False),
    Column("capacity", Float, nullable=False),
    Column("per_second", Float, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

provider_breakers = Table(
    "provider_breakers",
    metadata,
    Column("provider", String(32), primary_key=True),
    Column("operation_class", String(16), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("probes", Integer, nullable=False),
    Column("successes", Integer, nullable=False),
    Column("trips", Integer, nullable=False),
    Column("trips_in_a_row", Integer, nullable=False),
    Column("open_until", UtcDateTime),
    Column("open_since", UtcDateTime),
    Column("probe_deadline", UtcDateTime),
    Column("refused_at", UtcDateTime),
    Column("reset_by", String(64)),
    Column("updated_at", UtcDateTime, nullable=False),
)
