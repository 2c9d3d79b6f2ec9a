"""Several alerts decided together: what may be a set, one job, one undo, and an account of every alert."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import httpx2
from sqlalchemy import select

from console import taking
from console.audit import verify
from console.db.tables import Alert, Audit, Decision, Job, Lease, Outbox, UserRole
from console.review import bulk_job
from console.review.second import sampled
from support.console import BEGIN, Browser, Clock, Served, forms, statement, suspension, visible

#: Alerts that one person judges, and one that two do.
ONES = [f"al-{n}" for n in range(200) if not sampled(f"al-{n}")][:30]
TWICE = next(f"al-{n}" for n in range(1000) if sampled(f"al-{n}"))


def say(served: Served, *records: dict[str, Any], standing: list[dict[str, Any]] | None = None) -> None:
    with served.database.writing() as session:
        taking.alerts(session, list(records), served.settings.now())
        taking.suspensions(session, standing or [], served.settings.now())


def lines(count: int, **changed: Any) -> list[dict[str, Any]]:
    """Statements of so many alerts, each on a line of its own."""
    return [statement(one, **{"licence": f"1{place:02}", **changed}) for place, one in enumerate(ONES[:count])]


def boxes(browser: Browser, path: str = "/queue") -> dict[str, str]:
    """What the queue's boxes carry, by alert."""
    found = re.findall(r'name="pick" form="bulk" value="([^"]+)"', browser.get(path).text)
    return {value.rsplit(":", 3)[0]: value for value in found}


def pick(browser: Browser, *alert_ids: str) -> httpx2.Response:
    """Tick alerts in the queue and go on; none named: all of them."""
    here = boxes(browser)
    return browser.post("/bulk", {"pick": [here.get(one, f"{one}:1:0:0") for one in alert_ids] or list(here.values())}, on="/queue")


def decide(browser: Browser, page: httpx2.Response, verdict: str = "no_breach", action: str = "none", **more: Any) -> httpx2.Response:
    """Decide the set of a page."""
    carried = re.findall(r'name="pick" value="([^"]+)"', page.text.split('action="/bulk/decide"')[1].split("</form>")[0])
    given = {"verdict": verdict, "action": action, "reason": "clear", "pick": carried, **more}
    return browser.post("/bulk/decide", {**forms(page.text)["/bulk/decide"], **given})


def finished(browser: Browser, answer: httpx2.Response) -> str:
    """The page of a job, once it is done."""
    assert answer.status_code == 303, visible(answer.text)
    path = answer.headers["location"]
    while browser.get(f"{path}/state").json()["state"] in ("queued", "running"):
        time.sleep(0.05)
    return browser.get(path).text


def rows(served: Served, table: Any, *order: Any) -> list[Any]:
    with served.database.reading() as session:
        return list(session.scalars(select(table).order_by(*order)))


def numbers(page: str) -> dict[str, int]:
    """The account of a job's page."""
    part = page.split('<dl class="sum">')[1].split("</dl>")[0]
    return {name: int(count) for name, count in re.findall(r"<dt>([^<]+)</dt><dd>(\d+)</dd>", part)}


def test_a_homogeneous_set_is_one_job_with_a_row_of_the_log_each_and_one_for_the_set(served: Served, clock: Clock) -> None:
    say(served, *lines(25))
    mina = served.person("mina")
    page = finished(mina, decide(mina, pick(mina), note="a test of theirs"))
    assert numbers(page) == {"Decided": 25, "Not decided": 0, "Picked": 25}
    decisions = rows(served, Decision, Decision.at)
    (job,) = rows(served, Job)
    assert {(one.verdict, one.action, one.weak, one.bulk_id) for one in decisions} == {("no_breach", "none", True, job.job_id)}
    assert (job.state, job.done, job.total) == ("done", 25, 25)
    said = [row for row in rows(served, Audit, Audit.number) if row.subject.startswith(("bulk/", "alert/"))]
    assert [row.what for row in said].count("alert.decide") == 25
    (whole,) = [row for row in said if row.what == "bulk.decide"]
    assert (whole.who, json.loads(whole.new)["count"], whole.why) == ("mina", 25, "a test of theirs")
    assert rows(served, Lease) == []
    with served.database.reading() as session:
        verify(session)


def test_the_whole_set_is_taken_back_within_ten_seconds_of_its_end_and_nothing_leaves(served: Served, clock: Clock) -> None:
    say(served, *lines(12))
    mina = served.person("mina")
    answer = decide(mina, pick(mina))
    page = finished(mina, answer)
    path = answer.headers["location"]
    assert {row.not_before for row in rows(served, Outbox)} == {BEGIN + 10_000}
    clock.pass_by(9_900)
    assert mina.post(f"{path}/undo", forms(page)[f"{path}/undo"]).headers["location"] == path
    assert numbers(mina.get(path).text) == {"Decided": 0, "Not decided": 0, "Taken back": 12, "Picked": 12}
    assert {row.cancelled_at for row in rows(served, Outbox)} == {BEGIN + 9_900}
    assert {row.status for row in rows(served, Alert)} == {"new"}
    assert [row.what for row in rows(served, Audit)].count("alert.undo") == 12
    assert [row.what for row in rows(served, Audit)].count("bulk.undo") == 1
    assert "Undo all" not in mina.get(path).text


def test_after_ten_seconds_a_set_stays_decided(served: Served, clock: Clock) -> None:
    say(served, *lines(2))
    mina, noe = served.person("mina"), served.person("noe")
    answer = decide(mina, pick(mina))
    page, path = finished(mina, answer), answer.headers["location"]
    assert "Undo all" not in noe.get(path).text
    clock.pass_by(10_000)
    late = mina.post(f"{path}/undo", forms(page)[f"{path}/undo"])
    assert "Too late" in visible(mina.get(late.headers["location"]).text)
    assert {row.status for row in rows(served, Alert)} == {"decided"}


def test_a_set_that_differs_is_not_decided_and_the_page_says_which_differ_and_why(served: Served) -> None:
    say(
        served,
        *lines(4),
        statement("al-a", licence="197", rule="wangiri"),
        statement("al-b", licence="198", level="notice"),
        statement("al-c", tenant="other", mode="auto"),
    )
    mina = served.person("mina")
    page = pick(mina)
    shown = visible(page.text)
    for why in (
        "3 alerts cannot be decided with the others.",
        "Another rule: Rings to be called back, the others Dialling by machine.",
        "Another level: notice, the others breach.",
        "Another customer: other, the others acme; and other steps are offered.",
        "Go on with the 4 that fit",
    ):
        assert why in shown
    assert 'action="/bulk/decide"' not in page.text
    # Nobody goes around the page either.
    given = {"verdict": "no_breach", "action": "none", "reason": "clear", "pick": list(boxes(mina).values())}
    forced = mina.post("/bulk/decide", {**forms(page.text)["/bulk"], **given})
    assert (forced.status_code, rows(served, Decision)) == (422, [])


def test_several_customers_are_a_set_when_one_step_is_offered_and_one_customer_when_several_are(served: Served) -> None:
    say(served, *lines(2), statement(ONES[2], tenant="other"))
    mina = served.person("mina")
    assert 'action="/bulk/decide"' in pick(mina).text
    say(served, statement(ONES[3], licence="150", mode="auto"))
    assert 'action="/bulk/decide"' in pick(mina, ONES[0], ONES[3]).text


def test_what_needs_a_second_person_or_is_held_or_judged_or_changed_stays_out(served: Served, clock: Clock) -> None:
    say(served, *lines(6), statement(TWICE, licence="198"))
    mina, noe = served.person("mina"), served.person("noe")
    here = boxes(mina)
    noe.post(f"/alerts/{ONES[1]}/take", on=f"/alerts/{ONES[1]}")
    say(served, statement(ONES[2], 2, licence="102", measured=201))
    say(served, *[], standing=[suspension(licence="103")])
    with served.database.writing() as session:
        session.get_one(Alert, ONES[4]).status = "second"
        session.get_one(Alert, ONES[5]).status = "decided"
    page = visible(mina.post("/bulk", {"pick": list(here.values())}, on="/queue").text)
    for why in ("Noe has it in hand", "Something new came in", "needs a second person", "has been judged", "twentieth"):
        assert why in page
    assert page.count("Something new came in") == 2
    assert "Go on with the 1 that fits" in page
    assert {row.alert_id for row in rows(served, Lease)} == {ONES[0], ONES[1]}


def test_a_set_never_restricts(served: Served) -> None:
    say(served, *lines(2))
    mina = served.person("mina")
    page = pick(mina)
    for action in ("restrict", "suspend"):
        assert f'name="action" value="{action}"' not in page.text
        answer = decide(mina, page, "breach", action)
        assert (answer.status_code, rows(served, Decision)) == (422, [])
        assert "A set restricts nothing" in answer.text


def test_customers_are_warned_only_after_every_notice_was_shown(served: Served) -> None:
    say(served, *lines(3))
    mina = served.person("mina")
    shown = decide(mina, pick(mina), "breach", "warn")
    assert (shown.status_code, rows(served, Decision)) == (200, [])
    assert shown.text.count("Vous pouvez contester") == 3
    assert numbers(finished(mina, decide(mina, shown, "breach", "warn")))["Decided"] == 3
    assert all("Vous pouvez contester" in one.notice["fr"] for one in rows(served, Decision))


def test_service_is_given_back_to_a_set_only_where_all_are_restricted(served: Served) -> None:
    cause = {"rule": "autodial", "decided_by": "policy", "restrictions": ["outgoing"], "review_by": None}
    standing = [suspension(licence=f"1{n:02}", causes=[{**cause, "alert_id": ONES[n]}]) for n in range(3)]
    say(served, *lines(4), standing=standing)
    mina = served.person("mina")
    assert 'value="lift"' not in pick(mina).text
    page = pick(mina, *ONES[:3])
    assert "restricted automatically" in page.text
    assert numbers(finished(mina, decide(mina, page, "no_breach", "lift")))["Decided"] == 3
    assert {(row.body["action"], row.body["seen_sequence"]) for row in rows(served, Outbox)} == {("lift", 1)}


def test_two_alerts_that_restrict_one_line_are_lifted_one_by_one(served: Served) -> None:
    cause = {"rule": "autodial", "decided_by": "policy", "restrictions": ["outgoing"], "review_by": None}
    both = suspension(causes=[{**cause, "alert_id": one} for one in ONES[:2]])
    say(served, *lines(2, licence="101"), standing=[both])
    assert visible(pick(served.person("mina")).text).count("lift them one by one") == 2


def test_what_changes_while_the_job_runs_is_listed_and_the_counts_add_up(served: Served, clock: Clock) -> None:
    say(served, *lines(5))
    mina = served.person("mina")
    page = pick(mina)
    with served.database.writing() as session:
        picks = [bulk_job.Pick(one, 1) for one in ONES[:5]]
        asked = bulk_job.Judgement("no_breach", "none", "clear", "f", 0)
        person = session.merge(served.user("mina"))
        job = bulk_job.queue(session, bulk_job.person_of(person, ""), picks, asked, "f", now=clock(), request="")
    say(served, statement(ONES[1], 2, licence="101"))
    with served.database.writing() as session:
        session.get_one(Alert, ONES[3]).superseded_by = "al-x"
    bulk_job.work(served.database, served.settings.now, False, job.job_id)
    assert page.status_code == 200
    shown = mina.get(f"/bulk/{job.job_id}").text
    assert numbers(shown) == {"Decided": 3, "Not decided": 2, "Picked": 5}
    assert "Something new came in" in shown
    assert "Another alert took it in" in shown
    assert [row.what for row in rows(served, Audit)].count("alert.decide") == 3


def test_a_job_stops_when_its_person_may_no_longer_judge_and_says_what_it_did_not_reach(served: Served, clock: Clock) -> None:
    say(served, *lines(15))
    mina = served.person("mina", "reviewer")
    pick(mina)
    with served.database.writing() as session:
        person = bulk_job.person_of(session.merge(served.user("mina")), "")
        asked = bulk_job.Judgement("no_breach", "none", "clear", "f", 0)
        picks = [bulk_job.Pick(one, 1) for one in ONES[:15]]
        job = bulk_job.queue(session, person, picks, asked, "f", now=clock(), request="")
        job.state = "running"
    assert bulk_job._block(served.database, clock(), False, job.job_id)
    # Should the console die now, what was judged leaves by itself.
    assert {row.not_before for row in rows(served, Outbox)} == {BEGIN + 60_000}
    with served.database.writing() as session:
        session.delete(session.scalars(select(UserRole).where(UserRole.user_id == person.user_id)).one())
    assert not bulk_job._block(served.database, clock(), False, job.job_id)
    shown = served.person("noe").get(f"/bulk/{job.job_id}").text
    assert numbers(shown) == {"Decided": 10, "Not decided": 0, "Not reached": 5, "Picked": 15}
    assert "may no longer judge" in shown
    assert rows(served, Lease) == []


def test_a_form_that_is_sent_twice_is_one_job(served: Served) -> None:
    say(served, *lines(2))
    mina = served.person("mina")
    page = pick(mina)
    first = decide(mina, page)
    finished(mina, first)
    assert decide(mina, page).headers["location"] == first.headers["location"]
    assert (len(rows(served, Job)), len(rows(served, Decision))) == (1, 2)


def test_only_reviewers_pick(served: Served) -> None:
    say(served, *lines(1))
    lin = served.person("lin", "analyst")
    assert 'name="pick"' not in lin.get("/queue").text
    assert lin.post("/bulk", {"pick": f"{ONES[0]}:1:0:0"}, on="/queue").status_code == 403
    mina = served.person("mina")
    for wrong in ({}, {"pick": "al-1"}, {"pick": "al-1:x:0:0"}):
        assert mina.post("/bulk", {"csrf": forms(mina.get("/queue").text)["/bulk"]["csrf"], **wrong}).status_code == 422


def test_who_opened_an_alert_first_is_shown_and_what_was_opened_is_kept_with_the_judgement(served: Served, clock: Clock) -> None:
    say(served, *lines(2))
    mina, noe = served.person("mina"), served.person("noe")
    mina.get(f"/alerts/{ONES[0]}")
    clock.pass_by(60_000)
    assert "first opened by Mina, 24 Nov 2026, 14:02 CET" in visible(noe.get("/queue").text)
    assert "first opened by Mina, 24 Nov 2026, 14:02 CET" in visible(noe.get(f"/alerts/{ONES[0]}").text)
    noe.get(f"/alerts/{ONES[1]}")
    noe.post(f"/alerts/{ONES[0]}/take", on=f"/alerts/{ONES[0]}")
    given = {"verdict": "no_breach", "action": "none", "reason": "clear"}
    noe.post(f"/alerts/{ONES[0]}/decide", given, on=f"/alerts/{ONES[0]}")
    assert rows(served, Decision)[0].opened == ["alert", f"case/{ONES[1]}"]


def test_a_verdict_on_a_random_sample_is_kept_and_shown_like_others(served: Served) -> None:
    drawn = {"rule": "audit", "level": "audit", "clause": "", "propensity": 0.01, "measured": 12, "limit": 5, "unit": "calls/day"}
    say(served, *[statement(one, licence=f"1{n:02}", **drawn) for n, one in enumerate(ONES[:3])])
    mina = served.person("mina")
    assert "Drawn by lot" in visible(mina.get("/queue?rule=audit").text)
    mina.post(f"/alerts/{ONES[0]}/take", on=f"/alerts/{ONES[0]}")
    given = {"verdict": "breach", "action": "none", "reason": "clear"}
    mina.post(f"/alerts/{ONES[0]}/decide", given, on=f"/alerts/{ONES[0]}")
    assert numbers(finished(mina, decide(mina, pick(mina, ONES[1]))))["Decided"] == 1
    assert [(row.body["alert_id"], row.body["verdict"]) for row in rows(served, Outbox)] == [(ONES[0], "breach"), (ONES[1], "no_breach")]
    page = visible(mina.get(f"/alerts/{ONES[2]}").text)
    assert "acme 100 12 / 5 · breach" in page
    assert "acme 101 12 / 5 · no breach" in page


def test_the_log_says_whether_a_second_person_judged_blind(served: Served) -> None:
    say(served, statement(TWICE))
    for login in ("mina", "noe"):
        browser = served.person(login)
        browser.post(f"/alerts/{TWICE}/take", on=f"/alerts/{TWICE}")
        given = {"verdict": "no_breach", "action": "none", "reason": "clear"}
        browser.post(f"/alerts/{TWICE}/decide", given, on=f"/alerts/{TWICE}")
    first, second = [json.loads(row.new) for row in rows(served, Audit, Audit.number) if row.what == "alert.decide"]
    assert "blind" not in first
    assert (second["blind"], second["second_of"]) == (True, first["decision_id"])
