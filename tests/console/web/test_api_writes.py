"""Programs that judge and exempt: as the person of their token, by the path of the pages, once for each key."""

from __future__ import annotations

import json
import threading
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from console import taking
from console.db.engine import Database
from console.db.tables import Alert, ApiWrite, Audit, Decision, Exemption, Outbox
from console.people import accounts, limits, tokens
from console.review.second import sampled
from support.console import BEGIN, Clock, Served, serve, statement, suspension

ONCE = next(f"al-{n}" for n in range(100) if not sampled(f"al-{n}"))
TWICE = next(f"al-{n}" for n in range(1000) if sampled(f"al-{n}"))
REVIEW: dict[str, Any] = {"alert_id": ONCE, "verdict": "no_breach", "action": "none", "reason": "explained", "seen_update": 1}
EXEMPTION: dict[str, Any] = {
    "tenant": "acme",
    "licence": "101",
    "rules": ["autodial"],
    "to_at": "2026-12-08T23:00:00+01:00",
    "reason": "agreed",
}
DAY = 86_400_000


def token(served: Served, *scopes: str, login: str = "mina", roles: tuple[str, ...] = ("reviewer",)) -> str:
    from console.db.tables import User

    with served.database.writing() as session:
        user = session.query(User).filter_by(login=login).one_or_none()
        user = user or accounts.create(session, login=login, name=login.title(), roles=roles, who="test", now=BEGIN)
        return tokens.create(session, user.user_id, f"{login}'s robot", scopes, 90, who="test", now=served.settings.now())


def say(served: Served, *records: dict[str, Any], standing: dict[str, Any] | None = None) -> None:
    with served.database.writing() as session:
        taking.alerts(session, list(records) or [statement(ONCE)], served.settings.now())
        taking.suspensions(session, [standing] if standing else [], served.settings.now())


def send(served: Served, path: str, given: str, body: dict[str, Any], key: str = "key-00000001") -> httpx2.Response:
    headers = {"authorization": f"Bearer {given}", **({"idempotency-key": key} if key else {})}
    return httpx2.post(f"{served.origin}/api/v1{path}", json=body, headers=headers, trust_env=False)


def rows(served: Served, table: Any) -> list[Any]:
    with served.database.reading() as session:
        return list(session.scalars(select(table)))


def refused(answer: httpx2.Response) -> tuple[int, str]:
    """Status and word of a problem."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["type"] == f"urn:vigie:problem:{body['error']}"
    assert body["detail"]
    assert body["request"] == answer.headers["x-request-id"]
    return answer.status_code, body["error"]


def test_a_review_is_its_owners_and_the_log_names_both(served: Served) -> None:
    say(served)
    answer = send(served, "/reviews", token(served, "reviews:write"), {**REVIEW, "note": "ticket 4711"})
    (made,) = rows(served, Decision)
    assert (answer.status_code, answer.json()) == (
        201,
        {
            "decision_id": made.decision_id,
            "alert_id": ONCE,
            "reviewer": "mina",
            "part": "first",
            "needs_second": [],
            "alert_status": "decided",
            "leaves_at": "2026-11-24T13:02:21.000Z",
        },
    )
    (message,) = rows(served, Outbox)
    assert (message.body["reviewer"], message.body["verdict"], message.not_before) == ("mina", "no_breach", BEGIN + 10_000)
    (said,) = [row for row in rows(served, Audit) if row.what == "alert.decide"]
    assert (said.who, json.loads(said.new)["program"], said.why) == ("mina", "mina's robot", "ticket 4711")


def test_a_key_is_done_once_answered_alike_and_good_for_one_question(served: Served, clock: Clock) -> None:
    say(served)
    given = token(served, "reviews:write")
    first, again = send(served, "/reviews", given, REVIEW), send(served, "/reviews", given, REVIEW)
    assert (again.status_code, again.json()) == (201, first.json())
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    assert refused(send(served, "/reviews", given, {**REVIEW, "verdict": "breach"})) == (422, "key_reused")
    assert len(rows(served, Decision)) == 1
    clock.pass_by(8 * DAY)
    send(served, "/exemptions", token(served, "exemptions:write"), EXEMPTION)
    assert [row.at for row in rows(served, ApiWrite)] == [BEGIN + 8 * DAY]


def test_a_refusal_uses_no_key_up(served: Served) -> None:
    say(served)
    given = token(served, "reviews:write")
    assert refused(send(served, "/reviews", given, {**REVIEW, "seen_update": 7})) == (409, "stale")
    assert send(served, "/reviews", given, REVIEW).status_code == 201


def test_what_was_seen_leases_and_the_second_person_hold_as_on_the_pages(served: Served, clock: Clock) -> None:
    say(served, standing=suspension())
    given = token(served, "reviews:write", "alerts")
    headers = {"authorization": f"Bearer {given}"}
    seen = httpx2.get(f"{served.origin}/api/v1/alerts/{ONCE}", headers=headers, trust_env=False).json()["seen"]
    assert seen == {"update": 1, "epoch": 1, "sequence": 1}
    suspend = {**REVIEW, "verdict": "breach", "action": "suspend", "reason": "clear"}
    assert refused(send(served, "/reviews", given, suspend)) == (409, "stale")
    noe = served.person("noe", "reviewer")
    noe.post(f"/alerts/{ONCE}/take", on=f"/alerts/{ONCE}")
    seen_now = {f"seen_{name}": value for name, value in seen.items()}
    assert refused(send(served, "/reviews", given, {**suspend, **seen_now})) == (409, "lease_lost")
    noe.post(f"/alerts/{ONCE}/release", on=f"/alerts/{ONCE}")
    answer = send(served, "/reviews", given, {**suspend, **seen_now}).json()
    assert (answer["alert_status"], answer["leaves_at"]) == ("second", None)
    assert "no_automatic_cause" in answer["needs_second"]
    assert rows(served, Outbox) == []
    # Another program of the same person is no second person.
    other = token(served, "reviews:write")
    assert refused(send(served, "/reviews", other, {**suspend, **seen_now}, "key-other")) == (403, "not_yours")
    agreed = send(served, "/reviews", token(served, "reviews:write", login="lea"), {**suspend, **seen_now}, "key-of-lea").json()
    assert (agreed["part"], agreed["alert_status"]) == ("second", "decided")
    assert rows(served, Outbox)[0].body["second_review_id"] == agreed["decision_id"]


@pytest.mark.parametrize(("scopes", "blind"), [(("reviews:write",), True), (("reviews:write", "decisions"), False)])
def test_who_can_read_what_others_judged_gives_no_blind_opinion(served: Served, scopes: tuple[str, ...], blind: bool) -> None:
    say(served, statement(TWICE))
    send(served, "/reviews", token(served, "reviews:write", login="lea"), {**REVIEW, "alert_id": TWICE})
    send(served, "/reviews", token(served, *scopes), {**REVIEW, "alert_id": TWICE})
    assert [row.blind for row in rows(served, Decision) if row.part == "second"] == [blind]
    said = [json.loads(row.new) for row in rows(served, Audit) if row.what == "alert.decide"]
    assert [one["blind"] for one in said if one["part"] == "second"] == [blind]


def test_a_warning_by_a_program_keeps_the_notice_that_the_customer_gets(served: Served) -> None:
    say(served)
    send(served, "/reviews", token(served, "reviews:write"), {**REVIEW, "verdict": "breach", "action": "warn", "reason": "clear"})
    (made,) = rows(served, Decision)
    assert "Vous pouvez contester" in made.notice["fr"]


def test_what_is_wrong_with_a_review_is_said(served: Served) -> None:
    say(served)
    given = token(served, "reviews:write")
    wrong: list[tuple[dict[str, Any], int, str]] = [
        ({"verdict": "guilty"}, 422, "malformed"),
        ({"more": 1}, 422, "malformed"),
        ({"action": "restrict"}, 422, "restriction_without_breach"),
        ({"action": "watch", "until": "2026-12-24"}, 422, "no_time"),
        ({"action": "watch", "until": "2026-01-01T00:00:00Z"}, 422, "until_in_the_past"),
        ({"alert_id": "none"}, 404, "not_found"),
    ]
    for changed, status, error in wrong:
        answer = send(served, "/reviews", given, {**REVIEW, **changed})
        assert refused(answer) == (status, error)
        assert answer.json().get("faults", [{"at": "body."}])[0]["at"].startswith("body.")
    assert (rows(served, Decision), rows(served, ApiWrite)) == ([], [])


def test_an_alert_that_is_over_is_not_judged(served: Served) -> None:
    say(served, statement(ONCE), statement("al-z", tenant="other", supersedes=[ONCE]))
    assert refused(send(served, "/reviews", token(served, "reviews:write"), REVIEW)) == (409, "over")


def test_a_key_a_scope_and_the_owners_role_are_needed(served: Served) -> None:
    say(served)
    good = token(served, "reviews:write")
    assert refused(send(served, "/reviews", good, REVIEW, key="")) == (422, "malformed")
    assert refused(send(served, "/reviews", good, REVIEW, key="short")) == (422, "malformed")
    assert refused(send(served, "/reviews", "vigie_x", REVIEW)) == (401, "not_signed_in")
    assert refused(send(served, "/reviews", token(served, "reviews", "exemptions:write"), REVIEW)) == (403, "scope_missing")
    assert refused(send(served, "/reviews", token(served, "reviews:write", login="lin", roles=("analyst",)), REVIEW)) == (403, "forbidden")
    assert refused(send(served, "/exemptions", good, EXEMPTION)) == (403, "scope_missing")
    assert rows(served, Decision) == []


def test_writes_count_towards_the_limit_of_the_token(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from console.web.api import v1

    say(served)
    given = token(served, "reviews:write")
    monkeypatch.setattr(v1, "API", limits.Limit("api", 2, 3_600))
    assert [send(served, "/reviews", given, REVIEW).status_code for _ in range(2)] == [201, 201]
    answer = send(served, "/reviews", given, REVIEW)
    assert refused(answer) == (429, "too_often")
    assert int(answer.headers["retry-after"]) > 0


def test_an_exemption_is_granted_once_and_revoked_before_it_leaves(served: Served) -> None:
    given = token(served, "exemptions:write")
    answer = send(served, "/exemptions", given, EXEMPTION)
    made = answer.json()
    assert (answer.status_code, made["author"], made["to_at"]) == (201, "mina", "2026-12-08T22:00:00.000Z")
    assert send(served, "/exemptions", given, EXEMPTION).json() == made
    assert [row.body["exemption_id"] for row in rows(served, Outbox)] == [made["exemption_id"]]
    path = f"/exemptions/{made['exemption_id']}/revoke"
    ended = send(served, path, given, {"reason": "it ended early"}, "key-revoke-1")
    assert (ended.status_code, ended.json()["revoked_at"]) == (200, "2026-11-24T13:02:11.000Z")
    assert send(served, path, given, {"reason": "it ended early"}, "key-revoke-1").json() == ended.json()
    assert refused(send(served, path, given, {"reason": "again"}, "key-revoke-2")) == (404, "not_found")
    assert (len(rows(served, Exemption)), rows(served, Outbox)[0].cancelled_at) == (1, BEGIN)
    said = {row.what: (row.who, row.why) for row in rows(served, Audit) if row.what.startswith("exemption.")}
    assert said == {"exemption.grant": ("mina", "agreed"), "exemption.revoke": ("mina", "it ended early")}


def test_what_is_wrong_with_an_exemption_is_said(served: Served) -> None:
    given = token(served, "exemptions:write")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"to_at": "2028-01-01T00:00:00Z"}, "end_out_of_range"),
        ({"to_at": "2026-11-01T00:00:00Z"}, "end_out_of_range"),
        ({"from_at": "2026-12-31T00:00:00Z"}, "end_out_of_range"),
        ({"to_at": "soon"}, "no_time"),
        ({"rules": ["none-such"]}, "unknown_rule"),
        ({"rules": []}, "malformed"),
        ({"reason": " "}, "no_reason"),
    ]
    for changed, error in wrong:
        assert refused(send(served, "/exemptions", given, {**EXEMPTION, **changed})) == (422, error)
    assert rows(served, Exemption) == []


def test_the_description_has_examples_the_key_and_every_refusal(served: Served) -> None:
    said = httpx2.get(f"{served.origin}/api/v1/openapi.json", trust_env=False).json()
    for path in ("reviews", "exemptions", "exemptions/{exemption_id}/revoke"):
        post = said["paths"][f"/api/v1/{path}"]["post"]
        assert post["requestBody"]["content"]["application/json"]["examples"]
        assert [one["required"] for one in post["parameters"] if one["name"] == "Idempotency-Key"] == [True]
        assert {"401", "403", "422", "429"} <= set(post["responses"])
        assert "application/problem+json" in post["responses"]["422"]["content"]
    from console.web.api.writes import EXEMPTION_EXAMPLES, REVIEW_EXAMPLES, ExemptionAsked, ReviewAsked

    for model, examples in ((ReviewAsked, REVIEW_EXAMPLES), (ExemptionAsked, EXEMPTION_EXAMPLES)):
        for one in examples.values():
            model.model_validate(one["value"])


def test_the_same_key_from_two_programs_at_once_is_done_once(database: Database, clock: Clock) -> None:
    with serve(database, clock) as served:
        say(served)
        given = token(served, "reviews:write")
        barrier, answers = threading.Barrier(4), []

        def go() -> None:
            barrier.wait()
            answers.append(send(served, "/reviews", given, REVIEW))

        threads = [threading.Thread(target=go) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["decision_id"] for answer in answers}) == 1
        assert (len(rows(served, Decision)), rows(served, Alert)[0].status) == (1, "decided")
