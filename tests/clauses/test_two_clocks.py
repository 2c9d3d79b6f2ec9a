"""Two clocks, through ``vigie run``: windows slide over event time, billing months turn at midnight of the customer's own zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from streams.outputs import DEAD_LETTERS
from streams.times import format_time
from support.clause import Clause, Outcome
from support.core import ms
from support.files import line, write
from vigie.cli import app

NEW_YORK, REUNION, CAIRO, TOKYO, ST_JOHNS = "America/New_York", "Indian/Reunion", "Africa/Cairo", "Asia/Tokyo", "America/St_Johns"
PREMIUM = "+33899123456"
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000


def at(zone: str, when: str, fold: int = 0) -> int:
    """Milliseconds of a local time; ``fold`` 1: the second of the two that a clock shows when it is put back."""
    return round(datetime.fromisoformat(when).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


def provider(directory: Path, zone: str, billing_day: int) -> Clause:
    return Clause(directory).tenant(time_zone=zone, billing_day=billing_day)


def months(directory: Path, zone: str, billing_day: int, *instants: int) -> list[str]:
    """The billing month that the run gives a premium call answered at each instant: each is metered."""
    clause = provider(directory, zone, billing_day)
    for instant in instants:
        clause.call("101", instant, PREMIUM, talk_s=5, ring_s=0)
    records = clause.judge().metering()
    assert [one["from"] for one in records] == [format_time(instant) for instant in instants]
    return [one["billing_month"] for one in records]


@pytest.mark.parametrize(
    ("zone", "billing_day", "turn", "labels"),
    [
        (NEW_YORK, 8, "2026-03-08 00:00", ("2026-02", "2026-03")),  # the day on which clocks are put forward
        (NEW_YORK, 9, "2026-03-09 00:00", ("2026-02", "2026-03")),  # the midnight after it
        (NEW_YORK, 1, "2026-11-01 00:00", ("2026-10", "2026-11")),  # the day on which they are put back
        (NEW_YORK, 2, "2026-11-02 00:00", ("2026-10", "2026-11")),
        (REUNION, 1, "2026-04-01 00:00", ("2026-03", "2026-04")),  # it is still March in Paris
        (ST_JOHNS, 8, "2026-03-08 00:00", ("2026-02", "2026-03")),  # half an hour from every other zone
        (CAIRO, 24, "2026-04-24 01:00", ("2026-03", "2026-04")),  # a midnight that there is not
        (TOKYO, 31, "2026-02-28 00:00", ("2026-01", "2026-02")),  # 28 days
        (TOKYO, 31, "2028-02-29 00:00", ("2028-01", "2028-02")),  # 29
        (TOKYO, 31, "2026-04-30 00:00", ("2026-03", "2026-04")),  # 30
        (TOKYO, 31, "2026-07-31 00:00", ("2026-06", "2026-07")),  # 31
        (TOKYO, 30, "2026-02-28 00:00", ("2026-01", "2026-02")),
    ],
)
def test_a_billing_month_turns_at_midnight_of_the_customer(
    tmp_path: Path, zone: str, billing_day: int, turn: str, labels: tuple[str, str]
) -> None:
    instant = at(zone, turn)
    assert tuple(months(tmp_path, zone, billing_day, instant - SECOND, instant)) == labels


def test_a_billing_day_of_31_gives_every_month_of_a_leap_year_one_turn(tmp_path: Path) -> None:
    lasts = [date(2028 + n // 12, n % 12 + 1, 1) - timedelta(days=1) for n in range(1, 13)]
    turns = [at(NEW_YORK, f"{last} 00:00") for last in lasts]
    found = months(tmp_path, NEW_YORK, 31, *(instant for turn in turns for instant in (turn - SECOND, turn)))
    assert found[1::2] == [f"2028-{n:02}" for n in range(1, 13)]
    assert found[2::2] == found[1:-1:2]
    assert found[0] == "2027-12"


FEW: Mapping[str, Any] = {"rules": {"many-destinations": {"notice_destinations": 2, "breach_destinations": 3}}}


def four_numbers_around(directory: Path, turn: int, zone: str) -> Outcome:
    """Two numbers in the last minutes before an instant and two in the first after it."""
    clause = provider(directory, zone, 8)
    for n, minutes in enumerate((-20, -10, 0, 10)):
        clause.call("101", turn + minutes * MINUTE, f"+3361200000{n}", talk_s=45, ring_s=0)
    return clause.judge(until="2026-05-01 00:00", policy=FEW)


def test_what_is_counted_in_a_billing_month_starts_again_at_its_turn(tmp_path: Path) -> None:
    turn = at(NEW_YORK, "2026-03-08 00:00")
    out = four_numbers_around(tmp_path, turn, NEW_YORK)
    assert out.alerts("many-destinations", "breach") == []
    assert out.metering() == []
    closed = [one["issued_at"] for one in out.alerts("many-destinations") if one["state"] == "closed"]
    # 743 hours: one is missing in the night of 8 March.
    assert closed == ["2026-03-08T05:00:00.000Z", "2026-04-08T04:00:00.000Z"]


def test_the_same_calls_lie_in_one_month_of_a_customer_in_another_zone(tmp_path: Path) -> None:
    out = four_numbers_around(tmp_path, at(NEW_YORK, "2026-03-08 00:00"), "Europe/Paris")
    (breach,) = {one["alert_id"] for one in out.alerts("many-destinations", "breach")}
    assert [(one["billing_month"], one["alert_id"]) for one in out.metering()] == [("2026-03", breach)] * 2


def mailing(directory: Path, start: int, gap_s: int, zone: str = NEW_YORK) -> Outcome:
    """Fifty recipients, one every ``gap_s`` seconds."""
    clause = provider(directory, zone, 8)
    for n in range(50):
        clause.message("101", start + n * gap_s * SECOND, f"+336120000{n:02}")
    return clause.judge()


@pytest.mark.parametrize(
    "night", ["2026-03-08 01:31", "2026-11-01 01:31", "2026-03-07 23:31"], ids=["clocks forward", "clocks back", "a billing month turns"]
)
def test_a_window_of_60_minutes_has_60_minutes_whatever_the_clock_on_the_wall_shows(tmp_path: Path, night: str) -> None:
    start = at(NEW_YORK, night)
    for name, gap_s, caught in (("57 minutes", 70, True), ("65 minutes", 80, False)):
        directory = tmp_path / name
        directory.mkdir()
        assert bool(mailing(directory, start, gap_s).alerts("mass-messaging", "breach")) is caught, name


def test_the_two_hours_of_a_call_are_counted_over_a_change_of_the_clocks(tmp_path: Path) -> None:
    clause = provider(tmp_path, NEW_YORK, 1)
    # 105 minutes from 01:00 to 03:45 on the wall, and 150 minutes from 00:30 to 02:00.
    clause.call("101", at(NEW_YORK, "2026-03-08 01:00"), talk_s=105 * 60, ring_s=0)
    clause.call("102", at(NEW_YORK, "2026-11-01 00:30"), talk_s=150 * 60, ring_s=0)
    out = clause.judge()
    (record,) = out.metering()
    assert (record["licence"], record["seconds"]) == ("102", 1_800)
    assert (record["from"], record["to"]) == ("2026-11-01T06:30:00.000Z", "2026-11-01T07:00:00.000Z")
    assert at(NEW_YORK, "2026-11-01 02:00") == ms("2026-11-01T07:00:00Z")


def test_a_call_over_the_turn_of_a_month_belongs_to_that_of_its_answer(tmp_path: Path) -> None:
    clause = provider(tmp_path, NEW_YORK, 8).call("101", at(NEW_YORK, "2026-03-07 22:00"), talk_s=9_000, ring_s=0)
    (record,) = clause.judge().metering()
    assert (record["from"], record["billing_month"]) == (format_time(at(NEW_YORK, "2026-03-08 00:00")), "2026-02")


def test_a_customer_whose_time_zone_nobody_knows_is_a_dead_letter_and_not_a_customer_of_paris(tmp_path: Path) -> None:
    facts = {"tenant": "acme", "offer": "unlimited"}
    good = line("tenant", ms("2026-01-01"), id="t1", time_zone=REUNION, **facts)
    source = write(tmp_path / "in.jsonl", [good, line("tenant", ms("2026-01-02"), id="t2", time_zone="Mars/Olympus", **facts)])
    done = CliRunner().invoke(app, ["run", str(source), "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (letter,) = (tmp_path / "out" / DEAD_LETTERS).read_text("utf-8").splitlines()
    assert '"line":2' in letter
    assert "tenant: time_zone: no time zone such as Europe/Paris or Indian/Reunion" in letter
    assert '"accepted": 1' in (tmp_path / "out" / "summary.json").read_text("utf-8")
