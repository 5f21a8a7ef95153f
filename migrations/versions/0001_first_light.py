"""first light

Revision ID: 0001
Revises: none
Create Date: 2026-11-21 08:13:53.095347
"""

import secrets
import string
from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from aurora.db.types import Money, UtcDateTime

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "capacity_holds",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("offer_id", sa.String(length=255), nullable=False),
        sa.Column("resources", sa.JSON(), nullable=False),
        sa.Column("size", sa.Float(), nullable=False),
        sa.Column("deployment_id", sa.String(length=40), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("held_at", UtcDateTime(), nullable=False),
        sa.Column("launched_at", UtcDateTime(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_capacity_holds")),
    )
    with op.batch_alter_table("capacity_holds", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_capacity_holds_deployment_id_attempt"), ["deployment_id", "attempt"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_capacity_holds_offer_id"), ["offer_id"], unique=False)

    op.create_table(
        "catalogue_slices",
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("slice_key", sa.String(length=120), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("offers", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("provider", "slice_key", name=op.f("pk_catalogue_slices")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("operation", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("deployment_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "operation", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("installation_id", sa.String(length=6), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "offer_prices",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("offer_id", sa.String(length=255), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("gpu_family", sa.String(length=64), nullable=False),
        sa.Column("price_per_hour", Money(), nullable=False),
        sa.Column("price_per_gpu_hour", Money(), nullable=False),
        sa.Column("price_kind", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer_prices")),
    )
    with op.batch_alter_table("offer_prices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_offer_prices_gpu_family_at"), ["gpu_family", "at"], unique=False)
        batch_op.create_index(batch_op.f("ix_offer_prices_offer_id_at"), ["offer_id", "at"], unique=False)

    op.create_table(
        "offers",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("slice_key", sa.String(length=120), nullable=False),
        sa.Column("gpu_family", sa.String(length=64), nullable=False),
        sa.Column("gpu_form", sa.String(length=8), nullable=True),
        sa.Column("gpu_vram_gb", sa.Integer(), nullable=True),
        sa.Column("gpu_known", sa.Boolean(), nullable=False),
        sa.Column("gpu_raw", sa.String(length=120), nullable=False),
        sa.Column("gpu_count", sa.Integer(), nullable=False),
        sa.Column("vram_gb", sa.Float(), nullable=True),
        sa.Column("price_per_hour", Money(), nullable=False),
        sa.Column("price_kind", sa.String(length=8), nullable=False),
        sa.Column("disk_included_gb", sa.Float(), nullable=False),
        sa.Column("disk_price_gb_hour", Money(), nullable=False),
        sa.Column("disk_max_gb", sa.Float(), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("regions", sa.String(length=160), nullable=False),
        sa.Column("region_raw", sa.String(length=160), nullable=True),
        sa.Column("spot", sa.Boolean(), nullable=False),
        sa.Column("available", sa.Integer(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("reliability", sa.Float(), nullable=True),
        sa.Column("host", sa.String(length=64), nullable=True),
        sa.Column("resources", sa.JSON(), nullable=False),
        sa.Column("max_ports", sa.Integer(), nullable=True),
        sa.Column("max_duration_s", sa.Float(), nullable=True),
        sa.Column("min_rental_minutes", sa.Integer(), nullable=False),
        sa.Column("vcpus", sa.Float(), nullable=True),
        sa.Column("memory_gb", sa.Float(), nullable=True),
        sa.Column("inet_down_mbps", sa.Float(), nullable=True),
        sa.Column("inet_up_mbps", sa.Float(), nullable=True),
        sa.Column("verified", sa.Boolean(), nullable=True),
        sa.Column("emulated", sa.Boolean(), nullable=False),
        sa.Column("content_hash", sa.String(length=32), nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("gone_at", UtcDateTime(), nullable=True),
        sa.Column("last_sync_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offers")),
    )
    with op.batch_alter_table("offers", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_offers_gpu_family_gone_at_price_per_hour"),
            ["gpu_family", "gone_at", "price_per_hour"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_offers_provider_slice_key"), ["provider", "slice_key"], unique=False
        )

    op.create_table(
        "provider_health",
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("success_rate", sa.Float(), nullable=True),
        sa.Column("avg_response_ms", sa.Float(), nullable=True),
        sa.Column("breaker", sa.String(length=16), nullable=False),
        sa.Column("trips", sa.Integer(), nullable=False),
        sa.Column("observed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_health")),
    )
    op.create_table(
        "provider_incidents",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_incidents")),
    )
    with op.batch_alter_table("provider_incidents", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_provider_incidents_provider_started_at"), ["provider", "started_at"], unique=False
        )

    op.create_table(
        "provider_pauses",
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("endpoint", sa.String(length=32), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "endpoint", name=op.f("pk_provider_pauses")),
    )
    op.create_table(
        "providers",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("last_sync_at", UtcDateTime(), nullable=True),
        sa.Column("last_success_at", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("completeness", sa.Float(), nullable=True),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_providers")),
    )
    op.create_table(
        "sync_runs",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("gone", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.JSON(), nullable=False),
        sa.Column("completeness", sa.Float(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_runs")),
    )
    with op.batch_alter_table("sync_runs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_sync_runs_provider_started_at"), ["provider", "started_at"], unique=False
        )

    op.create_table(
        "tenants",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("home_region", sa.String(length=16), nullable=True),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("config_version", sa.String(length=40), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("policy", sa.String(length=32), nullable=False),
        sa.Column("policy_version", sa.String(length=32), nullable=False),
        sa.Column("experiment", sa.String(length=64), nullable=True),
        sa.Column("arm", sa.String(length=32), nullable=True),
        sa.Column("unit", sa.String(length=128), nullable=True),
        sa.Column("bucket", sa.Integer(), nullable=True),
        sa.Column("market", sa.String(length=64), nullable=True),
        sa.Column("snapshot_version", sa.String(length=64), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("candidates", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("eliminated", sa.JSON(), nullable=False),
        sa.Column("holds", sa.JSON(), nullable=False),
        sa.Column("relaxations", sa.JSON(), nullable=False),
        sa.Column("chosen", sa.String(length=255), nullable=True),
        sa.Column("rationale", sa.Text(), nullable=False),
        sa.Column("propensity", sa.Float(), nullable=True),
        sa.Column("propensities", sa.JSON(), nullable=True),
        sa.Column("explore", sa.Boolean(), nullable=False),
        sa.Column("fallback_reason", sa.String(length=64), nullable=True),
        sa.Column("seed", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("parent_decision", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_decisions_tenant_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_decisions_tenant_at"), ["tenant", "at"], unique=False)

    op.create_table(
        "decision_outcomes",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("decision_id", sa.String(length=40), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("host", sa.String(length=64), nullable=True),
        sa.Column("t_known", UtcDateTime(), nullable=False),
        sa.Column("ttr_s", sa.Float(), nullable=True),
        sa.Column("latency_ms", sa.Float(), nullable=True),
        sa.Column("cost_usd", Money(), nullable=True),
        sa.Column("work_units", sa.Float(), nullable=True),
        sa.Column("censored", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.id"], name=op.f("fk_decision_outcomes_decision_id_decisions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision_outcomes")),
    )
    with op.batch_alter_table("decision_outcomes", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_decision_outcomes_provider_host"), ["provider", "host"], unique=False
        )

    op.create_table(
        "deployments",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("decision_id", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("phase", sa.String(length=24), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("wanted", sa.String(length=16), nullable=False),
        sa.Column("end_reason", sa.String(length=32), nullable=True),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("sealed_workload", sa.Text(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("allowed_s", sa.Float(), nullable=False),
        sa.Column("max_total_cost", Money(), nullable=False),
        sa.Column("cost_usd", Money(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("running_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("warned_at", UtcDateTime(), nullable=True),
        sa.Column("running_s", sa.Float(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("claim", sa.String(length=40), nullable=True),
        sa.Column("claimed_until", UtcDateTime(), nullable=True),
        sa.Column("emulated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.id"], name=op.f("fk_deployments_decision_id_decisions")
        ),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_deployments_tenant_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployments")),
    )
    with op.batch_alter_table("deployments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deployments_status_due_at"), ["status", "due_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_deployments_tenant_created_at"), ["tenant", "created_at"], unique=False
        )

    op.create_table(
        "attempts",
        sa.Column("deployment_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("offer_id", sa.String(length=255), nullable=False),
        sa.Column("offer_external_id", sa.String(length=200), nullable=False),
        sa.Column("host", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("external_id", sa.String(length=120), nullable=True),
        sa.Column("gpu_count", sa.Integer(), nullable=False),
        sa.Column("resources", sa.JSON(), nullable=False),
        sa.Column("decided_usd_per_hour", Money(), nullable=False),
        sa.Column("ceiling_usd_per_hour", Money(), nullable=False),
        sa.Column("quoted_usd_per_hour", Money(), nullable=True),
        sa.Column("charged_usd_per_hour", Money(), nullable=True),
        sa.Column("price_kind", sa.String(length=8), nullable=False),
        sa.Column("latency_ms", sa.Float(), nullable=True),
        sa.Column("endpoints", sa.JSON(), nullable=False),
        sa.Column("raw_state", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.String(length=32), nullable=True),
        sa.Column("intent_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("launched_at", UtcDateTime(), nullable=True),
        sa.Column("running_at", UtcDateTime(), nullable=True),
        sa.Column("unseen_since", UtcDateTime(), nullable=True),
        sa.Column("absent_at", UtcDateTime(), nullable=True),
        sa.Column("terminate_asked_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("billed_s", sa.Float(), nullable=False),
        sa.Column("billed_until", UtcDateTime(), nullable=True),
        sa.Column("cost_usd", Money(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployments.id"], name=op.f("fk_attempts_deployment_id_deployments")
        ),
        sa.PrimaryKeyConstraint("deployment_id", "number", name=op.f("pk_attempts")),
        sa.UniqueConstraint("name", name=op.f("uq_attempts_name")),
    )
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attempts_provider_state"), ["provider", "state"], unique=False)

    op.create_table(
        "deployment_events",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("deployment_id", sa.String(length=40), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployments.id"], name=op.f("fk_deployment_events_deployment_id_deployments")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment_events")),
    )
    with op.batch_alter_table("deployment_events", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_deployment_events_deployment_id_id"), ["deployment_id", "id"], unique=False
        )

    op.create_table(
        "deployment_logs",
        sa.Column("deployment_id", sa.String(length=40), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployments.id"], name=op.f("fk_deployment_logs_deployment_id_deployments")
        ),
        sa.PrimaryKeyConstraint("deployment_id", "attempt", name=op.f("pk_deployment_logs")),
    )
    _first_rows()


def _first_rows() -> None:
    """The installation's id (INSTALLATION_ID overrides it) and the tenant that acts without keys."""
    now = datetime.now(UTC)
    alphabet = string.ascii_lowercase + string.digits
    own = "".join(secrets.choice(alphabet) for _ in range(6))
    op.bulk_insert(
        sa.table(
            "installation",
            sa.column("id"),
            sa.column("installation_id"),
            sa.column("created_at", UtcDateTime()),
        ),
        [{"id": 1, "installation_id": own, "created_at": now}],
    )
    op.bulk_insert(
        sa.table(
            "tenants", sa.column("id"), sa.column("limits", sa.JSON()), sa.column("created_at", UtcDateTime())
        ),
        [{"id": "default", "limits": {}, "created_at": now}],
    )


def downgrade() -> None:
    op.drop_table("deployment_logs")
    with op.batch_alter_table("deployment_events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deployment_events_deployment_id_id"))

    op.drop_table("deployment_events")
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attempts_provider_state"))

    op.drop_table("attempts")
    with op.batch_alter_table("deployments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deployments_tenant_created_at"))
        batch_op.drop_index(batch_op.f("ix_deployments_status_due_at"))

    op.drop_table("deployments")
    with op.batch_alter_table("decision_outcomes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_decision_outcomes_provider_host"))

    op.drop_table("decision_outcomes")
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_decisions_tenant_at"))

    op.drop_table("decisions")
    op.drop_table("tenants")
    with op.batch_alter_table("sync_runs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sync_runs_provider_started_at"))

    op.drop_table("sync_runs")
    op.drop_table("providers")
    op.drop_table("provider_pauses")
    with op.batch_alter_table("provider_incidents", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_provider_incidents_provider_started_at"))

    op.drop_table("provider_incidents")
    op.drop_table("provider_health")
    with op.batch_alter_table("offers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_offers_provider_slice_key"))
        batch_op.drop_index(batch_op.f("ix_offers_gpu_family_gone_at_price_per_hour"))

    op.drop_table("offers")
    with op.batch_alter_table("offer_prices", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_offer_prices_offer_id_at"))
        batch_op.drop_index(batch_op.f("ix_offer_prices_gpu_family_at"))

    op.drop_table("offer_prices")
    op.drop_table("installation")
    op.drop_table("idempotency_keys")
    op.drop_table("catalogue_slices")
    with op.batch_alter_table("capacity_holds", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_capacity_holds_offer_id"))
        batch_op.drop_index(batch_op.f("ix_capacity_holds_deployment_id_attempt"))

    op.drop_table("capacity_holds")
