"""The fraud team's day on PostgreSQL and Kafka, from an abusive call to service given back, without a mouse."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from playwright.sync_api import expect

from support.browsing import chromium, picture, window, wrong
from support.journey import SATELLITE, Hands, Provider
from vigie.dev.broker import Broker
from vigie.dev.postgres import Postgres
from vigie.dev.redis import Redis


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of its own; not where pytest keeps others out."""
    with TemporaryDirectory(prefix="vigie-postgres-") as directory, Postgres(Path(directory)) as running:
        yield running


def test_from_an_abusive_call_to_service_given_back_by_two_persons_without_a_mouse(
    broker: Broker, postgres: Postgres, redis_server: Redis, prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    took: dict[str, float] = {}
    begun = time.monotonic()
    with Provider(broker, postgres, redis_server, prefix, tmp_path, ("alice", "bob")) as provider, chromium() as browser:
        took["started"] = time.monotonic() - begun
        ada, noe = Hands(window(browser)), Hands(window(browser))

        # Abuse while the first person comes in by the link that the console printed, and invites the second.
        provider.abuse("alice")
        ada.page.goto(provider.link)
        ada.to("#name")
        ada.write("Ada")
        ada.press("Tab")
        ada.write("ada")
        with ada.going("**/account*"):
            ada.press("Enter")
        ada.to('nav a[href="/people"]')
        with ada.going("**/people"):
            ada.press("Enter")
        ada.to("#name")
        ada.write("Noé")
        ada.press("Tab")
        ada.write("noe")
        with ada.going("**/people"):
            ada.press("Enter")
        noe.page.goto(ada.page.locator("code.secret").inner_text())
        noe.to("main button")
        with noe.going("**/account*"):
            noe.press("Enter")

        # The next alert, pulled by its key; nobody else can take it now.
        provider.until(lambda: any(one.get("level") == "breach" for one in provider.said("alerts", "alice")))
        with ada.going("**/queue"):
            ada.press("q")
        for _ in range(100):
            if ada.page.locator("[data-rows] tbody tr").count():
                break
            time.sleep(0.1)
            ada.page.reload()
        picture(ada.page, "live-queue")
        with ada.going("**/alerts/*"):
            ada.press("n")
        case = ada.alert
        expect(ada.page.locator("#decide")).to_be_visible()
        picture(ada.page, "live-alert")

        # A number in clear for a reason, read from the topic where its call stands.
        ada.to("details.reveal summary")
        ada.press("Enter", "Tab")
        ada.write("is it one of ours?")
        with ada.going("**/reveal*"):
            ada.press("Enter")
        expect(ada.page.locator("#h-evidence ~ .scroll strong")).to_have_text(re.compile(re.escape(SATELLITE.format("")) + r"\d$"))
        expect(ada.page.locator("#h-evidence ~ .scroll strong")).to_be_focused()
        picture(ada.page, "live-revealed")

        # Judge, take it back, judge again: a restriction, which needs a second person.
        ada.press("1", "b")
        with ada.going("**/queue*"):
            ada.press("Control+Enter")
        with ada.going(f"**/alerts/{case}*"):
            ada.press("u")
        ada.press("4", "a")
        with ada.going():
            ada.press("Control+Enter")
        expect(ada.page.locator("#notice-en")).to_be_visible()
        picture(ada.page, "live-confirm")
        with ada.going("**/queue*"):
            ada.press("Control+Enter")
        assert provider.said("suspensions", "alice") == []

        # The second person: the evidence, not the verdict. Then both agree.
        with noe.going("**/queue"):
            noe.press("q")
        with noe.going("**/alerts/*"):
            noe.press("n")
        assert noe.alert == case
        assert "Ada judged" not in noe.page.locator("main").inner_text()
        picture(noe.page, "live-second")
        noe.press("4", "a")
        with noe.going():
            noe.press("Control+Enter")
        with noe.going("**/queue*"):
            noe.press("Control+Enter")
        agreed = time.monotonic()

        # Meanwhile another line is abused, and both are at its alert in the same instant: one has it.
        provider.abuse("bob")
        provider.until(lambda: any(one.get("level") == "breach" for one in provider.said("alerts", "bob")))
        [other] = {one["alert_id"] for one in provider.said("alerts", "bob")}
        for hands in (ada, noe):
            hands.page.goto(re.sub(r"/queue.*", f"/alerts/{other}", hands.page.url))
        for hands in (ada, noe):
            hands.press("t")
        for hands in (ada, noe):
            expect(hands.page.locator("[data-key=take]")).to_have_count(0)
        assert sorted(hands.page.locator("#decide").count() for hands in (ada, noe)) == [0, 1]
        loser = ada if noe.page.locator("#decide").count() else noe
        expect(loser.page.locator("main")).to_contain_text("has it in hand")
        picture(loser.page, "live-race")

        # The record on the topic, and its receipt on the case.
        provider.until(lambda: provider.said("suspensions", "alice"))
        took["undo window and decision"] = time.monotonic() - agreed
        [record] = provider.said("suspensions", "alice")
        assert (record["state"], record["restrictions"], record["causes"][0]["alert_id"]) == ("active", ["paid", "international"], case)
        assert (record["causes"][0]["decided_by"], record["emergency_allowed"]) == ("ada", True)
        ada.page.goto(re.sub(r"/alerts/.*", f"/alerts/{case}", ada.page.url))
        receipts = ada.page.locator(".receipts")
        expect(receipts).to_contain_text(re.compile(r"applied on pbx-1\s+\d+ \w+ \d{4}, \d\d:\d\d:\d\d CES?T"), timeout=20_000)
        took["receipt on the case"] = time.monotonic() - agreed
        picture(ada.page, "live-receipt", whole=True)

        # Service back: one key, one reason, one person.
        ada.press("r")
        ada.write("the customer showed the contract")
        asked = time.monotonic()
        with ada.going(f"**/alerts/{case}*"):
            ada.press("Enter")
        expect(receipts).to_contain_text(re.compile(r"Service given back.*applied on pbx-1.*applied on pbx-1", re.DOTALL), timeout=20_000)
        took["service back on the case"] = time.monotonic() - asked
        expect(receipts).to_contain_text(re.compile(r"Service back \d+\s*m?s after it was asked for"))
        # Nothing was begun on the page, so all of it is as things stand now.
        expect(ada.page.locator("#reinstate")).to_have_count(0, timeout=10_000)
        picture(ada.page, "live-reinstated", whole=True)
        took["service back, as told"] = told_seconds(receipts.inner_text())
        [_, lift] = provider.said("suspensions", "alice")
        assert (lift["state"], lift["restrictions"], lift["causes"]) == ("lifted", [], [])
        assert (wrong(ada.page), wrong(noe.page)) == ([], [])
        ada.page.context.close()
        noe.page.context.close()
    took["in all"] = time.monotonic() - begun
    with capsys.disabled():
        print("\n" + "; ".join(f"{name} {seconds:.1f} s" for name, seconds in took.items()))


def told_seconds(text: str) -> float:
    """What the page says of how long service took to come back."""
    found = re.search(r"Service back (\d+)\s*s after", text)
    assert found, text
    return float(found[1])
