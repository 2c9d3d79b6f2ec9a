"""People, audit, what detect said, what people decide, policies, jobs and messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


#: Rows of these say what people did; the database itself refuses to change or remove one.
APPEND_ONLY = ("audit", "decisions")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("licence", sa.String(length=200), nullable=True),
        sa.Column("rule", sa.String(length=60), nullable=False),
        sa.Column("clause", sa.String(length=60), nullable=False),
        sa.Column("level", sa.String(length=20), nullable=False),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("origin", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("update_number", sa.Integer(), nullable=False),
        sa.Column("measured", sa.BigInteger(), nullable=False),
        sa.Column("limit_value", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(length=100), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("crossed_at", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("money_at_risk_cents", sa.BigInteger(), nullable=False),
        sa.Column("money_if_wrong_cents", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("propensity", sa.Double(), nullable=True),
        sa.Column("policy_version", sa.String(length=64), nullable=False),
        sa.Column("statement", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("superseded_by", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=20), server_default="new", nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=True),
        sa.Column("expected_loss_cents", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("watch_until", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_update", sa.Integer(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'withdrawn', 'closed')", name=op.f("ck_alerts_state")),
        sa.CheckConstraint(
            "status IN ('new', 'watch', 'second', 'disagreed', 'decided', 'published', 'applied', 'reraised', 'expired', 'closed')",
            name=op.f("ck_alerts_status"),
        ),
        sa.CheckConstraint("verdict IN ('breach', 'no_breach', 'inconclusive') OR verdict IS NULL", name=op.f("ck_alerts_verdict")),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_rule_verdict"), "alerts", ["rule", "verdict"])
    op.create_index(op.f("ix_alerts_status_due_at"), "alerts", ["status", "due_at"])
    op.create_index(op.f("ix_alerts_status_expected_loss_cents"), "alerts", ["status", "expected_loss_cents"])
    op.create_index(op.f("ix_alerts_tenant_licence"), "alerts", ["tenant", "licence"])

    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(length=200), nullable=False),
        sa.Column("what", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("old", sa.Text(), nullable=True),
        sa.Column("new", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("request", sa.String(length=32), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit")),
        sa.UniqueConstraint("digest", name=op.f("uq_audit_digest")),
        sa.UniqueConstraint("previous", name=op.f("uq_audit_previous")),
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"])
    op.create_index(op.f("ix_audit_subject"), "audit", ["subject"])
    op.create_index(op.f("ix_audit_what"), "audit", ["what"])
    op.create_index(op.f("ix_audit_who"), "audit", ["who"])

    op.create_table(
        "breakers",
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("limit_value", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_breakers")),
    )
    op.create_table(
        "heartbeats",
        sa.Column("pbx", sa.String(length=100), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("pbx", name=op.f("pk_heartbeats")),
    )
    op.create_table(
        "licences",
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("licence", sa.String(length=200), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "licence", name=op.f("pk_licences")),
    )
    op.create_table(
        "metering",
        sa.Column("metering_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("licence", sa.String(length=200), nullable=False),
        sa.Column("billing_month", sa.String(length=7), nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("metering_id", name=op.f("pk_metering")),
    )
    op.create_index(op.f("ix_metering_alert_id"), "metering", ["alert_id"])
    op.create_index(op.f("ix_metering_tenant_licence_billing_month"), "metering", ["tenant", "licence", "billing_month"])

    op.create_table(
        "notifications",
        sa.Column("notification_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("about", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=60), nullable=True),
        sa.Column("channel", sa.String(length=100), nullable=False),
        sa.Column("step", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=200), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("notification_id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("about", "channel", "step", name=op.f("uq_notifications_about_channel_step")),
    )
    op.create_index(op.f("ix_notifications_sent_at_not_before"), "notifications", ["sent_at", "not_before"])

    op.create_table(
        "positions",
        sa.Column("source", sa.String(length=500), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.String(length=64), server_default="", nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_positions")),
    )
    op.create_table(
        "receipts",
        sa.Column("receipt_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("pbx", sa.String(length=100), nullable=False),
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("licence", sa.String(length=200), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("calls_ended", sa.Integer(), nullable=False),
        sa.Column("contacts_removed", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('applied', 'failed', 'refused', 'stale', 'held', 'dry_run')", name=op.f("ck_receipts_status")),
        sa.PrimaryKeyConstraint("receipt_id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("decision_id", "pbx", "status", "applied_at", name=op.f("uq_receipts_decision_id_pbx_status_applied_at")),
    )
    op.create_index(op.f("ix_receipts_tenant_licence"), "receipts", ["tenant", "licence"])

    op.create_table(
        "settings",
        sa.Column("setting", sa.String(length=100), nullable=False),
        sa.Column("value", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("setting", name=op.f("pk_settings")),
    )
    op.create_table(
        "statements",
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("update_number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("level", sa.String(length=20), nullable=False),
        sa.Column("measured", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("alert_id", "update_number", name=op.f("pk_statements")),
    )
    op.create_table(
        "suspension_records",
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("licence", sa.String(length=200), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("restrictions", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("alarmed_at", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "licence", "epoch", "sequence", name=op.f("pk_suspension_records")),
    )
    op.create_index(op.f("ix_suspension_records_decision_id"), "suspension_records", ["decision_id"])
    op.create_index(op.f("ix_suspension_records_received_at"), "suspension_records", ["received_at"])

    op.create_table(
        "suspensions",
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("licence", sa.String(length=200), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("restrictions", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.CheckConstraint("state IN ('active', 'lifted')", name=op.f("ck_suspensions_state")),
        sa.PrimaryKeyConstraint("tenant", "licence", name=op.f("pk_suspensions")),
    )
    op.create_index(op.f("ix_suspensions_decision_id"), "suspensions", ["decision_id"])
    op.create_index(op.f("ix_suspensions_state_issued_at"), "suspensions", ["state", "issued_at"])

    op.create_table(
        "tenants",
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=300), server_default="", nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_tenants")),
    )
    op.create_table(
        "users",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("login", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("totp_secret", sa.String(length=64), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("oidc_issuer", sa.String(length=500), nullable=True),
        sa.Column("oidc_subject", sa.String(length=255), nullable=True),
        sa.Column("language", sa.String(length=20), server_default="fr", nullable=False),
        sa.Column("theme", sa.String(length=20), server_default="auto", nullable=False),
        sa.Column("zone", sa.String(length=64), server_default="Europe/Paris", nullable=False),
        sa.Column("keys", sa.JSON(none_as_null=True), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("language IN ('fr', 'en')", name=op.f("ck_users_language")),
        sa.CheckConstraint("theme IN ('auto', 'light', 'dark')", name=op.f("ck_users_theme")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_users")),
        sa.UniqueConstraint("login", name=op.f("uq_users_login")),
        sa.UniqueConstraint("oidc_issuer", "oidc_subject", name=op.f("uq_users_oidc_issuer_oidc_subject")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("token_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("scopes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("fk_api_tokens_user_id")),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_tokens_token_hash")),
    )
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.String(length=20), nullable=False),
        sa.Column("second_of", sa.String(length=64), nullable=True),
        sa.Column("first_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("undoes", sa.String(length=64), nullable=True),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("restrictions", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("prefixes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("notice", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("needs_second", sa.String(length=60), server_default="", nullable=False),
        sa.Column("blind", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("weak", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("seen_update", sa.Integer(), nullable=False),
        sa.Column("seen_epoch", sa.Integer(), nullable=False),
        sa.Column("seen_sequence", sa.Integer(), nullable=False),
        sa.Column("evidence_hash", sa.String(length=64), nullable=False),
        sa.Column("opened", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("bulk_id", sa.String(length=64), nullable=True),
        sa.Column("form", sa.String(length=64), nullable=False),
        sa.Column("policy_version", sa.String(length=64), nullable=False),
        sa.CheckConstraint("(part = 'second') = (second_of IS NOT NULL)", name=op.f("ck_decisions_second_names_first")),
        sa.CheckConstraint("(part = 'undo') = (undoes IS NOT NULL)", name=op.f("ck_decisions_undo_names_undone")),
        sa.CheckConstraint("action IN ('none', 'watch', 'warn', 'restrict', 'suspend', 'lift')", name=op.f("ck_decisions_action")),
        sa.CheckConstraint("part IN ('first', 'second', 'lead', 'undo', 'reinstate')", name=op.f("ck_decisions_part")),
        sa.CheckConstraint("verdict IN ('breach', 'no_breach', 'inconclusive')", name=op.f("ck_decisions_verdict")),
        sa.CheckConstraint("(second_of IS NULL) = (first_by IS NULL)", name=op.f("ck_decisions_first_has_author")),
        sa.CheckConstraint("first_by IS NULL OR first_by <> user_id", name=op.f("ck_decisions_second_is_another_person")),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name=op.f("fk_decisions_alert_id")),
        sa.ForeignKeyConstraint(
            ["second_of", "first_by"], ["decisions.decision_id", "decisions.user_id"], name=op.f("fk_decisions_second_of_first_by")
        ),
        sa.ForeignKeyConstraint(["undoes"], ["decisions.decision_id"], name=op.f("fk_decisions_undoes")),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("fk_decisions_user_id")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decisions")),
        sa.UniqueConstraint("decision_id", "second_of", name=op.f("uq_decisions_decision_id_second_of")),
        sa.UniqueConstraint("decision_id", "user_id", name=op.f("uq_decisions_decision_id_user_id")),
        sa.UniqueConstraint("form", name=op.f("uq_decisions_form")),
        sa.UniqueConstraint("undoes", name=op.f("uq_decisions_undoes")),
    )
    op.create_index(op.f("ix_decisions_alert_id_at"), "decisions", ["alert_id", "at"])
    op.create_index(op.f("ix_decisions_user_id_at"), "decisions", ["user_id", "at"])

    op.create_table(
        "exemptions",
        sa.Column("exemption_id", sa.String(length=128), nullable=False),
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("licence", sa.String(length=200), nullable=True),
        sa.Column("rules", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("to_at", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("author_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("second", sa.String(length=200), nullable=True),
        sa.Column("second_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("alert_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_by", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "second_id IS NULL OR author_id IS NULL OR second_id <> author_id", name=op.f("ck_exemptions_second_is_another_person")
        ),
        sa.CheckConstraint("to_at > from_at", name=op.f("ck_exemptions_ends_after_it_begins")),
        sa.ForeignKeyConstraint(["author_id"], ["users.user_id"], name=op.f("fk_exemptions_author_id")),
        sa.ForeignKeyConstraint(["second_id"], ["users.user_id"], name=op.f("fk_exemptions_second_id")),
        sa.PrimaryKeyConstraint("exemption_id", name=op.f("pk_exemptions")),
    )
    op.create_index(op.f("ix_exemptions_tenant_licence"), "exemptions", ["tenant", "licence"])
    op.create_index(op.f("ix_exemptions_to_at"), "exemptions", ["to_at"])

    op.create_table(
        "jobs",
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), server_default="queued", nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("asked", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("done", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("total", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("cancel_asked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("result", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("beat_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name=op.f("ck_jobs_state")),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("fk_jobs_user_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_jobs_state_created_at"), "jobs", ["state", "created_at"])

    op.create_table(
        "leases",
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name=op.f("fk_leases_alert_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("fk_leases_user_id")),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_leases")),
    )
    op.create_index(op.f("ix_leases_expires_at"), "leases", ["expires_at"])
    op.create_index(op.f("ix_leases_user_id"), "leases", ["user_id"])

    op.create_table(
        "notes",
        sa.Column("note_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("alert_id", sa.String(length=64), nullable=True),
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("licence", sa.String(length=200), nullable=True),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name=op.f("fk_notes_alert_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("fk_notes_user_id")),
        sa.PrimaryKeyConstraint("note_id", name=op.f("pk_notes")),
    )
    op.create_index(op.f("ix_notes_alert_id_at"), "notes", ["alert_id", "at"])
    op.create_index(op.f("ix_notes_tenant_licence_at"), "notes", ["tenant", "licence", "at"])

    op.create_table(
        "policies",
        sa.Column("policy_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("parent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.String(length=20), server_default="draft", nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("author_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=True),
        sa.Column("checks", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("published_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('draft', 'checked', 'shadow', 'live', 'retired', 'refused')", name=op.f("ck_policies_state")),
        sa.CheckConstraint("published_by IS NULL OR published_by <> author_id", name=op.f("ck_policies_publisher_is_another_person")),
        sa.ForeignKeyConstraint(["author_id"], ["users.user_id"], name=op.f("fk_policies_author_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["policies.policy_id"], name=op.f("fk_policies_parent_id")),
        sa.ForeignKeyConstraint(["published_by"], ["users.user_id"], name=op.f("fk_policies_published_by")),
        sa.PrimaryKeyConstraint("policy_id", name=op.f("pk_policies")),
    )
    op.create_index(op.f("ix_policies_state_published_at"), "policies", ["state", "published_at"])

    op.create_table(
        "reveals",
        sa.Column("reveal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("src", sa.String(length=200), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("fk_reveals_user_id")),
        sa.PrimaryKeyConstraint("reveal_id", name=op.f("pk_reveals")),
    )
    op.create_index(op.f("ix_reveals_alert_id_user_id"), "reveals", ["alert_id", "user_id"])

    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("how", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_by", sa.String(length=200), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=300), nullable=False),
        sa.CheckConstraint("how IN ('link', 'password', 'oidc')", name=op.f("ck_sessions_how")),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("fk_sessions_user_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sessions")),
        sa.UniqueConstraint("session_id", name=op.f("uq_sessions_session_id")),
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"])

    op.create_table(
        "signin_links",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("purpose IN ('first', 'invite', 'reset')", name=op.f("ck_signin_links_purpose")),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("fk_signin_links_user_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_signin_links")),
    )
    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.Column("granted_by", sa.String(length=200), nullable=False),
        sa.CheckConstraint(
            "role IN ('reviewer', 'lead', 'analyst', 'publisher', 'operator', 'auditor', 'administrator')", name=op.f("ck_user_roles_role")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("fk_user_roles_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "role", name=op.f("pk_user_roles")),
    )
    op.create_table(
        "views",
        sa.Column("view_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("fk_views_user_id")),
        sa.PrimaryKeyConstraint("view_id", name=op.f("pk_views")),
    )
    op.create_index(op.f("ix_views_alert_id_at"), "views", ["alert_id", "at"])
    op.create_index(op.f("ix_views_user_id_at"), "views", ["user_id", "at"])

    op.create_table(
        "outbox",
        sa.Column("outbox_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("message_key", sa.String(length=500), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=True),
        sa.Column("needs_second", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("second_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("cancelled_at", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("kind IN ('review', 'exemption', 'bridge', 'policy')", name=op.f("ck_outbox_kind")),
        sa.CheckConstraint("NOT needs_second OR second_id IS NOT NULL", name=op.f("ck_outbox_second_person")),
        sa.CheckConstraint("sent_at IS NULL OR cancelled_at IS NULL", name=op.f("ck_outbox_sent_or_cancelled")),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"], name=op.f("fk_outbox_decision_id")),
        sa.ForeignKeyConstraint(
            ["second_id", "decision_id"], ["decisions.decision_id", "decisions.second_of"], name=op.f("fk_outbox_second_id_decision_id")
        ),
        sa.PrimaryKeyConstraint("outbox_id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("message_id", name=op.f("uq_outbox_message_id")),
    )
    op.create_index(op.f("ix_outbox_decision_id"), "outbox", ["decision_id"])
    op.create_index(op.f("ix_outbox_sent_at_not_before"), "outbox", ["sent_at", "not_before"])
    for table in APPEND_ONLY:
        _append_only(table)


def _append_only(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for action in ("UPDATE", "DELETE"):
            name = f"{table}_no_{action.lower()}"
            refusal = f"SELECT RAISE(ABORT, '{table} is append-only')"
            op.execute(f"CREATE TRIGGER {name} BEFORE {action} ON {table} BEGIN {refusal}; END")
        return
    body = f"BEGIN RAISE EXCEPTION '{table} is append-only'; END"
    op.execute(f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
    # A statement's trigger: TRUNCATE touches no row, and would pass one that watches rows.
    events = "BEFORE UPDATE OR DELETE OR TRUNCATE"
    op.execute(f"CREATE TRIGGER {table}_append_only {events} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()")
