"""How long the server takes for the queue, an alert and the next one with ten thousand waiting, on both databases."""

from __future__ import annotations

import time

import pytest

from console import taking
from console.db.engine import Database
from support.console import BEGIN, Browser, Clock, forms, serve, statement

ALERTS, PAGES = 10_000, 40
PERSONS = ("autodial", "wangiri", "abroad-stay", "toll-fraud", "call-centre")


def test_ten_thousand_alerts_are_served_and_their_times_are_told(
    database: Database, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    filler = {"calls": ["x" * 100] * 60}
    for start in range(0, ALERTS, 500):
        with database.writing() as session:
            block = [
                statement(f"al-{n}", rule=PERSONS[n % 5], tenant=f"t{n % 900}", money_at_risk_cents=n * 7919 % 90_000, facts=filler)
                for n in range(start, start + 500)
            ]
            taking.alerts(session, block, BEGIN)
    with serve(database, clock) as served:
        browser = served.person("mina")
        hidden = forms(browser.get("/queue").text)["/queue/next"]
        said = [
            (name, quantile(browser, method, path, hidden))
            for name, method, path in (
                ("queue", "GET", "/queue"),
                ("filtered", "GET", "/queue?rule=wangiri&level=breach"),
                ("alert", "GET", "/alerts/al-77"),
                ("next", "POST", "/queue/next"),
            )
        ]
    with capsys.disabled():
        print(f"\n{database.kind}: " + "; ".join(f"{name}: p95 {ms:.0f} ms" for name, ms in said) + f" with {ALERTS:,} alerts")


def quantile(browser: Browser, method: str, path: str, hidden: dict[str, str]) -> float:
    taken = []
    for _ in range(PAGES):
        begun = time.perf_counter()
        answer = browser.get(path) if method == "GET" else browser.post(path, hidden)
        taken.append((time.perf_counter() - begun) * 1000)
        assert answer.status_code in (200, 303)
    return sorted(taken)[int(PAGES * 0.95) - 1]
