"""A running console, browsers of several people, and records to show."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from console.db.engine import Database
from console.db.tables import ROLES, User
from console.people import accounts, links
from console.settings import Oidc, Settings
from console.web.app import create_app
from vigie.dev.process import LOOPBACK, free_port

#: 2026-11-24T13:02:11Z.
BEGIN = 1_795_525_331_000


@dataclass
class Clock:
    """Time that stands until a test turns it."""

    at: int = BEGIN

    def __call__(self) -> int:
        return self.at

    def pass_by(self, ms: int) -> None:
        self.at += ms


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((given.get("action", ""), {}))
        elif tag == "input" and self.forms and given.get("name") and given.get("type") == "hidden":
            self.forms[-1][1][given["name"]] = given.get("value", "")


def forms(page: str) -> dict[str, dict[str, str]]:
    """The forms of a page by where they go, with what they carry hidden."""
    parser = _Forms()
    parser.feed(page)
    return dict(reversed(parser.forms))


@dataclass
class Browser:
    """What one person's browser does: keeps cookies, sends the headers that browsers send."""

    origin: str
    client: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx2.Client(base_url=self.origin, headers={"accept": "text/html"}, trust_env=False, timeout=30)

    def get(self, path: str, **more: Any) -> httpx2.Response:
        """Go to a page."""
        return self.client.get(path, **more)

    def post(self, path: str, data: dict[str, Any] | None = None, *, on: str = "", **more: Any) -> httpx2.Response:
        """Send the form that goes to ``path``, found on the page ``on``, with ``data`` filled in."""
        hidden = forms(self.get(on).text).get(path, {}) if on else {}
        headers = {"origin": self.origin, "sec-fetch-site": "same-origin", **more.pop("headers", {})}
        return self.client.post(path, data={**hidden, **(data or {})}, headers=headers, **more)

    def come_in(self, link: str, **fields: str) -> httpx2.Response:
        """Use a one-time link."""
        path = link.removeprefix(self.origin)
        return self.post(path, fields, on=path)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


@dataclass
class Served:
    """A console that is running."""

    settings: Settings
    browsers: list[Browser] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return self.settings.origin

    @property
    def database(self) -> Database:
        return self.settings.database

    def browser(self) -> Browser:
        """A browser of somebody new."""
        made = Browser(self.origin)
        self.browsers.append(made)
        return made

    def first_link(self) -> str:
        """The link that a start prints."""
        with self.database.writing() as session:
            return f"{self.origin}/sign-in/link/{links.console_link(session, self.settings.now(), always=True)}"

    def person(self, login: str, *roles: str) -> Browser:
        """Somebody with these roles (none named: all of them), signed in."""
        with self.database.writing() as session:
            user = accounts.create(session, login=login, name=login.title(), roles=roles or ROLES, who="test", now=self.settings.now())
            user.language = "en"
            token = links.new_link(session, user, who="test", now=self.settings.now())
        browser = self.browser()
        answer = browser.come_in(f"{self.origin}/sign-in/link/{token}")
        assert answer.status_code == 303, answer.text
        return browser

    def user(self, login: str) -> User:
        """A person's row."""
        with self.database.reading() as session:
            return session.query(User).filter_by(login=login).one()


@contextmanager
def serve(
    database: Database, clock: Clock, *, data: Path | None = None, oidc: Oidc | None = None, kafka: str | None = None
) -> Iterator[Served]:
    """A console on a free port of the loopback address."""
    port = free_port()
    settings = Settings(database, f"http://{LOOPBACK}:{port}", data=data, oidc=oidc, kafka=kafka, now=clock)
    running = Served(settings)
    with run(create_app(settings), port):
        try:
            yield running
        finally:
            for browser in running.browsers:
                browser.close()


@contextmanager
def run(app: Any, port: int) -> Iterator[None]:
    """An ASGI application on a port, in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=port, log_config=None, access_log=False, server_header=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def visible(page: str) -> str:
    """A page's text without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def statement(alert_id: str = "al-1", update: int = 1, **changed: Any) -> dict[str, Any]:
    """An alert as on the wire."""
    base: dict[str, Any] = {
        "kind": "alert",
        "v": 1,
        "alert_id": alert_id,
        "state": "open",
        "update": update,
        "rule": "autodial",
        "clause": "5.d",
        "level": "breach",
        "propensity": None,
        "tenant": "acme",
        "licence": "101",
        "mode": "review",
        "origin": "live",
        "measured": 200,
        "limit": 200,
        "unit": "attempts/24h",
        "window": {"from": "2026-11-23T09:00:00.000Z", "to": "2026-11-24T09:00:00.000Z"},
        "crossed_at": "2026-11-24T09:00:00.000Z",
        "issued_at": "2026-11-24T09:00:00.000Z",
        "summary": "200 attempts in 24 hours (limit 200).",
        "facts": {},
        "evidence": [],
        "evidence_more": 0,
        "against": [],
        "coverage": {"location": "full", "devices": "full", "calls": "full", "notes": []},
        "supersedes": [],
        "money_at_risk_cents": 6_000,
        "money_if_wrong_cents": 4_320,
        "score": None,
        "policy_version": "p-1",
        "model_version": None,
    }
    return {**base, **changed}


def suspension(sequence: int = 1, **changed: Any) -> dict[str, Any]:
    """A suspension record as on the wire."""
    base: dict[str, Any] = {
        "kind": "suspension",
        "v": 1,
        "epoch": 1,
        "sequence": sequence,
        "decision_id": f"de-{sequence}",
        "state": "active",
        "tenant": "acme",
        "licence": "101",
        "aors": ["101@acme.example"],
        "aors_removed": [],
        "restrictions": ["outgoing"],
        "prefixes": [],
        "emergency_allowed": True,
        "causes": [],
        "home_prefixes": ["+33"],
        "allowed_numbers": [],
        "customer_code": "V00001",
        "issued_at": "2026-11-24T09:00:00.000Z",
        "policy_version": "p-1",
    }
    return {**base, **changed}
