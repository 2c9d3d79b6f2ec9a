"""What every request passes, and what every answer carries."""

from __future__ import annotations

from pathlib import Path

import pytest

from console import taking
from console.web.guard import HEADERS
from support.console import BEGIN, Served, forms, statement


def test_the_console_says_whether_it_works_to_anybody(served: Served) -> None:
    assert served.browser().get("/health", headers={"host": "probe"}).json() == {"status": "ok", "database": "ok"}


@pytest.mark.parametrize("path", ["/health", "/sign-in", "/queue", "/none", "/static/style.css", "/static/none"])
def test_every_answer_carries_the_security_headers(served: Served, path: str) -> None:
    headers = served.browser().get(path).headers
    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    assert "x-request-id" in headers


def test_pages_stay_in_no_cache_and_static_files_for_ever_under_their_digest(served: Served) -> None:
    browser = served.browser()
    page = browser.get("/sign-in")
    style = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
    assert page.headers["cache-control"] == "no-store"
    assert "immutable" in browser.get(style).headers["cache-control"]
    assert "immutable" not in browser.get("/static/style.css?v=old").headers["cache-control"]


def test_a_strangers_host_name_is_refused(served: Served) -> None:
    assert served.browser().get("/sign-in", headers={"host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
        {"sec-fetch-site": "none"},
        {"origin": "null"},
        {},
    ],
)
def test_a_form_sent_from_another_site_is_refused_even_with_its_token(served: Served, headers: dict[str, str]) -> None:
    browser = served.person("mina")
    hidden = forms(browser.get("/account").text)["/account"]
    assert (
        browser.client.post("/account", data={**hidden, "language": "fr", "theme": "dark", "zone": "UTC"}, headers=headers).status_code
        == 403
    )
    assert served.user("mina").theme == "auto"


def test_a_form_without_the_token_of_its_session_does_nothing(served: Served) -> None:
    mina, noe = served.person("mina"), served.person("noe")
    theirs = forms(noe.get("/account").text)["/account"]["csrf"]
    for token in ("", "x", theirs):
        assert mina.post("/account", {"csrf": token, "language": "fr", "theme": "dark", "zone": "UTC"}).status_code == 403
    assert served.user("mina").theme == "auto"
    assert mina.post("/account", {"language": "fr", "theme": "dark", "zone": "UTC"}, on="/account").status_code == 303
    assert served.user("mina").theme == "dark"


def test_an_old_browser_that_says_only_its_origin_is_believed(served: Served) -> None:
    browser = served.person("mina")
    hidden = forms(browser.get("/account").text)["/account"]
    given = {**hidden, "language": "fr", "theme": "dark", "zone": "UTC"}
    assert browser.client.post("/account", data=given, headers={"origin": served.origin}).status_code == 303


def test_a_body_over_a_mebibyte_is_refused_whether_announced_or_not(served: Served) -> None:
    browser = served.browser()
    headers = {"origin": served.origin, "content-type": "application/x-www-form-urlencoded"}
    big = b"login=" + b"x" * (1 << 20)
    assert browser.client.post("/sign-in", content=big, headers=headers).status_code == 413
    assert browser.client.post("/sign-in", content=iter([big]), headers=headers).status_code >= 400


def test_what_a_telephone_wrote_is_shown_and_not_run(served: Served) -> None:
    browser = served.person("mina")
    with served.database.writing() as session:
        taking.alerts(session, [statement(licence="<script>alert(1)</script>")], BEGIN)
    page = browser.get("/queue").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page


def test_no_page_has_inline_script_or_style() -> None:
    templates = Path(__file__).parents[3] / "console" / "web" / "templates"
    found = [
        f"{path.name}: {line.strip()}"
        for path in sorted(templates.rglob("*.html"))
        for line in path.read_text("utf-8").splitlines()
        if " style=" in line or "<style" in line or " onclick=" in line or ("<script" in line and "src=" not in line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("role", "seen"), [("reviewer", {"/queue"}), ("auditor", {"/queue", "/audit"}), ("administrator", {"/queue", "/people"})]
)
def test_a_page_is_for_its_roles(served: Served, role: str, seen: set[str]) -> None:
    browser = served.person("mina", role)
    assert {path for path in ("/queue", "/people", "/audit") if browser.get(path).status_code == 200} == seen
    assert all(browser.get(path).status_code in (200, 403) for path in ("/queue", "/people", "/audit"))
