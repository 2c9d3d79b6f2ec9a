"""Coming in: the one-time link, the local account with its second factor, sessions that can be ended, limits."""

from __future__ import annotations

import threading

import pyotp
import pytest
from sqlalchemy import select

from console import audit
from console.db.tables import ROLES, Audit, SignedIn
from console.people import sessions
from support.console import Browser, Clock, Served, forms, visible

PASSWORD = "three quiet herons at dawn"
MINUTE = 60_000


def enrol(browser: Browser, clock: Clock, password: str = PASSWORD) -> pyotp.TOTP:
    """Set a password and an authenticator app on one's account."""
    page = browser.get("/account").text
    secret = visible(page.split('class="secret"')[1].split("</code>")[0].split(">", 1)[1]).replace(" ", "")
    totp = pyotp.TOTP(secret)
    hidden = forms(page)["/account/password"]
    answer = browser.post("/account/password", {**hidden, "password": password, "code": totp.at(clock.at // 1000)})
    assert answer.status_code == 303, visible(answer.text)
    return totp


def by_password(browser: Browser, login: str, password: str, code: str) -> int:
    return browser.post("/sign-in", {"login": login, "password": password, "code": code}, on="/sign-in").status_code


def test_without_a_session_every_page_leads_to_the_sign_in_and_back(served: Served) -> None:
    browser = served.browser()
    assert browser.get("/people").headers["location"] == "/sign-in?next=%2Fpeople"
    assert browser.get("/").headers["location"] == "/queue"


def test_the_first_use_of_the_printed_link_makes_the_administrator(served: Served) -> None:
    browser, link = served.browser(), served.first_link()
    answer = browser.come_in(link, login="Mina", name="Mina Laurent")
    assert answer.headers["location"].startswith("/account")
    assert sorted(row.role for row in served.user("mina").roles) == sorted(ROLES)
    assert "Mina Laurent" in browser.get("/queue").text


def test_looking_at_a_link_does_not_use_it_and_using_it_does(served: Served) -> None:
    link = served.first_link()
    path = link.removeprefix(served.origin)
    assert served.browser().get(path).status_code == 200
    assert served.browser().come_in(link, login="mina", name="Mina").status_code == 303
    late = served.browser()
    assert late.get(path).status_code == 410
    assert late.get("/queue").status_code == 303


def test_a_link_is_over_after_ten_minutes(served: Served, clock: Clock) -> None:
    link = served.first_link()
    clock.pass_by(10 * MINUTE - 1)
    assert served.browser().get(link).status_code == 200
    clock.pass_by(1)
    assert served.browser().get(link).status_code == 410


def test_two_browsers_that_race_for_the_first_link_make_one_administrator(served: Served) -> None:
    path = served.first_link().removeprefix(served.origin)
    browsers = [served.browser() for _ in range(4)]
    hidden = [forms(browser.get(path).text)[path] for browser in browsers]
    answers: list[int] = []

    def race(place: int) -> None:
        given = {**hidden[place], "login": f"p{place}", "name": "P"}
        answers.append(browsers[place].post(path, given).status_code)

    threads = [threading.Thread(target=race, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303, 410, 410, 410]


def test_a_new_link_ends_the_one_before(served: Served) -> None:
    old, new = served.first_link(), served.first_link()
    assert served.browser().get(old).status_code == 410
    assert served.browser().get(new).status_code == 200


def test_a_local_account_needs_password_and_code(served: Served, clock: Clock) -> None:
    totp = enrol(served.person("mina"), clock)
    clock.pass_by(MINUTE)
    code = totp.at(clock.at // 1000)
    assert by_password(served.browser(), "mina", PASSWORD, "000000") == 401
    assert by_password(served.browser(), "mina", PASSWORD + "!", code) == 401
    assert by_password(served.browser(), "nobody", PASSWORD, code) == 401
    browser = served.browser()
    assert by_password(browser, "Mina", PASSWORD, code) == 303
    assert browser.get("/queue").status_code == 200


def test_a_code_works_once(served: Served, clock: Clock) -> None:
    totp = enrol(served.person("mina"), clock)
    assert by_password(served.browser(), "mina", PASSWORD, totp.at(clock.at // 1000)) == 401
    clock.pass_by(MINUTE)
    code = totp.at(clock.at // 1000)
    assert [by_password(served.browser(), "mina", PASSWORD, code) for _ in range(2)] == [303, 401]


@pytest.mark.parametrize("password", ["short", "x" * 201, "mina-laurent-1"])
def test_a_password_that_is_too_short_too_long_or_the_login_is_refused(served: Served, clock: Clock, password: str) -> None:
    browser = served.person("mina-laurent-1")
    hidden = forms(browser.get("/account").text)["/account/password"]
    assert browser.post("/account/password", {**hidden, "password": password, "code": "000000"}).status_code == 422


def test_a_password_set_ends_the_other_sessions(served: Served, clock: Clock) -> None:
    other = served.person("mina")
    with served.database.writing() as session:
        from console.people import links

        token = links.new_link(session, session.merge(served.user("mina")), who="test", now=clock())
    mine = served.browser()
    mine.come_in(f"{served.origin}/sign-in/link/{token}")
    enrol(mine, clock)
    assert (mine.get("/queue").status_code, other.get("/queue").status_code) == (200, 303)


def test_passwords_secrets_and_tokens_are_not_kept_in_clear(served: Served, clock: Clock) -> None:
    browser = served.person("mina")
    enrol(browser, clock)
    assert served.user("mina").password_hash.startswith("$argon2id$")
    with served.database.reading() as session:
        kept = {row.token_hash for row in session.scalars(select(SignedIn))}
    assert kept.isdisjoint(browser.client.cookies.values())


def test_a_session_that_was_ended_is_over_at_once(served: Served, clock: Clock) -> None:
    browser = served.person("mina")
    with served.database.writing() as session:
        user = served.user("mina")
        sessions.end_all(session, user, who="admin", now=clock())
    answer = browser.get("/queue")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fqueue")


def test_a_session_ends_after_an_idle_hour_and_after_twelve_hours(served: Served, clock: Clock) -> None:
    idle, busy = served.person("mina"), served.person("noe")
    for _ in range(23):
        clock.pass_by(31 * MINUTE)
        assert busy.get("/queue").status_code == 200
    assert idle.get("/queue").status_code == 303
    clock.pass_by(8 * MINUTE)
    assert busy.get("/queue").status_code == 303


def test_signing_out_ends_the_session_also_for_a_copied_cookie(served: Served) -> None:
    browser, thief = served.person("mina"), served.browser()
    thief.client.cookies.update(browser.client.cookies)
    assert thief.get("/queue").status_code == 200
    browser.post("/sign-out", on="/queue")
    assert thief.get("/queue").status_code == 303


def test_whoever_guesses_has_to_wait(served: Served) -> None:
    browser = served.browser()
    answers = [by_password(browser, "mina", "guess", "123456") for _ in range(11)]
    assert answers == [401] * 10 + [429]


@pytest.mark.parametrize("where", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/sign-in/link/x"])
def test_after_signing_in_a_browser_is_sent_nowhere_but_to_us(served: Served, where: str) -> None:
    browser = served.person("mina")
    assert browser.get("/sign-in", params={"next": where}).headers["location"] == "/queue"


def test_what_people_do_to_accounts_is_in_the_audit_log(served: Served, clock: Clock) -> None:
    admin = served.person("admin")
    admin.post("/people", {"login": "noe", "name": "Noé", "role": ["reviewer"]}, on="/people")
    admin.post("/people/noe/roles", {"role": ["lead", "reviewer"], "why": "promoted"}, on="/people")
    admin.post("/people/noe/active", {"active": "false"}, on="/people")
    with served.database.reading() as session:
        said = [(row.who, row.what, row.subject) for row in session.scalars(select(Audit).order_by(Audit.number))]
        audit.verify(session)
    assert said[-5:] == [
        ("admin", "session.begin", said[-5][2]),
        ("admin", "user.create", "user/noe"),
        ("admin", "link.create", "user/noe"),
        ("admin", "user.roles", "user/noe"),
        ("admin", "user.active", "user/noe"),
    ]


def test_the_last_administrator_can_neither_leave_nor_be_closed(served: Served) -> None:
    admin = served.person("admin")
    assert admin.post("/people/admin/roles", {"role": ["reviewer"]}, on="/people").status_code == 422
    assert admin.post("/people/admin/active", {"active": "false"}, on="/people").status_code == 422
    assert admin.get("/people").status_code == 200


def test_an_invited_person_comes_in_by_the_link_that_is_shown_once(served: Served) -> None:
    admin = served.person("admin")
    page = admin.post("/people", {"login": "noe", "name": "Noé", "role": ["reviewer"]}, on="/people").text
    link = page.split('class="secret">')[1].split("<")[0]
    assert link not in admin.get("/people").text
    browser = served.browser()
    assert browser.come_in(link).status_code == 303
    assert (browser.get("/queue").status_code, browser.get("/people").status_code) == (200, 403)
