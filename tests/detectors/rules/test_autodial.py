"""autodial: vectors of the specification, and each sign at its limit."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from detectors.calls import CallState
from detectors.days import DAY, HOUR, MINUTE, SECOND
from detectors.dialling.signs import machine_signs
from detectors.errors import PolicyError
from detectors.outputs import Alert
from detectors.rules.autodial import RULE, AutodialParams, AutodialState
from support.core import Bench, call, dest, licence_fact, ms, tenant_fact

START = ms("2026-03-02 09:00")
#: Limits that leave only calls at once and busy time to judge the rate by.
NO_COUNTS = {"day_attempts_warn": 1_000, "day_attempts_strong": 1_000, "hour_attempts_warn": 900, "hour_attempts_strong": 900}


def numbers(seed: int = 1) -> Any:
    """Distinct mobile numbers, never two in sequence."""
    drawn = random.Random(seed)
    return iter([f"+336{n:08}" for n in drawn.sample(range(0, 100_000_000, 3), 5_000)])


def dialler(count: int, every_s: float = 20, answered: float = 0.15, start: int = START, **fields: Any) -> list[Any]:
    """One call per ``every_s`` to distinct numbers; unanswered ones ring 15 s."""
    drawn, to = random.Random(7), numbers()
    events: list[Any] = []
    for n in range(count):
        talk = 4 if drawn.random() < answered else None
        events += call(start + round(n * every_s * 1000), talk, ring_s=6 if talk else 15, to=next(to), **({"phases": True} | fields))
    return events


def salesperson(days: int = 5, seed: int = 3, calls: int = 80) -> list[Any]:
    """80 calls a day by hand: 40 % voicemail of 20–40 s, 35 % conversations, a quarter rings until the network gives up; pauses."""
    drawn, to, events = random.Random(seed), numbers(seed), []
    for day in range(days):
        at = START + day * DAY
        for n in range(calls):
            kind = drawn.random()
            if kind < 0.40:
                talk, ring = drawn.uniform(20, 40), drawn.uniform(15, 25)
            elif kind < 0.75:
                talk, ring = drawn.lognormvariate(4.6, 0.9) + 10, drawn.uniform(4, 18)
            else:
                talk, ring = None, drawn.uniform(20, 30)
            how: dict[str, Any] = {"status": 200, "ended_by": "callee"} if talk else {"status": 480, "ended_by": "network"}
            events += call(at, talk, ring_s=ring, to=next(to), phases=True, **how)
            at += round((ring + (talk or 0) + drawn.expovariate(1 / 60) + 5) * 1000)
            if n in (20, 45, 62):
                at += drawn.randint(15, 75) * MINUTE
    return events


def levels(bench: Bench) -> list[str]:
    return [alert.level for alert in bench.alerts("autodial")]


def first(bench: Bench, level: str) -> Alert:
    return bench.alerts("autodial", level)[0]


# -- vectors of the specification ------------------------------------------------------------------------------------


def test_a_call_every_20_s_is_noticed_within_30_minutes_and_a_breach_by_its_200th_attempt() -> None:
    bench = Bench().feed(*dialler(200))
    assert first(bench, "notice").crossed_at == START + 74 * 20 * SECOND
    assert first(bench, "notice").crossed_at < START + 30 * MINUTE
    breach = first(bench, "breach")
    assert breach.crossed_at == START + 66 * MINUTE + 20 * SECOND
    assert (breach.measured, breach.limit, breach.unit) == (200, 200, "attempts/24h")


def test_a_dialler_known_by_cdrs_alone_is_a_breach_when_the_200th_cdr_comes() -> None:
    bench = Bench().feed(*dialler(200, phases=False))
    assert first(bench, "breach").crossed_at <= START + 66 * MINUTE + 40 * SECOND


def test_199_attempts_are_no_breach() -> None:
    assert "breach" not in levels(Bench().feed(*dialler(199)))


@pytest.mark.parametrize("seed", range(8))
def test_a_busy_salesperson_with_80_calls_a_day_and_voicemail_is_not_caught(seed: int) -> None:
    assert levels(Bench().feed(salesperson(seed=seed))) == []


def test_a_person_who_redials_a_busy_doctor_30_times_in_20_minutes_is_not_caught() -> None:
    busy: dict[str, Any] = {"status": 486, "ended_by": "network", "phases": True}
    events = [call(START + n * 40 * SECOND, None, ring_s=2, to="+33145000001", **busy) for n in range(30)]
    assert levels(Bench().feed(*events)) == []


def test_a_night_of_robot_calls_to_one_number_every_minute_is_a_breach() -> None:
    night = ms("2026-03-02 22:00")
    events = [call(night + n * MINUTE, None, ring_s=12, to="+33145000001", phases=True) for n in range(480)]
    bench = Bench().feed(*events)
    assert first(bench, "breach").crossed_at <= night + 4 * HOUR


def test_emergency_and_internal_calls_feed_nothing() -> None:
    events = dialler(400)
    inside = [msgspec.structs.replace(e, dest=dest("104", "internal"), id=f"{e.id}i", call_id=f"{e.call_id}i") for e in events]
    urgent = [msgspec.structs.replace(e, emergency=True, id=f"{e.id}u", call_id=f"{e.call_id}u") for e in events]
    assert levels(Bench().feed(inside, urgent)) == []


def test_incoming_calls_feed_nothing() -> None:
    assert levels(Bench().feed(*dialler(300, direction="inbound"))) == []


def test_a_restart_between_any_two_events_changes_nothing() -> None:
    events = dialler(220)
    whole, broken = Bench().feed(*events), Bench(restart_every=7).feed(*events)
    assert [msgspec.to_builtins(a) for a in broken.alerts()] == [msgspec.to_builtins(a) for a in whole.alerts()]


# -- signs -----------------------------------------------------------------------------------------------------------


def slow(count: int, **fields: Any) -> list[Any]:
    """A rhythm without a rate: 40 calls in 24 hours are no rate."""
    return dialler(count, every_s=600, **fields)


def test_rhythm_without_rate_is_nothing() -> None:
    assert levels(Bench().feed(slow(74))) == []


def test_calls_of_the_24_hours_are_counted_to_the_millisecond() -> None:
    early = call(START, None, to="+33600000001", ring_s=15, phases=True)
    rest = dialler(74, every_s=60, start=START + DAY - 73 * MINUTE - 1)
    assert levels(Bench().feed(early, rest)) == ["notice"]
    assert levels(Bench().feed(early, dialler(74, every_s=60, start=START + DAY - 73 * MINUTE))) == []


def test_two_busy_hours_on_end_are_a_rate_although_the_day_holds_few_calls() -> None:
    policy = {"autodial": {"day_attempts_warn": 1_000, "day_attempts_strong": 1_000}}
    bench = Bench(policy).feed(*dialler(140, every_s=100))
    alert = first(bench, "notice")
    assert (alert.unit, alert.limit, alert.measured) == ("attempts/h", 30, 31)
    # The first hour holds over 30 from the 31st call on (50 minutes in); an hour later both do.
    assert alert.crossed_at == START + 30 * 100 * SECOND + HOUR
    assert levels(Bench(policy).feed(*dialler(140, every_s=120))) == []


def test_calls_up_at_once_count_when_sustained_for_ten_minutes() -> None:
    policy = {"autodial": NO_COUNTS}
    to = numbers()

    def side_by_side(talk: int, phases: bool) -> list[Any]:
        return [call(START + n * 20 * SECOND, talk, ring_s=1, to=next(to), phases=phases) for n in range(60)]

    for phases in (True, False):
        assert levels(Bench(policy).feed(*side_by_side(15, phases))) == []
        alert = Bench(policy).feed(*side_by_side(45, phases)).alerts("autodial")[0]
        assert (alert.unit, alert.measured) == ("calls at once", 2)
        alert = first(Bench(policy).feed(*side_by_side(65, phases)), "breach")
        assert (alert.unit, alert.measured, alert.limit) == ("calls at once", 3, 3)


def test_a_second_line_of_nine_minutes_is_no_stretch() -> None:
    policy = {"autodial": {"at_once_warn": 2, "variation_calls": 3}}
    events = [call(START, 540, ring_s=0, phases=True), call(START, 540, ring_s=0, to="+33600000002", phases=True)]
    events += [call(START + HOUR * n, 10, to=f"+3360000010{n}", phases=True) for n in range(1, 6)]
    assert levels(Bench(policy).feed(*events)) == []


def test_a_call_without_an_end_stops_counting_as_up() -> None:
    policy = {"autodial": NO_COUNTS}
    unended = [e for n in range(3) for e in call(START + n, None, ring_s=15, to=f"+3360000001{n}", phases=True)[:1]]
    bench = Bench(policy).feed(unended, dialler(40, every_s=20, start=START + 3 * HOUR))
    assert levels(bench) == []


def test_a_line_that_is_busy_for_most_of_eight_hours_is_a_rate() -> None:
    policy = {"autodial": {"day_attempts_warn": 1_000, "day_attempts_strong": 1_000}}
    to = numbers()
    events = [call(START + n * 400 * SECOND, 297, ring_s=3, to=next(to), phases=True) for n in range(72)]
    alert = Bench(policy).feed(*events).alerts("autodial")[0]
    assert (alert.unit, alert.limit, alert.measured) == ("% of 8 h", 70, 70)


def test_numbers_in_sequence_are_a_machine_sign() -> None:
    drawn, at, events = random.Random(5), START, []
    for n in range(80):
        at += round(drawn.expovariate(1 / 180) * 1000) + 1
        events += call(at, 30, to=f"+3361234{n if n > 70 else 13 * n + 500:04}", ended_by="callee", phases=True)
    alert = Bench().feed(*events).alerts("autodial")[0]
    sign = alert.facts["signs"][3]
    assert alert.level == "notice"
    assert (sign["measured"], sign["level"]) == (5, 1)


def test_short_answered_calls_are_never_enough_alone() -> None:
    drawn = random.Random(9)
    to = numbers()
    at, events = START, []
    for _ in range(74):
        at += round(drawn.expovariate(1 / 300) * 1000)
        events += call(at, 3, to=next(to), phases=True)
    assert levels(Bench().feed(*events)) == []


def test_a_ratio_below_both_floors_is_not_judged() -> None:
    state, params = AutodialState(), AutodialParams()
    for column, amount in ((0, 49), (1, 40), (2, 40), (3, 9)):
        state.tally.add(START, (column,), amount)
    assert [sign.level for sign in machine_signs(state, params, START)] == [0, 0, 0, 0]
    state.tally.add(START, (0,), 1)
    assert [sign.level for sign in machine_signs(state, params, START)] == [2, 0, 0, 0]


def test_thirty_days_are_judged_when_the_last_day_is_below_its_floor() -> None:
    state, params = AutodialState(), AutodialParams()
    for day in range(10):
        for column, amount in ((0, 20), (1, 10), (2, 2)):
            state.tally.add(START + day * DAY, (column,), amount)
    assert machine_signs(state, params, START)[0].level == 1
    assert machine_signs(state, params, START)[0].window == 30 * DAY


# -- the alert -------------------------------------------------------------------------------------------------------


def test_the_alert_carries_every_sign_the_gaps_the_hours_and_the_cost() -> None:
    alert = first(Bench().feed(*dialler(210)), "breach")
    assert [sign["kind"] for sign in alert.facts["signs"]] == ["machine"] * 4 + ["rate"] * 4
    assert alert.facts["gaps_ms"] == [20_000] * 50
    assert sum(alert.facts["calls_per_hour"]) == 200
    assert len(alert.evidence) == 50
    assert alert.evidence_more == 150
    assert alert.money_at_risk_cents > 0
    assert len(msgspec.json.encode(alert.facts)) < 16_384


def test_a_policy_may_let_a_breach_act_and_a_trunk_never_does() -> None:
    policy = {"autodial": {"mode": "auto"}}
    bench = Bench(policy).feed(*dialler(200))
    assert bench.suspensions()[0].restrictions == ("outgoing",)
    trunk = [tenant_fact(), licence_fact(type="trunk", channels=1)]
    bench = Bench(policy, facts=trunk).feed(*dialler(200))
    assert first(bench, "breach").mode == "review"
    assert bench.suspensions() == []


def test_a_trunk_is_judged_by_the_limits_times_its_channels() -> None:
    trunk = [tenant_fact(), licence_fact(type="trunk", channels=2)]
    bench = Bench(facts=trunk).feed(*dialler(400, every_s=40))
    assert first(bench, "notice").limit == 150
    assert (first(bench, "breach").measured, first(bench, "breach").limit) == (400, 400)


def test_the_episode_ends_at_the_close_of_a_day_whose_rates_are_below_the_notice_limit() -> None:
    bench = Bench().feed(*dialler(200)).until("2026-03-03 02:00")
    assert bench.alerts("autodial")[-1].state == "open"
    bench.until("2026-03-04 02:00")
    assert bench.alerts("autodial")[-1].state == "closed"


def test_a_further_leg_takes_back_what_the_call_had_counted() -> None:
    state, params = AutodialState(), AutodialParams()
    bench = Bench()
    bench.partition.turn(bench.partition.ctx, bench.partition.licence_state("acme", "101"))
    ctx = bench.partition.ctx
    ctx.now = START
    before = CallState(key="k", pbx="p", call_id="c", direction="outbound", started=START, ended=START + 5_000, status=487)
    before.dest = dest("+33612345678")
    RULE.call_started(ctx, state, params, before)
    clean = msgspec.json.encode(state)
    RULE.call_ended(ctx, state, params, before, 1)
    RULE.call_ended(ctx, state, params, before, -1)
    again = msgspec.json.decode(clean, type=AutodialState)
    again.layers = [[]]
    assert state == again


def test_a_quiet_licence_needs_less_than_700_bytes() -> None:
    drawn, bench = random.Random(2), Bench()
    for day in range(60):
        bench.feed(*(call(START + day * DAY + n * HOUR, drawn.randint(5, 300), to=f"+3361234567{n}", phases=True) for n in range(8)))
    state = bench.partition.licences[("acme", "101")].rules["autodial"]
    assert len(msgspec.msgpack.encode(state)) < 700


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(PolicyError, match="run_warn"):
        AutodialParams(run_warn=11)
    with pytest.raises(PolicyError, match="variation_thousandths_strong"):
        AutodialParams(variation_thousandths_strong=500)
