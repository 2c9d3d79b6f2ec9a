"""Receipts, reconciliation and the kill switch, as persons see them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from console import receipts, taking
from console.db.engine import Database
from console.db.tables import Alert, Decision, Notification, Outbox, SuspensionRecord
from streams.enforced import expected_table
from streams.times import format_time
from support.console import BEGIN, Clock, Served, statement, suspension, visible

CAUSE = {
    "alert_id": "al-1", "rule": "autodial", "clause": "5.d", "restrictions": ["outgoing"], "mode": "auto", "decided_by": "policy",
    "measured": 200, "limit": 200, "review_by": None, "until": None, "prefixes": [],
}  # fmt: skip
SECOND = 1_000


class Exchange:
    """What topics would say, at the clock's time."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock

    def restrict(self, sequence: int = 1, **more: Any) -> dict[str, Any]:
        record = suspension(sequence, **{"causes": [CAUSE], "issued_at": format_time(self.clock()), **more})
        with self.database.writing() as session:
            taking.alerts(session, [statement()], self.clock())
            taking.suspensions(session, [record], self.clock())
        return record

    def beat(self, pbx: str = "pbx-1", records: list[dict[str, Any]] | None = None, **more: Any) -> None:
        table = expected_table(records or [])
        one = {"pbx": pbx, "table_size": table.size, "table_hash": table.hash, "offsets": {}, "uptime_s": 60, "paused": False}
        with self.database.writing() as session:
            taking.heartbeat(session, {**one, "paused_by": None, "reason": None, **more}, self.clock())

    def receipt(self, sequence: int = 1, status: str = "applied", pbx: str = "pbx-1", detail: str = "") -> None:
        one = {"decision_id": f"de-{sequence}", "pbx": pbx, "epoch": 1, "sequence": sequence, "status": status, "detail": detail}
        one |= {"applied_at": format_time(self.clock()), "calls_ended": 0, "contacts_removed": 0}
        with self.database.writing() as session:
            taking.receipts(session, [(one, "acme", "101")], self.clock())
            receipts.settle(session, one, "acme", "101")

    def lines(self) -> list[list[tuple[str, str]]]:
        with self.database.reading() as session:
            found = receipts.of_alert(session, session.get_one(Alert, "al-1"), self.clock())
        return [[(line.pbx, line.state) for line in one.lines] for one in found]

    def alarms(self) -> int:
        with self.database.writing() as session:
            return len(receipts.alarm(session, self.clock()))


@pytest.fixture
def exchange(database: Database, clock: Clock) -> Exchange:
    return Exchange(database, clock)


def test_a_receipt_is_waited_for_for_half_a_minute_and_is_then_an_alarm_raised_once(exchange: Exchange) -> None:
    exchange.restrict()
    exchange.beat()
    assert exchange.lines() == [[("pbx-1", "waiting")]]
    exchange.clock.pass_by(30 * SECOND)
    exchange.beat()
    assert (exchange.lines(), exchange.alarms()) == ([[("pbx-1", "waiting")]], 0)
    exchange.clock.pass_by(1)
    assert (exchange.lines(), exchange.alarms(), exchange.alarms()) == ([[("pbx-1", "missing")]], 1, 0)
    exchange.receipt()
    assert exchange.lines() == [[("pbx-1", "applied")]]


def test_a_bridge_that_is_not_heard_is_silent_and_that_is_no_missing_receipt(exchange: Exchange) -> None:
    exchange.beat()
    exchange.restrict()
    exchange.clock.pass_by(31 * SECOND)
    assert (exchange.lines(), exchange.alarms()) == ([[("pbx-1", "silent")]], 0)


def test_the_receipt_or_the_alarm_is_on_the_page_of_the_alert(served: Served, clock: Clock) -> None:
    exchange = Exchange(served.database, clock)
    exchange.restrict()
    exchange.clock.pass_by(31 * SECOND)
    exchange.beat()
    mina = served.person("mina", "reviewer")
    assert "has not said within 30 seconds that it obeyed" in mina.get("/alerts/al-1").text
    exchange.receipt()
    assert "applied on pbx-1 24 Nov 2026, 14:02:42 CET" in visible(mina.get("/alerts/al-1").text)


def test_a_system_that_an_operator_paused_owes_no_receipt(exchange: Exchange) -> None:
    exchange.restrict()
    exchange.clock.pass_by(31 * SECOND)
    exchange.beat(paused=True, paused_by="nadia", reason="drill")
    assert (exchange.lines(), exchange.alarms()) == ([[("pbx-1", "paused")]], 0)


def test_each_system_of_the_licence_must_answer_and_those_of_others_need_not(exchange: Exchange) -> None:
    for pbx in ("pbx-1", "pbx-2", "pbx-3"):
        exchange.beat(pbx)
    fact = {"kind": "licence", "tenant": "acme", "licence": "101", "pbxes": ["pbx-1", "pbx-2"], "time": "2026-01-01T00:00:00Z"}
    with exchange.database.writing() as session:
        taking.fact(session, fact, BEGIN)
    exchange.restrict()
    exchange.receipt(pbx="pbx-2")
    assert exchange.lines() == [[("pbx-1", "waiting"), ("pbx-2", "applied")]]


def test_failed_then_applied_is_applied_and_a_record_that_was_overtaken_is_no_alarm(exchange: Exchange) -> None:
    exchange.beat()
    exchange.restrict(1)
    exchange.restrict(2)
    exchange.receipt(2, "failed", detail="no answer")
    assert exchange.lines() == [[("pbx-1", "failed")], [("pbx-1", "superseded")]]
    exchange.clock.pass_by(31 * SECOND)
    exchange.beat()
    exchange.receipt(2)
    assert (exchange.lines()[0], exchange.alarms()) == ([("pbx-1", "applied")], 0)


def test_service_given_back_says_how_long_it_took_and_makes_the_alert_applied(exchange: Exchange) -> None:
    exchange.beat()
    exchange.restrict(1)
    exchange.receipt(1)
    with exchange.database.writing() as session:
        session.get_one(Alert, "al-1").status = "published"
        user = _user(session)
        more = {"verdict": "no_breach", "action": "lift", "restrictions": [], "prefixes": [], "reason": "mistake", "note": "", "opened": []}
        seen = {"seen_update": 1, "seen_epoch": 1, "seen_sequence": 1, "evidence_hash": "", "form": "f", "policy_version": "p"}
        session.add(Decision(decision_id="d1", alert_id="al-1", user_id=user, at=exchange.clock(), part="reinstate", **more, **seen))
    exchange.clock.pass_by(2 * SECOND)
    exchange.restrict(2, state="lifted", restrictions=[], causes=[])
    exchange.clock.pass_by(1 * SECOND)
    exchange.receipt(2)
    with exchange.database.reading() as session:
        alert = session.get_one(Alert, "al-1")
        [lift, _] = receipts.of_alert(session, alert, exchange.clock())
    assert (lift.restored_ms, alert.status) == (3 * SECOND, "applied")


def _user(session: Any) -> int:
    from console.people import accounts

    user = accounts.create(session, login="mina", name="Mina", roles=["reviewer"], who="test", now=BEGIN)
    session.flush()
    return user.user_id


def test_a_record_older_than_receipts_are_kept_is_not_called_missing(exchange: Exchange) -> None:
    exchange.beat()
    exchange.restrict(issued_at=format_time(BEGIN - 36 * 86_400_000))
    exchange.clock.pass_by(31 * SECOND)
    exchange.beat()
    assert exchange.lines() == [[("pbx-1", "unknown")]]


def test_the_page_compares_each_table_and_shows_who_paused_what_and_why(served: Served, clock: Clock) -> None:
    exchange = Exchange(served.database, clock)
    record = exchange.restrict()
    exchange.beat("pbx-1", [record])
    exchange.beat("pbx-2", [])
    exchange.beat("pbx-3", [], paused=True, paused_by="nadia", reason="fire drill")
    exchange.receipt(pbx="pbx-1")
    with served.database.writing() as session:
        word = {"tenant": "globex", "state": "open", "count": 6, "limit": 5, "since": "2026-11-24T12:00:00.000Z"}
        taking.breaker(session, word, clock())
        # All three have their record on the page's list but the first.
        session.scalars(select(SuspensionRecord)).one().received_at -= 31 * SECOND
    text = visible(served.person("mina", "auditor").get("/systems").text)
    for said in ("as decided", "differs", "holds back", "pbx-3 is paused by nadia: fire drill", "globex 6 automatic restrictions, limit 5"):
        assert said in text
    assert "no receipt from pbx-2" in text
    assert "applied on pbx-1" in text
    assert "Kill switch" not in text


def test_the_kill_switch_needs_the_role_a_reason_and_goes_out_at_once(served: Served, clock: Clock) -> None:
    exchange = Exchange(served.database, clock)
    exchange.beat("pbx-1")
    exchange.beat("pbx-2")
    operator = served.person("nadia", "operator")
    assert operator.post("/systems", {"pbx": "pbx-1", "action": "pause", "reason": " "}, on="/systems").status_code == 422
    assert operator.post("/systems", {"pbx": "pbx-9", "action": "pause", "reason": "x"}, on="/systems").status_code == 404
    assert operator.post("/systems", {"pbx": "*", "action": "flush", "reason": "fire <b>"}, on="/systems").status_code == 303
    with served.database.reading() as session:
        rows = session.scalars(select(Outbox).order_by(Outbox.outbox_id)).all()
    assert [(row.kind, row.key, row.body["action"], row.body["author"], row.body["reason"]) for row in rows] == [
        ("bridge", "pbx-1", "flush", "nadia", "fire <b>"),
        ("bridge", "pbx-2", "flush", "nadia", "fire <b>"),
    ]
    assert all(row.not_before == clock() for row in rows)
    text = operator.get("/systems").text
    assert "fire <b>" not in text
    assert "asked to: Empty the table; not confirmed yet" in visible(text)
    auditor = served.person("ada", "auditor")
    hidden = {"csrf": _csrf(auditor.get("/account").text), "pbx": "pbx-1", "action": "pause", "reason": "x"}
    assert auditor.post("/systems", hidden).status_code == 403


def test_who_takes_a_message_up_is_shown_and_logged(served: Served, clock: Clock) -> None:
    more = {"channel": "team", "body": {"subject": "acme/101"}, "created_at": clock(), "not_before": clock(), "sent_at": clock()}
    with served.database.writing() as session:
        session.add(Notification(about="restriction/al-1/101", kind="restriction", rule="autodial", **more))
    mina = served.person("mina", "reviewer", "auditor")
    assert mina.post("/systems/messages", on="/systems").status_code == 303
    assert "I take it up" not in mina.get("/systems").text
    assert "message.take-up" in mina.get("/audit").text
    with served.database.reading() as session:
        assert session.scalars(select(Notification.acknowledged_by)).one() == "mina"


def _csrf(page: str) -> str:
    return page.split('data-csrf="')[1].split('"')[0]
