"""Articles 5.d, 9.e and 9.f, automated calls, through ``vigie run``."""

from __future__ import annotations

import random
from pathlib import Path

from support.clause import Clause
from support.core import ms

NINE = ms("2026-03-02 09:00")


def test_a_call_every_20_seconds_is_noticed_within_30_minutes_and_a_breach_by_its_200th(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(200):
        answered = n % 7 == 0
        clause.call("101", NINE + 20_000 * n, f"+336{n * 7919:08}", talk_s=8 if answered else None, ring_s=5 if answered else 15)
    out = clause.judge()
    said = out.alerts("autodial")
    assert said[0]["level"] == "notice"
    assert said[0]["issued_at"] <= "2026-03-02T08:30:00.000Z"
    assert (said[-1]["level"], said[-1]["mode"], said[-1]["measured"]) == ("breach", "review", 200)
    assert out.suspensions() == []  # a person decides


def test_a_salesperson_of_80_calls_a_day_is_not_caught(tmp_path: Path) -> None:
    clause, dice, at = Clause(tmp_path), random.Random(7), NINE
    for n in range(80):
        voicemail = dice.random() < 0.4
        talk = dice.randrange(20, 40) if voicemail else dice.randrange(45, 400)
        clause.call("101", at, f"+336{n * 104_729:08}", talk_s=talk, ring_s=dice.randrange(6, 25))
        at += (talk + 30 + dice.randrange(15, 180)) * 1000
    assert clause.judge().alerts("autodial") == []


def test_a_patient_who_redials_a_busy_doctor_30_times_in_20_minutes_is_not_caught(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(30):
        clause.call("101", NINE + 40_000 * n, "+33140000000", talk_s=None, ring_s=2, status=486, cause=17, ended_by="callee")
    assert clause.judge().alerts() == []
