"""One attack is one alert: what an open account-takeover alert takes as its signs (detectors.md, merging)."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.alert_state import SIGNS
from detectors.days import DAY, HOUR, MINUTE
from detectors.outputs import Alert, Suspension
from support.core import Bench, call, exemption, ms, review
from support.stand_in import NUMBERS, STAND_INS

T0 = ms("2026-03-02 03:00")
TAKEOVER, FRAUD = "account-takeover", "toll-fraud"


def bench(general: dict[str, Any] | None = None, **rules: dict[str, Any]) -> Bench:
    """Takeover restricts ``international``, the others ``paid``, all by themselves unless told otherwise."""
    body = {rule: {"restrictions": ["international"]} if rule == TAKEOVER else {} for rule in STAND_INS}
    for name, keys in rules.items():
        body[name.replace("_", "-")] |= keys
    return Bench({"rules": body, "general": general or {}}, detectors=STAND_INS)


def tell(rule: str, at: int, level: str = "breach") -> Any:
    """A call that makes a rule speak at an instant."""
    last = {"breach": "9", "notice": "0", "withdraw": "7"}[level]
    return call(at, None, to=f"{NUMBERS[rule]}12345{last}", phases=True)[0]


def last(b: Bench, rule: str) -> Alert:
    return b.alerts(rule)[-1]


def attached(alert: Alert) -> list[str]:
    return [one["rule"] for one in alert.facts.get("attached", [])]


@pytest.mark.parametrize("rule", SIGNS)
def test_a_finding_within_a_day_of_an_open_takeover_is_a_sign_of_it_and_no_alert_of_its_own(rule: str) -> None:
    b = bench().feed(tell(TAKEOVER, T0, "notice"), tell(rule, T0 + HOUR, "notice"))
    assert b.alerts(rule) == []
    said = last(b, TAKEOVER)
    assert attached(said) == [rule]
    assert said.update == 2
    assert rule in said.summary
    assert f"{rule}: it was a first call" in said.against
    assert {e.time for e in said.evidence} == {T0, T0 + HOUR}


def test_its_measure_its_limit_its_crossing_and_its_id_stay_those_of_the_takeover() -> None:
    b = bench().feed(tell(TAKEOVER, T0, "notice"), *(tell(FRAUD, T0 + n * MINUTE) for n in range(1, 9)))
    first, said = b.alerts(TAKEOVER)[0], last(b, TAKEOVER)
    for field in ("alert_id", "measured", "limit", "unit", "window", "crossed_at", "clause"):
        assert getattr(said, field) == getattr(first, field)
    assert [a.update for a in b.alerts(TAKEOVER)] == list(range(1, len(b.alerts(TAKEOVER)) + 1))


def test_an_alert_raised_before_the_takeover_closes_and_is_superseded_by_it() -> None:
    b = bench().feed(tell(FRAUD, T0, "notice"), tell(TAKEOVER, T0 + HOUR, "notice"))
    earlier = b.alerts(FRAUD)
    assert [(a.state, a.update) for a in earlier] == [("open", 1), ("closed", 2)]
    assert last(b, TAKEOVER).supersedes == (earlier[0].alert_id,)
    assert last(b, TAKEOVER).alert_id in earlier[1].against[-1]
    assert attached(last(b, TAKEOVER)) == [FRAUD]


def test_an_older_alert_closes_when_it_finds_more_within_the_day() -> None:
    b = bench(wangiri={"lasting": True}).feed(tell("wangiri", T0 - 25 * HOUR, "notice"), tell(TAKEOVER, T0, "notice"))
    assert last(b, "wangiri").state == "open"
    b.feed(tell("wangiri", T0 + HOUR, "breach"))
    assert last(b, "wangiri").state == "closed"
    assert last(b, TAKEOVER).supersedes == (last(b, "wangiri").alert_id,)


def test_a_finding_more_than_a_day_after_the_takeover_is_an_alert_of_its_own() -> None:
    b = bench(account_takeover={"lasting": True}).feed(tell(TAKEOVER, T0, "notice"), tell(FRAUD, T0 + DAY + MINUTE))
    assert last(b, FRAUD).state == "open"
    assert attached(last(b, TAKEOVER)) == []


def test_a_sign_that_still_holds_when_the_takeover_closes_is_an_alert_of_its_own_again() -> None:
    b = bench(toll_fraud={"lasting": True}).feed(tell(TAKEOVER, T0), tell(FRAUD, T0 + MINUTE)).until(T0 + 2 * DAY)
    assert last(b, TAKEOVER).state == "closed"
    assert (last(b, FRAUD).state, last(b, FRAUD).level) == ("open", "breach")
    assert [(c.rule, c.restrictions) for c in b.suspensions()[-1].causes] == [(FRAUD, ("paid",))]


def test_other_rules_never_merge() -> None:
    b = bench().feed(tell("autodial", T0 - HOUR), tell(TAKEOVER, T0), tell("autodial", T0 + HOUR))
    assert last(b, "autodial").state == "open"
    assert attached(last(b, TAKEOVER)) == []


def test_without_a_takeover_nothing_merges() -> None:
    b = bench().feed(*(tell(rule, T0 + n * MINUTE) for n, rule in enumerate(SIGNS)))
    assert {last(b, rule).state for rule in SIGNS} == {"open"}


@pytest.mark.parametrize("trial", [TAKEOVER, FRAUD])
def test_a_rule_in_shadow_is_on_trial_and_neither_takes_nor_is_taken(trial: str) -> None:
    b = bench(**{trial.replace("-", "_"): {"mode": "shadow"}}).feed(tell(FRAUD, T0), tell(TAKEOVER, T0 + HOUR), tell(FRAUD, T0 + DAY // 2))
    assert attached(last(b, TAKEOVER)) == []
    assert last(b, FRAUD).state == "open"


def test_an_exempt_finding_is_no_sign() -> None:
    b = bench().feed(exemption("2026-01-01", (FRAUD,), "2026-03-01", "2026-04-01"), tell(TAKEOVER, T0), tell(FRAUD, T0 + HOUR))
    assert attached(last(b, TAKEOVER)) == []


# -- restrictions -------------------------------------------------------------------------------------------------------


def standing(b: Bench) -> tuple[str, ...]:
    return b.suspensions()[-1].restrictions if b.suspensions() else ()


@pytest.mark.parametrize("order", list(permutations([TAKEOVER, FRAUD, "wangiri"])))
@pytest.mark.parametrize("level", ["notice", "breach"])
def test_restrictions_are_united_in_any_order_and_stand_under_one_cause(order: tuple[str, ...], level: str) -> None:
    b = bench().feed(*(tell(rule, T0 + n * MINUTE, level if rule == TAKEOVER else "breach") for n, rule in enumerate(order)))
    said = b.suspensions()[-1]
    assert said.restrictions == (("paid", "international") if level == "breach" else ("paid",))
    assert [(c.rule, c.alert_id, c.decided_by) for c in said.causes] == [(TAKEOVER, last(b, TAKEOVER).alert_id, "policy")]
    assert attached(last(b, TAKEOVER)) == [FRAUD, "wangiri"]
    assert (last(b, TAKEOVER).level, last(b, TAKEOVER).mode) == ("breach", "auto")
    assert "lifted" not in {s.state for s in b.suspensions()}


def test_a_sign_that_only_warns_restricts_nothing() -> None:
    b = bench().feed(tell(TAKEOVER, T0, "notice"), tell(FRAUD, T0 + HOUR, "notice"))
    assert standing(b) == ()
    assert last(b, TAKEOVER).level == "notice"


def test_a_breach_of_the_takeover_still_counts_after_a_sign_has_made_its_alert_one() -> None:
    b = bench().feed(tell(TAKEOVER, T0, "notice"), tell(FRAUD, T0 + MINUTE), tell(TAKEOVER, T0 + 2 * MINUTE))
    assert standing(b) == ("paid", "international")
    assert last(b, TAKEOVER).measured == 2
    assert attached(last(b, TAKEOVER)) == [FRAUD]


def test_one_attack_on_a_licence_is_one_suspension_for_the_breaker() -> None:
    b = bench({"breaker_limit": 1}).feed(tell(FRAUD, T0), tell(TAKEOVER, T0 + MINUTE), tell("wangiri", T0 + 2 * MINUTE))
    assert b.breakers() == []
    assert standing(b) == ("paid", "international")


def test_when_the_attack_is_over_the_takeover_closes_and_what_was_united_is_lifted() -> None:
    b = bench().feed(tell(TAKEOVER, T0), tell(FRAUD, T0 + MINUTE)).until(T0 + 2 * DAY)
    assert last(b, TAKEOVER).state == "closed"
    assert b.suspensions()[-1].state == "lifted"


def test_it_is_lifted_by_itself_only_when_every_rule_of_it_may_be() -> None:
    b = bench(toll_fraud={"lift": "proposal"}).feed(tell(TAKEOVER, T0), tell(FRAUD, T0 + MINUTE)).until(T0 + 2 * DAY)
    assert last(b, TAKEOVER).state == "closed"
    assert b.suspensions()[-1].state == "active"


def test_a_withdrawn_sign_takes_back_only_its_own_restriction() -> None:
    b = bench().feed(tell(TAKEOVER, T0), tell(FRAUD, T0 + MINUTE), tell(FRAUD, T0 + 2 * MINUTE, "withdraw"))
    assert standing(b) == ("international",)
    assert attached(last(b, TAKEOVER)) == []
    assert "toll-fraud was withdrawn: it was somebody else" in last(b, TAKEOVER).against


def test_a_withdrawn_takeover_leaves_its_signs_as_alerts_with_their_restrictions() -> None:
    b = bench().feed(tell(FRAUD, T0), tell(TAKEOVER, T0 + MINUTE), tell(TAKEOVER, T0 + 2 * MINUTE, "withdraw"))
    assert last(b, TAKEOVER).state == "withdrawn"
    assert [(a.state, a.update) for a in b.alerts(FRAUD)] == [("open", 1), ("closed", 2), ("open", 3)]
    assert standing(b) == ("paid",)
    assert [c.alert_id for c in b.suspensions()[-1].causes] == [last(b, FRAUD).alert_id]


# -- people -------------------------------------------------------------------------------------------------------------


def test_a_verdict_binds_the_signs_that_were_on_the_screen() -> None:
    b = bench().feed(tell(TAKEOVER, T0), tell(FRAUD, T0 + MINUTE))
    b.feed(review(T0 + HOUR, last(b, TAKEOVER), "no_breach", "lift", sequence=b.suspensions()[-1].sequence))
    b.feed(*(tell(FRAUD, T0 + 2 * HOUR + n * MINUTE) for n in range(4)))
    assert b.suspensions()[-1].state == "lifted"


def test_a_verdict_on_a_break_in_does_not_bind_a_fraud_that_follows_it() -> None:
    b = bench().feed(tell(TAKEOVER, T0, "notice"))
    b.feed(review(T0 + HOUR, last(b, TAKEOVER), "no_breach"), tell(FRAUD, T0 + 2 * HOUR))
    assert standing(b) == ("paid",)


def test_a_restriction_of_a_person_moves_over_to_the_takeover_and_stays_theirs() -> None:
    b = bench(toll_fraud={"mode": "review"}).feed(tell(FRAUD, T0))
    act = review(T0 + MINUTE, last(b, FRAUD), "breach", "restrict", restrictions=("paid",), second_review_id="r0")
    b.feed(act, tell(TAKEOVER, T0 + HOUR))
    assert [(c.decided_by, c.restrictions, c.alert_id == last(b, TAKEOVER).alert_id) for c in b.suspensions()[-1].causes] == [
        ("policy", ("international",), True),
        ("lea", ("paid",), True),
    ]


# -- always -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [1, 2, 3, 5])
def test_cut_anywhere_and_resumed_the_same_is_said(every: int) -> None:
    events = [
        tell(rule, T0 + n * HOUR + m * MINUTE, "notice" if n < 2 else "breach")
        for n in range(4)
        for m, rule in enumerate(sorted(STAND_INS))
    ]
    straight, cut = bench(), bench()
    cut.restart_every, cut.fed = every, 0
    assert cut.feed(*events).until(T0 + 3 * DAY).said[3:] == straight.feed(*events).until(T0 + 3 * DAY).said[3:]


steps = st.lists(
    st.tuples(st.sampled_from(sorted(STAND_INS)), st.sampled_from(["notice", "breach", "withdraw"]), st.integers(1, 900)), max_size=30
)


@given(steps)
def test_whatever_comes_in_whatever_order_statements_count_up_and_restrictions_have_an_alert(told: list[tuple[str, str, int]]) -> None:
    b, at = bench({"breaker_limit": 1_000}), T0
    for rule, level, minutes in told:
        at += minutes * MINUTE
        b.feed(tell(rule, at, level))
    b.until(at + 2 * DAY)
    updates: dict[str, list[int]] = {}
    for said in b.said:
        if isinstance(said, Alert):
            updates.setdefault(said.alert_id, []).append(said.update)
        elif isinstance(said, Suspension):
            assert {c.alert_id for c in said.causes} <= set(updates)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in updates.values())
    assert [s.sequence for s in b.suspensions()] == list(range(1, len(b.suspensions()) + 1))
    assert {a.state for a in {a.alert_id: a for a in b.alerts()}.values()} <= {"closed", "withdrawn"}
    assert not b.suspensions() or b.suspensions()[-1].state == "lifted"


def test_facts_stay_within_what_the_screen_takes() -> None:
    b = bench().feed(*(tell(rule, T0 + n * MINUTE) for n, rule in enumerate([TAKEOVER, *SIGNS])))
    assert len(msgspec.json.encode(last(b, TAKEOVER).facts)) <= 16 * 1024
    assert all(len(a.evidence) <= 50 for a in b.alerts())
    assert all(isinstance(s, Suspension) for s in b.suspensions())
