"""Judging on the pages: leases, two fields, undo, the blind second, reinstatement, exemption, reveal."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from console import taking
from console.db.tables import Alert, Decision, Exemption, Outbox, Reveal, User
from console.people import sessions
from console.review.second import sampled
from support.console import BEGIN, Browser, Clock, Served, forms, statement, suspension, visible

#: An alert outside the twentieth that two persons judge, and one inside.
ONCE = next(f"al-{n}" for n in range(100) if not sampled(f"al-{n}"))
TWICE = next(f"al-{n}" for n in range(1000) if sampled(f"al-{n}"))
SECOND = 1_000


def automatic(alert_id: str = ONCE, **changed: Any) -> dict[str, Any]:
    """A record of an automatic restriction."""
    cause = {"alert_id": alert_id, "rule": "autodial", "decided_by": "policy", "restrictions": ["outgoing"], "review_by": None}
    return suspension(causes=[cause], **changed)


def say(served: Served, *records: dict[str, Any], standing: dict[str, Any] | None = None) -> None:
    with served.database.writing() as session:
        taking.alerts(session, list(records) or [statement(ONCE)], served.settings.now())
        if standing is not None:
            taking.suspensions(session, [standing], served.settings.now())


def fill(browser: Browser, verdict: str, action: str, alert_id: str = ONCE, **more: Any) -> Any:
    """Take the alert and send its form, through the page that shows what will happen if there is one."""
    browser.post(f"/alerts/{alert_id}/take", on=f"/alerts/{alert_id}")
    path = f"/alerts/{alert_id}/decide"
    given = {"verdict": verdict, "action": action, "reason": "clear", **more}
    answer = browser.post(path, given, on=f"/alerts/{alert_id}")
    while answer.status_code == 200 and "shown" in forms(answer.text).get(path, {}):
        closed = re.findall(r'name="restriction" value="(\w+)" checked', answer.text)
        answer = browser.post(path, {**forms(answer.text)[path], "restriction": more.get("restriction", closed)})
    return answer


def status(served: Served, alert_id: str = ONCE) -> str:
    with served.database.reading() as session:
        return session.get_one(Alert, alert_id).status


def outbox(served: Served) -> list[Outbox]:
    with served.database.reading() as session:
        return list(session.scalars(select(Outbox).order_by(Outbox.outbox_id)))


def decision(served: Served) -> Decision:
    with served.database.reading() as session:
        return session.scalars(select(Decision).order_by(Decision.at.desc())).first()  # type: ignore[return-value]


def test_the_queue_leaves_out_what_another_alert_took_in(served: Served) -> None:
    say(served, statement("al-a"), statement("al-b", tenant="other", supersedes=["al-a"]))
    page = served.person("mina").get("/queue").text
    assert "/alerts/al-b" in page
    assert "/alerts/al-a" not in page


def test_filters_are_addresses_and_rules_are_counted(served: Served) -> None:
    say(served, statement("al-a"), statement("al-b", rule="wangiri", level="notice"))
    page = served.person("mina").get("/queue?rule=wangiri").text
    assert "/alerts/al-b?rule=wangiri" in page
    assert "/alerts/al-a" not in page
    assert "Dialling by machine 1" in visible(page)


def test_two_who_press_the_key_get_two_alerts_and_each_sees_who_has_the_other(served: Served) -> None:
    say(served, statement("al-a"), statement("al-b"))
    mina, noe, lou = served.person("mina"), served.person("noe"), served.person("lou")
    went = [one.post("/queue/next", on="/queue").headers["location"] for one in (mina, noe)]
    assert sorted(went) == ["/alerts/al-a", "/alerts/al-b"]
    assert lou.post("/queue/next", on="/queue").headers["location"] == "/queue?empty=1"
    assert "Mina has it in hand" in noe.get(went[0]).text


def test_a_form_of_a_lease_that_is_over_writes_nothing(served: Served, clock: Clock) -> None:
    say(served)
    mina, noe = served.person("mina"), served.person("noe")
    mina.post(f"/alerts/{ONCE}/take", on=f"/alerts/{ONCE}")
    page = forms(mina.get(f"/alerts/{ONCE}").text)[f"/alerts/{ONCE}/decide"]
    clock.pass_by(600_001)
    noe.post(f"/alerts/{ONCE}/take", on=f"/alerts/{ONCE}")
    answer = mina.post(f"/alerts/{ONCE}/decide", {**page, "verdict": "no_breach", "action": "none", "reason": "clear"})
    assert answer.status_code == 409
    assert status(served) == "new"


def test_verdict_and_action_are_two_fields_and_the_next_alert_comes_by_itself(served: Served) -> None:
    say(served, statement(ONCE), statement("al-next"))
    answer = fill(served.person("mina"), "breach", "none")
    made = decision(served)
    assert (made.verdict, made.action, made.reason) == ("breach", "none", "clear")
    assert answer.headers["location"] == f"/alerts/al-next?done={made.decision_id}"
    assert [row.body["verdict"] for row in outbox(served)] == ["breach"]
    assert outbox(served)[0].not_before == BEGIN + 10_000


@pytest.mark.parametrize(("after", "undone"), [(9_900, True), (10_100, False)])
def test_a_decision_is_taken_back_within_ten_seconds_and_not_later(served: Served, clock: Clock, after: int, undone: bool) -> None:
    say(served)
    mina = served.person("mina")
    where = fill(mina, "breach", "warn").headers["location"]
    path = f"/decisions/{decision(served).decision_id}/undo"
    hidden = forms(mina.get(where.replace("/queue", f"/alerts/{ONCE}")).text)[path]
    clock.pass_by(after)
    assert mina.post(path, hidden).status_code == (303 if undone else 409)
    assert status(served) == ("new" if undone else "decided")
    assert (outbox(served)[0].cancelled_at is not None) is undone


def test_a_new_statement_under_a_persons_eyes_refuses_the_decision(served: Served) -> None:
    say(served)
    mina = served.person("mina")
    mina.post(f"/alerts/{ONCE}/take", on=f"/alerts/{ONCE}")
    hidden = forms(mina.get(f"/alerts/{ONCE}").text)[f"/alerts/{ONCE}/decide"]
    say(served, statement(ONCE, 2, measured=300))
    answer = mina.post(f"/alerts/{ONCE}/decide", {**hidden, "verdict": "breach", "action": "none", "reason": "clear"})
    assert answer.status_code == 409
    assert "Something new came in" in answer.text


def test_a_restriction_shows_its_scope_what_stays_open_and_the_notice_before_it_moves(served: Served) -> None:
    say(served)
    mina = served.person("mina")
    mina.post(f"/alerts/{ONCE}/take", on=f"/alerts/{ONCE}")
    given = {"verdict": "breach", "action": "suspend", "reason": "clear"}
    page = mina.post(f"/alerts/{ONCE}/decide", given, on=f"/alerts/{ONCE}").text
    for words in ("112, 15, 17, 18, 114", "Internal calls", "no automatic restriction stands", "article 5.d", "article 5.d des conditions"):
        assert words in visible(page)
    assert "With 1 fewer (attempts/24 h) there would have been no breach." in page
    assert "Vous pouvez contester" in page
    assert outbox(served) == []


def test_a_persons_suspension_waits_for_a_second_who_does_not_see_the_first(served: Served) -> None:
    say(served)
    mina, noe = served.person("mina"), served.person("noe", "reviewer")
    fill(mina, "breach", "suspend", note="the dialler again")
    assert (status(served), outbox(served)) == ("second", [])
    assert mina.post("/queue/next", on="/queue").headers["location"] == "/queue?empty=1"
    page = noe.get(noe.post("/queue/next", on="/queue").headers["location"]).text
    assert "the dialler again" not in page
    assert "Mina judged" not in page
    fill(noe, "breach", "suspend")
    body = outbox(served)[0].body
    with served.database.reading() as session:
        first, second = session.scalars(select(Decision).order_by(Decision.at)).all()
    assert (body["review_id"], body["second_review_id"]) == (first.decision_id, second.decision_id)
    assert (body["reviewer"], second.blind, status(served)) == ("mina", True, "decided")


def test_a_disagreement_goes_to_a_lead_who_is_neither(served: Served) -> None:
    say(served)
    mina, noe, lea = served.person("mina", "lead"), served.person("noe", "reviewer"), served.person("lea", "lead")
    fill(mina, "breach", "suspend")
    fill(noe, "no_breach", "none")
    assert (status(served), outbox(served)) == ("disagreed", [])
    assert "You have judged" in mina.get(f"/alerts/{ONCE}").text
    assert "Mina judged: breach, suspend" in visible(lea.get(f"/alerts/{ONCE}").text)
    fill(lea, "breach", "suspend")
    assert status(served) == "decided"
    assert outbox(served)[0].body["second_review_id"] == decision(served).decision_id


def test_a_fixed_twentieth_is_judged_twice_whatever_the_verdict(served: Served) -> None:
    say(served, statement(TWICE))
    fill(served.person("mina"), "no_breach", "none", TWICE)
    assert (status(served, TWICE), decision(served).needs_second) == ("second", "sample")


@pytest.mark.parametrize(("restriction", "why"), [(["outgoing"], ""), (["outgoing", "credentials"], "credentials")])
def test_with_an_automatic_cause_one_person_is_enough_but_never_for_the_password(served: Served, restriction: list[str], why: str) -> None:
    say(served, standing=automatic())
    fill(served.person("mina"), "breach", "suspend", restriction=restriction)
    assert decision(served).needs_second == why
    assert len(outbox(served)) == (0 if why else 1)


def test_service_is_given_back_by_one_person_at_once_for_a_reason(served: Served, clock: Clock) -> None:
    say(served, standing=automatic())
    mina = served.person("mina", "reviewer")
    path = f"/alerts/{ONCE}/reinstate"
    assert mina.post(path, {"why": " "}, on=f"/alerts/{ONCE}").status_code == 422
    assert mina.post(path, {"why": "their dialler is ours"}, on=f"/alerts/{ONCE}").status_code == 303
    row = outbox(served)[0]
    assert (row.body["action"], row.body["seen_sequence"], row.not_before) == ("lift", 1, BEGIN)
    clock.pass_by(3 * SECOND)
    say(served, standing=automatic(sequence=2, state="lifted", restrictions=[]))
    assert "Service back after 3\u00a0s" in mina.get(f"/alerts/{ONCE}").text


def test_giving_back_lifts_every_cause_and_each_review_has_seen_the_one_before(served: Served) -> None:
    record = automatic()
    record["causes"].append({**record["causes"][0], "alert_id": "al-x", "decided_by": "lea"})
    say(served, statement(ONCE), statement("al-x", rule="wangiri"), standing=record)
    served.person("mina").post(f"/alerts/{ONCE}/reinstate", {"why": "paid"}, on=f"/alerts/{ONCE}")
    assert [(row.body["alert_id"], row.body["seen_sequence"]) for row in outbox(served)] == sorted(
        zip(sorted([ONCE, "al-x"]), (1, 2), strict=True)
    )


def test_an_exemption_has_an_end_and_can_be_revoked_before_it_leaves(served: Served) -> None:
    say(served)
    mina = served.person("mina")
    path = f"/alerts/{ONCE}/exempt"
    assert mina.post(path, {"why": "mission"}, on=f"/alerts/{ONCE}").status_code == 422
    assert mina.post(path, {"why": "mission", "until": "2028-01-01"}, on=f"/alerts/{ONCE}").status_code == 422
    assert mina.post(path, {"why": "mission", "until": "2026-12-24"}, on=f"/alerts/{ONCE}").status_code == 303
    (row,) = outbox(served)
    assert (row.body["kind"], row.body["rules"], row.body["to"]) == ("exemption", ["autodial"], "2026-12-24T23:00:00.000Z")
    mina.post(f"/exemptions/{row.body['exemption_id']}/revoke", on=f"/alerts/{ONCE}")
    assert outbox(served)[0].cancelled_at == BEGIN
    with served.database.reading() as session:
        assert session.scalars(select(Exemption)).one().revoked_by == "mina"


def test_a_number_is_revealed_for_a_reason_that_is_kept_and_only_if_its_event_is_there(served: Served) -> None:
    item = {"time": "2026-11-24T08:00:00Z", "kind": "call", "country": "FR", "network": "", "number": "+3361••••", "src": "ev-1", "line": 0}
    say(served, statement(ONCE, evidence=[item]))
    mina = served.person("mina")
    path = f"/alerts/{ONCE}/reveal"
    assert mina.post(path, {"why": ""}, on=f"/alerts/{ONCE}").status_code == 422
    assert mina.post(path, {"why": "customer asks"}, on=f"/alerts/{ONCE}").status_code == 404
    with served.database.reading() as session:
        assert session.scalars(select(Reveal)).all() == []


def test_an_action_that_detect_refused_is_back_in_the_queue(served: Served) -> None:
    say(served)
    fill(served.person("mina"), "breach", "warn")
    say(served, statement(ONCE, 2, against=["action refused: look again"]))
    assert status(served) == "reraised"


def test_keys_are_changed_and_turned_off(served: Served) -> None:
    mina = served.person("mina")
    assert mina.post("/account/keys", {"next": "a"}, on="/account/keys").status_code == 422
    assert mina.post("/account/keys", {"next": "j"}, on="/account/keys").status_code == 422
    mina.post("/account/keys", {"next": "y"}, on="/account/keys")
    assert "&#34;next&#34;: &#34;y&#34;" in mina.get("/queue").text
    mina.post("/account/keys", {"off": "1"}, on="/account/keys")
    assert 'data-keys="{}"' in mina.get("/queue").text


def test_what_was_ticked_differently_is_shown_again_with_its_notice(served: Served) -> None:
    say(served, standing=automatic())
    mina = served.person("mina")
    mina.post(f"/alerts/{ONCE}/take", on=f"/alerts/{ONCE}")
    path = f"/alerts/{ONCE}/decide"
    page = mina.post(path, {"verdict": "breach", "action": "restrict", "reason": "clear"}, on=f"/alerts/{ONCE}").text
    hidden = forms(page)[path]
    again = mina.post(path, {**hidden, "restriction": ["paid"]})
    assert "licence 101: premium and paid numbers." in again.text
    assert outbox(served) == []
    assert mina.post(path, {**hidden, "restriction": []}).status_code == 409


def test_counts_come_as_events_and_end_with_the_session(served: Served) -> None:
    say(served)
    mina = served.person("mina")
    with mina.client.stream("GET", "/queue/counts") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert next(answer.iter_text()) == 'event: counts\ndata: {"total": 1, "overdue": 0}\n\n'
    with served.database.writing() as session:
        sessions.end_all(session, session.get_one(User, served.user("mina").user_id), who="test", now=BEGIN)
    assert mina.get("/queue/counts").status_code in (303, 401)
