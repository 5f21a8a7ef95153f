"""keys, audit, and what replicas share

Only adds, and what it adds may stay empty: the code of 0001 goes on working on this schema.

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-21 11:30:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from aurora.db.types import UtcDateTime

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    _keys()
    _audit()
    _replicas()
    with op.batch_alter_table("tenants") as tenants:
        tenants.add_column(sa.Column("name", sa.String(length=120)))
        tenants.add_column(sa.Column("updated_at", UtcDateTime()))
        tenants.add_column(sa.Column("disabled_at", UtcDateTime()))
    with op.batch_alter_table("providers") as providers:
        providers.add_column(sa.Column("sync_fence", sa.BigInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("sync_runs") as sync_runs:
        sync_runs.add_column(sa.Column("unknown_gpus", sa.Integer()))
    with op.batch_alter_table("provider_health") as provider_health:
        provider_health.add_column(sa.Column("first_seen_at", UtcDateTime()))


def downgrade() -> None:
    for table, columns in (
        ("provider_health", ("first_seen_at",)),
        ("sync_runs", ("unknown_gpus",)),
        ("providers", ("sync_fence",)),
        ("tenants", ("disabled_at", "updated_at", "name")),
    ):
        with op.batch_alter_table(table) as altered:
            for column in columns:
                altered.drop_column(column)
    for table in ("provider_breakers", "rate_buckets", "leases", "audit_log", "api_keys"):
        op.drop_table(table)


def _keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("hint", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("expires_at", UtcDateTime()),
        sa.Column("revoked_at", UtcDateTime()),
        sa.Column("rotated_from", sa.String(length=40)),
        sa.Column("last_used_at", UtcDateTime()),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_api_keys_tenant_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_index(op.f("ix_api_keys_tenant"), "api_keys", ["tenant"])


def _audit() -> None:
    op.create_table(
        "audit_log",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=48), nullable=False),
        sa.Column("target", sa.String(length=255)),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(length=64)),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_tenant_id"), "audit_log", ["tenant", "id"])


def _replicas() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("owner", sa.String(length=40), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "rate_buckets",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("capacity", sa.Float(), nullable=False),
        sa.Column("per_second", sa.Float(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rate_buckets")),
    )
    op.create_table(
        "provider_breakers",
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("operation_class", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("probes", sa.Integer(), nullable=False),
        sa.Column("successes", sa.Integer(), nullable=False),
        sa.Column("trips", sa.Integer(), nullable=False),
        sa.Column("trips_in_a_row", sa.Integer(), nullable=False),
        sa.Column("open_until", UtcDateTime()),
        sa.Column("open_since", UtcDateTime()),
        sa.Column("probe_deadline", UtcDateTime()),
        sa.Column("refused_at", UtcDateTime()),
        sa.Column("reset_by", sa.String(length=64)),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "operation_class", name=op.f("pk_provider_breakers")),
    )
