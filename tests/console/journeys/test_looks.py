"""Every page in light and dark, on a desk and on a telephone: pictures to look at, and the check of what a script can tell.

Leaves ``out/console/*.png``.
"""

from __future__ import annotations

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
LOOKS = [("light", "en", DESK), ("dark", "fr", DESK), ("light", "fr", PHONE), ("dark", "en", PHONE)]


@pytest.mark.parametrize(("theme", "language", "size"), LOOKS, ids=lambda value: str(value))
def test_every_page_can_be_read_by_everybody(full: Served, browser: Browser, theme: str, language: str, size: tuple[int, int]) -> None:
    page = window(browser, size, dark=theme == "dark")
    found: dict[str, list[str]] = {"sign-in": looked(page, f"{full.origin}/sign-in", f"sign-in-{theme}-{size[0]}")}
    sign_in(full, page, "mina", language=language)
    for name, path in PAGES.items():
        found[name] = looked(page, full.origin + path, f"{name}-{theme}-{size[0]}")
    page.context.close()
    assert {name: said for name, said in found.items() if said} == {}


def looked(page: Page, address: str, name: str) -> list[str]:
    """Open a page, keep its picture, and say what is wrong with it."""
    page.goto(address)
    page.evaluate("document.fonts.ready")
    picture(page, name)
    return [*faults(page), *wrong(page)]


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
