"""Deciding: the first judgement, the blind second, the lead's, the undo, and service given back.

Decisions are rows that nobody changes. What a decision asks for leaves by the outbox, in the same transaction, and only once all
persons that it needs have judged alike (the database refuses it otherwise: ``console/db/migrations/versions/0002_reviewing.py``).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.db.tables import Alert, Decision, Outbox, Suspension, User
from console.people.person import Person
from console.review import leases, looking, messages, second
from console.review.errors import Incomplete, NotYours, Over, Stale, TooLate
from console.review.messages import UNDO_MS
from console.taking import Losses
from detectors.decisions import LADDER

#: Why, as a person says it in one key; the words are texts.
REASONS = ("clear", "explained", "agreed_use", "weak_evidence", "technical", "as_before", "unclear", "see_note")
#: Restrictions that go with an action when a person names none.
DEFAULTS = {"restrict": ("paid", "international"), "suspend": ("outgoing",)}
OF_ACTION = {"restrict": ("paid", "international", "prefixes"), "suspend": ("paid", "international", "prefixes", "outgoing", "credentials")}
FIELDS = ("status", "verdict", "decided_at", "decided_update", "watch_until", "due_at")
#: A set's reviews wait for the end of its job, which says when they leave; if the console dies before, they leave after this long.
HELD_MS = 60_000


@dataclass(frozen=True)
class Judgement:
    """What a person filled in. ``form`` is the form's own id: sent twice, it is one decision."""

    verdict: str
    action: str
    reason: str
    form: str
    seen_update: int
    seen_epoch: int = 0
    seen_sequence: int = 0
    restrictions: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    until: int | None = None
    note: str = ""
    notice: dict[str, str] | None = None
    seconds: int | None = None


def checked(alert: Alert, asked: Judgement, now: int) -> Judgement:
    """The judgement with its restrictions filled in and in the ladder's order.

    Raises:
        Incomplete: a field is missing, or does not fit the others.
    """
    if asked.verdict not in ("breach", "no_breach", "inconclusive"):
        raise Incomplete("no_verdict")
    if asked.action not in ("none", "watch", "warn", "restrict", "suspend", "lift"):
        raise Incomplete("no_action")
    if asked.reason not in REASONS:
        raise Incomplete("no_reason")
    restricts = asked.action in DEFAULTS
    if restricts and asked.verdict != "breach":
        raise Incomplete("restriction_without_breach")
    if restricts and alert.licence is None:
        raise Incomplete("restriction_of_a_customer")
    if asked.until is not None and asked.until <= now:
        raise Incomplete("until_in_the_past")
    wanted = set(asked.restrictions) or set(DEFAULTS.get(asked.action, ()))
    if asked.action == "suspend":
        wanted.add("outgoing")
    if restricts and asked.prefixes:
        wanted.add("prefixes")
    wanted &= set(OF_ACTION.get(asked.action, ()))
    if "prefixes" in wanted and not asked.prefixes:
        raise Incomplete("no_prefixes")
    if restricts and not wanted:
        raise Incomplete("no_restriction")
    prefixes = asked.prefixes if "prefixes" in wanted else ()
    ordered = tuple(name for name in LADDER if name in wanted)
    until = asked.until if restricts or asked.action == "watch" else None
    return Judgement(**{**asked.__dict__, "restrictions": ordered, "prefixes": prefixes, "until": until})


def standing_decisions(session: Session, alert_id: str) -> list[Decision]:
    """An alert's decisions that nobody took back, oldest first."""
    rows = session.scalars(select(Decision).where(Decision.alert_id == alert_id).order_by(Decision.at)).all()
    undone = {row.undoes for row in rows if row.undoes}
    return [row for row in rows if row.part != "undo" and row.decision_id not in undone]


def round_of(session: Session, alert: Alert) -> list[Decision]:
    """The decisions of the judgement that is under way: the first, and the second that disagreed."""
    return [row for row in standing_decisions(session, alert.alert_id) if row.part != "reinstate" and row.at > (alert.decided_at or 0)]


def decide(
    session: Session,
    person: Person,
    alert_id: str,
    token: str,
    asked: Judgement,
    *,
    now: int,
    files: bool,
    bulk: str | None = None,
    sighted: bool = False,
) -> Decision:
    """Take a judgement: as the first one, or as the second or the lead's where the alert waits for that.

    Args:
        session: a writing one.
        person: who judges.
        alert_id: the alert, in their hands by a lease with this ``token``.
        token: the lease's.
        asked: what they filled in.
        now: milliseconds UTC.
        files: whether the console shows results of a run over files.
        sighted: the person could read what others judged, so a second opinion is not blind.
        bulk: the set that the alert is judged in (``console.review.bulk``), whose job sees to what every set needs once.

    Raises:
        LeaseLost: the alert is not in this person's hands.
        Over: another alert took it in, or detection withdrew it.
        Stale: a newer statement or restriction stands than the screen showed.
        NotYours: the person has judged this round already, or only a lead can.
        Incomplete: something is missing.
    """
    again = session.scalar(select(Decision).where(Decision.form == asked.form, Decision.user_id == person.user_id))
    if again is not None:
        return again
    alert = leases.held(session, alert_id, person.user_id, token, now)
    if alert.superseded_by is not None or alert.state == "withdrawn":
        raise Over("nothing is left to judge")
    asked = checked(alert, asked, now)
    record = second.standing(session, alert)
    stands = (record.epoch, record.sequence) if record is not None else (0, 0)
    if asked.seen_update != alert.update or (asked.seen_epoch, asked.seen_sequence) != stands:
        raise Stale(f"the screen showed update {asked.seen_update}, now {alert.update}")
    under_way = round_of(session, alert)
    if alert.status in ("second", "disagreed") and any(row.user_id == person.user_id for row in under_way):
        raise NotYours("you have judged this alert already")
    if alert.status == "disagreed" and not person.may("lead"):
        raise NotYours("a disagreement is settled by a lead")
    if alert.status == "second" and under_way:
        made = _second(session, person, alert, under_way[-1], asked, now, files, blind=not sighted)
    elif alert.status == "disagreed" and (agreed := [row for row in under_way if _alike(row, asked)]):
        made = _second(session, person, alert, agreed[-1], asked, now, files, blind=False)
    else:
        part = "lead" if alert.status == "disagreed" else "first"
        made = _row(session, person, alert, asked, part, now)
        made.bulk_id, made.weak = bulk, bulk is not None
        made.needs_second = " ".join(second.needed(session, alert, asked.action, asked.restrictions))
        session.add(made)
        session.flush()
        if made.needs_second:
            alert.status = "second"
        else:
            _settle(session, alert, made, person.login, None, now, files, bulk is not None)
    leases.release(session, alert_id, person.user_id)
    return made


def _row(session: Session, person: Person, alert: Alert, asked: Judgement, part: str, now: int) -> Decision:
    last = session.scalar(select(Decision.at).where(Decision.alert_id == alert.alert_id).order_by(Decision.at.desc()).limit(1))
    return Decision(
        decision_id=f"rv-{secrets.token_hex(10)}",
        alert_id=alert.alert_id,
        user_id=person.user_id,
        # Decisions on an alert have an order, also within a millisecond.
        at=max(now, (last or 0) + 1),
        part=part,
        verdict=asked.verdict,
        action=asked.action,
        restrictions=list(asked.restrictions),
        prefixes=list(asked.prefixes),
        until=asked.until,
        reason=asked.reason,
        note=asked.note,
        notice=dict(asked.notice) if asked.notice else None,
        needs_second="",
        seen_update=asked.seen_update,
        seen_epoch=asked.seen_epoch,
        seen_sequence=asked.seen_sequence,
        evidence_hash=hashlib.sha256(json.dumps(alert.statement, separators=(",", ":")).encode()).hexdigest(),
        opened=looking.looked_at(session, alert.alert_id, person.user_id, now),
        seconds=asked.seconds,
        before={name: getattr(alert, name) for name in FIELDS},
        form=asked.form,
        policy_version=alert.policy_version,
    )


def _alike(row: Decision, asked: Judgement) -> bool:
    return (row.verdict, row.action, list(row.restrictions)) == (asked.verdict, asked.action, list(asked.restrictions))


def _second(
    session: Session, person: Person, alert: Alert, first: Decision, asked: Judgement, now: int, files: bool, *, blind: bool
) -> Decision:
    made = _row(session, person, alert, asked, "second", now)
    made.second_of, made.first_by, made.blind = first.decision_id, first.user_id, blind
    session.add(made)
    session.flush()
    if _alike(first, asked):
        # The lead's may agree with one that needed nobody else by itself; two persons stand behind it all the same.
        _settle(session, alert, first, _login(session, first), made, now, files)
    else:
        alert.status = "disagreed"
    return made


def _login(session: Session, decision: Decision) -> str:
    return session.get_one(User, decision.user_id).login


def told(decision: Decision) -> dict[str, Any]:
    """What the audit log says of a decision; of a second one also whether its author saw the first."""
    names = ("decision_id", "part", "verdict", "action", "restrictions", "reason")
    said = {name: getattr(decision, name) for name in names}
    if decision.part == "second":
        said |= {"second_of": decision.second_of, "blind": bool(decision.blind)}
    return {**said, "bulk": decision.bulk_id} if decision.bulk_id else said


def _settle(
    session: Session, alert: Alert, decision: Decision, login: str, by: Decision | None, now: int, files: bool, in_bulk: bool = False
) -> None:
    alert.status = "watch" if decision.action == "watch" else "decided"
    alert.verdict, alert.decided_at, alert.decided_update = decision.verdict, max(decision.at, by.at if by else 0), alert.update
    alert.watch_until = decision.until if decision.action == "watch" else None
    leaves = now + (HELD_MS if in_bulk else UNDO_MS)
    messages.review(session, alert, decision, login, now=now, not_before=leaves, files=files, second=by)
    if not in_bulk:
        Losses(session, now).refresh(session, alert.rule)


def undo(session: Session, person: Person, decision_id: str, *, now: int, bulk_until: int | None = None) -> Alert:
    """Take back one's own decision, within ten seconds: a row that cancels it, and a message that never leaves.

    The alert is in its author's hands again. ``bulk_until`` ends the time of a decision taken in a set: ten seconds after the last one
    of them, and nobody's hands take a whole set back.

    Raises:
        TooLate: it has left, another person has judged since, or the ten seconds are over.
    """
    row = session.get(Decision, decision_id)
    if row is None or row.user_id != person.user_id or row.part not in ("first", "second", "lead"):
        raise TooLate("there is no such decision of yours")
    alert = leases.lock(session, row.alert_id)
    assert alert is not None
    decisions = standing_decisions(session, alert.alert_id)
    if not decisions or decisions[-1].decision_id != decision_id or now >= (bulk_until or row.at + UNDO_MS):
        raise TooLate("ten seconds are over, or another person has judged since")
    named = (Outbox.decision_id == decision_id) | (Outbox.second_id == decision_id)
    here = named, Outbox.cancelled_at.is_(None)
    count = len(session.scalars(select(Outbox.outbox_id).where(*here)).all())
    # Skipped when a sender has them: waiting for it with the alert locked, which it wants next, would be a deadlock.
    free = select(Outbox).where(*here, Outbox.sent_at.is_(None), Outbox.attempts == 0)
    rows = session.scalars(free.with_for_update(skip_locked=True)).all()
    if len(rows) != count:
        raise TooLate("the review has left")
    for message in rows:
        message.cancelled_at = now
    copied = {
        name: getattr(row, name)
        for name in [
            "alert_id",
            "verdict",
            "action",
            "restrictions",
            "prefixes",
            "until",
            "reason",
            "seen_update",
            "seen_epoch",
            "seen_sequence",
        ]
    }
    session.add(
        Decision(
            **copied,
            decision_id=f"un-{secrets.token_hex(10)}",
            user_id=person.user_id,
            at=max(now, row.at + 1),
            part="undo",
            undoes=decision_id,
            note="",
            evidence_hash=row.evidence_hash,
            opened=[],
            form=f"undo-{decision_id}",
            policy_version=row.policy_version,
        )
    )
    for name, value in (row.before or {}).items():
        setattr(alert, name, value)
    session.flush()
    if bulk_until is None:
        Losses(session, now).refresh(session, alert.rule)
        leases.take(session, alert.alert_id, person.user_id, now)
    return alert


def reinstate(session: Session, person: Person, alert_id: str, why: str, form: str, *, now: int, files: bool) -> list[Decision]:
    """Give a licence its service back, at once: every cause of what stands is lifted. One person, one reason, no delay.

    Raises:
        Incomplete: no reason, or nothing stands.
    """
    if not why.strip():
        raise Incomplete("no_reason")
    alert = leases.lock(session, alert_id)
    record = second.standing(session, alert) if alert is not None else None
    if alert is None or record is None or record.state != "active":
        raise Incomplete("nothing_stands")
    if session.scalar(select(Decision.decision_id).where(Decision.form.startswith(form, autoescape=True))) is not None:
        return []
    made: list[Decision] = []
    for cause in sorted({cause["alert_id"] for cause in record.body["causes"]}):
        of = alert if cause == alert_id else leases.lock(session, cause)
        if of is None:
            continue
        _withdraw_restrictions(session, of, now)
        asked = Judgement(
            verdict=of.verdict or "inconclusive",
            action="lift",
            reason="reinstate",
            form=f"{form}:{len(made)}",
            seen_update=of.update,
            seen_epoch=record.epoch,
            seen_sequence=record.sequence,
            note=why.strip(),
        )
        row = _row(session, person, of, asked, "reinstate", now)
        session.add(row)
        session.flush()
        # Each lift moves the licence's record on by one: the next one has seen that.
        sequence = record.sequence + len(made)
        messages.review(session, of, row, person.login, now=now, not_before=now, files=files, sequence=sequence)
        made.append(row)
    if not made:
        raise Incomplete("nothing_stands")
    return made


def _withdraw_restrictions(session: Session, alert: Alert, now: int) -> None:
    """A restriction of the alert that still waits in the outbox does not follow the service given back."""
    waiting: Sequence[Outbox] = session.scalars(
        select(Outbox)
        .join(Decision, Decision.decision_id == Outbox.decision_id)
        .where(
            Decision.alert_id == alert.alert_id,
            Decision.action.in_(tuple(DEFAULTS)),
            Outbox.sent_at.is_(None),
            Outbox.cancelled_at.is_(None),
            Outbox.attempts == 0,
        )
        .with_for_update(skip_locked=True, of=Outbox)
    ).all()
    for row in waiting:
        row.cancelled_at = now


def record_of(session: Session, alert: Alert) -> Suspension | None:
    """What stands on the alert's licence, if a restriction does."""
    record = second.standing(session, alert)
    return record if record is not None and record.state == "active" else None
