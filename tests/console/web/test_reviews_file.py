"""Decisions over a run's results go to a file that the next run takes: what was suspended is lifted, what was judged is suspended."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from console import filing, outbox
from console.db.engine import Database
from console.db.tables import Alert
from console.load import load_results
from support.abroad import days
from support.clause import Clause, Outcome
from support.console import Browser, Clock, Served, forms, serve
from support.core import ms

NINE = ms("2026-03-02 09:00")


def dialler(clause: Clause) -> Clause:
    """Two hundred calls of a machine within seventy minutes."""
    for n in range(200):
        answered = n % 7 == 0
        clause.call("101", NINE + 20_000 * n, f"+336{n * 7919:08}", talk_s=8 if answered else None, ring_s=5 if answered else 15)
    return clause


def traveller(clause: Clause) -> Clause:
    """A hundred days in Switzerland, over two networks in turn."""
    for n, day in enumerate(days("2026-01-01", "2026-04-10")):
        clause.call("101", f"{day} 12:00", ip=("5.1.0.10", "5.2.0.10")[n % 2])
    return clause


def judge(browser: Browser, alert_id: str, verdict: str, action: str) -> None:
    where, path = f"/alerts/{alert_id}", f"/alerts/{alert_id}/decide"
    browser.post(f"{where}/take", on=where)
    answer = browser.post(path, {"verdict": verdict, "action": action, "reason": "clear"}, on=where)
    if answer.status_code == 200:
        browser.post(path, {**forms(answer.text)[path], "restriction": ["outgoing"]})


def again(clause: Clause, directory: Path, policy: dict[str, Any] | None = None) -> Outcome:
    """The same lines and the file of reviews, judged anew."""
    for text in (directory / filing.FILE).read_text("utf-8").splitlines():
        event = json.loads(text)
        clause.lines.append((ms(event["time"]), text.encode()))
    return clause.judge(policy=policy)


def served_over(database: Database, clock: Clock, out: Outcome) -> Any:
    with database.writing() as session:
        load_results(session, out.directory, clock())
    return serve(database, clock, data=out.directory)


def test_a_suspension_that_two_persons_decided_stands_after_the_next_run(sqlite: Database, clock: Clock, tmp_path: Path) -> None:
    clause = dialler(Clause(tmp_path))
    out = clause.judge()
    assert out.suspensions() == []
    alert_id = out.alerts("autodial")[-1]["alert_id"]
    with served_over(sqlite, clock, out) as running:
        assert f"decisions go to {out.directory}/reviews.jsonl" in running.person("lou").get("/queue").text
        judge(running.person("mina"), alert_id, "breach", "suspend")
        judge(running.person("noe"), alert_id, "breach", "suspend")
        assert filing.send(running.settings) == 0
        clock.pass_by(10_000)
    assert len((out.directory / filing.FILE).read_text("utf-8").splitlines()) == 1
    (record,) = again(clause, out.directory).suspensions("101")
    assert (record["state"], record["restrictions"], record["causes"][0]["decided_by"]) == ("active", ["outgoing"], "mina")


def test_service_given_back_is_lifted_after_the_next_run(sqlite: Database, clock: Clock, tmp_path: Path) -> None:
    clause = traveller(Clause(tmp_path))
    out = clause.judge()
    assert out.suspensions("101")[-1]["state"] == "active"
    alert_id = out.suspensions("101")[-1]["causes"][0]["alert_id"]
    with served_over(sqlite, clock, out) as running:
        mina = running.person("mina")
        mina.post(f"/alerts/{alert_id}/reinstate", {"why": "on a mission"}, on=f"/alerts/{alert_id}")
    assert again(clause, out.directory).suspensions("101")[-1]["state"] == "lifted"


def test_an_exemption_keeps_the_next_run_from_suspending(sqlite: Database, clock: Clock, tmp_path: Path) -> None:
    clause = traveller(Clause(tmp_path))
    out = clause.judge()
    alert_id = out.suspensions("101")[0]["causes"][0]["alert_id"]
    with served_over(sqlite, clock, out) as running:
        mina = running.person("mina")
        given = {"why": "on a mission", "since": "2026-01-01", "until": "2026-12-31"}
        mina.post(f"/alerts/{alert_id}/exempt", given, on=f"/alerts/{alert_id}")
        clock.pass_by(10_000)
    record = again(clause, out.directory).suspensions("101")[-1]
    assert record["state"] == "lifted"


def test_a_message_waits_for_its_ten_seconds_and_goes_once(served: Served, clock: Clock, tmp_path: Path) -> None:
    from console import taking
    from support.console import statement

    with served.database.writing() as session:
        taking.alerts(session, [statement("al-0")], clock())
    judge(served.person("mina"), "al-0", "breach", "none")
    with served.database.reading() as session:
        assert outbox.due(session, clock()) == []
    clock.pass_by(10_000)
    with served.database.writing() as session:
        rows = outbox.due(session, clock())
        outbox.sent(session, rows, clock())
    with served.database.reading() as session:
        assert (len(rows), outbox.due(session, clock()), session.get_one(Alert, "al-0").status) == (1, [], "published")


@pytest.mark.parametrize("left", [b'{"id":"a"}\n{"id":"b', b'{"id":"a"}\n'])
def test_a_line_that_was_cut_off_is_not_left_in_the_file(tmp_path: Path, left: bytes) -> None:
    file = tmp_path / filing.FILE
    file.write_bytes(left)
    filing._append(file, ['{"id":"c"}'])
    assert file.read_bytes() == b'{"id":"a"}\n{"id":"c"}\n'


def test_a_number_is_shown_once_from_the_runs_inputs_and_logged_without_itself(sqlite: Database, clock: Clock, tmp_path: Path) -> None:
    out = dialler(Clause(tmp_path)).judge()
    said = out.alerts("autodial")[-1]
    item, where = said["evidence"][0], f"/alerts/{said['alert_id']}"
    with served_over(sqlite, clock, out) as running:
        mina = running.person("mina")
        given = {"why": "the customer asks", "src": item["src"], "line": item["line"]}
        page = mina.post(f"{where}/reveal", given, on=where).text
        (number,) = re.findall(r"<strong[^>]*>(\+336\d{8})</strong>", page)
        assert number.startswith(item["number"].rstrip("•"))
        assert number not in mina.get(where).text
        log = mina.get("/audit?what=number.reveal").text
        assert "the customer asks" in log
        assert number not in log
