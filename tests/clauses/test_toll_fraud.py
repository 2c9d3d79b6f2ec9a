"""Articles 5.d, 12.c and 12.d, fraudulent use to paid destinations, through ``vigie run``."""

from __future__ import annotations

from pathlib import Path

from support.clause import Clause
from support.core import ms

DAY, MINUTE = 86_400_000, 60_000
TUESDAY = ms("2026-03-03 00:00")
NIGHT, MORNING = TUESDAY + 180 * MINUTE, TUESDAY + 600 * MINUTE


def office(tmp_path: Path) -> Clause:
    """Five weeks of a customer that calls in France from nine to five and Dakar at noon, by two licences."""
    clause = Clause(tmp_path)
    for day in range(35):
        at = TUESDAY - (35 - day) * DAY
        for hour in range(8, 18):
            clause.call("201", at + (60 * hour + 7) * MINUTE, f"+3314027{hour:04}", cdr=True)
        clause.call("201", at + 720 * MINUTE, "+221771234567", talk_s=300)
    return clause


def test_satellite_calls_at_three_in_the_morning_are_stopped_before_the_fourth(tmp_path: Path) -> None:
    clause = office(tmp_path)
    for n in range(4):
        clause.call("202", NIGHT + n * 150_000, f"+8816312345{n:02}", talk_s=120)
    out = clause.judge()
    [breach] = out.alerts("toll-fraud", "breach")
    assert (breach["clause"], breach["mode"], breach["licence"], breach["measured"]) == ("5.d, 12.c, 12.d", "auto", "202", 3)
    assert breach["crossed_at"] == "2026-03-03T02:05:00.000Z"
    [order] = out.suspensions("202")
    assert set(order["restrictions"]) == {"international", "paid"}
    assert order["emergency_allowed"] is True


def test_calls_that_are_still_up_are_stopped_when_they_have_cost_15_euros(tmp_path: Path) -> None:
    clause = office(tmp_path)
    for n in range(2):
        clause.call("202", MORNING + n * MINUTE, "+442071838750", talk_s=7_000)
    out = clause.judge()
    breach = out.alerts("toll-fraud", "breach")[0]
    assert (breach["unit"], breach["limit"]) == ("cents/60min", 1_500)
    assert breach["issued_at"] == "2026-03-03T09:25:35.001Z"
    assert [order["licence"] for order in out.suspensions()] == ["202"]


def test_a_customer_that_calls_senegal_every_day_may_call_it_all_night(tmp_path: Path) -> None:
    clause = office(tmp_path)
    for n in range(6):
        clause.call("202", NIGHT + n * 5 * MINUTE, "+221771234567", talk_s=240)
    out = clause.judge()
    assert out.alerts("toll-fraud") == []
    assert out.suspensions() == []


def test_the_first_german_customer_redialled_in_the_morning_is_a_notice_and_stops_nothing(tmp_path: Path) -> None:
    clause = office(tmp_path)
    for n in range(5):
        clause.call("202", MORNING + n * 6 * MINUTE, "+493022730", talk_s=None, ring_s=25)
    out = clause.judge()
    assert [one["level"] for one in out.alerts("toll-fraud")] == ["notice"]
    assert out.suspensions() == []


def test_the_first_call_to_canada_is_nothing(tmp_path: Path) -> None:
    clause = office(tmp_path)
    clause.call("202", NIGHT, "+15145550123", talk_s=900)
    assert clause.judge().alerts() == []
