"""One Chromium for all journeys, and a console that has something to review."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from console import taking
from console.db.engine import Database
from support.browsing import chromium
from support.console import BEGIN, Clock, Served, serve, statement, suspension

HOSTILE = '<script>document.title="run"</script>'


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    """Chromium. Not for the whole session: while Playwright is open its event loop runs, and no other test could run one."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def browser(running: Browser, full: Served) -> Iterator[Browser]:
    """Chromium; its windows are closed before the console stops, which waits for whoever listens for counts of the queue."""
    yield running
    for context in running.contexts:
        context.close()


@pytest.fixture
def full(sqlite: Database, clock: Clock, tmp_path: Path) -> Iterator[Served]:
    """A console over files with three alerts, one of them with an automatic restriction, one by a telephone that is hostile."""
    cause: dict[str, Any] = {"alert_id": "al-1", "rule": "abroad-stay", "decided_by": "auto", "review_by": "2026-11-26T13:02:11.000Z"}
    cause |= {"restrictions": ["outgoing"], "until": None}
    with sqlite.writing() as session:
        said = [
            statement("al-1", money_at_risk_cents=90_000),
            statement("al-2", licence="102", money_at_risk_cents=50_000),
            statement(
                "al-3", licence=HOSTILE, summary=f"{HOSTILE} registered.", against=[HOSTILE], rule="unapproved-terminal", clause="4.a"
            ),
        ]
        taking.alerts(session, said, BEGIN)
        taking.suspensions(session, [suspension(causes=[cause])], BEGIN)
    (tmp_path / "data").mkdir()
    with serve(sqlite, clock, data=tmp_path / "data") as served:
        yield served
