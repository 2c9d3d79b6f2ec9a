"""Results of a run into the database: once, again, and after another run."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from console import taking
from console.db.engine import Database
from console.db.tables import Alert, Exemption, Licence, Metering, Statement, Suspension, SuspensionRecord, Tenant
from console.load import Loaded, NoResults, load_results
from streams.errors import InputUnreadable
from support.console import BEGIN, statement, suspension

HOUR = 3_600_000


def results(directory: Path, alerts: list[dict[str, Any]], suspensions: list[dict[str, Any]] = [], inputs: list[str] = []) -> Path:  # noqa: B006 - never changed
    directory.mkdir(exist_ok=True)
    for name, records in (("alerts", alerts), ("suspensions", suspensions), ("metering", [])):
        (directory / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    (directory / "summary.json").write_text(json.dumps({"inputs": [{"path": path} for path in inputs]}), "utf-8")
    return directory


def load(database: Database, directory: Path, now: int = BEGIN) -> Loaded:
    with database.writing() as session:
        return load_results(session, directory, now)


def test_alerts_have_their_last_statement_and_all_statements_are_kept(database: Database, tmp_path: Path) -> None:
    said = [statement(level="notice", measured=75), statement(update=2), statement("al-2", licence=None)]
    assert load(database, results(tmp_path / "out", said)) == Loaded(3, 0, 0, again=False)
    with database.reading() as session:
        alert = session.get_one(Alert, "al-1")
        assert (alert.update, alert.level, alert.measured, alert.status) == (2, "breach", 200, "new")
        assert alert.statement == said[1]
        assert [row.body for row in session.scalars(select(Statement).order_by(Statement.alert_id, Statement.update))] == said


def test_loading_again_changes_nothing(database: Database, tmp_path: Path) -> None:
    out = results(tmp_path / "out", [statement()])
    load(database, out)
    assert load(database, out, BEGIN + HOUR) == Loaded(0, 0, 0, again=True)


def test_what_a_later_run_no_longer_says_is_withdrawn(database: Database, tmp_path: Path) -> None:
    load(database, results(tmp_path / "out", [statement(), statement("al-2")]))
    assert load(database, results(tmp_path / "out", [statement("al-2")])).withdrawn == 1
    with database.reading() as session:
        assert session.get_one(Alert, "al-1").state == "withdrawn"


def test_statements_in_any_order_end_the_same(database: Database) -> None:
    said = [statement(update=n, measured=100 + n) for n in range(1, 8)]
    random.Random(5).shuffle(said)
    for one in said:
        with database.writing() as session:
            taking.alerts(session, [one], BEGIN)
    with database.reading() as session:
        assert session.get_one(Alert, "al-1").measured == 107


def test_a_breach_is_due_in_three_days_and_a_notice_in_a_week(database: Database) -> None:
    with database.writing() as session:
        taking.alerts(session, [statement(), statement("al-2", level="notice")], BEGIN)
    with database.reading() as session:
        assert [session.get_one(Alert, one).due_at - BEGIN for one in ("al-1", "al-2")] == [72 * HOUR, 168 * HOUR]


def test_an_automatic_restriction_brings_the_deadline_forward(database: Database) -> None:
    cause = {"alert_id": "al-1", "review_by": "2026-11-25T13:02:11.000Z"}
    with database.writing() as session:
        taking.alerts(session, [statement()], BEGIN)
        taking.suspensions(session, [suspension(causes=[cause])], BEGIN)
    with database.reading() as session:
        assert session.get_one(Alert, "al-1").due_at == BEGIN + 24 * HOUR


def test_the_queue_orders_by_the_record_that_a_rule_has_with_persons(database: Database) -> None:
    with database.writing() as session:
        taking.alerts(session, [statement(), statement("al-2")], BEGIN)
        assert session.get_one(Alert, "al-2").expected_loss_cents == (6_000 - 4_320) // 2
        judged = session.get_one(Alert, "al-1")
        judged.verdict, judged.decided_at = "breach", BEGIN
        session.flush()
        taking.Losses(session, BEGIN).refresh(session, "autodial")
        assert session.get_one(Alert, "al-2").expected_loss_cents == (2 * 6_000 - 4_320) // 3


@pytest.mark.parametrize(("measured", "level", "status"), [(399, "breach", "decided"), (400, "breach", "reraised")])
def test_a_measure_that_doubled_since_a_person_looked_comes_back(database: Database, measured: int, level: str, status: str) -> None:
    with database.writing() as session:
        taking.alerts(session, [statement()], BEGIN)
        judged = session.get_one(Alert, "al-1")
        judged.status, judged.verdict, judged.decided_at, judged.decided_update = "decided", "no_breach", BEGIN, 1
    with database.writing() as session:
        taking.alerts(session, [statement(update=2, measured=measured, level=level)], BEGIN + HOUR)
        assert session.get_one(Alert, "al-1").status == status


def test_a_merged_alert_names_the_one_that_took_it_in(database: Database) -> None:
    with database.writing() as session:
        taking.alerts(session, [statement("al-2")], BEGIN)
        taking.alerts(session, [statement("al-3", supersedes=["al-2"])], BEGIN)
        assert session.get_one(Alert, "al-2").superseded_by == "al-3"


def test_the_standing_suspension_is_the_latest_by_epoch_and_sequence(database: Database) -> None:
    said = [suspension(3, state="lifted"), suspension(1), suspension(2), suspension(3, state="lifted")]
    with database.writing() as session:
        taking.suspensions(session, said, BEGIN)
    with database.reading() as session:
        assert session.get_one(Suspension, ("acme", "101")).state == "lifted"
        assert len(session.scalars(select(SuspensionRecord)).all()) == 3


def test_metering_receipts_heartbeats_and_breakers_may_come_twice(database: Database) -> None:
    metered: dict[str, Any] = {"metering_id": "me-1", "state": "active", "alert_id": "al-1", "tenant": "acme", "licence": "101"}
    metered |= {"billing_month": "2026-11", "seconds": 60}
    receipt: dict[str, Any] = {"decision_id": "de-1", "pbx": "pbx-1", "epoch": 1, "sequence": 1, "status": "applied", "detail": ""}
    receipt |= {"applied_at": "2026-11-24T13:02:11.000Z", "calls_ended": 1, "contacts_removed": 0}
    for _ in range(2):
        with database.writing() as session:
            taking.metering(session, [metered, {**metered, "state": "void"}])
            taking.receipts(session, [(receipt, "acme", "101")], BEGIN)
            taking.heartbeat(session, {"pbx": "pbx-1", "paused": False}, BEGIN)
            taking.breaker(session, {"tenant": "acme", "state": "open", "count": 6, "limit": 5, "since": "2026-11-24T13:00:00.000Z"}, BEGIN)
    with database.reading() as session:
        assert [row.state for row in session.scalars(select(Metering))] == ["void"]


def test_facts_of_the_inputs_are_there_for_the_page(database: Database, tmp_path: Path) -> None:
    facts = [
        {"kind": "tenant", "tenant": "acme", "name": "Acme SARL", "time": "2026-11-01T00:00:00Z"},
        {"kind": "licence", "tenant": "acme", "licence": "101", "type": "softphone", "time": "2026-11-01T00:00:00Z"},
        {"kind": "tenant", "tenant": "acme", "name": "Acme SA", "time": "2026-11-03T00:00:00Z"},
        {"kind": "tenant", "tenant": "acme", "name": "late", "time": "2026-11-02T00:00:00Z"},
        {"kind": "exemption", "tenant": "acme", "exemption_id": "ex-1", "rules": ["autodial"], "reason": "mission"}
        | {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z", "time": "2026-11-01T00:00:00Z"},
    ]
    (tmp_path / "facts.jsonl").write_text("".join(json.dumps(fact) + "\n" for fact in facts), "utf-8")
    (tmp_path / "calls.jsonl").write_text('{"kind":"call"}\n', "utf-8")
    inputs = [str(tmp_path / name) for name in ("facts.jsonl", "calls.jsonl", "gone.jsonl")]
    assert load(database, results(tmp_path / "out", [statement()], inputs=inputs)).facts == 5
    with database.reading() as session:
        assert session.get_one(Tenant, "acme").name == "Acme SA"
        assert session.get_one(Licence, ("acme", "101")).body["type"] == "softphone"
        assert session.get_one(Exemption, "ex-1").reason == "mission"


def test_a_directory_without_results_says_how_to_make_some(database: Database, tmp_path: Path) -> None:
    with pytest.raises(NoResults, match="vigie run"):
        load(database, tmp_path)


def test_a_damaged_file_is_named_with_its_line(database: Database, tmp_path: Path) -> None:
    out = results(tmp_path / "out", [statement()])
    (out / "alerts.jsonl").write_text('{"kind":\n', "utf-8")
    with pytest.raises(InputUnreadable, match="line 1"):
        load(database, out)
