"""Deciding on several alerts at once: which sets may be, and the decision as it was asked.

Only a homogeneous set may: one rule, one level, and one customer or one offered step. What needs a second person, what is in somebody
else's hands and what changed since it was seen stays out, each with its reason. A set never restricts anything: a wrong suspension
cuts a telephone, and that is looked at one by one. Labels of a set are marked weak (``Decision.weak``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.db.tables import WAITING, Alert, Lease, Suspension, User
from console.people.person import Person
from console.review import deciding, leases, second
from console.review.deciding import Judgement
from console.review.errors import Incomplete, LeaseLost, ReviewError

#: A queue shows so many, and more are not read before they are decided.
MOST = 100
#: Steps of a set; to restrict is none of them.
STEPS = ("none", "watch", "warn", "lift")
#: Statuses of alerts that one person judges, as the first.
FRESH = tuple(status for status in WAITING if status not in ("second", "disagreed"))


@dataclass(frozen=True)
class Pick:
    """An alert as a page showed it: the statement, and the place of the record on its licence."""

    alert_id: str
    update: int
    epoch: int = 0
    sequence: int = 0

    def __str__(self) -> str:
        return f"{self.alert_id}:{self.update}:{self.epoch}:{self.sequence}"

    @classmethod
    def read(cls, text: str) -> Pick | None:
        """From a form; ``None`` for what no page of ours wrote.

        >>> Pick.read("al-1:3:1:2"), Pick.read("al-1")
        (Pick(alert_id='al-1', update=3, epoch=1, sequence=2), None)
        """
        parts = text.rsplit(":", 3)
        if len(parts) < 4 or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts[1:]):
            return None
        return cls(parts[0], *map(int, parts[1:]))


class Unfit(ReviewError):
    """An alert that does not belong into a set; ``values`` fill the text of ``key``."""

    def __init__(self, key: str, **values: str) -> None:
        super().__init__(key)
        self.key, self.values = key, values


@dataclass(frozen=True)
class Row:
    """A picked alert. ``unfit`` says why it cannot be decided with the others; ``alert`` is none when there is no such alert."""

    pick: Pick
    alert: Alert | None
    restricted: bool
    unfit: Unfit | None

    @property
    def offered(self) -> str:
        """The step that detection offers: a restriction of its own that stands, or what the policy lets the rule do."""
        assert self.alert is not None
        return "restricted" if self.restricted else str(self.alert.mode)


@dataclass(frozen=True)
class Selection:
    """What was picked, in the order of the queue it came from."""

    rows: Sequence[Row]

    @property
    def fit(self) -> list[Row]:
        """The rows that can be decided together."""
        return [row for row in self.rows if row.unfit is None]

    @property
    def unfit(self) -> list[Row]:
        """Those that cannot."""
        return [row for row in self.rows if row.unfit is not None]

    @property
    def steps(self) -> tuple[str, ...]:
        """Steps for the set: giving service back where all are restricted."""
        return STEPS if self.fit and all(row.restricted for row in self.fit) else STEPS[:-1]


def gather(session: Session, person: Person, picks: Sequence[Pick], now: int) -> Selection:
    """Look at what was picked, and take what fits in hand.

    Raises:
        Incomplete: nothing was picked, or too much.
    """
    picks = list({pick.alert_id: pick for pick in picks}.values())
    if not picks:
        raise Incomplete("nothing_picked")
    if len(picks) > MOST:
        raise Incomplete("too_many_picked")
    rows = [_row(session, person, pick, now) for pick in picks]
    rows = _alike(rows)
    # In one order for everybody: two persons who pick the same alerts must not wait for each other in a circle.
    for row in sorted((row for row in rows if row.unfit is None), key=lambda row: row.pick.alert_id):
        if leases.take(session, row.pick.alert_id, person.user_id, now) is None:
            place = rows.index(row)
            rows[place] = replace(row, unfit=Unfit("held", name=""))
    return Selection(rows)


def _row(session: Session, person: Person, pick: Pick, now: int) -> Row:
    alert = session.get(Alert, pick.alert_id)
    if alert is None:
        return Row(pick, None, False, Unfit("gone"))
    record = second.standing(session, alert)
    try:
        fits(session, person, alert, record, pick, now)
    except Unfit as unfit:
        return Row(pick, alert, restricts(alert, record), unfit)
    return Row(pick, alert, restricts(alert, record), None)


def restricts(alert: Alert, record: Suspension | None) -> bool:
    """Whether a restriction stands that this alert is a cause of."""
    return record is not None and record.state == "active" and any(one["alert_id"] == alert.alert_id for one in record.body["causes"])


def fits(session: Session, person: Person, alert: Alert, record: Suspension | None, pick: Pick, now: int) -> None:
    """Whether an alert can be judged in a set at all.

    Raises:
        Unfit: it cannot, and why.
    """
    if alert.superseded_by is not None or alert.state == "withdrawn" or alert.mode == "shadow":
        raise Unfit("over")
    if alert.status in ("second", "disagreed"):
        raise Unfit("second")
    if alert.status not in FRESH:
        raise Unfit("judged")
    lease = session.get(Lease, alert.alert_id)
    if lease is not None and lease.expires_at > now and lease.user_id != person.user_id:
        raise Unfit("held", name=session.get_one(User, lease.user_id).name)
    stands = (record.epoch, record.sequence) if record is not None else (0, 0)
    if (pick.update, pick.epoch, pick.sequence) != (alert.update, *stands):
        raise Unfit("changed")
    if second.sampled(alert.alert_id):
        raise Unfit("sample")


def _alike(rows: list[Row]) -> list[Row]:
    """The rows, those marked that differ from what most of them have."""
    rows = _marked(rows, lambda row: _of(row).rule, "rule")
    rows = _marked(rows, lambda row: _of(row).level, "level")
    # One customer or one offered step, whichever leaves more of them.
    by_tenant = _marked(rows, lambda row: _of(row).tenant, "tenant")
    by_offer = _marked(rows, lambda row: row.offered, "offer")
    rows = max(by_tenant, by_offer, key=lambda found: sum(row.unfit is None for row in found))
    lines = Counter((_of(row).tenant, _of(row).licence) for row in rows if row.unfit is None and row.restricted)
    twice = [row.unfit is None and row.restricted and lines[_of(row).tenant, _of(row).licence] > 1 for row in rows]
    # Lifting one moves the line's record on, and the other's review would have seen the one before.
    return [replace(row, unfit=Unfit("same_line")) if bad else row for row, bad in zip(rows, twice, strict=True)]


def _of(row: Row) -> Alert:
    assert row.alert is not None
    return row.alert


def _marked(rows: list[Row], what: Callable[[Row], str], key: str) -> list[Row]:
    counts = Counter(what(row) for row in rows if row.unfit is None)
    if len(counts) < 2:
        return rows
    norm = counts.most_common(1)[0][0]
    return [replace(row, unfit=Unfit(key, value=what(row), norm=norm)) if row.unfit is None and what(row) != norm else row for row in rows]


def asked(selection: Selection, judgement: Judgement, now: int) -> Judgement:
    """The judgement of a whole set, checked.

    Raises:
        Incomplete: a field is missing, the set cannot be decided so, or it is none.
    """
    if selection.unfit:
        raise Incomplete("not_alike")
    if judgement.action in deciding.DEFAULTS:
        raise Incomplete("restricts_in_bulk")
    if judgement.action not in selection.steps:
        raise Incomplete("no_action" if judgement.action not in STEPS else "not_all_restricted")
    for row in selection.rows:
        judgement = deciding.checked(_of(row), judgement, now)
    return judgement


def kept(judgement: Judgement) -> dict[str, Any]:
    """A set's judgement as its job keeps it."""
    names = ("verdict", "action", "reason", "until", "note")
    return {name: value for name, value in asdict(judgement).items() if name in names}


def judge_one(
    session: Session, person: Person, pick: Pick, judgement: Judgement, bulk_id: str, *, now: int, files: bool
) -> deciding.Decision:
    """Judge one alert of a set, by the path of every judgement, if it still is as it was seen.

    Raises:
        ReviewError: it is not.
    """
    alert = leases.lock(session, pick.alert_id)
    if alert is None:
        raise Unfit("gone")
    fits(session, person, alert, second.standing(session, alert), pick, now)
    if second.needed(session, alert, judgement.action, ()):
        raise Unfit("second")
    lease = leases.take(session, pick.alert_id, person.user_id, now)
    if lease is None:
        raise LeaseLost("somebody else has it")
    seen = replace(judgement, seen_update=pick.update, seen_epoch=pick.epoch, seen_sequence=pick.sequence)
    return deciding.decide(session, person, pick.alert_id, lease.token, seen, now=now, files=files, bulk=bulk_id)


def decisions(session: Session, bulk_id: str) -> Sequence[deciding.Decision]:
    """A set's decisions, in the order in which they were taken."""
    query = select(deciding.Decision).where(deciding.Decision.bulk_id == bulk_id)
    return session.scalars(query.order_by(deciding.Decision.at, deciding.Decision.decision_id)).all()
