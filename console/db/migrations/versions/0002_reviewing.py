"""Reviewing: what an undo restores, the queue's index, and triggers that hold the second person's place."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: A review of a decision that needs a second person, without one; or with one who judged otherwise.
ALONE = "SELECT 1 FROM decisions d WHERE d.decision_id = NEW.decision_id AND d.needs_second <> '' AND NEW.second_id IS NULL"
AGREED = (
    "SELECT 1 FROM decisions d, decisions s WHERE d.decision_id = NEW.decision_id AND s.decision_id = NEW.second_id"
    " AND s.verdict = d.verdict AND s.action = d.action AND CAST(s.restrictions AS TEXT) = CAST(d.restrictions AS TEXT)"
)
#: Taking a SIP password away is never one person's step.
KEYS = "NEW.part IN ('first', 'lead') AND NEW.needs_second = '' AND CAST(NEW.restrictions AS TEXT) LIKE '%\"credentials\"%'"
FIXED = "kind, message_id, message_key, body, decision_id, needs_second, second_id"


def upgrade() -> None:
    """Apply."""
    op.add_column("decisions", sa.Column("before", sa.JSON(none_as_null=True), nullable=True))
    columns = [
        "status",
        "due_at",
        "expected_loss_cents",
        "alert_id",
        "rule",
        "level",
        "mode",
        "state",
        "tenant",
        "superseded_by",
        "decided_at",
    ]
    op.create_index(op.f("ix_alerts_queue"), "alerts", columns)
    if op.get_bind().dialect.name == "sqlite":
        _sqlite()
    else:
        _postgresql()


def _sqlite() -> None:
    op.execute(
        "CREATE TRIGGER outbox_second_person BEFORE INSERT ON outbox WHEN NEW.kind = 'review' BEGIN"
        f" SELECT RAISE(ABORT, 'this review needs a second person') WHERE EXISTS ({ALONE});"
        f" SELECT RAISE(ABORT, 'the second person judged otherwise') WHERE NEW.second_id IS NOT NULL AND NOT EXISTS ({AGREED}); END"
    )
    op.execute(
        f"CREATE TRIGGER outbox_fixed BEFORE UPDATE OF {FIXED} ON outbox BEGIN SELECT RAISE(ABORT, 'a message is written once'); END"
    )
    op.execute(
        f"CREATE TRIGGER decisions_credentials BEFORE INSERT ON decisions WHEN {KEYS}"
        " BEGIN SELECT RAISE(ABORT, 'credentials need a second person'); END"
    )


def _postgresql() -> None:
    op.execute(
        "CREATE FUNCTION outbox_second_person() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF EXISTS ({ALONE}) THEN RAISE EXCEPTION 'this review needs a second person'; END IF;"
        f" IF NEW.second_id IS NOT NULL AND NOT EXISTS ({AGREED}) THEN RAISE EXCEPTION 'the second person judged otherwise'; END IF;"
        " RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER outbox_second_person BEFORE INSERT ON outbox FOR EACH ROW WHEN (NEW.kind = 'review')"
        " EXECUTE FUNCTION outbox_second_person()"
    )
    _refuse("outbox_fixed", f"BEFORE UPDATE OF {FIXED} ON outbox FOR EACH ROW", "a message is written once")
    _refuse("decisions_credentials", f"BEFORE INSERT ON decisions FOR EACH ROW WHEN ({KEYS})", "credentials need a second person")


def _refuse(name: str, when: str, why: str) -> None:
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{why}'; END $$")
    op.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {name}()")
