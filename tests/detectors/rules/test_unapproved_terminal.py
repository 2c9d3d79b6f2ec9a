"""Vectors of unapproved-terminal and the honest terminals that look similar."""

from __future__ import annotations

from typing import Any

import pytest

from support.core import Bench, licence_fact, ms, reg, tenant_fact

RULE = "unapproved-terminal"
NINE = ms("2026-03-02 09:00")
DAY = 86_400_000
LISTED = [tenant_fact(approved_user_agents=("Yealink *", "Linphone*")), licence_fact(type="desk_phone")]


def gateway(day: int, at: int = 0, **more: Any) -> Any:
    return reg(NINE + day * DAY + at, agent=more.pop("agent", "GoIP-8"), **more)


def levels(bench: Bench) -> list[tuple[str, int]]:
    return [(a.level, a.measured) for a in bench.alerts(RULE) if a.state == "open"]


def test_the_first_sight_of_a_strange_terminal_is_a_notice() -> None:
    (said,) = Bench(facts=LISTED).feed(gateway(0)).alerts(RULE)
    assert (said.level, said.measured, said.clause, said.crossed_at, said.mode) == ("notice", 1, "4.a, 4.d", NINE, "review")
    assert said.facts["terminals"] == [{"user_agent": "GoIP-8", "days": ["2026-03-02"]}]


def test_a_strange_terminal_on_three_days_of_fourteen_is_a_breach() -> None:
    assert levels(Bench(facts=LISTED).feed(*[gateway(d) for d in (0, 5, 13)]))[-1] == ("breach", 3)
    assert levels(Bench(facts=LISTED).feed(*[gateway(d) for d in (0, 5, 14)]))[-1] == ("notice", 2)


def test_a_whole_day_of_registrations_is_one_day() -> None:
    assert levels(Bench(facts=LISTED).feed(*[gateway(0, n * 600_000) for n in range(80)])) == [("notice", 1)]


def test_different_strange_terminals_add_up_and_are_named() -> None:
    said = Bench(facts=LISTED).feed(*[gateway(d, agent=f"pjsua-{d}") for d in range(3)]).alerts(RULE)[-1]
    assert said.level == "breach"
    assert [one["user_agent"] for one in said.facts["terminals"]] == ["pjsua-0", "pjsua-1", "pjsua-2"]


def test_one_that_makes_up_a_name_each_time_is_caught_and_kept_small() -> None:
    bench = Bench(facts=LISTED).feed(*[gateway(d, n * 60_000, agent=f"x{d}-{n}") for d in range(3) for n in range(50)])
    said = bench.alerts(RULE)[-1]
    assert said.level == "breach"
    assert len(said.facts["terminals"]) == 9


def test_terminals_on_either_list_are_not_caught() -> None:
    policy = {RULE: {"approved_user_agents": ["Cisco-CP*"]}}
    events = [gateway(d, agent=agent) for d in range(4) for agent in ("Yealink SIP-T46S 66.85", "Linphone/5.2", "Cisco-CP-8841")]
    assert Bench(policy, facts=LISTED).feed(*events).alerts(RULE) == []
    assert levels(Bench(facts=LISTED).feed(*events))[-1][0] == "breach"


def test_without_any_list_nothing_is_judged() -> None:
    bench = Bench().feed(*[gateway(d) for d in range(5)], *[gateway(d, licence="102") for d in range(5)])
    assert bench.alerts(RULE) == []
    assert bench.partition.counts["approved_terminals_unknown"] == 2


@pytest.mark.parametrize("action", ["failed", "refused", "unregister", "expire"])
def test_a_registration_that_failed_is_not_caught(action: str) -> None:
    assert Bench(facts=LISTED).feed(*[gateway(d, action=action) for d in range(5)]).alerts(RULE) == []


def test_a_terminal_without_a_name_is_not_judged() -> None:
    assert Bench(facts=LISTED).feed(*[gateway(d, agent="") for d in range(5)]).alerts(RULE) == []


def test_a_terminal_put_on_the_list_closes_the_alert() -> None:
    corrected = tenant_fact(NINE + 3 * DAY, approved_user_agents=("Yealink *", "GoIP*"))
    bench = Bench(facts=LISTED).feed(*[gateway(d) for d in range(3)], corrected, *[gateway(d) for d in range(4, 8)])
    assert bench.alerts(RULE)[-1].state == "closed"


def test_the_alert_closes_when_the_terminal_was_not_seen_for_fourteen_days() -> None:
    bench = Bench(facts=LISTED).feed(gateway(0)).until("2026-04-01 00:00")
    last = bench.alerts(RULE)[-1]
    assert (last.state, last.issued_at) == ("closed", ms("2026-03-17 01:00"))


def test_folded_refreshes_count_on_both_their_days() -> None:
    folded = gateway(0, 14 * 3_600_000)
    folded.count, folded.until = 5, NINE + DAY
    assert levels(Bench(facts=LISTED).feed(folded)) == [("notice", 2)]


def test_it_never_acts_by_itself() -> None:
    bench = Bench({RULE: {"mode": "auto", "restrictions": ["outgoing"]}}, facts=LISTED).feed(*[gateway(d) for d in range(3)])
    assert bench.alerts(RULE)[-1].mode == "review"
    assert bench.suspensions() == []


def test_cut_and_resumed_in_the_middle_it_says_the_same() -> None:
    events = [gateway(d, n * 60_000, agent=f"x{n}") for d in range(4) for n in range(5)]
    assert Bench(facts=LISTED, restart_every=3).feed(*events).said == Bench(facts=LISTED).feed(*events).said
