"""Vectors of mass-messaging, its windows' edges, and the honest senders who look similar."""

from __future__ import annotations

import random
from typing import Any

import pytest

from detectors.errors import PolicyError
from detectors.mailing.broadcast import Spoken
from detectors.rules.mass_messaging import MassMessagingParams
from support.core import Bench, call, licence_fact, message, ms, tenant_fact

RULE = "mass-messaging"
NINE = ms("2026-03-02 09:00")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def number(n: int) -> str:
    return f"+336121{n:05}"


def texts(count: int, every: int = 60_000, start: int = NINE, **more: Any) -> list[Any]:
    return [message(start + every * n, number(n), **more) for n in range(count)]


def broadcast(count: int, talk_s: float = 30, every: int = 60_000, answered: int = 1, start: int = NINE) -> list[Any]:
    """Calls to distinct numbers; each ``answered``-th is answered."""
    return [call(start + every * n, talk_s if n % answered == 0 else None, to=number(n)) for n in range(count)]


def levels(bench: Bench) -> list[tuple[str, int, str]]:
    return [(a.level, a.measured, a.unit) for a in bench.alerts(RULE) if a.state == "open"]


def test_fifty_recipients_in_sixty_minutes_without_replies_are_a_breach() -> None:
    said = Bench().feed(*texts(50)).alerts(RULE)
    assert [(a.level, a.measured, a.limit, a.crossed_at) for a in said] == [
        ("notice", 40, 40, NINE + 39 * MINUTE), ("breach", 50, 50, NINE + 49 * MINUTE),
    ]  # fmt: skip
    assert said[-1].mode == "review"
    assert said[-1].facts["recipients"] == 50
    assert len(said[-1].evidence) + said[-1].evidence_more == 50


def test_forty_nine_recipients_are_no_breach() -> None:
    assert {level for level, _, _ in levels(Bench().feed(*texts(49)))} == {"notice"}


def test_the_hour_slides_and_its_old_end_is_open() -> None:
    early = message(NINE, number(900))
    rest = texts(49, every=1_000, start=NINE + HOUR - 48_000)
    assert "breach" not in {level for level, _, _ in levels(Bench().feed(early, *rest))}
    later = message(NINE + 1, number(900))
    assert levels(Bench().feed(later, *rest))[-1] == ("breach", 50, "recipients/60min")


def test_thirty_members_written_to_in_an_evening_are_not_caught() -> None:
    assert Bench().feed(*texts(30, every=20_000)).alerts() == []


def test_many_messages_to_the_same_few_are_not_caught() -> None:
    assert Bench().feed(*[message(NINE + 30_000 * n, number(n % 12)) for n in range(240)]).alerts() == []


def test_a_tenth_of_the_recipients_calling_back_is_no_mass_sending() -> None:
    events: list[Any] = texts(60, every=30_000)
    for n in range(6):
        # Shown as the network wrote it, not as it was written to.
        events.append(call(NINE + n * 30_000 + 10_000, 20, direction="inbound", caller="0" + number(n)[3:], to="", to_cls="invalid"))
    assert Bench().feed(*events).alerts() == []


def test_messages_that_came_in_are_replies_too() -> None:
    facts = [tenant_fact(), licence_fact(numbers=("+33140000001",))]
    events: list[Any] = texts(60, every=30_000)
    events += [message(NINE + n * 30_000 + 10_000, "+33140000001", caller=number(n), aor="") for n in range(6)]
    assert Bench(facts=facts).feed(*events).alerts() == []


def test_strangers_who_call_are_no_replies() -> None:
    events: list[Any] = texts(50)
    events += [call(NINE + n * MINUTE, 20, direction="inbound", caller=number(700 + n)) for n in range(20)]
    assert levels(Bench().feed(*events))[-1][0] == "breach"


def test_replies_that_come_later_withdraw_the_alert() -> None:
    bench = Bench().feed(*texts(45))
    assert levels(bench) == [("notice", 40, "recipients/60min")]
    bench.feed(*[call(NINE + 2 * HOUR + n * MINUTE, 20, direction="inbound", caller=number(n)) for n in range(4)])
    last = bench.alerts(RULE)[-1]
    assert (last.state, last.against[-1]) == ("withdrawn", "4 of the 40 recipients have answered since")


def test_500_messages_to_100_recipients_in_24_hours_are_a_breach_though_they_answer() -> None:
    events: list[Any] = [message(NINE + 90_000 * n, number(n % 100)) for n in range(500)]
    events += [call(NINE + 90_000 * n + 1, 20, direction="inbound", caller=number(n)) for n in range(100)]
    said = [a for a in Bench().feed(*events).alerts(RULE) if a.unit == "messages/24h"]
    assert [(a.level, a.measured) for a in said] == [("notice", 250), ("breach", 500)]


def test_500_messages_to_99_recipients_are_no_breach() -> None:
    events = [message(NINE + 150_000 * n, number(n % 99)) for n in range(500)]
    assert {level for level, _, unit in levels(Bench().feed(*events)) if unit == "messages/24h"} == {"notice"}


def test_messages_to_colleagues_to_112_and_faxes_are_not_counted() -> None:
    own = tuple(number(n) for n in range(60))
    facts = [tenant_fact(), licence_fact(), licence_fact(licence="102", numbers=own)]
    events: list[Any] = texts(60)
    events += [message(NINE + n, f"2{n:02}", to_cls="internal") for n in range(60)]
    events += [message(NINE + n, "114", to_cls="emergency") for n in range(60)]
    events += [message(NINE + n, number(200 + n), media="fax") for n in range(60)]
    assert Bench(facts=facts).feed(*events).alerts(RULE) == []


def test_one_recording_played_to_100_numbers_is_a_breach() -> None:
    said = Bench().feed(*broadcast(100)).alerts(RULE)
    assert [(a.level, a.measured, a.limit, a.unit) for a in said] == [
        ("notice", 50, 50, "callees/24h"), ("breach", 100, 100, "callees/24h"),
    ]  # fmt: skip
    assert said[-1].facts["median_ms"] == 30_000


def test_half_of_the_calls_answered_is_enough_and_fewer_is_not() -> None:
    assert levels(Bench().feed(*broadcast(101, answered=2)))[-1][0] == "breach"
    assert {level for level, _, _ in levels(Bench().feed(*broadcast(101, answered=3)))} == {"notice"}


@pytest.mark.parametrize(("aside", "level"), [(40, "breach"), (41, "none")])
def test_sixty_percent_within_two_seconds_of_the_median(aside: int, level: str) -> None:
    """The odd lengths come first, so that the share is right only at the last call."""
    events: list[Any] = []
    for n in range(100):
        talk = 28 + n % 3 if n >= aside else (5 if n % 2 else 90 + n)
        events.append(call(NINE + 60_000 * n, talk, to=number(n)))
    found = [said for said, _, _ in levels(Bench().feed(*events)) if said == "breach"]
    assert (found[-1] if found else "none") == level


def test_a_newsletter_by_voice_to_30_members_is_not_caught() -> None:
    assert Bench().feed(*broadcast(30, talk_s=45)).alerts(RULE) == []


def test_a_salesperson_with_a_hundred_calls_of_every_length_is_not_caught() -> None:
    dice, at, events = random.Random(3), NINE, []
    for n in range(110):
        talk = dice.randrange(20, 40) if dice.random() < 0.4 else dice.randrange(45, 400)
        events.append(call(at, talk, to=number(n)))
        at += (talk + dice.randrange(30, 120)) * 1000
    assert Bench().feed(*events).alerts(RULE) == []


def test_a_hundred_equal_calls_to_a_few_numbers_are_not_caught() -> None:
    assert Bench().feed(*[call(NINE + 60_000 * n, 30, to=number(n % 20)) for n in range(150)]).alerts(RULE) == []


def test_calls_of_one_length_spread_over_days_are_not_caught() -> None:
    assert Bench().feed(*broadcast(200, every=1_800_000)).alerts(RULE) == []


def test_money_at_risk_is_the_rated_cost_of_the_calls() -> None:
    said = Bench().feed(*broadcast(100, talk_s=60)).alerts(RULE)[-1]
    # 100 minutes at 5 cents so far; the same for the rest of the month, at most threefold.
    assert said.money_at_risk_cents == 3 * 100 * 5


def test_the_episode_ends_at_the_close_of_a_day_without_a_sign() -> None:
    bench = Bench().feed(*texts(50), reg_next_day()).until("2026-03-05 12:00")
    last = bench.alerts(RULE)[-1]
    assert (last.state, last.issued_at) == ("closed", ms("2026-03-04 01:00"))


def reg_next_day() -> Any:
    return message(NINE + DAY, number(1))


def test_cut_and_resumed_in_the_middle_it_says_the_same() -> None:
    events = [*texts(60), *broadcast(110, start=NINE + DAY)]
    assert Bench(restart_every=7).feed(*events).said == Bench().feed(*events).said


def test_what_is_taken_back_leaves_no_trace() -> None:
    spoken = Spoken()
    for n in range(5):
        spoken.add(n, n, 30_000 + n, 10, 3)
    spoken.take_back(2, 2, 30_002)
    assert (spoken.starts, spoken.lengths, spoken.lines()) == ([0, 1, 3, 4], [30_000, 30_001, 30_003, 30_004], 4)


def test_a_quiet_licence_keeps_little() -> None:
    bench = Bench().feed(*[call(NINE + HOUR * n, 120, to=number(n)) for n in range(8)])
    from msgspec.msgpack import encode

    assert len(encode(bench.partition.licences["acme", "101"].rules[RULE])) < 200


def test_a_limit_above_what_is_kept_is_refused() -> None:
    with pytest.raises(PolicyError, match="day_messages"):
        MassMessagingParams(day_messages=1_001)
