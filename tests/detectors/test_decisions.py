"""Findings become alerts, alerts become restrictions, and people have the last word (design: decisions)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from detectors.days import HOUR
from detectors.events import Erase, PolicyEvent
from detectors.outputs import Suspension
from support.core import Bench, call, exemption, licence_fact, ms, reg, review, tenant_fact
from support.probe import PROBE

T0 = ms("2026-03-02 10:00")
MINUTE = 60_000


def bench(facts: list[Any] | None = None, general: dict[str, Any] | None = None, **probe: Any) -> Bench:
    return Bench({"rules": {"probe": probe}, "general": general or {}}, facts, detectors={"probe": PROBE})


def calls(number: int, at: int = T0, **kw: Any) -> list[Any]:
    return [call(at + i * MINUTE, 20, phases=True, **kw) for i in range(number)]


def test_a_notice_then_a_breach_are_two_statements_of_one_alert() -> None:
    said = bench(mode="review").feed(*calls(3)).alerts("probe")
    assert [(a.level, a.update) for a in said] == [("notice", 1), ("breach", 2)]
    assert len({a.alert_id for a in said}) == 1


def test_the_alert_id_is_the_same_in_every_run_and_never_changes() -> None:
    first, second = (bench(mode="review").feed(*calls(3)).alerts("probe")[0].alert_id for _ in range(2))
    assert first == second


def test_growth_on_the_same_day_is_not_restated_until_it_doubles() -> None:
    said = bench(mode="review").feed(*calls(7)).alerts("probe")
    assert [a.measured for a in said] == [2, 3, 6]


def test_an_automatic_breach_publishes_one_suspension_with_its_cause_and_its_review_by() -> None:
    b = bench().feed(*calls(5))
    (said,) = b.suspensions()
    (cause,) = said.causes
    assert (said.state, said.sequence, said.restrictions, said.emergency_allowed) == ("active", 1, ("outgoing",), True)
    assert (cause.rule, cause.clause, cause.measured, cause.limit, cause.decided_by) == ("probe", "5.d", 3, 3, "policy")
    assert cause.review_by == said.issued_at + 72 * HOUR


def test_a_suspension_cannot_say_that_emergency_calls_are_stopped() -> None:
    (said,) = bench().feed(*calls(3)).suspensions()
    raw = msgspec.json.encode(said).replace(b'"emergency_allowed":true', b'"emergency_allowed":false')
    with pytest.raises(msgspec.ValidationError, match="emergency_allowed"):
        msgspec.json.decode(raw, type=Suspension)


def test_shadow_and_review_never_suspend() -> None:
    assert bench(mode="review").feed(*calls(5)).suspensions() == []
    b = bench(mode="shadow").feed(*calls(5))
    assert b.suspensions() == []
    assert {a.mode for a in b.alerts()} == {"shadow"}


def test_a_licence_without_a_fact_is_judged_as_a_softphone_at_most_in_review() -> None:
    b = bench(facts=[tenant_fact()]).feed(*calls(3))
    assert b.suspensions() == []
    assert "not automatic: no account fact is known for this licence" in b.alerts("probe", "breach")[0].against


def test_a_desk_phone_is_reviewed_and_a_type_the_rule_does_not_apply_to_is_not_judged() -> None:
    assert bench(facts=[tenant_fact(), licence_fact(type="desk_phone")]).feed(*calls(3)).alerts("probe", "breach")[0].mode == "review"
    assert bench(facts=[tenant_fact(), licence_fact(type="trunk")]).feed(*calls(3)).alerts() == []


def test_outgoing_is_not_automatic_when_a_desk_phone_was_registered_within_30_days() -> None:
    b = bench(general={"desk_phone_agents": ["Yealink*"]})
    b.feed(reg(T0 - 48 * HOUR, agent="Yealink SIP-T46U 108.86.0.20", device="desk"), *calls(3))
    assert b.suspensions() == []


def test_a_desk_phone_first_seen_within_a_day_of_the_finding_disables_nothing() -> None:
    b = bench(general={"desk_phone_agents": ["Yealink*"]})
    b.feed(reg(T0 - HOUR, agent="Yealink SIP-T46U 108.86.0.20", device="desk"), *calls(3))
    assert len(b.suspensions()) == 1


def test_a_breach_completed_by_an_event_over_ten_minutes_late_goes_to_review() -> None:
    b = bench().feed(*calls(2))
    (late,) = call(T0 + 5 * MINUTE, 20)
    late.late_ms = 11 * MINUTE
    assert b.feed(late).suspensions() == []
    assert b.alerts("probe", "breach")[0].mode == "review"


def test_an_exemption_hides_findings_and_counts_what_it_hid() -> None:
    b = bench().feed(exemption("2026-01-01", ("probe",), "2026-03-01", "2026-04-01"), *calls(5))
    assert b.alerts() == []
    assert b.partition.counts["exempted"] == 4


def test_a_revoked_or_ended_exemption_hides_nothing() -> None:
    assert bench().feed(exemption("2026-01-01", ("probe",), "2026-03-01", "2026-04-01", revoked=True), *calls(3)).alerts()
    assert bench().feed(exemption("2026-01-01", ("probe",), "2026-02-01", "2026-03-01"), *calls(3)).alerts()


def test_the_alert_closes_and_the_automatic_cause_is_lifted_when_the_measure_fell_below_the_notice_limit() -> None:
    b = bench().feed(*calls(3)).until("2026-03-03 02:00")
    assert b.alerts("probe")[-1].state == "closed"
    assert [s.state for s in b.suspensions()] == ["active", "lifted"]
    assert [s.sequence for s in b.suspensions()] == [1, 2]


def test_a_lift_by_proposal_leaves_the_restriction_to_a_person() -> None:
    b = bench(lift="proposal").feed(*calls(3)).until("2026-03-03 02:00")
    assert [s.state for s in b.suspensions()] == ["active"]
    b.feed(review("2026-03-03 09:00", b.alerts()[-1], "inconclusive", "lift", sequence=1))
    assert [s.state for s in b.suspensions()] == ["active", "lifted"]


@pytest.mark.parametrize(("on_overdue", "after"), [("keep", ("outgoing",)), ("relax", ("paid", "international")), ("lift", ())])
def test_an_automatic_restriction_without_a_verdict_does_what_the_policy_says_after_72_hours(
    on_overdue: str, after: tuple[str, ...]
) -> None:
    b = bench(lift="proposal", on_overdue=on_overdue).feed(*calls(3)).until(T0 + 80 * HOUR)
    assert b.suspensions()[-1].restrictions == after


def test_relaxing_goes_on_to_nothing_after_another_72_hours() -> None:
    b = bench(lift="proposal", on_overdue="relax").feed(*calls(3)).until(T0 + 160 * HOUR)
    assert b.suspensions()[-1].state == "lifted"


def test_no_breach_lifts_the_automatic_cause_and_nothing_automatic_comes_back_in_this_episode() -> None:
    b = bench().feed(*calls(3))
    b.feed(review(T0 + 10 * MINUTE, b.alerts()[-1], "no_breach", sequence=1), *calls(6, T0 + 20 * MINUTE))
    assert [s.state for s in b.suspensions()] == ["active", "lifted"]
    assert b.alerts()[-1].mode == "review"


def test_the_next_episode_may_be_automatic_again() -> None:
    b = bench().feed(*calls(3))
    b.feed(review(T0 + 10 * MINUTE, b.alerts()[-1], "no_breach", sequence=1), *calls(3, ms("2026-03-03 10:00")))
    assert [s.state for s in b.suspensions()] == ["active", "lifted", "active"]
    assert len({a.alert_id for a in b.alerts()}) == 2


def test_a_person_may_restrict_with_a_second_person_only() -> None:
    b = bench(mode="review").feed(*calls(3))
    b.feed(review(T0 + 10 * MINUTE, b.alerts()[-1], "breach", "suspend"))
    assert b.suspensions() == []
    assert "second person" in b.alerts()[-1].against[-1]
    b.feed(review(T0 + 11 * MINUTE, b.alerts()[-1], "breach", "suspend", second_review_id="r0"))
    assert b.suspensions()[-1].restrictions == ("outgoing",)
    assert b.suspensions()[-1].causes[0].decided_by == "lea"


def test_a_stale_review_keeps_its_verdict_and_its_action_is_refused() -> None:
    b = bench(mode="review").feed(*calls(2))
    notice = b.alerts()[-1]
    b.feed(*calls(1, T0 + 5 * MINUTE), review(T0 + 10 * MINUTE, notice, "breach", "suspend", second_review_id="r0"))
    assert b.suspensions() == []
    assert b.partition.counts["verdict_breach"] == 1
    assert b.partition.counts["actions_refused"] == 1


def test_a_restriction_that_would_already_have_ended_is_refused() -> None:
    b = bench(mode="review").feed(*calls(3))
    b.feed(review(T0 + 10 * MINUTE, b.alerts()[-1], "breach", "restrict", second_review_id="r0", until=T0))
    assert b.suspensions() == []
    assert "past" in b.alerts()[-1].against[-1]


def test_a_persons_cause_is_lifted_by_a_person_or_its_until_and_by_nothing_else() -> None:
    b = bench(mode="review").feed(*calls(3))
    until = T0 + 48 * HOUR
    b.feed(review(T0 + 10 * MINUTE, b.alerts()[-1], "breach", "restrict", second_review_id="r0", until=until))
    b.until("2026-03-03 02:00")
    assert b.alerts()[-1].state == "closed"
    assert [s.state for s in b.suspensions()] == ["active"]
    assert [(s.state, s.issued_at) for s in b.until(until + HOUR).suspensions()][-1] == ("lifted", until)


def test_a_verdict_of_breach_in_time_keeps_the_restriction_beyond_72_hours() -> None:
    b = bench(lift="proposal", on_overdue="lift").feed(*calls(3))
    b.feed(review(T0 + 10 * MINUTE, b.alerts()[-1], "breach", sequence=1)).until(T0 + 200 * HOUR)
    assert b.suspensions()[-1].state == "active"
    assert b.suspensions()[-1].causes[0].review_by is None


def test_over_five_automatic_suspensions_of_one_tenant_in_an_hour_open_the_breaker() -> None:
    names = [f"1{i:02d}" for i in range(8)]
    b = bench(facts=[tenant_fact(), *(licence_fact(licence=n) for n in names)])
    for i, name in enumerate(names):
        b.feed(*calls(3, T0 + i * 4 * MINUTE, licence=name))
    assert len(b.suspensions()) == 5
    assert [(x.state, x.count, x.limit) for x in b.breakers()] == [("open", 6, 5)]
    assert "circuit breaker" in b.alerts("probe", "breach", names[5])[0].against[-1]
    b.feed(PolicyEvent(id="p2", time=T0 + HOUR, body={"rules": {"probe": {}}}))
    assert b.breakers()[-1].state == "closed"
    b.feed(*calls(6, T0 + 2 * HOUR, licence=names[6]))
    assert len(b.suspensions()) == 6


def test_a_third_of_the_licences_is_the_breakers_limit_when_that_is_more() -> None:
    names = [f"1{i:02d}" for i in range(24)]
    b = bench(facts=[tenant_fact(), *(licence_fact(licence=n) for n in names)])
    for i, name in enumerate(names[:9]):
        b.feed(*calls(3, T0 + i * 4 * MINUTE, licence=name))
    assert len(b.suspensions()) == 8


def test_changed_aors_of_a_restricted_licence_are_published_with_those_removed() -> None:
    b = bench().feed(*calls(3), licence_fact(T0 + HOUR, aors=("new@acme.example",)))
    last = b.suspensions()[-1]
    assert (last.sequence, last.aors, last.aors_removed) == (2, ("new@acme.example",), ("101@acme.example",))


def test_erasure_lifts_what_stands_and_forgets_the_licence() -> None:
    b = bench().feed(*calls(3), Erase(id="er", time=T0 + HOUR, tenant="acme", licence="101"))
    assert b.suspensions()[-1].state == "lifted"
    assert ("acme", "101") not in b.partition.licences


def test_a_licence_that_comes_back_after_its_erasure_is_restricted_under_a_higher_epoch() -> None:
    """Bridges compare (epoch, sequence): numbered from (1, 1) again, its next restriction would be refused as stale."""
    b = bench().feed(*calls(3), Erase(id="er", time=T0 + HOUR, tenant="acme", licence="101"))
    b.feed(licence_fact(T0 + 2 * HOUR), *calls(3, T0 + 3 * HOUR))
    assert [(s.epoch, s.sequence, s.state) for s in b.suspensions()] == [(1, 1, "active"), (1, 2, "lifted"), (2, 1, "active")]


def test_an_offer_and_a_tenant_override_the_rule_and_change_the_policy_version() -> None:
    body = {"rules": {"probe": {"breach": 3}}, "tenants": {"beta": {"rules": {"probe": {"breach": 9}}}}}
    b = Bench(body, [tenant_fact(), tenant_fact(tenant="beta"), licence_fact(), licence_fact(tenant="beta")], detectors={"probe": PROBE})
    b.feed(*calls(4), *calls(4, tenant="beta"))
    assert {a.tenant for a in b.alerts("probe", "breach")} == {"acme"}
    assert len({a.policy_version for a in b.alerts()}) == 2


def test_a_policy_nobody_can_read_is_a_dead_letter_and_the_old_one_stays() -> None:
    b = bench().feed(PolicyEvent(id="bad", time=T0, body={"rules": {"probe": {"breach": "many"}}}), *calls(3, T0 + 1))
    assert "breach" in b.dead_letters()[0].message
    assert b.suspensions()


def test_any_cut_and_resume_says_the_same_as_a_straight_run() -> None:
    events = [*calls(3), review(T0 + 9 * MINUTE, bench().feed(*calls(3)).alerts()[-1], "breach", sequence=1), *calls(4, T0 + 30 * HOUR)]
    straight = bench().feed(*events).until(T0 + 200 * HOUR).said
    for every in (1, 2, 5):
        cut = Bench({"rules": {"probe": {}}}, detectors={"probe": PROBE}, restart_every=every).feed(*events).until(T0 + 200 * HOUR).said
        assert cut == straight


def test_history_suspends_nobody_and_a_breach_it_found_stays_in_review_after_go_live() -> None:
    past = bench()
    past.partition.origin = "bootstrap"
    past.feed(*calls(3))
    assert [(a.level, a.mode, a.origin) for a in past.alerts()] == [("notice", "auto", "bootstrap"), ("breach", "review", "bootstrap")]
    past.partition.origin = "live"
    past.feed(*calls(6, T0 + HOUR))
    assert past.suspensions() == []
    assert (past.alerts()[-1].mode, past.alerts()[-1].origin, past.alerts()[-1].measured) == ("review", "bootstrap", 6)
    past.feed(*calls(4, ms("2026-03-03 10:00")))
    assert len(past.suspensions()) == 1


def test_a_crossing_after_go_live_is_automatic_although_history_raised_the_notice() -> None:
    past = bench()
    past.partition.origin = "bootstrap"
    past.feed(*calls(2))
    past.partition.origin = "live"
    assert past.feed(*calls(1, T0 + HOUR)).suspensions()[0].state == "active"
