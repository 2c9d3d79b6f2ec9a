"""The API for programs: tokens and their scopes, lists that go on, and CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx2
import pytest

from console import taking
from console.db.tables import Exemption, Outbox, User
from console.people import accounts, tokens
from console.web.api.csv_cells import cell
from support.console import BEGIN, Clock, Served, statement

DAY = 86_400_000


def token(served: Served, *scopes: str, days: int = 90) -> str:
    with served.database.writing() as session:
        user = session.query(User).filter_by(login="ada").one_or_none()
        user = user or accounts.create(session, login="ada", name="Ada", roles=["administrator"], who="test", now=BEGIN)
        return tokens.create(session, user.user_id, "billing", scopes, days, who="ada", now=served.settings.now())


def ask(served: Served, path: str, given: str = "", **query: Any) -> httpx2.Response:
    headers = {"authorization": f"Bearer {given}"} if given else {}
    return httpx2.get(f"{served.origin}/api/v1{path}", params=query, headers=headers, trust_env=False)


def test_without_a_good_token_nothing_is_said(served: Served, clock: Clock) -> None:
    good = token(served, "alerts", days=1)
    assert ask(served, "/alerts", good).status_code == 200
    for bad in ("", "x", good[:-1], good.removeprefix("vigie_")):
        answer = ask(served, "/alerts", bad)
        assert (answer.status_code, answer.json()["error"]) == (401, "not_signed_in")
        assert answer.headers["content-type"] == "application/problem+json"
    clock.pass_by(DAY)
    assert ask(served, "/alerts", good).status_code == 401


def test_a_token_that_is_revoked_or_whose_person_left_is_good_for_nothing(served: Served) -> None:
    first, second = token(served, "alerts"), token(served, "alerts")
    with served.database.writing() as session:
        assert tokens.revoke(session, 1, who="ada", now=BEGIN)
        assert not tokens.revoke(session, 1, who="ada", now=BEGIN)
    assert [ask(served, "/alerts", one).status_code for one in (first, second)] == [401, 200]
    with served.database.writing() as session:
        session.query(User).filter_by(login="ada").one().active = False
    assert ask(served, "/alerts", second).status_code == 401


@pytest.mark.parametrize("scope", tokens.SCOPES)
def test_a_scope_opens_its_own_list_alone(served: Served, scope: str) -> None:
    given = token(served, scope)
    for one in tokens.SCOPES:
        answer = ask(served, f"/{one}", given)
        assert answer.status_code == (200 if one == scope else 403), one
        if one == scope:
            assert answer.json() == {"items": [], "next": None}
        else:
            assert {name: answer.json()[name] for name in ("status", "error", "scope")} == {
                "status": 403,
                "error": "scope_missing",
                "scope": one,
            }


def test_a_list_goes_on_where_it_ended_and_finds_what_is_new_later(served: Served, clock: Clock) -> None:
    given = token(served, "alerts")
    with served.database.writing() as session:
        taking.alerts(session, [statement(f"al-{n}") for n in range(5)], clock())
    found, after = [], None
    for _ in range(3):
        answer = ask(served, "/alerts", given, limit=2, **({"after": after} if after else {})).json()
        found += [one["alert_id"] for one in answer["items"]]
        after = answer["next"]
    assert (found, after) == ([f"al-{n}" for n in range(5)], None)
    for wrong in ("x", "1x:a", "99999999999999999999:a"):
        assert ask(served, "/alerts", given, after=wrong).status_code == 422
    assert ask(served, "/alerts/al-3", given).json()["statement"]["alert_id"] == "al-3"
    assert ask(served, "/alerts/none", given).status_code == 404


def test_reviews_and_exemptions_say_where_they_stand(served: Served, clock: Clock) -> None:
    given = token(served, "reviews", "exemptions")
    with served.database.writing() as session:
        states: list[dict[str, int]] = [{}, {"sent_at": 1}, {"cancelled_at": 1}]
        for n, state in enumerate(states):
            body = {"kind": "review", "id": f"r{n}"}
            session.add(Outbox(kind="review", message_id=f"r{n}", key="acme", body=body, created_at=1, not_before=1, **state))
        session.add(
            Exemption(
                exemption_id="ex-1", tenant="acme", rules=["*"], from_at=0, to_at=DAY, author="mina", reason="fair", created_at=clock()
            )
        )
    assert [one["state"] for one in ask(served, "/reviews", given).json()["items"]] == ["waiting", "sent", "cancelled"]
    [one] = ask(served, "/exemptions", given).json()["items"]
    assert (one["exemption_id"], one["to_at"]) == ("ex-1", "1970-01-02T00:00:00.000Z")


def test_the_description_names_every_path_and_the_models(served: Served) -> None:
    said = ask(served, "/openapi.json").json()
    assert said["openapi"].startswith("3.")
    assert set(said["paths"]) == {
        f"/api/v1/{one}" for one in (*tokens.SCOPES, "alerts.csv", "alerts/{alert_id}", "exemptions/{exemption_id}/revoke")
    }
    assert "Alert" in said["components"]["schemas"]
    assert said["components"]["securitySchemes"]


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u00a0=1", "\uff1d1", "\ufeff=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(text: str) -> None:
    assert cell(text) == "'" + text


@pytest.mark.parametrize(
    ("value", "written"), [("101", "101"), (-5, "-5"), (None, ""), ("a=b", "a=b"), (["a", "b"], "a b"), (True, "true")]
)
def test_other_cells_are_left_alone(value: object, written: str) -> None:
    assert cell(value) == written


def test_an_export_holds_no_formula_and_the_log_says_who_took_it(served: Served, clock: Clock) -> None:
    with served.database.writing() as session:
        taking.alerts(session, [statement(tenant="=cmd|' /C calc'!A0", summary='a "quoted", line\nand more')], clock())
    analyst = served.person("lin", "analyst")
    answer = analyst.get("/export/alerts.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    [row] = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert (row["tenant"], row["summary"]) == ("'=cmd|' /C calc'!A0", 'a "quoted", line\nand more')
    assert ask(served, "/alerts.csv", token(served, "alerts")).text == answer.text
    assert served.person("mina", "reviewer").get("/export/alerts.csv").status_code == 403
    assert "alerts.export" in served.person("aud", "auditor").get("/audit").text


def test_a_token_is_shown_once_and_its_life_is_in_the_log(served: Served) -> None:
    ada = served.person("ada", "administrator", "auditor")
    for wrong in ({"name": "", "scope": "alerts"}, {"name": "x"}, {"name": "x", "scope": "alerts", "days": "366"}):
        assert ada.post("/tokens", wrong, on="/tokens").status_code == 422
    page = ada.post("/tokens", {"name": "billing", "scope": ["alerts", "receipts"], "days": "30"}, on="/tokens").text
    shown = page.split('<code class="secret">')[1].split("<")[0]
    assert ask(served, "/receipts", shown).status_code == 200
    assert shown not in ada.get("/tokens").text
    assert ada.post("/tokens/1/revoke", on="/tokens").status_code == 303
    assert ask(served, "/receipts", shown).status_code == 401
    log = ada.get("/audit").text
    assert "token.create" in log
    assert "token.revoke" in log
    assert served.person("mina", "lead").get("/tokens").status_code == 403
