"""Vectors of anomaly: who may raise it, what of, and when it ends."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.days import iso, number
from detectors.errors import PolicyError
from detectors.policy import Policy
from detectors.registry import installed
from support.core import Bench, call, model, ms, review, score, tenant_fact

RULE = "anomaly"
FIRST = number("2026-03-02")


def scored(*values: float, version: str = "anomaly-1", first: int = FIRST, **more: Any) -> list[Any]:
    """A call on each day from ``first`` on, and the score of the day at its close."""
    events = []
    for n, value in enumerate(values):
        events.append(call(f"{iso(first + n)} 10:00", 60, phases=True))
        events.append(score(f"{iso(first + n + 1)} 01:00", value, iso(first + n), version, **more))
    return events


def bench(*events: Any, threshold: float | None = 0.9, **more: Any) -> Bench:
    return Bench(**more).feed(model("2026-03-01", "anomaly-1", threshold=threshold)).feed(*events)


def test_a_score_above_the_champions_threshold_is_a_notice_for_review() -> None:
    (said,) = bench(*scored(0.9123, reasons=("215 calls, against 4 on a usual day",))).alerts(RULE)
    assert (said.level, said.mode, said.clause, said.state) == ("notice", "review", "5.d", "open")
    assert (said.measured, said.limit, said.unit) == (9123, 9000, "of 10000")
    assert (said.score, said.model_version) == (0.9123, "anomaly-1")
    assert said.summary == ("The model finds 2026-03-02 unusual, with a score of 0.9123 over 0.9000: 215 calls, against 4 on a usual day.")
    assert said.facts["reasons"] == ["215 calls, against 4 on a usual day"]
    assert (said.facts["day"], said.facts["days_over"]) == ("2026-03-02", 1)
    assert said.facts["days"] == [{"day": "2026-03-02", "score": 9123, "over": True}]
    assert "the only day over the threshold of the last 1 that were scored" in said.against
    assert said.crossed_at == ms("2026-03-03")
    assert said.issued_at == ms("2026-03-03 01:00")


def test_a_score_at_the_threshold_is_no_alert() -> None:
    assert bench(*scored(0.9, 0.5)).alerts() == []


def test_nothing_is_said_until_a_model_is_promoted() -> None:
    unasked = Bench().feed(*scored(0.99, 0.99))
    assert unasked.alerts() == []
    assert unasked.partition.counts["stale_scores"] == 2
    assert bench(*scored(0.99), threshold=None).alerts() == []


def test_a_challenger_and_a_former_champion_raise_nothing() -> None:
    many = [
        model("2026-03-01 01:00", "anomaly-2", role="challenger"),
        *scored(0.99, version="anomaly-2", role="challenger"),
        *scored(0.99, version="anomaly-0", first=FIRST + 1),
    ]
    said = bench(*many)
    assert said.alerts() == []
    assert (said.partition.counts["challenger_scores"], said.partition.counts["stale_scores"]) == (1, 1)


def test_a_score_counts_by_the_champion_at_its_place_in_the_log() -> None:
    switch = model("2026-03-03 12:00", "anomaly-2", threshold=0.6)
    said = bench(*scored(0.7, version="anomaly-1"), switch, *scored(0.7, 0.65, version="anomaly-2", first=FIRST + 1))
    assert [(a.facts["day"], a.limit, a.model_version) for a in said.alerts(RULE)] == [("2026-03-03", 6000, "anomaly-2")]


def test_a_model_promoted_since_it_scored_as_challenger_is_believed() -> None:
    switch = model("2026-03-03 00:30", "anomaly-2", threshold=0.6)
    assert len(bench(switch, *scored(0.7, version="anomaly-2", role="challenger")).alerts(RULE)) == 1


def test_a_stranger_day_is_said_again_and_a_milder_one_is_not() -> None:
    said = bench(*scored(0.92, 0.91, 0.95)).alerts(RULE)
    assert [(a.update, a.facts["day"], a.facts["days_over"]) for a in said] == [(1, "2026-03-02", 1), (2, "2026-03-04", 3)]
    assert len({a.alert_id for a in said}) == 1


def test_a_day_is_judged_once_whoever_scores_it_again() -> None:
    again = score("2026-03-03 02:00", 0.99, "2026-03-02", "anomaly-1", name="anomaly")
    repeated = bench(*scored(0.5), again)
    assert repeated.alerts() == []
    late = score("2026-03-05 02:00", 0.99, "2026-03-02", "anomaly-1")
    assert bench(*scored(0.5, 0.5, 0.5), late).alerts() == []


def test_the_episode_ends_at_the_close_of_the_day_after_a_calmer_score() -> None:
    said = bench(*scored(0.95, 0.4, 0.4)).alerts(RULE)
    assert [(a.state, a.issued_at) for a in said] == [("open", ms("2026-03-03 01:00")), ("closed", ms("2026-03-05 01:00"))]


def test_a_licence_that_rests_has_its_alert_for_a_week() -> None:
    said = bench(*scored(0.95)).until("2026-03-20").alerts(RULE)
    assert [(a.state, a.issued_at) for a in said][1:] == [("closed", ms("2026-03-10 01:00"))]


def test_the_alerts_of_a_retired_model_end() -> None:
    retired = model("2026-03-03 12:00", "anomaly-1", role="none")
    said = bench(*scored(0.95), retired, *scored(0.95, first=FIRST + 1)).until("2026-03-05")
    assert [a.state for a in said.alerts(RULE)] == ["open", "closed"]
    assert said.partition.counts["stale_scores"] == 1


def test_a_score_never_suspends() -> None:
    said = bench(*scored(0.99), policy={"anomaly": {"restrictions": ["outgoing"]}})
    assert said.suspensions() == []
    with pytest.raises(PolicyError, match="a score never suspends"):
        Policy({"rules": {"anomaly": {"mode": "auto"}}}, installed())
    with pytest.raises(PolicyError, match="silent_days must be 1 or more"):
        Policy({"rules": {"anomaly": {"silent_days": 0}}}, installed())


def test_a_person_may_restrict_what_a_score_brought_to_them() -> None:
    said = bench(*scored(0.99))
    (alert,) = said.alerts(RULE)
    said.feed(review("2026-03-03 09:00", alert, "breach", "suspend", second_review_id="r0"))
    assert [one.restrictions for one in said.suspensions()] == [("outgoing",)]


def test_other_models_fill_the_score_of_their_own_rules_and_raise_nothing() -> None:
    dial = [call(ms("2026-03-04 09:00") + 20_000 * n, None, ring_s=15, to=f"+3361{n:07}") for n in range(220)]
    models = [
        model("2026-03-01", "autodial-1", name="autodial", threshold=0.1),
        model("2026-03-01", "takeover-1", name="takeover", threshold=0.1),
    ]
    said = bench(*models, *scored(0.88, version="autodial-1", name="autodial"), *dial)
    assert {(a.rule, a.score, a.model_version) for a in said.alerts("autodial")} == {("autodial", 0.88, "autodial-1")}


def test_a_score_of_a_former_champion_fills_no_alert() -> None:
    dial = [call(ms("2026-03-04 09:00") + 20_000 * n, None, ring_s=15, to=f"+3361{n:07}") for n in range(220)]
    moves = [model("2026-03-01", "autodial-1", name="autodial"), model("2026-03-03 12:00", "autodial-2", name="autodial")]
    back = model("2026-03-03 13:00", "autodial-1", name="autodial")
    first = bench(*moves, *scored(0.88, version="autodial-1", name="autodial"), *dial)
    assert {(a.score, a.model_version) for a in first.alerts("autodial")} == {(None, "autodial-2")}
    # Rolled back: a new term, so that the score waits for the next day's.
    second = bench(*moves, back, *scored(0.88, version="autodial-1", name="autodial"), *dial)
    assert {(a.score, a.model_version) for a in second.alerts("autodial")} == {(None, "autodial-1")}


def test_a_score_of_a_licence_that_was_erased_is_counted_and_makes_no_licence() -> None:
    said = bench(score("2026-03-03 01:00", 0.99, "2026-03-02", "anomaly-1", licence="999"))
    assert said.partition.counts["scores_without_licence"] == 1
    assert ("acme", "999") not in said.partition.licences


def test_a_day_is_unusual_whatever_the_licence_is() -> None:
    said = bench(*scored(0.95), facts=[tenant_fact()])
    assert [a.level for a in said.alerts(RULE)] == ["notice"]
