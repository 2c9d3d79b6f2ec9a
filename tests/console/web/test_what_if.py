"""Thresholds tried on a page, and a policy's way from draft to live: the real evaluator in its own process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from console.db.engine import Database
from console.db.tables import Audit, Job, PolicyDraft
from console.load import load_results
from console.settings import DEFAULT_POLICY, Settings
from console.trial.policy_text import with_keys
from console.web.app import create_app
from support.clause import Clause
from support.console import Browser, Clock, Served, run, serve, visible
from vigie.dev.process import LOOPBACK, free_port
from vigie.run import read_policy

RULE = "many-destinations"
DAYS = 36


@pytest.fixture
def tried(sqlite: Database, clock: Clock, tmp_path: Path) -> Iterator[Served]:
    """A console over the results of a run: one licence that called a different number on each of 36 days."""
    clause = Clause(tmp_path / "run")
    (tmp_path / "run").mkdir()
    for day in range(DAYS):
        clause.call("101", f"2026-{3 + day // 31:02}-{1 + day % 31:02} 09:00", f"+336123456{day:02}", direction="outbound")
    out = clause.judge()
    with sqlite.writing() as session:
        load_results(session, out.directory, clock())
    with serve(sqlite, clock, data=out.directory) as running:
        yield running


def ended(served: Served, where: str) -> Job:
    """A job, once it has ended."""
    job_id = where.rsplit("/", 1)[1]
    # Bounded by what ends the test run, and by the job itself: no duration is asserted.
    for _ in range(1200):
        with served.database.reading() as session:
            job = session.get_one(Job, job_id)
        if job.state not in ("queued", "running"):
            return job
        time.sleep(0.05)
    raise AssertionError(f"{job_id} is {job.state} at {job.done}")


def ask(browser: Browser, **keys: object) -> str:
    """Try keys; the address of the job."""
    path = f"/what-if?rule={RULE}"
    answer = browser.post("/what-if", {"rule": RULE, **{f"key.{name}": value for name, value in keys.items()}}, on=path)
    assert answer.status_code == 303, visible(answer.text)
    return answer.headers["location"]


LOWER = {"notice_destinations": 10, "breach_destinations": 20}


def test_lower_limits_show_the_alert_that_would_appear_before_anything_is_saved(tried: Served) -> None:
    browser = tried.person("mina", "analyst")
    where = ask(browser, **LOWER)
    job = ended(tried, where)
    assert (job.state, job.error, job.done) == ("done", "", 1000)
    assert job.result is not None
    assert job.result["alerts"] == {"before": 0, "after": 1, "appear": 1, "disappear": 0}
    assert {row["rule"] for row in job.result["appear"]} == {RULE}
    page = browser.get(where).text
    assert "Would appear" in page
    assert "notice_destinations = 10" in page
    with tried.database.reading() as session:
        assert [row.state for row in session.scalars(select(PolicyDraft))] == ["live"]
    assert list((tried.settings.data or Path()).glob(".what-if/job-*")) == []


def test_the_same_evaluator_judges_what_the_command_judges(tried: Served, tmp_path: Path) -> None:
    job = ended(tried, ask(tried.person("mina", "analyst"), **LOWER))
    clause = Clause(tmp_path / "again")
    (tmp_path / "again").mkdir()
    source = json.loads(((tried.settings.data or Path()) / "summary.json").read_bytes())["inputs"][0]["path"]
    clause.lines = [(0, line + b"\n") for line in Path(source).read_bytes().splitlines()]
    policy = read_policy(DEFAULT_POLICY)
    policy["rules"][RULE] |= LOWER
    assert job.result is not None
    out = clause.judge(policy=policy)
    assert {row["alert_id"] for row in job.result["appear"]} == {row["alert_id"] for row in out.alerts(RULE)}


def test_a_job_that_is_cancelled_ends_and_leaves_nothing(tried: Served) -> None:
    browser = tried.person("mina", "analyst")
    where = ask(browser, **LOWER)
    assert browser.post(f"{where}/cancel", on=where).status_code == 303
    job = ended(tried, where)
    assert job.state in ("cancelled", "done")
    assert list((tried.settings.data or Path()).glob(".what-if/job-*")) == []


def test_a_second_question_need_not_judge_the_policy_in_force_again(tried: Served) -> None:
    browser = tried.person("mina", "analyst")
    first = ended(tried, ask(browser, **LOWER))
    kept = [path.stat().st_mtime_ns for path in (tried.settings.data or Path()).glob(".what-if/baseline-*")]
    second = ended(tried, ask(browser, **LOWER))
    assert second.result == first.result
    assert [path.stat().st_mtime_ns for path in (tried.settings.data or Path()).glob(".what-if/baseline-*")] == kept


def test_a_rule_whose_window_the_history_does_not_reach_is_greyed_and_refused(tried: Served) -> None:
    browser = tried.person("mina", "analyst")
    page = browser.get("/what-if?rule=abroad-total").text
    assert "not covered. The sources of this history do not tell: where phones are" in visible(page)
    assert "<fieldset disabled>" in page
    given = {"rule": "abroad-total", "key.breach_days": "50"}
    assert browser.post("/what-if", given, on="/what-if?rule=abroad-total").status_code == 422


@pytest.mark.parametrize(
    ("keys", "said"),
    [({}, "Change a key"), ({"notice_destinations": "many"}, "whole number"), ({"breach_destinations": 0}, "0 &lt; notice_destinations")],
)
def test_keys_that_cannot_be_tried_are_said_on_the_form(tried: Served, keys: dict[str, object], said: str) -> None:
    browser = tried.person("mina", "analyst")
    given = {"rule": RULE, **{f"key.{name}": value for name, value in keys.items()}}
    answer = browser.post("/what-if", given, on=f"/what-if?rule={RULE}")
    assert answer.status_code == 422
    assert said in answer.text


def test_a_policy_goes_from_draft_to_live_by_a_second_person_and_back_at_one_key(tried: Served) -> None:
    data = tried.settings.data or Path()
    mina, noe = tried.person("mina", "analyst", "publisher"), tried.person("noe", "publisher")
    job = ask(mina, **LOWER)
    ended(tried, job)
    draft = mina.post(f"{job}/draft", {"comment": "too many slip through"}, on=job).headers["location"]
    assert noe.post(f"{draft}/publish", {"csrf": "x", "why": "y"}).status_code == 403
    assert mina.post(f"{draft}/shadow", on="/policies", data={"csrf": csrf(mina)}).status_code == 409
    assert mina.post(f"{draft}/check", on=draft).status_code == 303
    replay = mina.post(f"{draft}/shadow", on=draft).headers["location"]
    assert ended(tried, replay).state == "done"
    assert "a second person" in mina.get(draft).text
    assert mina.post(f"{draft}/publish", {"csrf": csrf(mina), "why": "mine"}).status_code == 409
    assert not (data / "policy.toml").exists()
    assert noe.post(f"{draft}/publish", {"why": "agreed"}, on=draft).status_code == 303
    written = (data / "policy.toml").read_text("utf-8")
    assert read_policy(data / "policy.toml")["rules"][RULE]["notice_destinations"] == 10
    # Comments of the file survive its way through forms.
    assert written == with_keys(DEFAULT_POLICY.read_text("utf-8"), RULE, LOWER)
    assert noe.post("/policies/rollback", {"why": "floods the queue"}, on="/policies").status_code == 303
    assert (data / "policy.toml").read_text("utf-8") == DEFAULT_POLICY.read_text("utf-8")
    assert [json.loads(line)["author"] for line in (data / "control.jsonl").read_text("utf-8").splitlines()] == ["noe", "noe"]
    with tried.database.reading() as session:
        said = [row.what for row in session.scalars(select(Audit).where(Audit.subject.startswith("policy/")).order_by(Audit.number))]
    assert said == [f"policy.{step}" for step in ("begin", "draft", "check", "shadow", "publish", "rollback")]


def csrf(browser: Browser) -> str:
    """The token of a person's forms."""
    return browser.get("/account").text.split('name="csrf" value="')[1].split('"')[0]


def test_the_next_run_accepts_what_publishing_wrote(tried: Served, tmp_path: Path) -> None:
    data = tried.settings.data or Path()
    mina, noe = tried.person("mina", "analyst"), tried.person("noe", "publisher")
    text = with_keys(DEFAULT_POLICY.read_text("utf-8"), RULE, LOWER)
    draft = mina.post("/policies", {"text": text, "comment": "lower"}, on="/policies").headers["location"]
    mina.post(f"{draft}/check", on=draft)
    ended(tried, mina.post(f"{draft}/shadow", on=draft).headers["location"])
    noe.post(f"{draft}/publish", {"why": "agreed"}, on=draft)
    clause = Clause(tmp_path / "next")
    (tmp_path / "next").mkdir()
    clause.lines = [(0, line + b"\n") for line in (data / "control.jsonl").read_bytes().splitlines()]
    for day in range(DAYS):
        # After the publication, which the console's clock puts in November 2026.
        clause.call("101", f"2027-{3 + day // 31:02}-{1 + day % 31:02} 09:00", f"+336123456{day:02}")
    out = clause.judge()
    assert out.summary["dead_letters"] == 0
    assert {row["limit"] for row in out.alerts(RULE)} == {10, 20}


def test_a_draft_of_another_parent_is_made_anew(tried: Served) -> None:
    mina, noe = tried.person("mina", "analyst"), tried.person("noe", "publisher")
    drafts = []
    for value in (10, 11):
        text = with_keys(DEFAULT_POLICY.read_text("utf-8"), RULE, {"notice_destinations": value})
        draft = mina.post("/policies", {"text": text, "comment": "x"}, on="/policies").headers["location"]
        mina.post(f"{draft}/check", on=draft)
        ended(tried, mina.post(f"{draft}/shadow", on=draft).headers["location"])
        drafts.append(draft)
    assert noe.post(f"{drafts[0]}/publish", {"why": "a"}, on=drafts[0]).status_code == 303
    refused = noe.post(f"{drafts[1]}/publish", {"why": "b"}, on=drafts[1])
    assert refused.status_code == 409
    assert "another policy has come into force" in refused.text.lower()


def test_a_draft_that_rules_refuse_says_why_and_stays_a_draft(tried: Served) -> None:
    mina = tried.person("mina", "analyst")
    draft = mina.post("/policies", {"text": "[rules.none]\nmode = 'auto'\n", "comment": "x"}, on="/policies").headers["location"]
    mina.post(f"{draft}/check", on=draft)
    assert "names no rule" in mina.get(draft).text


@pytest.mark.parametrize(("role", "status"), [("reviewer", 403), ("operator", 403), ("auditor", 403), ("lead", 200), ("publisher", 200)])
def test_what_ifs_are_for_their_roles(tried: Served, role: str, status: int) -> None:
    browser = tried.person("mina", role)
    assert browser.get("/what-if").status_code == status
    assert browser.get("/policies").status_code == (200 if role == "auditor" else status)


def test_a_history_shorter_than_a_rules_window_says_both_lengths(tried: Served) -> None:
    page = tried.person("mina", "analyst").get("/what-if?rule=toll-fraud").text
    text = visible(page)
    assert "looks back 90 days, the history has 34" in text, text[150:700]


def test_files_named_beside_the_policy_are_found_from_where_it_is_published(
    sqlite: Database, clock: Clock, tmp_path: Path, tried: Served
) -> None:
    data, own = tried.settings.data or Path(), tmp_path / "own"
    own.mkdir()
    (own / "tariff.csv").write_text("prefix,per_minute_cents,setup_cents\n+336,5,\n", "utf-8")
    (own / "policy.toml").write_text(DEFAULT_POLICY.read_text("utf-8") + '\n[numbers]\nrates = "tariff.csv"\n', "utf-8")
    port = free_port()
    settings = Settings(sqlite, f"http://{LOOPBACK}:{port}", data=data, policy=own / "policy.toml", now=clock)
    served = Served(settings)
    with run(create_app(settings), port):
        mina, noe = served.person("mina", "analyst"), served.person("noe", "publisher")
        text = with_keys((own / "policy.toml").read_text("utf-8"), RULE, LOWER)
        gone = mina.post("/policies", {"text": text.replace("tariff", "gone"), "comment": "x"}, on="/policies").headers["location"]
        mina.post(f"{gone}/check", on=gone)
        assert f"[numbers] rates: there is no file {own / 'gone.csv'}" in mina.get(gone).text
        draft = mina.post("/policies", {"text": text, "comment": "lower"}, on="/policies").headers["location"]
        mina.post(f"{draft}/check", on=draft)
        assert ended(served, mina.post(f"{draft}/shadow", on=draft).headers["location"]).state == "done"
        assert noe.post(f"{draft}/publish", {"why": "agreed"}, on=draft).status_code == 303
        for browser in served.browsers:
            browser.close()
    assert read_policy(data / "policy.toml")["numbers"]["rates"] == str(own / "tariff.csv")
    clause = Clause(tmp_path / "next")
    (tmp_path / "next").mkdir()
    clause.call("101", "2027-03-01 09:00", "+33612345678", direction="outbound")
    assert clause.judge(policy=read_policy(data / "policy.toml")).summary["accepted"] > 0
