"""Telling the customer: the notice of a decision leaves by e-mail, or a person says how it left. Either way the case keeps what went."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.db.tables import LANGUAGES, Alert, Decision, Notice, User
from console.notify.letters import mailer
from console.people.person import Person
from console.review import deciding
from console.review.errors import Incomplete
from console.review.messages import UNDO_MS

#: One address, as much as can be told by looking; a mail server tells the rest.
_ADDRESS = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+")


@dataclass(frozen=True)
class Told:
    """What a customer was told of an alert, and can be.

    Attributes:
        decision: the decision whose notice counts, if one has a notice.
        notices: what left or is about to, oldest first, each with the name of who sent it.
        address: where the customer's last notice went by e-mail; empty when none did.
        mailer: from whom an e-mail would come; ``None``: nobody is there to send it.
    """

    decision: Decision | None
    notices: Sequence[tuple[Notice, str]]
    address: str
    mailer: str | None


def read(session: Session, alert: Alert, now: int) -> Told:
    """What the page shows."""
    named = select(Notice, User.name).join(User, User.user_id == Notice.user_id)
    rows = session.execute(named.where(Notice.alert_id == alert.alert_id).order_by(Notice.notice_id)).all()
    last = select(Notice.address).where(Notice.tenant == alert.tenant, Notice.how == "mail").order_by(Notice.created_at.desc()).limit(1)
    return Told(_decision(session, alert), [(row, name) for row, name in rows], session.scalar(last) or "", mailer(session, now))


def _decision(session: Session, alert: Alert) -> Decision | None:
    """The decision that stands and has a notice; none while a second person or a lead has still to judge."""
    if alert.status in ("second", "disagreed"):
        return None
    rows = deciding.standing_decisions(session, alert.alert_id)
    # A second person's agreement sends the first one's words.
    return next((row for row in reversed(rows) if row.part in ("first", "lead") and row.notice), None)


def send(session: Session, person: Person, alert: Alert, language: str, how: str, address: str, form: str, now: int) -> Notice:
    """Send the notice by e-mail after the time for an undo, or keep that the person sent it.

    Args:
        session: a writing one.
        person: who sends.
        alert: of which alert.
        language: which of its texts.
        how: ``mail`` or ``hand``.
        address: an e-mail address; sent by hand, the way it took.
        form: the form's own id: sent twice, it is one notice.
        now: milliseconds UTC.

    Raises:
        Incomplete: there is no notice, no address, or nobody to send an e-mail.
    """
    if (again := session.scalar(select(Notice).where(Notice.form == form))) is not None:
        return again
    decision, address = _decision(session, alert), " ".join(address.split())
    if decision is None or not decision.notice or language not in LANGUAGES or not decision.notice.get(language):
        raise Incomplete("no_notice")
    if not address or len(address) > 320 or (how == "mail" and not _ADDRESS.fullmatch(address)):
        raise Incomplete("no_address" if how == "mail" else "no_way")
    if how == "mail" and mailer(session, now) is None:
        raise Incomplete("no_mailer")
    row = Notice(
        decision_id=decision.decision_id,
        alert_id=alert.alert_id,
        tenant=alert.tenant,
        language=language,
        how=how,
        address=address,
        text=str(decision.notice[language]),
        user_id=person.user_id,
        created_at=now,
        not_before=max(now, decision.at + UNDO_MS),
        sent_at=None if how == "mail" else now,
        form=form,
    )
    session.add(row)
    session.flush()
    return row
