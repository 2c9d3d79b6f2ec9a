"""Notices on their way to customers: by e-mail, or by a person who says how."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "notices",
        sa.Column("notice_id", number, autoincrement=True, nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("how", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("user_id", number, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("cancelled_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("form", sa.String(length=64), nullable=False),
        sa.CheckConstraint("how IN ('mail', 'hand')", name=op.f("ck_notices_how")),
        sa.CheckConstraint("language IN ('fr', 'en')", name=op.f("ck_notices_language")),
        sa.CheckConstraint("sent_at IS NULL OR cancelled_at IS NULL", name=op.f("ck_notices_sent_or_cancelled")),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"], name=op.f("fk_notices_decision_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("fk_notices_user_id")),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notices")),
        sa.UniqueConstraint("form", name=op.f("uq_notices_form")),
    )
    op.create_index(op.f("ix_notices_alert_id"), "notices", ["alert_id"])
    op.create_index(op.f("ix_notices_sent_at_not_before"), "notices", ["sent_at", "not_before"])
    op.create_index(op.f("ix_notices_tenant_created_at"), "notices", ["tenant", "created_at"])
