"""When a decision needs a second person, who sees the evidence and not the first verdict."""

from __future__ import annotations

from collections.abc import Sequence

import xxhash
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from console.db.tables import Alert, Decision, Suspension
from detectors.decisions import AUTOMATIC

#: Steps towards the customer; going to one without the one before needs two.
RUNGS = ("none", "warn", "restrict", "suspend")
#: One alert in so many is judged twice whatever the verdict: agreement is measured, not assumed.
SAMPLE = 20


def standing(session: Session, alert: Alert) -> Suspension | None:
    """What stands on the alert's licence."""
    return session.get(Suspension, (alert.tenant, alert.licence)) if alert.licence else None


def needed(session: Session, alert: Alert, action: str, restrictions: Sequence[str]) -> list[str]:
    """Why a second person is needed: of ``credentials``, ``no_automatic_cause``, ``skipped_rung``, ``sample``; empty: none is.

    Giving service back never waits for anybody.
    """
    if action == "lift":
        return []
    why = ["credentials"] if "credentials" in restrictions else []
    if action in ("restrict", "suspend"):
        record = standing(session, alert)
        causes = record.body["causes"] if record is not None and record.state == "active" else []
        automatic = [cause for cause in causes if cause["alert_id"] == alert.alert_id and cause["decided_by"] == AUTOMATIC]
        # As detect decides it (`detectors.decisions`): without a second person it would refuse the action.
        if not automatic:
            why.append("no_automatic_cause")
        reached = [RUNGS.index("suspend" if "outgoing" in cause["restrictions"] else "restrict") for cause in automatic]
        if RUNGS.index(action) > max([*reached, _reached(session, alert)]) + 1:
            why.append("skipped_rung")
    return [*why, "sample"] if sampled(alert.alert_id) else why


def sampled(alert_id: str) -> bool:
    """Whether an alert is of the fixed twentieth that two persons judge.

    >>> sum(sampled(f"al-{n}") for n in range(10_000))
    475
    """
    return xxhash.xxh3_64_intdigest(alert_id.encode()) % SAMPLE == 0


def _reached(session: Session, alert: Alert) -> int:
    undo = aliased(Decision)
    done = session.scalars(
        select(Decision.action).where(
            Decision.alert_id == alert.alert_id,
            Decision.part.in_(("first", "lead")),
            ~select(undo.decision_id).where(undo.undoes == Decision.decision_id).exists(),
        )
    )
    return max((RUNGS.index(action) for action in done if action in RUNGS), default=0)
