"""Who may ask, and what they did. A key is stored only as its digest."""

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table

from aurora.db.metadata import metadata
from aurora.db.types import BigId, UtcDateTime

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant", String(64), ForeignKey("tenants.id"), nullable=False),
    Column("name", String(120), nullable=False),
    Column("hint", String(16), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("scopes", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("rotated_from", String(40)),
    Column("last_used_at", UtcDateTime),
    Index(None, "tenant"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("action", String(48), nullable=False),
    Column("target", String(255)),
    Column("status", Integer, nullable=False),
    Column("request_id", String(64)),
    Column("data", JSON, nullable=False),
    Index(None, "tenant", "id"),
)
