"""Who looked at an alert first, and what a person looked at before judging: both from the log of views, which no page can forget."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.db.tables import Reveal, User, View
from console.review.leases import LEASE_MS

#: Things named on a decision; a person who opened more judged none of them in ten minutes.
MOST = 20


@dataclass(frozen=True)
class Opened:
    """Who opened an alert first, and when (ms)."""

    name: str
    at: int


def first(session: Session, alert_ids: Collection[str]) -> dict[str, Opened]:
    """The first look at each alert that anybody has looked at."""
    firsts = select(func.min(View.view_id)).where(View.alert_id.in_(alert_ids)).group_by(View.alert_id)
    query = select(View.alert_id, User.name, View.at).join(User, User.user_id == View.user_id).where(View.view_id.in_(firsts))
    return {row.alert_id: Opened(row.name, row.at) for row in session.execute(query)}


def looked_at(session: Session, alert_id: str, user_id: int, now: int) -> list[str]:
    """What a person opened within the length of a lease before judging: ``alert`` itself, ``case/…`` others, ``number/…`` revealed.

    A judgement that looked at nothing is a weaker label, and law asks for one that looked.
    """
    since = now - LEASE_MS
    seen = session.scalars(
        select(View.alert_id).where(View.user_id == user_id, View.at >= since).group_by(View.alert_id).order_by(func.min(View.view_id))
    )
    found = ["alert" if one == alert_id else f"case/{one}" for one in seen]
    shown = select(Reveal.src, Reveal.line).where(Reveal.user_id == user_id, Reveal.alert_id == alert_id, Reveal.at >= since)
    found += [f"number/{row.src}:{row.line}" for row in session.execute(shown.order_by(Reveal.reveal_id))]
    return sorted(found, key=lambda one: one != "alert")[:MOST]
