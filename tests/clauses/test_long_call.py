"""Article 9.f, a call longer than two hours on an unlimited offer, through ``vigie run``."""

from __future__ import annotations

from pathlib import Path

from support.clause import Clause

RULE = "long-call"


def test_a_call_still_up_after_two_hours_is_a_breach_and_its_seconds_beyond_are_metered(tmp_path: Path) -> None:
    clause = Clause(tmp_path).call("101", "2026-03-02 08:00", talk_s=60)
    clause.call("101", "2026-03-02 09:00", "+33145678901", talk_s=9_000, ring_s=5)
    out = clause.judge()
    assert [(a["level"], a["measured"], a["crossed_at"], a["issued_at"]) for a in out.alerts(RULE)] == [
        ("notice", 6_600, "2026-03-02T09:50:05.000Z", "2026-03-02T09:50:05.000Z"),
        ("breach", 7_201, "2026-03-02T10:00:06.000Z", "2026-03-02T10:00:06.000Z"),
    ]
    (record,) = out.metering()
    assert (record["state"], record["rules"], record["seconds"], record["billing_month"]) == ("active", [RULE], 1_800, "2026-03")
    assert (record["from"], record["to"]) == ("2026-03-02T10:00:05.000Z", "2026-03-02T10:30:05.000Z")
    assert record["alert_id"] == out.alerts(RULE)[0]["alert_id"]
    assert out.suspensions() == []
    assert out.summary["metering"] == 1


def test_a_cdr_of_three_hours_is_judged_when_it_comes(tmp_path: Path) -> None:
    out = Clause(tmp_path).call("101", "2026-03-02 09:00", talk_s=10_800, cdr=True).judge()
    assert [(a["level"], a["crossed_at"]) for a in out.alerts(RULE)] == [("breach", "2026-03-02T10:00:06.000Z")]
    assert [m["seconds"] for m in out.metering()] == [3_600]


def test_a_call_of_two_hours_exactly_is_metered_by_nobody(tmp_path: Path) -> None:
    clause = Clause(tmp_path).call("101", "2026-03-02 07:00").call("101", "2026-03-02 09:00", talk_s=7_200)
    out = clause.judge(until="2026-03-03 12:00")
    assert out.alerts(RULE, "breach") == []
    assert out.metering() == []


def test_a_metered_offer_and_a_premium_number_have_no_such_limit(tmp_path: Path) -> None:
    clause = Clause(tmp_path).tenant().licence("101", offer="metered").licence("102")
    clause.call("101", "2026-03-02 09:00", talk_s=9_000, cdr=True).call("102", "2026-03-02 09:00", talk_s=9_000, cdr=True, in_plan=False)
    out = clause.judge()
    assert (out.alerts(RULE), out.metering()) == ([], [])


def test_an_offer_that_nobody_stated_is_not_covered_and_the_summary_says_so(tmp_path: Path) -> None:
    out = Clause(tmp_path).tenant(offer=None).call("101", "2026-03-02 09:00", talk_s=9_000, cdr=True).judge()
    assert (out.alerts(RULE), out.metering()) == ([], [])
    assert out.summary["counts"]["offer_unknown"] == 1
