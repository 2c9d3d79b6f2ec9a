"""harassment: vectors of the specification, each limit at its edge, and the honest callers who look similar."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.bothering.attempts import Pair, since
from detectors.days import DAY, HOUR, MINUTE, SECOND
from detectors.errors import PolicyError
from detectors.events import Reference
from detectors.outputs import Alert
from detectors.rules.harassment import HarassmentParams
from support.core import Bench, call, licence_fact, ms, tenant_fact

NINE = ms("2026-03-02 09:00")
VICTIM = "+33612345678"


def attempts(
    count: int, every_s: float, *, start: int = NINE, to: str = VICTIM, jitter: float = 0.8, seed: int = 1, **fields: Any
) -> list[Any]:
    """Calls that ring 20 s for nothing, by hand: the gaps vary by ``jitter`` of their mean, the last one falls on its beat."""
    drawn, events = random.Random(seed), []
    for n in range(count):
        early = drawn.random() * jitter if n < count - 1 else 0.0
        events += call(start + round((n - early) * every_s * 1000), None, **({"ring_s": 20, "to": to, "phases": True} | fields))
    return events


def said(bench: Bench, level: str | None = None) -> list[Alert]:
    return bench.alerts("harassment", level)


def two_licences() -> list[Any]:
    return [tenant_fact(), licence_fact(licence="101"), licence_fact(licence="102")]


# -- limits -----------------------------------------------------------------------------------------------------------


def test_the_15th_bothering_attempt_in_24_hours_is_a_breach() -> None:
    assert said(Bench().feed(attempts(14, 45 * 60)), "breach") == []
    bench = Bench().feed(attempts(15, 45 * 60))
    (breach,) = said(bench, "breach")
    assert (breach.measured, breach.limit, breach.unit, breach.clause, breach.mode) == (15, 15, "attempts/24h", "5.d", "review")
    assert breach.crossed_at == NINE + 14 * 45 * MINUTE + 20 * SECOND
    assert len(breach.evidence) == 15
    assert breach.facts["number"] == "+3361234••••"


def test_fifteen_attempts_in_more_than_24_hours_are_no_breach() -> None:
    hours = [*range(13), 24, 25]
    bench = Bench().feed(*(attempts(1, 1, start=NINE + hour * HOUR) for hour in hours))
    assert said(bench, "breach") == []


def test_over_20_attempts_in_7_days_on_3_days_are_a_breach() -> None:
    def days(last: int) -> Bench:
        return Bench().feed(*(attempts(n, 3_000, start=NINE + day * DAY, seed=day) for day, n in enumerate((7, 7, last))))

    assert said(days(6)) == []
    (breach,) = said(days(7))
    assert (breach.level, breach.measured, breach.limit, breach.unit) == ("breach", 21, 20, "attempts/7d")


def test_over_20_attempts_in_7_days_on_2_days_are_none() -> None:
    bench = Bench().feed(attempts(11, 3_000), attempts(11, 3_000, start=NINE + DAY + 2 * HOUR))
    assert said(bench) == []


def test_seven_attempts_in_15_minutes_are_a_notice() -> None:
    assert said(Bench().feed(attempts(6, 130))) == []
    (notice,) = said(Bench().feed(attempts(7, 130)))
    assert (notice.level, notice.measured, notice.limit, notice.unit) == ("notice", 7, 7, "attempts/15min")


def test_nine_attempts_in_60_minutes_are_a_notice() -> None:
    assert said(Bench().feed(attempts(8, 7 * 60))) == []
    (notice,) = said(Bench().feed(attempts(9, 7 * 60)))
    assert (notice.level, notice.measured, notice.limit, notice.unit) == ("notice", 9, 9, "attempts/60min")


def test_attempts_at_night_in_the_numbers_country_weigh_double() -> None:
    bench = Bench().feed(attempts(8, 40 * 60, start=ms("2026-03-02 23:00")))
    (breach,) = said(bench, "breach")
    assert (breach.measured, breach.limit) == (16, 15)
    assert "8 of them at night" in breach.summary
    assert any("below the limit" in reason for reason in breach.against)
    # At the same hours it is late afternoon in Guadeloupe: no night there.
    assert said(Bench().feed(attempts(8, 40 * 60, start=ms("2026-03-02 22:00"), to="+590690123456"))) == []


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        ({"talk_s": 15}, True),
        ({"talk_s": 16}, False),
        ({"talk_s": None, "status": 487}, True),
        ({"talk_s": None, "status": 408}, True),
        ({"talk_s": None, "status": 603, "ended_by": "callee"}, True),
        ({"talk_s": None, "status": 486}, False),
        ({"talk_s": None, "status": 487, "cause": 17}, False),
        ({"talk_s": None, "status": 480}, False),
        ({"talk_s": None, "status": 404}, False),
        ({"talk_s": None, "status": 503}, False),
        ({"talk_s": None, "status": 487, "ring_s": 2}, False),
    ],
)
@pytest.mark.parametrize("phases", [True, False])
def test_only_what_rang_and_was_not_answered_or_was_cut_within_15_s_bothers(outcome: dict[str, Any], counts: bool, phases: bool) -> None:
    fields = {"ring_s": 10, "to": VICTIM, "phases": phases} | outcome
    bench = Bench().feed(*(call(NINE + n * 45 * MINUTE + n * n * 7 % 11 * 4 * MINUTE, **fields) for n in range(15)))
    assert bool(said(bench, "breach")) is counts


# -- two who know each other ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["outbound", "inbound"])
def test_a_talk_of_over_a_minute_between_the_two_lets_them_go_for_7_days(direction: str) -> None:
    spoke = call(NINE - 3 * DAY, 61, to=VICTIM, direction=direction, caller=VICTIM if direction == "inbound" else None, phases=True)
    assert said(Bench().feed(spoke, attempts(20, 40 * 60))) == []
    brief = call(NINE - 3 * DAY, 60, to=VICTIM, direction=direction, caller=VICTIM if direction == "inbound" else None, phases=True)
    assert said(Bench().feed(brief, attempts(20, 40 * 60)), "breach")
    assert said(Bench().feed(call(NINE - 8 * DAY, 600, to=VICTIM), attempts(20, 40 * 60)), "breach")


@pytest.mark.parametrize("caller", [VICTIM, "0612345678", "06 12 34 56 78"])
def test_after_a_call_back_however_brief_nothing_is_judged_for_7_days(caller: str) -> None:
    back = call(NINE + 5 * HOUR, None, direction="inbound", caller=caller, phases=True)
    assert said(Bench().feed(attempts(20, 40 * 60), back)) == []


def test_a_later_call_back_within_7_days_withdraws() -> None:
    bench = Bench().feed(attempts(16, 40 * 60))
    assert said(bench)[-1].level == "breach"
    bench.feed(call(NINE + 5 * DAY, None, direction="inbound", caller="0612345678", phases=True))
    last = said(bench)[-1]
    assert (last.state, last.against[-1]) == ("withdrawn", "the number called back within 7 days")


def test_a_call_back_of_one_number_leaves_what_stands_for_another() -> None:
    other = "+33687654321"
    bench = Bench().feed(attempts(16, 40 * 60), attempts(15, 40 * 60, to=other, start=NINE + 10 * MINUTE, seed=5))
    bench.feed(call(NINE + DAY, None, direction="inbound", caller=VICTIM, phases=True))
    withdrawn, again = said(bench)[-2:]
    assert (withdrawn.state, again.state, again.level, again.measured) == ("withdrawn", "open", "breach", 15)
    assert again.facts["number"] == "+3368765••••"
    assert again.alert_id != withdrawn.alert_id


def test_the_alert_closes_a_week_after_the_last_attempt_over_a_limit() -> None:
    bench = Bench().feed(attempts(15, 40 * 60), call(NINE + 6 * DAY)).until(NINE + 6 * DAY + 20 * HOUR)
    assert [alert.state for alert in said(bench)] == ["open"]
    assert said(bench.feed(call(NINE + 8 * DAY)).until(NINE + 10 * DAY))[-1].state == "closed"


# -- honest look-alikes -----------------------------------------------------------------------------------------------


def test_redialling_a_busy_doctor_30_times_in_20_minutes_is_nothing() -> None:
    busy = [call(NINE + n * 40 * SECOND, None, ring_s=4, to="+33140000000", status=486, cause=17, phases=True) for n in range(30)]
    assert said(Bench().feed(*busy, call(NINE + 20 * MINUTE, 180, to="+33140000000")).until(NINE + DAY)) == []


@pytest.mark.parametrize("phases", [True, False])
def test_a_night_of_robot_calls_to_one_number_every_minute_is_autodial_not_harassment(phases: bool) -> None:
    start = ms("2026-03-02 22:00")
    bench = Bench().feed(*(call(start + n * MINUTE, None, ring_s=25, to=VICTIM, phases=phases) for n in range(9 * 60)))
    bench.until("2026-03-05 12:00")
    assert said(bench) == []
    assert bench.alerts("autodial", "breach")


def test_a_machine_that_stops_before_autodial_speaks_is_judged_when_its_streak_is_over() -> None:
    bench = Bench().feed(*(call(NINE + n * MINUTE, None, ring_s=25, to=VICTIM, phases=True) for n in range(40)))
    assert said(bench) == []
    (breach,) = said(bench.until(NINE + HOUR))
    assert (breach.level, breach.measured) == ("breach", 40)
    assert breach.crossed_at == NINE + 39 * MINUTE + 25 * SECOND
    assert breach.issued_at == breach.crossed_at + 3 * MINUTE


def test_a_pair_that_has_been_regular_for_14_days_is_not_counted() -> None:
    def monitoring(day: int, calls: int) -> list[Any]:
        drawn = random.Random(day)
        return [step for _ in range(calls) for step in call(NINE + day * DAY + drawn.randrange(9 * HOUR), 8, to=VICTIM, phases=True)]

    bench = Bench().feed(*(monitoring(day, 2) for day in range(15)))
    assert said(bench) == []
    assert said(bench.feed(*monitoring(15, 25))) == []


def test_a_younger_regular_pair_with_answered_calls_is_a_notice_at_most() -> None:
    hourly = [call(NINE + n * HOUR, 8, to=VICTIM, phases=True) for n in range(40)]
    alerts = said(Bench().feed(*hourly))
    assert {alert.level for alert in alerts} == {"notice"}
    assert any("monitoring" in reason for reason in alerts[0].against)
    # Nobody ever answers: as regular as it may be, it is a breach.
    assert said(Bench().feed(attempts(40, 3_600, jitter=0)), "breach")


def test_numbers_of_the_customer_itself_do_not_count() -> None:
    facts = [tenant_fact(), licence_fact(), licence_fact(licence="200", type="group", numbers=(VICTIM,))]
    assert said(Bench(facts=facts).feed(attempts(30, 40 * 60))) == []
    assert said(Bench().feed(attempts(30, 40 * 60, to_cls="internal"))) == []


def test_public_lines_do_not_count() -> None:
    listed = Reference(id="ref", time=NINE - DAY, name="public_lines", body={"numbers": [VICTIM]})
    assert said(Bench().feed(listed, attempts(30, 40 * 60))) == []


def test_a_diversion_that_nobody_answers_is_not_the_licences_attempt() -> None:
    assert said(Bench().feed(attempts(30, 40 * 60, diverted_by="101", linked_id=None))) == []


def test_many_attempts_on_many_numbers_are_not_harassment() -> None:
    bench = Bench().feed(*(call(NINE + n * 90 * SECOND, None, ring_s=15, to=f"+3361{n:07}", phases=True) for n in range(300)))
    assert said(bench) == []


# -- what is shown ----------------------------------------------------------------------------------------------------


def test_withheld_presentation_is_evidence() -> None:
    (breach,) = said(Bench().feed(attempts(15, 45 * 60, presented="anonymous")), "breach")
    assert breach.facts["withheld"] == 14  # the first attempt on a number is kept as its start alone
    assert "showed no number" in breach.summary
    (breach,) = said(Bench().feed(attempts(15, 45 * 60, presented="+33140000000")), "breach")
    assert breach.facts["withheld"] == 0


def test_a_number_is_found_among_a_thousand_others() -> None:
    noise = [call(NINE + n * 40 * SECOND, None, ring_s=10, to=f"+3361{n:07}", phases=True) for n in range(1_000)]
    bench = Bench().feed(*noise, attempts(16, 20 * 60))
    assert said(bench)[-1].level == "breach"
    assert len(msgspec.msgpack.encode(bench.partition.licences[("acme", "101")].rules["harassment"])) < 8 * 1024


# -- the customer -----------------------------------------------------------------------------------------------------


def test_the_same_sums_over_a_customers_licences_are_a_notice_of_the_customer() -> None:
    bench = Bench(facts=two_licences())
    bench.feed(attempts(8, 3_600), attempts(7, 3_600, licence="102", start=NINE + 25 * MINUTE, seed=3))
    (notice,) = said(bench)
    assert (notice.licence, notice.level, notice.measured, notice.limit) == (None, "notice", 15, 15)
    assert notice.facts["licences"] == ["101", "102"]


def test_a_call_back_to_any_licence_withdraws_the_notice_of_the_customer() -> None:
    bench = Bench(facts=two_licences())
    bench.feed(attempts(8, 3_600), attempts(7, 3_600, licence="102", start=NINE + 25 * MINUTE, seed=3))
    bench.feed(call(NINE + DAY, 5, licence="102", direction="inbound", caller=VICTIM, phases=True))
    assert said(bench)[-1].state == "withdrawn"


def test_the_notice_of_the_customer_closes_after_a_week() -> None:
    bench = Bench(facts=two_licences())
    bench.feed(attempts(8, 3_600), attempts(7, 3_600, licence="102", start=NINE + 25 * MINUTE, seed=3)).until(NINE + 9 * DAY)
    assert said(bench)[-1].state == "closed"


def test_counts_of_a_trunk_are_times_its_channels() -> None:
    facts = [tenant_fact(), licence_fact(type="trunk", channels=2)]
    assert said(Bench(facts=facts).feed(attempts(29, 25 * 60)), "breach") == []
    assert said(Bench(facts=facts).feed(attempts(30, 25 * 60)), "breach")


# -- parts ------------------------------------------------------------------------------------------------------------


def test_limits_that_contradict_each_other_are_refused() -> None:
    for wrong in ({"day_attempts": 30}, {"regular_days": 40}, {"night_to": 23}, {"numbers_kept": 1}):
        with pytest.raises(PolicyError, match="harassment"):
            HarassmentParams(**wrong)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(1, 1_000), st.booleans()), max_size=40), st.integers(0, 1_000))
def test_a_sum_over_a_window_is_what_counting_one_by_one_gives(found: list[tuple[int, bool]], after: int) -> None:
    hits = sorted(2 * at + night for at, night in found)
    late = [night for at, night in found if at > after]
    assert since(hits, after) == (len(late) + sum(late), sum(late))


@given(st.lists(st.integers(0, 30), min_size=1, max_size=20))
def test_the_calendar_of_a_pair_is_the_same_in_any_order(days: list[int]) -> None:
    pair, other = Pair("+33"), Pair("+33")
    for day in days:
        pair.mark(100 + day, bothers=True, taken=False)
    for day in reversed(days):
        other.mark(100 + day, bothers=True, taken=False)
    assert (pair.day, pair.bothered) == (other.day, other.bothered)
