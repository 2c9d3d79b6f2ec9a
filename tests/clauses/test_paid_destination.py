"""Article 9.e, services whose owner is paid by the duration of the call, through ``vigie run``."""

from __future__ import annotations

from pathlib import Path

from support.clause import Clause

RULE = "paid-destination"
PREMIUM = "+33899700100"


def test_premium_calls_are_noticed_at_the_first_and_a_breach_at_60_minutes(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for hour in (9, 11, 14):
        clause.call("101", f"2026-03-02 {hour:02}:00", PREMIUM, talk_s=1_200)
    out = clause.judge()
    said = out.alerts(RULE)
    assert (said[0]["level"], said[0]["issued_at"]) == ("notice", "2026-03-02T08:00:05.000Z")
    assert (said[-1]["level"], said[-1]["measured"], said[-1]["unit"], said[-1]["mode"]) == ("breach", 60, "min/month", "review")
    assert [(m["rules"], m["seconds"]) for m in out.metering()] == [([RULE], 1_200)] * 3
    assert out.suspensions() == []


def test_a_call_over_two_hours_to_a_number_beyond_is_billed_once_per_second(tmp_path: Path) -> None:
    policy = {"rules": {"many-destinations": {"notice_destinations": 1, "breach_destinations": 2}}}
    clause = Clause(tmp_path).call("101", "2026-03-02 08:00", "+33612000001", talk_s=30)
    clause.call("101", "2026-03-02 09:00", PREMIUM, talk_s=9_000, in_plan=True)
    records = clause.judge(policy=policy).metering()
    assert [(m["rules"], m["seconds"]) for m in records] == [
        (["many-destinations", RULE], 7_200), (["long-call", "many-destinations", RULE], 1_800),
    ]  # fmt: skip
    assert records[0]["to"] == records[1]["from"]


def test_premium_numbers_that_nobody_answers_are_nothing(tmp_path: Path) -> None:
    out = Clause(tmp_path).call("101", "2026-03-02 09:00", PREMIUM, talk_s=None).judge()
    assert (out.alerts(RULE), out.metering()) == ([], [])


def test_free_phone_and_ordinary_numbers_are_nothing(tmp_path: Path) -> None:
    clause = Clause(tmp_path).call("101", "2026-03-02 09:00", "+33800123456", talk_s=4_000)
    out = clause.call("101", "2026-03-02 12:00", "+33145678901", talk_s=4_000).judge()
    assert (out.alerts(RULE), out.metering()) == ([], [])
