"""One definition of a call for all rules: counted once, whatever the number of records, forks or legs."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from detectors.calls import KEEP_ENDED, LOST_ANSWERED, CallState
from detectors.events import Call
from support.core import Bench, call, dest, ms, reg
from support.probe import PROBE

T0 = ms("2026-03-02 10:00")


def told(*events: object) -> list[str]:
    bench = Bench(detectors={"probe": PROBE})
    bench.feed(*events)  # type: ignore[arg-type]
    return [line for line in bench.partition.licences[("acme", "101")].rules["probe"].told if not line.startswith("day")]


def test_a_call_told_in_phases_is_the_same_call_as_told_in_one_cdr() -> None:
    assert told(call(T0, 60, phases=True, call_id="a")) == told(call(T0, 60, call_id="a"))


def test_a_retransmitted_attempt_is_no_second_call() -> None:
    first, *rest = call(T0, 60, phases=True, call_id="a")
    again = Call(**{f: getattr(first, f) for f in first.__struct_fields__} | {"id": "again", "time": T0 + 500})
    assert told(first, again, *rest).count("started a") == 1


def test_a_fork_is_a_leg_of_the_same_call_which_ends_when_its_last_leg_ends() -> None:
    one = call(T0, None, ring_s=20, phases=True, call_id="a", leg_id="1")
    two = call(T0 + 100, 60, ring_s=5, phases=True, call_id="a", leg_id="2")
    assert told(one, two) == ["started a", "answered a", "ended a talk=60 sign=1"]


def test_legs_with_one_linked_id_are_one_call() -> None:
    one = call(T0, 30, phases=True, call_id="a", linked_id="L")
    two = call(T0 + 1000, 30, phases=True, call_id="b", linked_id="L", leg_id="2")
    assert [line.split()[0] for line in told(one, two)] == ["started", "answered", "ended"]


def test_a_further_cdr_leg_that_was_answered_takes_the_end_back_and_tells_it_again() -> None:
    busy = call(T0, None, ring_s=2, call_id="a", leg_id="1", status=486)
    taken = call(T0 + 1000, 40, ring_s=3, call_id="a", leg_id="2")
    assert told(busy, taken) == ["started a", "ended a talk=0 sign=1", "ended a talk=0 sign=-1", "answered a", "ended a talk=40 sign=1"]


def test_a_repeated_end_is_not_a_new_call() -> None:
    events = call(T0, 10, phases=True, call_id="a")
    end = events[-1]
    again = Call(**{f: getattr(end, f) for f in end.__struct_fields__} | {"id": "again", "time": end.time + 5_000})
    assert len(told(*events, again)) == 3


def test_an_attempt_on_an_ended_key_opens_a_new_call() -> None:
    assert told(call(T0, 10, phases=True, call_id="a"), call(T0 + 60_000, 10, phases=True, call_id="a")).count("started a") == 2


def test_an_attempt_with_another_number_on_the_same_leg_opens_a_new_call() -> None:
    first = call(T0, 10, phases=True, call_id="a", to="+33611111111")[0]
    second = call(T0 + 3_000, 10, phases=True, call_id="a", to="+33622222222")
    assert told(first, second).count("started a") == 2


def test_a_call_without_an_end_stops_counting_as_up_two_hours_after_its_answer() -> None:
    state = CallState(key="k", pbx="p", call_id="a", direction="outbound", started=T0, answered=T0 + 5_000)
    assert state.counts_until() == T0 + 5_000 + LOST_ANSWERED


def test_a_call_stops_counting_when_its_device_unregisters() -> None:
    attempt, answer, _ = call(T0, 600, phases=True, call_id="a")
    bench = Bench(detectors={"probe": PROBE}).feed(attempt, answer, reg(T0 + 60_000, action="unregister"))
    calls = bench.partition.licences[("acme", "101")].calls
    assert calls.up_at(T0 + 59_000) == list(calls.up.values())
    assert calls.up_at(T0 + 61_000) == []


def test_an_ended_call_is_remembered_for_an_hour_only() -> None:
    bench = Bench(detectors={"probe": PROBE}).feed(call(T0, 10, call_id="a"))
    bench.until("2026-03-04 02:00")
    assert bench.partition.licences[("acme", "101")].calls.ended == {}
    assert KEEP_ENDED == 3_600_000


def test_emergency_calls_and_calls_we_refused_reach_no_rule_and_are_counted() -> None:
    bench = Bench(detectors={"probe": PROBE})
    bench.feed(reg(T0), call(T0, 30, emergency=True), call(T0 + 1, 30, to="112", to_cls="emergency"), call(T0 + 2, None, refused_by="de-1"))
    assert bench.partition.licences[("acme", "101")].rules["probe"].told == ["registration refresh"]
    assert bench.partition.counts["emergency"] == 2
    assert bench.partition.counts["refused_by"] == 1


def test_an_internal_call_is_outgoing_for_its_caller_and_incoming_for_its_callee() -> None:
    bench = Bench(detectors={"probe": PROBE}).feed(call(T0, 30, direction="internal", callee_licence="102", to="102", to_cls="internal"))
    directions = [next(iter(bench.partition.licences[("acme", name)].calls.ended.values())).direction for name in ("101", "102")]
    assert directions == ["internal", "inbound"]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["attempt", "answer", "end", "cdr"]), st.integers(0, 2), st.integers(0, 600)),
        max_size=40,
    )
)
def test_whatever_comes_in_whatever_order_each_call_starts_once_and_ends_at_most_once_more_than_it_is_taken_back(
    steps: list[tuple[int, Any, int, int]],
) -> None:
    events = [
        Call(
            id=f"e{i}",
            time=T0 + at * 1000,
            pbx="p",
            tenant="acme",
            licence="101",
            phase=phase,
            call_id=f"c{number}",
            leg_id=str(leg),
            direction="outbound",
            started_at=T0,
            answered_at=T0 + 1000 if leg == 1 and phase != "attempt" else None,
            dest=dest("+33612345678"),
        )
        for i, (number, phase, leg, at) in enumerate(steps)
    ]
    balance: dict[str, int] = {}
    for line in told(*events) if events else []:
        word, name, *_ = line.split()
        if word == "started":
            assert balance.get(name, 0) <= 0
            balance[name] = 1
        elif word == "ended":
            balance[name] -= 1 if line.endswith("sign=1") else -1
            assert balance[name] in (0, 1)
