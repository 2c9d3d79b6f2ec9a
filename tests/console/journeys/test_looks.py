"""Every page in light and dark, on a desk and on a telephone: pictures to look at, and axe's check of WCAG 2.2 AA.

Leaves ``out/console/*.png``.
"""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from support.browsing import DESK, PHONE, faults, picture, sign_in, window, wrong
from support.console import Served

PAGES = {
    "queue": "/queue",
    "alert": "/alerts/al-1",
    "what-if": "/what-if?rule=autodial",
    "policies": "/policies",
    "people": "/people",
    "tokens": "/tokens",
    "keys": "/account/keys",
    "account": "/account",
    "audit": "/audit",
    "systems": "/systems",
}
#: What the keyboard has to reach; of radio buttons it reaches the group.
REACHABLE = "a[href], button, input:not([type=hidden], [type=radio]), select, textarea, summary"
SHOWN = """one => one.checkVisibility({visibilityProperty: true}) && !one.matches(':disabled') && !one.closest('dialog:not([open])')
  && !one.closest('details:not([open]) > :not(summary)')"""
#: Where the focus is: a mark of its own, how it begins, whether it shows that it is there, whether it is in the window, and whether
#: it is one of those to reach.
HERE = f"""() => {{
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  one.dataset.at ??= String(Math.random());
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  const shows = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  return [one.dataset.at, one.outerHTML.slice(0, 90), shows, box.bottom > 0 && box.top < innerHeight, one.matches(`{REACHABLE}`)];
}}"""
#: Marks what is to be reached; mark and beginning of each.
MARKED = f"""() => [...document.querySelectorAll(`{REACHABLE}`)].filter({SHOWN}).map((one, place) => {{
  const html = one.outerHTML.slice(0, 90);
  one.dataset.at = String(place);
  return [one.dataset.at, html];
}})"""
#: In each language every page is loaded once and looked at twice: on a desk in one theme, on a telephone in the other.
LOOKS = {"en": (("dark", DESK), ("light", PHONE)), "fr": (("light", DESK), ("dark", PHONE))}


@pytest.mark.parametrize("language", LOOKS)
def test_every_page_can_be_read_by_everybody(full: Served, browser: Browser, language: Literal["en", "fr"]) -> None:
    page = window(browser)
    found = looked(page, f"{full.origin}/sign-in", "sign-in", language)
    sign_in(full, page, "mina", language=language)
    for name, path in PAGES.items():
        found |= looked(page, full.origin + path, name, language)
    # A step that the customer notices is shown whole before it is taken.
    for alert_id, action in (("al-1", "suspend"), ("al-2", "warn")):
        page.goto(f"{full.origin}/alerts/{alert_id}")
        page.locator("[data-key=take]").click()
        page.locator("input[name=verdict][value=breach]").check()
        page.locator(f"input[name=action][value={action}]").check()
        page.locator("select[name=reason]").select_option("clear")
        if action == "suspend":
            found |= looked(page, "", "alert-in-hand", language)
        page.locator("#decide [data-key=confirm]").click()
        page.locator("textarea[name=notice_fr]").wait_for()
        if action == "suspend":
            found |= looked(page, "", "confirm", language)
    page.locator("#decide [data-key=confirm]").click()
    page.wait_for_url(lambda address: "done=" in address)
    found |= looked(page, f"{full.origin}/alerts/al-2", "notice", language)
    page.context.close()
    assert {name: said for name, said in found.items() if said} == {}


def looked(page: Page, address: str, name: str, language: Literal["en", "fr"]) -> dict[str, list[str]]:
    """Open a page, keep its pictures, and say what is wrong with it in each look."""
    if address:
        page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
        page.goto(address)
    found = {}
    for theme, (width, height) in LOOKS[language]:
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("document.fonts.ready")
        picture(page, f"{name}-{theme}-{width}")
        found[f"{name} {theme} {width}"] = faults(page)
    found[name] = wrong(page)
    return found


def test_the_keyboard_alone_reaches_everything_and_shows_where_it_is(full: Served, browser: Browser) -> None:
    page = window(browser)
    sign_in(full, page, "mina")
    for path in PAGES.values():
        page.goto(full.origin + path)
        wanted = page.evaluate(MARKED)
        reached, hidden, shown, last = set(), {}, set(), ""
        for _ in range(len(wanted) + 40):
            page.keyboard.press("Tab")
            here = page.evaluate(HERE)
            # A date is one element and four stops.
            if here is None or (here[4] and here[0] in reached and here[0] != last):
                break
            last = here[0]
            if here[4]:
                reached.add(here[0])
            if here[2] and here[3]:
                shown.add(here[0])
            else:
                hidden[here[0]] = here[1]
        # The button inside a date shows the focus by itself.
        assert (path, [html for mark, html in hidden.items() if mark not in shown]) == (path, [])
        assert (path, [html for mark, html in wanted if mark not in reached]) == (path, [])
    page.context.close()


def test_a_page_without_script_works(full: Served, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": DESK[0], "height": DESK[1]})
    page = context.new_page()
    sign_in(full, page, "mina")
    page.goto(f"{full.origin}/queue")
    page.get_by_role("main").get_by_role("button").first.click()
    assert "/alerts/" in page.url
    context.close()
