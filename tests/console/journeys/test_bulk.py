"""Picking in the queue and deciding together, by the keyboard alone; pictures of each page are left in ``out/console``."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from console import taking
from console.db.tables import Alert, Decision
from console.review.second import sampled
from support.browsing import DESK, PHONE, faults, picture, sign_in, window, wrong
from support.console import BEGIN, Served, statement

ONES = [f"bulk-{n}" for n in range(100) if not sampled(f"bulk-{n}")][:6]


@pytest.mark.parametrize(("theme", "size"), [("light", DESK), ("dark", PHONE)], ids=str)
def test_a_set_is_picked_decided_and_taken_back_by_the_keyboard(full: Served, browser: Browser, theme: str, size: tuple[int, int]) -> None:
    with full.database.writing() as session:
        more = [statement(one, licence=f"2{n:02}", tenant="dupont", rule="wangiri", money_at_risk_cents=9) for n, one in enumerate(ONES)]
        taking.alerts(session, [*more, statement("bulk-odd", tenant="dupont", level="notice")], BEGIN)
    page = window(browser, size, dark=theme == "dark")
    sign_in(full, page, "mina")
    found: dict[str, list[str]] = {}

    def looked(name: str) -> None:
        picture(page, f"bulk-{name}-{theme}-{size[0]}")
        found[name] = [*faults(page), *wrong(page)]

    page.goto(f"{full.origin}/queue?tenant=dupont")
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.locator("[data-picked]")).to_have_text("2")
    page.keyboard.press("Shift+X")
    expect(page.locator("[data-picked]")).to_have_text("7")
    looked("picked")
    page.keyboard.press("b")
    expect(page.locator(".differs li")).to_have_count(1)
    looked("differs")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#reason")).to_be_visible()
    looked("set")
    for key in ("1", "b", "Control+Enter"):
        page.keyboard.press(key)
    page.wait_for_url("**/bulk/bu-*")
    expect(page.locator("[data-key=undo]")).to_be_visible()
    looked("decided")
    page.keyboard.press("u")
    expect(page.locator("[data-key=undo]")).to_have_count(0)
    looked("undone")
    with full.database.reading() as session:
        parts = [row.part for row in session.scalars(select(Decision))]
        statuses = {session.get_one(Alert, one).status for one in ONES}
    assert (sorted(parts), statuses) == (["first"] * 6 + ["undo"] * 6, {"new"})
    # On an alert the same keys are others: x gives back, b is a reason.
    page.goto(f"{full.origin}/alerts/{ONES[0]}")
    page.keyboard.press("t")
    expect(page.locator("#reason")).to_be_visible()
    page.keyboard.press("b")
    expect(page.locator("#reason")).to_have_value("explained")
    page.keyboard.press("x")
    page.wait_for_url("**/queue*")
    assert {name: said for name, said in found.items() if said} == {}
    page.context.close()
