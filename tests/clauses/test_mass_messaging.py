"""Articles 9.e and 9.f, mass sending of messages or communications, through ``vigie run``."""

from __future__ import annotations

import random
from pathlib import Path

from support.clause import Clause
from support.core import ms

NINE = ms("2026-03-02 09:00")
RULE = "mass-messaging"


def test_texts_to_fifty_people_within_the_hour_are_a_breach(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(50):
        clause.message("101", NINE + 60_000 * n, f"06 12 10 {n // 100:02} {n % 100:02}")
    out = clause.judge()
    said = out.alerts(RULE)
    assert [(a["level"], a["measured"], a["clause"], a["mode"]) for a in said] == [
        ("notice", 40, "9.e, 9.f", "review"), ("breach", 50, "9.e, 9.f", "review"),
    ]  # fmt: skip
    assert out.suspensions() == []


def test_a_recording_played_to_a_hundred_numbers_is_a_breach(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(100):
        clause.call("101", NINE + 120_000 * n, f"+336121{n:05}", talk_s=30 if n % 3 else 31.5, cdr=n % 2 == 0)
    said = clause.judge().alerts(RULE, "breach")
    assert [(a["measured"], a["unit"]) for a in said] == [(100, "callees/24h")]


def test_a_newsletter_by_voice_to_thirty_members_is_not_caught(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(30):
        clause.call("101", NINE + 90_000 * n, f"+336121{n:05}", talk_s=45)
    assert clause.judge().alerts(RULE) == []


def test_a_team_that_is_called_back_is_not_caught(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(60):
        clause.message("101", NINE + 50_000 * n, f"+336121{n:05}")
        if n % 5 == 0:
            clause.call("101", NINE + 50_000 * n + 20_000, f"06121{n:05}", talk_s=30, direction="inbound")
    assert clause.judge().alerts(RULE) == []


def test_messages_to_colleagues_numbers_are_not_caught(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    clause.licence("102", numbers=[f"+336121{n:05}" for n in range(80)])
    for n in range(80):
        clause.message("101", NINE + 20_000 * n, f"06121{n:05}")
    assert clause.judge().alerts(RULE) == []


def test_a_salesperson_of_a_hundred_calls_is_not_caught(tmp_path: Path) -> None:
    clause, dice, at = Clause(tmp_path), random.Random(5), NINE
    for n in range(105):
        talk = dice.randrange(20, 40) if dice.random() < 0.4 else dice.randrange(45, 400)
        clause.call("101", at, f"+336{n * 104_729:08}", talk_s=talk)
        at += (talk + dice.randrange(20, 90)) * 1000
    assert clause.judge().alerts(RULE) == []
