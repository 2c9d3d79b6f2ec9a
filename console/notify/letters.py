"""Notices to customers on their way by e-mail: what a reviewer sent from an alert's page, once nobody can take the decision back.

The notifier alone knows the mail server and its password. It says in the database that it is there, so a page offers to send only what
somebody will send.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from console.db.engine import Database
from console.db.tables import Alert, Decision, Notice, Outbox, Setting
from console.notify.config import Config, Mail, Secrets
from console.notify.mail import FAILURES, post
from console.web.words import Words

log = logging.getLogger(__name__)
HERE = "notify-mail"
#: Between two words that the mail server is known; a notifier not heard of for longer than that twice sends nothing.
BEAT_MS, FRESH_MS = 30_000, 120_000
#: Between two tries: 10 s, doubled up to 10 minutes, for a day and more.
RETRY_MS, LONGEST_MS, MOST = 10_000, 600_000, 150
LEASE_MS, BLOCK = 300_000, 20


def mailer(session: Session, now: int) -> str | None:
    """From whom notices go out, when somebody is there to send them."""
    row = session.get(Setting, HERE)
    return str(row.value["from"]) if row is not None and now - row.value["at"] <= FRESH_MS else None


def turn(database: Database, config: Config, secrets: Secrets, now: int) -> int:
    """Say that the mail server is known, and send what is due; returns how many were taken."""
    if config.mail is None:
        return 0
    with database.writing() as session:
        _beat(session, config.mail, now)
        rows = _claim(session, now)
        letters = [(row.notice_id, row.attempts, _letter(session, row, config.mail)) for row in rows]
    done = 0
    for notice_id, attempts, letter in letters:
        error = ""
        try:
            post(config.mail, secrets.mail, letter)
        except FAILURES as failure:
            error = f"{type(failure).__name__}: {failure}"
            log.warning("notice %s was not taken: %s", notice_id, error)
        with database.writing() as session:
            kept = session.get_one(Notice, notice_id)
            kept.error = error[:500]
            if error:
                kept.not_before = now + min(LONGEST_MS, RETRY_MS << min(attempts - 1, 10))
            else:
                kept.sent_at = now
                done += 1
    return done


def _beat(session: Session, mail: Mail, now: int) -> None:
    row = session.get(Setting, HERE)
    if row is None:
        row = Setting(key=HERE, value={}, changed_at=0, changed_by="vigie")
        session.add(row)
    if now - row.changed_at >= BEAT_MS or row.value.get("from") != mail.from_:
        row.value, row.changed_at = {"from": mail.from_, "at": now}, now


def _claim(session: Session, now: int) -> list[Notice]:
    """Notices to be sent now; those of a decision that was taken back never are, and no letter is quicker than its decision."""
    due = select(Notice).where(Notice.how == "mail", Notice.sent_at.is_(None), Notice.cancelled_at.is_(None), Notice.not_before <= now)
    undo = aliased(Decision)
    taken_back = exists().where(undo.undoes == Notice.decision_id)
    for row in session.scalars(due.where(taken_back).with_for_update(skip_locked=True)):
        row.cancelled_at = now
    # A set decided at once can be taken back until ten seconds after its last alert: longer than a notice of its first one waits.
    held = exists().where(
        Outbox.decision_id == Notice.decision_id, Outbox.sent_at.is_(None), Outbox.cancelled_at.is_(None), Outbox.not_before > now
    )
    rows = list(
        session.scalars(
            due.where(~taken_back, ~held, Notice.attempts < MOST)
            .order_by(Notice.not_before, Notice.notice_id)
            .limit(BLOCK)
            .with_for_update(skip_locked=True)
        )
    )
    for row in rows:
        row.attempts += 1
        row.not_before = now + LEASE_MS
    return rows


def _letter(session: Session, row: Notice, mail: Mail) -> EmailMessage:
    words = Words(row.language, "Europe/Paris")
    alert = session.get_one(Alert, row.alert_id)
    letter = EmailMessage()
    subject = words.t("notice.subject", licence=alert.licence or words.t("notice.all_licences"), clause=alert.clause)
    # A licence was named by strangers: the line it stands in ends where we end it.
    letter["Subject"] = " ".join(subject.split())
    letter["From"], letter["To"] = mail.from_, row.address
    if mail.reply_to:
        letter["Reply-To"] = mail.reply_to
    letter["Content-Language"] = row.language
    letter["Date"] = format_datetime(datetime.fromtimestamp(row.created_at / 1000, UTC))
    # After a crash it may be sent again: a receiver that has it sees so.
    letter["Message-ID"] = f"<{hashlib.sha256(row.form.encode()).hexdigest()[:32]}@vigie>"
    letter.set_content(row.text)
    return letter
