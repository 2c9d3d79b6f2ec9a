"""People in front of a real Chromium, and what a page owes those who see, hear or point differently."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, sync_playwright

from support.console import Served

CHROMIUM = "/usr/bin/chromium"
OUT = Path(__file__).parents[2] / "out" / "console"
DESK, PHONE = (1366, 768), (390, 844)
#: WCAG 2.2 AA, and of the good practice what helps to find one's way. The size of targets is AA and off unless asked for.
CHECKED: dict[str, Any] = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "rules": {name: {"enabled": True} for name in ("target-size", "heading-order", "page-has-heading-one", "landmark-one-main")},
    "resultTypes": ["violations"],
}
#: What axe leaves to others.
FAULTS = (Path(__file__).parent / "wcag.js").read_text("utf-8")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM)
        try:
            yield running
        finally:
            running.close()


def window(browser: Browser, size: tuple[int, int] = DESK, *, language: str = "en-GB", dark: bool = False) -> Page:
    """A window of somebody new; what goes wrong in its console is kept in ``page.faults``."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale=language, color_scheme="dark" if dark else "light", reduced_motion="reduce"
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.faults = wrong  # type: ignore[attr-defined]
    return page


def sign_in(served: Served, page: Page, login: str, *roles: str, language: str = "en") -> None:
    """Come in by a link, as somebody with these roles (none named: all of them)."""
    page.goto(link_of(served, login, *roles, language=language))
    page.get_by_role("main").get_by_role("button").first.click()
    page.wait_for_url(lambda address: "/sign-in/" not in address)


def link_of(served: Served, login: str, *roles: str, language: str = "en") -> str:
    """A link that signs a person in, whom it makes when there is no such person yet."""
    from console.db.tables import ROLES, User
    from console.people import accounts, links

    now = served.settings.now()
    with served.database.writing() as session:
        user = session.query(User).filter_by(login=login).one_or_none()
        if user is None:
            user = accounts.create(session, login=login, name=login.title(), roles=roles or ROLES, who="test", now=now)
        user.language = language
        token = links.new_link(session, user, who="test", now=now)
    return f"{served.origin}/sign-in/link/{token}"


def picture(page: Page, name: str, *, whole: bool = False) -> None:
    """Keep what a page looks like, to be looked at: ``out/console/NAME.png``."""
    OUT.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(OUT / f"{name}.png"), full_page=whole)


def faults(page: Page) -> list[str]:
    """What is wrong with a page, by axe and by what it leaves to others.

    Scripts that Playwright evaluates are not the page's: its content security policy stays in force, and is tested by ``wrong``.
    """
    found: list[str] = page.evaluate(FAULTS)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    for fault in page.evaluate("asked => axe.run(asked)", CHECKED)["violations"]:
        for node in fault["nodes"]:
            why = "; ".join(one["message"] for one in [*node["any"], *node["all"], *node["none"]])
            found.append(f"{fault['id']}: {' '.join(map(str, node['target']))}: {why}: {node['html'][:120]}")
    return found


def wrong(page: Page) -> list[str]:
    """Errors and warnings of the page's console, refusals by the content security policy among them."""
    said: Any = page.faults  # type: ignore[attr-defined]
    return list(said)
