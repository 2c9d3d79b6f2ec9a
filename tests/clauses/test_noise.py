"""Noise: a scan is one alert with a count, and nothing is said twice for one step of evidence, through ``vigie run``."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from datetime import datetime
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from typer.testing import CliRunner

from detectors.events import Event, PolicyEvent, rank
from detectors.registry import installed
from streams.times import format_time, parse_time
from streams.wire import to_line
from support.clause import TENANT, Clause, Outcome
from support.core import ms
from support.traffic import START, everything
from vigie.cli import app
from vigie.options import DEFAULT_POLICY

RULE = "account-takeover"
SCANNER = "5.2.9.9"
T0 = ms("2026-03-02 03:00")
LEVELS, MODES = ("notice", "breach"), ("shadow", "review", "auto")
REQUESTS = 3_000


def provider(directory: Path) -> Clause:
    """Nine accounts that are used at home."""
    clause = Clause(directory)
    for n in range(9):
        clause.registration(f"{101 + n}", "2026-02-20 09:00").call(f"{101 + n}", "2026-02-20 10:00")
    return clause


def scanned(directory: Path, shape: str, agent: str) -> Outcome:
    """Ten registrations a second for five minutes that all fail."""
    clause = provider(directory)
    for n in range(REQUESTS):
        at = T0 + 100 * n
        if shape == "every account":
            clause.registration(f"{101 + n % 9}", at, "failed", ip=SCANNER, device="", agent=agent)
        elif shape == "one account from many networks":
            clause.registration("101", at, "failed", ip=f"5.2.{n % 40}.9", device="", agent=agent)
        else:
            fields = {"pbx": "pbx-1", "aor": f"{n}@nobody.example", "source_ip": SCANNER, "user_agent": agent, "contact": "sip:x@5.2.9.9"}
            clause.line("registration", at, action="failed", status=404, **fields)
    return clause.judge(until="2026-03-05 12:00")


@pytest.mark.parametrize("agent", ["friendly-scanner", "Linphone/5.2"])
@pytest.mark.parametrize("shape", ["every account", "one account from many networks", "names that nobody has"])
def test_a_scan_of_thousands_of_registrations_in_minutes_is_one_alert_with_a_count(tmp_path: Path, shape: str, agent: str) -> None:
    alerts = scanned(tmp_path, shape, agent).alerts()
    assert {(a["rule"], a["level"]) for a in alerts} == {(RULE, "notice")}
    (scope,) = {(a["alert_id"], a["tenant"]) for a in alerts}
    assert scope[1] == ("_unresolved" if shape.startswith("names") else TENANT)
    # One statement for each doubling, and the one that closes it: the count is never behind by more than half.
    opened, last = [a for a in alerts if a["state"] == "open"], alerts[-1]
    assert all(after["measured"] >= 2 * before["measured"] for before, after in pairwise(opened))
    assert len(opened) <= REQUESTS.bit_length()
    assert last["measured"] > REQUESTS // 4
    assert str(last["measured"]) in last["summary"]
    assert (last["state"], last["update"]) == ("closed", len(alerts))


def test_the_same_scan_on_a_second_day_is_another_alert_and_still_one(tmp_path: Path) -> None:
    clause = provider(tmp_path)
    for day in (0, 3):
        for n in range(1_000):
            clause.registration(f"{101 + n % 9}", T0 + day * 86_400_000 + 100 * n, "failed", ip=SCANNER, device="", agent="sipvicious")
    alerts = clause.judge(until="2026-03-09 12:00").alerts(RULE)
    assert len({a["alert_id"] for a in alerts}) == 2


def test_a_thousand_registrations_that_succeed_are_no_scan(tmp_path: Path) -> None:
    clause = provider(tmp_path)
    for n in range(1_000):
        clause.registration(f"{101 + n % 9}", T0 + 100 * n, "refresh")
    assert clause.judge(until="2026-03-05 12:00").alerts() == []


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Statements by alert, of everything that any rule of the house finds: each abuse is a customer of its own."""
    directory = tmp_path_factory.mktemp("noise")
    events: list[Event] = [PolicyEvent(id="policy", time=START - 3 * 86_400_000, body=tomllib.loads(DEFAULT_POLICY.read_text("utf-8")))]
    events += everything()
    for path in sorted((Path(__file__).parents[1] / "support" / "abuse").glob("*.py")):
        traffic = import_module(f"support.abuse.{path.stem}").traffic()
        events += [msgspec.structs.replace(one, tenant=path.stem) for one in traffic]
    events.sort(key=lambda one: (one.time, rank(one), one.pbx, one.id))
    # An exported log: the stamps that the traffic carries are those that are judged.
    (directory / "log.jsonl").write_bytes(b"".join(line + b"\n" for line in (b'{"kind":"log","v":1}', *map(to_line, events))))
    arguments = ["run", str(directory / "log.jsonl"), "--out", str(directory / "out"), "--until", format_time(ms("2026-05-05 12:00"))]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    outcome = Outcome(directory / "out", done.output)
    assert outcome.dead_letters() == []
    found = defaultdict(list)
    for one in outcome.alerts():
        found[one["alert_id"]].append(one)
    return dict(found)


def test_every_rule_speaks_in_this_traffic(said: dict[str, list[dict[str, Any]]]) -> None:
    # The stay abroad is suspended on its 61st day, and restricted days count for no total.
    assert {alerts[0]["rule"] for alerts in said.values()} == set(installed()) - {"abroad-total"}


def test_no_alert_is_restated_more_than_once_per_step_of_evidence(said: dict[str, list[dict[str, Any]]]) -> None:
    for alerts in said.values():
        assert [one["update"] for one in alerts] == list(range(1, len(alerts) + 1))
        for before, after in pairwise(alerts):
            assert is_a_step(before, after), (before, after)


def is_a_step(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a statement has something to say that the one before it had not."""
    if after["state"] != "open":
        return before["state"] == "open"
    rises = LEVELS.index(after["level"]) > LEVELS.index(before["level"]) or MODES.index(after["mode"]) > MODES.index(before["mode"])
    doubles = after["measured"] >= 2 * before["measured"]
    grows_on_a_later_day = after["measured"] > before["measured"] and day_of(after) > day_of(before)
    takes_others = set(after["supersedes"]) > set(before["supersedes"])
    another_sign = after["rule"] == RULE and after["facts"] != before["facts"]
    lift_proposed = any(text.startswith("lift proposed") for text in set(after["against"]) - set(before["against"]))
    return rises or doubles or grows_on_a_later_day or takes_others or another_sign or lift_proposed


def day_of(alert: dict[str, Any]) -> str:
    return datetime.fromtimestamp(parse_time(alert["issued_at"]) / 1000, ZoneInfo("Europe/Paris")).date().isoformat()


def test_a_day_without_a_new_level_says_an_alert_few_times(said: dict[str, list[dict[str, Any]]]) -> None:
    for alerts in said.values():
        days = defaultdict(list)
        for one in alerts:
            days[day_of(one)].append(one)
        for found in days.values():
            # From the limit on each further statement of a day doubles the measure, but for a level, a mode, a close or a sign.
            doublings = (max(a["measured"] for a in found) // max(1, min(a["measured"] for a in found))).bit_length()
            assert len(found) <= doublings + 4, [(a["update"], a["measured"]) for a in found]
