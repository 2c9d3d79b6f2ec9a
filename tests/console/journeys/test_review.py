"""The fraud team's day in a real browser: judging, taking back, a second person, giving service back; and what goes wrong."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from console.db.tables import Alert, Decision, Outbox
from console.people import sessions, tokens
from support.browsing import link_of, picture, sign_in, window, wrong
from support.console import Served


def alert_of(served: Served, alert_id: str) -> Alert:
    """An alert as the database has it."""
    with served.database.reading() as session:
        return session.get_one(Alert, alert_id)


def take_next(page: Page, served: Served) -> str:
    """Take the next alert of the queue; its id."""
    page.goto(f"{served.origin}/queue")
    page.locator("[data-key=next]").click()
    page.wait_for_url("**/alerts/*")
    return page.url.rsplit("/", 1)[1].split("?")[0]


def judge(page: Page, verdict: str, action: str, reason: str = "clear") -> None:
    """Fill in the decision and send it; a step that the customer notices is shown first, and confirmed."""
    page.locator(f"input[name=verdict][value={verdict}]").check()
    page.locator(f"input[name=action][value={action}]").check()
    page.locator("select[name=reason]").select_option(reason)
    page.locator("#decide [data-key=confirm]").click()
    if action in ("warn", "restrict", "suspend"):
        expect(page.locator("textarea[name=notice_fr]")).to_be_visible()
        page.locator("#decide [data-key=confirm]").click()
    page.wait_for_load_state()


def test_judge_undo_judge_again_second_person_and_service_back(full: Served, browser: Browser) -> None:
    first, other = window(browser), window(browser)
    first.goto(full.first_link())
    first.get_by_label("Login").fill("ada")
    first.get_by_label("Name", exact=True).fill("Ada")
    first.get_by_role("main").get_by_role("button").click()
    first.wait_for_url("**/account*")
    sign_in(full, other, "noe", "reviewer")

    # al-2 has no automatic cause: a person's restriction needs two.
    first.goto(f"{full.origin}/alerts/al-2")
    first.locator("[data-key=take]").click()
    judge(first, "no_breach", "none", "explained")
    first.locator("[data-key=undo]").click()
    first.wait_for_url("**/alerts/al-2*")
    assert alert_of(full, "al-2").status == "new"
    if first.locator("[data-key=take]").count():
        first.locator("[data-key=take]").click()
    judge(first, "breach", "restrict")
    assert alert_of(full, "al-2").status == "second"
    with full.database.reading() as session:
        assert session.scalar(select(Outbox).where(Outbox.kind == "review", Outbox.cancelled_at.is_(None))) is None

    # The second person sees the evidence and not the first verdict; then both agree and a review is on its way.
    other.goto(f"{full.origin}/alerts/al-2")
    assert "Ada" not in other.locator(".timeline").inner_text()
    picture(other, "second-opinion")
    other.locator("[data-key=take]").click()
    judge(other, "breach", "restrict")
    assert alert_of(full, "al-2").status in ("decided", "published")
    with full.database.reading() as session:
        message = session.scalar(select(Outbox).where(Outbox.kind == "review", Outbox.cancelled_at.is_(None)))
        parts = [row.part for row in session.scalars(select(Decision).order_by(Decision.at, Decision.decision_id))]
    assert message is not None
    assert (message.body["action"], message.body["alert_id"]) == ("restrict", "al-2")
    assert sorted(parts) == ["first", "first", "second", "undo"]

    # The licence of al-1 is closed automatically; one person gives service back with one key and a reason, at once.
    first.goto(f"{full.origin}/alerts/al-1")
    first.locator("input[name=why]#reinstate").fill("the customer showed a ticket")
    first.locator("form[action*=reinstate] button").click()
    first.wait_for_load_state()
    with full.database.reading() as session:
        back = session.scalars(select(Outbox).where(Outbox.kind == "review").order_by(Outbox.outbox_id.desc())).first()
    assert back is not None
    assert (back.body["action"], back.not_before <= full.settings.now()) == ("lift", True)
    picture(first, "reinstated")
    assert (wrong(first), wrong(other)) == ([], [])
    first.context.close()
    other.context.close()


def test_two_browsers_that_race_for_the_next_alert_get_two(full: Served, browser: Browser) -> None:
    pages = [window(browser), window(browser)]
    for page, login in zip(pages, ("mina", "noe"), strict=True):
        sign_in(full, page, login, "reviewer")
        page.goto(f"{full.origin}/queue")
    for page in pages:
        # Sent, not waited for: both are on their way at once.
        page.evaluate("document.querySelector('[data-key=next]').form.requestSubmit()")
    for page in pages:
        page.wait_for_url("**/alerts/*")
    taken = {page.url.split("/alerts/")[1].split("?")[0] for page in pages}
    assert len(taken) == 2
    # Each finds the other's alert in the other's hands.
    for page, login in zip(pages, ("Noe", "Mina"), strict=True):
        mine = page.url.split("/alerts/")[1].split("?")[0]
        page.goto(f"{full.origin}/alerts/{next(iter(taken - {mine}))}")
        expect(page.locator("main")).to_contain_text(login)
        assert page.locator("input[name=verdict]").count() == 0
        page.context.close()


def test_a_session_that_is_revoked_in_the_middle_of_a_review_decides_nothing(full: Served, browser: Browser) -> None:
    page = window(browser)
    sign_in(full, page, "mina", "reviewer")
    alert_id = take_next(page, full)
    page.locator("input[name=verdict][value=no_breach]").check()
    page.locator("input[name=action][value=none]").check()
    page.locator("select[name=reason]").select_option("explained")
    now = full.settings.now()
    with full.database.writing() as session:
        sessions.end_all(session, full.user("mina"), who="ada", now=now, why="left the company")
    page.locator("#decide [data-key=confirm]").click()
    page.wait_for_url("**/sign-in*")
    picture(page, "revoked")
    with full.database.reading() as session:
        assert session.scalars(select(Decision)).all() == []
    assert alert_of(full, alert_id).status == "new"
    page.context.close()


def test_a_script_in_what_a_telephone_wrote_is_text_on_every_page(full: Served, browser: Browser) -> None:
    page = window(browser)
    sign_in(full, page, "mina")
    for path in ("/queue", "/alerts/al-3"):
        page.goto(full.origin + path)
        assert "document.title" in page.locator("main").inner_text()
        assert page.title() != "run"
        assert page.locator("main script").count() == 0
        assert wrong(page) == []
    picture(page, "hostile")
    page.context.close()


def test_what_is_asked_before_signing_in_is_shown_after(full: Served, browser: Browser) -> None:
    page = window(browser)
    page.goto(f"{full.origin}/alerts/al-1")
    assert "/sign-in?next=" in page.url
    link = link_of(full, "mina")
    page.goto(link)
    page.get_by_role("main").get_by_role("button").first.click()
    # The link is good once.
    page.context.clear_cookies()
    page.goto(link)
    assert page.locator("form[method=post] button").count() == 0 or "sign-in" in page.url
    page.context.close()


def test_a_formula_in_a_cell_stays_text(full: Served, browser: Browser) -> None:
    with full.database.writing() as session:
        alert = session.get_one(Alert, "al-2")
        alert.licence = "=cmd|' /C calc'!A0"
        alert.statement = {**alert.statement, "licence": alert.licence}
    page = window(browser)
    sign_in(full, page, "mina")
    with full.database.writing() as session:
        token = tokens.create(session, full.user("mina").user_id, "export", ["alerts"], 1, who="mina", now=full.settings.now())
    answer = page.request.get(f"{full.origin}/api/v1/alerts.csv", headers={"authorization": f"Bearer {token}"})
    assert answer.status == 200, answer.text()[:200]
    cells = [cell.strip('"') for line in answer.text().splitlines() for cell in line.split(",")]
    assert any("cmd|" in cell for cell in cells)
    assert [cell for cell in cells if cell[:1] in "=+@\t\r" and cell] == []
    page.context.close()
