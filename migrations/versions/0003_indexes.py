"""indexes for what is looked for with every route

Only adds: the code of 0002 goes on working on this schema.

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-21 18:10:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SHARED = "ix_capacity_holds_shared"
_EXPIRES = "ix_idempotency_keys_expires_at"


def upgrade() -> None:
    op.create_index(_EXPIRES, "idempotency_keys", ["expires_at"])
    if op.get_bind().dialect.name == "postgresql":
        # Who else holds a machine: without it every hold's list of machines is taken apart, for every route.
        shared = sa.text("(CAST(resources AS jsonb))")
        op.create_index(_SHARED, "capacity_holds", [shared], postgresql_using="gin")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index(_SHARED, table_name="capacity_holds")
    op.drop_index(_EXPIRES, table_name="idempotency_keys")
